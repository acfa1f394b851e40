package nodedir

import (
	"bytes"
	"context"
	"crypto"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// The reference nodes: made by the existing tool (testdata/README.md).
const (
	referenceNodes    = "../../testdata/reference/nodes"
	referencePassword = "secret-pw"
	referenceAA       = "1234abcd"
	referenceCA       = "ae4209290a434d18be5465b3d11257f8"
	referenceDA       = "9713c1a6b9b52ce34697c159b56ecfb0"
)

// testNow is a time at which everything in the reference is valid.
var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// testOptions are options with a fixed clock.
func testOptions() Options {
	return Options{Now: func() time.Time { return testNow }}
}

// copyNode copies a reference node ("aa", "ca" or "da") into a new folder, with
// private/ and the key for nobody else, and returns its path.
func copyNode(t testing.TB, node string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), node)
	if err := os.CopyFS(path, os.DirFS(filepath.Join(referenceNodes, node))); err != nil {
		t.Fatal(err)
	}
	chmod(t, filepath.Join(path, "private"), 0o700)
	chmod(t, filepath.Join(path, "private/root-ca.key"), 0o600)
	return path
}

// openNode copies a reference node and opens the copy.
func openNode(t testing.TB, node string) *Dir {
	t.Helper()
	return reopen(t, copyNode(t, node))
}

func reopen(t testing.TB, path string) *Dir {
	t.Helper()
	d, err := Open(path, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// referenceKey is the root key of a reference node, decrypted once.
func referenceKey(t testing.TB, node string) crypto.Signer {
	t.Helper()
	keyCache.Lock()
	defer keyCache.Unlock()
	if k, ok := keyCache.keys[node]; ok {
		return k
	}
	k, err := certs.ParsePrivateKey(read(t, referenceNodes, node, "private/root-ca.key"), passwordOf(referencePassword))
	if err != nil {
		t.Fatal(err)
	}
	keyCache.keys[node] = k
	return k
}

var keyCache = struct {
	sync.Mutex
	keys map[string]crypto.Signer
}{keys: map[string]crypto.Signer{}}

// withKey is a Change that signs with the key of a reference node and asks
// nobody.
func withKey(t testing.TB, node string) Change {
	return Change{Key: func() (crypto.Signer, error) { return referenceKey(t, node), nil }}
}

// noKey is a Change that fails the test if a key is asked for.
func noKey(t testing.TB) Change {
	return Change{Key: func() (crypto.Signer, error) {
		t.Error("the root key was asked for")
		return nil, fs.ErrPermission
	}}
}

func passwordOf(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

// noPassword fails the test if a password is asked for.
func noPassword(t testing.TB) func() ([]byte, error) {
	return func() ([]byte, error) {
		t.Error("a password was asked for")
		return nil, fs.ErrPermission
	}
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(path...)); err != nil {
		t.Fatal(err)
	}
}

func chmod(t testing.TB, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// snapshot is everything in a folder: names, modes and content.
func snapshot(t testing.TB, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		text := fi.Mode().String()
		if fi.Mode().IsRegular() {
			text += " " + string(read(t, p))
		}
		out[filepath.ToSlash(rel)] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changed lists the names whose mode or content differ, sorted.
func changed(before, after map[string]string) []string {
	var out []string
	for name, text := range after {
		if was, ok := before[name]; !ok || was != text {
			out = append(out, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// unchanged fails the test if anything in the folder differs from before.
func unchanged(t testing.TB, path string, before map[string]string) {
	t.Helper()
	if diff := changed(before, snapshot(t, path)); len(diff) > 0 {
		t.Errorf("changed, though nothing may: %v", diff)
	}
}

// wantError fails the test unless the error says all of the texts.
func wantError(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

// openssl runs OpenSSL in a folder and returns what it wrote. The test is
// skipped without it.
func openssl(t testing.TB, dir string, env []string, args ...string) []byte {
	t.Helper()
	requireTool(t, "openssl")
	cmd := exec.CommandContext(context.Background(), "openssl", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

// requireTool skips the test if a program is not installed.
func requireTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("%s is not installed, and SWPTPEER_REQUIRE_INTEROP=1", name)
		}
		t.Skipf("%s is not installed", name)
	}
}
