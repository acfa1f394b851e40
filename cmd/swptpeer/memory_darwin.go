package main

import "golang.org/x/sys/unix"

// keepMemory forbids core files: one would have the opened root key in it.
func keepMemory() {
	// Lowering a limit cannot fail; and without it nothing is worse than it was.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
