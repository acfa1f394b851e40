package strictzip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/klauspost/compress/zip"

	"github.com/swaptacular/swptpeer/certs/check"
)

// File is what Write puts into an archive.
type File struct {
	Name string // slash-separated; a folder ends in "/"
	Size int64  // bytes; 0 for folders
	Open func() (io.ReadCloser, error)
}

func (f *File) isFolder() bool { return strings.HasSuffix(f.Name, "/") }

// The times that an archive can express, in seconds since 1970: from the first that
// MS-DOS has (1980-01-01) to the last of the 32 bits of the UT field (2106-02-07).
// Readers that take those bits as signed show times after 2038-01-19 wrongly.
const (
	MinModified = 315532800
	MaxModified = math.MaxUint32
)

// Written is what Write wrote, for comparison with what has become of it.
type Written struct {
	files    []writtenFile // by name
	modified time.Time
	lim      Limits
	size     int64
	sha256   [32]byte
}

type writtenFile struct {
	name   string
	size   int64
	sha256 [32]byte // zero for folders
}

// Size returns how many bytes were written.
func (w *Written) Size() int64 { return w.size }

// SHA256 returns the digest of the archive.
func (w *Written) SHA256() [32]byte { return w.sha256 }

// Write writes an archive with exactly these files: names in bytewise order, modes 0644 and 0755 for
// folders, the one given time in UTC and whole seconds, no comments, and no extra fields but the
// modification time (UT). It adds no folders of its own. Files whose extension
// names a compressed format (.zip, .gz, .png and such) are stored, the others deflated. The
// bytes depend on nothing but the arguments and the version of this package: not
// on the machine, the number of processors, the order of files, or the time zone.
//
// Everything that Open would refuse is refused before the first byte is written, as far as it
// can be known: names, sizes and limits. A file that turns out to have another size, an archive
// that becomes too large or compresses too well are errors after something was written; so write to a
// temporary file. Call [Written.Verify] before using the result.
//
// Files are read one after the other and compressed on several processors, in
// a few megabytes of memory for each. When ctx ends, so does Write, with its cause.
func Write(ctx context.Context, w io.Writer, files []File, modified time.Time, lim Limits) (*Written, error) {
	files = slices.Clone(files)
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	modified = modified.UTC().Truncate(time.Second)
	if err := checkFiles(files, modified, lim); err != nil {
		return nil, err
	}

	done := &Written{files: make([]writtenFile, len(files)), modified: modified, lim: lim}
	for i, f := range files {
		done.files[i] = writtenFile{name: f.Name, size: f.Size}
	}
	out := &archiveWriter{w: w, limit: lim.Archive, sum: sha256.New()}
	m := &memberWriter{zip: zip.NewWriter(out), files: files, modified: modified}
	err := compress(ctx, files, func(b *block) error {
		if b.last {
			done.files[b.index].sha256 = b.sha256
		}
		return m.write(b)
	})
	if err == nil {
		err = m.close()
	}
	if err != nil {
		return nil, fmt.Errorf("write archive: %w", err)
	}
	if lim.ratioExceeded(m.inflated, m.compressed) {
		return nil, fmt.Errorf("write archive: %d bytes were compressed to %d, expected no more than %d times less, not counting the first %d: nobody would read it", m.inflated, m.compressed, lim.Ratio, lim.RatioFree)
	}
	done.size = out.n
	out.sum.Sum(done.sha256[:0])
	return done, nil
}

// checkFiles refuses what Open would refuse. The files are sorted.
func checkFiles(files []File, modified time.Time, lim Limits) error {
	if err := lim.validate(); err != nil {
		return err
	}
	if s := modified.Unix(); s < MinModified || s > MaxModified {
		return fmt.Errorf("modification time %s, expected one from 1980 to 2106-02-07: a zip archive cannot express others", modified.Format(time.RFC3339))
	}
	if len(files) == 0 {
		return errors.New("no files to archive: other programs refuse an empty archive")
	}
	if len(files) > lim.Entries {
		return fmt.Errorf("%d files and folders to archive, expected at most %d", len(files), lim.Entries)
	}
	var errs []error
	var total int64
	t := newTree(len(files))
	for i := range files {
		f := &files[i]
		refuse := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s: "+format, append([]any{quote(f.Name)}, args...)...))
		}
		named := func(bad fault) { refuse("%s, expected %s (%s)", bad.found, bad.expected, bad.rule.ID) }
		if limitFault(f.Name, lim, named) {
			continue
		}
		if err := CheckName(f.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		if bad := t.add(f.Name); bad != nil {
			named(*bad)
		}
		switch {
		case f.isFolder() && (f.Size != 0 || f.Open != nil):
			refuse("a folder with content")
		case !f.isFolder() && f.Open == nil:
			refuse("a file without content")
		case f.Size < 0:
			refuse("a size of %d bytes", f.Size)
		case f.Size > lim.File:
			refuse("%d bytes, expected at most %d", f.Size, lim.File)
		}
		total = addSat(total, max(f.Size, 0))
	}
	if total > lim.Total {
		errs = append(errs, fmt.Errorf("%d bytes to archive, expected at most %d", total, lim.Total))
	}
	if more := len(errs) - maxResults; more > 0 {
		errs = append(errs[:maxResults], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// archiveWriter counts and hashes what is written, and stops at the limit.
type archiveWriter struct {
	w     io.Writer
	n     int64
	limit int64
	sum   hash.Hash
}

func (a *archiveWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > a.limit-a.n {
		return 0, fmt.Errorf("the archive gets larger than the %d bytes allowed: publish less", a.limit)
	}
	n, err := a.w.Write(p)
	if n < 0 || n > len(p) {
		return 0, errors.New("writer returned an impossible count")
	}
	a.n += int64(n)
	a.sum.Write(p[:n])
	return n, err
}

// Verify opens what has been written and compares it with what was to be written: every byte
// (by digest), and what Open makes of it. It returns the opened archive.
func (w *Written) Verify(r io.ReaderAt, size int64) (*Archive, error) {
	a, _, err := w.VerifyScan(r, size, nil)
	return a, err
}

// VerifyScan is Verify for who wants to see the files, as [OpenScan] shows them,
// and the report about the archive.
func (w *Written) VerifyScan(r io.ReaderAt, size int64, scan Scan) (*Archive, *check.Report, error) {
	a, rep := OpenScan(r, size, w.lim, scan)
	if err := rep.Err(); err != nil {
		return nil, rep, fmt.Errorf("the archive just written cannot be read: %w", err)
	}
	if err := w.compare(a); err != nil {
		return nil, rep, err
	}
	return a, rep, nil
}

// compare compares an archive that was opened with what was to be written.
func (w *Written) compare(a *Archive) error {
	if a.size != w.size || a.SHA256() != w.sha256 {
		return errors.New("the archive is not what was written: its digest differs")
	}
	if len(a.entries) != len(w.files) {
		return fmt.Errorf("the archive just written has %d entries, expected %d", len(a.entries), len(w.files))
	}
	for i, e := range a.Entries() {
		f := w.files[i]
		if e.Name != f.name || e.Size != f.size || e.SHA256 != f.sha256 || !e.Modified.Equal(w.modified) || e.Mode != fileMode(f.name) {
			return fmt.Errorf("the archive just written has %s (%d bytes, SHA-256 %x, %s, %s) at place %d, expected %s (%d bytes, SHA-256 %x, %s)",
				quote(e.Name), e.Size, e.SHA256, e.Mode, e.Modified.Format(time.RFC3339), i+1, quote(f.name), f.size, f.sha256, w.modified.Format(time.RFC3339))
		}
	}
	return nil
}
