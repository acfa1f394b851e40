package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileCertificate: a certificate and a request whose every text tries
// to drive the terminal, in every format.
func TestHostileCertificate(t *testing.T) {
	const evil = "\x1b[31m\u202eevil\n::error::forged\u009b"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: evil, Organization: []string{evil}},
		NotBefore:    referenceTime, NotAfter: referenceTime.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		// An IA5String with control characters in it, as a Netscape comment.
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 16, 840, 1, 113730, 1, 13}, Value: append([]byte{0x16, 5}, "\x1b[2J\x07"...)}},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: template.Subject}, key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, label string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certPath := write("evil.crt", "CERTIFICATE", cert)
	csrPath := write("evil.csr", "CERTIFICATE REQUEST", csr)
	root := "../../testdata/reference/nodes/aa/root-ca.crt"
	for _, args := range [][]string{
		{"cert", "inspect", certPath},
		{"cert", "verify", "--root", certPath, certPath},
		{"cert", "verify", "--root", root, certPath},
		{"csr", "inspect", csrPath, "--root", root},
		{"peer", "register", certPath, "--dir", "../../testdata/reference/nodes/ca", "--dry-run"},
	} {
		for _, format := range verdictFormats {
			if args[0] == "peer" && format != "text" && format != "json" {
				continue
			}
			code, stdout, stderr := runWith(t, nil, append(args, "--format", format)...)
			if code != statusFailed {
				t.Errorf("%q %s: exit status %d, want %d; %s", args, format, code, statusFailed, stderr)
			}
			for _, out := range []string{stdout, stderr} {
				for _, r := range out {
					if r != '\n' && !printable(r) {
						t.Errorf("%q %s: the output has %U", args, format, r)
						break
					}
				}
				if strings.Contains(out, "\n::error::forged") {
					t.Errorf("%q %s: a forged line", args, format)
				}
			}
		}
	}
}
