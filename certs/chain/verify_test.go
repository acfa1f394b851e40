package chain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

// accepted is no Reason.
const accepted Reason = 0

func algorithmID(t testing.TB, oid ...int) []byte {
	return must(t)(asn1.Marshal([]asn1.ObjectIdentifier{oid}))
}

func spki(t testing.TB, key any) []byte { return must(t)(x509.MarshalPKIXPublicKey(key)) }

// fakeRSA is a public key of this size; nobody has the private one.
func fakeRSA(t testing.TB, bits, e int) []byte {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return spki(t, &rsa.PublicKey{N: n.Add(n, big.NewInt(12345)), E: e})
}

func extKeyUsage(t testing.TB, oids ...asn1.ObjectIdentifier) []byte {
	return must(t)(asn1.Marshal(oids))
}

var (
	oidServerAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidAnyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
	oidUnknown    = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}
)

var bothUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}

// chainOf makes root, n intermediates 1..n (1 issues the leaf) and a leaf.
func chainOf(n int, edit func(*cert)) []cert {
	certs := []cert{{id: "root", ca: true}}
	issuer := "root"
	for i := n; i >= 1; i-- {
		id := fmt.Sprint(i)
		certs = append(certs, cert{id: id, issuer: issuer, ca: true})
		issuer = id
	}
	certs = append(certs, cert{id: "leaf", issuer: issuer})
	for i := range certs {
		if edit != nil {
			edit(&certs[i])
		}
	}
	return certs
}

// one edits the certificate with this id in the chain root, 1, leaf.
func one(id string, edit func(*cert)) []cert {
	return chainOf(1, func(c *cert) {
		if c.id == id {
			edit(c)
		}
	})
}

