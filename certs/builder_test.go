package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// reference is where the certificates of the existing tool are.
const reference = "../testdata/reference"

func readReference(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{reference}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func referenceCertificate(t testing.TB, elem ...string) *Certificate {
	t.Helper()
	c, err := ParseCertificate(readReference(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at is a time at which everything in testdata/reference is valid.
var at = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func referencePassword() ([]byte, error) { return []byte("secret-pw"), nil }

func referenceKey(t testing.TB, node string) crypto.Signer {
	t.Helper()
	k, err := ParsePrivateKey(readReference(t, "nodes", node, "private", "root-ca.key"), referencePassword)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Keys that are slow to make are made once.
var (
	weakRSA   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 1024)) })
	modestRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	strongRSA = sync.OnceValue(func() crypto.Signer { return must(GenerateKey()) })
)

func newEC(c elliptic.Curve) *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(c, rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// testNode is a node of the tests, with an ECDSA root key for speed.
type testNode struct {
	id   Identity
	key  crypto.Signer
	root *Certificate
	req  *Request
}

func newNode(t testing.TB, typ NodeType) *testNode {
	t.Helper()
	return newNodeWithKey(t, typ, newEC(elliptic.P256()))
}

func newNodeWithKey(t testing.TB, typ NodeType, key crypto.Signer) *testNode {
	t.Helper()
	n := &testNode{key: key}
	n.id = must(NewIdentity(AccountingAuthority, "1234abcd"))
	if typ != AccountingAuthority {
		n.id = must(AgentIdentity(typ, must(PublicKeyInfo(key.Public()))))
	}
	var err error
	if n.root, err = IssueRoot(key, n.id, must(NewSerial()), at.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n.req, err = NewRequest(key, n.root.RawSubject); err != nil {
		t.Fatal(err)
	}
	return n
}

// issuer returns the node's Issuer.
func (n *testNode) issuer() *Issuer { return must(NewIssuer(n.root.Certificate, n.key)) }

// server issues a server certificate to the node.
func (n *testNode) server(t testing.TB) *Certificate {
	t.Helper()
	req, err := NewServerRequest(newEC(elliptic.P256()), n.root.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.issuer().IssueServer(req, ServerDays, must(NewSerial()), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certify issues a peer certificate to another node.
func (n *testNode) certify(t testing.TB, peer *testNode, subnet string) *Certificate {
	t.Helper()
	var s Subnet
	if subnet != "" {
		s = must(ParseSubnet(subnet))
	}
	c, err := n.issuer().IssuePeer(peer.root, peer.req, s, must(NewSerial()), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// lie is a certificate in the making, which may say anything at all.
type lie struct {
	version    int // the DER value: 2 is version 3; -1 leaves it out
	serial     []byte
	algorithm  signingAlgorithm
	issuer     []byte
	from, to   lieTime
	subject    []byte
	spki       []byte
	uniqueID   uint8 // the tag of a unique identifier, if not 0
	extensions []lieExtension
	key        crypto.Signer // signs
	spoil      bool          // changes the signature
	crlf       bool          // writes the file with CR LF
	text       string        // after the block
}

type lieTime struct {
	tag  cbasn1.Tag
	text string
}

type lieExtension struct {
	oid      asn1.ObjectIdentifier
	critical bool
	value    []byte
}

type signingAlgorithm struct {
	oid  asn1.ObjectIdentifier
	null bool
	hash crypto.Hash
}

var (
	sha1RSA     = signingAlgorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, true, crypto.SHA1}
	sha256RSA   = signingAlgorithm{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, true, crypto.SHA256}
	sha256ECDSA = signingAlgorithm{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, false, crypto.SHA256}
	pureEd25519 = signingAlgorithm{asn1.ObjectIdentifier{1, 3, 101, 112}, false, 0}
)

func algorithmOf(k crypto.Signer) signingAlgorithm {
	switch k.(type) {
	case *rsa.PrivateKey:
		return sha256RSA
	case ed25519.PrivateKey:
		return pureEd25519
	}
	return sha256ECDSA
}

// retell starts a lie from the truth; key signs it.
func retell(c *Certificate, key crypto.Signer) *lie {
	l := &lie{
		version: c.Version - 1, serial: c.SerialNumber.Bytes(), algorithm: algorithmOf(key),
		issuer: c.RawIssuer, subject: c.RawSubject, spki: c.RawSubjectPublicKeyInfo, key: key,
		from: timeOf(c.NotBefore), to: timeOf(c.NotAfter),
	}
	if l.serial[0] >= 0x80 {
		l.serial = append([]byte{0}, l.serial...)
	}
	for _, e := range c.Extensions {
		l.extensions = append(l.extensions, lieExtension{e.Id, e.Critical, bytes.Clone(e.Value)})
	}
	return l
}

func timeOf(t time.Time) lieTime {
	if t.Year() < 2050 {
		return lieTime{cbasn1.UTCTime, t.UTC().Format("060102150405Z")}
	}
	return lieTime{cbasn1.GeneralizedTime, t.UTC().Format("20060102150405Z")}
}

// ext returns the extension, which has to be there.
func (l *lie) ext(oid asn1.ObjectIdentifier) *lieExtension {
	for i := range l.extensions {
		if l.extensions[i].oid.Equal(oid) {
			return &l.extensions[i]
		}
	}
	panic("no extension " + oid.String())
}

func (l *lie) drop(oid asn1.ObjectIdentifier) {
	l.extensions = slices.DeleteFunc(l.extensions, func(e lieExtension) bool { return e.oid.Equal(oid) })
}

func (l *lie) add(oid asn1.ObjectIdentifier, critical bool, value []byte) {
	l.extensions = append(l.extensions, lieExtension{oid, critical, value})
}

func (l *lie) addAlgorithm(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(l.algorithm.oid)
		if l.algorithm.null {
			b.AddASN1NULL()
		}
	})
}

func (l *lie) der() []byte {
	var tbs cryptobyte.Builder
	tbs.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if l.version >= 0 {
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(l.version)) })
		}
		b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(l.serial) })
		l.addAlgorithm(b)
		b.AddBytes(l.issuer)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, t := range []lieTime{l.from, l.to} {
				b.AddASN1(t.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(t.text)) })
			}
		})
		b.AddBytes(l.subject)
		b.AddBytes(l.spki)
		if l.uniqueID != 0 {
			b.AddASN1(cbasn1.Tag(l.uniqueID).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte{0, 1}) })
		}
		if len(l.extensions) == 0 {
			return
		}
		b.AddASN1(cbasn1.Tag(3).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, e := range l.extensions {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(e.oid)
						if e.critical {
							b.AddASN1Boolean(true)
						}
						b.AddASN1OctetString(e.value)
					})
				}
			})
		})
	})
	signed := tbs.BytesOrPanic()
	digest := signed
	if l.algorithm.hash != 0 {
		h := l.algorithm.hash.New()
		h.Write(signed)
		digest = h.Sum(nil)
	}
	sig := must(l.key.Sign(rand.Reader, digest, l.algorithm.hash))
	if l.spoil {
		sig[len(sig)-1] ^= 1
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(signed)
		l.addAlgorithm(b)
		b.AddASN1BitString(sig)
	})
	return b.BytesOrPanic()
}

