package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
)

// corpus returns the content of every file below dir whose name ends in one of
// the suffixes. It is never empty.
func corpus(f *testing.F, dir string, suffixes ...string) [][]byte {
	f.Helper()
	var files [][]byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, s := range suffixes {
			if strings.HasSuffix(path, s) {
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				files = append(files, b)
				break
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	if len(files) == 0 {
		f.Fatalf("found no %v below %s", suffixes, dir)
	}
	return files
}

// judged checks what must hold for any report on anything.
func judged(t *testing.T, r *check.Report) {
	t.Helper()
	if len(r.Results) == 0 {
		t.Fatal("a report without results")
	}
	if r.OK(false) == (r.Err() != nil) {
		t.Fatal("the verdict and the error differ")
	}
	for _, res := range r.Results {
		if res.Rule == nil || res.Outcome == check.Failed && (res.Found == "" || res.Expected == "") {
			t.Fatalf("a failure that says nothing: %+v", res)
		}
	}
}

func FuzzParseCertificate(f *testing.F) {
	for _, b := range corpus(f, reference, "root-ca.crt", "peercert.crt", "sub-ca.crt", filepath.Join("servers", "ca.crt")) {
		f.Add(b)
	}
	w := theWorld()
	for _, c := range []*Certificate{w.aa.root, w.ca.root, w.aaToCA, w.caToAA, w.server} {
		f.Add(c.File)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		before := bytes.Clone(file)
		c, err := ParseCertificate(file)
		if !bytes.Equal(file, before) {
			t.Fatal("the caller's bytes were changed")
		}
		if err != nil {
			_, r := CheckRootFile(file, at)
			judged(t, r)
			return
		}
		judgedAsAnything(t, w, c)
	})
}

// FuzzCertificateDER gets deeper than FuzzParseCertificate: few changes of a PEM
// file leave its base64 whole.
func FuzzCertificateDER(f *testing.F) {
	w := theWorld()
	for _, c := range []*Certificate{w.aa.root, w.ca.root, w.aaToCA, w.caToAA, w.server, referenceCertificate(f, "nodes", "ca", "root-ca.crt")} {
		f.Add(c.Raw)
	}
	// The certificates of PKITS have every extension and every name form of RFC 5280.
	read := 0
	for _, file := range corpus(f, filepath.Join("..", "testdata", "vectors", "pkits", "certs"), ".pem") {
		block, _ := pem.Decode(file)
		if block == nil {
			f.Fatal("found a vector without a PEM block")
		}
		f.Add(block.Bytes)
		if _, err := der.ParseCertificate(block.Bytes); err == nil {
			read++
		}
	}
	if read < 300 {
		f.Fatalf("%d of the PKITS certificates can be read, expected 300 at least: the others are no seeds for what comes after", read)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := der.ParseCertificate(data)
		if err != nil {
			return
		}
		judgedAsAnything(t, w, &Certificate{Certificate: x, File: EncodeCertificate(x)})
	})
}

// judgedAsAnything judges a certificate as each kind, and as part of chains.
func judgedAsAnything(t *testing.T, w *world, c *Certificate) {
	t.Helper()
	// What is accepted and written again reads as the same certificate.
	again, err := ParseCertificate(EncodeCertificate(c.Certificate))
	if err != nil && len(c.Raw) < MaxCertificateFile/2 || err == nil && !bytes.Equal(again.Raw, c.Raw) {
		t.Fatalf("written again it reads as another: %v", err)
	}
	root := CheckRoot(c, at)
	judged(t, root)
	if root.OK(false) {
		if id, err := SubjectIdentity(c.RawSubject); err != nil || id.IsZero() {
			t.Fatalf("a root certificate that passes names no node: %v", err)
		}
	}
	// Nobody but the issuer can change what was signed.
	peer := CheckPeer(c, w.aa.root.Certificate, w.ca.root.Certificate, at)
	if judged(t, peer); peer.OK(false) && !bytes.Equal(c.RawTBSCertificate, w.aaToCA.RawTBSCertificate) {
		t.Fatal("a peer certificate that the issuer did not sign passes")
	}
	server := CheckServer(c, w.ca.root.Certificate, at)
	if judged(t, server); server.OK(false) && !bytes.Equal(c.RawTBSCertificate, w.server.RawTBSCertificate) {
		t.Fatal("a server certificate that the issuer did not sign passes")
	}
	Describe(c.Certificate)
	if id, err := VerifyClient(plain(c, w.aaToCA), w.aa.root.Certificate, at); err == nil && (id != w.ca.id || !bytes.Equal(c.RawTBSCertificate, w.server.RawTBSCertificate)) {
		t.Fatalf("found a client %v", id)
	}
	if err := VerifyServer(plain(c), w.ca.root.Certificate, at); err == nil && !bytes.Equal(c.RawTBSCertificate, w.server.RawTBSCertificate) {
		t.Fatal("found a server that the root did not sign")
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, b := range corpus(f, reference, ".csr") {
		f.Add(b)
	}
	w := theWorld()
	f.Add(w.caReq.File)
	f.Add(w.serverReq.File)
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseRequest(file)
		if err != nil {
			_, report := CheckRequestFile(file, w.ca.root.Certificate)
			judged(t, report)
			return
		}
		again, err := ParseRequest(EncodeRequest(r.CertificateRequest))
		if err != nil || !bytes.Equal(again.Raw, r.Raw) {
			t.Fatalf("written again it reads as another: %v", err)
		}
		judged(t, CheckRequest(r, w.ca.root.Certificate))
		judged(t, CheckServerRequest(r, w.ca.root.Certificate))
		DescribeRequest(r.CertificateRequest)
	})
}