func TestVerify(t *testing.T) {
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	second := time.Second

	for _, tt := range []struct {
		name   string
		certs  []cert
		usages []x509.ExtKeyUsage
		want   Reason
		fault  string // id
		depth  int
		found  string // part of the message
	}{
		{name: "two certificates", certs: chainOf(0, nil)},
		{name: "three", certs: chainOf(1, nil)},
		{name: "longest", certs: chainOf(MaxLength-2, nil)},
		{name: "one too long", certs: chainOf(MaxLength-1, nil), want: ChainTooLong, fault: fmt.Sprint(MaxLength - 1), depth: MaxLength - 1, found: "at most 10 certificates"},

		{name: "leaf signed by another key", certs: one("leaf", func(c *cert) { c.signedBy = "other" }), want: BadSignature, fault: "leaf"},
		{name: "intermediate signed by another key", certs: one("1", func(c *cert) { c.signedBy = "other" }), want: BadSignature, fault: "1", depth: 1},
		{name: "root not signed by itself", certs: one("root", func(c *cert) { c.signedBy = "other" })},
		{name: "issuer nobody has", certs: one("1", func(c *cert) { c.issuerName = cn(t, "nobody").Raw() }), want: NoIssuer, fault: "1", depth: 1, found: "issuer CN=nobody"},
		{name: "empty issuer", certs: one("leaf", func(c *cert) { c.issuerName = []byte{0x30, 0} }), want: Malformed, fault: "leaf", found: "empty issuer"},
		{name: "issuer written otherwise", certs: one("leaf", func(c *cert) { c.issuerName = cn(t, "  1 ").Raw() })},
		{name: "key identifier of nobody", certs: one("leaf", func(c *cert) { c.wrongKeyID = true })},
		{name: "no key identifiers", certs: chainOf(1, func(c *cert) { c.noKeyIDs = true })},

		{name: "leaf ends now", certs: one("leaf", func(c *cert) { c.notAfter = testTime })},
		{name: "leaf has ended", certs: one("leaf", func(c *cert) { c.notAfter = testTime.Add(-second) }), want: Expired, fault: "leaf", found: "notAfter 2026-11-23T11:59:59Z"},
		{name: "leaf begins now", certs: one("leaf", func(c *cert) { c.notBefore = testTime })},
		{name: "leaf not begun", certs: one("leaf", func(c *cert) { c.notBefore = testTime.Add(second) }), want: NotYetValid, fault: "leaf", found: "notBefore 2026-11-23T12:00:01Z"},
		{name: "intermediate has ended", certs: one("1", func(c *cert) { c.notAfter = testTime.Add(-second) }), want: Expired, fault: "1", depth: 1},
		{name: "root has ended", certs: one("root", func(c *cert) { c.notAfter = testTime.Add(-second) }), want: Expired, fault: "root", depth: 2},
		{name: "root not begun", certs: one("root", func(c *cert) { c.notBefore = testTime.Add(second) }), want: NotYetValid, fault: "root", depth: 2},

		{name: "not a CA", certs: one("1", func(c *cert) { c.ca = false }), want: NotCA, fault: "1", depth: 1, found: "CA false"},
		{name: "no basicConstraints", certs: one("1", func(c *cert) { c.noBasicConstraints = true }), want: NotCA, fault: "1", depth: 1, found: "no basicConstraints"},
		{name: "root without basicConstraints", certs: one("root", func(c *cert) { c.noBasicConstraints = true }), want: NotCA, fault: "root", depth: 2},
		{name: "version 1 issuer", certs: one("1", func(c *cert) { c.version = 1 }), want: NotCA, fault: "1", depth: 1, found: "version 1"},
		{name: "version 1 leaf", certs: one("leaf", func(c *cert) { c.version = 1 })},
		{name: "no keyCertSign", certs: one("1", func(c *cert) { c.keyUsage = 0x80 }), want: KeyUsage, fault: "1", depth: 1},
		{name: "root without keyCertSign", certs: one("root", func(c *cert) { c.keyUsage = 0x02 }), want: KeyUsage, fault: "root", depth: 2},
		{name: "keyCertSign among others", certs: one("1", func(c *cert) { c.keyUsage = 0x86 })},
		{name: "no keyUsage", certs: one("1", func(c *cert) { c.noKeyUsage = true })},

		{name: "path length 0", certs: one("1", func(c *cert) { c.pathLen = "0" })},
		{name: "path length 0 in the root", certs: one("root", func(c *cert) { c.pathLen = "0" }), want: PathLength, fault: "root", depth: 2, found: "found path length 1"},
		{name: "path length 1 in the root", certs: one("root", func(c *cert) { c.pathLen = "1" })},
		{name: "path length 1, two below", certs: chainOf(3, func(c *cert) {
			if c.id == "3" {
				c.pathLen = "1"
			}
		}), want: PathLength, fault: "3", depth: 3, found: "found path length 2"},
		{name: "path length 0, self-issued below", certs: []cert{{id: "root", ca: true, pathLen: "0"},
			{id: "rootNew", issuer: "root", ca: true, subject: cn(t, "root").Raw()}, {id: "leaf", issuer: "rootNew"}}},

		{name: "unknown critical in leaf", certs: one("leaf", func(c *cert) { c.extra = []extension{{oidUnknown, true, []byte{5, 0}}} }), want: UnknownCriticalExtension, fault: "leaf", found: oidUnknown.String()},
		{name: "unknown critical in intermediate", certs: one("1", func(c *cert) { c.extra = []extension{{oidUnknown, true, []byte{5, 0}}} }), want: UnknownCriticalExtension, fault: "1", depth: 1},
		{name: "unknown critical in root", certs: one("root", func(c *cert) { c.extra = []extension{{oidUnknown, true, []byte{5, 0}}} }), want: UnknownCriticalExtension, fault: "root", depth: 2},
		{name: "unknown not critical", certs: chainOf(1, func(c *cert) { c.extra = []extension{{oidUnknown, false, []byte{5, 0}}} })},
		{name: "critical policies", certs: one("1", func(c *cert) {
			c.extra = []extension{{asn1.ObjectIdentifier{2, 5, 29, 32}, true, []byte{0x30, 6, 0x30, 4, 6, 2, 0x2a, 3}}}
		}), want: UnknownCriticalExtension, fault: "1", depth: 1, found: "2.5.29.32"},

		{name: "usages allowed", certs: one("leaf", func(c *cert) { c.usages = extKeyUsage(t, oidClientAuth, oidServerAuth) }), usages: bothUsages},
		{name: "no usages written", certs: chainOf(1, nil), usages: bothUsages},
		{name: "any usage", certs: one("leaf", func(c *cert) { c.usages = extKeyUsage(t, oidAnyUsage) }), usages: bothUsages},
		{name: "one usage missing", certs: one("leaf", func(c *cert) { c.usages = extKeyUsage(t, oidClientAuth) }), usages: bothUsages, want: ExtendedKeyUsage, fault: "leaf", found: "serverAuth"},
		{name: "only unknown usages", certs: one("leaf", func(c *cert) { c.usages = extKeyUsage(t, oidUnknown) }), usages: bothUsages, want: ExtendedKeyUsage, fault: "leaf"},
		{name: "usage missing in intermediate", certs: one("1", func(c *cert) { c.usages = extKeyUsage(t, oidServerAuth) }), usages: bothUsages, want: ExtendedKeyUsage, fault: "1", depth: 1, found: "clientAuth"},
		{name: "usages not asked for", certs: one("leaf", func(c *cert) { c.usages = extKeyUsage(t, oidUnknown) })},

		{name: "leaf with RSA of 2047 bits", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, MinRSABits-1, 65537) }), want: WeakKey, fault: "leaf", found: "RSA of 2047 bits"},
		{name: "leaf with RSA of 2048 bits", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, MinRSABits, 65537) })},
		{name: "leaf with RSA of 8192 bits", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, MaxRSABits, 3) })},
		{name: "leaf with RSA of 8193 bits", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, MaxRSABits+1, 65537) }), want: WeakKey, fault: "leaf"},
		{name: "leaf with RSA exponent 1", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, 3072, 1) }), want: WeakKey, fault: "leaf", found: "exponent 1"},
		{name: "leaf with RSA exponent 4", certs: one("leaf", func(c *cert) { c.publicKey = fakeRSA(t, 3072, 4) }), want: WeakKey, fault: "leaf"},
		{name: "leaf with P-224", certs: one("leaf", func(c *cert) { c.publicKey = spki(t, p224.Public()) }), want: WeakKey, fault: "leaf", found: "P-224"},
		{name: "leaf with P-384", certs: one("leaf", func(c *cert) { c.publicKey = spki(t, p384.Public()) })},
		{name: "leaf with P-521", certs: one("leaf", func(c *cert) { c.publicKey = spki(t, p521.Public()) }), want: WeakKey, fault: "leaf", found: "P-521"},
		{name: "leaf with Ed25519", certs: one("leaf", func(c *cert) { c.publicKey = spki(t, ed) }), want: WeakKey, fault: "leaf", found: "Ed25519"},
		{name: "intermediate with RSA of 1024 bits", certs: one("1", func(c *cert) { c.publicKey = fakeRSA(t, 1024, 65537) }), want: WeakKey, fault: "1", depth: 1},
		{name: "root with RSA of 1024 bits", certs: one("root", func(c *cert) { c.publicKey = fakeRSA(t, 1024, 65537) }), want: WeakKey, fault: "root", depth: 2},

		{name: "MD5", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 113549, 1, 1, 4) }), want: WeakAlgorithm, fault: "leaf", found: "MD5-RSA"},
		{name: "SHA-1 with RSA", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 113549, 1, 1, 5) }), want: WeakAlgorithm, fault: "leaf", found: "SHA1-RSA"},
		{name: "SHA-1 with ECDSA", certs: one("1", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 10045, 4, 1) }), want: WeakAlgorithm, fault: "1", depth: 1, found: "ECDSA-SHA1"},
		{name: "SHA-512 with ECDSA", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 10045, 4, 3, 4) }), want: WeakAlgorithm, fault: "leaf"},
		{name: "Ed25519 signature", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 3, 101, 112) }), want: WeakAlgorithm, fault: "leaf"},
		{name: "unknown algorithm", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 3) }), want: WeakAlgorithm, fault: "leaf"},
		{name: "RSA algorithm, ECDSA key", certs: one("leaf", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 113549, 1, 1, 11) }), want: BadSignature, fault: "leaf"},
		{name: "root signed with MD5", certs: one("root", func(c *cert) { c.algorithm = algorithmID(t, 1, 2, 840, 113549, 1, 1, 4) })},

		{name: "empty subject of an issuer", certs: []cert{{id: "root", ca: true}, {id: "1", issuer: "root", ca: true, subject: []byte{0x30, 0}}, {id: "leaf", issuer: "1"}}, want: Malformed, fault: "leaf"},
		{name: "malformed constraints in leaf", certs: one("leaf", func(c *cert) { c.constraintsDER = []byte{0x30, 0} }), want: Malformed, fault: "leaf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			byID := map[string]*x509.Certificate{}
			for id, der := range encodePKI(t, tt.certs) {
				x, err := x509.ParseCertificate(der)
				if err != nil {
					// What crypto/x509 refuses must be refused as Raw too.
					x = &x509.Certificate{Raw: der}
				}
				byID[id] = x
			}
			opts := Options{Roots: pick(t, byID, "root"), Time: testTime, KeyUsages: tt.usages}
			for id, x := range byID {
				if id != "root" && id != "leaf" {
					opts.Intermediates = append(opts.Intermediates, x)
				}
			}
			path, err := Verify(byID["leaf"], opts)
			checkVerdict(t, path, err, tt.want, byID[tt.fault], tt.depth, tt.found)
			if tt.want == accepted && len(path) != len(tt.certs) {
				t.Errorf("found a path of %d, expected %d", len(path), len(tt.certs))
			}
		})
	}
}

