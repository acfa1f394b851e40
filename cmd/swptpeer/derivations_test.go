package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// A command that opens the root key derives one key from the password, however
// much it signs and however often it plans; one that signs nothing derives none.
// A new password takes two more than what opens the key: one to encrypt it, and one
// to prove, with nothing kept from the first, that the file opens again.
func TestKeyDerivations(t *testing.T) {
	bundles, err := filepath.Abs("../../testdata/reference/bundles")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, password := range map[string]string{"old": "first-pw", "new": "second-pw"} {
		if err := os.WriteFile(name, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const authority = "node"
	bundle := filepath.Join(bundles, "ca2.zip")
	for _, step := range []struct {
		name string
		want int64
		args []string
	}{
		{"init", 2, []string{"init", "--type", "aa", "--prefix", "0123abcd", "--server", "a.example:1", "--dir", authority, "--yes", "--new-password-file", "old"}},
		{"init, nothing to do", 0, []string{"init", "--dir", authority, "--yes"}},
		{"bundle create, with the request of the first time", 1, []string{"bundle", "create", "out.zip", "--dir", authority, "--yes", "--password-file", "old"}},
		{"peer sign", 1, []string{"peer", "sign", bundle, "--dir", authority, "--yes", "--password-file", "old"}},
		{"peer sign, nothing to do", 0, []string{"peer", "sign", bundle, "--dir", authority, "--yes", "--password-file", "old"}},
		{"peer sign, dry", 0, []string{"peer", "sign", filepath.Join(bundles, "da2.zip"), "--dir", authority, "--dry-run"}},
		{"csr create", 0, []string{"csr", "create", "--name-from", authority + "/root-ca.crt", "--out-key", "server.key", "--out", "server.csr"}},
		{"csr sign", 1, []string{"csr", "sign", "server.csr", "--out", "server.crt", "--dir", authority, "--yes", "--password-file", "old"}},
		{"server renew", 1, []string{"server", "renew", "server.crt", "--out", "renewed.crt", "--dir", authority, "--yes", "--password-file", "old"}},
		{"doctor", 0, []string{"doctor", "--dir", authority}},
		{"key passwd", 3, []string{"key", "passwd", "--dir", authority, "--yes", "--password-file", "old", "--new-password-file", "new"}},
	} {
		before := certs.KeyDerivations()
		if status, out, errs := runHere(t, step.args...); status != 0 {
			t.Fatalf("%s: found status %d, expected 0:\n%s%s", step.name, status, out, errs)
		}
		if found := certs.KeyDerivations() - before; found != step.want {
			t.Errorf("%s: found %d key derivations, expected %d", step.name, found, step.want)
		}
	}
}
