package nodedir

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
)

func TestCreateBundle(t *testing.T) {
	d := openNode(t, "ca")
	out := filepath.Join(t.TempDir(), "ca.zip")
	create := func(now time.Time, overwrite bool) *BundleResult {
		t.Helper()
		d.opts.Now = func() time.Time { return now }
		res, err := d.CreateBundle(t.Context(), out, overwrite, keyOf(t, d))
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	check := func(res *BundleResult, line string, changed bool) []byte {
		t.Helper()
		data := read(t, out)
		b, report := bundle.Verify(bytes.NewReader(data), int64(len(data)), bundle.VerifyOptions{Time: d.opts.Now()})
		if b == nil {
			t.Fatal(report.Err())
		}
		if res.UpdatedAt.String() != line || b.NodeInfo.UpdatedAt.String() != line || readText(t, d, fileUpdatedAt) != line+"\n" || res.Changed != changed {
			t.Errorf("updated at %s (bundle: %s, file: %q), changed %v, want %s, %v", res.UpdatedAt, b.NodeInfo.UpdatedAt, readText(t, d, fileUpdatedAt), res.Changed, line, changed)
		}
		digest := b.NodeInfo.ContentDigest()
		if got := readText(t, d, fileNodeInfoDigest); got != hex.EncodeToString(digest[:])+"\n" {
			t.Errorf("db/nodeinfo.sha256 says %q", got)
		}
		if b.Identity != d.Identity() || !bytes.Equal(b.Root.File, d.Root().File) || !bytes.Equal(b.Request.File, read(t, d.file(fileRequest))) {
			t.Error("not this node's root certificate and request")
		}
		return data
	}
	before := snapshot(t, d.Path())
	first := check(create(testNow, false), "2026-11-24", true)
	if got := changedFiles(before, snapshot(t, d.Path())); !slices.Equal(got, []string{"db/nodeinfo.sha256", "nodeinfo/updated-at.txt"}) {
		t.Errorf("changed %q", got)
	}
	// The same again, a month later: the same bytes, and nothing changes.
	before = snapshot(t, d.Path())
	if same := check(create(testNow.AddDate(0, 1, 0), true), "2026-11-24", false); !bytes.Equal(first, same) {
		t.Error("the same content gives other bytes")
	}
	unchanged(t, d.Path(), before)
	// Changed on the same day, then on a later one.
	write(t, d.file("nodeinfo/terms.txt"), "x")
	check(create(testNow, true), "2026-11-24T12:00:00Z", true)
	write(t, d.file("nodeinfo/terms.txt"), "y")
	check(create(testNow.AddDate(0, 0, 2), true), "2026-11-26", true)
	// A dot file is left out, and is no change.
	write(t, d.file("nodeinfo/.env"), "secret")
	if res := create(testNow.AddDate(0, 0, 9), true); res.Changed || !slices.Equal(res.Omitted, []string{".env"}) {
		t.Errorf("changed %v, omitted %q", res.Changed, res.Omitted)
	}
	// SOURCE_DATE_EPOCH.
	d.opts.SourceDate = time.Unix(1_700_000_000, 0)
	create(testNow.AddDate(0, 0, 9), true)
	if bytes.Equal(first, read(t, out)) {
		t.Error("another time gives the same bytes")
	}
}

// The request is made with the first bundle, if there is none.
func TestCreateBundleMakesRequest(t *testing.T) {
	d := openNode(t, "ca")
	remove(t, d.file(fileRequest))
	remove(t, d.file(fileUpdatedAt))
	out := filepath.Join(t.TempDir(), "ca.zip")
	before := snapshot(t, d.Path())
	if _, err := d.CreateBundle(t.Context(), out, false, keyOf(t, d)); err != nil {
		t.Fatal(err)
	}
	want := []string{"db/nodeinfo.sha256", "db/root-ca.csr", "nodeinfo/updated-at.txt"}
	if got := changedFiles(before, snapshot(t, d.Path())); !slices.Equal(got, want) {
		t.Errorf("changed %q, want %q", got, want)
	}
	if req, err := d.ownRequest(); err != nil || req == nil {
		t.Errorf("%v, %v", req, err)
	}
	fi, err := os.Stat(out)
	if err != nil || fi.Mode() != modeFile {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

func TestCreateBundleRefuses(t *testing.T) {
	for _, test := range []struct {
		name     string
		out      string // in a new folder, or in the node's if it begins with "node/"
		change   func(t *testing.T, d *Dir)
		want     []string
		rejected bool
	}{
		{"the output exists", "there.zip", nil, []string{"there.zip", "exists"}, false},
		{"a folder", "", nil, []string{"a folder"}, false},
		{"no such folder", "a/b.zip", nil, []string{"no such file"}, false},
		{"inside nodeinfo/", "node/nodeinfo/b.zip", nil, []string{"inside", "published"}, true},
		{"deep inside nodeinfo/", "node/nodeinfo/x/b.zip", func(t *testing.T, d *Dir) { os.Mkdir(d.file("nodeinfo/x"), 0o755) }, []string{"inside"}, true},
		{"inside nodeinfo/ through a link", "node/link/b.zip", func(t *testing.T, d *Dir) { os.Symlink("nodeinfo", d.file("link")) }, []string{"inside"}, true},
		{"inside private/", "node/private/root-ca.key", nil, []string{"exists"}, false},
		{"inside db/", "node/db/.swptpeer-journal", nil, []string{"inside"}, true},
		{"inside db/subnets/", "node/db/subnets/creditors/000009", nil, []string{"no such file"}, false},
		{"inside certs/", "node/certs/b.zip", nil, []string{"inside"}, true},
		{"inside peers/", "node/peers/1234abcd/b.zip", nil, []string{"inside"}, true},
		{"a name of the directory", "node/Debtors-Subnet.txt", nil, []string{"under this name"}, true},
		{"no stomp.toml", "b.zip", func(t *testing.T, d *Dir) { remove(t, d.file(fileManifest)) }, []string{"stomp.toml is missing", "init"}, true},
		{"stomp.toml without servers", "b.zip", func(t *testing.T, d *Dir) { write(t, d.file(fileManifest), "servers = []\n") }, []string{"stomp.toml", "servers"}, true},
		{"updated-at.txt of a person", "b.zip", func(t *testing.T, d *Dir) { write(t, d.file(fileUpdatedAt), "yesterday\n") }, []string{"updated-at.txt", "yesterday"}, false},
		{"updated-at.txt far ahead", "b.zip", func(t *testing.T, d *Dir) { write(t, d.file(fileUpdatedAt), "2027-01-01\n") }, []string{"updated-at.txt", "2027-01-01"}, false},
		{"another node's request", "b.zip", func(t *testing.T, d *Dir) {
			write(t, d.file(fileRequest), string(read(t, referenceNodes, "da", fileRequest)))
		}, []string{"root-ca.csr", "csr.subject"}, true},
		{"a link in nodeinfo/", "b.zip", func(t *testing.T, d *Dir) { os.Symlink("/etc/passwd", d.file("nodeinfo/passwd")) }, []string{"passwd"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := openNode(t, "ca")
			dir := t.TempDir()
			write(t, filepath.Join(dir, "there.zip"), "x")
			if test.change != nil {
				test.change(t, d)
			}
			out := filepath.Join(dir, test.out)
			if rel, err := filepath.Rel("node", test.out); err == nil && filepath.IsLocal(rel) && rel != "." {
				out = d.file(filepath.ToSlash(rel))
			}
			before, beforeOut := snapshot(t, d.Path()), snapshot(t, dir)
			_, err := d.CreateBundle(t.Context(), out, false, noKey(t))
			wantError(t, err, test.want...)
			if errors.Is(err, ErrRejected) != test.rejected {
				t.Errorf("ErrRejected: %v for %q", !test.rejected, err)
			}
			unchanged(t, d.Path(), before)
			unchanged(t, dir, beforeOut)
		})
	}
}

func TestCreateBundleChangesNothing(t *testing.T) {
	refused := errors.New("no")
	for name, ch := range map[string]Change{
		"dry run": {DryRun: true},
		"refused": {Confirm: func(*Plan) error { return refused }},
		"no key":  {},
	} {
		d := openNode(t, "ca")
		dir := t.TempDir()
		before := snapshot(t, d.Path())
		res, err := d.CreateBundle(t.Context(), filepath.Join(dir, "b.zip"), false, ch)
		if (err == nil) != (name == "dry run") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "dry run" && (res.UpdatedAt.String() != "2026-11-24" || len(res.Plan.Changes) != 2) {
			t.Errorf("%+v", res)
		}
		unchanged(t, d.Path(), before)
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

// Content that changes between the plan and the bundle is not published under
// the digest of what was there before.
func TestCreateBundleOfMovingContent(t *testing.T) {
	d := openNode(t, "ca")
	dir := t.TempDir()
	p := &publication{out: filepath.Join(dir, "b.zip")}
	defer p.discard()
	_, err := d.change(t.Context(), keyOf(t, d), func(v *view) (*draft, error) {
		dr, err := p.plan(t.Context(), v)
		if v.locked {
			write(t, d.file("nodeinfo/new.txt"), "x")
		}
		return dr, err
	})
	wantError(t, err, "changed while")
	p.discard()
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left %v", entries)
	}
	if _, err := os.Lstat(d.file(fileNodeInfoDigest)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the digest was recorded: %v", err)
	}
}

// TestCheckOutput: --overwrite is no way to replace what the directory keeps.
func TestCheckOutput(t *testing.T) {
	d := openNode(t, "aa")
	if err := os.Symlink("private", d.file("link")); err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{
		fileRootKey, fileRootCert, fileIndex, fileSerial, "db/subnets/creditors/000001", "peers/" + referenceCA + "/sub-ca.crt",
		"nodeinfo/x.crt", "link/root-ca.key", "certs/x.pem", ".gitignore", "ROOT-CA.CRT", "creditors-subnet.txt",
	} {
		if err := d.CheckOutput(d.file(rel)); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: found %v, expected ErrRejected", rel, err)
		}
	}
	for _, path := range []string{d.file("for-them.crt"), filepath.Join(t.TempDir(), "root-ca.crt"), filepath.Join(d.Path(), "..", "x")} {
		if err := d.CheckOutput(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
