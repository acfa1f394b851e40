package main

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// stopProcess stops the process as a terminal does it, and returns when it goes
// on. A signal to the thread itself is heeded before the call returns.
func stopProcess() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTTIN)
}
