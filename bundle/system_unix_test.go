//go:build unix

package bundle_test

import "syscall"

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }

func setUmask(mask int) (old int) { return syscall.Umask(mask) }
