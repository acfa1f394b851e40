// Package strictzip reads zip archives that may be hostile, and refuses any
// that could be read in two ways.
package strictzip

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
)

var errTODO = errors.New("not implemented")

// Limits of an archive; every field must be positive.
type Limits struct {
	Archive   int64 // bytes of the archive itself
	Total     int64 // bytes, all files inflated
	File      int64 // bytes, one file inflated
	Entries   int   // entries of any kind
	Depth     int   // path elements of a name
	Name      int   // bytes of a name
	Ratio     int64 // inflated to compressed size, beyond RatioFree
	RatioFree int64 // inflated bytes of the archive to which Ratio does not apply
}

// Entry is one member of an archive that was accepted.
type Entry struct {
	Name     string // slash-separated, relative, clean; folders end in "/"
	Size     int64  // inflated
	Mode     fs.FileMode
	Modified time.Time
	SHA256   [32]byte // of the content, computed while inflating; zero for folders
}

// Archive is an archive that passed every check of Open.
type Archive struct{}

// Open checks everything about the archive and inflates every member once.
// The report lists every rule; the archive is nil unless the report is OK(false).
func Open(r io.ReaderAt, size int64, lim Limits) (*Archive, *check.Report) { return nil, nil }

// Entries returns the members in the order of the archive's central directory.
func (a *Archive) Entries() []Entry { return nil }

// ReadFile returns the content of one file, at most max bytes.
func (a *Archive) ReadFile(name string, max int64) ([]byte, error) { return nil, errTODO }

// Section returns where the content of a stored (not compressed) file lies in
// the archive, so that it can be read in place; ok is false for other members.
func (a *Archive) Section(name string) (r *io.SectionReader, ok bool) { return nil, false }

// Walk calls fn for every entry in order of name; the reader is nil for folders. A reader ends with an error
// if the content is not what Open saw.
func (a *Archive) Walk(fn func(e Entry, content io.Reader) error) error { return errTODO }

// CheckName applies the rules for names to one name (without the limits of an archive).
func CheckName(name string) error { return errTODO }

// Rules lists every rule of this package.
func Rules() []*check.Rule { return nil }

// File is what Write puts into an archive.
type File struct {
	Name string // slash-separated; a folder ends in "/"
	Size int64
	Open func() (io.ReadCloser, error) // nil for folders
}

// Write writes an archive deterministically (names sorted, the given time in
// UTC, 0644/0755), and checks what it wrote with the same rules. The result
// depends on nothing but the arguments.
func Write(w io.Writer, files []File, modified time.Time, lim Limits) error { return errTODO }
