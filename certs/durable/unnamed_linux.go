package durable

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// procFDs is how a file without a name is given one without privileges
// (open(2), O_TMPFILE).
const procFDs = "/proc/self/fd/"

// openUnnamed makes a file in dir that has no name yet, and so leaves nothing
// behind if the process dies. It returns [errors.ErrUnsupported] where the file
// system has no such thing.
func openUnnamed(dir *os.File) (*os.File, error) {
	if _, err := os.Stat(procFDs); err != nil {
		return nil, errors.ErrUnsupported
	}
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(int(dir.Fd()), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return err
	})
	switch err {
	case nil:
		return os.NewFile(uintptr(fd), "unnamed file"), nil
	case unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL, unix.ENOENT:
		return nil, errors.ErrUnsupported
	}
	return nil, &fs.PathError{Op: "open", Path: dir.Name(), Err: err}
}

// linkUnnamed gives the file a name in dir; [fs.ErrExist] if the name is taken.
func linkUnnamed(f, dir *os.File, name string) error {
	from := procFDs + strconv.Itoa(int(f.Fd()))
	err := ignoringEINTR(func() error {
		return unix.Linkat(unix.AT_FDCWD, from, int(dir.Fd()), name, unix.AT_SYMLINK_FOLLOW)
	})
	if err != nil {
		return &os.LinkError{Op: "linkat", Old: from, New: name, Err: err}
	}
	return nil
}
