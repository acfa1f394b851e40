package chain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/swaptacular/swptpeer/certs/der"
	"github.com/swaptacular/swptpeer/certs/name"
)

// Limits on one certificate.
const (
	// MaxCertificateBytes is the greatest length of a certificate's DER, in
	// bytes: that of a root certificate's file (info-bundle, "Limits").
	// Certificates of the network have about 1,200.
	MaxCertificateBytes = 64 << 10
	// MinRSABits is the smallest RSA key (profile, "Root certificate").
	MinRSABits = 2048
	// MaxRSABits is the greatest RSA key, as in crypto/tls: the time of a
	// verification grows with the square, and strangers choose it.
	MaxRSABits = 8192
)

var (
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
)

// understood are the extensions that may be critical.
var understood = []asn1.ObjectIdentifier{
	oidBasicConstraints, oidKeyUsage, oidExtKeyUsage, oidSubjectAltName, oidNameConstraints,
}

// certificate is what is known of one certificate. Everything is read anew from
// the DER, so that a caller's edits to the parsed fields have no effect.
type certificate struct {
	given   *x509.Certificate
	x       *x509.Certificate
	subject name.Name
	isRoot  bool

	examined    bool // by examine, whose results follow
	issuer      name.Name
	constraints *NameConstraints
	names       []generalName
	malformed   error
}

// read parses the DER and the subject. The rest costs strangers a signature: it
// waits for examine.
func read(given *x509.Certificate) (*certificate, error) {
	if len(given.Raw) > MaxCertificateBytes {
		return nil, fmt.Errorf("found %d bytes, expected at most %d", len(given.Raw), MaxCertificateBytes)
	}
	x, err := der.ParseCertificate(given.Raw)
	if err != nil {
		return nil, err
	}
	c := &certificate{given: given, x: x}
	if c.subject, err = name.Parse(x.RawSubject); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	return c, nil
}

// examine reads the issuer, nameConstraints and all names that constraints apply
// to, once.
func (c *certificate) examine() error {
	if !c.examined {
		c.examined = true
		c.malformed = c.parse()
	}
	return c.malformed
}

