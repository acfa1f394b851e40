package certs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func FuzzParsePrivateKey(f *testing.F) {
	for _, b := range corpus(f, filepath.Join("testdata", "keys"), ".pem") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if encrypted, err := KeyEncrypted(file); err != nil || encrypted {
			return // deriving a key takes as long as the file likes, within MaxIterations
		}
		k, err := ParsePrivateKey(file, nil)
		if err != nil {
			return
		}
		again, err := ParsePrivateKey(must(EncodePrivateKey(k)), nil)
		if err != nil || !samePublicKey(again.Public(), k.Public()) {
			t.Fatalf("written again it reads as another: %v", err)
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
		if inspectPKCS8(der) != nil || bytes.Contains(der, []byte{0x02, 0x03}) { // 65,536 iterations and more take too long here
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
