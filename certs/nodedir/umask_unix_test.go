//go:build unix

package nodedir

import "syscall"

// narrowUmask sets a umask under which new files are for nobody else, until the
// function that it returns is called.
func narrowUmask() (restore func()) {
	old := syscall.Umask(0o077)
	return func() { syscall.Umask(old) }
}
