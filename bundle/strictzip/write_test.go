package strictzip_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

var testTime = time.Date(2026, 11, 23, 10, 15, 1, 0, time.UTC)

func file(name, content string) strictzip.File {
	return strictzip.File{Name: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}

func dir(name string) strictzip.File { return strictzip.File{Name: name} }

func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

func someContent() []strictzip.File {
	return []strictzip.File{
		file("stomp.toml", "host = \"/\"\n"),
		file("updated-at.txt", "2026-11-23\n"),
		dir("docs/"),
		file("docs/na\u00efve.txt", strings.Repeat("caf\u00e9 ", 1000)),
		file("docs/~back", ""),
		file("nodeinfo.zip", noise(100000)),
		file("random", noise(200000)),
		file("B", "upper case sorts first"),
	}
}

func mustWrite(t testing.TB, files []strictzip.File, modified time.Time) ([]byte, *strictzip.Written) {
	t.Helper()
	var b bytes.Buffer
	w, err := strictzip.Write(t.Context(), &b, files, modified, testLimits)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w
}

func TestWrite(t *testing.T) {
	data, w := mustWrite(t, someContent(), testTime.Add(999*time.Millisecond))
	a, err := w.Verify(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if w.Size() != int64(len(data)) || w.SHA256() != sha256.Sum256(data) {
		t.Errorf("size %d and digest %x, expected those of what was written", w.Size(), w.SHA256())
	}
	agreeWithArchiveZip(t, data, a)
	walkAll(t, a)

	var names []string
	for _, e := range a.Entries() {
		names = append(names, e.Name)
		if !e.Modified.Equal(testTime) || e.Modified.Location() != time.UTC {
			t.Errorf("%q is of %v, expected %v", e.Name, e.Modified, testTime)
		}
		want := os.FileMode(0o644)
		if strings.HasSuffix(e.Name, "/") {
			want = 0o755 | os.ModeDir
		}
		if e.Mode != want {
			t.Errorf("%q has mode %v, expected %v", e.Name, e.Mode, want)
		}
	}
	if !slices.IsSorted(names) || len(names) != len(someContent()) {
		t.Errorf("names %q, expected all in order", names)
	}
	for _, f := range someContent() {
		if f.Open == nil {
			continue
		}
		rc, _ := f.Open()
		want, _ := io.ReadAll(rc)
		if got, err := a.ReadFile(f.Name, f.Size); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q reads otherwise than written: %v", f.Name, err)
		}
	}

	// The only extra field is UT with the modification time, and there are no comments.
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ut := le.AppendUint32([]byte{0x55, 0x54, 5, 0, 1}, uint32(testTime.Unix()))
	for _, f := range r.File {
		if f.Name == "nodeinfo.zip" && f.Method != zip.Store {
			t.Error("a .zip is compressed, expected it stored")
		}
		if !bytes.Equal(f.Extra, ut) || f.Comment != "" || r.Comment != "" {
			t.Errorf("%q has extra field %x and comment %q, expected %x and none", f.Name, f.Extra, f.Comment, ut)
		}
	}
}

// The same arguments make the same bytes, in any order and time zone and on any number of processors.
func TestWriteIsDeterministic(t *testing.T) {
	want, _ := mustWrite(t, someContent(), testTime)
	reversed := someContent()
	slices.Reverse(reversed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(procs)
		got, _ := mustWrite(t, reversed, testTime.In(time.FixedZone("far", 9*3600)))
		if !bytes.Equal(got, want) {
			t.Fatalf("other bytes on %d processors, in another order and time zone", procs)
		}
	}
	if other, _ := mustWrite(t, someContent(), testTime.Add(time.Second)); bytes.Equal(other, want) {
		t.Error("the time makes no difference")
	}
}

// These bytes are what everybody has who made this archive before: a change of them makes
// every unchanged directory look changed.
func TestWriteIsStable(t *testing.T) {
	data, _ := mustWrite(t, someContent(), testTime)
	const want = "99a29e1b8be35b0099a2e81b4cfb648e9568dc83ec193e14eb58802e2ab61f6a"
	if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want {
		t.Errorf("SHA-256 %s, expected %s: has the compressor changed?", got, want)
	}
}

func TestInfoZIPReadsWhatIsWritten(t *testing.T) {
	zipinfo := program(t, "zipinfo")
	data, w := mustWrite(t, someContent(), testTime)
	a, err := w.Verify(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	agreeWithUnzip(t, data, a)
	name := filepath.Join(t.TempDir(), "a.zip")
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(zipinfo, "-T", name)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("zipinfo: %v: %s", err, out)
	}
	for _, want := range []string{"-rw-r--r--", "drwxr-xr-x", "20261123.101501", "8 files"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("zipinfo shows\n%sexpected %q in it", out, want)
		}
	}
}

