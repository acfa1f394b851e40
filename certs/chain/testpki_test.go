package chain

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The test PKI is a list of certificates that name their issuers by id. They
// are encoded here and not by crypto/x509, because most of them lie.

var (
	testTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	longAgo  = testTime.AddDate(-1, 0, 0)
	farOff   = testTime.AddDate(1000, 0, 0)
)

// cert describes one certificate. The zero values are those of an honest one.
type cert struct {
	id      string // also its CN, unless subject is given
	issuer  string // an id; "" for self-signed
	ca      bool
	pathLen string // "" for none
	subject []byte // DER
	// issuerName is the DER of the issuer field, if not the issuer's subject.
	issuerName []byte
	key        string // id of the key, if not its own
	publicKey  []byte // DER SubjectPublicKeyInfo, if not that of key
	signedBy   string // id of the key that signs, if not the issuer's

	notBefore, notAfter time.Time
	version             int // 3 unless given
	noBasicConstraints  bool
	noKeyUsage          bool
	keyUsage            byte   // first byte of the bit string; keyCertSign for a CA unless given
	usages              []byte // DER extKeyUsage
	constraints         *NameConstraints
	constraintsDER      []byte
	altNames            []byte // DER subjectAltName
	extra               []extension

	algorithm      []byte // AlgorithmIdentifier, inner and outer
	outerAlgorithm []byte
	wrongKeyID     bool // an authority key identifier that is nobody's
	noKeyIDs       bool
}

type extension struct {
	oid      asn1.ObjectIdentifier
	critical bool
	value    []byte
}

const keyCertSign = 0x04

var (
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidSubjectKeyID    = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAuthorityKeyID  = asn1.ObjectIdentifier{2, 5, 29, 35}
)

var testKeys struct {
	sync.Mutex
	m map[string]*ecdsa.PrivateKey
}

func testKey(t testing.TB, id string) *ecdsa.PrivateKey {
	t.Helper()
	testKeys.Lock()
	defer testKeys.Unlock()
	if testKeys.m == nil {
		testKeys.m = map[string]*ecdsa.PrivateKey{}
	}
	k := testKeys.m[id]
	if k == nil {
		var err error
		if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		testKeys.m[id] = k
	}
	return k
}

func cn(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.Build([]name.Attribute{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Tag: name.TagUTF8String, Value: text}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pki encodes and parses all certificates, by id.
func pki(t testing.TB, certs []cert) map[string]*x509.Certificate {
	t.Helper()
	parsed := map[string]*x509.Certificate{}
	for id, der := range encodePKI(t, certs) {
		x, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		parsed[id] = x
	}
	return parsed
}

func encodePKI(t testing.TB, certs []cert) map[string][]byte {
	t.Helper()
	byID := map[string]cert{}
	for _, c := range certs {
		if c.subject == nil {
			c.subject = cn(t, c.id).Raw()
		}
		if c.key == "" {
			c.key = c.id
		}
		if _, taken := byID[c.id]; taken {
			t.Fatalf("two certificates with id %s", c.id)
		}
		byID[c.id] = c
	}
	ders := map[string][]byte{}
	for id, c := range byID {
		issuer := c
		if c.issuer != "" {
			var ok bool
			if issuer, ok = byID[c.issuer]; !ok {
				t.Fatalf("%s: no issuer %s", id, c.issuer)
			}
		}
		ders[id] = c.encode(t, issuer)
	}
	return ders
}

func must(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func (c cert) encode(t testing.TB, issuer cert) []byte {
	t.Helper()
	if c.issuerName == nil {
		c.issuerName = issuer.subject
	}
	if c.signedBy == "" {
		c.signedBy = issuer.key
	}
	if c.publicKey == nil {
		c.publicKey = must(t)(x509.MarshalPKIXPublicKey(testKey(t, c.key).Public()))
	}
	if c.algorithm == nil {
		c.algorithm = must(t)(asn1.Marshal([]asn1.ObjectIdentifier{oidECDSAWithSHA256}))
	}
	if c.outerAlgorithm == nil {
		c.outerAlgorithm = c.algorithm
	}
	if c.notBefore.IsZero() {
		c.notBefore = longAgo
	}
	if c.notAfter.IsZero() {
		c.notAfter = farOff
	}
	if c.version == 0 {
		c.version = 3
	}
	serial := sha256.Sum256([]byte(c.id + issuer.id))

	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if c.version > 1 {
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(c.version) - 1) })
		}
		b.AddASN1BigInt(new(big.Int).SetBytes(serial[:8]))
		b.AddBytes(c.algorithm)
		b.AddBytes(c.issuerName)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, at := range []time.Time{c.notBefore, c.notAfter} {
				if at.Year() < 2050 {
					b.AddASN1UTCTime(at)
				} else {
					b.AddASN1GeneralizedTime(at)
				}
			}
		})
		b.AddBytes(c.subject)
		b.AddBytes(c.publicKey)
		if extensions := c.extensions(t, issuer); c.version == 3 && len(extensions) > 0 {
			b.AddASN1(cbasn1.Tag(3).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					for _, e := range extensions {
						e.marshal(b)
					}
				})
			})
		}
	})
	tbs := must(t)(b.Bytes())
	digest := sha256.Sum256(tbs)
	signature := must(t)(ecdsa.SignASN1(rand.Reader, testKey(t, c.signedBy), digest[:]))

	var out cryptobyte.Builder
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(c.outerAlgorithm)
		b.AddASN1BitString(signature)
	})
	return must(t)(out.Bytes())
}

