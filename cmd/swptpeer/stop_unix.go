//go:build unix && !linux

package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// stopProcess stops the process as a terminal does it, and returns when it goes
// on. Which thread heeds the signal is not known, so that it waits a moment.
func stopProcess() {
	unix.Kill(os.Getpid(), unix.SIGTTIN)
	time.Sleep(afterStop)
}
