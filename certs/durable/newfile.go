package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// NewFile is a single output file that appears whole, at Commit, or not at all.
// Until then it has no name at all where the system allows that (Linux), so
// that a killed process leaves nothing; elsewhere it is a temporary sibling.
// It is readable by nobody else before Commit.
type NewFile struct {
	disk      *disk
	dir       *folder
	file      *os.File
	path      string // as given, for errors
	base      string
	temp      string // name of the sibling, perhaps not used
	unnamed   bool   // there is no sibling (yet)
	placed    bool   // it has its name
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
	var err error
	if f.dir, err = f.disk.folder("."); err != nil {
		return f.wrap(err)
	}
	if err := f.disk.step("create", f.temp); err != nil {
		return f.wrap(err)
	}
	if err = f.disk.step("unnamed", f.temp); err == nil {
		f.file, err = openUnnamed(f.dir.file)
	}
	if f.unnamed = err == nil; errors.Is(err, errors.ErrUnsupported) {
		f.file, err = f.dir.root.OpenFile(f.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
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

// Sync makes sure that what was written is on the disk, so that little is left
// that could fail in Commit.
func (f *NewFile) Sync() error {
	if err := f.usable(); err != nil {
		return err
	}
	f.err = f.wrap(f.disk.syncFile(f.file, f.temp))
	return f.err
}

// Commit syncs, puts the file in its place and syncs the folder. After an error
// what was at path is as before, with one exception: if the file replaced
// another and then syncing the folder fails, it stays in its place.
func (f *NewFile) Commit() error {
	if err := f.usable(); err != nil {
		return err
	}
	defer f.Discard()
	if err := f.disk.finishFile(f.file, f.temp, f.mode); err != nil {
		return f.wrap(err)
	}
	if err := f.checkDestination(); err != nil {
		return err
	}
	err := f.put()
	if err == nil {
		f.placed = true
		err = f.disk.syncFolders([]string{"."})
	}
	if err != nil && !f.overwrite {
		f.withdraw()
	}
	return f.wrap(err)
}

// withdraw removes the file from its place, if it is there, so that an attempt
// that failed does not stand in the way of the next.
func (f *NewFile) withdraw() {
	ours := f.placed
	if !ours {
		temp, err := f.disk.lstat(f.temp)
		dest, derr := f.disk.lstat(f.base)
		ours = err == nil && derr == nil && temp != nil && dest != nil && os.SameFile(temp, dest)
	}
	if ours {
		_ = f.disk.remove(f.base) // the error that led here is the one to report
	}
}

// put gives the file its name.
func (f *NewFile) put() error {
	if f.unnamed {
		name := f.base
		if f.overwrite {
			name = f.temp // link(2) never replaces, so a rename follows
		}
		if err := f.disk.step("link", name); err != nil {
			return err
		}
		if err := linkUnnamed(f.file, f.dir.file, name); err != nil || !f.overwrite {
			return err
		}
		f.unnamed = false
	}
	if err := f.file.Close(); err != nil {
		return err
	}
	if f.overwrite {
		return f.disk.rename(f.temp, f.base)
	}
	return f.disk.place(f.temp, f.base)
}

// Discard removes the file unless it was committed; it is safe to defer.
func (f *NewFile) Discard() {
	if f.done {
		return
	}
	f.done = true
	f.file.Close()
	if !f.unnamed && !f.placed {
		// An error leaves a temporary file of mode
		// 0600, which the audit of a node directory reports.
		_ = f.disk.remove(f.temp)
	}
	f.disk.close()
}