func checkVerdict(t *testing.T, path []*x509.Certificate, err error, want Reason, fault *x509.Certificate, depth int, found string) {
	t.Helper()
	if want == accepted {
		if err != nil {
			t.Fatalf("found %v, expected acceptance", err)
		}
		return
	}
	if err == nil {
		t.Fatalf("found acceptance of a path of %d, expected %v", len(path), want)
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("found %T %v, expected *Error", err, err)
	}
	if e.Reason != want || e.Depth != depth || e.Cert != fault {
		t.Errorf("found %v at depth %d, expected %v at depth %d (right certificate: %v): %v", e.Reason, e.Depth, want, depth, e.Cert == fault, err)
	}
	if !strings.Contains(err.Error(), found) {
		t.Errorf("found %q, expected %q in it", err, found)
	}
	if path != nil {
		t.Error("found a path beside the error")
	}
}

func TestVerifyWrongCalls(t *testing.T) {
	c := pki(t, chainOf(0, nil))
	roots := pick(t, c, "root")
	for _, tt := range []struct {
		name string
		leaf *x509.Certificate
		opts Options
		want string
	}{
		{"no leaf", nil, Options{Roots: roots, Time: testTime}, "no leaf"},
		{"nil roots", c["leaf"], Options{Time: testTime}, "no roots"},
		{"empty roots", c["leaf"], Options{Roots: []*x509.Certificate{}, Time: testTime}, "no roots"},
		{"a nil root", c["leaf"], Options{Roots: []*x509.Certificate{nil}, Time: testTime}, "root 1: found nil"},
		{"a root without bytes", c["leaf"], Options{Roots: []*x509.Certificate{{}}, Time: testTime}, "root 1: x509"},
		{"a nil intermediate", c["leaf"], Options{Roots: roots, Intermediates: []*x509.Certificate{nil}, Time: testTime}, "intermediate 1: found nil"},
		{"no time", c["leaf"], Options{Roots: roots}, "no time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Verify(tt.leaf, tt.opts)
			var e *Error
			if err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v, expected a plain error with %q", err, tt.want)
			}
		})
	}
}

