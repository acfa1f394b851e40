package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"time"
)

// Kind is what a certificate is by its form. It says nothing about whether the
// certificate keeps to the profile or who signed it: that is what the checks are for.
type Kind string

// The kinds of certificate.
const (
	KindRoot    Kind = "root"    // self-issued certificate authority
	KindPeer    Kind = "peer"    // certificate authority, issued by one node to another
	KindServer  Kind = "server"  // leaf, issued by a node to itself
	KindUnknown Kind = "unknown" // none of these
)

// KindOf classifies a certificate by its names and basicConstraints.
func KindOf(c *x509.Certificate) Kind {
	issuer, err := SubjectIdentity(c.RawIssuer)
	if err != nil {
		return KindUnknown
	}
	subject, err := SubjectIdentity(c.RawSubject)
	if err != nil {
		return KindUnknown
	}
	e := findExtension(c.Extensions, oidBasicConstraints)
	if e == nil {
		return KindUnknown
	}
	b, err := parseBasicConstraints(e.Value)
	switch {
	case err != nil:
		return KindUnknown
	case !b.ca && issuer == subject:
		return KindServer
	case b.ca && bytes.Equal(c.RawIssuer, c.RawSubject):
		return KindRoot
	case b.ca && issuer.typ.CanPeerWith(subject.typ):
		return KindPeer
	}
	return KindUnknown
}

// Facts is what a certificate or a request says, for printing and for JSON.
// Nothing in it has been verified, and text in it may come from a stranger:
// whoever prints it must escape it.
type Facts struct {
	Kind               Kind             `json:"kind,omitempty"` // not for requests
	Subject            string           `json:"subject"`
	Identity           *IdentityFacts   `json:"identity,omitempty"` // nil if the subject is not a node's name
	Issuer             string           `json:"issuer,omitempty"`
	IssuerIdentity     *IdentityFacts   `json:"issuer_identity,omitempty"`
	Serial             string           `json:"serial,omitempty"` // upper-case hex
	NotBefore          *time.Time       `json:"not_before,omitempty"`
	NotAfter           *time.Time       `json:"not_after,omitempty"`
	Key                KeyFacts         `json:"key"`
	SignatureAlgorithm string           `json:"signature_algorithm"`
	Fingerprint        string           `json:"fingerprint"` // SHA-256 of the DER, lowercase hex
	Subnet             *SubnetFacts     `json:"subnet,omitempty"`
	Extensions         []ExtensionFacts `json:"extensions"`
}

// IdentityFacts is an [Identity].
type IdentityFacts struct {
	Type  NodeType `json:"type"`  // aa, ca, da
	Words string   `json:"words"` // "creditors agent"
	ID    string   `json:"id"`
}

// KeyFacts is a public key.
type KeyFacts struct {
	Algorithm   string `json:"algorithm"` // "RSA", "ECDSA P-256"
	Bits        int    `json:"bits"`
	Fingerprint string `json:"fingerprint"` // see KeyFingerprint
}

// SubnetFacts is a [Subnet] with its ends, which are strings in JSON: most
// readers of JSON cannot hold 64-bit numbers.
type SubnetFacts struct {
	Prefix        string `json:"prefix"`
	First         int64  `json:"first,string"`
	Last          int64  `json:"last,string"`
	UnsignedFirst uint64 `json:"unsigned_first,string"`
	UnsignedLast  uint64 `json:"unsigned_last,string"`
}

// ExtensionFacts is one extension.
type ExtensionFacts struct {
	OID      string `json:"oid"`
	Name     string `json:"name"` // the object identifier again if it is not known
	Critical bool   `json:"critical"`
	Text     string `json:"text,omitempty"` // "" if the value cannot be read
	DER      string `json:"der"`            // lowercase hex
}

