package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a question for a password leaves of the terminal, and what it shows, at
// moments that are hard to meet.

// passwordQuestion is that of the commands of these tests.
const passwordQuestion = "Enter the password of the root key: "

// TestSilenceInterruptedAtOnce: Ctrl-C as the question appears leaves the
// terminal with its echo.
func TestSilenceInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	const tries = 60 // 3 of 60 were left without echo
	inParallel(tries, func(i int) {
		keys := []string{"\x03", "\x1c", "\x03\x03"}[i%3]
		s := startSession(t, node, nil, nil, "csr", "sign", reference(t, "servers/aa.csr"), "--yes", "--quiet")
		typed := false
		s.mu.Lock()
		s.react = func(shown string) {
			if !typed && strings.Contains(shown, "Enter") {
				typed = true
				s.master.WriteString(keys)
			}
		}
		s.mu.Unlock()
		code := s.status()
		// The second Ctrl-C may come when the terminal is in order again, and
		// then ends the process at once.
		killed := len(keys) > 1 && s.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGINT
		if code != statusInterrupted && !killed {
			t.Errorf("%q: found %v, expected exit status %d", keys, s.cmd.ProcessState, statusInterrupted)
		}
		if !s.echo() {
			t.Errorf("try %d: after %q the terminal is left without echo", i, keys)
		}
	})
	unchanged()
}

// TestSilenceInterruptedAnytime: a signal at any moment from the start on leaves
// the terminal with its echo.
func TestSilenceInterruptedAnytime(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	const tries = 60
	asked := 0
	inParallel(tries, func(i int) {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[i%3]
		s := startSession(t, node, nil, nil, "csr", "sign", reference(t, "servers/aa.csr"), "--yes", "--quiet")
		time.Sleep(rand.N(60 * time.Millisecond))
		s.cmd.Process.Signal(sig)
		s.status()
		if !s.echo() {
			t.Errorf("try %d: after %v the terminal is left without echo", i, sig)
		}
		if strings.Contains(s.text(), passwordQuestion) {
			s.mu.Lock()
			asked++
			s.mu.Unlock()
		}
	})
	unchanged()
	t.Logf("%d of %d were asked", asked, tries)
}

// TestSilenceIsNotBegunLate: a run that was interrupted before the question asks
// nothing, and does not touch the terminal.
func TestSilenceIsNotBegunLate(t *testing.T) {
	t.Parallel()
	master, slave := openPTY(t)
	sys := hostSystem()
	sys.openTerminal = func() (*os.File, error) { return os.OpenFile(slave.Name(), os.O_RDWR|syscall.O_NOCTTY, 0) }
	ask := asker{sys, streams{slave, slave, slave}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := ask.password(ctx, "secret? "); !errors.Is(err, context.Canceled) {
			t.Fatalf("found %v, expected %v", err, context.Canceled)
		}
		if _, err := ask.line(ctx, "what? "); !errors.Is(err, context.Canceled) {
			t.Fatalf("found %v, expected %v", err, context.Canceled)
		}
	}
	// Nor does one that is over, when a stopped process goes on.
	late := &silence{fd: int(slave.Fd()), out: slave, question: "late? "}
	late.end()
	late.resume()
	if err := late.ask(); err != nil {
		t.Error(err)
	}
	if s := (&session{t: t, slave: slave}); !s.echo() {
		t.Error("the terminal is left without echo")
	}
	slave.WriteString("end\n")
	buf := make([]byte, 1000)
	if n, err := master.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "end") {
		t.Errorf("found %q, %v on the terminal, expected no question", buf[:n], err)
	}
}

// TestSilenceHasNoGap: what is typed as soon as the question appears is not
// shown.
func TestSilenceHasNoGap(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	for range 5 {
		s := startSession(t, node, nil, nil, "key", "public", "--key", "private/root-ca.key", "--fingerprint")
		typed := false
		s.mu.Lock()
		s.react = func(shown string) {
			if !typed && strings.Contains(shown, "Enter") {
				typed = true
				s.master.WriteString(oldPassword + "\n")
			}
		}
		s.mu.Unlock()
		s.check(statusDone)
		if strings.Contains(s.text(), oldPassword) {
			t.Error("the password was echoed")
		}
	}
}

// shellSession starts an interactive shell at a terminal of its own. A command
// line is typed by run.
func shellSession(t *testing.T, dir string, shell ...string) *session {
	t.Helper()
	path, err := exec.LookPath(shell[0])
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, programName)); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "PS1=ready> ", "HOME=" + dir}
	s := startSession(t, dir, env, func(cmd *exec.Cmd) { cmd.Path, cmd.Args = path, shell })
	s.expect("ready> ")
	return s
}

// next waits until the text is shown once more than before.
func (s *session) next(text string, shown int) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%q for the %d. time", text, shown), func() bool { return strings.Count(s.text(), text) == shown })
}

