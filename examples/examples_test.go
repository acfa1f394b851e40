// Package examples runs the examples and the commands of the README, so that
// what they promise stays true.
package examples

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// need skips, or fails where the tools are required, if one is missing.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
				t.Fatalf("%s is required and not installed", tool)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
}

// build returns the path of a freshly built command.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "swptpeer")
	if out, err := exec.Command("go", "build", "-o", bin, "../cmd/swptpeer").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestFourSteps(t *testing.T) {
	need(t, "sh", "base64")
	bin := build(t)
	script, err := filepath.Abs("four-steps.sh")
	if err != nil {
		t.Fatal(err)
	}
	// A name with a space, as operators have them.
	work := filepath.Join(t.TempDir(), "a folder")
	out := run(t, "", []string{"SWPTPEER=" + bin}, "sh", script, work)

	for _, path := range []string{
		"alice/db/subnets/creditors/000001",
		"mail/from-alice-for-bob.crt",
		"bob/peers/1234abcd/sub-ca.crt",
		"bob/peers/1234abcd/masq-subnet.txt",
		"alice-server.crt",
		"bob-server.crt",
	} {
		if _, err := os.Stat(filepath.Join(work, path)); err != nil {
			t.Errorf("the script did not make %s", path)
		}
	}
	for _, who := range []string{"alice", "bob"} {
		secret, err := os.ReadFile(filepath.Join(work, who+".pw"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out, strings.TrimSpace(string(secret))) {
			t.Errorf("%s's password is in the output", who)
		}
		run(t, "", nil, bin, "doctor", "--dir", filepath.Join(work, who), "--strict")
	}
}

// TestByHand runs the README's commands for verifying a bundle with OpenSSL on
// a reference bundle, and on one with a changed bit.
func TestByHand(t *testing.T) {
	need(t, "sh", "unzip", "openssl", "cmp")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- by-hand: run by the tests -->\n```sh\n(.*?)```").FindSubmatch(readme)
	if m == nil {
		t.Fatal("README.md has no block marked by-hand")
	}
	commands := string(m[1])
	data, err := os.ReadFile("../testdata/reference/bundles/ca.zip")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bundle.zip"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	out := run(t, dir, nil, "sh", "-e", "-c", commands)
	for _, want := range []string{"root-ca.crt: OK", "verify OK", "Verified OK", "= ae4209290a434d18be5465b3d11257f8"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands of the README do not print %q:\n%s", want, out)
		}
	}

	data = flipSignedByte(t, data)
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bundle.zip"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-e", "-c", commands)
	cmd.Dir = dir
	changed, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(changed), "Verification failure") {
		t.Errorf("the commands of the README accept a changed bundle, or refuse it for another reason (%v):\n%s", err, changed)
	}
}

// flipSignedByte returns the bundle with one byte of nodeinfo.zip changed, in an
// outer zip whose check sums are right.
func flipSignedByte(t *testing.T, bundle []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	out := zip.NewWriter(&buf)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.Name == "nodeinfo.zip" {
			content[len(content)/2] ^= 1
		}
		w, err := out.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
