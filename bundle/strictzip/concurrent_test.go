package strictzip_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// onProcessors runs fn as on a machine with so many processors.
func onProcessors(n int, fn func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	fn()
}

// However many processors there are, the report is the same, down to the order of
// the breaches.
func TestSameReportOnSeveralProcessors(t *testing.T) {
	defer strictzip.Always()()
	archives := map[string]func() (*strictzip.Archive, *check.Report){}
	add := func(what string, data []byte) {
		archives[what] = func() (*strictzip.Archive, *check.Report) {
			return strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
		}
	}
	for _, f := range fixtures() {
		if f.reader == nil {
			archives[f.what] = f.open
		}
	}
	for what, b := range bombs() {
		add("bomb: "+what, b.data)
	}
	for _, class := range []struct {
		name  string
		count int
	}{{"accept", 9}, {"reject", 13}, {"malicious", 8}, {"iffy", 49}} {
		for _, name := range vectorFiles(t, class.name, class.count) {
			add(class.name+"/"+filepath.Base(name), readFile(t, name))
		}
	}
	for what, data := range smallArchives(t) {
		for i := 0; i < len(data); i += 1 + len(data)/200 {
			mutant := bytes.Clone(data)
			mutant[i] ^= 0x80
			add(fmt.Sprintf("%s, byte %d flipped", what, i), mutant)
		}
	}
	bad := raw{}
	for i := range 40 { // more breaches than are listed
		bad.members = append(bad.members, member{name: fmt.Sprint(i), content: strings.Repeat("x", 1000-i), deflate: i%2 == 0, central: set32(16, uint32(i))})
	}
	add("wrong checksums", bad.bytes())
	if len(archives) < 500 {
		t.Fatalf("found %d archives", len(archives))
	}
	for what, open := range archives {
		var a, b *strictzip.Archive
		var one, several *check.Report
		onProcessors(1, func() { a, one = open() })
		onProcessors(4, func() { b, several = open() })
		if !reflect.DeepEqual(one, several) {
			t.Errorf("%s: found %v, expected %v as on one processor", what, several.Err(), one.Err())
		}
		if (a == nil) != (b == nil) || a != nil && (a.SHA256() != b.SHA256() || !slices.Equal(a.Entries(), b.Entries())) {
			t.Errorf("%s: found another archive than on one processor", what)
		}
	}
}

// A read error at any time is reported, and nobody reads on.
func TestReadErrorsOnSeveralProcessors(t *testing.T) {
	defer strictzip.Always()()
	data, _ := mustWrite(t, []strictzip.File{file("a", noise(600_000)), file("b", text(3<<20)), file("c.zip", noise(4<<20+1))}, testTime)
	calls := 0
	for ; ; calls++ {
		r := &swappedReader{before: data, calls: calls, err: errDisk}
		a, rep := strictzip.Open(r, int64(len(data)), testLimits)
		if a != nil {
			break
		}
		if !rep.Has("zip.read", check.Failed) {
			t.Fatalf("an error after %d reads: %v", calls, rep.Err())
		}
	}
	if calls < 10 {
		t.Errorf("read to the end in %d reads", calls)
	}
}

// Everything is shown to who looks for something, and it is what the digest is of.
func TestOpenScan(t *testing.T) {
	files := append(someContent(), file("large", noise(9<<20)), file("large.zip", noise(5<<20)), file("text", text(6<<20)))
	data, _ := mustWrite(t, files, testTime)
	for _, procs := range []int{1, 4} {
		onProcessors(procs, func() {
			var mu sync.Mutex
			seen := map[string]*bytes.Buffer{}
			a, rep := strictzip.OpenScan(bytes.NewReader(data), int64(len(data)), testLimits, func(name string, size int64) io.Writer {
				mu.Lock()
				defer mu.Unlock()
				if seen[name] != nil {
					t.Errorf("%q is shown twice", name)
				}
				seen[name] = &bytes.Buffer{}
				if name == "B" {
					return nil
				}
				return seen[name]
			})
			if a == nil {
				t.Fatal(rep.Err())
			}
			for _, e := range a.Entries() {
				shown, ok := seen[e.Name]
				switch {
				case e.Mode.IsDir() == ok:
					t.Errorf("%q was shown: %v", e.Name, ok)
				case ok && e.Name != "B" && sha256.Sum256(shown.Bytes()) != e.SHA256:
					t.Errorf("of %q, %d bytes were shown that are not its content", e.Name, shown.Len())
				}
			}
		})
	}
}

