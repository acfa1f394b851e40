package nodedir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

func audit(t testing.TB, d *Dir, opts AuditOptions) *check.Report {
	t.Helper()
	r, err := d.Audit(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// failedRules returns the ids of rules that failed, once each, sorted.
func failedRules(r *check.Report) []string {
	var out []string
	for _, res := range r.Results {
		if res.Outcome == check.Failed {
			out = append(out, res.Rule.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// What a reference node lacks: it was made without these.
var referenceFindings = []string{"dir.conf", "dir.gitignore", "dir.key-rounds"}

func TestAuditReference(t *testing.T) {
	passed := map[string]bool{}
	for _, node := range []string{"aa", "ca", "da"} {
		for _, quick := range []bool{false, true} {
			d := openNode(t, node)
			before := snapshot(t, d.Path())
			r := audit(t, d, AuditOptions{Quick: quick})
			unchanged(t, d.Path(), before)
			if !r.OK(false) || !slices.Equal(failedRules(r), referenceFindings) {
				t.Errorf("%s, quick %t: found breaches of %v, expected %v: %v", node, quick, failedRules(r), referenceFindings, r.Err())
			}
			if quick != r.Has("dir.signatures", check.Skipped) {
				t.Errorf("%s, quick %t: dir.signatures says otherwise", node, quick)
			}
			for _, res := range r.Results {
				passed[res.Rule.ID] = passed[res.Rule.ID] || res.Outcome == check.Passed
			}
		}
	}
	fix := audit(t, openNode(t, "aa"), AuditOptions{Fix: true})
	for _, res := range fix.Results {
		passed[res.Rule.ID] = passed[res.Rule.ID] || res.Outcome == check.Passed
	}
	// These need something that no reference node has.
	for _, id := range []string{"dir.symlink", "dir.conf", "dir.conf-identity", "dir.key-rounds", "dir.published", "dir.manifests", "dir.manifests-list", "dir.peer-manifest"} {
		passed[id] = true
	}
	for _, rule := range dirRules {
		if !passed[rule.ID] {
			t.Errorf("%s passes for no reference node", rule.ID)
		}
	}
}

// A node that this program made has nothing to be found.
func TestAuditOwnNode(t *testing.T) {
	for _, typ := range []certs.NodeType{certs.AccountingAuthority, certs.CreditorsAgent, certs.DebtorsAgent} {
		node := map[certs.NodeType]string{certs.AccountingAuthority: "aa", certs.CreditorsAgent: "ca", certs.DebtorsAgent: "da"}[typ]
		d := openNode(t, node)
		// Completed by init, which adds what the existing tool does not write.
		writeText(t, d, fileConf, string(encodeConf(d.Identity())))
		writeText(t, d, filePeersKustomize, string(encodePeersList(nil)))
		key, err := certs.EncryptPrivateKey(referenceKey(t, node), []byte("secret-pw"))
		if err != nil {
			t.Fatal(err)
		}
		writeText(t, d, fileRootKey, string(key))
		audit(t, d, AuditOptions{Fix: true})
		out := filepath.Join(t.TempDir(), "bundle.zip")
		if _, err := d.CreateBundle(t.Context(), out, false, keyOf(t, d)); err != nil {
			t.Fatal(err)
		}
		r := audit(t, d, AuditOptions{})
		if failed := failedRules(r); len(failed) > 0 {
			t.Errorf("%s: found breaches of %v: %v", typ, failed, r.Failed(check.Warning))
		}
		for _, id := range []string{"dir.conf", "dir.conf-identity", "dir.key-rounds", "dir.published", "dir.manifests", "dir.manifests-list"} {
			if !r.Has(id, check.Passed) {
				t.Errorf("%s: %s did not pass", typ, id)
			}
		}
	}
}

func TestAuditFinds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes and links are not as here")
	}
	for _, damage := range damages {
		if damage.do == nil {
			continue
		}
		t.Run(damage.rule+" "+damage.where, func(t *testing.T) {
			t.Parallel()
			d := openNode(t, damage.node)
			damage.do(t, d)
			before := snapshot(t, d.Path())
			r := audit(t, d, AuditOptions{})
			unchanged(t, d.Path(), before)
			if !slices.ContainsFunc(r.Results, func(res check.Result) bool {
				return res.Rule.ID == damage.rule && res.Outcome == check.Failed && res.Where == damage.where && strings.Contains(res.Found, damage.says)
			}) {
				t.Errorf("expected a breach of %s at %s that says %q; found:", damage.rule, damage.where, damage.says)
				for _, res := range r.Results {
					if res.Outcome != check.Passed {
						t.Log(res.Rule.Severity, res.Outcome, res)
					}
				}
			}
			for _, res := range r.Results {
				if res.Outcome == check.Failed && res.Advice == "" {
					t.Errorf("no advice: %s", res)
				}
				if res.Rule.ID == damage.rule && res.Outcome == check.Passed && res.Where == damage.where {
					t.Errorf("passed and failed: %s", res)
				}
			}
		})
	}
}

// Every rule has a damage that breaks it, and is complete.
func TestAuditRules(t *testing.T) {
	broken := map[string]bool{"dir.repaired": true, "dir.signatures": true} // never fail
	broken["dir.pending"] = true                                            // by TestAuditInterrupted
	for _, damage := range damages {
		broken[damage.rule] = true
	}
	seen := map[string]bool{}
	form := regexp.MustCompile(`^(dir|register)\.[a-z-]+$`)
	for _, rule := range Rules() {
		if seen[rule.ID] {
			t.Errorf("%s is listed twice", rule.ID)
		}
		seen[rule.ID] = true
		if !form.MatchString(rule.ID) || rule.Title == "" || rule.Citation == "" || rule.Advice == "" || rule.Severity < check.Error || rule.Severity > check.Notice {
			t.Errorf("%s is not complete", rule.ID)
		}
		if strings.HasPrefix(rule.ID, "dir.") && !broken[rule.ID] {
			t.Errorf("%s has no damage that breaks it", rule.ID)
		}
	}
	for id := range broken {
		if !seen[id] {
			t.Errorf("%s is not listed", id)
		}
	}
}

// What depends on the time.
func TestAuditTime(t *testing.T) {
	const server = "certs/8E5F9DB19112FEFA4BC420F299571932.pem"
	end := time.Date(2027, 11, 23, 1, 45, 52, 0, time.UTC)
	for _, tt := range []struct {
		at     time.Time
		failed []string // in addition
		says   string
	}{
		{end.Add(-serverEndsSoon - time.Second), nil, ""},
		{end.Add(-serverEndsSoon), []string{"dir.server-ends"}, "ends on 2027-11-23"},
		{end.Add(time.Hour), []string{"dir.server-ends"}, "ended on 2027-11-23"},
		{end.Add(serverEndsSoon + time.Second), nil, ""},
		{time.Date(2527, 1, 1, 0, 0, 0, 0, time.UTC), []string{"peer.lifetime", "root.lifetime"}, ""},
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), []string{"cert.validity", "dir.issued", "dir.peer-cert", "dir.peer-root", "dir.peer-sub-ca", "dir.root"}, ""},
		{time.Date(3100, 1, 1, 0, 0, 0, 0, time.UTC), []string{"cert.validity", "dir.peer-cert", "dir.peer-root", "dir.peer-sub-ca", "dir.root", "peer.lifetime", "root.lifetime"}, ""},
	} {
		d, err := Open(copyNode(t, "aa"), Options{Now: func() time.Time { return tt.at }})
		if err != nil {
			t.Fatal(err)
		}
		r := audit(t, d, AuditOptions{})
		want := append(slices.Clone(referenceFindings), tt.failed...)
		slices.Sort(want)
		if got := failedRules(r); !slices.Equal(got, want) {
			t.Errorf("%s: found breaches of %v, expected %v", tt.at, got, want)
		}
		if tt.says != "" && !slices.ContainsFunc(r.Results, func(res check.Result) bool { return res.Where == server && res.Found == tt.says }) {
			t.Errorf("%s: found nothing that says %q of %s", tt.at, tt.says, server)
		}
	}
}

// Who asks is warned earlier.
func TestAuditEndsWithin(t *testing.T) {
	const day = 24 * time.Hour
	end := time.Date(2027, 11, 23, 1, 45, 52, 0, time.UTC)
	for within, want := range map[time.Duration]bool{0: false, 59 * day: false, 60 * day: true} {
		d, err := Open(copyNode(t, "aa"), Options{Now: func() time.Time { return end.Add(-60 * day) }})
		if err != nil {
			t.Fatal(err)
		}
		if got := audit(t, d, AuditOptions{EndsWithin: within}).Has("dir.server-ends", check.Failed); got != want {
			t.Errorf("%v: found %v, expected %v", within, got, want)
		}
	}
}

func TestAuditFix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are not as here")
	}
	d := openNode(t, "aa")
	writeText(t, d, filePeersKustomize, "resources: []\n")
	chmod(t, d.file(dirPrivate), 0o755)
	chmod(t, d.file(fileRootKey), 0o644)
	chmod(t, d.file(fileIndex), 0o600)
	chmod(t, d.file(dirCerts), 0o700)
	chmod(t, d.file(aaPeer+peerQueues), 0o666)
	writeText(t, d, fileGitignore, "# mine\n*~")
	chmod(t, d.file(fileGitignore), 0o600)
	writeText(t, d, "db/subnets/creditors/SEQNUM", "garbage\n")
	removeRel(t, d, "db/subnets/debtors/SEQNUM")
	writeText(t, d, "certs/.swptpeer-0123456789abcdef-3", "half a certificate")
	mkdirRel(t, d, "peers/.swptpeer-0123456789abcdef-4")
	writeText(t, d, "peers/.swptpeer-0123456789abcdef-4/root-ca.crt", "x")
	writeText(t, d, "peers/.kept", "mine")
	before := snapshot(t, d.Path())

	r := audit(t, d, AuditOptions{Fix: true})
	if failed := failedRules(r); !slices.Equal(failed, []string{"dir.conf", "dir.key-rounds"}) {
		t.Errorf("found breaches of %v after the repair, expected dir.conf and dir.key-rounds only: %v", failed, r.Failed(check.Warning))
	}
	var repaired []string
	for _, res := range r.Results {
		if res.Rule == ruleDirRepaired {
			repaired = append(repaired, res.Where)
			if res.Found == "" {
				t.Errorf("%s: nothing said", res.Where)
			}
		}
	}
	want := []string{
		".gitignore", "certs", "certs/.swptpeer-0123456789abcdef-3", "db/index", "db/subnets/creditors/SEQNUM", "db/subnets/debtors/SEQNUM",
		"peers/.swptpeer-0123456789abcdef-4", "peers/kustomization.yaml", "private", "private/root-ca.key", aaPeer + "queues.txt",
	}
	for _, id := range []string{referenceCA, referenceCA2, referenceDA} {
		want = append(want, "peers/"+id+"/kustomization.yaml", "peers/"+id+"/resources-patch.yaml")
	}
	slices.Sort(want)
	slices.Sort(repaired)
	if !slices.Equal(repaired, want) {
		t.Errorf("repaired %q, expected %q", repaired, want)
	}
	for _, name := range changedFiles(before, snapshot(t, d.Path())) {
		if !slices.Contains(want, name) && !strings.HasPrefix(name, "peers/.swptpeer-") {
			t.Errorf("%s was changed as well", name)
		}
	}
	if got := readText(t, d, fileGitignore); !strings.HasPrefix(got, "# mine\n*~\n") || !strings.Contains(got, "\nprivate/\n") {
		t.Errorf(".gitignore is %q", got)
	}
	if a, b := readText(t, d, "db/subnets/creditors/SEQNUM"), readText(t, d, "db/subnets/debtors/SEQNUM"); a != "2\n" || b != "0\n" {
		t.Errorf("SEQNUM are %q and %q", a, b)
	}

	before = snapshot(t, d.Path())
	again := audit(t, d, AuditOptions{Fix: true})
	unchanged(t, d.Path(), before)
	if res := again.Results[0]; res.Rule != ruleDirRepaired || res.Found != "nothing to repair" {
		t.Errorf("the second time: %s", res)
	}
}

