package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What init cannot look up is not taken for what is missing, and asked for.
// Found by failing every system call in turn (TestFaults).
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
