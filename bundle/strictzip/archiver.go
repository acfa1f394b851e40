package strictzip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mholt/archiver/v4"
)

// Everything that touches archiver.Zip is in this file, because of what it does not
// do: it loses write errors (remembered by firstError, and Written.Verify
// looks at the result); it checks nothing on reading (it gets the central
// directory that Open judged, from memory, and all content is hashed); it panics on
// methods that it does not implement (Open has refused them); it writes the year
// 2049 for no time (Write demands one).

// Walk calls fn for every entry in bytewise order of name; the reader is nil for folders. A reader ends with
// an error that is [ErrChanged] if the content is not what Open saw; a reader that is not read to the end has
// verified nothing. An error of fn ends the walk and is returned.
func (a *Archive) Walk(fn func(e Entry, content io.Reader) error) error {
	files := make([]archiver.FileInfo, 0, len(a.entries))
	judged := &judgedReader{a: a}
	err := archiver.Zip{}.Extract(context.Background(), io.NewSectionReader(judged, 0, a.size), func(_ context.Context, f archiver.FileInfo) error {
		files = append(files, f)
		return nil
	})
	if err != nil {
		return fmt.Errorf("walk archive: %w", err)
	}
	slices.SortFunc(files, func(a, b archiver.FileInfo) int { return strings.Compare(a.NameInArchive, b.NameInArchive) })
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

// archive has archiver write the files, which are in order and have passed every check.
func archive(w io.Writer, files []File, modified time.Time, read func(i int, r io.Reader) io.Reader) error {
	out := &firstError{w: w}
	infos := make([]archiver.FileInfo, len(files))
	opened := 0
	for i := range files {
		info := fileInfo{file: &files[i], modified: modified}
		infos[i] = archiver.FileInfo{
			FileInfo:      info,
			NameInArchive: files[i].Name,
			Open: func() (fs.File, error) {
				content, err := files[i].Open()
				if err != nil {
					return nil, err
				}
				opened++
				return &openFile{fileInfo: info, r: read(i, content), c: content}, nil
			},
		}
		if info.IsDir() {
			opened++
		}
	}
	err := archiver.Zip{Compression: methodDeflate, SelectiveCompression: true}.Archive(context.Background(), out, infos)
	switch {
	case out.err != nil:
		return out.err
	case err != nil:
		return err
	case opened != len(files):
		return errors.New("not every file was written")
	}
	return nil
}

// fileInfo is what the archive says about a file: nothing but its name, kind, size and the
// one time.
type fileInfo struct {
	file     *File
	modified time.Time
}

func (i fileInfo) Name() string       { return path.Base(i.file.Name) }
func (i fileInfo) Size() int64        { return i.file.Size }
func (i fileInfo) ModTime() time.Time { return i.modified }
func (i fileInfo) IsDir() bool        { return i.file.isFolder() }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

type openFile struct {
	fileInfo
	r io.Reader
	c io.Closer
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.fileInfo, nil }
func (f *openFile) Read(p []byte) (int, error) { return f.r.Read(p) }
func (f *openFile) Close() error               { return f.c.Close() }

// firstError remembers the first error of a writer, and writes nothing after it.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	f.err = err
	return n, err
}
