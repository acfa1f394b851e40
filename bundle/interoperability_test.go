package bundle_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

func needTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(needTool(t, name), args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// Info-ZIP and OpenSSL take what we make, by the steps of the existing tool.
func TestInteroperability(t *testing.T) {
	needTool(t, "unzip")
	needTool(t, "openssl")
	for _, node := range []string{"aa", "ca", "da"} {
		src := sourceOf(t, node)
		put(t, src.Dir, someFiles)
		dir := t.TempDir()
		file := filepath.Join(dir, "bundle.zip")
		if err := os.WriteFile(file, mustCreate(t, src), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "unzip", "-t", "bundle.zip")
		run(t, dir, "unzip", "bundle.zip", "-d", ".")
		run(t, dir, "openssl", "verify", "-check_ss_sig", "-trusted", "root-ca.crt", "root-ca.crt")
		run(t, dir, "openssl", "req", "-in", "root-ca.csr", "-noout", "-verify")
		key := run(t, dir, "openssl", "x509", "-in", "root-ca.crt", "-noout", "-pubkey")
		if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "nodeinfo.signature", "nodeinfo.zip")
		run(t, dir, "unzip", "-t", "nodeinfo.zip")
		run(t, dir, "unzip", "-d", "nodeinfo", "nodeinfo.zip")
		if err := os.WriteFile(filepath.Join(src.Dir, "updated-at.txt"), src.UpdatedAt.File(), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, want := tree(t, filepath.Join(dir, "nodeinfo")), tree(t, src.Dir); got != want {
			t.Errorf("%s: unzip made\n%s\nexpected\n%s", node, got, want)
		}
	}
}

// What zip and openssl make, by the steps of the existing tool, is accepted.
func TestAcceptsInfoZIP(t *testing.T) {
	needTool(t, "zip")
	src := sourceOf(t, "aa")
	put(t, src.Dir, someFiles)
	dir := t.TempDir()
	inner := filepath.Join(dir, "nodeinfo.zip")
	run(t, src.Dir, "sh", "-c", `LC_ALL=C.UTF-8 zip -qrX "$0" *`, inner)
	p := partsOf(t, "aa").signRaw(t, "aa", readFile(t, inner))
	put(t, dir, map[string]string{"root-ca.crt": string(p.root), "root-ca.csr": string(p.request), "nodeinfo.signature": string(p.signature)})
	run(t, dir, "zip", "-qXj", "-n", ".zip", "out.zip", "root-ca.crt", "root-ca.csr", "nodeinfo.zip", "nodeinfo.signature")
	b := mustVerify(t, readFile(t, dir, "out.zip"))
	if of, err := bundle.ContentDigest(src.Dir); err != nil || of != b.NodeInfo.ContentDigest() {
		t.Errorf("found content %x, %v, expected %x", of, err, b.NodeInfo.ContentDigest())
	}
}

// The digest can be had by hand, as the package comment says.
func TestContentDigestByHand(t *testing.T) {
	needTool(t, "sha256sum")
	src := sourceOf(t, "aa")
	put(t, src.Dir, someFiles)
	put(t, src.Dir, map[string]string{".hidden": "x"})
	out := run(t, src.Dir, "sh", "-c", `find * -type f ! -path updated-at.txt -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`)
	sum, err := bundle.ContentDigest(src.Dir)
	if want := fmt.Sprintf("%x  -\n", sum); err != nil || out != want {
		t.Errorf("found %q, %v, expected %q", want, err, out)
	}
}