// fuzzIterations bounds PBKDF2 here: the keys of testdata/keys have as many,
// which take a millisecond. In earnest a file may ask for [MaxIterations].
const fuzzIterations = 2048

// cheap reports whether a key file asks for no more work than that.
func cheap(file []byte) bool {
	block, err := keyBlock(file)
	if err != nil || block.label != labelEncrypted {
		return err == nil // the encryption of "traditional" PEM does one round of MD5
	}
	return pbkdf2Iterations(block.der) <= fuzzIterations
}

// pbkdf2Iterations returns what inspectKDF looks at, or 0 if it is not there.
func pbkdf2Iterations(data []byte) (n int64) {
	in := cryptobyte.String(data)
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&in, cbasn1.SEQUENCE) || // EncryptedPrivateKeyInfo
		!in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.ReadASN1ObjectIdentifier(&oid) || // PBES2
		!in.ReadASN1(&in, cbasn1.SEQUENCE) ||
		!in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.ReadASN1ObjectIdentifier(&oid) || // PBKDF2
		!in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.SkipASN1(cbasn1.OCTET_STRING) || !in.ReadASN1Integer(&n) {
		return 0
	}
	return n
}

// FuzzParsePrivateKey gives the right password, so that decryption and what
// comes out of it are tried, too.
func FuzzParsePrivateKey(f *testing.F) {
	password := func() ([]byte, error) { return []byte("secret-pw"), nil }
	opened := 0
	for _, b := range corpus(f, filepath.Join("testdata", "keys"), ".pem") {
		f.Add(b)
		if encrypted, err := KeyEncrypted(b); err == nil && encrypted && cheap(b) {
			if _, err := ParsePrivateKey(b, password); err == nil {
				opened++
			}
		}
	}
	if opened < 5 {
		f.Fatalf("%d encrypted seeds can be opened, expected 5 at least", opened)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		encrypted, err := KeyEncrypted(file)
		if err != nil || encrypted && !cheap(file) {
			return
		}
		if encrypted {
			if _, err := ParsePrivateKey(file, nil); !errors.Is(err, ErrPasswordRequired) {
				t.Fatalf("found %v without a password, expected %v", err, ErrPasswordRequired)
			}
		}
		k, err := ParsePrivateKey(file, password)
		if err != nil {
			return
		}
		again, err := ParsePrivateKey(must(EncodePrivateKey(k)), nil)
		if err != nil || !samePublicKey(again.Public(), k.Public()) {
			t.Fatalf("written again it reads as another: %v", err)
		}
	})
}

