package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NewFile is a single output file that appears whole, at Commit, or not at all.
// Until then it is a temporary sibling, readable by nobody else.
type NewFile struct {
	disk      *disk
	file      *os.File
	path      string // as given, for errors
	base      string
	temp      string
	mode      fs.FileMode
	overwrite bool
	err       error // the first one
	done      bool
}

// CreateFile begins a new file, which will have exactly this mode (permission
// bits). The folder must exist. With overwrite false, CreateFile and Commit
// both refuse ([fs.ErrExist]) if path exists; with overwrite true, both refuse
// to replace anything but a regular file.
func CreateFile(path string, mode fs.FileMode, overwrite bool) (*NewFile, error) {
	return createFile(path, mode, overwrite, nil)
}

func createFile(path string, mode fs.FileMode, overwrite bool, h hook) (*NewFile, error) {
	if mode&^fs.ModePerm != 0 {
		return nil, fmt.Errorf("create %s: found mode %v, expected permission bits only", path, mode)
	}
	folder, base := filepath.Split(filepath.Clean(path))
	if base == "." || base == ".." || base == "" {
		return nil, fmt.Errorf("create %s: expected the name of a file", path)
	}
	if folder == "" {
		folder = "."
	}
	d, err := openDisk(folder, h)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f := &NewFile{disk: d, path: path, base: base, temp: tempName(newTxID(), 0), mode: mode, overwrite: overwrite}
	if err := f.start(); err != nil {
		d.close()
		return nil, err
	}
	return f, nil
}

func (f *NewFile) start() error {
	if err := f.checkDestination(); err != nil {
		return err
	}
	if err := f.disk.step("create", f.temp); err != nil {
		return f.wrap(err)
	}
	var err error
	f.file, err = f.disk.root.OpenFile(f.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f.wrap(err)
}

// wrap names the file that was asked for; a temporary name means nothing to the
// operator.
func (f *NewFile) wrap(err error) error {
	if err == nil {
		return nil
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	} else if le := (*os.LinkError)(nil); errors.As(err, &le) {
		err = le.Err
	}
	return &fs.PathError{Op: "create", Path: f.path, Err: err}
}

func (f *NewFile) checkDestination() error {
	fi, err := f.disk.lstat(f.base)
	switch {
	case err != nil:
		return f.wrap(err)
	case fi == nil:
		return nil
	case !f.overwrite:
		return f.wrap(fs.ErrExist)
	case !fi.Mode().IsRegular():
		return notA("file", f.path, fi)
	}
	return nil
}

// Write adds to the file; the first error is remembered and fails Commit.
func (f *NewFile) Write(p []byte) (int, error) {
	if err := f.usable(); err != nil {
		return 0, err
	}
	err := f.disk.step("write", f.temp)
	var n int
	if err == nil {
		n, err = f.file.Write(p)
	}
	f.err = f.wrap(err)
	return n, f.err
}

func (f *NewFile) usable() error {
	switch {
	case f.err != nil:
		return f.err
	case f.done:
		return f.wrap(fs.ErrClosed)
	}
	return nil
}

// ReadAt reads what was written, for checking it before Commit.
func (f *NewFile) ReadAt(p []byte, off int64) (int, error) {
	if f.done {
		return 0, f.wrap(fs.ErrClosed)
	}
	return f.file.ReadAt(p, off)
}

// Size returns how many bytes were written.
func (f *NewFile) Size() (int64, error) {
	if f.done {
		return 0, f.wrap(fs.ErrClosed)
	}
	fi, err := f.file.Stat()
	if err != nil {
		return 0, f.wrap(err)
	}
	return fi.Size(), nil
}

// Commit syncs, puts the file in its place and syncs the folder. After an error
// the temporary file is removed and what was at path is as before; only if
// syncing the folder fails at the very end, the new file stays in its place.
func (f *NewFile) Commit() error {
	if err := f.usable(); err != nil {
		return err
	}
	defer f.Discard()
	if err := f.disk.finishFile(f.file, f.temp, f.mode); err != nil {
		return f.wrap(err)
	}
	if err := f.file.Close(); err != nil {
		return f.wrap(err)
	}
	if err := f.checkDestination(); err != nil {
		return err
	}
	put := f.disk.place
	if f.overwrite {
		put = f.disk.rename
	}
	if err := put(f.temp, f.base); err != nil {
		return f.wrap(err)
	}
	return f.wrap(f.disk.syncFolders([]string{"."}))
}

// Discard removes the file unless it was committed; it is safe to defer.
func (f *NewFile) Discard() {
	if f.done {
		return
	}
	f.done = true
	f.file.Close()
	// Gone if it was committed. An error leaves a temporary file of mode 0600,
	// which the audit of a node directory reports.
	_ = f.disk.remove(f.temp)
	f.disk.close()
}