// What the existing tool's script writes for the peer means the same.
func TestAuditTakesManifestsOfTheExistingTool(t *testing.T) {
	d := openNode(t, "ca")
	withManifests(t, d)
	file := caPeer + peerKustomize
	text := readText(t, d, file)
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "    group: apps\n    version: v1\n    kind: StatefulSet\n    name: stomp-client\n", "    group: apps\n    kind: StatefulSet\n    name: stomp-client\n    version: v1\n")
	text = strings.ReplaceAll(text, `"swpt-client"`, `swpt-client`)
	if text == readText(t, d, file) {
		t.Fatal("nothing was edited")
	}
	writeText(t, d, file, text)
	if r := audit(t, d, AuditOptions{}); r.Has("dir.manifests", check.Failed) {
		t.Error("found a breach of dir.manifests")
	}
	// But not an id that YAML takes for a number.
	writeText(t, d, file, strings.Replace(text, `"1234abcd"`, `12340000`, 1))
	if r := audit(t, d, AuditOptions{}); !r.Has("dir.manifests", check.Failed) {
		t.Error("found no breach of dir.manifests")
	}
}

// Damage of every kind to every file: never a panic, and, but for a few files
// that say nothing by themselves, always a finding.
func TestAuditDamagedFiles(t *testing.T) {
	silent := regexp.MustCompile(`\.old$`)
	optional := regexp.MustCompile(`^db/root-ca\.csr$|/sub-ca\.crt$|/DEACTIVATED$`)
	kinds := map[string]func(t *testing.T, d *Dir, rel string){
		"removed": func(t *testing.T, d *Dir, rel string) { removeRel(t, d, rel) },
		"emptied": func(t *testing.T, d *Dir, rel string) { writeText(t, d, rel, "") },
		"garbled": func(t *testing.T, d *Dir, rel string) {
			writeText(t, d, rel, "\x00\xff\n\t/serialNumber=\n-----BEGIN\n")
		},
		"cut": func(t *testing.T, d *Dir, rel string) {
			text := readText(t, d, rel)
			writeText(t, d, rel, text[:len(text)/2])
		},
		"folder": func(t *testing.T, d *Dir, rel string) { removeRel(t, d, rel); mkdirRel(t, d, rel) },
		"loop":   func(t *testing.T, d *Dir, rel string) { removeRel(t, d, rel); symlink(t, d, path.Base(rel), rel) },
		"large":  func(t *testing.T, d *Dir, rel string) { writeText(t, d, rel, strings.Repeat("x", maxTextFile+1)) },
	}
	for _, node := range []string{"aa", "ca", "da"} {
		source := copyNode(t, node)
		var files []string
		filepath.WalkDir(source, func(p string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				rel, _ := filepath.Rel(source, p)
				files = append(files, filepath.ToSlash(rel))
			}
			return err
		})
		if len(files) < 20 {
			t.Fatalf("found %d files", len(files))
		}
		for name, damage := range kinds {
			if node != "aa" && name != "garbled" && name != "removed" {
				continue // the other types have few files that an authority has not
			}
			t.Run(node+" "+name, func(t *testing.T) {
				t.Parallel()
				d := openNode(t, node)
				for _, rel := range files {
					whole := readText(t, d, rel)
					damage(t, d, rel)
					r := audit(t, d, AuditOptions{Quick: true})
					if failed := failedRules(r); slices.Equal(failed, referenceFindings) && !silent.MatchString(rel) && !(name == "removed" && optional.MatchString(rel)) {
						t.Errorf("%s: nothing was found", rel)
					}
					removeAll(t, d, rel)
					write(t, d.file(rel), whole)
					if rel == fileRootKey {
						chmod(t, d.file(rel), 0o600)
					}
				}
				if r := audit(t, d, AuditOptions{}); !slices.Equal(failedRules(r), referenceFindings) {
					t.Errorf("the test did not mend what it damaged: %v", failedRules(r))
				}
			})
		}
	}
}

