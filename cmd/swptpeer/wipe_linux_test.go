package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/swaptacular/swptpeer/certs"
)

// veil hides what is looked for in a memory from the search itself.
const veil = 0x5a

func veiled(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		out[i] = c ^ veil
	}
	return out
}

// findInMemory counts how often the pattern, which is veiled, is in what this
// process has in its memory: heap, stacks, variables.
func findInMemory(pattern []byte) (count, bytesRead int, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, 0, err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return 0, 0, err
	}
	defer mem.Close()
	// Not among the areas listed above.
	const chunk = 1 << 20
	area, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return 0, 0, err
	}
	first := pattern[0] ^ veil
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || !strings.HasPrefix(mode, "rw") {
			continue
		}
		for at := from; at < to; at += chunk - int64(len(pattern)) {
			n, _ := mem.ReadAt(area[:min(chunk, to-at)], at)
			bytesRead += n
			for b := area[:n]; len(b) >= len(pattern); b = b[1:] {
				i := bytes.IndexByte(b, first)
				if i < 0 || i+len(pattern) > len(b) {
					break
				}
				b = b[i:]
				same := true
				for j := range pattern {
					if b[j]^veil != pattern[j] {
						same = false
						break
					}
				}
				if same {
					count++
				}
			}
		}
	}
	return count, bytesRead, nil
}

// scanMemory does what SWPTPEER_TEST_SCAN asks for at the end of a process: a
// file to write to, and what to look for.
func scanMemory(order string) error {
	words := strings.Split(order, ":")
	out, err := os.Create(words[0])
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	for _, word := range words[1:] {
		pattern, err := hex.DecodeString(word)
		if err != nil {
			return err
		}
		count, size, err := findInMemory(pattern)
		if err != nil {
			return err
		}
		fmt.Fprintln(w, count, size)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return out.Close()
}

// TestSecretsAreWiped looks into the memory of each process that has had a
// password or a key in a file, when it has done its work: what was there has been
// overwritten, but for what the standard library keeps, which is counted.
func TestSecretsAreWiped(t *testing.T) {
	// Longer than the 32 bytes of which Go puts a copy on the stack, which is
	// copied when it grows.
	const first, second = "the first password that is looked for in memory", "the second password that is looked for in memory"
	work := t.TempDir()
	copyNode(t, "aa", work+"/node")
	copyFile(t, reference(t, "servers/aa.csr"), work+"/server.csr", 0o644)
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first", []byte(first+"\n"))
	write("second", []byte(second))
	data, err := os.ReadFile(work + "/node/private/root-ca.key")
	if err != nil {
		t.Fatal(err)
	}
	key, err := certs.ParsePrivateKey(data, func() ([]byte, error) { return []byte(oldPassword), nil })
	if err != nil {
		t.Fatal(err)
	}
	plain, err := certs.EncodePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write("plain.key", plain)
	lines := strings.Split(strings.TrimSpace(string(plain)), "\n")
	line := lines[len(lines)/2]
	if status, text := inProcess(referenceTime, []string{"SWPTPEER_PASSWORD=" + oldPassword},
		words("key passwd --dir {}/node --new-password-file {}/first", work)...); status != statusDone {
		t.Fatal(text)
	}
	const (
		// Each time that a key is derived of a password, packages that we use
		// make strings of it, which cannot be overwritten.
		derived = 2
		// A key is read back after it was encrypted.
		encrypted = 2 * derived
	)
	for _, test := range []struct {
		args   string
		secret string
		most   int // how often it may be found
		status int
	}{
		{"key public --key {}/node/private/root-ca.key --password-file {}/first", first, derived, statusDone},
		{"csr sign {}/server.csr --dir {}/node --password-file {}/first --yes", first, derived, statusDone},
		{"csr sign {}/server.csr --dir {}/node --password-file {}/second --yes", second, derived, statusIO}, // wrong
		{"bundle create {}/b.zip --dir {}/node --password-file {}/first", first, derived, statusDone},
		{"init --dir {}/new --type ca --server s.example:1 --key {}/node/private/root-ca.key --password-file {}/first", first, derived, statusDone},
		{"generate-masterkey --dir {}/made --password-file {}/first", first, encrypted, statusDone},
		// Never used.
		{"csr sign {}/server.csr --dir {}/node --password-file {}/second --key {}/plain.key --yes", second, 0, statusDone},
		// A key that is not encrypted.
		{"key public --key {}/plain.key", line, 0, statusDone},
		{"csr sign {}/server.csr --dir {}/node --key {}/plain.key --yes", line, 0, statusDone},
		{"init --dir {}/adopted --type ca --server s.example:1 --key {}/plain.key --password-file {}/first", line, 0, statusDone},
		{"bundle create {}/b2.zip --dir {}/node --key {}/plain.key", line, 0, statusDone},
		{"peer list --dir {}/node", line, 0, statusDone},
		// At last, because it changes the password: of the old one, and the new.
		{"key passwd --dir {}/node --password-file {}/first --new-password-file {}/second", first, derived, statusDone},
		{"key passwd --dir {}/node --password-file {}/second --new-password-file {}/first", first, encrypted, statusDone},
	} {
		t.Run(test.args, func(t *testing.T) {
			found := work + "/found"
			// The name of this folder, which is in every memory, shows that the
			// search finds something.
			order := []string{found, hex.EncodeToString(veiled([]byte(test.secret))), hex.EncodeToString(veiled([]byte(work)))}
			status, _, stderr := outcome(t, asProcess(t, []string{"SWPTPEER_TEST_SCAN=" + strings.Join(order, ":")}, words(test.args, work)...))
			if status != test.status {
				t.Fatalf("exit status %d, want %d: %s", status, test.status, stderr)
			}
			data, err := os.ReadFile(found)
			var copies, size, markers int
			if _, e := fmt.Sscan(string(data), &copies, &size, &markers); err != nil || e != nil || markers == 0 {
				t.Fatalf("found %q (%v, %v), expected counts", data, err, e)
			}
			if copies > test.most {
				t.Errorf("found the secret %d times in %d bytes of memory, expected at most %d", copies, size, test.most)
			}
			t.Logf("found %d times, at most %d", copies, test.most)
			if err := os.Remove(found); err != nil {
				t.Fatal(err)
			}
		})
	}
}
