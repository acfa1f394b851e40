// Package der reads the DER of certificates (RFC 5280 section 4.1) and of signing
// requests (PKCS #10, RFC 2986 section 4) that have nothing in them that the
// standards do not provide for.
//
// It is for whoever reads what strangers wrote. crypto/x509, which does the rest
// of the work, passes over elements that follow the known ones inside a SEQUENCE.
// Those after a signature are not signed: anybody could add some, and so make of a
// certificate another one, which verifies and which OpenSSL cannot read. Others are
// signed, but other readers refuse them.
//
// Not judged here: names, dates, the values of extensions and whether an
// algorithm is strong enough. See the packages certs, certs/name and certs/chain.
package der

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// ParseCertificate reads a certificate. With RSA it has one form: nobody without
// the issuer's key can make another of it. An ECDSA signature (r, s) verifies as
// (r, n − s), too; see [SameSigned].
func ParseCertificate(der []byte) (*x509.Certificate, error) {
	// First, because its errors name what is wrong with a value.
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := checkCertificate(der); err != nil {
		return nil, fmt.Errorf("not as in RFC 5280 section 4.1: %w", err)
	}
	return c, nil
}

// ParseRequest reads a signing request.
func ParseRequest(der []byte) (*x509.CertificateRequest, error) {
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, err
	}
	if err := checkRequest(der); err != nil {
		return nil, fmt.Errorf("not as in RFC 2986 section 4: %w", err)
	}
	return r, nil
}

// SameSigned reports whether two certificates are the same, or differ in nothing
// but the signature: whoever has no key can make a second one of an ECDSA
// signature, but cannot change what is signed. That both signatures verify is for
// the caller to know.
func SameSigned(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawTBSCertificate, b.RawTBSCertificate)
}

// HasUniqueIdentifiers reports whether a certificate has an issuerUniqueID or a
// subjectUniqueID, which nobody may write any more (RFC 5280 section 4.1.2.8).
func HasUniqueIdentifiers(c *x509.Certificate) bool {
	in, tbs := cryptobyte.String(c.RawTBSCertificate), cryptobyte.String(nil)
	if !in.ReadASN1(&tbs, cbasn1.SEQUENCE) {
		return false
	}
	for !tbs.Empty() {
		var part cryptobyte.String
		var tag cbasn1.Tag
		if !tbs.ReadAnyASN1(&part, &tag) {
			return false
		}
		if tag == tagIssuerUID || tag == tagSubjectUID {
			return true
		}
	}
	return false
}

// Tags of the optional parts of TBSCertificate.
var (
	tagVersion    = cbasn1.Tag(0).ContextSpecific().Constructed()
	tagIssuerUID  = cbasn1.Tag(1).ContextSpecific()
	tagSubjectUID = cbasn1.Tag(2).ContextSpecific()
	tagExtensions = cbasn1.Tag(3).ContextSpecific().Constructed()
	tagAttributes = cbasn1.Tag(0).ContextSpecific().Constructed() // of a request
	errMisplaced  = errors.New("found something else than its parts in their order")
)

// signed reads what certificates and requests have in common: what is signed, the
// algorithm, the signature.
func signed(der []byte) (content cryptobyte.String, err error) {
	var outer, algorithm cryptobyte.String
	var signature asn1.BitString
	in := cryptobyte.String(der)
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) ||
		!outer.ReadASN1(&content, cbasn1.SEQUENCE) ||
		!outer.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!outer.ReadASN1BitString(&signature) {
		return nil, errMisplaced
	}
	switch {
	case !in.Empty():
		return nil, fmt.Errorf("found %d bytes after it", len(in))
	case !outer.Empty():
		return nil, fmt.Errorf("found %d bytes after the signature, which nobody has signed", len(outer))
	case signature.BitLength%8 != 0:
		return nil, fmt.Errorf("found a signature of %d bits, expected whole bytes", signature.BitLength)
	}
	if err := checkAlgorithm(algorithm); err != nil {
		return nil, fmt.Errorf("signature algorithm: %w", err)
	}
	return content, nil
}

func checkCertificate(der []byte) error {
	tbs, err := signed(der)
	if err != nil {
		return err
	}
	var spki cryptobyte.String
	if !tbs.SkipOptionalASN1(tagVersion) ||
		!tbs.SkipASN1(cbasn1.INTEGER) || // serial number
		!tbs.SkipASN1(cbasn1.SEQUENCE) || // the algorithm again
		!tbs.SkipASN1(cbasn1.SEQUENCE) || // issuer
		!tbs.SkipASN1(cbasn1.SEQUENCE) || // validity
		!tbs.SkipASN1(cbasn1.SEQUENCE) || // subject
		!tbs.ReadASN1(&spki, cbasn1.SEQUENCE) {
		return errMisplaced
	}
	if err := checkKey(spki); err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	// Unique identifiers are in the standard, and no longer in use.
	if !tbs.SkipOptionalASN1(tagIssuerUID) || !tbs.SkipOptionalASN1(tagSubjectUID) {
		return errMisplaced
	}
	var extensions cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&extensions, &present, tagExtensions) {
		return errMisplaced
	}
	if !tbs.Empty() {
		return fmt.Errorf("found %d bytes after the extensions", len(tbs))
	}
	if present {
		return checkExtensions(extensions)
	}
	return nil
}