// TestSilenceStopped: with Ctrl-Z at the question, or another stop, the shell
// gets its terminal back with echo; when the job goes on, the question comes
// again and the password is not shown; and at the end the echo is on. With a
// shell that does and one that does not put the terminal in order by itself.
func TestSilenceStopped(t *testing.T) {
	t.Parallel()
	for _, shell := range [][]string{{"bash", "--norc", "--noprofile", "-i"}, {"dash", "-i"}} {
		for _, how := range []string{"Ctrl-Z", "Ctrl-Z, bg", "SIGSTOP", "in the background"} {
			t.Run(shell[0]+", "+how, func(t *testing.T) {
				t.Parallel()
				node := referenceNode(t, "aa")
				s := shellSession(t, node, shell...)
				command := programName + " key public --key private/root-ca.key --fingerprint"
				questions := 0
				asked := func() {
					t.Helper()
					questions++
					s.next(passwordQuestion, questions)
					s.wait("silence", func() bool { return !s.echo() })
				}
				// Shells tell of a stop in the background with the next prompt.
				stopped := func(times int) {
					t.Helper()
					s.wait("the stop", func() bool {
						time.Sleep(50 * time.Millisecond)
						s.typed("\n")
						return strings.Count(s.text(), "Stopped") >= times
					})
				}
				if how == "in the background" {
					s.typed(command + " &\n")
					stopped(1)
				} else {
					s.typed(command + "\n")
					asked()
				}
				switch how {
				case "Ctrl-Z", "Ctrl-Z, bg":
					s.typed("half a pass\x1a")
					s.expect("Stopped")
				case "SIGSTOP":
					if err := syscall.Kill(foregroundJob(t, s), syscall.SIGSTOP); err != nil {
						t.Fatal(err)
					}
					s.expect("Stopped")
				}
				if shell[0] == "dash" && how != "SIGSTOP" {
					// This shell leaves the terminal as the job left it.
					s.wait("the echo", s.echo)
				}
				if how == "Ctrl-Z, bg" {
					s.typed("bg\n")
					stopped(2)
				}
				s.typed("fg\n")
				if !(shell[0] == "dash" && how == "SIGSTOP") {
					asked() // otherwise it is silent still
				}
				s.typed(oldPassword + "\n")
				s.expect("6dc461cebf952b3a")
				s.typed("stty -a > settings; echo at the\" \"end\n")
				s.expect("at the end")
				settings, err := os.ReadFile(filepath.Join(node, "settings"))
				if words := strings.Fields(string(settings)); err != nil || !slices.Contains(words, "echo") || !slices.Contains(words, "icanon") {
					t.Errorf("the terminal is left without echo (%v): %s", err, settings)
				}
				for _, secret := range []string{oldPassword, "half a pass"} {
					if strings.Contains(s.text(), secret) {
						t.Errorf("%q was echoed", secret)
					}
				}
				if t.Failed() {
					t.Logf("the terminal shows:\n%s", s.text())
				}
			})
		}
	}
}

// foregroundJob is the process group that has the terminal.
func foregroundJob(t *testing.T, s *session) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	const tpgid = 5 // proc(5), field 8; the first after the name is 3
	group, err := strconv.Atoi(strings.Fields(rest)[tpgid])
	if err != nil || group == s.cmd.Process.Pid {
		t.Fatalf("found the group %d (%v), expected that of a job", group, err)
	}
	return group
}

// TestStopAfterQuestion: when no question is open any more, Ctrl-Z stops the
// process like any other.
func TestStopAfterQuestion(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	s := shellSession(t, node, "bash", "--norc", "--noprofile", "-i")
	s.typed("SWPTPEER_PASSWORD=" + oldPassword + " " + programName + " key passwd\n")
	s.secret("Enter a new password", newPassword)
	s.secret("Enter it again: ", newPassword)
	job := foregroundJob(t, s)
	// The derivation of the new key, twice, takes longer than this.
	s.wait("the end of the question", s.echo)
	if err := syscall.Kill(job, syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	s.expect("Stopped")
	s.typed("fg\n")
	s.expect("is changed")
}

// TestSilenceKilledInBackground: a job that waits for the terminal in the
// background can be ended there, and leaves the terminal alone.
func TestSilenceKilledInBackground(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	s := shellSession(t, node, "bash", "--norc", "--noprofile", "-i")
	s.typed(programName + " csr sign " + reference(t, "servers/aa.csr") + " --yes --quiet &\n")
	again := func(text string) func() bool {
		return func() bool {
			time.Sleep(50 * time.Millisecond)
			s.typed("\n") // the shell tells of it with its next prompt
			return strings.Contains(s.text(), text)
		}
	}
	s.wait("the stop", again("Stopped"))
	s.typed("kill %1\n") // SIGTERM and SIGCONT
	s.wait("the end", again(fmt.Sprintf("Exit %d", statusInterrupted)))
	if strings.Contains(s.text(), passwordQuestion) {
		t.Error("it asked in the background")
	}
	unchanged()
}
