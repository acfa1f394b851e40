package strictzip

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sort"
	"strings"

	"github.com/mholt/archiver/v4"
)

// Everything that touches archiver.Zip is in this file, because of what it does not
// do: it checks nothing on reading (it gets the central directory that Open
// judged, from memory, and all content is hashed), and it panics on methods that it
// does not implement (Open has refused them). It does not write archives here: it
// has one level of compression, uses one processor, and loses write errors.

// Walk calls fn for every entry in bytewise order of name; the reader is nil for folders. A reader ends with
// an error that is [ErrChanged] if the content is not what Open saw; a reader that is not read to the end has
// verified nothing. An error of fn ends the walk and is returned.
func (a *Archive) Walk(fn func(e Entry, content io.Reader) error) error {
	a.digest()
	files := make([]archiver.FileInfo, 0, len(a.entries))
	judged := &judgedReader{a: a}
	err := archiver.Zip{}.Extract(context.Background(), io.NewSectionReader(judged, 0, a.size), func(_ context.Context, f archiver.FileInfo) error {
		files = append(files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("walk archive: %w", err)
	}
	sort.Slice(files, func(i, j int) bool { return files[i].NameInArchive < files[j].NameInArchive })
	for _, f := range files {
		i, ok := a.byName[f.NameInArchive]
		if !ok || len(files) != len(a.entries) {
			return fmt.Errorf("walk archive: %w", ErrChanged)
		}
		e := a.entries[i]
		if strings.HasSuffix(e.Name, "/") {
			if err := fn(e, nil); err != nil {
				return err
			}
			continue
		}
		content, err := f.Open()
		if err != nil {
			return fmt.Errorf("open %s: %w", quote(e.Name), judged.cause(err))
		}
		err = fn(e, &verifyingReader{r: content, entry: e, sum: sha256.New(), cause: judged.cause})
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// judgedReader is the archive with the central directory and end records as Open saw them.
// It remembers why the rest could not be read.
type judgedReader struct {
	a   *Archive
	err error
}

// cause is why content could not be had, when archiver says err: a read error, or else
// content that is not what it was.
func (j *judgedReader) cause(err error) error {
	if j.err != nil {
		return j.err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}

func (j *judgedReader) ReadAt(p []byte, off int64) (int, error) {
	a := j.a
	n := 0
	if off < a.dirOffset {
		most := min(int64(len(p)), a.dirOffset-off)
		if err := readFull(a.r, p[:most], off); err != nil {
			j.err = err
			return 0, err
		}
		n = int(most)
		off += most
	}
	if n < len(p) && off < a.size {
		n += copy(p[n:], a.directory[off-a.dirOffset:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// A verifyingReader ends with ErrChanged if it has not read what the entry promises.
type verifyingReader struct {
	r     io.Reader
	entry Entry
	n     int64
	sum   hash.Hash
	cause func(error) error
	err   error
}

func (v *verifyingReader) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	v.sum.Write(p[:n])
	switch {
	case v.n > v.entry.Size:
		n -= int(v.n - v.entry.Size)
		err = ErrChanged
	case err == io.EOF && (v.n < v.entry.Size || [32]byte(v.sum.Sum(nil)) != v.entry.SHA256):
		err = ErrChanged
	case err != nil && err != io.EOF:
		err = v.cause(err)
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read %s: %w", quote(v.entry.Name), err)
	}
	v.err = err
	return n, err
}
