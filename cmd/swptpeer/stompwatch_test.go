package main

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// endAt ends a run when so many lines have been written.
type endAt struct {
	lines int
	end   func()
	bytes.Buffer
}

func (w *endAt) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if bytes.Count(w.Bytes(), []byte("\n")) >= w.lines {
		w.end()
	}
	return n, err
}

// TestWatchReadsStandardInputOnce: what came from standard input is not read
// again for the next round, and nothing is said about it.
func TestWatchReadsStandardInputOnce(t *testing.T) {
	t.Parallel()
	for from, flags := range map[string][]string{
		".crt": {"--cert", "-", "--key", referenceServer("ca", ".key")},
		".key": {"--cert", referenceServer("ca", ".crt"), "--key", "-"},
	} {
		in, err := os.ReadFile(referenceServer("ca", from))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &endAt{lines: 2, end: cancel}
		var errs bytes.Buffer
		args := append([]string{programName, "stompcheck", "1234", "--dir", referenceNode(t, "ca"), "--server", "127.0.0.1:1", "--watch", "1s"}, flags...)
		status := run(ctx, hostSystemAt(referenceTime), args, bytes.NewReader(in), out, &errs)
		if want := "swptpeer: error: interrupted\n"; status != statusInterrupted || errs.String() != want {
			t.Errorf("%s: exit status %d, found %q, expected %q", from, status, &errs, want)
		}
	}
}
