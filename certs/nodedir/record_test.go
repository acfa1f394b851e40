package nodedir

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// changeIndex edits db/index.
func changeIndex(change func(lines []string) []string) func(t *testing.T, d *Dir) {
	return func(t *testing.T, d *Dir) {
		t.Helper()
		before := readText(t, d, fileIndex)
		after := strings.Join(change(strings.SplitAfter(strings.TrimSuffix(before, "\n"), "\n")), "")
		if after == before {
			t.Fatal("nothing was edited")
		}
		writeText(t, d, fileIndex, after)
	}
}

// editedIndexes are ways in which db/index was edited by hand, and what nextSerial says; ""
// if nothing can go wrong. openssl says whether OpenSSL goes on: it never may
// where we do and a row is lost; where it stops, so must we.
var editedIndexes = []struct {
	name    string
	edit    func(t *testing.T, d *Dir)
	want    string
	openssl bool
}{
	{"CR LF", changeIndex(func(l []string) []string {
		return []string{strings.ReplaceAll(strings.Join(l, ""), "\n", "\r\n") + "\r\n"}
	}), "", true},
	{"a comment", changeIndex(func(l []string) []string { return append([]string{"# mine\n"}, l...) }), "", true},
	{"no newline at the end", changeIndex(func(l []string) []string { return l }), "", true},
	{"lower-case serial numbers", changeIndex(func(l []string) []string {
		return []string{strings.ReplaceAll(strings.Join(l, ""), "8E5F9DB19112FEFA4BC420F2", "8e5f9db19112fefa4bc420f2")}
	}), "", true},
	{"the next number in lower case", changeIndex(func(l []string) []string {
		return append(l, "\n", strings.Replace(l[3], "8E5F9DB19112FEFA4BC420F299571932", "8e5f9db19112fefa4bc420f299571934", 1))
	}), "used already", true},
	{"the next number with a zero octet", changeIndex(func(l []string) []string {
		return append(l, "\n", strings.Replace(l[3], "8E5F9DB19112FEFA4BC420F299571932", "008E5F9DB19112FEFA4BC420F299571934", 1))
	}), "used already", true},
	{"empty", changeIndex(func([]string) []string { return nil }), "no row for certs/8E5F9DB19112FEFA4BC420F29957192F.pem, ", true},
	{"a row is missing", changeIndex(func(l []string) []string { return slices.Delete(l, 2, 3) }), "no row for certs/8E5F9DB19112FEFA4BC420F299571931.pem, peers/" + referenceDA + ", expected", true},
	{"a row is missing, another is there twice", changeIndex(func(l []string) []string { l[2] = l[1]; return l }), "db/index:3: found the serial number 8E5F9DB19112FEFA4BC420F299571930 again, expected it in line 2 only", false},
	{"BOM", changeIndex(func(l []string) []string { return append([]string{"\ufeff"}, l...) }), "db/index:1: status", true},
	{"an empty line", changeIndex(func(l []string) []string { return slices.Insert(l, 2, "\n") }), "db/index:3: found 1 fields", false},
	{"an empty line at the end", changeIndex(func(l []string) []string { return append(l, "\n", "\n") }), "db/index:6: found 1 fields", false},
	{"a spoilt row", changeIndex(func(l []string) []string { l[2] = "oops\n"; return l }), "db/index:3: found 1 fields", false},
	{"blanks for tabs", changeIndex(func(l []string) []string { l[2] = strings.ReplaceAll(l[2], "\t", " "); return l }), "db/index:3: found 1 fields", false},
	{"a cut row", changeIndex(func(l []string) []string { l[2] = l[2][:50] + "\n"; return l }), "db/index:3: found 4 fields", false},
	{"a cut subject", changeIndex(func(l []string) []string { l[2] = l[2][:len(l[2])-10] + "\n"; return l }), "db/index:3: subject: found", true},
	{"a subject of nothing", changeIndex(func(l []string) []string { l[2] = l[2][:strings.LastIndex(l[2], "\t")+1] + "\n"; return l }), "db/index:3: subject: found", true},
	{"no serial number", changeIndex(func(l []string) []string { l[2] = strings.Replace(l[2], "71931", "7193x", 1); return l }), "db/index:3: found \"8E5F9DB19112FEFA4BC420F29957193x\"", false},
	{"odd digits", changeIndex(func(l []string) []string { l[2] = strings.Replace(l[2], "71931", "7193", 1); return l }), "db/index:3: found", false},
	{"no time", changeIndex(func(l []string) []string { l[2] = strings.Replace(l[2], "30260326", "30261326", 1); return l }), "db/index:3: expiry", false},
	{"a revocation that is none", changeIndex(func(l []string) []string { l[2] = strings.Replace(l[2], "Z\t\t", "Z\t261123020000Z\t", 1); return l }), "db/index:3: revocation", false},
	{"another status", changeIndex(func(l []string) []string { l[2] = "X" + l[2][1:]; return l }), "db/index:3: status", true},
	{"NUL", changeIndex(func(l []string) []string { l[4] += "\x00\n"; return l }), "db/index:5: found", true},
	{"control characters", changeIndex(func(l []string) []string { l[4] += "\x1b[2J\n"; return l }), "db/index:5: found", true},
	{"text that is not ASCII", changeIndex(func(l []string) []string { l[4] += "é\n"; return l }), "db/index:5: found", true},
}

