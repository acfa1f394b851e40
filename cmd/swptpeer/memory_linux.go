package main

import "golang.org/x/sys/unix"

// keepMemory keeps the memory of the process, in which the opened root key is
// for a moment, from being written to disk as a core file and from other
// processes of the same user. The Go runtime ends no process with a core file
// by itself, but does with GOTRACEBACK=crash, and SIGABRT, SIGQUIT and others
// come from outside.
//
// The limit on core files is not enough: the kernel ignores it if it hands core
// dumps to a program, as systemd-coredump and apport have it (core(5), "Piping
// core dumps to a program"). Of a process that is not dumpable there are none,
// and its memory and environment in /proc are root's (proc(5)); its own
// descriptors stay open to itself.
func keepMemory() {
	// Neither can fail, and without them nothing is worse than it was.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
