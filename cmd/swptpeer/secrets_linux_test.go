package main

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// checkSecrets looks at every file below a folder, hidden ones too: a private
// key is for its owner alone, and no file has a password in it.
func checkSecrets(t *testing.T, root string, problem func(string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) && info.Mode().Perm() != 0o600 {
			problem(strings.TrimPrefix(name, root) + ": a private key in a file of mode " + info.Mode().String())
		}
		for _, password := range []string{oldPassword, newPassword} {
			if bytes.Contains(data, []byte(password)) {
				problem(strings.TrimPrefix(name, root) + ": a password is in it")
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// secretsOf are the forms in which the private key of a file, or a password,
// might come out: lines of PEM, numbers in hex, decimal and base64.
func secretsOf(t *testing.T, files ...string) map[string]string {
	t.Helper()
	out := map[string]string{"the old password": oldPassword, "the new password": newPassword, "the wrong password": wrongPassword}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var key crypto.Signer
		for _, password := range []string{oldPassword, newPassword, wrongPassword} {
			key, err = certs.ParsePrivateKey(data, func() ([]byte, error) { return []byte(password), nil })
			if !errors.Is(err, certs.ErrWrongPassword) {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		private := key.(*rsa.PrivateKey)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		// Encrypted or not, no line of the file is anybody's business, except
		// that the public key stands at the beginning of one that is not.
		public := 0
		if block, _ := pem.Decode(data); bytes.Equal(block.Bytes, der) {
			public = bytes.Index(der, private.D.Bytes())
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		for i, line := range lines[1 : len(lines)-1] {
			const bytesInLine = 48
			if len(line) >= 32 && i*bytesInLine >= public {
				out[fmt.Sprintf("line %d of %s", i+2, filepath.Base(file))] = line
			}
		}
		numbers := map[string][]byte{"d": private.D.Bytes(), "p": private.Primes[0].Bytes(), "q": private.Primes[1].Bytes(), "the key": der[len(der)/2:]}
		for name, b := range numbers {
			name += " of " + filepath.Base(file)
			b = b[3*(len(b)/6):] // base64 of a part that begins at a multiple of three bytes
			out[name+" in bytes"] = string(b[:24])
			out[name+" in hex"] = hex.EncodeToString(b[:24])
			out[name+" in upper-case hex"] = strings.ToUpper(hex.EncodeToString(b[:24]))
			out[name+" in base64"] = base64.StdEncoding.EncodeToString(b[:24])
			out[name+" in base64 for URLs"] = base64.RawURLEncoding.EncodeToString(b[:24])
		}
		for name, n := range map[string]*big.Int{"d": private.D, "p": private.Primes[0], "q": private.Primes[1]} {
			out[name+" of "+filepath.Base(file)+" in decimal"] = n.String()[:40]
		}
	}
	return out
}

// wrongPassword opens none of the keys that are there when a test begins.
const wrongPassword = newPassword + "x"

// keyFiles are the files below a folder that have a private key in them.
func keyFiles(t *testing.T, root string) (names []string) {
	t.Helper()
	for name, text := range readFiles(t, root) {
		if strings.Contains(text, "PRIVATE KEY-----") {
			names = append(names, filepath.Join(root, name))
		}
	}
	return names
}

// TestNoSecretGetsOut greps everything that every command prints and writes for
// the root key and the passwords: text, JSON, --dry-run, refusals, failures, and
// the files, with those that a kill left.
func TestNoSecretGetsOut(t *testing.T) {
	work := fastFolder(t)
	if err := os.Mkdir(work+"/in", 0o755); err != nil {
		t.Fatal(err)
	}
	copyNode(t, "aa", work+"/node")
	copyNode(t, "da", work+"/other")
	copyFile(t, reference(t, "servers/aa.key"), work+"/server.key", 0o600)
	rootKey := work + "/node/private/root-ca.key"
	secrets := secretsOf(t, rootKey, reference(t, "nodes/aa/private/root-ca.key"), work+"/server.key")
	if len(secrets) < 100 {
		t.Fatalf("found only %d secrets to look for", len(secrets))
	}
	// Keys that a command makes, or encrypts anew, are secrets from then on, and
	// of its own output, too.
	known := map[string]bool{}
	made := 0
	collect := func() {
		for _, name := range keyFiles(t, work) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if known[string(data)] {
				continue
			}
			known[string(data)] = true
			made++
			for what, secret := range secretsOf(t, name) {
				secrets[fmt.Sprintf("%s (%d)", what, made)] = secret
			}
		}
	}
	collect()
	before := made
	looked := 0
	look := func(where, text string) {
		looked++
		for name, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s is in it", where, name)
			}
		}
	}
	lookAtFiles := func(what string) {
		for name, text := range readFiles(t, work) {
			if strings.HasSuffix(name, ".key") || strings.Contains(text[:min(200, len(text))], "PRIVATE KEY-----") {
				if !strings.HasPrefix(text, "-rw------- ") {
					t.Errorf("%s: %s has mode %.10s", what, name, text)
				}
				continue
			}
			look(what+": "+name, text)
		}
		checkSecrets(t, work, func(problem string) { t.Errorf("%s: %s", what, problem) })
	}
	const peer = "9713c1a6b9b52ce34697c159b56ecfb0"
	commands := []string{
		"init --dir {}/new --type aa --prefix 1234abcd --server stomp.example.com:1234 --key " + rootKey,
		"init --dir {}/made --type da --server stomp.example.com:1234",
		"init --dir {}/new2 --type ca --server stomp.example.com:1234 --key {}/server.key",
		"init --dir {}/node",
		"key public --dir {}/node", "key public --key " + rootKey, "key public --key {}/server.key --openssh",
		"csr create --name-from {}/node/root-ca.crt --out-key {}/new.key --out {}/new.csr",
		"csr create --node --dir {}/node", "csr inspect {}/new.csr --root {}/node/root-ca.crt",
		"csr inspect " + rootKey + " --root {}/node/root-ca.crt", // the wrong file
		"csr sign {}/new.csr --dir {}/node --yes --out {}/new.crt",
		"csr sign " + rootKey + " --dir {}/node --yes",
		"cert inspect {}/new.crt", "cert inspect " + rootKey, "cert verify --root {}/node/root-ca.crt {}/new.crt", "cert verify --root " + rootKey + " {}/new.crt",
		"bundle create {}/out.zip --dir {}/node", "bundle verify {}/out.zip", "bundle inspect {}/out.zip", "bundle verify " + rootKey,
		"bundle extract {}/out.zip --out {}/extracted",
		"peer sign " + reference(t, "bundles/da2.zip") + " --dir {}/node --yes", "peer sign " + rootKey + " --dir {}/node --yes",
		"peer register " + rootKey + " --dir {}/node", "peer register " + reference(t, "nodes/ca/peers/1234abcd/peercert.crt") + " --dir {}/node",
		"peer list --dir {}/node", "peer show " + peer + " --dir {}/node", "peer set " + peer + " --queues 9 --dir {}/node", "peer deactivate " + peer + " --yes --dir {}/node",
		"server list --dir {}/node", "server renew {}/new.crt --dir {}/node --yes",
		"doctor --dir {}/node", "doctor --fix --dir {}/node",
		"key passwd --dir {}/other",
		"stompcheck " + peer + " --dir {}/node --cert {}/server.key --key {}/new.crt",
		"csr sign {}/new.csr --dir {}/other --yes", // of another node
		"csr sign {}/new.csr --dir {}/node --yes --key {}/other/private/root-ca.key",
	}
	ran := map[int]int{}
	for _, c := range commands {
		for _, more := range []string{"--dry-run", "--format json", "--format sarif", ""} {
			args := append(words(c, work), strings.Fields(more)...)
			for _, env := range [][]string{
				{"SWPTPEER_PASSWORD=" + wrongPassword},
				{"SWPTPEER_PASSWORD=" + oldPassword, "SWPTPEER_NEW_PASSWORD=" + newPassword},
			} {
				status, text := inProcess(referenceTime, env, args...)
				ran[status]++
				collect()
				look(strings.Join(args, " "), text)
			}
		}
		lookAtFiles(c)
	}
	if ran[statusDone] < 30 || ran[statusFailed] < 10 || ran[statusIO] < 10 || ran[statusUsage] < 10 {
		t.Errorf("exit statuses %v: too few of a kind to mean anything", ran)
	}
	// By init, csr create and key passwd.
	if made-before < 3 {
		t.Errorf("found %d key files that were made, expected some", made-before)
	}
	t.Logf("%d outputs and files looked at for %d secrets; exit statuses %v", looked, len(secrets), ran)
}