// Describe returns what a certificate says.
func Describe(c *x509.Certificate) *Facts {
	from, to := c.NotBefore.UTC(), c.NotAfter.UTC()
	f := &Facts{
		Kind: KindOf(c), Subject: nameText(c.RawSubject), Identity: identityFacts(c.RawSubject),
		Issuer: nameText(c.RawIssuer), IssuerIdentity: identityFacts(c.RawIssuer),
		NotBefore: &from, NotAfter: &to,
		Key:                keyFacts(c.PublicKey, c.RawSubjectPublicKeyInfo),
		SignatureAlgorithm: c.SignatureAlgorithm.String(),
		Fingerprint:        CertificateFingerprint(c.Raw),
		Extensions:         extensionFacts(c.Extensions),
	}
	if s, err := SerialOf(c); err == nil {
		f.Serial = s.String()
	} else if c.SerialNumber != nil {
		f.Serial = fmt.Sprintf("%X", c.SerialNumber)
	}
	if s, err := PeerSubnet(c); err == nil {
		f.Subnet = DescribeSubnet(s)
	}
	return f
}

// DescribeRequest returns what a signing request says.
func DescribeRequest(r *x509.CertificateRequest) *Facts {
	return &Facts{
		Subject: nameText(r.RawSubject), Identity: identityFacts(r.RawSubject),
		Key:                keyFacts(r.PublicKey, r.RawSubjectPublicKeyInfo),
		SignatureAlgorithm: r.SignatureAlgorithm.String(),
		Fingerprint:        CertificateFingerprint(r.Raw),
		Extensions:         extensionFacts(r.Extensions),
	}
}

// DescribeSubnet returns the subnet with its ends; nil for the zero Subnet.
func DescribeSubnet(s Subnet) *SubnetFacts {
	if s.IsZero() {
		return nil
	}
	f := &SubnetFacts{Prefix: s.String()}
	f.First, f.Last = s.Signed()
	f.UnsignedFirst, f.UnsignedLast = s.Unsigned()
	return f
}

func identityFacts(rawName []byte) *IdentityFacts {
	id, err := SubjectIdentity(rawName)
	if err != nil {
		return nil
	}
	return &IdentityFacts{Type: id.typ, Words: id.typ.Words(), ID: id.id}
}

func keyFacts(pub crypto.PublicKey, spki []byte) KeyFacts {
	f := KeyFacts{Algorithm: keyKind(pub), Fingerprint: KeyFingerprint(spki)}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		f.Algorithm, f.Bits = "RSA", k.N.BitLen()
	case *ecdsa.PublicKey:
		f.Bits = k.Curve.Params().BitSize
	}
	return f
}

func extensionFacts(list []pkix.Extension) []ExtensionFacts {
	facts := make([]ExtensionFacts, 0, len(list))
	for _, e := range list {
		facts = append(facts, ExtensionFacts{
			OID: e.Id.String(), Name: extensionName(e.Id), Critical: e.Critical,
			Text: extensionText(e), DER: hex.EncodeToString(e.Value),
		})
	}
	return facts
}

// extensionText is the value of an extension of the profile for people; "" if it
// is another or cannot be read.
func extensionText(e pkix.Extension) string {
	switch {
	case e.Id.Equal(oidBasicConstraints):
		if b, err := parseBasicConstraints(e.Value); err == nil {
			return b.String()
		}
	case e.Id.Equal(oidKeyUsage):
		if u, err := parseKeyUsage(e.Value); err == nil {
			return keyUsageWords(u)
		}
	case e.Id.Equal(oidExtendedKeyUsage):
		if list, err := parseExtKeyUsage(e.Value); err == nil {
			return extKeyUsageWords(list)
		}
	case e.Id.Equal(oidSubjectKeyID):
		if id, err := parseSubjectKeyID(e.Value); err == nil {
			return hex.EncodeToString(id)
		}
	case e.Id.Equal(oidAuthorityKeyID):
		if id, err := parseAuthorityKeyID(e.Value); err == nil {
			return hex.EncodeToString(id)
		}
	case e.Id.Equal(oidNameConstraints):
		if n, err := parseNameConstraints(e.Value); err == nil {
			return "permitted: " + n.String()
		}
	case e.Id.Equal(oidNetscapeComment):
		if s, err := parseComment(e.Value); err == nil && !s.IsZero() {
			return subnetPrefix + s.String()
		}
	}
	return ""
}