// largeContent has files around the size of a block.
func largeContent() []strictzip.File {
	files := append(someContent(), file("x/text", text(3*strictzip.BlockSize+12345)), file("x/noise", noise(2*strictzip.BlockSize+1)),
		file("x/picture.png", noise(2*strictzip.BlockSize)), dir("x/"), dir("z/"))
	for _, n := range []int{-1, 0, 1} {
		files = append(files, file(fmt.Sprintf("x/%d", n+1), text(strictzip.BlockSize+n)))
	}
	return files
}

// Files are compressed in blocks, on as many processors as there are, and the
// bytes are the same.
func TestWriteBlocks(t *testing.T) {
	var want []byte
	for _, procs := range []int{1, 2, 8} {
		for range 3 {
			onProcessors(procs, func() {
				got, w := mustWrite(t, largeContent(), testTime)
				if want == nil {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("other bytes on %d processors", procs)
				}
				if _, err := w.Verify(bytes.NewReader(got), int64(len(got))); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	agreeWithArchiveZip(t, want, mustOpen(t, want))
	// As in TestWriteIsStable.
	const stable = "4ae3052486d599162427bf14e9f3d920bc6540d2619650eadc6e4f572ba766a0"
	if got := fmt.Sprintf("%x", sha256.Sum256(want)); got != stable {
		t.Errorf("SHA-256 %s, expected %s: has the compressor changed?", got, stable)
	}
}

// The blocks of a file know those before them: what was in one is not said again
// in the next.
func TestBlocksShareTheirWindow(t *testing.T) {
	once := noise(20_000)
	size := func(blocks int) int {
		data, _ := mustWrite(t, []strictzip.File{file("a", strings.Repeat(once, 1+blocks*strictzip.BlockSize/len(once))[:blocks*strictzip.BlockSize])}, testTime)
		return len(data)
	}
	if one, three := size(1), size(3); three > one+len(once) {
		t.Errorf("a block takes %d bytes and three of the same %d, expected less than %d", one, three, one+len(once))
	}
}

// endless is a file of which opened counts the readers that are open, and read
// what was read.
type endless struct{ opened, read *atomic.Int64 }

func (e endless) file(name string, size int64) strictzip.File {
	return strictzip.File{Name: name, Size: size, Open: func() (io.ReadCloser, error) {
		e.opened.Add(1)
		return &endlessReader{endless: e, left: size, state: 1}, nil
	}}
}

type endlessReader struct {
	endless
	left  int64
	state uint64
}

func (r *endlessReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left)]
	for i := range p {
		r.state = r.state*6364136223846793005 + 1442695040888963407
		p[i] = byte(r.state>>56) & 0x3f
	}
	r.left -= int64(len(p))
	r.read.Add(int64(len(p)))
	return len(p), nil
}

func (r *endlessReader) Close() error {
	r.opened.Add(-1)
	return nil
}

// When Write ends early, for whatever reason, it says why, and nobody reads,
// compresses or writes any more.
func TestWriteEndsEarly(t *testing.T) {
	errStop := errors.New("stop")
	for what, c := range map[string]struct {
		write  func(ctx context.Context, cancel context.CancelCauseFunc, n int) error // of the n-th write
		broken bool
	}{
		"cancelled": {write: func(_ context.Context, cancel context.CancelCauseFunc, n int) error { cancel(errStop); return nil }},
		"cancelled later": {write: func(_ context.Context, cancel context.CancelCauseFunc, n int) error {
			cancelAt(n, 20, cancel, errStop)
			return nil
		}},
		"disk full": {write: func(_ context.Context, _ context.CancelCauseFunc, n int) error {
			if n > 10 {
				return errStop
			}
			return nil
		}},
		"unreadable file": {write: func(context.Context, context.CancelCauseFunc, int) error { return nil }, broken: true},
	} {
		t.Run(what, func(t *testing.T) {
			for _, procs := range []int{1, 2, 8} {
				onProcessors(procs, func() {
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					e := endless{new(atomic.Int64), new(atomic.Int64)}
					files := []strictzip.File{e.file("a", 64<<20), e.file("b", 64<<20)}
					if c.broken {
						f := files[0]
						files[0].Open = func() (io.ReadCloser, error) {
							r, err := f.Open()
							return struct {
								io.Reader
								io.Closer
							}{io.MultiReader(io.LimitReader(r, 5<<20), brokenReader{errStop}), r}, err
						}
					}
					before := runtime.NumGoroutine()
					n := 0
					w, err := strictzip.Write(ctx, writerFunc(func(p []byte) (int, error) {
						n++
						if err := c.write(ctx, cancel, n); err != nil {
							return 0, err
						}
						return len(p), nil
					}), files, testTime, testLimits)
					if w != nil || !errors.Is(err, errStop) {
						t.Fatalf("found %v, expected %v", err, errStop)
					}
					after := runtime.NumGoroutine()
					for wait := 0; after > before && wait < 1000; wait++ { // one that is done takes a moment to be gone
						time.Sleep(time.Millisecond)
						after = runtime.NumGoroutine()
					}
					if after > before || e.opened.Load() != 0 {
						t.Errorf("%d goroutines where there were %d, %d files open", after, before, e.opened.Load())
					}
					if read := e.read.Load(); read > 40<<20 {
						t.Errorf("%d bytes were read", read)
					}
				})
			}
		})
	}
}

func cancelAt(n, when int, cancel context.CancelCauseFunc, cause error) {
	if n == when {
		cancel(cause)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type brokenReader struct{ err error }

func (f brokenReader) Read([]byte) (int, error) { return 0, f.err }

// The memory that writing and judging take does not depend on the size. It is
// the size that counts here, not what was allocated in all.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	lim := testLimits
	lim.Archive, lim.File, lim.Total = math.MaxInt32, math.MaxInt32, math.MaxInt32
	e := endless{new(atomic.Int64), new(atomic.Int64)}
	var archive bytes.Buffer
	archive.Grow(260 << 20)
	const most = 32 << 20
	onProcessors(2, func() {
		peak := peakAbove(func() {
			if _, err := strictzip.Write(t.Context(), &archive, []strictzip.File{e.file("a", 100<<20), e.file("b.zip", 100<<20)}, testTime, lim); err != nil {
				t.Error(err)
			}
		})
		t.Logf("Write: %d MiB", peak>>20)
		if peak > most {
			t.Errorf("Write took %d MiB", peak>>20)
		}
		peak = peakAbove(func() {
			if a, rep := strictzip.Open(bytes.NewReader(archive.Bytes()), int64(archive.Len()), lim); a == nil {
				t.Error(rep.Err())
			}
		})
		t.Logf("Open: %d MiB", peak>>20)
		if peak > most {
			t.Errorf("Open took %d MiB", peak>>20)
		}
	})
}

// peakAbove returns how much the heap grows while fn runs.
func peakAbove(fn func()) int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	start, peak := int64(m.HeapInuse), int64(0)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, int64(m.HeapInuse)-start)
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	fn()
	close(stop)
	<-stopped
	return peak
}

// An archive in memory is judged as one in a file is, and has the same digests
// when they are asked for.
func TestOpenBytes(t *testing.T) {
	for _, always := range []bool{false, true} {
		if always {
			defer strictzip.Always()()
		}
		for _, f := range fixtures() {
			if f.reader != nil {
				continue
			}
			lim := testLimits
			if f.limits != nil {
				f.limits(&lim)
			}
			_, want := f.open()
			if _, got := strictzip.OpenBytes(f.data, lim, nil); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: found %v, expected %v", f.what, got.Err(), want.Err())
			}
		}
		data, _ := mustWrite(t, largeContent(), testTime)
		want := mustOpen(t, data)
		got, rep := strictzip.OpenBytes(data, testLimits, nil)
		if got == nil {
			t.Fatal(rep.Err())
		}
		for i, e := range got.List() {
			if e.SHA256 = want.Entries()[i].SHA256; e != want.Entries()[i] {
				t.Errorf("found %+v, expected %+v", e, want.Entries()[i])
			}
			if e.Mode.IsDir() {
				continue
			}
			a, errA := got.ReadFile(e.Name, e.Size)
			b, errB := want.ReadFile(e.Name, e.Size)
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("%q: found another content, %v, %v", e.Name, errA, errB)
			}
		}
		if !slices.Equal(got.Entries(), want.Entries()) || got.SHA256() != want.SHA256() {
			t.Error("other digests in memory")
		}
		walkAll(t, got)
	}
}
