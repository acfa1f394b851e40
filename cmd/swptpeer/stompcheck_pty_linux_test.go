package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// serving runs "stompcheck serve" of the reference authority in this process and
// counts the lines of each kind of event.
func serving(t *testing.T) (addr string, count func(event string) int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, hostSystemAt(referenceTime), []string{programName, "stompcheck", "serve", "--listen", "127.0.0.1:0",
			"--dir", filepath.Join(referenceDir, "nodes", "aa"), "--cert", referenceServer("aa", ".crt"), "--key", referenceServer("aa", ".key")},
			strings.NewReader(""), w, io.Discard)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != statusDone {
			t.Errorf("the server ended with %d, want %d", code, statusDone)
		}
	})
	lines := bufio.NewReader(r)
	first, err := lines.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on ")
	if err != nil || !ok {
		t.Fatalf("found %q, %v", first, err)
	}
	counts := map[string]*atomic.Int64{"connected": {}, "message": {}, "disconnected": {}}
	go func() {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if f := strings.Fields(line); len(f) > 1 && counts[f[1]] != nil {
				counts[f[1]].Add(1)
			}
		}
	}()
	return addr, func(event string) int64 { return counts[event].Load() }
}

func terminalCheck(t *testing.T, addr string, more ...string) *session {
	t.Helper()
	args := []string{"stompcheck", "1234", "--dir", reference(t, "nodes/ca"), "--cert", reference(t, "servers/ca.crt"),
		"--key", reference(t, "servers/ca.key"), "--server", addr}
	return startSession(t, t.TempDir(), nil, nil, append(args, more...)...)
}

// TestTerminalStompcheck: at a terminal the stages show as they end, and the
// report has colours; with NO_COLOR or --no-color it has none.
func TestTerminalStompcheck(t *testing.T) {
	t.Parallel()
	addr, _ := serving(t)
	s := terminalCheck(t, addr, "--linger", "100ms")
	s.check(statusDone, "\r\x1b[K1234abcd at "+addr+": tls passed", "\x1b[32mok\x1b[0m", "\x1b[32mnot refused\x1b[0m within 100ms")
	s = terminalCheck(t, addr, "--linger", "100ms", "--no-color", "--quiet")
	s.check(statusDone, "verdict: not refused within 100ms")
	if strings.Contains(s.text(), "\x1b") {
		t.Errorf("found an escape with --no-color and --quiet: %q", s.text())
	}
}

// TestTerminalMessage: a message that may move money is sent by a yes alone.
func TestTerminalMessage(t *testing.T) {
	t.Parallel()
	addr, count := serving(t)
	file := filepath.Join(t.TempDir(), "message.json")
	text := `{"type":"FinalizeTransfer","debtor_id":1311862290299486208,"creditor_id":1099511627777,"transfer_id":1,` +
		`"coordinator_type":"direct","coordinator_id":1099511627777,"coordinator_request_id":2,"committed_amount":0,` +
		`"transfer_note":"","transfer_note_format":"","ts":"2026-11-24T12:00:00+00:00"}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(answer string) *session {
		s := terminalCheck(t, addr, "--linger", "0s", "--probe", file, "--message-type", "FinalizeTransfer")
		s.expect("Send it once? [y/N] ")
		s.typed(answer)
		return s
	}
	for _, answer := range []string{"n\n", "\n", "yes please\n"} {
		ask(answer).check(statusFailed, "nothing was sent")
	}
	if n := count("connected"); n != 0 {
		t.Errorf("found %d connections, want none before the yes", n)
	}
	ask("\x03").check(statusInterrupted)
	s := ask("yes\n")
	s.check(statusDone, "FinalizeTransfer confirmed")
	s.wait("the end of the connection", func() bool { return count("disconnected") == 1 })
	if n := count("message"); n != 1 {
		t.Errorf("the server got %d messages, want 1", n)
	}
}

// TestTerminalStompcheckInterrupt: Ctrl-C ends a test with DISCONNECT.
func TestTerminalStompcheckInterrupt(t *testing.T) {
	t.Parallel()
	addr, count := serving(t)
	s := terminalCheck(t, addr, "--linger", "1m")
	s.expect(": stomp passed")
	s.typed("\x03")
	s.check(statusInterrupted, "interrupted")
	s.wait("DISCONNECT", func() bool { return count("disconnected") == 1 })
}