func (l *lie) file() []byte {
	f := pem.EncodeToMemory(&pem.Block{Type: labelCertificate, Bytes: l.der()})
	if l.crlf {
		f = bytes.ReplaceAll(f, []byte("\n"), []byte("\r\n"))
	}
	return append(f, l.text...)
}

// tell makes the certificate, which has to be readable.
func (l *lie) tell(t testing.TB) *Certificate {
	t.Helper()
	c, err := ParseCertificate(l.file())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rdn is one attribute of a test's name.
type rdn struct {
	oid   asn1.ObjectIdentifier
	tag   cbasn1.Tag
	value string
}

// rawName makes a name of sets of attributes.
func rawName(sets ...[]rdn) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, set := range sets {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				for _, a := range set {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(a.oid)
						b.AddASN1(a.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
					})
				}
			})
		}
	})
	return b.BytesOrPanic()
}

// simpleName makes a name of single-valued parts.
func simpleName(parts ...rdn) []byte {
	sets := make([][]rdn, len(parts))
	for i, p := range parts {
		sets[i] = []rdn{p}
	}
	return rawName(sets...)
}

func part(oid asn1.ObjectIdentifier, value string) rdn { return rdn{oid, cbasn1.UTF8String, value} }

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

func spkiOf(pub crypto.PublicKey) []byte { return must(x509.MarshalPKIXPublicKey(pub)) }

func sha256Of(b []byte) [sha256.Size]byte { return sha256.Sum256(b) }
