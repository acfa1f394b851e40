//go:build unix

package main

import "golang.org/x/sys/unix"

// echoOff switches the echo of a terminal off, and the editing of a line and
// the keys that interrupt on, as they have to be while a password is typed.
func echoOff(fd int) error {
	state, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err != nil {
		return err
	}
	state.Lflag &^= unix.ECHO
	state.Lflag |= unix.ICANON | unix.ISIG
	state.Iflag |= unix.ICRNL
	return unix.IoctlSetTermios(fd, ioctlSetTermios, state)
}

// echoes reports whether what is typed is shown.
func echoes(fd int) bool {
	state, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	return err == nil && state.Lflag&unix.ECHO != 0
}

// inForeground reports whether the terminal is this job's, so that its settings
// are not those of a shell that is waiting for its next line.
func inForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() // an error: there is no job control
}
