package der

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// element is an element of DER, with its parts if it is constructed.
type element struct {
	tag   cbasn1.Tag
	value []byte
	parts []*element
	path  string // numbers of the parts on the way to it, from 0
}

func read(t testing.TB, der []byte, path string) *element {
	t.Helper()
	in := cryptobyte.String(der)
	var value cryptobyte.String
	e := &element{path: path}
	if !in.ReadAnyASN1(&value, &e.tag) || !in.Empty() {
		t.Fatalf("%s: not one element", path)
	}
	e.value = value
	if e.tag&0x20 == 0 {
		return e
	}
	for n := 0; !value.Empty(); n++ {
		var part cryptobyte.String
		if !value.ReadAnyASN1Element(&part, &e.tag) {
			t.Fatalf("%s: part %d cannot be read", path, n)
		}
		e.parts = append(e.parts, read(t, part, path+"."+string(rune('0'+n))))
	}
	in = der
	in.ReadAnyASN1(&value, &e.tag)
	return e
}

// write writes an element, with more at the end of the one that change names.
func (e *element) write(change string, more []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(e.tag, func(b *cryptobyte.Builder) {
		if e.parts == nil {
			b.AddBytes(e.value)
		}
		for _, p := range e.parts {
			b.AddBytes(p.write(change, more))
		}
		if e.path == change {
			b.AddBytes(more)
		}
	})
	return b.BytesOrPanic()
}

func (e *element) all() []*element {
	out := []*element{e}
	for _, p := range e.parts {
		out = append(out, p.all()...)
	}
	return out
}

func blocks(t testing.TB, label string, pattern string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "reference", filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		t.Fatalf("found no %s: %v", pattern, err)
	}
	var out [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		if block == nil || block.Type != label {
			t.Fatalf("%s: no %s", file, label)
		}
		out = append(out, block.Bytes)
	}
	return out
}

// What is judged elsewhere: names, dates and the values of attributes that
// nobody reads.
var elsewhere = map[string][]string{
	"certificate": {".0.3", ".0.4", ".0.5"},
	"request":     {".0.1"},
}

// An element more, or a byte, in any place is found: in every SEQUENCE and SET,
// signed or not. crypto/x509 finds some of them.
func TestAnythingMore(t *testing.T) {
	ec := ecCertificate(t)
	kinds := []struct {
		name  string
		files [][]byte
		parse func([]byte) error
		lax   func([]byte) error
	}{
		{"certificate", append(slices.Concat(blocks(t, "CERTIFICATE", "nodes/*/root-ca.crt"), blocks(t, "CERTIFICATE", "nodes/*/peers/*/peercert.crt"), blocks(t, "CERTIFICATE", "servers/*.crt")), ec),
			func(b []byte) error { _, err := ParseCertificate(b); return err },
			func(b []byte) error { _, err := x509.ParseCertificate(b); return err }},
		{"request", slices.Concat(blocks(t, "CERTIFICATE REQUEST", "nodes/*/db/root-ca.csr"), blocks(t, "CERTIFICATE REQUEST", "servers/*.csr"), [][]byte{ecRequest(t)}),
			func(b []byte) error { _, err := ParseRequest(b); return err },
			func(b []byte) error { _, err := x509.ParseCertificateRequest(b); return err }},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			tried, onlyHere := 0, 0
			for i, file := range kind.files {
				if err := kind.parse(file); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				root := read(t, file, "")
				if !bytes.Equal(root.write("none", nil), file) {
					t.Fatalf("%d: written again it is another", i)
				}
				for _, e := range root.all() {
					if e.tag&0x20 == 0 || slices.ContainsFunc(elsewhere[kind.name], func(p string) bool { return strings.HasPrefix(e.path, p) }) {
						continue
					}
					for _, more := range [][]byte{{5, 0}, {0x30, 0}, {2, 1, 0}, {0}, []byte("text")} {
						tried++
						changed := root.write(e.path, more)
						if err := kind.parse(changed); err == nil {
							t.Errorf("%d: accepted with % x more in %s, tag %#x", i, more, e.path, e.tag)
						} else if kind.lax(changed) == nil {
							onlyHere++
						}
					}
				}
			}
			if onlyHere == 0 {
				t.Error("crypto/x509 finds them all: is this package still of use?")
			}
			t.Logf("%d changes tried, %d of them not found by crypto/x509", tried, onlyHere)
		})
	}
}

