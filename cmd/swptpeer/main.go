// Command swptpeer makes the nodes of a Swaptacular network each other's peers.
//
// This package is the command and nothing else: flags, questions, what is
// printed and with which exit status it ends. What a certificate, a bundle or a
// node directory must be is decided by the packages below certs, bundle and
// stompcheck, and every verdict printed here is one of theirs.
//
// The files: run.go runs the command once, args.go reads the argument list,
// nearest.go guesses at a mistyped word, call.go is one command being carried out,
// exit.go gives every failure its exit status and its hint, tui.go has all rules
// about what may reach a terminal, terminal.go asks, silence.go asks without echo, password.go finds
// passwords, files.go and trust.go read what the operator names, output.go writes
// JSON, report.go and formats.go print verdicts, help.go and completion.go
// describe the command itself, collect.go says when garbage is collected. Each
// other file is a group of commands; aliases.go has the names of the scripts that
// this command replaces.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
)

// init keeps the main goroutine, which makes every change to files, on the main
// thread. It costs two switches of threads whenever that goroutine waits for
// another, so that nothing that happens thousands of times may wait in it. It makes
// "the n-th rename of this command" a thing that can be named from outside: strace
// counts system calls by thread, and the tests of what a kill or a failing disk does
// at each of them (faults_linux_test.go) rely on it.
func init() { runtime.LockOSThread() }

func main() { os.Exit(runAsProcess(hostSystem(), os.Args)) }

// runAsProcess is what main does, without the end of the process: the tests run the
// command through it, too.
func runAsProcess(sys system, args []string) int {
	sys.keepMemory()
	collectLater(maxLitter)
	// net/http writes to it what a web server sends unasked, past the rules of
	// tui.go. Nothing else here does.
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if signals := endingSignals(); len(signals) > 0 {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, signals...)
		// The first signal asks for an orderly end; the second one ends the
		// process at once.
		context.AfterFunc(ctx, stop)
	}
	return run(ctx, sys, args, os.Stdin, os.Stdout, os.Stderr)
}

// endingSignals are the signals that ask for an orderly end, without those that
// the process was told to ignore: nohup means SIGHUP, and a shell's trap with
// no command means SIGINT. (Of an ignored SIGTERM, Go's runtime does not let us know.) An
// empty list must not be given to os/signal, to which it means all signals.
func endingSignals() []os.Signal {
	return slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}
