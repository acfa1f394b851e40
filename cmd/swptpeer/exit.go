package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/swaptacular/swptpeer/bundle/source"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// Exit status (command line specification, "Global rules").
const (
	statusDone        = 0
	statusFailed      = 1 // a check failed, or something was refused
	statusUsage       = 2 // wrong usage; also an answer that is missing with nobody to ask
	statusIO          = 3 // something could not be read or written
	statusNetwork     = 4 // could not connect, or a connect or handshake timed out
	statusInterrupted = 5 // interrupted, or an overall time limit
)

// precedence is which status is given when several items failed differently.
var precedence = []int{statusInterrupted, statusIO, statusNetwork, statusUsage, statusFailed}

// usageError is a mistake on the command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// refusal is something that the command itself does not do: exit status 1.
type refusal struct{ message string }

func (e *refusal) Error() string { return e.message }

func refusef(format string, args ...any) error {
	return &refusal{fmt.Sprintf(format, args...)}
}

// unreadable is something that could not be read or written though the
// operating system had no complaint: exit status 3.
type unreadable struct{ err error }

func (e *unreadable) Error() string { return e.err.Error() }
func (e *unreadable) Unwrap() error { return e.err }

// outputError is a result that could not be written to standard output: exit
// status 3, whatever it said.
type outputError struct{ err error }

func (e *outputError) Error() string {
	cause := e.err
	if p, ok := errors.AsType[*fs.PathError](cause); ok {
		cause = p.Err // the name, /dev/stdout, says nothing
	}
	return fmt.Sprintf("the output could not be written to standard output: %v", cause)
}
func (e *outputError) Unwrap() error { return e.err }

// made is a change that the command has made, and cannot take back: what fails
// after it must not read as if nothing had happened.
type made struct {
	what string // "the certificate is signed"
	look string // how to see the result without doing it again
}

// madeError is a failure after the change was made.
type madeError struct {
	made
	err error
}

func (e *madeError) Error() string { return e.what + ", but " + message(e.err) }
func (e *madeError) Unwrap() error { return e.err }

// withHint attaches what to do next.
func withHint(err error, hint string) error {
	if err == nil || hint == "" {
		return err
	}
	return &hinted{err, hint}
}

type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// severalErrors are the failures of several items, each already named in its
// message.
type severalErrors []error

func (e severalErrors) Error() string { return fmt.Sprintf("%d items failed", len(e)) }

// reported is a verdict of "refused" whose report has been printed.
type reported struct{ summary string }

func (e *reported) Error() string { return e.summary }

// exitStatus maps a failure to the status of the process.
func exitStatus(err error) int {
	if err == nil {
		return statusDone
	}
	if several, ok := errors.AsType[severalErrors](err); ok {
		seen := map[int]bool{}
		for _, e := range several {
			seen[exitStatus(e)] = true
		}
		for _, status := range precedence {
			if seen[status] {
				return status
			}
		}
	}
	if e, ok := errors.AsType[*source.Error](err); ok {
		return sourceStatus[e.Kind]
	}
	if t, ok := errors.AsType[*tested](err); ok {
		return t.status
	}
	is := func(targets ...error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(context.Canceled, context.DeadlineExceeded):
		return statusInterrupted
	case has[*usageError](err), is(errNoTerminal):
		return statusUsage
	case has[*unreadable](err), has[*outputError](err), has[*durable.Interrupted](err), has[*certs.UnsupportedKeyError](err), is(certs.ErrWrongPassword, certs.ErrPasswordRequired, nodedir.ErrNotNode, durable.ErrLockTimeout, durable.ErrJournal, durable.ErrLink):
		return statusIO
	case has[*check.Failure](err), has[*reported](err), has[*refusal](err),
		is(nodedir.ErrRejected, nodedir.ErrRefused, nodedir.ErrUnknown):
		return statusFailed
	// What exists is not overwritten: a refusal, as it was with the scripts.
	case is(fs.ErrExist):
		return statusFailed
	case has[*fs.PathError](err), has[*os.LinkError](err), has[*os.SyscallError](err), has[syscall.Errno](err):
		return statusIO
	}
	return statusFailed
}