func (c *certificate) parse() (err error) {
	if c.issuer, err = name.Parse(c.x.RawIssuer); err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	if !c.subject.IsEmpty() {
		c.names = append(c.names, generalName{form: DirectoryName, name: c.subject, from: "subject"})
		for _, address := range c.subject.Values(name.EmailAddress) {
			c.names = append(c.names, generalName{form: RFC822Name, text: address, from: "subject"})
		}
	}
	for _, e := range c.x.Extensions {
		switch {
		case e.Id.Equal(oidNameConstraints):
			c.constraints, err = ParseNameConstraints(e.Value)
		case e.Id.Equal(oidSubjectAltName):
			var names []generalName
			if names, err = parseAltNames(e.Value); err != nil {
				err = fmt.Errorf("subjectAltName: %w", err)
			}
			c.names = append(c.names, names...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *certificate) selfIssued() bool { return name.Equal(c.subject, c.issuer) }

func (c *certificate) same(d *certificate) bool { return bytes.Equal(c.x.Raw, d.x.Raw) }

// sameCA reports whether c and d are the same name with the same key. A path
// that has both can be made shorter, so it is not tried.
func (c *certificate) sameCA(d *certificate) bool {
	return bytes.Equal(c.x.RawSubjectPublicKeyInfo, d.x.RawSubjectPublicKeyInfo) && name.Equal(c.subject, d.subject)
}

// signatureAlgorithms that are accepted (profile, "Root certificate").
var signatureAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384,
}

func (c *certificate) checkAlgorithm() *Error {
	if slices.Contains(signatureAlgorithms, c.x.SignatureAlgorithm) {
		return nil
	}
	return &Error{Reason: WeakAlgorithm, Found: c.x.SignatureAlgorithm.String(),
		Expected: "RSA PKCS #1 v1.5 with SHA-256, SHA-384 or SHA-512, or ECDSA with SHA-256 or SHA-384"}
}

func (c *certificate) checkKey() *Error {
	var found string
	switch key := c.x.PublicKey.(type) {
	case *rsa.PublicKey:
		// With exponent 1 everybody can sign.
		bits := key.N.BitLen()
		if MinRSABits <= bits && bits <= MaxRSABits && key.E >= 3 && key.E%2 == 1 {
			return nil
		}
		found = fmt.Sprintf("RSA of %d bits with exponent %d", bits, key.E)
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() {
			return nil
		}
		found = "ECDSA " + key.Curve.Params().Name
	default:
		found = "a key of algorithm " + c.x.PublicKeyAlgorithm.String()
	}
	return &Error{Reason: WeakKey, Found: found,
		Expected: fmt.Sprintf("RSA of %d to %d bits, ECDSA P-256 or P-384", MinRSABits, MaxRSABits)}
}

// checkTime: both ends are part of the validity (4.1.2.5).
func (c *certificate) checkTime(at time.Time) *Error {
	switch {
	case at.Before(c.x.NotBefore):
		return &Error{Reason: NotYetValid, Found: "notBefore " + stamp(c.x.NotBefore), Expected: "at the latest " + stamp(at)}
	case at.After(c.x.NotAfter):
		return &Error{Reason: Expired, Found: "notAfter " + stamp(c.x.NotAfter), Expected: "at the earliest " + stamp(at)}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (c *certificate) checkCritical() *Error {
	for _, e := range c.x.Extensions {
		if e.Critical && !slices.ContainsFunc(understood, e.Id.Equal) {
			return &Error{Reason: UnknownCriticalExtension, Found: "critical extension " + e.Id.String(),
				Expected: "of the critical extensions only basicConstraints, keyUsage, extKeyUsage, subjectAltName, nameConstraints"}
		}
	}
	return nil
}

// checkUsages: a usage passes if the extension is absent, lists it, or lists
// anyExtendedKeyUsage (4.2.1.12).
func (c *certificate) checkUsages(asked []x509.ExtKeyUsage) *Error {
	if len(c.x.ExtKeyUsage)+len(c.x.UnknownExtKeyUsage) == 0 || slices.Contains(c.x.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return nil
	}
	for _, u := range asked {
		if u != x509.ExtKeyUsageAny && !slices.Contains(c.x.ExtKeyUsage, u) {
			return &Error{Reason: ExtendedKeyUsage, Found: usages(c.x), Expected: u.String() + " among them"}
		}
	}
	return nil
}

func usages(x *x509.Certificate) string {
	var b bytes.Buffer
	for _, u := range x.ExtKeyUsage {
		fmt.Fprintf(&b, ", %s", u.String())
	}
	for _, u := range x.UnknownExtKeyUsage {
		fmt.Fprintf(&b, ", %s", u)
	}
	return string(bytes.TrimPrefix(b.Bytes(), []byte(", ")))
}

// checkCA: 6.1.4 k and n.
func (c *certificate) checkCA() *Error {
	switch {
	case c.x.Version != 3:
		return &Error{Reason: NotCA, Found: fmt.Sprintf("version %d", c.x.Version), Expected: "version 3"}
	case c.subject.IsEmpty():
		return &Error{Reason: NotCA, Found: "an empty subject", Expected: "a name (RFC 5280, 4.1.2.6)"}
	case !c.x.BasicConstraintsValid:
		return &Error{Reason: NotCA, Found: "no basicConstraints", Expected: "basicConstraints with CA true"}
	case !c.x.IsCA:
		return &Error{Reason: NotCA, Found: "basicConstraints with CA false", Expected: "CA true"}
	}
	present := slices.ContainsFunc(c.x.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidKeyUsage) })
	if present && c.x.KeyUsage&x509.KeyUsageCertSign == 0 {
		return &Error{Reason: KeyUsage, Found: "keyUsage without keyCertSign", Expected: "keyCertSign"}
	}
	return nil
}

// maxPathLength is false if there is no limit.
func (c *certificate) maxPathLength() (int, bool) {
	return c.x.MaxPathLen, c.x.MaxPathLen > 0 || c.x.MaxPathLen == 0 && c.x.MaxPathLenZero
}
