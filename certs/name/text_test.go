package name

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func readRoot(t testing.TB, node string) *x509.Certificate {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("../../testdata/reference/nodes", node, "root-ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(file)
	if block == nil {
		t.Fatalf("%s: no PEM block", node)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var hostileNames = []struct {
	name            string
	der             []byte
	string, slashed string
}{
	{"plain", single(text(12, "a b")), `O=a b`, `/O=a b`},
	{"separators", single(text(12, `a/b+c,d=e;f\g<h>"i`)), `O=a/b\+c\,d\=e\;f\\g\<h\>\"i`, `/O=a\/b\+c,d=e;f\g<h>"i`},
	{"spaces and number sign", seq(set(seq(oidO, text(12, "  a "))), set(seq(oidOU, text(12, "#a#")))), `O=\  a\ , OU=\#a#`, `/O=  a /OU=#a#`},
	{"one space", single(text(12, " ")), `O=\ `, `/O= `},
	{"terminal", single(text(12, "\x1b[31m\r\n\x00\x7f")), `O=\1B[31m\0D\0A\00\7F`, `/O=\x1B[31m\x0D\x0A\x00\x7F`},
	{"bidirectional", single(text(12, "a\u202eb\u2066c\u200fd")), `O=a\E2\80\AEb\E2\81\A6c\E2\80\8Fd`, `/O=a\xE2\x80\xAEb\xE2\x81\xA6c\xE2\x80\x8Fd`},
	{"invisible", single(text(12, "a\u200bb\u00a0c\u2028d\u00ade")), `O=a\E2\80\8Bb\C2\A0c\E2\80\A8d\C2\ADe`, `/O=a\xE2\x80\x8Bb\xC2\xA0c\xE2\x80\xA8d\xC2\xADe`},
	{"C1 control", single(text(12, "\u009b31m")), `O=\C2\9B31m`, `/O=\xC2\x9B31m`},
	{"private use", single(text(12, "\ue000\ufffd")), `O=\EE\80\80\EF\BF\BD`, `/O=\xEE\x80\x80\xEF\xBF\xBD`},
	{"visible", single(text(12, "Übung 東京")), `O=Übung 東京`, `/O=\xC3\x9Cbung \xE6\x9D\xB1\xE4\xBA\xAC`},
	{"BMPString", single(text(30, "\x00a\x00\xe9")), `O=aé`, `/O=\x00a\x00\xE9`},
	{"UniversalString", single(text(28, "\x00\x00\x00a")), `O=a`, `/O=\x00\x00\x00a`},
	{"TeletexString", single(text(20, "a")), `O=#140161`, `/O=a`},
	{"INTEGER", single([]byte{2, 1, 5}), `O=#020105`, `/O=\x05`},
	{"multi-valued", seq(set(seq(oidO, text(12, "a")), seq(oidOU, text(12, "b"))), set(seq(oidO, text(12, "c")))), `O=a+OU=b, O=c`, `/O=a+OU=b/O=c`},
	{"unknown type", seq(set(seq([]byte{6, 3, 0x2a, 3, 4}, text(12, "a")))), `1.2.3.4=a`, `/1.2.3.4=a`},
}

func TestText(t *testing.T) {
	for _, tt := range hostileNames {
		n := parse1(t, tt.der)
		if got := n.String(); got != tt.string {
			t.Errorf("%s: found %q, expected %q", tt.name, got, tt.string)
		}
		if got := n.Slashed(); got != tt.slashed {
			t.Errorf("%s: found %q, expected %q", tt.name, got, tt.slashed)
		}
	}
}

// TestSlashedIsTheIndex: the form of the reference nodes' db/index.
func TestSlashedIsTheIndex(t *testing.T) {
	index, err := os.ReadFile("../../testdata/reference/nodes/aa/db/index")
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"ca", "da"} {
		if s := parse1(t, readRoot(t, node).RawSubject).Slashed(); !strings.Contains(string(index), "\tunknown\t"+s+"\n") {
			t.Errorf("found %q, which is not in the index", s)
		}
	}
}

// TestSlashedOpenSSL lets openssl ca sign a request for each name and compares
// what it writes into its database.
func TestSlashedOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("SWPTPEER_REQUIRE_INTEROP is set: %v", err)
		}
		t.Skipf("openssl is not installed: %v", err)
	}
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	write("ca.conf", `[ca]
default_ca = c
[c]
database = index
serial = serial
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_days = 1
policy = p
preserve = yes
unique_subject = no
[p]
organizationName = optional
`)
	write("serial", "01\n")
	run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "1")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Known short names, each with a value.
	ders := map[string][]byte{}
	var rdns [][]byte
	for dotted, short := range shortNames {
		tag := byte(TagUTF8String)
		if short == "emailAddress" || short == "DC" {
			tag = TagIA5String // as openssl insists
		}
		rdns = append(rdns, set(seq(oidOf(t, dotted), text(tag, "aa"))))
	}
	ders["short names"] = seq(rdns...)
	for _, tt := range hostileNames {
		if tt.name != "INTEGER" { // openssl refuses O as an INTEGER
			ders[tt.name] = tt.der
		}
	}
	for name, der := range ders {
		request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: der}, key)
		if err != nil {
			t.Fatal(err)
		}
		write("index", "")
		write("csr", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})))
		run("ca", "-batch", "-notext", "-preserveDN", "-config", "ca.conf", "-in", "csr", "-out", "crt")
		index, err := os.ReadFile(filepath.Join(dir, "index"))
		if err != nil {
			t.Fatal(err)
		}
		_, subject, _ := strings.Cut(string(index), "\tunknown\t")
		if got := parse1(t, der).Slashed(); got != strings.TrimSuffix(subject, "\n") {
			t.Errorf("%s: found %q, expected openssl's %q", name, got, subject)
		}
	}
}

// oidOf encodes a dotted identifier.
func oidOf(t testing.TB, dotted string) []byte {
	t.Helper()
	oid, err := x509.ParseOID(dotted)
	if err != nil {
		t.Fatal(err)
	}
	content, err := oid.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{{6, byte(len(content))}, content}, nil)
}