// refusal is a list of files that Write must not write, and why.
func TestWriteRefusesBeforeWriting(t *testing.T) {
	limited := func(change func(*strictzip.Limits)) strictzip.Limits {
		lim := testLimits
		change(&lim)
		return lim
	}
	many := make([]strictzip.File, 20)
	for i := range many {
		many[i] = file(fmt.Sprintf("../%02d", i), "")
	}
	for _, c := range []struct {
		what  string
		files []strictzip.File
		when  time.Time
		lim   strictzip.Limits
		want  string
	}{
		{"no limits", someContent(), testTime, strictzip.Limits{}, "limit Archive is 0"},
		{"nothing", nil, testTime, testLimits, "no files to archive"},
		{"no time", someContent(), time.Time{}, testLimits, "expected one from 1980"},
		{"1979", someContent(), time.Unix(strictzip.MinModified-1, 0), testLimits, "expected one from 1980"},
		{"2106", someContent(), time.Unix(strictzip.MaxModified+1, 0), testLimits, "expected one from 1980"},
		{"3100", someContent(), time.Date(3100, 1, 1, 0, 0, 0, 0, time.UTC), testLimits, "3100-01-01T00:00:00Z"},
		{"a name that leads out", []strictzip.File{file("../a", "")}, testTime, testLimits, `name "../a": an element ".."`},
		{"a name with a control character", []strictzip.File{file("a\x1b[2J", "")}, testTime, testLimits, `zip.name-control`},
		{"a name of Windows", []strictzip.File{file("aux.txt", "")}, testTime, testLimits, `zip.name-reserved`},
		{"two names that differ by case", []strictzip.File{file("a", ""), file("A", "")}, testTime, testLimits, `"a": a name that differs only by case or Unicode form from "A"`},
		{"a file that is a folder", []strictzip.File{file("a", ""), file("a/b", "")}, testTime, testLimits, `zip.name-file-folder`},
		{"a name twice", []strictzip.File{file("a", ""), file("a", "")}, testTime, testLimits, `zip.name-duplicate`},
		{"a long name", []strictzip.File{file("abc", "")}, testTime, limited(func(l *strictzip.Limits) { l.Name = 2 }), `zip.limit-name`},
		{"a deep name", []strictzip.File{file("a/b/c", "")}, testTime, limited(func(l *strictzip.Limits) { l.Depth = 2 }), `zip.limit-depth`},
		{"too many", someContent(), testTime, limited(func(l *strictzip.Limits) { l.Entries = 7 }), "8 files and folders to archive, expected at most 7"},
		{"too large a file", []strictzip.File{file("a", "123")}, testTime, limited(func(l *strictzip.Limits) { l.File = 2 }), `"a": 3 bytes, expected at most 2`},
		{"too large together", []strictzip.File{file("a", "12"), file("b", "12")}, testTime, limited(func(l *strictzip.Limits) { l.Total = 3 }), `4 bytes to archive, expected at most 3`},
		{"a negative size", []strictzip.File{{Name: "a", Size: -1, Open: file("a", "").Open}}, testTime, testLimits, "a size of -1 bytes"},
		{"a folder with content", []strictzip.File{file("a/", "x")}, testTime, testLimits, "a folder with content"},
		{"a file without content", []strictzip.File{{Name: "a"}}, testTime, testLimits, "a file without content"},
		{"many bad names", many, testTime, testLimits, "and 12 more"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var b bytes.Buffer
			_, err := strictzip.Write(t.Context(), &b, c.files, c.when, c.lim)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected %q", err, c.want)
			}
			if b.Len() != 0 {
				t.Errorf("%d bytes were written", b.Len())
			}
		})
	}
}

