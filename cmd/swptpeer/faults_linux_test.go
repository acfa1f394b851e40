package main

// What happens to a node directory when a command is killed, or a system call
// fails, at any point (node-directory.md, "What must hold, whatever happens").
//
// Each command that changes something is traced once with strace. Then, for the
// k-th call of each system call S that changes files, it is run again on a fresh
// copy with
//
//	strace -f -e inject=S:signal=KILL:when=k     (and error=EIO, error=ENOSPC)
//
// and it is checked that the fault met the call that it was meant for, that what
// is left breaks no rule and shows no half-made file, and that the same command
// run again ends in the state that an undisturbed run gives. Reads are failed in
// the same way (EIO): a file that cannot be read is never taken for one that is
// not there.
//
// Where SWPTPEER_REQUIRE_INTEROP is 1 (CI), all calls that change something are
// tried and a third of the reads, otherwise a sample. Files are on /dev/shm, if there is one, because the disk's own
// time for syncing proves nothing.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Local runs try every sampleOf-th point. Where all are required, these are all
// calls that change something, and every readsOf-th of those that look.
const (
	sampleOf = 61
	readsOf  = 3
)

// faultCase is a command, and the directory on which it is tried. In arguments,
// {} is the folder with everything in it: the node directory in {}/node, what
// the command reads in {}/in, what it writes besides at {}/out.
type faultCase struct {
	name    string
	prepare func(t *testing.T, work string)
	args    string
	again   string // the repeated command, if it is not the same
	env     []string
	// twice: after the change is made, but not yet reported, running again does
	// it a second time: another certificate for the server.
	twice bool
	// random says which files are different after each run, because a key, a
	// serial number or a salt was made at random.
	random *regexp.Regexp
	// judges is set if what cannot be read is a finding, after which it goes on:
	// only its changes are tried here. They are several, each whole by itself.
	judges bool
	// begins is set if there is no node directory before.
	begins bool
	// passwords are the old and the new one of the root key, if it changes.
	passwords []string
	// few, if not 0, is how many points are tried, because each takes long.
	few int
	// statuses of the repeated command, besides 0.
	statuses []int
}