// TestRefusedByParser: what the package comment leaves to crypto/x509.
func TestRefusedByParser(t *testing.T) {
	for want, edit := range map[string]func(*cert){
		"signature algorithm identifiers": func(c *cert) { c.outerAlgorithm = algorithmID(t, 1, 2, 840, 10045, 4, 3, 3) },
		"duplicate extension":             func(c *cert) { c.extra = []extension{{oidUnknown, false, nil}, {oidUnknown, false, nil}} },
	} {
		ders := encodePKI(t, one("leaf", edit))
		roots := []*x509.Certificate{{Raw: ders["root"]}}
		_, err := Verify(&x509.Certificate{Raw: ders["leaf"]}, Options{Roots: roots, Time: testTime})
		var e *Error
		if !errors.As(err, &e) || e.Reason != Malformed || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, expected malformed: %s", err, want)
		}
	}
}

func TestCertificateTooLarge(t *testing.T) {
	// The padding is found by trial, for the lengths of the DER that frame it.
	sized := func(size int) *x509.Certificate {
		padding := size - 1000
		for {
			der := encodePKI(t, one("leaf", func(c *cert) { c.extra = []extension{{oidUnknown, false, make([]byte, padding)}} }))
			x, err := x509.ParseCertificate(der["leaf"])
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Raw) == size {
				return x
			}
			padding += size - len(x.Raw)
		}
	}
	root := pki(t, chainOf(0, nil))["root"]
	for size, want := range map[int]Reason{MaxCertificateBytes: NoIssuer, MaxCertificateBytes + 1: Malformed} {
		_, err := Verify(sized(size), Options{Roots: []*x509.Certificate{root}, Time: testTime})
		var e *Error
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%d bytes: found %v, expected %v", size, err, want)
		}
	}
}

