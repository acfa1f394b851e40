//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// init forbids core files: one would have the opened root key in it. The Go
// runtime writes none by itself, but does with GOTRACEBACK=crash.
func init() {
	// Lowering a limit cannot fail; and without it nothing is worse than it was.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
