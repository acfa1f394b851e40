package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What happens at a terminal: real processes on a real pseudo-terminal.

// session is a process with a terminal of its own.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // kept open: its settings are looked at
	mu     sync.Mutex
	output bytes.Buffer
	ended  chan struct{}
	react  func(shown string) // called with all that is shown, as soon as something is
}

// patience is how long a test waits for something to appear.
const patience = 30 * time.Second

func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// startSession runs the command at a terminal. prepare may redirect a stream.
func startSession(t *testing.T, dir string, env []string, prepare func(*exec.Cmd), args ...string) *session {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, ended: make(chan struct{})}
	s.master, s.slave = openPTY(t)
	s.cmd = &exec.Cmd{
		Path: exe, Args: append([]string{programName}, args...), Dir: dir,
		Env:   append([]string{"TERM=xterm", "SWPTPEER_TEST_NOW=" + referenceTime.Format(time.RFC3339), "PATH=" + os.Getenv("PATH")}, env...),
		Stdin: s.slave, Stdout: s.slave, Stderr: s.slave,
		// Descriptor 2 of the child is the terminal in every test.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2},
	}
	if prepare != nil {
		prepare(s.cmd)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	go func() {
		defer close(s.ended)
		buf := make([]byte, 4096)
		for {
			n, err := s.master.Read(buf)
			s.mu.Lock()
			s.output.Write(buf[:n])
			if s.react != nil {
				s.react(s.output.String())
			}
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

func (s *session) echo() bool {
	s.t.Helper()
	state, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// wait waits until a condition holds.
func (s *session) wait(what string, condition func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s did not come; the terminal shows:\n%s", what, s.text())
		}
	}
}

// expect waits for text that has not been there before.
func (s *session) expect(text string) {
	s.t.Helper()
	s.wait(fmt.Sprintf("%q", text), func() bool { return strings.Contains(s.text(), text) })
}

// secret answers a question that must not echo.
func (s *session) secret(question, answer string) {
	s.t.Helper()
	s.expect(question)
	s.wait("silence", func() bool { return !s.echo() })
	s.typed(answer + "\n")
}

func (s *session) typed(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// status waits for the end of the process.
func (s *session) status() int {
	s.t.Helper()
	timer := time.AfterFunc(patience, func() { s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	timer.Stop()
	// What was written last has arrived when the terminal is quiet.
	time.Sleep(20 * time.Millisecond)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0
}

func (s *session) check(code int, contains ...string) {
	s.t.Helper()
	if got := s.status(); got != code {
		s.t.Errorf("exit status %d, want %d", got, code)
	}
	for _, want := range contains {
		if !strings.Contains(s.text(), want) {
			s.t.Errorf("the terminal does not show %q", want)
		}
	}
	if s.t.Failed() {
		s.t.Logf("the terminal shows:\n%s", s.text())
	}
}

// unchangedTree fails if a folder is not as it was.
func unchangedTree(t *testing.T, root string) func() {
	t.Helper()
	before, err := tree(root)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if now, err := tree(root); err != nil || now != before {
			t.Errorf("%s was changed (%v)", root, err)
		}
	}
}

func TestTerminalPassword(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	s := startSession(t, node, nil, nil, "csr", "sign", reference(t, "servers/aa.csr"), "--yes")
	// A person may mistype.
	s.secret("Enter the password of the root key: ", "not-it")
	s.expect("wrong password, try again")
	s.wait("the second question", func() bool { return strings.Count(s.text(), "Enter the password") == 2 })
	s.secret("Enter the password", "secret-pw")
	s.check(0, "BEGIN CERTIFICATE")
	for _, secret := range []string{"secret-pw", "not-it"} {
		if strings.Contains(s.text(), secret) {
			t.Errorf("%q was echoed", secret)
		}
	}
	if !s.echo() {
		t.Error("the terminal is left without echo")
	}
}

func TestTerminalPasswordGivesUp(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	s := startSession(t, node, nil, nil, "csr", "sign", reference(t, "servers/aa.csr"), "--yes")
	for i := range passwordAttempts {
		s.wait("the question", func() bool { return strings.Count(s.text(), "Enter the password") == i+1 })
		s.secret("Enter the password", "not-it")
	}
	s.check(statusIO, "wrong password", "nothing was changed; run the command again")
	unchanged()
}

func TestTerminalNewPassword(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	env := []string{"SWPTPEER_PASSWORD=secret-pw"}
	s := startSession(t, node, env, nil, "key", "passwd")
	s.secret("Enter a new password for the root key: ", "first-try")
	s.secret("Enter it again: ", "second-try")
	s.check(statusFailed, "the two passwords differ; nothing was changed")
	unchanged()

	s = startSession(t, node, env, nil, "key", "passwd")
	s.secret("Enter a new password for the root key: ", "abc")
	s.check(statusFailed, "found 3 bytes, expected 4 to 1023")
	unchanged()

	s = startSession(t, node, env, nil, "key", "passwd")
	s.secret("Enter a new password for the root key: ", "new-secret")
	s.secret("Enter it again: ", "new-secret")
	s.check(0, "is changed")
	if strings.Contains(s.text(), "new-secret") {
		t.Error("the new password was echoed")
	}
	s = startSession(t, node, []string{"SWPTPEER_PASSWORD=new-secret"}, nil, "key", "public", "--key", "private/root-ca.key", "--fingerprint")
	s.check(0, "6dc461cebf952b3a")
}

func TestTerminalConfirmation(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	sign := []string{"peer", "sign", reference(t, "bundles/da2.zip")}
	env := []string{"SWPTPEER_PASSWORD=secret-pw"}
	for _, answer := range []string{"n\n", "\n", "maybe\n", "\x04"} {
		s := startSession(t, node, env, nil, sign...)
		s.expect("Continue? [y/N] ")
		s.typed(answer)
		s.check(statusFailed, "52fbfa7e0fceb8dd45e04a9052dc07d00a43dc13ec595142d2937328aa9e32f2")
		unchanged()
	}
	s := startSession(t, node, env, nil, sign...)
	s.expect("Continue? [y/N] ")
	s.typed("y\n")
	s.check(0, "signed a peer certificate")
}

// TestTerminalInterrupt: Ctrl-C and Ctrl-\ at a prompt end the command with
// status 5, change nothing and leave the terminal as it was.
func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	unchanged := unchangedTree(t, node)
	for _, key := range []string{"\x03", "\x1c"} {
		s := startSession(t, node, nil, nil, "csr", "sign", reference(t, "servers/aa.csr"), "--yes")
		s.expect("Enter the password of the root key: ")
		s.wait("silence", func() bool { return !s.echo() })
		s.typed("half a pass" + key)
		s.check(statusInterrupted, "interrupted")
		if !s.echo() {
			t.Errorf("after %q the terminal is left without echo", key)
		}
		if strings.Contains(s.text(), "half a pass") {
			t.Error("the password was echoed")
		}
		unchanged()
	}
	s := startSession(t, node, []string{"SWPTPEER_PASSWORD=secret-pw"}, nil, "peer", "sign", reference(t, "bundles/da2.zip"))
	s.expect("Continue? [y/N] ")
	s.typed("\x03")
	s.check(statusInterrupted, "interrupted")
	unchanged()

	// While it reads from the terminal itself.
	for _, args := range [][]string{{"bundle", "verify", "-"}, {"cert", "inspect", "-"}, {"key", "public", "--key", "private/root-ca.key", "--password-stdin"}} {
		s := startSession(t, node, nil, nil, args...)
		s.typed("something\n")
		s.expect("something")
		time.Sleep(100 * time.Millisecond) // for the process to be up and reading
		s.typed("\x03")
		s.check(statusInterrupted, "interrupted")
	}
}

// TestTerminalQuestionsOfInit: what the flags do not say is asked.
func TestTerminalQuestionsOfInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startSession(t, dir, []string{"SWPTPEER_PASSWORD=secret-pw"}, nil, "init", "--key", reference(t, "nodes/aa/private/root-ca.key"))
	s.expect("Type of the node")
	s.typed("aa\n")
	s.expect("Prefix of the debtor ids")
	s.typed("00c0ffee\n")
	s.expect("Network address of your server")
	s.typed("stomp.example.com:1234\n")
	s.check(0, "accounting authority 00c0ffee")
	data, err := os.ReadFile(filepath.Join(dir, "nodeinfo", "stomp.toml"))
	if err != nil || !strings.Contains(string(data), "stomp.example.com:1234") {
		t.Errorf("stomp.toml: %s, %v", data, err)
	}
}

// TestTerminalWithRedirections: data comes through a pipe, the answer from the
// terminal.
func TestTerminalWithRedirections(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	bundle, err := os.ReadFile(reference(t, "bundles/da2.zip"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	s := startSession(t, node, nil, func(cmd *exec.Cmd) {
		cmd.Stdin = bytes.NewReader(bundle)
		cmd.Stdout = &stdout
	}, "peer", "sign", "-", "--yes", "--format", "json")
	s.secret("Enter the password of the root key: ", "secret-pw")
	s.check(0)
	if !strings.Contains(stdout.String(), `"action": "signed"`) || strings.Contains(stdout.String(), "Enter") {
		t.Errorf("standard output: %s", stdout.String())
	}
}

// TestTerminalIsNotAsked: a process whose streams are all elsewhere asks
// nothing, though it has a terminal.
func TestTerminalIsNotAsked(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	var stderr bytes.Buffer
	s := startSession(t, node, nil, func(cmd *exec.Cmd) {
		cmd.Stdin = nil
		cmd.Stderr = &stderr
		cmd.SysProcAttr.Ctty = 1
	}, "csr", "sign", reference(t, "servers/aa.csr"), "--yes")
	s.check(statusUsage)
	if !strings.Contains(stderr.String(), "there is no terminal to ask at") {
		t.Errorf("standard error: %s", stderr.String())
	}
}

func TestTerminalColour(t *testing.T) {
	t.Parallel()
	node := referenceNode(t, "aa")
	for _, test := range []struct {
		env  []string
		args []string
		want bool
	}{
		{nil, nil, true},
		{[]string{"NO_COLOR=1"}, nil, false},
		{[]string{"NO_COLOR="}, nil, true},
		{[]string{"TERM=dumb"}, nil, false},
		{nil, []string{"--no-color"}, false},
	} {
		s := startSession(t, node, test.env, nil, append([]string{"peer", "list"}, test.args...)...)
		s.check(0, "ae4209290a434d18be5465b3d11257f8")
		if got := strings.Contains(s.text(), "\x1b["); got != test.want {
			t.Errorf("%v %v: colour %t, want %t", test.env, test.args, got, test.want)
		}
	}
	// Standard error is a terminal and standard output is not: only one of them
	// has colour.
	var stdout bytes.Buffer
	s := startSession(t, node, nil, func(cmd *exec.Cmd) { cmd.Stdout = &stdout }, "peer", "show", "ffff")
	s.check(statusFailed, "\x1b[")
	s = startSession(t, node, nil, func(cmd *exec.Cmd) { cmd.Stdout = &stdout }, "peer", "list")
	s.check(0)
	if stdout.Len() == 0 || strings.Contains(stdout.String(), "\x1b[") {
		t.Errorf("standard output: %q", stdout.String())
	}
}
