package strictzip_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// small archives of each kind, for tests that go through every byte.
func smallArchives(t testing.TB) map[string][]byte {
	t.Helper()
	written, _ := mustWrite(t, []strictzip.File{file("a.txt", "hello hello hello"), dir("d/"), file("d/b.zip", "stored")}, testTime)
	commented := plain()
	commented.comment = "hello"
	commented.zip64 = true
	return map[string][]byte{
		"plain":     plain().bytes(),
		"zip64":     commented.bytes(),
		"written":   written,
		"reference": readFile(t, filepath.Join(testdata, "reference/bundles/da.zip")),
	}
}

func TestTruncated(t *testing.T) {
	for what, data := range smallArchives(t) {
		for n := range data {
			if a, rep := strictzip.Open(bytes.NewReader(data), int64(n), testLimits); a != nil || rep.OK(false) {
				t.Fatalf("%s: accepted cut to %d of %d bytes", what, n, len(data))
			}
		}
	}
}

// meaning is all that a reader takes from an archive, except times and permissions.
func meaning(a *strictzip.Archive) string {
	var b strings.Builder
	for _, e := range a.Entries() {
		fmt.Fprintf(&b, "%q %d %v %x\n", e.Name, e.Size, e.Mode.Type(), e.SHA256)
	}
	return b.String()
}

func TestEveryByteFlipped(t *testing.T) {
	for what, data := range smallArchives(t) {
		want := meaning(mustOpen(t, data))
		accepted := 0
		for i := range data {
			flips := []byte{0x01, 0x80, 0xff}
			if len(data) > 1000 {
				flips = flips[i%3 : i%3+1]
			}
			for _, flip := range flips {
				mutant := bytes.Clone(data)
				mutant[i] ^= flip
				a, rep := strictzip.Open(bytes.NewReader(mutant), int64(len(mutant)), testLimits)
				if a == nil {
					if len(rep.Failed(check.Error)) == 0 {
						t.Fatalf("%s: byte %d: refused without a rule", what, i)
					}
					continue
				}
				accepted++
				if got := meaning(a); got != want {
					t.Errorf("%s: byte %d ^ %#x is accepted with another meaning:\n%s, expected\n%s", what, i, flip, got, want)
				}
				agreeWithArchiveZip(t, mutant, a)
			}
		}
		if accepted == 0 || accepted > len(data)/4 {
			t.Errorf("%s: %d mutants of %d bytes accepted, expected a few (versions, attributes)", what, accepted, len(data))
		}
	}
}

// slowReader returns one byte at a time, sometimes together with an error.
type slowReader struct{ r io.ReaderAt }

func (s slowReader) ReadAt(p []byte, off int64) (int, error) {
	return s.r.ReadAt(p[:min(1, len(p))], off)
}

func TestOneByteReader(t *testing.T) {
	for what, data := range smallArchives(t) {
		a, rep := strictzip.Open(slowReader{bytes.NewReader(data)}, int64(len(data)), testLimits)
		if a == nil {
			t.Fatalf("%s: %v", what, rep.Err())
		}
		if meaning(a) != meaning(mustOpen(t, data)) {
			t.Errorf("%s: reads otherwise byte by byte", what)
		}
		walkAll(t, a)
	}
}

// badReader claims to have read more than there was room for.
type badReader struct{}

func (badReader) ReadAt(p []byte, _ int64) (int, error) { return len(p) + 1, nil }

func TestBadReader(t *testing.T) {
	if _, rep := strictzip.Open(badReader{}, 100, testLimits); !rep.Has("zip.read", check.Failed) {
		t.Errorf("%v, expected zip.read", rep.Err())
	}
}

