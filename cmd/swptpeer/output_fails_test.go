package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutputFails: a command whose output cannot be written says so and, if it
// has changed something, that it has, and how to see it: never that nothing was
// changed, nor to do it again. (TestFaults does the same with strace.)
func TestOutputFails(t *testing.T) {
	const peer = "9713c1a6b9b52ce34697c159b56ecfb0"
	for _, test := range []struct {
		args string
		made string // what is said to be made; "": nothing is
		look string
	}{
		{"init --dir {}/new --type ca --server s.example:1 --key {}/node/private/root-ca.key", "the node directory is complete", `"swptpeer doctor --dir {}/new" shows`},
		{"init --dir {}/node", "the node directory is complete", `"swptpeer doctor --dir {}/node" shows`},
		{"generate-masterkey --dir {}/new", "the key {}/new/private/root-ca.key is made", `"swptpeer key public --key {}/new/private/root-ca.key" opens it`},
		{"key passwd --dir {}/node", "the password of {}/node/private/root-ca.key is changed", `"swptpeer key public --key {}/node/private/root-ca.key" opens`},
		{"key public --dir {}/node", "", ""},
		{"csr create --name-from {}/node/root-ca.crt --out-key {}/k --out {}/r", "the key {}/k and its request are made", `"swptpeer csr inspect {}/r" shows`},
		{"csr create --node --dir {}/node --out {}/r", "the request is written", "it is in {}/r"},
		{"csr create --node --dir {}/node", "", ""},
		{"csr sign {}/server.csr --dir {}/node --yes", "the certificate is signed", "take it from {}/node/certs/"},
		{"csr sign {}/server.csr --dir {}/node --yes --out {}/crt", "the certificate is signed", "take it from {}/node/certs/"},
		{"csr sign {}/server.csr --dir {}/node --yes --dry-run", "", ""},
		{"server renew {}/server.crt --dir {}/node --yes", "the certificate is signed", "take it from {}/node/certs/"},
		{"bundle create {}/b.zip --dir {}/node", "the info-bundle is made", `"swptpeer bundle inspect {}/b.zip" shows`},
		{"bundle extract {}/da2.zip --out {}/x", "the info-bundle is extracted", "it is in {}/x"},
		{"peer sign {}/da2.zip --dir {}/node --yes", "the peer certificate is signed", "take it from {}/node/peers/"},
		{"peer sign {}/da.zip --dir {}/node --yes", "", ""}, // known, and nothing new
		{"peer set " + peer + " --queues 9 --dir {}/node", "the peer is changed", `"swptpeer peer show ` + peer + ` --dir {}/node" shows`},
		{"peer deactivate " + peer + " --yes --dir {}/node", "the peer is changed", `"swptpeer peer show ` + peer + ` --dir {}/node" shows`},
		{"peer list --dir {}/node", "", ""},
		{"doctor --fix --dir {}/node", "what could be repaired is repaired", `"swptpeer doctor --dir {}/node" shows`},
		{"doctor --dir {}/node", "", ""},
	} {
		for _, format := range []string{"text", "json"} {
			t.Run(test.args+", "+format, func(t *testing.T) {
				t.Parallel()
				work := filepath.Join(t.TempDir(), "work")
				copyNode(t, "aa", work+"/node")
				for _, name := range []string{"servers/aa.csr", "servers/aa.crt", "bundles/da.zip", "bundles/da2.zip"} {
					copyFile(t, reference(t, name), filepath.Join(work, strings.Replace(filepath.Base(name), "aa.", "server.", 1)), 0o644)
				}
				before := readFiles(t, work)
				fill := func(s string) string { return strings.ReplaceAll(s, "{}", work) }
				var stderr bytes.Buffer
				env := map[string]string{"SWPTPEER_PASSWORD": oldPassword, "SWPTPEER_NEW_PASSWORD": newPassword}
				args := append([]string{programName}, append(strings.Fields(fill(test.args)), "--format", format)...)
				status := run(t.Context(), closedSystem(env), args, strings.NewReader(""), fullWriter{}, &stderr)
				if status != statusIO {
					t.Errorf("exit status %d, want %d", status, statusIO)
				}
				const why = "the output could not be written to standard output: no space left on device\n"
				want := fmt.Sprintf("%s: error: %s%s: hint: see to it that the output can be written (is the disk full?), then run the command again\n", programName, why, programName)
				if test.made != "" {
					want = fill(fmt.Sprintf("%s: error: %s, but %s%s: hint: do not run the command again: %s", programName, test.made, why, programName, test.look))
				}
				if got := stderr.String(); !strings.Contains(got, want) || strings.Contains(got, "nothing was changed") {
					t.Errorf("found %s\nwant %s", got, want)
				}
				after := readFiles(t, work)
				for _, s := range []files{before, after} {
					delete(s, "node/db/.swptpeer.lock")
				}
				if changed := !after.equal(before); changed != (test.made != "") && !strings.HasPrefix(test.args, "doctor") {
					t.Errorf("changed something: %t; it says %q", changed, stderr.String())
				}
			})
		}
	}
}