// The BIT STRING of an RSA key has DER inside.
func TestMoreInsideTheKey(t *testing.T) {
	file := blocks(t, "CERTIFICATE", "nodes/ca/root-ca.crt")[0]
	c, err := ParseCertificate(file)
	if err != nil {
		t.Fatal(err)
	}
	spki := read(t, c.RawSubjectPublicKeyInfo, "")
	key := read(t, spki.parts[1].value[1:], "")
	for name, inner := range map[string][]byte{
		"after the exponent": key.write("", []byte{5, 0}),
		"after the key":      append(key.write("none", nil), 5, 0),
	} {
		spki.parts[1].value = append([]byte{0}, inner...)
		root := read(t, file, "")
		for _, e := range root.all() {
			if e.path == ".0.6" {
				e.parts = spki.parts
			}
		}
		if _, err := ParseCertificate(root.write("none", nil)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRefuses(t *testing.T) {
	cert, request := blocks(t, "CERTIFICATE", "nodes/ca/root-ca.crt")[0], blocks(t, "CERTIFICATE REQUEST", "nodes/ca/db/root-ca.csr")[0]
	change := func(der []byte, path string, f func(e *element)) []byte {
		root := read(t, der, "")
		for _, e := range root.all() {
			if e.path == path {
				f(e)
				return root.write("none", nil)
			}
		}
		t.Fatalf("no element %s", path)
		return nil
	}
	shifted := func(e *element) { // the same bits, not at the beginning of a byte
		bits := new(big.Int).Lsh(new(big.Int).SetBytes(e.value[1:]), 4)
		e.value = append([]byte{4}, bits.Bytes()...)
	}
	trimmed := func(e *element) { // the same key, because a point begins with five bits of zero
		bits := new(big.Int).Lsh(new(big.Int).SetBytes(e.value[1:]), 2)
		e.value = append([]byte{2}, bits.Bytes()...)
	}
	const sig, alg = ".2", ".1"
	for name, tt := range map[string]struct {
		der  []byte
		want string
	}{
		"signature of half bytes":             {change(cert, sig, shifted), "expected whole bytes"},
		"parameters of RSA, outside":          {change(cert, alg+".1", func(e *element) { e.tag, e.value = cbasn1.OCTET_STRING, []byte("junk") }), "algorithm"},
		"key without its first bits":          {change(ecCertificate(t), ".0.6.1", trimmed), "public key: found 518 bits, expected whole bytes"},
		"request: key without its first bits": {change(ecRequest(t), ".0.2.1", trimmed), "public key: found 518 bits, expected whole bytes"},
		"request: signature of half bytes":    {change(request, sig, shifted), "expected whole bytes"},
		"request: version 2":                  {change(request, ".0.0", func(e *element) { e.value = []byte{1} }), "version field 1, expected 0"},
		"request: extensions twice": {change(request, ".0.3", func(e *element) {
			e.parts = append(e.parts, &element{tag: cbasn1.SEQUENCE, parts: []*element{e.parts[0].parts[0], {tag: cbasn1.SET, parts: []*element{{tag: cbasn1.SEQUENCE}}}}})
		}), "a second list of extensions"},
		"request: two lists in one": {change(request, ".0.3.0.1", func(e *element) {
			e.parts = append(e.parts, e.parts[0])
		}), "several, expected one"},
	} {
		parse := func(b []byte) error { _, err := ParseCertificate(b); return err }
		if strings.HasPrefix(name, "request") {
			parse = func(b []byte) error { _, err := ParseRequest(b); return err }
		}
		if err := parse(tt.der); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: found %v, want %q", name, err, tt.want)
		}
	}
}

func ecCertificate(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func ecRequest(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// Whoever has no key makes of an ECDSA signature (r, s) the other one, (r, n - s).
func TestSameSigned(t *testing.T) {
	a, err := ParseCertificate(ecCertificate(t))
	if err != nil {
		t.Fatal(err)
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(a.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	sig.S.Sub(elliptic.P256().Params().N, sig.S)
	other, err := asn1.Marshal(sig)
	if err != nil {
		t.Fatal(err)
	}
	root := read(t, a.Raw, "")
	root.parts[2].value = append([]byte{0}, other...)
	b, err := ParseCertificate(root.write("none", nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*x509.Certificate{a, b} {
		if err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(a.Raw, b.Raw) || !SameSigned(a, b) {
		t.Error("expected two certificates that sign the same")
	}
	third, err := ParseCertificate(ecCertificate(t))
	if err != nil {
		t.Fatal(err)
	}
	if SameSigned(a, third) {
		t.Error("another certificate is taken for the same")
	}
}

func FuzzParse(f *testing.F) {
	seeds := slices.Concat(blocks(f, "CERTIFICATE", "nodes/*/root-ca.crt"), blocks(f, "CERTIFICATE", "servers/*.crt"), blocks(f, "CERTIFICATE REQUEST", "servers/*.csr"))
	for _, s := range append(seeds, ecCertificate(f)) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if c, err := ParseCertificate(der); err == nil {
			HasUniqueIdentifiers(c)
			parts := partsOf(t, der)
			// What is outside of the signed part is the algorithm, which is inside,
			// too, and the signature.
			if len(parts) != 3 || !bytes.Equal(parts[0], c.RawTBSCertificate) || !bytes.Contains(parts[0], parts[1]) || len(c.Signature) != len(parts[2])-headerOf(parts[2])-1 {
				t.Fatal("there is something in it that nobody has signed")
			}
		}
		if r, err := ParseRequest(der); err == nil {
			parts := partsOf(t, der)
			if len(parts) != 3 || !bytes.Equal(parts[0], r.RawTBSCertificateRequest) || len(r.Signature) != len(parts[2])-headerOf(parts[2])-1 {
				t.Fatal("there is something in it that nobody has signed")
			}
		}
	})
}

// partsOf is the elements of a SEQUENCE, as they stand.
func partsOf(t *testing.T, der []byte) [][]byte {
	t.Helper()
	in, outer := cryptobyte.String(der), cryptobyte.String(nil)
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() {
		t.Fatal("not one SEQUENCE")
	}
	var parts [][]byte
	for !outer.Empty() {
		var part cryptobyte.String
		var tag cbasn1.Tag
		if !outer.ReadAnyASN1Element(&part, &tag) {
			t.Fatal("something that is no element")
		}
		parts = append(parts, part)
	}
	return parts
}

// headerOf is the length of an element's tag and length.
func headerOf(element []byte) int {
	if element[1] < 0x80 {
		return 2
	}
	return 2 + int(element[1]&0x7f)
}
