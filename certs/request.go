package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
	"github.com/swaptacular/swptpeer/certs/name"
)

// CheckRequest judges a node's own request (root-ca.csr) against its root
// certificate, which is not judged here.
func CheckRequest(r *Request, root *x509.Certificate) *check.Report {
	report := &check.Report{}
	if !everyRequest(report, r, root) {
		return report
	}
	report.Check(bytes.Equal(r.RawSubject, root.RawSubject), ruleRequestSubject, "subject", nameText(r.RawSubject), nameText(root.RawSubject)+", byte for byte")
	report.Check(bytes.Equal(r.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo), ruleRequestPublicKey, "public key",
		"the key "+KeyFingerprint(r.RawSubjectPublicKeyInfo), "the root's key "+KeyFingerprint(root.RawSubjectPublicKeyInfo)+", byte for byte")
	checkRequestExtensions(report, r)
	return report
}

// CheckRequestFile is [CheckRequest] for a file that has not been read yet: a
// file that [ParseRequest] refuses fails the rule csr.single. The request is nil
// then.
func CheckRequestFile(file []byte, root *x509.Certificate) (*Request, *check.Report) {
	r, err := ParseRequest(file)
	if err != nil {
		report := &check.Report{}
		failFile(report, ruleRequestSingle, err, "exactly one signing request", adviceRequest)
		return nil, report
	}
	return r, CheckRequest(r, root)
}

// CheckServerRequest judges a request for a server certificate. Its subject has
// to equal the root's as RFC 5280 section 7.1 compares: the certificate gets the
// root's own bytes, whatever the request's are.
func CheckServerRequest(r *Request, root *x509.Certificate) *check.Report {
	report := &check.Report{}
	if !everyRequest(report, r, root) {
		return report
	}
	report.Check(EqualNames(r.RawSubject, root.RawSubject), ruleRequestSubject, "subject", nameText(r.RawSubject), nameText(root.RawSubject))
	report.Check(!samePublicKey(r.PublicKey, root.PublicKey), ruleRequestServerKey, "public key",
		"the key "+KeyFingerprint(r.RawSubjectPublicKeyInfo), "a key of the server's own")
	return report
}

// everyRequest records the rules that hold for every request. It returns false
// if there is nothing to judge.
func everyRequest(report *check.Report, r *Request, root *x509.Certificate) bool {
	if r == nil || r.CertificateRequest == nil || root == nil {
		report.Fail(ruleRequestSingle, "file", "no request", "exactly one signing request")
		return false
	}
	block, err := singleBlock(r.File, "signing request", labelRequest, labelNewRequest)
	switch {
	case err != nil:
		report.Fail(ruleRequestSingle, "file", err.Error(), "exactly one signing request")
	case !bytes.Equal(block.der, r.Raw):
		report.Fail(ruleRequestSingle, "file", "another request than the one that is judged", "the same request")
	default:
		report.Pass(ruleRequestSingle, "file", "")
	}
	checkKeyRules(report, r.PublicKey, r.SignatureAlgorithm)
	if err := verifySignature(r.SignatureAlgorithm, r.RawTBSCertificateRequest, r.Signature, r.PublicKey); err != nil {
		report.Fail(ruleRequestSignature, "signature", err.Error(), "a signature by the key in the request, which proves possession")
	} else {
		report.Pass(ruleRequestSignature, "signature", "")
	}
	return true
}