func (c cert) extensions(t testing.TB, issuer cert) []extension {
	t.Helper()
	var list []extension
	add := func(oid asn1.ObjectIdentifier, critical bool, value []byte) {
		list = append(list, extension{oid, critical, value})
	}
	if !c.noBasicConstraints {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			if c.ca {
				b.AddASN1Boolean(true)
			}
			if c.pathLen != "" {
				n, _ := new(big.Int).SetString(c.pathLen, 10)
				b.AddASN1BigInt(n)
			}
		})
		add(oidBasicConstraints, true, must(t)(b.Bytes()))
	}
	if c.keyUsage == 0 && c.ca {
		c.keyUsage = keyCertSign
	}
	if c.keyUsage != 0 && !c.noKeyUsage {
		var b cryptobyte.Builder
		unused := 0
		for c.keyUsage>>unused&1 == 0 {
			unused++
		}
		b.AddASN1(cbasn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte{byte(unused), c.keyUsage}) })
		add(oidKeyUsage, true, must(t)(b.Bytes()))
	}
	if c.usages != nil {
		add(oidExtKeyUsage, false, c.usages)
	}
	if c.constraints != nil {
		c.constraintsDER = must(t)(c.constraints.Marshal())
	}
	if c.constraintsDER != nil {
		add(oidNameConstraints, true, c.constraintsDER)
	}
	if c.altNames != nil {
		add(oidSubjectAltName, false, c.altNames)
	}
	if !c.noKeyIDs {
		keyID := func(id string) []byte {
			sum := sha1.Sum([]byte(id))
			return sum[:]
		}
		var ski, aki cryptobyte.Builder
		ski.AddASN1OctetString(keyID(c.key))
		add(oidSubjectKeyID, false, must(t)(ski.Bytes()))
		authority := issuer.key
		if c.wrongKeyID {
			authority = "nobody"
		}
		aki.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(keyID(authority)) })
		})
		add(oidAuthorityKeyID, false, must(t)(aki.Bytes()))
	}
	return append(list, c.extra...)
}

func (e extension) marshal(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(e.oid)
		if e.critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1OctetString(e.value)
	})
}

// select returns the certificates with these ids.
func pick(t testing.TB, from map[string]*x509.Certificate, ids ...string) []*x509.Certificate {
	t.Helper()
	var list []*x509.Certificate
	for _, id := range ids {
		if from[id] == nil {
			t.Fatalf("no certificate %s", id)
		}
		list = append(list, from[id])
	}
	return list
}

// san encodes a subjectAltName of names given as form and content.
type sanName struct {
	form    Form
	content []byte
}

func san(t testing.TB, names ...sanName) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range names {
			b.AddASN1(forms[n.form].tag, func(b *cryptobyte.Builder) { b.AddBytes(n.content) })
		}
	})
	return must(t)(b.Bytes())
}
