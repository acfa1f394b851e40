package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// TestRecoveredPassword kills "key passwd" at each of its renames, and signs with
// the old password, quietly. Whoever is told that it is wrong is told as well that
// this run has put the new key in place, and never that nothing was changed.
func TestRecoveredPassword(t *testing.T) {
	t.Parallel()
	tr := newTracer(t)
	signed, refused := 0, 0
	for k := 1; ; k++ {
		node := filepath.Join(t.TempDir(), "node")
		copyNode(t, "aa", node)
		env := childEnv(referenceTime, "SWPTPEER_PASSWORD="+oldPassword, "SWPTPEER_NEW_PASSWORD="+newPassword)
		killed, err := tr.run(env, []string{"key", "passwd", "--dir", node, "--yes"}, []string{"renameat"}, fmt.Sprintf("renameat:signal=KILL:when=%d", k))
		if err != nil {
			t.Fatal(err)
		}
		if killed.status == 0 {
			break
		}
		before, err := os.ReadFile(filepath.Join(node, nodedir.RootKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		sign := []string{"csr", "sign", reference(t, "servers/aa.csr"), "--dir", node, "--yes", "--quiet"}
		status, text := inProcess(referenceTime, env, sign...)
		after, err := os.ReadFile(filepath.Join(node, nodedir.RootKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		if status == statusDone {
			signed++
			if string(before) != string(after) {
				t.Errorf("killed at rename %d: the key was changed, and opens with the old password: %s", k, text)
			}
			continue
		}
		if status != statusIO || !strings.Contains(text, "wrong password") || strings.Contains(text, "nothing was changed") {
			t.Errorf("killed at rename %d: exit status %d: %s", k, status, text)
		}
		if string(before) == string(after) {
			continue // the change was complete, but for its record
		}
		refused++
		for _, want := range []string{"swptpeer: warning: completed a change that an earlier run was interrupted in: private/root-ca.key\n",
			"swptpeer: warning: the root key opens with the password that was new in that run\n",
			"swptpeer: hint: run the command again with the password that was new then\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("killed at rename %d: found %s, expected %s", k, text, want)
			}
		}
		env = childEnv(referenceTime, "SWPTPEER_PASSWORD="+newPassword)
		if status, text := inProcess(referenceTime, env, sign...); status != statusDone {
			t.Errorf("killed at rename %d: with the new password: exit status %d: %s", k, status, text)
		}
		env = childEnv(referenceTime, "SWPTPEER_PASSWORD="+oldPassword)
		if status, text := inProcess(referenceTime, env, sign...); status != statusIO || !strings.Contains(text, "nothing was changed; run the command again") {
			t.Errorf("killed at rename %d: once more with the old password: exit status %d: %s", k, status, text)
		}
	}
	if signed == 0 || refused == 0 {
		t.Errorf("found %d runs that signed and %d that were refused, expected both", signed, refused)
	}
}
