package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func TestExitStatus(t *testing.T) {
	noFile := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&check.Failure{Report: &check.Report{}}, 1},
		{&reported{}, 1},
		{refusef("no"), 1},
		{fmt.Errorf("x: %w", nodedir.ErrRejected), 1},
		{fmt.Errorf("x: %w", nodedir.ErrRefused), 1},
		{fmt.Errorf("x: %w", nodedir.ErrUnknown), 1},
		{&fs.PathError{Op: "create", Path: "x", Err: fs.ErrExist}, 1},
		{errors.New("a file that says something wrong"), 1},
		{usagef("x"), 2},
		{withHint(usagef("x"), "y"), 2},
		{fmt.Errorf("a question: %w", errNoTerminal), 2},
		{noFile, 3},
		{fmt.Errorf("x: %w", noFile), 3},
		{&os.LinkError{Op: "link", Err: syscall.EXDEV}, 3},
		{os.NewSyscallError("write", syscall.ENOSPC), 3},
		{syscall.EIO, 3},
		{fmt.Errorf("x: %w", certs.ErrWrongPassword), 3},
		{certs.ErrPasswordRequired, 3},
		{fmt.Errorf("x: %w", nodedir.ErrNotNode), 3},
		{durable.ErrLockTimeout, 3},
		{&unreadable{errors.New("x")}, 3},
		{context.Canceled, 5},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), 5},
		// Several items: 5, 3, 4, 1 in that order.
		{severalErrors{&reported{}, noFile}, 3},
		{severalErrors{noFile, context.Canceled, &reported{}}, 5},
		{severalErrors{&reported{}, &reported{}}, 1},
		{withHint(severalErrors{&reported{}, noFile}, "x"), 3},
	} {
		if got := exitStatus(test.err); got != test.want {
			t.Errorf("%v: status %d, want %d", test.err, got, test.want)
		}
	}
}

// TestHints: whatever an operator can do something about says what.
func TestHints(t *testing.T) {
	for _, err := range []error{certs.ErrWrongPassword, certs.ErrPasswordRequired, nodedir.ErrNotNode, nodedir.ErrUnknown,
		durable.ErrLockTimeout, fs.ErrExist, fs.ErrNotExist, fs.ErrPermission, syscall.ENOSPC, context.Canceled, errNoTerminal,
		durable.ErrJournal, durable.ErrLink, nodedir.ErrDamaged, syscall.EMFILE, syscall.ENFILE, syscall.EFBIG} {
		if hintFor(fmt.Errorf("x: %w", err)) == "" {
			t.Errorf("%v has no hint", err)
		}
	}
	// What is more particular goes before "missing", "not a node directory" …
	if got := hintFor(fmt.Errorf("%w: %w: %w", nodedir.ErrDamaged, nodedir.ErrNotNode, fs.ErrNotExist)); !strings.Contains(got, "doctor") {
		t.Errorf("hint %q", got)
	}
	foreign := &durable.Interrupted{Journal: "db/.swptpeer-journal.undo", Paths: []string{"db/index", "peers/x"}, Cause: durable.ErrForeign}
	if got := hintFor(fmt.Errorf("x: %w", foreign)); !strings.Contains(got, "move db/.swptpeer-journal.undo out") || !strings.Contains(got, "(db/index, peers/x)") {
		t.Errorf("hint %q", got)
	}
	if got := hintFor(withHint(fs.ErrExist, "do this")); got != "do this" {
		t.Errorf("hint %q", got)
	}
}

// TestInterruptWins: whatever fails after an interrupt, the interrupt is what
// ended the run.
func TestInterruptWins(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sys := hostSystem()
	for _, args := range [][]string{{"bundle", "verify", "../../testdata/reference/bundles/ca.zip"}, {"demo"}} {
		code := run(ctx, sys, append([]string{programName}, args...), os.Stdin, discard{}, discard{})
		if code != statusInterrupted {
			t.Errorf("%q: exit status %d, want %d", args, code, statusInterrupted)
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestParseWithin(t *testing.T) {
	for in, want := range map[string]time.Duration{"30d": 720 * time.Hour, "6w": 1008 * time.Hour, "72h": 72 * time.Hour, "0d": 0} {
		if got, err := parseWithin(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "30", "30m", "-1d", "99999999999999d", "1.5d"} {
		if _, err := parseWithin(in); err == nil {
			t.Errorf("%q is accepted", in)
		}
	}
}
