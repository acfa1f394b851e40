package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A bundle that the system cannot read was not refused, whichever command reads
// it: exit status 3. One that is read at once fails when it is opened, a larger
// one while it is verified.
func TestUnreadableBundleIsNotRefused(t *testing.T) {
	t.Parallel()
	tr := newTracer(t)
	for kind, size := range map[string]int{"small": 1, "large": 256 << 10} {
		work := t.TempDir()
		copyNode(t, "aa", work+"/node")
		copyNode(t, "da", work+"/other")
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(content)
		if err := os.WriteFile(work+"/other/nodeinfo/noise", content, 0o644); err != nil {
			t.Fatal(err)
		}
		good, file := filepath.Join(work, "good.zip"), filepath.Join(work, "unread.zip")
		if status, text := inProcess(referenceTime, []string{"SWPTPEER_PASSWORD=" + oldPassword}, "bundle", "create", good, "--dir", work+"/other"); status != statusDone {
			t.Fatal(text)
		}
		copyFile(t, good, file, 0o644)
		for _, args := range []string{
			"bundle verify {}/unread.zip", "bundle verify {}/good.zip --previous {}/unread.zip", "bundle inspect {}/unread.zip",
			"bundle extract {}/unread.zip --out {}/out", "bundle diff {}/good.zip {}/unread.zip", "peer sign {}/unread.zip --dir {}/node --yes",
		} {
			cmd := exec.Command("strace", append([]string{"-f", "-qq", "-o", os.DevNull, "-P", file, "-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO", tr.exe},
				words(args, work)...)...)
			cmd.Env = childEnv(referenceTime, "SWPTPEER_PASSWORD="+oldPassword)
			status, stdout, stderr := outcome(t, cmd)
			if text := stdout + stderr; status != statusIO || !strings.Contains(text, "input/output error") || strings.Contains(text, "refused") {
				t.Errorf("%s, %s: found exit status %d, want %d: %s", kind, args, status, statusIO, text)
			}
		}
	}
}

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
