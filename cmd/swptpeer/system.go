package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"
)

// system is what the command takes from the machine besides its arguments and
// its three streams. Nothing in this package asks the machine in another way.
type system struct {
	lookupEnv func(name string) (value string, ok bool)
	now       func() time.Time
	// openTerminal opens the terminal that questions are asked on. The caller
	// closes it.
	openTerminal func() (*os.File, error)
	// jobs stops the process, and lets it go on.
	jobs *jobControl
	// lookPath finds a program as the shell does.
	lookPath func(name string) (string, error)
	// keepMemory is done first of all (memory_linux.go).
	keepMemory func()
}

func hostSystem() system {
	return system{lookupEnv: os.LookupEnv, now: time.Now, openTerminal: openControllingTerminal, jobs: &jobControl{},
		lookPath: exec.LookPath, keepMemory: keepMemory}
}

func (s system) env(name string) string {
	value, _ := s.lookupEnv(name)
	return value
}

// openControllingTerminal opens the terminal itself, so that a question can be
// asked while the standard streams are pipes.
func openControllingTerminal() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

var errNoTerminal = errors.New("there is no terminal to ask at")

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// streams are the three that every process has.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// folderOf returns the folder in which the program stands that was started as
// name: of the name itself, without following it if it is a link.
func (s system) folderOf(name string) string {
	if !strings.ContainsRune(name, filepath.Separator) {
		if found, err := s.lookPath(name); err == nil {
			name = found
		}
	}
	return filepath.Dir(name)
}