// sourceStatus is the status for an info-bundle that could not be had.
var sourceStatus = map[source.Kind]int{
	source.Usage:      statusUsage,
	source.Unreadable: statusIO,
	source.Refused:    statusFailed,
	source.Network:    statusNetwork,
	source.Timeout:    statusInterrupted,
}

func has[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// sourceHints are what to do about an info-bundle that could not be had.
var sourceHints = map[source.Kind]string{
	source.Refused: "it was not judged: ask its publisher for the right address, or get the file in another way and judge that",
	source.Network: "check the address, the connection and the proxy (HTTPS_PROXY, NO_PROXY), then run the command again",
	source.Timeout: "give it more time with --timeout, or download the file first and judge that",
}

// hintFor is what to do about a failure, for those that brought no hint of
// their own.
func hintFor(err error) string {
	if m, ok := errors.AsType[*madeError](err); ok {
		return "do not run the command again: " + m.look
	}
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	if e, ok := errors.AsType[*source.Error](err); ok && sourceHints[e.Kind] != "" {
		return sourceHints[e.Kind]
	}
	if i, ok := errors.AsType[*durable.Interrupted](err); ok && errors.Is(err, durable.ErrForeign) {
		return fmt.Sprintf("put each file right as it says (keep a copy of what is there), then run the same command again; to give the interrupted change up instead, "+
			"move %s out of the directory (keep it): what it concerns (%s) is then partly old and partly new, and \"swptpeer doctor\" says what does not fit", i.Journal, strings.Join(i.Paths, ", "))
	}
	switch {
	case has[*outputError](err):
		return "see to it that the output can be written (is the disk full?), then run the command again"
	case has[*durable.Interrupted](err):
		return "the change is recorded, and the next command that changes the directory finishes it: remove the cause, then run the same command again"
	case errors.Is(err, nodedir.ErrMade):
		return "remove the cause, then run the same command again: it does what is missing, and changes nothing twice"
	case errors.Is(err, context.Canceled):
		return "nothing is half done: run the same command again"
	case errors.Is(err, errNoTerminal):
		return "give the answer as a flag; --help lists them"
	case errors.Is(err, certs.ErrWrongPassword):
		return "nothing was changed; run the command again with the password of this key"
	case errors.Is(err, certs.ErrPasswordRequired):
		return "give the password with --password-file, --password-fd, --password-stdin or SWPTPEER_PASSWORD"
	case errors.Is(err, durable.ErrJournal):
		return "nothing was changed; restore the record from a backup; if there is none, mend what \"swptpeer doctor\" reports besides, move the record out of the directory (keep it), and run the command again"
	case errors.Is(err, durable.ErrLink):
		return "nothing was changed; put what it leads to in the place of the link, or mount it there: a change that followed links could write anywhere"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many files are open at once: raise the limit, for example with \"ulimit -n 256\", then run the command again"
	case errors.Is(err, syscall.EFBIG):
		return "files may not be as large as that here: raise the limit, for example with \"ulimit -f unlimited\", then run the command again"
	case errors.Is(err, nodedir.ErrDamaged):
		return "nothing was changed; \"swptpeer doctor\" lists everything that is missing or does not fit"
	case errors.Is(err, nodedir.ErrNotNode):
		return "name the node directory with --dir or SWPTPEER_DIR, or make one with \"swptpeer init\""
	case errors.Is(err, nodedir.ErrUnknown):
		return "\"swptpeer peer list\" shows the peers; a new one begins with \"swptpeer peer sign BUNDLE\""
	case errors.Is(err, durable.ErrLockTimeout):
		return "another swptpeer is at work in this directory: wait until it has ended, then run the command again"
	case errors.Is(err, fs.ErrExist):
		return "nothing was overwritten: choose another name, or move the file away"
	case errors.Is(err, fs.ErrNotExist):
		return "check the spelling, and which folder is the current one"
	case errors.Is(err, syscall.ENOSPC):
		return "the disk is full; nothing was changed: make room and run the command again"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only; nothing was changed"
	case errors.Is(err, fs.ErrPermission):
		return "run the command as the user who owns the file; if you are, it may be protected (\"lsattr\" shows it)"
	}
	return ""
}