// faultCases are all commands that change a node directory.
func faultCases() []faultCase {
	return []faultCase{
		{
			name: "init", begins: true,
			prepare: func(t *testing.T, work string) {
				copyFile(t, reference(t, "nodes/aa/private/root-ca.key"), work+"/in/root-ca.key", 0o600)
			},
			args:   "init --dir {}/node --type aa --prefix 1234abcd --server stomp.example.com:1234 --key {}/in/root-ca.key",
			random: regexp.MustCompile(`^node/(root-ca\.crt|db/(serial|index)|certs/.*)$`),
		},
		{
			name: "init, with a new key", begins: true, few: 12,
			prepare: func(*testing.T, string) {},
			args:    "init --dir {}/node --type aa --prefix 1234abcd --server stomp.example.com:1234",
			random:  regexp.MustCompile(`^node/(root-ca\.crt|private/root-ca\.key|db/(serial|index|root-ca\.csr)|certs/.*)$`),
		},
		{
			name:    "init, completing",
			prepare: func(t *testing.T, work string) { copyNode(t, "ca", work+"/node") },
			args:    "init --dir {}/node --type ca",
		},
		{
			name:    "peer sign",
			prepare: prepareSign,
			args:    "peer sign {}/in/da2.zip --dir {}/node --yes --out {}/out",
			again:   "peer sign {}/in/da2.zip --dir {}/node --yes --out {}/out --overwrite",
		},
		{
			name: "peer sign, update",
			prepare: func(t *testing.T, work string) {
				copyNode(t, "aa", work+"/node")
				newerBundle(t, "ca", work)
			},
			args: "peer sign {}/in/newer.zip --dir {}/node --yes",
		},
		{
			name: "peer register",
			prepare: func(t *testing.T, work string) {
				copyNode(t, "ca", work+"/node")
				peer := work + "/node/peers/1234abcd/"
				copyFile(t, peer+"sub-ca.crt", work+"/in/from-them.crt", 0o644)
				for _, name := range []string{peer + "sub-ca.crt", peer + "masq-subnet.txt"} {
					if err := os.Remove(name); err != nil {
						t.Fatal(err)
					}
				}
				withManifests(t, work)
			},
			args: "peer register {}/in/from-them.crt --dir {}/node",
		},
		{
			name:    "peer set",
			prepare: func(t *testing.T, work string) { copyNode(t, "aa", work+"/node"); withManifests(t, work) },
			args:    "peer set 9713c1a6b9b52ce34697c159b56ecfb0 --queues 3 --dir {}/node",
		},
		{
			name:    "peer deactivate",
			prepare: func(t *testing.T, work string) { copyNode(t, "aa", work+"/node"); withManifests(t, work) },
			args:    "peer deactivate 9713c1a6b9b52ce34697c159b56ecfb0 --dir {}/node --yes",
		},
		{
			name: "csr sign", twice: true,
			prepare: func(t *testing.T, work string) {
				copyNode(t, "aa", work+"/node")
				copyFile(t, reference(t, "servers/aa.csr"), work+"/in/server.csr", 0o644)
			},
			args:  "csr sign {}/in/server.csr --dir {}/node --yes --out {}/out",
			again: "csr sign {}/in/server.csr --dir {}/node --yes --out {}/out --overwrite",
		},
		{
			name: "server renew", twice: true,
			prepare: func(t *testing.T, work string) {
				copyNode(t, "aa", work+"/node")
				copyFile(t, reference(t, "servers/aa.crt"), work+"/in/server.crt", 0o644)
			},
			args:  "server renew {}/in/server.crt --dir {}/node --yes --out {}/out",
			again: "server renew {}/in/server.crt --dir {}/node --yes --out {}/out --overwrite",
		},
		{
			name: "bundle create",
			prepare: func(t *testing.T, work string) {
				copyNode(t, "ca", work+"/node")
				if err := os.WriteFile(work+"/node/nodeinfo/about.txt", []byte("new\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			},
			args:  "bundle create {}/out --dir {}/node",
			again: "bundle create {}/out --dir {}/node --overwrite",
		},
		{
			name: "bundle create, over another",
			prepare: func(t *testing.T, work string) {
				copyNode(t, "ca", work+"/node")
				copyFile(t, reference(t, "bundles/ca.zip"), work+"/out", 0o644)
			},
			args: "bundle create {}/out --dir {}/node --overwrite",
		},
		{
			name:      "key passwd",
			prepare:   func(t *testing.T, work string) { copyNode(t, "da", work+"/node") },
			args:      "key passwd --dir {}/node",
			env:       []string{"SWPTPEER_NEW_PASSWORD=" + newPassword},
			random:    regexp.MustCompile(`^node/private/root-ca\.key$`),
			passwords: []string{oldPassword, newPassword},
			statuses:  []int{statusIO}, // the password is the new one already
		},
		{
			name: "doctor --fix", judges: true,
			prepare: func(t *testing.T, work string) {
				copyNode(t, "aa", work+"/node")
				withManifests(t, work)
				for name, text := range map[string]string{
					".gitignore":                         "# mine\n",
					"db/subnets/creditors/SEQNUM":        "garbage\n",
					"certs/.swptpeer-0123456789ab":       "mine, though it looks like one of theirs\n",
					"certs/.swptpeer-0123456789abcdef-3": "half a certificate\n",
				} {
					if err := os.WriteFile(filepath.Join(work, "node", name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chmod(work+"/node/db/index", 0o600); err != nil {
					t.Fatal(err)
				}
			},
			args: "doctor --fix --dir {}/node",
		},
		{
			name: "completing an interrupted change",
			prepare: func(t *testing.T, work string) {
				interrupted(t, work, "renameat", `"serial"`)
			},
			args: "peer set 9713c1a6b9b52ce34697c159b56ecfb0 --queues 3 --dir {}/node",
		},
		{
			name: "undoing an interrupted change",
			prepare: func(t *testing.T, work string) {
				interrupted(t, work, "renameat", `".swptpeer-journal"`)
			},
			args: "peer set 9713c1a6b9b52ce34697c159b56ecfb0 --queues 3 --dir {}/node",
		},
		{
			name: "taking back an interrupted change that failed",
			prepare: func(t *testing.T, work string) {
				// Its row is written, and not synced.
				interrupted(t, work, "fsync", "/db/index>")
				journal := work + "/node/db/.swptpeer-journal"
				if err := os.Rename(journal, journal+".undo"); err != nil {
					t.Fatal(err)
				}
			},
			args: "peer set 9713c1a6b9b52ce34697c159b56ecfb0 --queues 3 --dir {}/node",
		},
	}
}

// overAllKinds chooses n points, of every system call in turn and with every
// fault.
func overAllKinds(points []point, n int) []point {
	kinds := map[string][]point{}
	for _, p := range points {
		kinds[p.call.name] = append(kinds[p.call.name], p)
	}
	names := slices.Sorted(maps.Keys(kinds))
	var out []point
	for round := 1; len(out) < min(n, len(points)); round++ {
		for i, name := range names {
			all := kinds[name]
			if len(all) == 0 || len(out) == n {
				continue
			}
			at := (len(all)*(2*i+round)/(2*len(names)) + round) % len(all)
			out = append(out, all[at])
			kinds[name] = slices.Delete(slices.Clone(all), at, at+1)
		}
	}
	return out
}

func prepareSign(t *testing.T, work string) {
	copyNode(t, "aa", work+"/node")
	copyFile(t, reference(t, "bundles/da2.zip"), work+"/in/da2.zip", 0o644)
}

// interrupted makes a copy of a node in which peer sign was killed at the first
// call of this name that has this argument.
func interrupted(t *testing.T, work, name, argument string) {
	t.Helper()
	c := faultCase{name: "interrupted", prepare: prepareSign, args: "peer sign {}/in/da2.zip --dir {}/node --yes"}
	f := newFaultRun(t, &c)
	for _, call := range f.base.calls {
		if call.name == name && strings.Contains(call.args, argument) {
			left, _, err := f.disturb(point{call: call, fault: kill})
			if err != nil {
				t.Fatal(err)
			}
			copyTree(t, filepath.Join(left, "node"), filepath.Join(work, "node"))
			return
		}
	}
	t.Fatalf("peer sign has no %s of %s", name, argument)
}

// oneIn keeps every n-th of the points that some are chosen from, and all
// others. Each command begins at another one.
func oneIn(points []point, begin, n int, from func(point) bool) []point {
	var out []point
	for _, p := range points {
		if !from(p) {
			out = append(out, p)
			continue
		}
		if begin++; begin%n == 0 {
			out = append(out, p)
		}
	}
	return out
}

// pointCount counts points by kind.
type pointCount struct{ kills, failures, reads int }

func (n *pointCount) add(points []point) {
	for _, p := range points {
		switch {
		case p.fault == kill:
			n.kills++
		case p.reads:
			n.reads++
		default:
			n.failures++
		}
	}
}

func (n *pointCount) String() string {
	return fmt.Sprintf("%d kills, %d failures of changes, %d of reads", n.kills, n.failures, n.reads)
}

// TestFaults tries all points of all commands, and reads the order in which each
// brings things to the disk (powerloss_linux_test.go).
func TestFaults(t *testing.T) {
	everything := os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1"
	var tried, all pointCount
	for i, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			f := newFaultRun(t, &c)
			t.Run("order of syncs", f.checkOrder)
			points := f.points()
			if c.judges {
				points = slices.DeleteFunc(points, func(p point) bool { return p.reads })
			}
			if len(points) < 20 {
				t.Fatalf("found %d points, expected many: nothing would be tried", len(points))
			}
			all.add(points)
			if few := c.few; few > 0 {
				if !everything {
					few /= 3
				}
				points = overAllKinds(points, few)
			} else if everything {
				points = oneIn(points, i, readsOf, func(p point) bool { return p.reads })
			} else {
				// What is said when the output fails is tried in full: it is little.
				points = oneIn(points, i, sampleOf, func(p point) bool { return p.fault == kill || !p.call.isOutput() })
			}
			inParallel(len(points), func(j int) { f.try(points[j]) })
			var here pointCount
			here.add(points)
			tried.add(points)
			t.Logf("%v; %d reads whose failure makes no difference; %v", &here, f.unread, time.Since(began).Round(time.Millisecond))
			for label, n := range f.tolerated {
				t.Logf("makes no difference (%d): %s", n, label)
			}
			for label, n := range f.left {
				t.Logf("leaves a temporary file beside the output (%d): %s", n, label)
			}
		})
	}
	if !t.Failed() {
		t.Logf("points tried: %v; all recovered; there are %v", &tried, &all)
	}
}
