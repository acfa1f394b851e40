package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// rename moves from to to, replacing a file that is there.
func (d *disk) rename(from, to string) error {
	if err := d.step("rename", from); err != nil {
		return err
	}
	d.forget(from)
	d.forget(to)
	if path.Dir(from) == path.Dir(to) {
		f, err := d.folder(path.Dir(from))
		if err != nil {
			return err
		}
		return f.root.Rename(path.Base(from), path.Base(to))
	}
	return d.root.Rename(from, to)
}

// place moves from to to and refuses with [fs.ErrExist] to replace anything.
// Where the file system has no such rename, a file is linked to its new name
// and unlinked from the old; if that stops half-way, place can be repeated.
// Where there are no links either, only a lock keeps somebody else from making
// the file between the look and the rename.
func (d *disk) place(from, to string) error {
	a, err := d.folder(path.Dir(from))
	if err != nil {
		return err
	}
	b, err := d.folder(path.Dir(to))
	if err != nil {
		return err
	}
	d.forget(from)
	if err = d.step("place", from); err == nil {
		err = renameNoReplace(a.file, path.Base(from), b.file, path.Base(to))
	}
	if err == nil || !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	src, err := d.lstat(from)
	if err != nil || src == nil {
		return errors.Join(err, notExist(src, from))
	}
	dst, err := d.lstat(to)
	switch {
	case err != nil:
		return err
	case dst != nil && !os.SameFile(src, dst):
		return &fs.PathError{Op: "create", Path: to, Err: fs.ErrExist}
	case dst == nil && src.IsDir():
		return d.rename(from, to)
	case dst == nil:
		err := d.step("link", from)
		if err == nil {
			err = d.root.Link(from, to)
		}
		if noLinks(err) {
			return d.rename(from, to) // looked up just before; see above about locks
		}
		if err != nil {
			return err
		}
	}
	return d.remove(from)
}

func notExist(fi fs.FileInfo, name string) error {
	if fi != nil {
		return nil
	}
	return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// exchange swaps two names of the same folder in one step, or returns
// [errors.ErrUnsupported].
func (d *disk) exchange(x, y string) error {
	f, err := d.folder(path.Dir(x))
	if err != nil {
		return err
	}
	if err := d.step("exchange", x); err != nil {
		return err // in tests also ErrUnsupported
	}
	d.forget(x)
	d.forget(y)
	return renameExchange(f.file, path.Base(x), f.file, path.Base(y))
}

// noLinks reports whether err says that a hard link cannot be made here at all.
// Linux does not let everyone link to files of others (protected_hardlinks),
// which is an EPERM.
func noLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EMLINK)
}

// keep gives the file at name a second name, or copies it where the file system
// or its rules have no hard links.
func (d *disk) keep(name, old string) error {
	f, err := d.folder(path.Dir(name))
	if err != nil {
		return err
	}
	if err = d.step("link", name); err == nil {
		err = f.root.Link(path.Base(name), path.Base(old))
	}
	if !noLinks(err) {
		return err
	}
	src, err := f.root.Open(path.Base(name))
	if err != nil {
		return err
	}
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	return d.writeFile(old, data, fi.Mode().Perm())
}