// FuzzLegacyKey is about the encryption of "traditional" PEM: any DEK-Info
// header over any data, and any data that decrypts to what the fuzzer wants.
func FuzzLegacyKey(f *testing.F) {
	seeds := 0
	for _, b := range corpus(f, filepath.Join("testdata", "keys"), ".pem") {
		if block, err := keyBlock(b); err == nil && len(block.headers) == 2 {
			if _, info, ok := strings.Cut(block.headers[1], "DEK-Info: "); ok {
				f.Add(block.label == labelSEC1, info, block.der)
				seeds++
			}
		}
	}
	if seeds < 3 {
		f.Fatalf("found %d keys with a DEK-Info header, expected 3 at least", seeds)
	}
	for _, name := range []string{"pkcs1.pem", "sec1.pem"} {
		block, err := keyBlock(must(os.ReadFile(filepath.Join("testdata", "keys", name))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(block.label == labelSEC1, "AES-256-CBC,000102030405060708090A0B0C0D0E0F", block.der)
	}
	password := []byte("secret-pw")
	f.Fuzz(func(t *testing.T, ec bool, info string, data []byte) {
		label := labelPKCS1
		if ec {
			label = labelSEC1
		}
		ask := func() ([]byte, error) { return bytes.Clone(password), nil }
		encrypted := &pem.Block{Type: label, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": info}, Bytes: data}
		_, _ = ParsePrivateKey(pem.EncodeToMemory(encrypted), ask)

		// What was encrypted is judged like what was not.
		block, err := x509.EncryptPEMBlock(rand.Reader, label, data, password, x509.PEMCipherAES128) //lint:ignore SA1019 old files have it
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParsePrivateKey(pem.EncodeToMemory(block), ask)
		plain, plainErr := ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: data}), nil)
		if (err == nil) != (plainErr == nil) {
			t.Fatalf("encrypted: %v; not encrypted: %v", err, plainErr)
		}
		if err == nil && !samePublicKey(k.Public(), plain.Public()) {
			t.Fatal("the key is another one when it was encrypted")
		}
	})
}

// FuzzInspectPKCS8 is about what pemutil is given: whatever passes must not make
// it panic.
func FuzzInspectPKCS8(f *testing.F) {
	for _, b := range corpus(f, filepath.Join("testdata", "keys"), ".pem") {
		if block, err := keyBlock(b); err == nil && block.label == labelEncrypted {
			f.Add(block.der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		rounds, err := inspectPKCS8(der)
		if err == nil && int64(rounds) != pbkdf2Iterations(der) {
			t.Fatalf("found %d rounds, expected %d", rounds, pbkdf2Iterations(der))
		}
		if err != nil || rounds > fuzzIterations {
			return
		}
		_, _ = decryptKeyBlock(pemBlock{label: labelEncrypted, der: der}, []byte("secret-pw"))
	})
}

func FuzzParseSubnet(f *testing.F) {
	for _, s := range []string{"1234abcd00", "000001", "ffffffffffffffff", "00", "1", "zz", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSubnet(text)
		if err != nil {
			if !s.IsZero() {
				t.Fatal("a subnet beside an error")
			}
			return
		}
		first, last := s.Signed()
		if s.String() != text || first > last || !s.Contains(first) || !s.Contains(last) || s.Contains(first-1) || s.Contains(last+1) {
			t.Fatalf("%q covers %d to %d", text, first, last)
		}
	})
}

func FuzzNetscapeComment(f *testing.F) {
	for _, s := range []string{"", "00", "000001", "1234abcd00", "ffffffffffffffff"} {
		sub, _ := ParseSubnet(s)
		f.Add(commentDER(sub))
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		s, err := parseComment(der)
		if err == nil && !bytes.Equal(commentDER(s), der) {
			t.Fatalf("%x reads as %q, which is written as %x", der, s, commentDER(s))
		}
	})
}

func FuzzExtensions(f *testing.F) {
	w := theWorld()
	for _, c := range []*Certificate{w.ca.root, w.aaToCA, w.aaToDA, w.server} {
		for _, e := range c.Extensions {
			f.Add(e.Value)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if n, err := parseNameConstraints(der); err == nil && !bytes.Equal(nameConstraintsDER(n.Raw()), der) {
			t.Fatalf("nameConstraints %x are written again in another way", der)
		}
		if id, err := parseAuthorityKeyID(der); err == nil && !bytes.Equal(authorityKeyIDDER(id), der) {
			t.Fatalf("authorityKeyIdentifier %x is written again in another way", der)
		}
		// The two that are read in more forms than are written: an explicit
		// FALSE, and zero bits at the end.
		if b, err := parseBasicConstraints(der); err == nil {
			if c, err := parseBasicConstraints(b.der()); err != nil || c != b {
				t.Fatalf("basicConstraints %x read as %v, and again as %v", der, b, c)
			}
		}
		if u, err := parseKeyUsage(der); err == nil {
			if v, err := parseKeyUsage(keyUsageDER(u)); err != nil || v != u {
				t.Fatalf("keyUsage %x reads as %v, and again as %v", der, u, v)
			}
		}
		_, _ = parseExtKeyUsage(der)
	})
}
