package bundle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// sourceOf is the material of a reference node with its nodeinfo in a copy.
func sourceOf(t testing.TB, node string) bundle.Source {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "nodeinfo")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(reference, "nodes", node, "nodeinfo"))); err != nil {
		t.Fatal(err)
	}
	root, err := certs.ParseCertificate(readFile(t, reference, "nodes", node, "root-ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.ParseRequest(readFile(t, reference, "nodes", node, "db", "root-ca.csr"))
	if err != nil {
		t.Fatal(err)
	}
	return bundle.Source{Root: root, Request: request, Dir: dir, Key: rootKey(t, node), UpdatedAt: line(t, "2026-11-24"), Modified: testTime}
}

func line(t testing.TB, s string) bundle.UpdatedAt {
	t.Helper()
	u, err := bundle.ParseUpdatedAt(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// put writes files below dir; a name that ends in a slash is a folder.
func put(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o777); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func mustCreate(t testing.TB, src bundle.Source) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := bundle.Create(t.Context(), &out, src); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// someFiles are of every sort that can be published.
var someFiles = map[string]string{
	"index.html": "<html></html>", "docs/terms.txt": strings.Repeat("terms ", 1000), "docs/.note": "", "logo.png": "\x89PNG",
	"a/b/c/d": "deep", "empty folder/": "", "\u65e5\u672c.txt": "x", "docs-2/x": "x",
}

func TestCreate(t *testing.T) {
	for _, node := range []string{"aa", "ca", "da"} {
		src := sourceOf(t, node)
		put(t, src.Dir, someFiles)
		put(t, src.Dir, map[string]string{".git/config": "x", ".env": "SECRET=1"})
		var out bytes.Buffer
		omitted, err := bundle.Create(t.Context(), &out, src)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{".env", ".git"}; !slices.Equal(omitted, want) {
			t.Errorf("found %v left out, expected %v", omitted, want)
		}
		b, report := verify(out.Bytes())
		if b == nil || !report.OK(true) {
			t.Fatal(report.Err(), report.Failed(check.Warning))
		}
		if b.NodeInfo.UpdatedAt.String() != "2026-11-24" || b.Fingerprint() != certs.KeyFingerprint(src.Root.RawSubjectPublicKeyInfo) {
			t.Errorf("found %v, %v", b.NodeInfo.UpdatedAt, b.Fingerprint())
		}

		// Extracted, it is the directory, with the new line.
		dir := filepath.Join(t.TempDir(), "x")
		if err := b.NodeInfo.Extract(dir); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(src.Dir, ".git")), os.Remove(filepath.Join(src.Dir, ".env")),
			os.WriteFile(filepath.Join(src.Dir, "updated-at.txt"), []byte("2026-11-24\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
		if got, want := tree(t, dir), tree(t, src.Dir); got != want {
			t.Errorf("found\n%s\nexpected\n%s", got, want)
		}
		of, err := bundle.ContentDigest(src.Dir)
		if err != nil || of != b.NodeInfo.ContentDigest() {
			t.Errorf("found content %x, %v, expected %x", of, err, b.NodeInfo.ContentDigest())
		}
		if of, err = bundle.ContentDigest(dir); err != nil || of != b.NodeInfo.ContentDigest() {
			t.Errorf("extracted: found content %x, %v, expected %x", of, err, b.NodeInfo.ContentDigest())
		}
	}
}

// tree describes everything below a folder, but not modes and times.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var out strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			fmt.Fprintf(&out, "%s/\n", path)
			return err
		}
		var content []byte
		if e.Type().IsRegular() {
			content, err = os.ReadFile(filepath.Join(dir, path))
		}
		fmt.Fprintf(&out, "%s %v %q\n", path, e.Type(), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCreateIsDeterministic(t *testing.T) {
	src := sourceOf(t, "ca")
	put(t, src.Dir, someFiles)
	first := mustCreate(t, src)

	// Another copy, with other times and modes, in another time zone, on one processor.
	again := sourceOf(t, "ca")
	put(t, again.Dir, someFiles)
	if err := fs.WalkDir(os.DirFS(again.Dir), ".", func(path string, e fs.DirEntry, err error) error {
		full := filepath.Join(again.Dir, path)
		return errors.Join(err, os.Chtimes(full, time.Unix(1, 0), time.Unix(1e9, 0)), os.Chmod(full, 0o700))
	}); err != nil {
		t.Fatal(err)
	}
	again.Modified = src.Modified.In(time.FixedZone("east", 5*3600))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if second := mustCreate(t, again); !bytes.Equal(first, second) {
		t.Error("the same directory and key gave other bytes")
	}
	again.UpdatedAt = line(t, "2026-11-24T00:00:00Z")
	if bytes.Equal(first, mustCreate(t, again)) {
		t.Error("another date gave the same bytes")
	}
}

// The members stand in bytewise order of name, and nodeinfo.zip is stored.
func TestCreateOrder(t *testing.T) {
	data := mustCreate(t, sourceOf(t, "aa"))
	last := -1
	for _, name := range []string{"nodeinfo.signature", "nodeinfo.zip", "root-ca.crt", "root-ca.csr"} {
		i := bytes.Index(data, []byte(name))
		if i <= last {
			t.Errorf("found %s at %d, after %d", name, i, last)
		}
		last = i
	}
	section, ok := partsOffset(data)
	if !ok || !bytes.HasPrefix(data[section:], []byte("PK\x03\x04")) {
		t.Error("nodeinfo.zip is not stored")
	}
}

// partsOffset finds the data of nodeinfo.zip by its local header.
func partsOffset(data []byte) (int, bool) {
	i := bytes.Index(data, []byte("nodeinfo.zip"))
	if i < 30 {
		return 0, false
	}
	extra := int(data[i-2]) | int(data[i-1])<<8
	return i + len("nodeinfo.zip") + extra, true
}

func TestContentDigest(t *testing.T) {
	src := sourceOf(t, "aa")
	digest := func() string {
		sum, err := bundle.ContentDigest(src.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sum)
	}
	// One file: the digest of the line that sha256sum prints for it.
	base := digest()
	if want := "2e798ef37c37ae47fa98efcec866f077935a6c2dfaaf573856a6118c5669f00b"; base != want {
		t.Errorf("found %s, expected %s", base, want)
	}
	for _, tt := range []struct {
		name    string
		change  func()
		differs bool
	}{
		{"another date", func() { put(t, src.Dir, map[string]string{"updated-at.txt": "1999-01-01\n"}) }, false},
		{"a hidden name", func() { put(t, src.Dir, map[string]string{".x": "1"}) }, false},
		{"an empty folder", func() { put(t, src.Dir, map[string]string{"e/": ""}) }, false},
		{"a file", func() { put(t, src.Dir, map[string]string{"e/x": ""}) }, true},
		{"its content", func() { put(t, src.Dir, map[string]string{"e/x": "1"}) }, true},
		{"updated-at.txt in a folder", func() { put(t, src.Dir, map[string]string{"e/updated-at.txt": ""}) }, true},
		{"a hidden name in a folder", func() { put(t, src.Dir, map[string]string{"e/.x": ""}) }, true},
	} {
		tt.change()
		if got := digest(); (got != base) != tt.differs {
			t.Errorf("%s: found the digest changed: %v, expected %v", tt.name, got != base, tt.differs)
		}
		base = digest()
	}
}

func TestCreateRefuses(t *testing.T) {
	other := sourceOf(t, "da")
	link := func(target, name string) func(testing.TB, *bundle.Source) {
		return func(t testing.TB, s *bundle.Source) {
			if err := os.Symlink(target, filepath.Join(s.Dir, name)); err != nil {
				t.Skip(err)
			}
		}
	}
	file := func(name, content string) func(testing.TB, *bundle.Source) {
		return func(t testing.TB, s *bundle.Source) { put(t, s.Dir, map[string]string{name: content}) }
	}
	for _, tt := range []struct {
		name   string
		change func(testing.TB, *bundle.Source)
		want   string
	}{
		{"no root", func(_ testing.TB, s *bundle.Source) { s.Root = nil }, "no root certificate"},
		{"no request", func(_ testing.TB, s *bundle.Source) { s.Request = nil }, "no signing request"},
		{"no key", func(_ testing.TB, s *bundle.Source) { s.Key = nil }, "no key"},
		{"no date", func(_ testing.TB, s *bundle.Source) { s.UpdatedAt = bundle.UpdatedAt{} }, "no date"},
		{"no time", func(_ testing.TB, s *bundle.Source) { s.Modified = time.Time{} }, "no time"},
		{"a time before zip archives", func(_ testing.TB, s *bundle.Source) { s.Modified = time.Unix(0, 0) }, "1980"},
		{"key of another node", func(_ testing.TB, s *bundle.Source) { s.Key = other.Key }, "expected that of the root certificate"},
		{"request of another node", func(_ testing.TB, s *bundle.Source) { s.Request = other.Request }, "csr.public-key"},
		{"root of another node", func(_ testing.TB, s *bundle.Source) { s.Root, s.Key = other.Root, other.Key }, "csr.subject"},
		{"a root file that is too large", func(_ testing.TB, s *bundle.Source) {
			c := *s.Root
			c.File = padded(c.File, bundle.MaxCertificate+1)
			s.Root = &c
		}, "65537 bytes"},
		{"no directory", func(_ testing.TB, s *bundle.Source) { s.Dir += "-not" }, "no such file"},
		{"a file for a directory", func(_ testing.TB, s *bundle.Source) { s.Dir = filepath.Join(s.Dir, "stomp.toml") }, "not a directory"},
		{"no stomp.toml", func(t testing.TB, s *bundle.Source) {
			if err := os.Remove(filepath.Join(s.Dir, "stomp.toml")); err != nil {
				t.Fatal(err)
			}
		}, "found no file stomp.toml"},
		{"an invalid stomp.toml", file("stomp.toml", "servers = []\n"), "manifest.servers"},
		{"a large stomp.toml", file("stomp.toml", goodManifest+strings.Repeat("#", 64<<10)), "expected at most 65536"},
		{"a symbolic link", link("stomp.toml", "x"), `"x": found a symbolic link`},
		{"a symbolic link to a folder elsewhere", link("/", "x"), "a symbolic link"},
		{"a symbolic link for stomp.toml", func(t testing.TB, s *bundle.Source) {
			if err := os.Rename(filepath.Join(s.Dir, "stomp.toml"), filepath.Join(s.Dir, "y")); err != nil {
				t.Fatal(err)
			}
			link("y", "stomp.toml")(t, s)
		}, "a symbolic link"},
		{"a pipe", func(t testing.TB, s *bundle.Source) {
			if err := makePipe(filepath.Join(s.Dir, "x")); err != nil {
				t.Skip(err)
			}
		}, "a named pipe"},
		{"a socket", func(t testing.TB, s *bundle.Source) {
			l, err := net.Listen("unix", filepath.Join(s.Dir, "x"))
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "a socket"},
		{"a folder for updated-at.txt", func(t testing.TB, s *bundle.Source) {
			if err := os.Remove(filepath.Join(s.Dir, "updated-at.txt")); err != nil {
				t.Fatal(err)
			}
			put(t, s.Dir, map[string]string{"updated-at.txt/": ""})
		}, "found a folder"},
		{"a backslash", file(`a\b`, "x"), "backslash"},
		{"a device of Windows", file("docs/CON", "x"), "zip.name-reserved"},
		{"a control character", file("a\nb", "x"), "zip.name-control"},
		{"a name that is not UTF-8", file("a\xff", "x"), "rename it"},
		{"names that differ by case", func(t testing.TB, s *bundle.Source) {
			put(t, s.Dir, map[string]string{"Readme": "1", "README": "2"})
		}, "zip.name-collision"},
		{"updated-at.txt by case", file("Updated-At.txt", "x"), "zip.name-collision"},
		{"a deep folder", file(strings.Repeat("d/", bundle.MaxDepth)+"x", "x"), "17 elements"},
		{"a private key", file("backup.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n"), `"backup.key": found a private key`},
		{"a private key deep in a large file", file("a/b.tar", strings.Repeat("x", 100_000)+"\n-----BEGIN RSA PRIVATE KEY-----\n"), `"a/b.tar": found a private key`},
		{"a git repository", file("docs/.git/config", "x"), "bundle.git-repository"},
		{"a bomb", file("zeros", strings.Repeat("\x00", 8<<20)), "nobody would read it"},
		{"a huge file", func(t testing.TB, s *bundle.Source) {
			f, err := os.Create(filepath.Join(s.Dir, "huge"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := f.Truncate(bundle.MaxFile + 1); err != nil { // sparse
				t.Skip(err)
			}
		}, "134217729 bytes"},
		{"too many files", func(t testing.TB, s *bundle.Source) {
			for i := range bundle.MaxEntries - 1 { // and stomp.toml, updated-at.txt
				if err := os.WriteFile(filepath.Join(s.Dir, fmt.Sprint(i)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, "more than 4096 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := sourceOf(t, "ca")
			tt.change(t, &src)
			var out bytes.Buffer
			omitted, err := bundle.Create(t.Context(), &out, src)
			if err == nil || !strings.Contains(err.Error(), tt.want) || omitted != nil {
				t.Errorf("found %v, expected an error with … %s …", err, tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("%d bytes were written", out.Len())
			}
		})
	}
}

// The most files that are accepted in a bundle can be published.
func TestCreateMostEntries(t *testing.T) {
	src := sourceOf(t, "ca")
	for i := range bundle.MaxEntries - 2 { // and stomp.toml, updated-at.txt
		if err := os.WriteFile(filepath.Join(src.Dir, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := mustVerify(t, mustCreate(t, src))
	if n := len(b.NodeInfo.Archive.Entries()); n != bundle.MaxEntries {
		t.Errorf("found %d entries, expected %d", n, bundle.MaxEntries)
	}
}
