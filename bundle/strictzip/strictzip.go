package strictzip

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
)

var errBadReader = errors.New("reader returned an impossible count")

// Entry is one member of an archive that was accepted.
type Entry struct {
	Name     string      // slash-separated, relative, clean; folders end in "/"
	Size     int64       // inflated
	Mode     fs.FileMode // 0644 or fs.ModeDir|0755 where the archive does not say
	Modified time.Time   // UTC; the time of MS-DOS (which is local) is taken as UTC where there is no other
	SHA256   [32]byte    // of the content, as it was inflated; zero for folders
}

// Archive is an archive that passed every check of [Open]. It reads from the
// io.ReaderAt given to Open, and may be used by several goroutines if that may.
type Archive struct {
	r         io.ReaderAt
	size      int64
	entries   []Entry
	members   []*header
	byName    map[string]int
	sha256    [32]byte
	directory []byte // central directory and end records, as judged
	dirOffset int64
	fixed     []byte    // the archive, if it is in memory: digests are computed when they are asked for
	digests   sync.Once // of fixed
}

// An opener is one run of Open.
type opener struct {
	r         io.ReaderAt
	size      int64
	lim       Limits
	rec       *recorder
	fixed     []byte // the archive, if it is in memory
	scan      Scan   // nil: nobody looks at contents
	directory []byte
	hashes    map[*header][32]byte
	sum       [32]byte // of the archive
}

// Reasons for which checks are skipped.
const (
	skippedStructure = "the archive is not built in a way that has only one reading"
	skippedLimits    = "the archive is beyond a limit"
	skippedRead      = "the archive could not be read"
)

// Open checks everything about the archive of the given size and inflates every
// member once. The archive is nil unless the report is OK(false).
//
// The report lists every rule of [Rules]: failed, with up to eight breaches
// and the number of the others; passed; or skipped, because the structure or
// a limit was broken so that going on would be unsafe or meaningless. Where names an entry
// by its number in the central directory and its name, quoted and escaped.
// A failure of "zip.read" means that r returned an error, and says nothing about the archive.
//
// Memory is bounded by the limits (about 300 bytes an entry, and its names) and
// the number of processors (some megabytes each), not by the size of the archive. Large archives
// are inflated and hashed on several processors.
func Open(r io.ReaderAt, size int64, lim Limits) (*Archive, *check.Report) {
	return OpenScan(r, size, lim, nil)
}

// A Scan looks for something in files. It is told the name of each, and the size
// that it is declared to have, and returns where to write the content, or nil.
type Scan func(name string, size int64) io.Writer

// OpenScan is [Open] for who wants to see the files while they are inflated for
// the checks. What is written to scan's writers is the content that Entry.SHA256
// is of, once and in order, and never more than a byte beyond the declared size;
// but nothing is known of it yet: it counts only if there is an archive. Write
// errors have no effect. scan and the writers of several files may be called at
// the same time.
func OpenScan(r io.ReaderAt, size int64, lim Limits, scan Scan) (*Archive, *check.Report) {
	return (&opener{r: r, size: size, lim: lim, scan: scan, rec: newRecorder()}).run()
}

// OpenBytes is OpenScan for an archive in memory, which must not change any more.
// What cannot change need not be compared, so digests are computed only when
// Entries, SHA256 or Walk need them.
func OpenBytes(data []byte, lim Limits, scan Scan) (*Archive, *check.Report) {
	if data == nil {
		data = []byte{}
	}
	return (&opener{r: bytes.NewReader(data), size: int64(len(data)), fixed: data, lim: lim, scan: scan, rec: newRecorder()}).run()
}

func (o *opener) run() (*Archive, *check.Report) {
	a := o.open()
	rep := o.rec.report()
	if !rep.OK(false) {
		return nil, rep
	}
	return a, rep
}

