package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/server"
)

// stalledWriter takes the first line, and more only once it is opened.
type stalledWriter struct {
	first, open chan struct{}
	once        sync.Once
	mu          sync.Mutex
	b           bytes.Buffer
}

func newStalledWriter() *stalledWriter {
	return &stalledWriter{first: make(chan struct{}), open: make(chan struct{})}
}

func (w *stalledWriter) Write(p []byte) (int, error) {
	select {
	case <-w.first:
		<-w.open
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.once.Do(func() { close(w.first) })
	return w.b.Write(p)
}

func (w *stalledWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// TestServeStalledOutput: a reader of the output that stops reading holds up
// neither clients nor the end, and is told what it missed.
func TestServeStalledOutput(t *testing.T) {
	const messages = 1500
	for _, goesOn := range []bool{false, true} {
		t.Run(fmt.Sprintf("goes on %t", goesOn), func(t *testing.T) {
			out := newStalledWriter()
			unstall := sync.OnceFunc(func() { close(out.open) })
			t.Cleanup(unstall)
			store := filepath.Join(t.TempDir(), "store")
			args := []string{programName, "stompcheck", "serve", "--listen", "127.0.0.1:0", "--format", "json", "--store", store,
				"--dir", filepath.Join(referenceDir, "nodes", "aa"), "--cert", referenceServer("aa", ".crt"), "--key", referenceServer("aa", ".key")}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan int, 1)
			go func() { done <- run(ctx, hostSystemAt(referenceTime), args, strings.NewReader(""), out, io.Discard) }()
			select {
			case <-out.first:
			case <-time.After(20 * time.Second):
				t.Fatal("it does not listen")
			}
			var listening eventJSON
			if err := json.Unmarshal([]byte(out.String()), &listening); err != nil || listening.Event != "listening" {
				t.Fatalf("found %q (%v), expected where it listens", out, err)
			}
			code, _, errs := runWith(t, nil, "stompcheck", "1234", "--dir", filepath.Join(referenceDir, "nodes", "ca"),
				"--cert", referenceServer("ca", ".crt"), "--key", referenceServer("ca", ".key"), "--server", listening.Address,
				"--linger", "0s", "--probe", "smp", "--count", fmt.Sprint(messages), "--yes")
			if code != statusDone {
				t.Fatalf("a client got exit status %d: %s", code, errs)
			}
			if kept, err := os.ReadDir(store); err != nil || len(kept) != messages {
				t.Errorf("found %d messages that were stored (%v), want %d", len(kept), err, messages)
			}
			if goesOn {
				unstall()
				for deadline := time.Now().Add(10 * time.Second); !strings.Contains(out.String(), notPrinted); time.Sleep(10 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("that events are missing was not printed while it runs")
					}
				}
			}
			cancel()
			select {
			case code := <-done:
				if code != statusDone {
					t.Errorf("exit status %d, want %d", code, statusDone)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it does not end")
			}
			if !goesOn {
				return
			}
			printed, missing := 0, 0
			for line := range strings.Lines(out.String()) {
				var e eventJSON
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatalf("%v: %q", err, line)
				}
				switch e.Event {
				case "listening":
				case notPrinted:
					missing += e.NotPrinted
				default:
					printed++
					if e.Message != nil && missing == 0 && e.Message.ID != fmt.Sprintf("swptpeer-%d", printed-2) {
						t.Errorf("event %d is %s: not in order", printed, line)
					}
				}
			}
			// The client's connections give some events besides.
			if missing == 0 || printed < queuedEvents || printed+missing < messages+2 {
				t.Errorf("found %d events printed and %d missing, of %d messages", printed, missing, messages)
			}
		})
	}
}

// TestEventQueue: order stays, and every event is there or counted in its place.
func TestEventQueue(t *testing.T) {
	q := newEventQueue()
	next := uint64(0)
	put := func(n int) {
		for range n {
			next++
			q.put(server.Event{Connection: next})
		}
	}
	seen := uint64(0)
	take := func() bool {
		missed, e, ok := q.take()
		seen += uint64(missed)
		if e != nil {
			if seen++; seen != e.Connection {
				t.Fatalf("found event %d, want %d", e.Connection, seen)
			}
		}
		return ok
	}
	put(queuedEvents + 9)
	for range queuedEvents/2 - 1 {
		take()
	}
	put(1) // counted: the queue is not half empty yet
	if len(q.events) != queuedEvents/2+1 || q.missed != 10 {
		t.Errorf("found %d queued, %d missed, want %d and 10", len(q.events), q.missed, queuedEvents/2+1)
	}
	take()
	put(1) // queued, after 10 that are not
	if seen != queuedEvents/2 || len(q.events) != queuedEvents/2+1 || q.missed != 0 {
		t.Errorf("found %d seen, %d queued, %d missed", seen, len(q.events), q.missed)
	}
	put(queuedEvents)
	missed := q.missed
	q.close()
	for take() {
	}
	if seen != next || missed != queuedEvents/2+1 {
		t.Errorf("found %d of %d events, %d missed last", seen, next, missed)
	}
}

func TestServeListenFlag(t *testing.T) {
	for _, listen := range []string{":99999", ":65536", ":-1", "127.0.0.1", ":no-such-port"} {
		code, _, errs := runWith(t, nil, "stompcheck", "serve", "--listen", listen, "--dir", filepath.Join(referenceDir, "nodes", "aa"),
			"--cert", referenceServer("aa", ".crt"), "--key", referenceServer("aa", ".key"))
		if code != statusUsage || !strings.Contains(errs, "flag --listen: found") {
			t.Errorf("%s: exit status %d, want %d: %s", listen, code, statusUsage, errs)
		}
	}
}