// An edited db/index, out of which a node or a serial number is lost, stops the
// signing, with the line.
func TestEditedIndex(t *testing.T) {
	for _, test := range editedIndexes {
		t.Run(test.name, func(t *testing.T) {
			d := openNode(t, "aa")
			test.edit(t, d)
			before := snapshot(t, d.Path())
			_, err := (&view{Dir: d, now: testNow, locked: true}).nextSerial()
			unchanged(t, d.Path(), before)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, test.want)
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
		})
	}
}

// What we accept, OpenSSL accepts.
func TestEditedIndexOpenSSL(t *testing.T) {
	requireTool(t, "openssl")
	for _, test := range editedIndexes {
		d := openNode(t, "aa")
		mustInit(t, d.Path(), InitRequest{})
		test.edit(t, d)
		cmd := exec.CommandContext(t.Context(), "openssl", "ca", "-batch", "-notext", "-config", "root-ca.conf", "-extensions", "server_ext", "-days", "30",
			"-in", absolute(t, referenceNodes, "../servers/aa.csr"), "-out", os.DevNull, "-passin", "env:PASS")
		cmd.Dir, cmd.Env = d.Path(), append(os.Environ(), "SWPT_CA_DIR=.", "PASS="+referencePassword)
		out, err := cmd.CombinedOutput()
		if went := err == nil; went != test.openssl && !strings.HasPrefix(test.name, "the next number") {
			t.Errorf("%s: found that OpenSSL goes on: %t, expected %t: %s", test.name, went, test.openssl, out)
		}
		if err != nil && test.want == "" {
			t.Errorf("%s: we go on where OpenSSL does not: %s", test.name, out)
		}
	}
}

// A node whose row and folder were removed gets no second certificate: certs/ has
// the first.
func TestRowAndFolderGone(t *testing.T) {
	d := openNode(t, "aa")
	remove(t, d.file("peers/"+referenceDA))
	changeIndex(func(l []string) []string { return slices.Delete(l, 2, 3) })(t, d)
	before := snapshot(t, d.Path())
	_, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "da")}, noKey(t))
	wantError(t, err, "db/index", "no row for certs/8E5F9DB19112FEFA4BC420F299571931.pem,", "nothing was signed")
	unchanged(t, d.Path(), before)
}

// db/ and certs/ put back together: the peers that were signed since are left,
// and their serial numbers would be used again.
func TestAuthorityPutBack(t *testing.T) {
	d := openNode(t, "aa")
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(d.Path())); err != nil {
		t.Fatal(err)
	}
	mustSign(t, d, refBundle(t, "da2"))
	for _, folder := range []string{dirDB, dirCerts} {
		remove(t, d.file(folder))
		if err := os.Rename(filepath.Join(old, folder), d.file(folder)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := d.SignPeer(t.Context(), SignRequest{Bundle: newStranger(t, certs.CreditorsAgent, "").bundle(t, "2026-11-23", nil)}, noKey(t))
	wantError(t, err, "no row for peers/"+referenceDA2+", expected")
}

// What db/index said to the plan that was shown holds for the one that is carried
// out only if it is the same and nothing besides it was looked at.
func TestRecordOfThePlanShown(t *testing.T) {
	d := openNode(t, "aa")
	for name, tt := range map[string]struct {
		change func(r *record)
		again  bool
	}{
		"the same":                    {func(*record) {}, false},
		"another text":                {func(r *record) { r.text = append([]byte("# mine\n"), r.text...) }, true},
		"a certificate was looked at": {func(r *record) { r.alone = false }, true},
	} {
		shown, err := d.readRecord()
		if err != nil {
			t.Fatal(err)
		}
		tt.change(shown)
		got, err := (&view{Dir: d, now: testNow, locked: true, before: shown}).record()
		if err != nil || (got != shown) != tt.again {
			t.Errorf("%s: judged again: %t, %v, expected %t", name, got != shown, err, tt.again)
		}
	}
}

// What another process adds after db/index was read is no damage, as long as this
// one does not hold the lock.
func TestRecordReadBeforeAnothersChange(t *testing.T) {
	d := openNode(t, "aa")
	old, err := d.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	mustSign(t, d, refBundle(t, "da2"))
	next, err := d.readSerial()
	if err != nil {
		t.Fatal(err)
	}
	if err := (&view{Dir: d, now: testNow}).compareRecord(old, next); err != nil {
		t.Error(err)
	}
	err = (&view{Dir: d, now: testNow, locked: true}).compareRecord(old, next)
	wantError(t, err, "no row for certs/8E5F9DB19112FEFA4BC420F299571934.pem, peers/"+referenceDA2+",")
}

// A row whose subject does not begin as usual is judged by its certificate.
func TestOtherSubject(t *testing.T) {
	d := openNode(t, "aa")
	row, err := rowOf(d.root)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.checkSubject([]byte(row.Serial.String()), []byte(row.Subject)); err != nil {
		t.Error(err)
	}
	edit(t, d, fileIndex, "/O=Swaptacular Nodes Registry/OU=Debtors Agents/serialNumber="+referenceDA, "/CN=other")
	_, err = (&view{Dir: d, now: testNow, locked: true}).nextSerial()
	wantError(t, err, `db/index:3: subject: found "/CN=other", expected "/O=Swaptacular Nodes Registry/OU=Debtors Agents/serialNumber=`+referenceDA)
	remove(t, d.file("certs/8E5F9DB19112FEFA4BC420F299571931.pem"))
	_, err = (&view{Dir: d, now: testNow, locked: true}).nextSerial()
	wantError(t, err, `db/index:3: subject: found "/CN=other", expected /O=…`, "no such file")
}

func TestMissingFoldersOfRecord(t *testing.T) {
	for rel, want := range map[string]string{dirCerts: "certs is missing", fileIndex: "db/index is missing", fileSerial: "db/serial"} {
		d := openNode(t, "aa")
		removeAll(t, d, rel)
		_, err := (&view{Dir: d, now: testNow}).nextSerial()
		wantError(t, err, want)
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v is not ErrDamaged", rel, err)
		}
	}
}

