package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// failing reads like a disk that fails.
type failing struct{}

func (failing) ReadAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "read", Path: "b.zip", Err: syscall.EIO}
}

// A bundle that the system cannot read was not refused: exit status 3. Found by
// failing every system call in turn (TestFaults).
func TestUnreadableBundleIsNotRefused(t *testing.T) {
	in := &bundleInput{"b.zip", &failureReader{r: failing{}}, 1000, func() {}}
	if err := in.readError(); err != nil {
		t.Fatalf("before anything was read: %v", err)
	}
	if b, report := bundle.Verify(in.r, in.size, bundle.VerifyOptions{Time: referenceTime}); b != nil || report.Err() == nil {
		t.Fatal("it was accepted")
	}
	if err := in.readError(); !errors.Is(err, syscall.EIO) || exitStatus(err) != statusIO {
		t.Errorf("found %v with exit status %d, want an input/output error with %d", err, exitStatus(err), statusIO)
	}
}

// What init cannot look up is not taken for what is missing, and asked for.
// Found in the same way.
func TestInitDoesNotAskForWhatItCannotSee(t *testing.T) {
	node := referenceNode(t, "ca")
	manifest := filepath.Join(node, "nodeinfo", "stomp.toml")
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("stomp.toml", manifest); err != nil { // a circle
		t.Fatal(err)
	}
	status, text := inProcess(referenceTime, nil, "init", "--dir", node, "--type", "ca")
	if status != statusIO {
		t.Errorf("found exit status %d, want %d: %s", status, statusIO, text)
	}
}

// Nor is a file that cannot be looked at taken for a mistyped serial number.
func TestRenewNamesTheFileItCannotSee(t *testing.T) {
	circle := filepath.Join(t.TempDir(), "server.crt")
	if err := os.Symlink("server.crt", circle); err != nil {
		t.Fatal(err)
	}
	status, text := inProcess(referenceTime, nil, "server", "renew", circle, "--dir", referenceNode(t, "aa"), "--yes")
	if status != statusIO {
		t.Errorf("found exit status %d, want %d: %s", status, statusIO, text)
	}
}