// TestEditsHaveNoEffect: the bytes are judged, not what a caller made of them,
// and nothing of the caller's is changed.
func TestEditsHaveNoEffect(t *testing.T) {
	c := pki(t, one("leaf", func(c *cert) { c.extra = []extension{{oidUnknown, true, []byte{5, 0}}} }))
	leaf := *c["leaf"]
	leaf.UnhandledCriticalExtensions = nil
	leaf.Extensions = nil
	_, err := Verify(&leaf, Options{Roots: pick(t, c, "root"), Intermediates: pick(t, c, "1"), Time: testTime})
	checkVerdict(t, nil, err, UnknownCriticalExtension, &leaf, 0, "")

	c = pki(t, one("1", func(c *cert) {
		c.constraints = &NameConstraints{Permitted: []Subtree{{Form: DirectoryName, Name: cn(t, "leaf")}}}
	}))
	if len(c["1"].UnhandledCriticalExtensions) != 1 {
		t.Fatal("expected crypto/x509 not to handle the constraint")
	}
	before := bytes.Clone(c["1"].Raw)
	if _, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: pick(t, c, "1"), Time: testTime}); err != nil {
		t.Fatal(err)
	}
	if len(c["1"].UnhandledCriticalExtensions) != 1 || !bytes.Equal(before, c["1"].Raw) {
		t.Error("found an edited certificate")
	}
}

