// Package durable changes files so that a crash, a kill, a power loss or a full
// disk leaves either the old state or the new one.
package durable

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

var errTODO = errors.New("not implemented")

// Tx is a set of changes below one root folder that are applied all or nothing.
// Paths are slash-separated and relative to the root. Nothing happens before Commit.
type Tx struct{}

// Journal is where a Tx of a directory keeps its record: a name that begins with a dot, relative to root.
// NewTx does no I/O.
func NewTx(root, journal string) *Tx { return nil }

// Create makes a new file; Commit fails with fs.ErrExist if the path exists.
func (t *Tx) Create(path string, data []byte, mode fs.FileMode) {}

// Replace makes a file or replaces it (never through a symbolic link).
func (t *Tx) Replace(path string, data []byte, mode fs.FileMode) {}

// Append adds data to the end of an existing file.
func (t *Tx) Append(path string, data []byte) {}

// Mkdir makes a folder if it is not there.
func (t *Tx) Mkdir(path string, mode fs.FileMode) {}

// CreateTree makes a new folder at path that appears whole: fill writes into an empty staging folder (an absolute path) during Commit.
func (t *Tx) CreateTree(path string, fill func(stage string) error) {}

// ReplaceTree is CreateTree over an existing folder, which is exchanged and removed.
func (t *Tx) ReplaceTree(path string, fill func(stage string) error) {}

// Remove removes a file.
func (t *Tx) Remove(path string) {}

// Change describes one change of a Tx, for people and --dry-run.
type Change struct {
	Action string // "create", "replace", "append", "mkdir", "create-tree", "replace-tree", "remove"
	Path   string
	Data   []byte // for create, replace, append
	Mode   fs.FileMode
}

// Changes lists what Commit would do, in order.
func (t *Tx) Changes() []Change { return nil }

// Commit applies the changes in the order they were added. After an error
// everything is as it was before (or, if even that fails, an *Interrupted says what Recover will finish).
func (t *Tx) Commit() error { return errTODO }

// Recovery says what Recover found.
type Recovery struct {
	Completed bool // a committed change was completed
	Undone    bool // a change that had not been committed was cleaned up
	Paths     []string
}

// Recover finishes or cleans up what an interrupted Commit left below root. The caller holds the lock.
func Recover(root, journal string) (Recovery, error) { return Recovery{}, errTODO }

// Pending reports, without changing anything, whether Recover has something to do.
func Pending(root, journal string) (bool, error) { return false, errTODO }

// Lock is held by one process at a time and released by the kernel when the process ends.
type Lock struct{}

// ErrLockTimeout is returned by Acquire when the time limit passed.
var ErrLockTimeout = errors.New("timed out waiting for the lock")

// Acquire takes the lock at path (created 0644 if absent), waiting at most limit; onWait is called once if it has to wait.
func Acquire(ctx context.Context, path string, limit time.Duration, onWait func(holder string)) (*Lock, error) {
	return nil, errTODO
}

// Release releases the lock.
func (l *Lock) Release() error { return errTODO }

// NewFile is a single output file that appears whole, at Commit, or not at all.
type NewFile struct{}

// CreateFile begins a new file. With overwrite false, CreateFile and Commit both refuse (fs.ErrExist) if path exists.
func CreateFile(path string, mode fs.FileMode, overwrite bool) (*NewFile, error) { return nil, errTODO }

// Write adds to the file; the first error is remembered and fails Commit.
func (f *NewFile) Write(p []byte) (int, error) { return 0, errTODO }

// ReadAt and Seek are for checking what was written before Commit.
func (f *NewFile) ReadAt(p []byte, off int64) (int, error) { return 0, errTODO }

// Commit syncs, puts the file in its place and syncs the folder.
func (f *NewFile) Commit() error { return errTODO }

// Discard removes the file unless it was committed; it is safe to defer.
func (f *NewFile) Discard() {}
