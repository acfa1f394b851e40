package strictzip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
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
	SHA256   [32]byte    // of the content, computed while inflating; zero for folders
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
}

// An opener is one run of Open.
type opener struct {
	r         io.ReaderAt
	size      int64
	lim       Limits
	rec       *recorder
	scan      func(name string) io.Writer // nil: nobody looks at contents
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

// OpenScan is [Open] for who wants to look for something in the files, whose
// contents are written, while they are inflated for the checks, to what scan
// returns for each name; nil if it is not wanted. It is the content that
// Entry.SHA256 is of, once and in order, but nothing is known of it yet: what was
// found counts only if there is an archive. Write errors have no effect. scan
// and the writers of several files may be called at the same time.
func OpenScan(r io.ReaderAt, size int64, lim Limits, scan func(name string) io.Writer) (*Archive, *check.Report) {
	o := &opener{r: r, size: size, lim: lim, scan: scan, rec: newRecorder()}
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
		r: o.r, size: o.size, dirOffset: e.dirOffset,
		entries:   make([]Entry, len(headers)),
		members:   headers,
		byName:    make(map[string]int, len(headers)),
		directory: append(o.directory, e.records...),
	}
	a.sha256 = o.sum
	for i, h := range headers {
		a.entries[i] = Entry{Name: h.name, Size: h.usize, Mode: h.mode(), Modified: h.modified()}
		if !h.isFolder() {
			a.entries[i].SHA256 = o.hashes[h]
		}
		a.byName[h.name] = i
	}
	return a
}

// Entries returns the members in the order of the archive's central directory.
func (a *Archive) Entries() []Entry { return slices.Clone(a.entries) }

// SHA256 returns the digest of the whole archive, computed over the very bytes that
// Open judged. If it is equal to the digest that a signature covers, then what was judged is
// what was signed, even if the file was changed meanwhile.
func (a *Archive) SHA256() [32]byte { return a.sha256 }

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
	h, e := a.members[i], &a.entries[i]
	if e.Size > max {
		return nil, fmt.Errorf("%s has %d bytes, expected at most %d", quote(name), e.Size, max)
	}
	mem := scratches.Get().(*scratch)
	defer mem.release()
	s := &stream{r: a.r, off: h.dataOff, end: h.dataOff + h.csize, ring: mem.ring}
	content := bytes.NewBuffer(make([]byte, 0, e.Size))
	out := mem.fromStream(&dataReader{s: s, n: h.csize}, h.method, h.usize, false, content)
	switch {
	case s.err != nil:
		return nil, fmt.Errorf("read %s: %w", quote(name), s.err)
	case out.err != nil || out.sha256 != e.SHA256:
		return nil, fmt.Errorf("read %s: %w", quote(name), ErrChanged)
	}
	return content.Bytes(), nil
}

// Section returns where the content of a stored (not compressed) file lies in
// the archive, so that it can be read in place; ok is false for other members.
// What is read through it is not compared with what Open saw: compare a digest with
// Entry.SHA256.
func (a *Archive) Section(name string) (r *io.SectionReader, ok bool) {
	i, ok := a.byName[name]
	if !ok || a.members[i].isFolder() || a.members[i].method != methodStored {
		return nil, false
	}
	h := a.members[i]
	return io.NewSectionReader(a.r, h.dataOff, h.csize), true
}