func TestLeafIsRoot(t *testing.T) {
	c := pki(t, chainOf(0, nil))
	path, err := Verify(c["root"], Options{Roots: pick(t, c, "root"), Time: testTime})
	if err != nil || !slices.Equal(path, pick(t, c, "root")) {
		t.Errorf("found %d certificates, %v; expected the root alone", len(path), err)
	}
	_, err = Verify(c["root"], Options{Roots: pick(t, c, "root"), Time: farOff.AddDate(1, 0, 0)})
	checkVerdict(t, nil, err, Expired, c["root"], 0, "")
	// A self-signed stranger is its own issuer only by name.
	_, err = Verify(c["root"], Options{Roots: pick(t, c, "leaf"), Intermediates: pick(t, c, "root"), Time: testTime})
	checkVerdict(t, nil, err, NoIssuer, c["root"], 0, "")
}

// TestBuilding: several ways up, and the one that is good must be found.
func TestBuilding(t *testing.T) {
	subject := func(s string) []byte { return cn(t, s).Raw() }
	for _, tt := range []struct {
		name          string
		certs         []cert
		roots         []string
		intermediates []string
		want          []string // path, or
		reason        Reason
		fault         string
		depth         int
	}{
		{
			name: "cross-certificates in a circle",
			certs: []cert{{id: "root", ca: true}, {id: "a", issuer: "b", ca: true}, {id: "b", issuer: "a", ca: true},
				{id: "b2", issuer: "root", ca: true, subject: subject("b"), key: "b"}, {id: "leaf", issuer: "a"}},
			roots: []string{"root"}, intermediates: []string{"a", "b", "b2"},
			want: []string{"leaf", "a", "b2", "root"},
		},
		{
			name:  "a circle and nothing else",
			certs: []cert{{id: "root", ca: true}, {id: "a", issuer: "b", ca: true}, {id: "b", issuer: "a", ca: true}, {id: "leaf", issuer: "a"}},
			roots: []string{"root"}, intermediates: []string{"a", "b"},
			reason: NoIssuer, fault: "b", depth: 2,
		},
		{
			name: "an expired twin",
			certs: []cert{{id: "root", ca: true}, {id: "old", issuer: "root", ca: true, subject: subject("ca"), key: "ca", notAfter: longAgo.AddDate(0, 1, 0)},
				{id: "new", issuer: "root", ca: true, subject: subject("ca"), key: "ca"}, {id: "leaf", issuer: "old"}},
			roots: []string{"root"}, intermediates: []string{"old", "new"},
			want: []string{"leaf", "new", "root"},
		},
		{
			name: "a twin with another key says less than the issuer that expired",
			certs: []cert{{id: "root", ca: true}, {id: "old", issuer: "root", ca: true, subject: subject("ca"), notAfter: longAgo.AddDate(0, 1, 0)},
				{id: "other", issuer: "root", ca: true, subject: subject("ca")}, {id: "leaf", issuer: "old", wrongKeyID: true}},
			roots: []string{"root"}, intermediates: []string{"other", "old"},
			reason: Expired, fault: "old", depth: 1,
		},
		{
			name: "a root by another name that is a cross-certificate too",
			certs: []cert{{id: "root", ca: true}, {id: "root2", ca: true, notAfter: longAgo.AddDate(0, 1, 0)},
				{id: "cross", issuer: "root", ca: true, subject: subject("root2"), key: "root2"}, {id: "leaf", issuer: "root2"}},
			roots: []string{"root", "root2"}, intermediates: []string{"cross"},
			want: []string{"leaf", "cross", "root"},
		},
		{
			name:  "a root that is not self-signed",
			certs: []cert{{id: "root", ca: true}, {id: "1", issuer: "root", ca: true}, {id: "leaf", issuer: "1"}},
			roots: []string{"1"}, intermediates: []string{"root"},
			want: []string{"leaf", "1"},
		},
		{
			name:  "an untrusted root",
			certs: []cert{{id: "root", ca: true}, {id: "stranger", ca: true}, {id: "leaf", issuer: "stranger"}},
			roots: []string{"root"}, intermediates: []string{"stranger"},
			reason: NoIssuer, fault: "stranger", depth: 1,
		},
		{
			name:  "the leaf among the intermediates, everything twice",
			certs: chainOf(1, nil),
			roots: []string{"root", "root"}, intermediates: []string{"leaf", "1", "1", "root", "leaf"},
			want: []string{"leaf", "1", "root"},
		},
		{
			name: "the same name as the leaf, as in the network",
			certs: []cert{{id: "q", ca: true, pathLen: "1"}, {id: "p", ca: true, pathLen: "1"},
				{id: "peer", issuer: "q", ca: true, pathLen: "0", subject: subject("p"), key: "p",
					constraints: &NameConstraints{Permitted: []Subtree{{Form: DirectoryName, Name: cn(t, "p")}}}},
				{id: "leaf", issuer: "p", subject: subject("p")}},
			roots: []string{"q"}, intermediates: []string{"peer", "p"},
			want: []string{"leaf", "peer", "q"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pki(t, tt.certs)
			path, err := Verify(c["leaf"], Options{Roots: pick(t, c, tt.roots...), Intermediates: pick(t, c, tt.intermediates...), Time: testTime})
			checkVerdict(t, path, err, tt.reason, c[tt.fault], tt.depth, "")
			if !slices.Equal(path, pick(t, c, tt.want...)) {
				var ids []string
				for _, x := range path {
					ids = append(ids, x.Subject.CommonName)
				}
				t.Errorf("found path %v, expected %v", ids, tt.want)
			}
		})
	}
}

