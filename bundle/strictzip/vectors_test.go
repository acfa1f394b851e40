package strictzip_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// testLimits are those of info-bundle.md for nodeinfo.zip.
var testLimits = strictzip.Limits{
	Archive: 72 << 20, Total: 256 << 20, File: 128 << 20, Entries: 4096, Depth: 16, Name: 1024, Ratio: 200, RatioFree: 1 << 20,
}

const testdata = "../../testdata"

// vectorFiles returns the archives of one class, of which there must be so many.
func vectorFiles(t testing.TB, class string, count int) []string {
	t.Helper()
	return someFiles(t, filepath.Join(testdata, "vectors/zip", class, "*.zip"), count)
}

func someFiles(t testing.TB, pattern string, count int) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != count {
		t.Fatalf("%s: found %d files (%v), expected %d", pattern, len(files), err, count)
	}
	return files
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustOpen(t testing.TB, data []byte) *strictzip.Archive {
	t.Helper()
	a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
	if err := rep.Err(); err != nil {
		t.Fatal(err)
	}
	if a.SHA256() != sha256.Sum256(data) {
		t.Fatalf("the digest of the archive is %x, expected %x", a.SHA256(), sha256.Sum256(data))
	}
	return a
}

// agreeWithArchiveZip fails unless Go's archive/zip sees the same names and contents.
func agreeWithArchiveZip(t testing.TB, data []byte, a *strictzip.Archive) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatalf("archive/zip: %v", err)
	}
	entries := a.Entries()
	if len(r.File) != len(entries) {
		t.Fatalf("archive/zip has %d entries, expected %d", len(r.File), len(entries))
	}
	for i, f := range r.File {
		e := entries[i]
		if f.Name != e.Name || f.FileInfo().IsDir() != e.Mode.IsDir() || int64(f.UncompressedSize64) != e.Size {
			t.Fatalf("archive/zip has %q of %d bytes, expected %q of %d", f.Name, f.UncompressedSize64, e.Name, e.Size)
		}
		if e.Mode.IsDir() {
			continue
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatalf("archive/zip: %v", err)
		}
		content, err := io.ReadAll(rc)
		if err != nil {
			t.Fatalf("archive/zip: %q: %v", f.Name, err)
		}
		ours, err := a.ReadFile(e.Name, e.Size)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content, ours) || sha256.Sum256(content) != e.SHA256 {
			t.Fatalf("archive/zip reads %q otherwise", f.Name)
		}
	}
}

