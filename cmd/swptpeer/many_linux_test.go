package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// strangersBundle makes the info-bundle of a debtors agent that nobody knows.
func strangersBundle(t *testing.T, file string) (id string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // quick
	must(err)
	spki, err := certs.PublicKeyInfo(key.Public())
	must(err)
	identity, err := certs.AgentIdentity(certs.DebtorsAgent, spki)
	must(err)
	serial, err := certs.NewSerial()
	must(err)
	root, err := certs.IssueRoot(key, identity, serial, referenceTime.Add(-time.Hour))
	must(err)
	req, err := certs.NewRequest(key, identity.RawName())
	must(err)
	info := t.TempDir()
	must(os.WriteFile(filepath.Join(info, "stomp.toml"), []byte("servers = [\"peer.example.com:1234\"]\nhost = \"/\"\ndestination = \"/exchange/debtors_in\"\n"), 0o644))
	updatedAt, err := bundle.ParseUpdatedAt("2026-11-23\n")
	must(err)
	var out bytes.Buffer
	_, err = bundle.Create(t.Context(), &out, bundle.Source{Root: root, Request: req, Dir: info, Key: key, UpdatedAt: updatedAt, Modified: updatedAt.Time()})
	must(err)
	must(os.WriteFile(file, out.Bytes(), 0o644))
	return identity.ID()
}

// oneOfMany is one of many.
type oneOfMany struct {
	*exec.Cmd
	output bytes.Buffer
}

func start(t *testing.T, exe, args string, node string) *oneOfMany {
	t.Helper()
	p := &oneOfMany{Cmd: exec.Command(exe, strings.Split(args, " ")...)}
	p.Dir, p.Env = filepath.Dir(node), []string{"PATH=" + os.Getenv("PATH"), "SWPTPEER_TEST_NOW=" + referenceTime.Format(time.RFC3339),
		"SWPTPEER_PASSWORD=" + oldPassword, "SWPTPEER_DIR=" + node}
	p.Stdout, p.Stderr = &p.output, &p.output
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// holder is the process that holds the lock, 0 if none does.
func holder(lock string) (pid int) {
	fi, err := os.Stat(lock)
	if err != nil {
		return 0
	}
	inode := fmt.Sprintf(":%d ", fi.Sys().(*syscall.Stat_t).Ino)
	data, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		// 1: FLOCK  ADVISORY  WRITE 4711 00:1f:123456 0 EOF
		if f := strings.Fields(line); len(f) >= 6 && f[1] == "FLOCK" && strings.Contains(line, inode) {
			fmt.Sscan(f[4], &pid)
		}
	}
	return pid
}

// TestManyAtOnce has 32 processes sign, register, set, list and verify in one
// directory, while others that hold its lock are killed.
func TestManyAtOnce(t *testing.T) {
	const (
		signers = 12 // peers
		issuers = 6  // server certificates
		others  = 14
		killed  = 4 // lock holders
	)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := fastFolder(t)
	node, exe := filepath.Join(work, "node"), filepath.Join(work, programName)
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	copyNode(t, "aa", node)
	withManifests(t, work)
	var ids, commands []string
	for i := range signers {
		file := filepath.Join(work, fmt.Sprintf("b%d.zip", i))
		ids = append(ids, strangersBundle(t, file))
		commands = append(commands, "peer sign "+file+" --yes --quiet")
	}
	for range issuers {
		commands = append(commands, "csr sign "+reference(t, "servers/aa.csr")+" --yes --quiet")
	}
	const known = "9713c1a6b9b52ce34697c159b56ecfb0"
	for i := range others {
		commands = append(commands, []string{
			"peer list", "doctor", "peer show " + known, "peer register " + reference(t, "nodes/ca/peers/1234abcd/peercert.crt"),
			"peer set " + known + " --queues 7", "server list", "bundle verify " + filepath.Join(work, "b0.zip"),
		}[i%7])
	}
	if len(commands) != 32 {
		t.Fatalf("%d commands", len(commands))
	}

	var processes []*oneOfMany
	for _, c := range commands {
		processes = append(processes, start(t, exe, c, node))
	}
	// Meanwhile, whoever of these comes to hold the lock is killed.
	kills := 0
	lock := filepath.Join(node, "db", ".swptpeer.lock")
	for deadline := time.Now().Add(time.Minute); kills < killed; {
		if time.Now().After(deadline) {
			t.Fatalf("killed %d holders of the lock, want %d", kills, killed)
		}
		victim := start(t, exe, "csr sign "+reference(t, "servers/aa.csr")+" --yes --quiet", node)
		ended := make(chan error, 1)
		go func() { ended <- victim.Wait() }()
		for waiting := true; waiting; {
			select {
			case <-ended:
				waiting = false
			default:
				if holder(lock) == victim.Process.Pid {
					time.Sleep(time.Duration(kills) * 2 * time.Millisecond) // a little further each time
					victim.Process.Kill()
					if err := <-ended; err != nil && strings.Contains(err.Error(), "killed") {
						kills++
					}
					waiting = false
				}
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	var wg sync.WaitGroup
	for i, p := range processes {
		wg.Go(func() {
			if err := p.Wait(); err != nil {
				t.Errorf("%s: %v: %s", commands[i], err, &p.output)
			}
		})
	}
	wg.Wait()

	// One more change completes what the last of the dead left.
	if status, text := inProcess(referenceTime, nil, "peer", "set", known, "--queues", "8", "--dir", node); status != statusDone {
		t.Errorf("exit status %d: %s", status, text)
	}
	report, err := audit(work)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range report.Failed(check.Warning) {
		if res.Rule.Severity == check.Error || res.Rule.ID == "dir.pending" || res.Rule.ID == "dir.temporary" {
			t.Error(res)
		}
	}
	all := readFiles(t, node)
	subnets, serials := map[string]string{}, map[string]bool{}
	for _, id := range ids {
		subnet := all["peers/"+id+"/subnet.txt"]
		if subnet == "" || subnets[subnet] != "" {
			t.Errorf("peer %s has the subnet %q, which %q has too", id, subnet, subnets[subnet])
		}
		subnets[subnet] = id
	}
	_, index, _ := strings.Cut(all["db/index"], " ")
	for row := range strings.Lines(index) {
		serial := strings.Split(row, "\t")[3]
		if serials[serial] || all["certs/"+serial+".pem"] == "" {
			t.Errorf("serial %s is there twice, or has no certificate", serial)
		}
		serials[serial] = true
	}
	before := len(readFiles(t, reference(t, "nodes/aa/certs"))) - 1
	if least, most := before+signers+issuers, before+signers+issuers+kills+40; len(serials) < least || len(serials) > most {
		t.Errorf("%d certificates were issued, want %d or a few more", len(serials), least)
	}
	for name := range all {
		if isHidden(name) && filepath.Base(name) != ".swptpeer.lock" {
			t.Errorf("%s is left", name)
		}
	}
	t.Logf("32 processes and %d killed holders of the lock: %d certificates, %d subnets, all different", kills, len(serials), len(subnets))
}