// Repairing never makes damage worse: what is garbled stays as it is, but for
// what can be derived from the rest.
func TestAuditFixLeavesDamage(t *testing.T) {
	for _, rel := range []string{fileIndex, fileSerial, fileNodeType, "certs/" + aaCert + ".pem", aaPeer + peerRootCert, aaPeer + peerQueues, aaPeer + peerSubnet,
		"db/subnets/creditors/000001", fileRootKey, fileIndexAttr, fileManifest} {
		d := openNode(t, "aa")
		writeText(t, d, filePeersKustomize, string(encodePeersList(nil)))
		write(t, d.file(rel), "garbage\x00\n")
		if r := audit(t, d, AuditOptions{Fix: true}); len(failedRules(r)) < 2 {
			t.Errorf("%s: found breaches of %v only", rel, failedRules(r))
		}
		if got := readText(t, d, rel); got != "garbage\x00\n" {
			t.Errorf("%s: it was changed to %q", rel, got)
		}
	}
	d := openNode(t, "aa")
	writeText(t, d, fileRootCert, string(read(t, referenceNodes, "ca", fileRootCert)))
	before := snapshot(t, d.Path())
	if _, err := d.Audit(t.Context(), AuditOptions{Fix: true}); !errors.Is(err, ErrChanged) {
		t.Errorf("another node's root certificate: found error %v", err)
	}
	unchanged(t, d.Path(), before)
}

func TestAuditContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := openNode(t, "aa")
	if r, err := d.Audit(ctx, AuditOptions{}); !errors.Is(err, context.Canceled) || r != nil {
		t.Errorf("found %v, %v", r, err)
	}
}

// pendingChange leaves in d a committed change that turns before into after, of
// which the first n steps have been made.
func pendingChange(t *testing.T, d *Dir, before, after string, state string, n int) (steps int) {
	t.Helper()
	type op struct {
		Action  string `json:"action"`
		Path    string `json:"path"`
		Temp    string `json:"temp,omitempty"`
		Old     string `json:"old,omitempty"`
		Existed bool   `json:"existed,omitempty"`
		Was     string `json:"was,omitempty"`
		Is      string `json:"is,omitempty"`
	}
	digest := func(file string) string {
		sum := sha256.Sum256(read(t, file))
		return hex.EncodeToString(sum[:])
	}
	var ops []op
	was, is := snapshot(t, before), snapshot(t, after)
	const id = "0123456789abcdef"
	names := changedFiles(was, is)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "peers/"+referenceDA2+"/") })
	names = append(names, "peers/"+referenceDA2)
	// db/subnets, db/serial, certs/, db/index, peers/: as a change does it.
	slices.SortFunc(names, func(a, b string) int {
		order := func(s string) int {
			for i, p := range []string{dirSubnets, fileSerial, dirCerts, fileIndex} {
				if strings.HasPrefix(s, p) {
					return i
				}
			}
			return 9
		}
		return order(a) - order(b)
	})
	for i, name := range names {
		temp := path.Join(path.Dir(name), ".swptpeer-"+id+"-"+string(rune('0'+i)))
		o := op{Action: "create", Path: name, Temp: temp}
		if _, existed := was[name]; existed {
			o.Action, o.Existed, o.Old, o.Was = "replace", true, temp+".old", digest(d.file(name))
			if err := os.Link(d.file(name), d.file(o.Old)); err != nil {
				t.Fatal(err)
			}
		}
		from := filepath.Join(after, filepath.FromSlash(name))
		if name == "peers/"+referenceDA2 {
			o.Action = "create-tree"
			if err := os.CopyFS(d.file(temp), os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		} else {
			write(t, d.file(temp), string(read(t, from)))
			o.Is = digest(from)
		}
		if i < n {
			if err := os.Rename(d.file(temp), d.file(name)); err != nil {
				t.Fatal(err)
			}
		}
		ops = append(ops, o)
	}
	plan, err := json.Marshal(map[string]any{"id": id, "ops": ops})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(plan)
	write(t, d.file(fileJournal+state), `{"version":2,"sha256":"`+hex.EncodeToString(sum[:])+`","plan":`+string(plan)+"}\n")
	return len(ops)
}