// An archive that changes beneath us is never read with another content than the one judged.
func TestChangedArchive(t *testing.T) {
	for what, data := range smallArchives(t) {
		want := mustOpen(t, data)
		for i := range data {
			if len(data) > 1000 && i%13 != 0 {
				continue
			}
			changing := bytes.Clone(data)
			a, rep := strictzip.Open(bytes.NewReader(changing), int64(len(changing)), testLimits)
			if a == nil {
				t.Fatal(rep.Err())
			}
			changing[i] ^= 0x55
			for _, e := range a.Entries() {
				if e.Mode.IsDir() {
					continue
				}
				got, err := a.ReadFile(e.Name, e.Size)
				if err != nil {
					if !errors.Is(err, strictzip.ErrChanged) {
						t.Fatalf("%s: byte %d: error %v, expected %v", what, i, err, strictzip.ErrChanged)
					}
					continue
				}
				if expected, _ := want.ReadFile(e.Name, e.Size); !bytes.Equal(got, expected) {
					t.Fatalf("%s: byte %d: ReadFile returns another content", what, i)
				}
			}
			err := a.Walk(func(e strictzip.Entry, content io.Reader) error {
				if content == nil {
					return nil
				}
				got, err := io.ReadAll(content)
				if expected, _ := want.ReadFile(e.Name, e.Size); err == nil && !bytes.Equal(got, expected) {
					t.Fatalf("%s: byte %d: Walk shows another content", what, i)
				}
				return err
			})
			if err != nil && !errors.Is(err, strictzip.ErrChanged) {
				t.Fatalf("%s: byte %d: error %v, expected %v", what, i, err, strictzip.ErrChanged)
			}
		}
	}
}

// A read error is not mistaken for a change, and a change not for a read error.
func TestReadErrorAfterOpen(t *testing.T) {
	data := plain().bytes()
	r := &swappedReader{before: data, calls: math.MaxInt}
	a, rep := strictzip.Open(r, int64(len(data)), testLimits)
	if a == nil {
		t.Fatal(rep.Err())
	}
	r.calls, r.err = 0, errDisk
	if _, err := a.ReadFile("stomp.toml", 100); !errors.Is(err, errDisk) || errors.Is(err, strictzip.ErrChanged) {
		t.Errorf("ReadFile: error %v, expected %v", err, errDisk)
	}
	err := a.Walk(func(_ strictzip.Entry, content io.Reader) error {
		if content == nil {
			return nil
		}
		_, err := io.ReadAll(content)
		return err
	})
	if !errors.Is(err, errDisk) || errors.Is(err, strictzip.ErrChanged) {
		t.Errorf("Walk: error %v, expected %v", err, errDisk)
	}
}