func TestUnreadableIntermediate(t *testing.T) {
	c := pki(t, chainOf(1, nil))
	junk := &x509.Certificate{Raw: []byte("junk")}
	if _, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: append(pick(t, c, "1"), junk), Time: testTime}); err != nil {
		t.Errorf("found %v, expected the path without the junk", err)
	}
	_, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: []*x509.Certificate{junk}, Time: testTime})
	checkVerdict(t, nil, err, NoIssuer, c["leaf"], 0, "intermediate 1 cannot be read")
}

// clique is a leaf with five CAs above it, each of which has signed all others
// and none of which leads to the root: the paths are as many as their orders.
func clique(t testing.TB) (*x509.Certificate, Options) {
	certs := []cert{{id: "root", ca: true}, {id: "leaf", issuer: "0"}}
	for i := range 5 {
		for j := range 5 {
			id := fmt.Sprintf("%d by %d", i, j)
			if j == 0 {
				id = fmt.Sprint(i)
			}
			certs = append(certs, cert{id: id, issuer: fmt.Sprint(j), key: fmt.Sprint("clique", i), subject: cn(t, fmt.Sprint(i)).Raw(), ca: true})
		}
	}
	c := pki(t, certs)
	opts := Options{Roots: pick(t, c, "root"), Time: testTime}
	for id, x := range c {
		if id != "root" && id != "leaf" {
			opts.Intermediates = append(opts.Intermediates, x)
		}
	}
	return c["leaf"], opts
}

// TestWorkLimits: strangers choose the intermediates.
func TestWorkLimits(t *testing.T) {
	// All with the same name and key identifiers, so that any could be next,
	// and all good but for the way to the root.
	twins := []cert{{id: "root", ca: true}, {id: "ca", ca: true}, {id: "leaf", issuer: "ca"}}
	var ids []string
	for i := range MaxIntermediates {
		id := fmt.Sprint(i)
		twins = append(twins, cert{id: id, issuer: "ca", ca: true, subject: cn(t, "ca").Raw()})
		ids = append(ids, id)
	}
	c := pki(t, twins)
	_, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: pick(t, c, ids...), Time: testTime})
	checkVerdict(t, nil, err, BadSignature, c["leaf"], 0, "")

	leaf, opts := clique(t)
	start := time.Now()
	_, err = Verify(leaf, opts)
	var e *Error
	if !errors.As(err, &e) || e.Reason != WorkLimit || !strings.Contains(err.Error(), "more than 100 signatures") {
		t.Errorf("found %v, expected the limit on signatures", err)
	}
	if e != nil && !errors.As(e.Err, &e) {
		t.Errorf("found cause %v, expected the most informative failure before the limit", e.Err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("found %v, expected far less than two seconds", d)
	}

	// One intermediate past the limit.
	many := slices.Repeat(pick(t, c, "leaf"), MaxIntermediates+1)
	_, err = Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: many, Time: testTime})
	checkVerdict(t, nil, err, WorkLimit, c["leaf"], 0, fmt.Sprint(MaxIntermediates+1, " intermediates"))
	_, err = Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: many[1:], Time: testTime})
	checkVerdict(t, nil, err, NoIssuer, c["leaf"], 0, "")
}