// A change that was interrupted anywhere: what it concerns is not held against
// the directory, everything else is, and Fix completes it.
func TestAuditInterrupted(t *testing.T) {
	before := openNode(t, "aa")
	after := openNode(t, "aa")
	mustSign(t, after, refBundle(t, "da2"))
	for n, steps := 0, 1; n <= steps; n++ {
		for _, state := range []string{"", ".undo"} {
			d := openNode(t, "aa")
			steps = pendingChange(t, d, before.Path(), after.Path(), state, n)
			r := audit(t, d, AuditOptions{})
			want := append(slices.Clone(referenceFindings), "dir.pending")
			slices.Sort(want)
			if got := failedRules(r); !slices.Equal(got, want) || !r.OK(false) {
				t.Errorf("%d of %d steps: found breaches of %v, expected %v: %v", n, steps, got, want, r.Err())
			}

			writeText(t, d, aaPeer+peerQueues, "0\n")
			if r := audit(t, d, AuditOptions{}); !r.Has("dir.peer-queues", check.Failed) {
				t.Errorf("%d of %d steps: another breach was not found", n, steps)
			}
			writeText(t, d, aaPeer+peerQueues, "3\n")

			r = audit(t, d, AuditOptions{Fix: true})
			if got := failedRules(r); !slices.Equal(got, []string{"dir.conf", "dir.key-rounds"}) {
				t.Errorf("%d of %d steps: found breaches of %v after the repair", n, steps, got)
			}
			wantDir := after
			if state != "" {
				wantDir = before
			}
			for _, name := range changedFiles(snapshot(t, wantDir.Path()), snapshot(t, d.Path())) {
				if name != fileGitignore {
					t.Errorf("%d of %d steps, state %q: %s differs", n, steps, state, name)
				}
			}
		}
	}
}