// An archive that is large enough to be hashed beside its inflation.
func TestLargeArchive(t *testing.T) {
	data, w := mustWrite(t, []strictzip.File{file("a", noise(3<<20)), file("b", text(3<<20)), file("c.zip", noise(1<<20))}, testTime)
	a, err := w.Verify(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if a.SHA256() != w.SHA256() {
		t.Errorf("digest %x, expected %x", a.SHA256(), w.SHA256())
	}
	agreeWithArchiveZip(t, data, a)
	walkAll(t, a)
	goroutines := runtime.NumGoroutine()
	for calls := range 20 {
		_, rep := strictzip.Open(&swappedReader{before: data, calls: calls, err: errDisk}, int64(len(data)), testLimits)
		if !rep.OK(false) && !rep.Has("zip.read", check.Failed) {
			t.Errorf("after %d calls: %v, expected zip.read", calls, rep.Err())
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, expected %d as before", runtime.NumGoroutine(), goroutines)
}

// A check that was not made for every entry is skipped, not passed.
func TestSkippedIsNotPassed(t *testing.T) {
	for what, c := range map[string]struct {
		a     raw
		rules string
	}{
		"content of an entry without local header": {raw{members: []member{{name: "a", local: func(h []byte) { h[0] = 0 }}, {name: "b"}}}, "zip.deflate zip.size zip.crc"},
		"content of an unknown method":             {one(member{name: "a", local: set16(8, 9), central: set16(10, 9)}), "zip.deflate zip.size zip.crc"},
		"content beyond the limits":                {one(member{name: "a", content: strings.Repeat("a", 2<<20), deflate: true}), "zip.deflate zip.size zip.crc"},
		"names beyond the limits":                  {named(strings.Repeat("a/", 20)), "zip.name-traversal zip.name-duplicate zip.name-control"},
		"everything after a broken end":            {raw{suffix: []byte("x")}, "zip.directory zip.overlap zip.name-absolute zip.crc"},
	} {
		data := c.a.bytes()
		_, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
		for rule := range strings.SplitSeq(c.rules, " ") {
			if !rep.Has(rule, check.Skipped) {
				t.Errorf("%s: %s is not skipped", what, rule)
			}
		}
	}
}

// An archive that is swapped while it is judged has the digest of the bytes that were judged.
func TestSwappedArchive(t *testing.T) {
	good := plain().bytes()
	other := bytes.Replace(good, []byte("host = \"/\""), []byte("host = \"x\""), 1)
	for calls := range 6 {
		a, _ := strictzip.Open(&swappedReader{before: good, after: other, calls: calls}, int64(len(good)), testLimits)
		if a == nil {
			continue
		}
		if a.SHA256() != mustOpen(t, good).SHA256() {
			t.Errorf("swapped after %d calls: the digest is not that of what was judged", calls)
		}
	}
}

type swappedReader struct {
	before, after []byte
	calls         int
	err           error // in place of after
}

func (s *swappedReader) ReadAt(p []byte, off int64) (int, error) {
	data := s.before
	if s.calls <= 0 {
		if s.err != nil {
			return 0, s.err
		}
		data = s.after
	}
	s.calls--
	return bytes.NewReader(data).ReadAt(p, off)
}

func TestReadFile(t *testing.T) {
	a := mustOpen(t, plain().bytes())
	if _, err := a.ReadFile("docs/a.txt", 25); err == nil || !strings.Contains(err.Error(), "26 bytes, expected at most 25") {
		t.Errorf("one byte too many: %v", err)
	}
	for _, name := range []string{"missing", "docs/", "docs", ""} {
		if _, err := a.ReadFile(name, 1000); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v, expected %v", name, err, fs.ErrNotExist)
		}
	}
}

func TestWalkStops(t *testing.T) {
	stop := errors.New("enough")
	calls := 0
	err := mustOpen(t, plain().bytes()).Walk(func(strictzip.Entry, io.Reader) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("error %v after %d calls, expected %v after 1", err, calls, stop)
	}
}

// The empty archive has one reading.
func TestEmptyArchive(t *testing.T) {
	if a := mustOpen(t, raw{}.bytes()); len(a.Entries()) != 0 {
		t.Errorf("%d entries", len(a.Entries()))
	}
}

// What other programs write, and is odd but unambiguous.
func TestOddButAccepted(t *testing.T) {
	times := extra(0x5455, 3, 1, 0, 0, 0)
	for what, a := range map[string]raw{
		"central directory in another order": {members: plain().members, order: []int{2, 0, 1}},
		"descriptor without signature":       one(member{name: "a", content: "x", descriptor: "32nosig"}),
		"64-bit descriptor":                  one(member{name: "a", content: "x", descriptor: "64", localExtra: extra(1)}),
		"64-bit descriptor, no signature":    one(member{name: "a", content: "x", descriptor: "64nosig", localExtra: extra(1)}),
		"local zip64 before a descriptor":    one(member{name: "a", content: "x", descriptor: "64", localExtra: extra(1, u64(1, 1)...), local: func(h []byte) { set32(18, math.MaxUint32)(h); set32(22, math.MaxUint32)(h) }}),
		"local sizes before a descriptor":    one(member{name: "a", content: "x", descriptor: "32", local: set32(22, 1)}),
		"flag of descriptor only local":      one(member{name: "a", content: "x", descriptor: "32", central: set16(8, 0)}),
		"zip64 defers the offset":            one(member{name: "a", content: "x", extra: nil, central: nil}).withCentralZip64(),
		"zip64 end record with plain end":    {members: plain().members, zip64: true, end: func(e []byte) { copy(e[8:], "\x03\x00\x03\x00") }},
		"local times":                        one(member{name: "a", extra: nil, localExtra: extra(0x5455, 3, 1, 0, 0, 0, 2, 0, 0, 0)}),
		"central times":                      one(member{name: "a", extra: times}),
		"NTFS times":                         one(member{name: "a", extra: extra(0x000a, append([]byte{0, 0, 0, 0, 1, 0, 24, 0}, make([]byte, 24)...)...)}),
		"old times and owner":                one(member{name: "a", extra: append(extra(0x5855, make([]byte, 12)...), extra(0x7855)...)}),
		"owner":                              one(member{name: "a", extra: extra(0x7875, 1, 4, 1, 0, 0, 0, 2, 1, 0)}),
		"folder without attributes":          one(member{name: "a/", central: set32(38, 0)}),
		"folder of MS-DOS":                   one(member{name: "a/", attrs: 0x10, central: func(h []byte) { h[5] = 0 }}),
		"file of Windows":                    one(member{name: "a", attrs: 0x20, central: func(h []byte) { h[5] = 11 }}),
		"longest comment":                    {members: plain().members, comment: strings.Repeat("c", 1024)},
		"comment of more lines":              {members: plain().members, comment: "one\r\n\ttwo \u00e9\n"},
		"comment of an entry":                one(member{name: "a", comment: "why not"}),
		"an archive in an archive":           one(member{name: "a.zip", content: string(plain().bytes())}),
		"names that only look alike":         named("a", "b", "ab", "a.b", "a-b/c", "con1", "com", "xcon", "nul1.txt", ".hidden", "a~1", " a"),
	} {
		t.Run(what, func(t *testing.T) {
			data := a.bytes()
			got := mustOpen(t, data)
			agreeWithArchiveZip(t, data, got)
			walkAll(t, got)
		})
	}
}

// withCentralZip64 defers the offset of the only member to a zip64 field in the
// central directory.
func (a raw) withCentralZip64() raw {
	m := a.members[0]
	field := extra(1, u64(0)...)
	a.dir = func(d []byte) []byte {
		le.PutUint16(d[30:], uint16(len(field)))
		le.PutUint32(d[42:], math.MaxUint32)
		return append(d[:46+len(m.name)], field...)
	}
	return a
}

// Every limit is tested at it; one past it is in the fixtures of the rules.
func TestAtTheLimits(t *testing.T) {
	content := strings.Repeat("a", 1000)
	a := raw{members: []member{{name: "abc/de", content: content, deflate: true}, {name: "f", content: "123"}}}
	data := a.bytes()
	compressed := int64(len(deflated(content))) + 3
	lim := strictzip.Limits{Archive: int64(len(data)), Total: 1003, File: 1000, Entries: 2, Depth: 2, Name: 6, RatioFree: 3, Ratio: (1000 + compressed - 1) / compressed}
	if _, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), lim); !rep.OK(false) {
		t.Fatal(rep.Err())
	}
	for what, change := range map[string]func(*strictzip.Limits){
		"zip.limit-archive": func(l *strictzip.Limits) { l.Archive-- },
		"zip.limit-total":   func(l *strictzip.Limits) { l.Total-- },
		"zip.limit-file":    func(l *strictzip.Limits) { l.File-- },
		"zip.limit-entries": func(l *strictzip.Limits) { l.Entries-- },
		"zip.limit-depth":   func(l *strictzip.Limits) { l.Depth-- },
		"zip.limit-name":    func(l *strictzip.Limits) { l.Name-- },
		"zip.limit-ratio":   func(l *strictzip.Limits) { l.Ratio-- },
	} {
		less := lim
		change(&less)
		if _, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), less); strings.Join(failedRules(rep), " ") != strings.TrimPrefix(what, "zip.") {
			t.Errorf("one below: breaches of %q, expected %s", failedRules(rep), what)
		}
	}
	// Numbers near the largest do not overflow.
	huge := strictzip.Limits{Archive: math.MaxInt64, Total: math.MaxInt64, File: math.MaxInt64, Entries: math.MaxInt, Depth: math.MaxInt, Name: math.MaxInt, Ratio: math.MaxInt64, RatioFree: math.MaxInt64}
	if _, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), huge); !rep.OK(false) {
		t.Fatal(rep.Err())
	}
}

// One breach does not hide the next, however far it is.
func TestAllBreachesAreFound(t *testing.T) {
	a := raw{members: []member{
		{name: "first", content: noise(1 << 20), deflate: true, data: append([]byte{0xff}, noise(1<<20)...)},
		{name: "second", content: noise(1 << 20), local: set16(12, 1)},
		{name: "../third", content: "x", data: []byte("y")},
	}}
	data := a.bytes()
	_, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
	if got, want := strings.Join(failedRules(rep), " "), "name-traversal local-header deflate crc"; got != want {
		t.Errorf("breaches of %q, expected %q", got, want)
	}
	lim := testLimits
	lim.File = 1000
	_, rep = strictzip.Open(bytes.NewReader(data), int64(len(data)), lim)
	if got, want := strings.Join(failedRules(rep), " "), "name-traversal limit-file local-header"; got != want {
		t.Errorf("beyond a limit, breaches of %q, expected %q", got, want)
	}
}