func TestSerialKey(t *testing.T) {
	longest := strings.Repeat("AB", 21)
	a, ok := serialKeyOf("00ff")
	b, ok2 := serialKeyOf([]byte("FF"))
	if !ok || !ok2 || a != b {
		t.Errorf("found %x and %x", a, b)
	}
	if _, ok := serialKeyOf(longest); !ok {
		t.Errorf("%s was refused", longest)
	}
	for _, bad := range []string{"", "F", "0G", "00", "0000", "-1", longest + "00"} {
		if key, ok := serialKeyOf(bad); ok {
			t.Errorf("%q: found %x, want none", bad, key)
		}
	}
}

func TestAndMore(t *testing.T) {
	for n, want := range map[int]string{1: "0", maxNamed: "0, 1, 2", maxNamed + 1: "0, 1, 2 and 1 more", 9: "0, 1, 2 and 6 more"} {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprint(n-1-i))
		}
		if got := andMore(all); got != want {
			t.Errorf("%d: found %q, want %q", n, got, want)
		}
	}
}

// Where a serial number was left out, or rows stand in another order, nothing is
// missing for that.
func TestNumbersLeftOut(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, d *Dir){
		"next":  func(t *testing.T, d *Dir) { writeText(t, d, fileSerial, "8E5F9DB19112FEFA4BC420F299571999\n") },
		"order": changeIndex(func(l []string) []string { l[1], l[2] = l[2], l[1]; return append(l, "\n") }),
	} {
		d := openNode(t, "aa")
		change(t, d)
		if res := mustSign(t, d, refBundle(t, "da2")); res.Action != ActionSigned {
			t.Errorf("%s: found %+v", name, res)
		}
	}
}

// With everything in order neither certs/ nor the peers are read.
func TestCompleteAtAGlance(t *testing.T) {
	d := openNode(t, "aa")
	if n, ok := subfolders(d.file(dirPeers)); !ok || n != 3 {
		t.Skipf("%d subfolders, %t: no links are counted here", n, ok)
	}
	rec, err := d.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	next, ok := serialKeyOf("8E5F9DB19112FEFA4BC420F299571934")
	if !ok || !rec.isComplete(next) {
		t.Errorf("not complete: %+v", rec)
	}
	if after := next.next(); rec.isComplete(after) {
		t.Error("complete, though a number is left out")
	}
	mkdirRel(t, d, "peers/"+referenceDA2)
	if rec.isComplete(next) {
		t.Error("complete, though there is a peer more")
	}
}

func TestSerialKeyNext(t *testing.T) {
	for _, s := range []string{"01", "FF", "8E5F9DB19112FEFA4BC420F29957FFFF"} {
		serial, err := certs.ParseSerial(s)
		if err != nil {
			t.Fatal(err)
		}
		next, err := serial.Next()
		if err != nil {
			t.Fatal(err)
		}
		key, _ := serialKeyOf(s)
		if want, _ := serialKeyOf(next.String()); key.next() != want {
			t.Errorf("%s: found %x, want %x", s, key.next(), want)
		}
	}
}
