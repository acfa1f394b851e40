package main

import (
	"os"
	"strings"
	"testing"
)

// TestEveryCommandWarns: each command that opens a node directory says when
// others can read its key.
func TestEveryCommandWarns(t *testing.T) {
	const peer = "9713c1a6b9b52ce34697c159b56ecfb0"
	used := map[string]string{ // by the name of the command
		"init":            "--type aa",
		"key public":      "",
		"key passwd":      "",
		"csr create":      "--node",
		"csr inspect":     "{}/server.csr",
		"csr sign":        "{}/server.csr --yes",
		"cert verify":     "{}/server.crt",
		"bundle create":   "{}/b.zip",
		"peer sign":       "{}/da2.zip --yes",
		"peer register":   "{}/server.crt", // refused
		"peer list":       "",
		"peer show":       peer,
		"peer set":        peer + " --queues 9",
		"peer deactivate": peer + " --yes",
		"server list":     "",
		"server renew":    "{}/server.crt --yes",
		"stompcheck":      peer + " --cert {}/server.crt --key {}/server.key --server 127.0.0.1:1",
		"doctor":          "", // as a finding
	}
	// These take --dir, and end only when they are told to.
	endless := []string{"stompcheck serve"}
	for _, c := range commands().all() {
		if _, ok := flagTable(c)["dir"]; !ok || c.run == nil || c.hidden {
			continue
		}
		name := strings.TrimPrefix(c.fullName(), programName+" ")
		args, ok := used[name]
		if !ok {
			if !strings.Contains(strings.Join(endless, "\n"), name) {
				t.Errorf("%s is not tried", name)
			}
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			copyNode(t, "aa", work+"/node")
			copyFile(t, reference(t, "bundles/da2.zip"), work+"/da2.zip", 0o644)
			for _, ext := range []string{".csr", ".crt", ".key"} {
				copyFile(t, reference(t, "servers/aa"+ext), work+"/server"+ext, 0o600)
			}
			line := append(append(strings.Fields(name), words(args, work)...), "--dir", work+"/node")
			if args == "" {
				line = append(strings.Fields(name), "--dir", work+"/node")
			}
			env := []string{"SWPTPEER_PASSWORD=" + oldPassword, "SWPTPEER_NEW_PASSWORD=" + newPassword}
			const warning = "node/private/root-ca.key: others may read it (mode 0644"
			said := func(text string) bool {
				return strings.Contains(text, warning) || name == "doctor" && strings.Contains(text, "0644")
			}
			if _, text := inProcess(referenceTime, env, append(line, "--quiet")...); said(text) {
				t.Errorf("found a warning of a key that others cannot read: %s", text)
			}
			if name == "key passwd" {
				copyNode(t, "aa", work+"/node")
			}
			if err := os.Chmod(work+"/node/private/root-ca.key", 0o644); err != nil {
				t.Fatal(err)
			}
			if _, text := inProcess(referenceTime, env, append(line, "--quiet")...); !said(text) {
				t.Errorf("found no warning of a key that others can read: %s", text)
			}
		})
	}
}
