package chain

import (
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs/name"
)

// Reason says why no path was accepted. The zero Reason is not valid.
type Reason uint8

const (
	// Malformed: a certificate, or an extension of it, breaks its syntax.
	Malformed Reason = iota + 1
	// NoIssuer: nothing that was given has the issuer's name.
	NoIssuer
	// BadSignature: the signature does not verify with the issuer's key.
	BadSignature
	// WeakAlgorithm: the signature algorithm is not accepted.
	WeakAlgorithm
	// WeakKey: the public key is not of an accepted kind and size.
	WeakKey
	// NotYetValid: the time is before notBefore.
	NotYetValid
	// Expired: the time is after notAfter.
	Expired
	// UnknownCriticalExtension: an extension is critical and not understood.
	UnknownCriticalExtension
	// NotCA: an issuer is not a certificate authority: version, basic
	// constraints or subject.
	NotCA
	// KeyUsage: an issuer's key usage does not have keyCertSign.
	KeyUsage
	// PathLength: an issuer's path length constraint is exceeded.
	PathLength
	// ExtendedKeyUsage: a usage that was asked for is not allowed.
	ExtendedKeyUsage
	// NameNotAllowed: a name is not permitted, or excluded, by an issuer.
	NameNotAllowed
	// ChainTooLong: the path would have more than MaxLength certificates.
	ChainTooLong
	// WorkLimit: no path was found before a limit on work was reached.
	WorkLimit
)

var reasons = [...]struct{ id, title string }{
	Malformed:                {"malformed", "malformed"},
	NoIssuer:                 {"no-issuer", "no issuer"},
	BadSignature:             {"bad-signature", "signature does not verify"},
	WeakAlgorithm:            {"weak-algorithm", "signature algorithm is not accepted"},
	WeakKey:                  {"weak-key", "public key is not accepted"},
	NotYetValid:              {"not-yet-valid", "not yet valid"},
	Expired:                  {"expired", "expired"},
	UnknownCriticalExtension: {"unknown-critical-extension", "unknown critical extension"},
	NotCA:                    {"not-ca", "not a certificate authority"},
	KeyUsage:                 {"key-usage", "may not sign certificates"},
	PathLength:               {"path-length", "path length exceeded"},
	ExtendedKeyUsage:         {"extended-key-usage", "extended key usage is not allowed"},
	NameNotAllowed:           {"name-constraints", "name is not allowed"},
	ChainTooLong:             {"chain-too-long", "chain is too long"},
	WorkLimit:                {"work-limit", "too much work"},
}

// String returns a stable id, for example "bad-signature".
func (r Reason) String() string {
	if r < Malformed || r > WorkLimit {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasons[r].id
}

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) {
	if r < Malformed || r > WorkLimit {
		return nil, fmt.Errorf("chain: invalid reason %d", uint8(r))
	}
	return []byte(r.String()), nil
}

// Error is why there is no acceptable path. If several were tried, it is the
// failure that came farthest from the leaf, and there one of an issuer whose
// signature did verify rather than of one that only has the name.
type Error struct {
	Reason Reason
	// Cert is the certificate at fault, as the caller gave it.
	Cert *x509.Certificate
	// Depth is its place in the path: 0 for the leaf, 1 for its issuer.
	Depth int
	// Found and Expected may quote what strangers wrote, escaped.
	Found, Expected string
	// Err is the cause, if there is one.
	Err error
}

// Error names the certificate by depth and subject, escaped.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Depth == 0 {
		b.WriteString("leaf")
	} else {
		fmt.Fprintf(&b, "issuer at depth %d", e.Depth)
	}
	if e.Cert != nil {
		if n, err := name.Parse(e.Cert.RawSubject); err == nil {
			fmt.Fprintf(&b, " (%s)", n)
		}
	}
	r := e.Reason.String()
	if e.Reason >= Malformed && e.Reason <= WorkLimit {
		r = reasons[e.Reason].title
	}
	fmt.Fprintf(&b, ": %s: found %s, expected %s", r, e.Found, e.Expected)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