func (o *opener) open() *Archive {
	rec := o.rec
	rec.checked(ruleLimits)
	if err := o.lim.validate(); err != nil {
		rec.fail(ruleLimits, "", err.Error(), "positive numbers")
		rec.stop("the limits are not valid")
		return nil
	}
	rec.checked(ruleRead)
	if o.size < 0 {
		rec.fail(ruleRead, "", fmt.Sprintf("a size of %d bytes", o.size), "the size of a file")
		rec.stop(skippedRead)
		return nil
	}
	rec.checked(ruleArchive)
	if o.size > o.lim.Archive {
		rec.fail(ruleArchive, "", fmt.Sprintf("%d bytes", o.size), fmt.Sprintf("at most %d", o.lim.Archive))
		rec.stop(skippedLimits)
		return nil
	}
	defer func() {
		switch {
		case rec.failed(ruleRead):
			rec.stop(skippedRead)
		case rec.failed(ruleEntries, ruleFile, ruleTotal, ruleRatio):
			rec.stop(skippedLimits)
		default:
			rec.stop(skippedStructure)
		}
	}()

	e, ok := o.findEnds()
	if !ok {
		return nil
	}
	headers, ok := o.readDirectory(e)
	if !ok {
		return nil
	}
	o.checkNames(headers)
	within := o.checkLimits(headers)
	spans, ok := o.layout(headers, e)
	if !ok || !o.readEntries(spans, e, within) {
		return nil
	}

	a := &Archive{
		r: o.r, size: o.size, dirOffset: e.dirOffset, fixed: o.fixed,
		entries:   make([]Entry, len(headers)),
		members:   headers,
		byName:    make(map[string]int, len(headers)),
		directory: append(o.directory, e.records...),
	}
	a.sha256 = o.sum
	for i, h := range headers {
		a.entries[i] = h.entry()
		if !h.isFolder() {
			a.entries[i].SHA256 = o.hashes[h]
		}
		a.byName[h.name] = i
	}
	return a
}

// Entries returns the members in the order of the archive's central directory.
func (a *Archive) Entries() []Entry {
	a.digest()
	return slices.Clone(a.entries)
}

// List is Entries without their digests, which take no time then.
func (a *Archive) List() []Entry {
	entries := make([]Entry, len(a.members))
	for i, h := range a.members {
		entries[i] = h.entry()
	}
	return entries
}

func (h *header) entry() Entry {
	return Entry{Name: h.name, Size: h.usize, Mode: h.mode(), Modified: h.modified()}
}

// SHA256 returns the digest of the whole archive, computed over the very bytes that
// Open judged. If it is equal to the digest that a signature covers, then what was judged is
// what was signed, even if the file was changed meanwhile.
func (a *Archive) SHA256() [32]byte {
	a.digest()
	return a.sha256
}

// digest computes the digests of an archive in memory.
func (a *Archive) digest() {
	if a.fixed == nil {
		return
	}
	a.digests.Do(func() {
		a.sha256 = sha256.Sum256(a.fixed)
		m := inflaters.Get().(*inflater)
		defer m.release()
		for i, h := range a.members {
			if !h.isFolder() {
				a.entries[i].SHA256 = m.fromMemory(a.fixed[h.dataOff:h.dataOff+h.csize], h.method, h.usize, hashed, nil).sha256
			}
		}
	})
}

// ErrChanged is returned when the archive is not any more what Open saw.
var ErrChanged = errors.New("the archive changed after it was checked")

// ReadFile returns the content of one file, at most max bytes. It returns an error that is
// fs.ErrNotExist if there is no such file, and ErrChanged if its content is
// not what Open saw.
func (a *Archive) ReadFile(name string, max int64) ([]byte, error) {
	i, ok := a.byName[name]
	if !ok || a.members[i].isFolder() {
		return nil, &fs.PathError{Op: "read", Path: quote(name), Err: fs.ErrNotExist}
	}
	h := a.members[i]
	if h.usize > max {
		return nil, fmt.Errorf("%s has %d bytes, expected at most %d", quote(name), h.usize, max)
	}
	how := hashed
	if a.fixed != nil {
		how = unhashed
	}
	mem := scratches.Get().(*scratch)
	defer mem.release()
	s := &stream{r: a.r, off: h.dataOff, end: h.dataOff + h.csize, ring: mem.ring}
	content := bytes.NewBuffer(make([]byte, 0, h.usize))
	out := mem.fromStream(&dataReader{s: s, n: h.csize}, h.method, h.usize, how, content)
	switch {
	case s.err != nil:
		return nil, fmt.Errorf("read %s: %w", quote(name), s.err)
	case out.err != nil || how == hashed && out.sha256 != a.entries[i].SHA256:
		return nil, fmt.Errorf("read %s: %w", quote(name), ErrChanged)
	}
	return content.Bytes(), nil
}