// checkRequestExtensions is rule csr.extensions.
func checkRequestExtensions(report *check.Report, r *Request) {
	const where = "extensions asked for"
	err := func() error {
		e := findExtension(r.Extensions, oidBasicConstraints)
		if e == nil {
			return errors.New("no basicConstraints")
		}
		b, err := parseBasicConstraints(e.Value)
		if err != nil {
			return fmt.Errorf("basicConstraints: %w", err)
		}
		if !b.ca || b.pathLen != 0 {
			return errors.New("basicConstraints " + b.String())
		}
		if e = findExtension(r.Extensions, oidKeyUsage); e == nil {
			return errors.New("no keyUsage")
		}
		u, err := parseKeyUsage(e.Value)
		if err != nil {
			return fmt.Errorf("keyUsage: %w", err)
		}
		if u&caKeyUsage != caKeyUsage {
			return errors.New("keyUsage " + keyUsageWords(u))
		}
		if e = findExtension(r.Extensions, oidSubjectKeyID); e == nil {
			return errors.New("no subjectKeyIdentifier")
		}
		id, err := parseSubjectKeyID(e.Value)
		if err != nil {
			return fmt.Errorf("subjectKeyIdentifier: %w", err)
		}
		want, err := subjectKeyID(r.RawSubjectPublicKeyInfo)
		if err != nil {
			return fmt.Errorf("subjectKeyIdentifier: %w", err)
		}
		if !bytes.Equal(id, want) {
			return fmt.Errorf("subjectKeyIdentifier %.40x, and its key has %x", id, want)
		}
		for _, e := range r.Extensions {
			if e.Critical && !slices.ContainsFunc(rootRules.extensions, e.Id.Equal) {
				return fmt.Errorf("a critical extension %s", extensionName(e.Id))
			}
		}
		return nil
	}()
	if err != nil {
		report.Fail(ruleRequestExtensions, where, err.Error(), "CA true, path length 0; keyCertSign, cRLSign; a subject key id")
		return
	}
	report.Pass(ruleRequestExtensions, where, "")
}

// EqualNames reports whether two DER names are equal as RFC 5280 section 7.1
// compares. A name that cannot be parsed equals none, not even itself.
func EqualNames(a, b []byte) bool {
	m, err1 := name.Parse(a)
	n, err2 := name.Parse(b)
	return err1 == nil && err2 == nil && name.Equal(m, n)
}

// NewRequest makes the node's own request (root-ca.csr): the name in rawSubject,
// the root key, and a wish for CA true with path length 0, keyCertSign and
// cRLSign, and a subject key id, in this order.
func NewRequest(key crypto.Signer, rawSubject []byte) (*Request, error) {
	return newRequest(key, rawSubject, func(id []byte) []pkix.Extension {
		return []pkix.Extension{
			{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{ca: true, pathLen: 0}.der()},
			{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(caKeyUsage)},
			{Id: oidSubjectKeyID, Value: octetStringDER(id)},
		}
	})
}

// NewServerRequest makes a request for a server certificate: the node's name in
// rawSubject (that of its root certificate) and the server's own key. What it
// asks for is what a server certificate has, in this order: basicConstraints,
// extKeyUsage, keyUsage, subjectKeyIdentifier.
func NewServerRequest(key crypto.Signer, rawSubject []byte) (*Request, error) {
	return newRequest(key, rawSubject, func(id []byte) []pkix.Extension {
		return []pkix.Extension{
			{Id: oidBasicConstraints, Critical: true, Value: basicConstraints{pathLen: -1}.der()},
			{Id: oidExtendedKeyUsage, Value: extKeyUsageDER()},
			{Id: oidKeyUsage, Critical: true, Value: keyUsageDER(serverKeyUsage)},
			{Id: oidSubjectKeyID, Value: octetStringDER(id)},
		}
	})
}

func newRequest(key crypto.Signer, rawSubject []byte, extensions func(keyID []byte) []pkix.Extension) (*Request, error) {
	if _, err := SubjectIdentity(rawSubject); err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	spki, err := PublicKeyInfo(key.Public())
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	id, err := subjectKeyID(spki)
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	template := &x509.CertificateRequest{
		RawSubject:         rawSubject,
		SignatureAlgorithm: signatureAlgorithmFor(key.Public()),
		ExtraExtensions:    extensions(id),
	}
	signed, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("signing request: %w", err)
	}
	r, err := der.ParseRequest(signed)
	if err != nil {
		return nil, fmt.Errorf("signing request: what was made cannot be read back: %w", err)
	}
	if err := verifySignature(r.SignatureAlgorithm, r.RawTBSCertificateRequest, r.Signature, r.PublicKey); err != nil {
		return nil, fmt.Errorf("signing request: the signature that was made is wrong: %w", err)
	}
	return &Request{CertificateRequest: r, File: EncodeRequest(r)}, nil
}