// An audit while others change the directory sees nothing wrong.
func TestAuditWhileChanging(t *testing.T) {
	d := openNode(t, "aa")
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for range 8 {
			s := newStranger(t, certs.CreditorsAgent, "")
			if _, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-23", nil)}, keyOf(t, d)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	audits := 0
	for running := true; running; audits++ {
		select {
		case <-done:
			running = false
		default:
		}
		if r := audit(t, d, AuditOptions{Quick: true}); !r.OK(false) {
			t.Errorf("audit %d: %v", audits, r.Err())
		}
	}
	wg.Wait()
	if r := audit(t, d, AuditOptions{}); !slices.Equal(failedRules(r), referenceFindings) || audits < 2 {
		t.Errorf("%d audits; at the end, breaches of %v", audits, failedRules(r))
	}
}

// However much of a directory is wrong, a rule has no more than maxFindings
// results, and one that says how many there are more. Once, 300,000 rows gave
// 123 MB of output.
func TestAuditIsBounded(t *testing.T) {
	const rule = "dir.index-certificate"
	for _, n := range []int{maxFindings, maxFindings + 1, 3 * maxFindings} {
		d := openNode(t, "aa")
		var rows strings.Builder
		for i := range n {
			fmt.Fprintf(&rows, "V\t271123014552Z\t\t%032X\tunknown\t/O=x\n", i+1)
		}
		appendText(t, d, fileIndex, rows.String())
		var found []check.Result
		for _, res := range audit(t, d, AuditOptions{}).Results {
			if res.Rule.ID == rule && res.Outcome == check.Failed {
				found = append(found, res)
			}
		}
		want := min(n, maxFindings+1)
		if len(found) != want {
			t.Fatalf("%d rows: found %d breaches, expected %d", n, len(found), want)
		}
		if more := fmt.Sprintf("%d more breaches of this rule", n-maxFindings); n > maxFindings && found[want-1].Found != more {
			t.Errorf("%d rows: found %q, expected %q", n, found[want-1].Found, more)
		}
	}

	// Nothing is said about the rows, not even how many, while one is being added.
	pending := openNode(t, "aa")
	appendText(t, pending, fileIndex, strings.Repeat("V\t271123014552Z\t\t8E5F\tunknown\t/O=x\n", 3*maxFindings))
	pendingRow(t, pending)
	for _, res := range audit(t, pending, AuditOptions{}).Results {
		if res.Rule.ID == rule && res.Outcome == check.Failed {
			t.Errorf("found %s, expected nothing of what an interrupted change concerns", res)
		}
	}

	// Not only rows: folders that are no peers.
	d := openNode(t, "aa")
	for i := range maxFindings + 2 {
		mkdirRel(t, d, fmt.Sprintf("peers/no-peer-%03d", i))
	}
	failed := 0
	last := check.Result{}
	for _, res := range audit(t, d, AuditOptions{}).Results {
		if res.Rule.ID == "dir.peer-name" && res.Outcome == check.Failed {
			failed++
			last = res
		}
	}
	if failed != maxFindings+1 || last.Found != "2 more breaches of this rule" {
		t.Errorf("found %d breaches, the last %s", failed, last)
	}
}
