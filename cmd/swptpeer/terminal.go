package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/term"
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
	if _, err := io.WriteString(t.out, question); err != nil {
		return "", fmt.Errorf("asking on the terminal: %w", err)
	}
	answer, err := interruptible(ctx, t.tty, func() ([]byte, error) { return readLine(t.tty) })
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(answer)), nil
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

// password asks without echo. The terminal is put back as it was, also when the
// process is interrupted.
func (a asker) password(ctx context.Context, question string) ([]byte, error) {
	t, err := a.open()
	if err != nil {
		return nil, err
	}
	defer t.close()
	if _, err := io.WriteString(t.out, question); err != nil {
		return nil, fmt.Errorf("asking on the terminal: %w", err)
	}
	// The newline that ends the password is not echoed either.
	defer io.WriteString(t.out, "\n")
	return interruptible(ctx, t.tty, func() ([]byte, error) { return term.ReadPassword(int(t.tty.Fd())) })
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

// interruptible reads from the terminal in such a way that an interrupt ends
// the wait and puts the terminal back as it was. Reading from a terminal cannot
// be called off; the goroutine that does it ends with the process.
func interruptible(ctx context.Context, tty *os.File, read func() ([]byte, error)) ([]byte, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the terminal: %w", err)
	}
	// Ctrl-\ would end the process with the echo still off.
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	defer signal.Stop(quit)

	type result struct {
		data []byte
		err  error
	}
	ch := make(chan result, 1)
	go func() {
		data, err := read()
		ch <- result{data, err}
	}()
	select {
	case r := <-ch:
		if errors.Is(r.err, io.EOF) {
			return nil, withHint(&refusal{"no answer: the input ended"}, "")
		}
		return r.data, r.err
	case <-quit:
		term.Restore(fd, before)
		return nil, context.Canceled
	case <-ctx.Done():
		term.Restore(fd, before)
		return nil, ctx.Err()
	}
}

// readLine reads up to a newline, and nothing beyond it: what follows is the
// answer to the next question.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	buf := make([]byte, 1)
	for len(line) <= maxAnswer {
		n, err := r.Read(buf)
		if n == 1 {
			if buf[0] == '\n' {
				return line, nil
			}
			line = append(line, buf[0])
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return line, nil
			}
			return nil, err
		}
	}
	return nil, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
}