func TestWriteFails(t *testing.T) {
	errOpen := errors.New("permission denied")
	sized := func(size int64, content string) []strictzip.File {
		f := file("a", content)
		f.Size = size
		return []strictzip.File{f, file("b", "")}
	}
	limited := func(change func(*strictzip.Limits)) strictzip.Limits {
		lim := testLimits
		change(&lim)
		return lim
	}
	for _, c := range []struct {
		what  string
		files []strictzip.File
		lim   strictzip.Limits
		want  string
	}{
		{"grew", sized(2, "123"), testLimits, `"a" has more than 2 bytes`},
		{"grew from nothing", sized(0, "123"), testLimits, `"a" has more than 0 bytes`},
		{"shrank", sized(4, "123"), testLimits, `"a" has 3 bytes, expected 4`},
		{"cannot be opened", []strictzip.File{{Name: "a", Open: func() (io.ReadCloser, error) { return nil, errOpen }}}, testLimits, "permission denied"},
		{"archive too large", []strictzip.File{file("a", noise(100000))}, limited(func(l *strictzip.Limits) { l.Archive = 90000 }), "larger than the 90000 bytes"},
		{"compresses too well", []strictzip.File{file("a", strings.Repeat("a", 100000))}, limited(func(l *strictzip.Limits) { l.RatioFree, l.Ratio = 1, 10 }), "nobody would read it"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if _, err := strictzip.Write(t.Context(), io.Discard, c.files, testTime, c.lim); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, expected %q", err, c.want)
			}
		})
	}
}

// What is exactly at a limit is written, and read.
func TestWriteAtTheLimits(t *testing.T) {
	files := []strictzip.File{file("ab/c", "12345"), file("d", "1")}
	data, _ := mustWrite(t, files, testTime)
	lim := strictzip.Limits{Archive: int64(len(data)), Total: 6, File: 5, Entries: 2, Depth: 2, Name: 4, Ratio: 1, RatioFree: 1}
	var b bytes.Buffer
	w, err := strictzip.Write(t.Context(), &b, files, testTime, lim)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verify(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Fatal(err)
	}
}

// The limit on the ratio is the same for reading and writing, to the byte.
func TestWriteRatioIsThatOfReading(t *testing.T) {
	files := []strictzip.File{file("a", strings.Repeat("a", 100000)), dir("d/"), file("d/b", strings.Repeat("b", 1000))}
	for free := int64(100000); free < 101000; free += 7 {
		lim := testLimits
		lim.Ratio, lim.RatioFree = 2, free
		var b bytes.Buffer
		_, err := strictzip.Write(t.Context(), &b, files, testTime, lim)
		_, rep := strictzip.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), lim)
		if (err == nil) != rep.OK(false) {
			t.Fatalf("with %d bytes free: written %v, read %v", free, err, rep.Err())
		}
	}
}

// failingWriter takes n bytes.
type failingWriter struct{ n int }

func (f *failingWriter) Write(p []byte) (int, error) {
	if len(p) > f.n {
		n := f.n
		f.n = 0
		return n, errDisk
	}
	f.n -= len(p)
	return len(p), nil
}

// No write error is lost, wherever it happens.
func TestWriteErrors(t *testing.T) {
	files := []strictzip.File{file("a", "1"), dir("b/"), file("c", strings.Repeat("12345", 30))}
	data, _ := mustWrite(t, files, testTime)
	for n := range len(data) {
		if _, err := strictzip.Write(t.Context(), &failingWriter{n}, files, testTime, testLimits); !errors.Is(err, errDisk) {
			t.Fatalf("after %d of %d bytes: error %v, expected %v", n, len(data), err, errDisk)
		}
	}
	if _, err := strictzip.Write(t.Context(), &failingWriter{len(data)}, files, testTime, testLimits); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyWritten(t *testing.T) {
	files := []strictzip.File{file("a", "1"), file("b", "2")}
	data, w := mustWrite(t, files, testTime)
	other, _ := mustWrite(t, []strictzip.File{file("a", "1"), file("b", "3")}, testTime)
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"cut short": {data[:len(data)-1], "cannot be read"},
		"other":     {other, "digest differs"},
		"empty":     {nil, "cannot be read"},
	} {
		if _, err := w.Verify(bytes.NewReader(c.data), int64(len(c.data))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, expected %q", what, err, c.want)
		}
	}
}
