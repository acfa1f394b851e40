package main

import "golang.org/x/sys/windows"

// echoOff switches the echo of a console off, and the editing of a line and the
// keys that interrupt on.
func echoOff(fd int) error {
	var mode uint32
	if err := windows.GetConsoleMode(windows.Handle(fd), &mode); err != nil {
		return err
	}
	mode &^= windows.ENABLE_ECHO_INPUT
	mode |= windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT
	return windows.SetConsoleMode(windows.Handle(fd), mode)
}

// There is no job control on Windows.

func echoes(int) bool { return false }
