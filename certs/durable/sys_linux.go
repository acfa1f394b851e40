package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace is a rename that fails with fs.ErrExist if there is something
// at the new name; [errors.ErrUnsupported] where the file system cannot.
func renameNoReplace(fromDir *os.File, from string, toDir *os.File, to string) error {
	return rename2(fromDir, from, toDir, to, unix.RENAME_NOREPLACE)
}

// renameExchange swaps two names in one step; [errors.ErrUnsupported] where the
// file system cannot.
func renameExchange(aDir *os.File, a string, bDir *os.File, b string) error {
	return rename2(aDir, a, bDir, b, unix.RENAME_EXCHANGE)
}

func rename2(fromDir *os.File, from string, toDir *os.File, to string, flags uint) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(int(fromDir.Fd()), from, int(toDir.Fd()), to, flags)
	})
	switch err {
	case nil:
		return nil
	case unix.ENOSYS, unix.EINVAL, unix.EOPNOTSUPP:
		// EINVAL is how renameat2(2) says that a file system lacks a flag.
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
}
