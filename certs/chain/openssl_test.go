package chain

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// opensslVerify returns what openssl verify says, and whether it accepts.
func opensslVerify(t *testing.T, leaf *x509.Certificate, opts Options) (string, bool) {
	t.Helper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("SWPTPEER_REQUIRE_INTEROP is set: %v", err)
		}
		t.Skipf("openssl is not installed: %v", err)
	}
	dir := t.TempDir()
	write := func(name string, certs ...*x509.Certificate) string {
		var b bytes.Buffer
		for _, c := range certs {
			if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{"verify", "-attime", fmt.Sprint(opts.Time.Unix()), "-no-CApath", "-no-CAstore", "-CAfile", write("roots.pem", opts.Roots...)}
	if len(opts.Intermediates) > 0 {
		args = append(args, "-untrusted", write("untrusted.pem", opts.Intermediates...))
	}
	out, err := exec.Command(openssl, append(args, write("leaf.pem", leaf))...).CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	if err == nil != strings.Contains(string(out), "leaf.pem: OK") {
		t.Fatalf("openssl verify: %v and %s", err, out)
	}
	return string(out), err == nil
}

// TestOpenSSLAgrees on directoryName constraints: PKITS, the reference nodes, a
// bad peer, and the test PKI but for listed differences.
func TestOpenSSLAgrees(t *testing.T) {
	compare := func(what, difference string, leaf *x509.Certificate, opts Options) {
		t.Helper()
		out, theirs := opensslVerify(t, leaf, opts)
		_, err := Verify(leaf, opts)
		if ours := err == nil; ours == theirs != (difference == "") {
			t.Errorf("%s: found %v, openssl says %s; expected difference %q", what, err, out, difference)
		}
	}
	names := 0
	for _, c := range readPKITS(t) {
		// Cases of section 4.13 with constraints on directoryName alone.
		if len(c.NCForms) == 0 || strings.ContainsFunc(strings.Join(c.NCForms, " "), func(r rune) bool { return r == '8' }) ||
			!strings.HasSuffix(c.NCForms[0], ":DirectoryName") {
			continue
		}
		names++
		leaf, opts := c.load(t)
		compare(c.ID, "", leaf, opts)
	}
	if names != 20 {
		t.Errorf("found %d cases with directoryName constraints, expected 20", names)
	}
	for _, r := range referenceChains {
		opts := Options{Roots: []*x509.Certificate{referenceRoot(t, r.root)}, Time: testTime}
		if r.peer != "" {
			opts.Intermediates = []*x509.Certificate{referencePeer(t, r.issuer, r.peer)}
		}
		compare(fmt.Sprintf("%+v", r), "", referenceServer(t, r.leaf), opts)
	}
	opts := Options{Roots: []*x509.Certificate{referenceRoot(t, "aa")}, Intermediates: []*x509.Certificate{referencePeer(t, "aa", "ca")}, Time: testTime}
	compare("bad peer", "", forgeLeaf(t, "ca", "da"), opts)
	compare("good peer", "", forgeLeaf(t, "ca", "ca"), opts)
	for _, tt := range constraintChains(t) {
		c, opts := tt.build(t)
		compare(tt.name, tt.openssl, c["leaf"], opts)
	}
}
