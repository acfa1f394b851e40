package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// Asking. A question is asked only if standard input or standard error is a
// terminal: a script whose output goes to a log is never kept waiting at a
// terminal that happens to exist. It is asked on the controlling terminal, so
// that standard input stays free for data.

// maxAnswer bounds what is read as an answer, in bytes.
const maxAnswer = 4096

// asker asks on the terminal.
type asker struct {
	sys system
	std streams
}

// available reports whether there is somebody to ask.
func (a asker) available() bool { return isTerminal(a.std.in) || isTerminal(a.std.err) }

// conversation is a terminal that was opened for one question.
type conversation struct {
	tty   *os.File  // answers are read from it
	out   io.Writer // the question goes there
	close func()
}

func (a asker) open() (conversation, error) {
	if !a.available() {
		return conversation{}, errNoTerminal
	}
	if tty, err := a.sys.openTerminal(); err == nil {
		c := conversation{tty, tty, func() { tty.Close() }}
		if runtime.GOOS == "windows" {
			// The console was opened for input only.
			c.out = a.std.err
		}
		return c, nil
	}
	// A process without a controlling terminal may still have one as its input.
	if f, ok := a.std.in.(*os.File); ok && isTerminal(f) {
		return conversation{f, a.std.err, func() {}}, nil
	}
	return conversation{}, errNoTerminal
}

// line asks for one line. The question is written as it is.
func (a asker) line(ctx context.Context, question string) (string, error) {
	t, err := a.open()
	if err != nil {
		return "", err
	}
	defer t.close()
	interrupt, release := catchInterrupts()
	defer release()
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	if _, err := io.WriteString(t.out, question); err != nil {
		return "", fmt.Errorf("asking on the terminal: %w", err)
	}
	line, err := answer(ctx, interrupt, t.tty)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(line)), nil
}

// confirm asks a yes-or-no question; anything but yes is no.
func (a asker) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := a.line(ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// password asks without echo.
func (a asker) password(ctx context.Context, question string) ([]byte, error) {
	t, err := a.open()
	if err != nil {
		return nil, err
	}
	defer t.close()
	return t.secret(ctx, a.sys.jobs, question)
}

// newPassword asks twice.
func (a asker) newPassword(ctx context.Context, what string) ([]byte, error) {
	first, err := a.password(ctx, fmt.Sprintf("Enter a new password for %s: ", what))
	if err != nil {
		return nil, err
	}
	if err := checkNewPassword(first); err != nil {
		clear(first)
		return nil, err
	}
	second, err := a.password(ctx, "Enter it again: ")
	defer clear(second)
	if err != nil {
		clear(first)
		return nil, err
	}
	if !bytes.Equal(first, second) {
		clear(first)
		return nil, withHint(&refusal{"the two passwords differ; nothing was changed"}, "run the command again and type the same password twice")
	}
	return first, nil
}

// readLine reads up to a newline, and nothing beyond it: what follows is the
// answer to the next question.
func readLine(r io.Reader) ([]byte, error) {
	// Room for the longest, so that no part of a password stays behind in a
	// slice that has become too small.
	line := make([]byte, 0, maxAnswer+1)
	buf := make([]byte, 1)
	for len(line) <= maxAnswer {
		n, err := r.Read(buf)
		if n == 1 {
			if buf[0] == '\n' {
				if runtime.GOOS == "windows" {
					line = bytes.TrimSuffix(line, []byte("\r"))
				}
				return line, nil
			}
			line = append(line, buf[0])
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return line, nil
			}
			clear(line)
			return nil, err
		}
	}
	clear(line)
	return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
}