func checkExtensions(in cryptobyte.String) error {
	var list, extension cryptobyte.String
	if !in.ReadASN1(&list, cbasn1.SEQUENCE) || !in.Empty() {
		return errors.New("extensions: " + errMisplaced.Error())
	}
	for number := 1; !list.Empty(); number++ {
		if !list.ReadASN1(&extension, cbasn1.SEQUENCE) ||
			!extension.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
			!extension.SkipOptionalASN1(cbasn1.BOOLEAN) ||
			!extension.SkipASN1(cbasn1.OCTET_STRING) || !extension.Empty() {
			return fmt.Errorf("extension %d: %w", number, errMisplaced)
		}
	}
	return nil
}

// checkRequest looks at attributes, too: a second list of extensions is one that
// some readers take and some do not.
func checkRequest(der []byte) error {
	info, err := signed(der)
	if err != nil {
		return err
	}
	var version int
	var spki, attributes, attribute, values, extensions cryptobyte.String
	if !info.ReadASN1Integer(&version) ||
		!info.SkipASN1(cbasn1.SEQUENCE) || // subject
		!info.ReadASN1(&spki, cbasn1.SEQUENCE) ||
		!info.ReadASN1(&attributes, tagAttributes) {
		return errMisplaced
	}
	switch {
	case version != 0:
		return fmt.Errorf("found version field %d, expected 0", version)
	case !info.Empty():
		return fmt.Errorf("found %d bytes after the attributes", len(info))
	}
	if err := checkKey(spki); err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	lists := 0
	for number := 1; !attributes.Empty(); number++ {
		var oid asn1.ObjectIdentifier
		if !attributes.ReadASN1(&attribute, cbasn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, cbasn1.SET) || !attribute.Empty() {
			return fmt.Errorf("attribute %d: %w", number, errMisplaced)
		}
		if !oid.Equal(oidExtensionRequest) {
			continue
		}
		if lists++; lists > 1 {
			return fmt.Errorf("attribute %d: found a second list of extensions, expected one", number)
		}
		if !values.ReadASN1Element(&extensions, cbasn1.SEQUENCE) || !values.Empty() {
			return fmt.Errorf("attribute %d: found no list of extensions or several, expected one", number)
		}
		if err := checkExtensions(extensions); err != nil {
			return err
		}
	}
	return nil
}

// oidExtensionRequest is the attribute with the extensions that are asked for
// (RFC 2985 section 5.4.2).
var oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}

// Algorithms whose parameters are known. RSA has NULL, which may be missing with
// a signature (RFC 4055 section 5; RFC 3279 section 2.3.1 for keys); ECDSA has
// none with a signature (RFC 5758 section 3.2) and a named curve with a key (RFC
// 5480 section 2.1.1).
var (
	oidRSA          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidEC           = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	rsaSignatures   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1}
	rsaWithPSS      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	ecdsaSignatures = asn1.ObjectIdentifier{1, 2, 840, 10045, 4}
)

func isBelow(oid, arc asn1.ObjectIdentifier) bool {
	return len(oid) > len(arc) && oid[:len(arc)].Equal(arc)
}

// checkAlgorithm checks the algorithm of a signature. Algorithms that are
// not accepted anyway are left to the rules that say so.
func checkAlgorithm(in cryptobyte.String) error {
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1ObjectIdentifier(&oid) {
		return errMisplaced
	}
	switch {
	case oid.Equal(rsaWithPSS):
		return nil
	case isBelow(oid, rsaSignatures):
		if !in.Empty() && !readNull(&in) {
			return errors.New("found parameters of RSA, expected NULL")
		}
	case !isBelow(oid, ecdsaSignatures):
		return nil
	}
	if !in.Empty() {
		return fmt.Errorf("found %d bytes after it", len(in))
	}
	return nil
}

func checkKey(in cryptobyte.String) error {
	var algorithm, key cryptobyte.String
	var oid asn1.ObjectIdentifier
	var bits asn1.BitString
	if !in.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&oid) || !in.ReadASN1BitString(&bits) {
		return errMisplaced
	}
	switch {
	case !in.Empty():
		return fmt.Errorf("found %d bytes after it", len(in))
	case bits.BitLength%8 != 0:
		return fmt.Errorf("found %d bits, expected whole bytes", bits.BitLength)
	case oid.Equal(oidRSA):
		inner := cryptobyte.String(bits.Bytes)
		if !readNull(&algorithm) || !algorithm.Empty() {
			return errors.New("found parameters of RSA, expected NULL and nothing else")
		}
		if !inner.ReadASN1(&key, cbasn1.SEQUENCE) || !key.SkipASN1(cbasn1.INTEGER) || !key.SkipASN1(cbasn1.INTEGER) || !key.Empty() || !inner.Empty() {
			return errors.New("found something beside modulus and exponent")
		}
	case oid.Equal(oidEC):
		if !algorithm.SkipASN1(cbasn1.OBJECT_IDENTIFIER) || !algorithm.Empty() {
			return errors.New("found parameters of an elliptic curve, expected its name and nothing else")
		}
	}
	return nil
}

func readNull(in *cryptobyte.String) bool {
	var null cryptobyte.String
	return in.ReadASN1(&null, cbasn1.NULL) && null.Empty()
}
