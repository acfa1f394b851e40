package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// silence is a terminal on which a secret is typed: while a question is open,
// its echo is off. All that changes the terminal's settings is done here, under
// one lock, and nothing after end: what is read in the background cannot switch
// the echo off again when an interrupt has put it back.
type silence struct {
	fd       int
	out      io.Writer
	question string

	mu     sync.Mutex
	before *term.State // the terminal as it was; nil while the echo is not off
	ended  bool
}

// ask switches the echo off, and then asks: what is typed at the question is
// not shown, however quickly it comes.
func (s *silence) ask() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.before != nil {
		return nil
	}
	before, err := term.GetState(s.fd)
	if err != nil {
		return fmt.Errorf("reading the state of the terminal: %w", err)
	}
	// From here on it is to be put back, also if this fails half-way.
	s.before = before
	if err := echoOff(s.fd); err != nil {
		return fmt.Errorf("switching the echo of the terminal off: %w", err)
	}
	if _, err := io.WriteString(s.out, s.question); err != nil {
		return fmt.Errorf("asking on the terminal: %w", err)
	}
	return nil
}

// pause puts the terminal back as it was.
func (s *silence) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		term.Restore(s.fd, s.before)
		s.before = nil
	}
}

// end puts the terminal back as it was, for good.
func (s *silence) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.pause()
}

func (s *silence) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// disturbed reports whether somebody else has switched the echo on.
func (s *silence) disturbed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.before != nil && !s.ended && echoes(s.fd)
}

// forget leaves the settings that somebody else has made.
func (s *silence) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = nil
}

// resume asks again, as soon as the terminal is this job's. If it cannot, the
// wait for the answer goes on, and ends with the terminal.
func (s *silence) resume() {
	if awaitForeground(s.fd, s.over) {
		s.ask()
	}
}

// secret asks for one line without echo. The terminal is put back as it was,
// whatever ends the question: the answer, an interrupt, a stop.
func (t conversation) secret(ctx context.Context, jobs *jobControl, question string) ([]byte, error) {
	// A signal that comes from here on is heeded below, and ends the process
	// neither before the terminal is put back nor while that is done.
	interrupt, release := catchInterrupts()
	defer release()
	s := &silence{fd: int(t.tty.Fd()), out: t.out, question: question}
	defer jobs.watch(s)()
	defer s.end()
	interrupted := func() bool { return ctx.Err() != nil || len(interrupt) > 0 }
	foreground := awaitForeground(s.fd, interrupted)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if interrupted() {
		return nil, context.Canceled
	}
	if !foreground {
		return nil, withHint(&unreadable{errors.New("the terminal belongs to another job")}, "run the command in the foreground")
	}
	if err := s.ask(); err != nil {
		return nil, err
	}
	// The newline that ends the password is not echoed either.
	defer io.WriteString(t.out, "\n")
	return answer(ctx, interrupt, t.tty)
}

// catchInterrupts catches the signals that end the process at once, of which
// Ctrl-\ is one and the second Ctrl-C another, until release is called.
func catchInterrupts() (interrupt chan os.Signal, release func()) {
	interrupt = make(chan os.Signal, 1)
	signal.Notify(interrupt, append(endingSignals(), syscall.SIGQUIT)...)
	return interrupt, func() { signal.Stop(interrupt) }
}

// answer reads a line in such a way that an interrupt ends the wait. Reading
// from a terminal cannot be called off; the goroutine that does it ends with
// the process.
func answer(ctx context.Context, interrupt <-chan os.Signal, tty *os.File) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	ch := make(chan result, 1)
	go func() {
		data, err := readLine(tty)
		ch <- result{data, err}
	}()
	select {
	case r := <-ch:
		if errors.Is(r.err, io.EOF) {
			return nil, withHint(&refusal{"no answer: the input ended"}, "")
		}
		return r.data, r.err
	case <-interrupt:
		return nil, context.Canceled
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
