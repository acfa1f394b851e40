package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace is a rename that fails with fs.ErrExist if there is something
// at the new name; [errors.ErrUnsupported] where the file system cannot.
func renameNoReplace(fromDir *os.File, from string, toDir *os.File, to string) error {
	return renamex(fromDir, from, toDir, to, unix.RENAME_EXCL)
}

// renameExchange swaps two names in one step; [errors.ErrUnsupported] where the
// file system cannot.
func renameExchange(aDir *os.File, a string, bDir *os.File, b string) error {
	return renamex(aDir, a, bDir, b, unix.RENAME_SWAP)
}

func renamex(fromDir *os.File, from string, toDir *os.File, to string, flags uint32) error {
	err := ignoringEINTR(func() error {
		return unix.RenameatxNp(int(fromDir.Fd()), from, int(toDir.Fd()), to, flags)
	})
	switch err {
	case nil:
		return nil
	case unix.ENOSYS, unix.EINVAL, unix.ENOTSUP:
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "renameatx_np", Old: from, New: to, Err: err}
}