// walkAll reads everything by Walk, and compares it with ReadFile.
func walkAll(t testing.TB, a *strictzip.Archive) {
	t.Helper()
	var names []string
	err := a.Walk(func(e strictzip.Entry, content io.Reader) error {
		names = append(names, e.Name)
		if content == nil {
			if !e.Mode.IsDir() {
				t.Errorf("no content of %q", e.Name)
			}
			return nil
		}
		walked, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		read, err := a.ReadFile(e.Name, e.Size)
		if !bytes.Equal(walked, read) {
			t.Errorf("%q reads otherwise by ReadFile", e.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(names) || len(names) != len(a.Entries()) {
		t.Errorf("walked %q, expected all %d entries in order", names, len(a.Entries()))
	}
}

func TestVectors(t *testing.T) {
	for _, class := range []struct {
		name  string
		count int
	}{{"accept", 9}, {"reject", 13}, {"malicious", 8}, {"iffy", 49}} {
		accepted := 0
		for _, name := range vectorFiles(t, class.name, class.count) {
			t.Run(class.name+"/"+filepath.Base(name), func(t *testing.T) {
				data := readFile(t, name)
				a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
				if a == nil {
					if len(failedRules(rep)) == 0 {
						t.Error("refused without a rule")
					}
					return
				}
				accepted++
				agreeWithArchiveZip(t, data, a)
				walkAll(t, a)
			})
		}
		// Of the iffy ones, four have one reading: nosubdir.zip (a folder without an
		// entry of its own, which is normal), and crc_zero and crc_collision
		// (checksums that are unlikely, and right).
		if want := map[string]int{"accept": 9, "iffy": 4}[class.name]; accepted != want {
			t.Errorf("class %s: accepted %d, expected %d", class.name, accepted, want)
		}
	}
}

func TestReferenceBundles(t *testing.T) {
	for _, name := range someFiles(t, filepath.Join(testdata, "reference/bundles/*.zip"), 5) {
		data := readFile(t, name)
		outer := mustOpen(t, data)
		agreeWithArchiveZip(t, data, outer)
		walkAll(t, outer)
		content, err := outer.ReadFile("nodeinfo.zip", 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inner := mustOpen(t, content)
		walkAll(t, inner)
		for _, e := range outer.Entries() {
			if e.Name == "nodeinfo.zip" && inner.SHA256() != e.SHA256 {
				t.Errorf("%s: the archive judged is not the member", name)
			}
		}
	}
}

// program returns the path of a tool, or skips; where interoperability is
// required, its absence is a failure.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// Everything that Info-ZIP's zip writes in its usual ways is read.
func TestInfoZIPArchives(t *testing.T) {
	zipper := program(t, "zip")
	dir := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(dir, "in", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("stomp.toml", "host = \"/\"\n")
	write("docs/long.txt", strings.Repeat("all work and no play\n", 1000))
	write("docs/empty", "")
	write("docs/na\u00efve.txt", "x")
	for _, args := range [][]string{
		{"-qr", "@", "."}, {"-qrX", "@", "."}, {"-qrD", "@", "."}, {"-qr0", "@", "."}, {"-qr9", "@", "."},
		{"-qr", "-fz", "@", "."}, {"-qr", "-fd", "@", "."}, {"-qr", "-", "."},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.zip")
			cmd := exec.Command(zipper, slices.Clone(args)...)
			for i := range cmd.Args {
				if cmd.Args[i] == "@" {
					cmd.Args[i] = out
				}
			}
			cmd.Dir = filepath.Join(dir, "in")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("zip: %v: %s", err, &stderr)
			}
			data := stdout.Bytes()
			if slices.Contains(args, "@") {
				data = readFile(t, out)
			}
			a := mustOpen(t, data)
			agreeWithArchiveZip(t, data, a)
			walkAll(t, a)
			agreeWithUnzip(t, data, a)
		})
	}
}

// unzipped returns the names of what Info-ZIP's unzip extracts, when nobody answers its questions.
func unzipped(t testing.TB, data []byte) []string {
	t.Helper()
	unzip := program(t, "unzip")
	dir := t.TempDir()
	file, to := filepath.Join(dir, "a.zip"), filepath.Join(dir, "to")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(unzip, "-q", file, "-d", to)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput() // fails when it leaves something out
	t.Logf("unzip: %v: %s", err, out)
	entries, err := os.ReadDir(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// What Info-ZIP's unzip leaves out, or extracts under another name, is refused, or there is a warning.
func TestUnzipSeesOtherwise(t *testing.T) {
	central := func(v uint16) raw {
		return raw{members: []member{{name: "a", content: "x"}, {name: "secret", content: "x", central: set16(6, v)}}}
	}
	madeBy := func(v uint16) raw {
		return one(member{name: "\u00e9", attrs: 0x20, local: set16(6, 0x800), central: func(h []byte) { set16(4, v)(h); set16(8, 0x800)(h) }})
	}
	for _, tt := range []struct {
		what     string
		archive  raw
		rule     string // "" if nothing is to be said
		accepted bool
		ours     string
		same     bool // unzip sees what we see
	}{
		{"no host system", central(45), "", true, "a secret", true},
		{"VMS", central(0x0214), "zip.version", false, "a secret", false},
		{"later VMS", central(0x022d), "zip.version", false, "a secret", false},
		{"made on Unix", madeBy(3<<8 | 20), "", true, "\u00e9", true},
		{"made on MS-DOS", madeBy(20), "zip.name-converted", true, "\u00e9", false},
		{"made on MS-DOS, version 4.5", madeBy(45), "zip.name-converted", true, "\u00e9", false},
		{"made on NTFS, version 5.0", madeBy(11<<8 | 50), "zip.name-converted", true, "\u00e9", false},
		{"made on NTFS, version 4.5", madeBy(11<<8 | 45), "", true, "\u00e9", true},
		{"made on VFAT", madeBy(14<<8 | 20), "", true, "\u00e9", true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			data := tt.archive.bytes()
			a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
			if got, want := strings.Join(failedRules(rep), " "), strings.TrimPrefix(tt.rule, "zip."); got != want || (a != nil) != tt.accepted {
				t.Errorf("accepted %v with breaches of %q, expected %v and %q", a != nil, got, tt.accepted, want)
			}
			if got := strings.Join(unzipped(t, data), " "); (got == tt.ours) != tt.same {
				t.Errorf("unzip extracts %q, the archive says %q: expected the same: %v", got, tt.ours, tt.same)
			}
		})
	}
}

// agreeWithUnzip fails unless Info-ZIP's unzip accepts the archive and extracts the same
// contents.
func agreeWithUnzip(t testing.TB, data []byte, a *strictzip.Archive) {
	t.Helper()
	unzip := program(t, "unzip")
	dir := t.TempDir()
	file := filepath.Join(dir, "a.zip")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(unzip, "-t", file).CombinedOutput(); err != nil {
		t.Fatalf("unzip -t: %v: %s", err, out)
	}
	to := filepath.Join(dir, "to")
	if out, err := exec.Command(unzip, "-q", file, "-d", to).CombinedOutput(); err != nil {
		t.Fatalf("unzip: %v: %s", err, out)
	}
	for _, e := range a.Entries() {
		if e.Mode.IsDir() || !isASCII(e.Name) { // unzip escapes names in some locales
			continue
		}
		if content := readFile(t, filepath.Join(to, filepath.FromSlash(e.Name))); sha256.Sum256(content) != e.SHA256 {
			t.Errorf("unzip extracts %q otherwise", e.Name)
		}
	}
}
