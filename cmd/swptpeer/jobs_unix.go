//go:build unix

package main

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// jobControl lets a question put the terminal in order before the process is
// stopped (Ctrl-Z), and ask again when it goes on.
//
// From the first such question to the end of the process it catches SIGTSTP,
// because Go cannot give a signal its default action back: after
// [signal.Stop] a SIGTSTP would do nothing. It stops the process with SIGTTIN,
// which has the same action and which Go leaves alone; SIGSTOP would also stop
// a process that no shell could continue.
type jobControl struct {
	once  sync.Once
	mu    sync.Mutex
	asked *silence // nil: nobody is asked
}

// watch makes a silence heed stops, until leave is called.
func (j *jobControl) watch(s *silence) (leave func()) {
	j.set(s)
	j.once.Do(func() {
		ch := make(chan os.Signal, 4)
		signal.Notify(ch, unix.SIGTSTP, unix.SIGCONT)
		go func() {
			for sig := range ch {
				j.handle(sig)
			}
		}()
	})
	return func() { j.set(nil) }
}

func (j *jobControl) set(s *silence) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = s
}

func (j *jobControl) handle(sig os.Signal) {
	j.mu.Lock()
	s := j.asked
	j.mu.Unlock()
	switch {
	case sig == unix.SIGTSTP && s == nil:
		stopProcess()
	case sig == unix.SIGTSTP:
		s.pause()
		stopProcess()
		s.resume()
	case s != nil && s.disturbed():
		// It was stopped by SIGSTOP, of which nobody learns, and the shell has
		// put its own settings in place.
		s.forget()
		s.resume()
	}
}

// afterStop is how long the process waits, once it goes on, for other signals
// that came with SIGCONT: "kill" of a stopped job sends SIGTERM and SIGCONT.
const afterStop = 20 * time.Millisecond

// awaitForeground returns true when the terminal is this job's; like a process
// that reads from the terminal, one that is in the background stops until then.
// It returns false when done says so, or when the process cannot be stopped
// because there is no shell that would let it go on.
func awaitForeground(fd int, done func() bool) bool {
	// Each try is a stop, or 20 ms where there are none.
	const tries = 100
	for range tries {
		if done() {
			return false
		}
		if inForeground(fd) {
			return true
		}
		stopProcess()
		time.Sleep(afterStop)
	}
	return false
}
