//go:build unix

package durable

import (
	"os"
	"syscall"
)

// syncFlag opens a file that is only to be synced.
const syncFlag = os.O_RDONLY

// noFollow refuses to open a symbolic link.
const noFollow = syscall.O_NOFOLLOW

func syncDir(dir *os.File) error { return dir.Sync() }

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}