// TestLimitsExactly: the last signature, candidate and comparison allowed, and
// one past each.
func TestLimitsExactly(t *testing.T) {
	nc := &NameConstraints{Permitted: []Subtree{{Form: DirectoryName, Name: cn(t, "x")}, {Form: DirectoryName, Name: cn(t, "leaf")}}}
	c := pki(t, []cert{{id: "root", ca: true, constraints: nc}, {id: "leaf", issuer: "root"}})
	for _, tt := range []struct {
		s    search
		want string
	}{
		{search{signatures: MaxSignatures - 1, comparisons: MaxComparisons}, ""},
		{search{signatures: MaxSignatures, comparisons: MaxComparisons}, "more than 100 signatures"},
		{search{candidates: MaxCandidates - 1, comparisons: MaxComparisons}, ""},
		{search{candidates: MaxCandidates, comparisons: MaxComparisons}, "more than 1000 possible issuers"},
		{search{comparisons: 2}, ""},
		{search{comparisons: 1}, "more than 100000 comparisons"},
	} {
		s := tt.s
		s.at = testTime
		if err := s.gather(pick(t, c, "root"), nil); err != nil {
			t.Fatal(err)
		}
		leaf, err := read(c["leaf"])
		if err != nil {
			t.Fatal(err)
		}
		if e := s.checkLeaf(leaf); e != nil {
			t.Fatal(e)
		}
		_, e := s.find(leaf)
		switch {
		case tt.want == "" && e != nil:
			t.Errorf("found %v, expected acceptance at the limit", e)
		case tt.want != "" && (e == nil || e.Reason != WorkLimit || !strings.Contains(e.Error(), tt.want)):
			t.Errorf("found %v, expected %q", e, tt.want)
		}
	}
}

func TestReasonText(t *testing.T) {
	seen := map[string]bool{}
	for r := Malformed; r <= WorkLimit; r++ {
		b, err := r.MarshalText()
		if err != nil || string(b) != r.String() || seen[r.String()] || reasons[r].title == "" {
			t.Errorf("%d: found %q, %v; expected an id of its own", r, b, err)
		}
		seen[r.String()] = true
	}
	for _, r := range []Reason{0, WorkLimit + 1} {
		if _, err := r.MarshalText(); err == nil {
			t.Errorf("%v: expected an error", r)
		}
	}
}

// TestErrorEscapes: subjects come from strangers.
func TestErrorEscapes(t *testing.T) {
	hostile := cn(t, "\x1b[31mleaf\u202e\n").Raw()
	c := pki(t, one("leaf", func(c *cert) { c.subject = hostile; c.issuerName = hostile }))
	_, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Time: testTime})
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\u202e\n") || !strings.Contains(err.Error(), `CN=\1B[31mleaf\E2\80\AE\0A`) {
		t.Errorf("found %q, expected an escaped subject", err)
	}
}

// Strangers pay for the length of what is to be compared.
func TestCostGrowsWithTheText(t *testing.T) {
	short, long := generalName{text: "a"}.cost(), generalName{text: strings.Repeat("a", 6400)}.cost()
	if short != 1 || long != 101 {
		t.Errorf("found %d and %d, expected 1 and 101", short, long)
	}
}
