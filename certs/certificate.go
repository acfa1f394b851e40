package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Certificate is a certificate file: exactly one PEM block, with the bytes it
// came in.
type Certificate struct {
	*x509.Certificate
	File []byte // the whole file, byte for byte
}

// ParseCertificate reads a file with exactly one PEM certificate block; any
// text around the block is allowed, any other block is not: a private key in a
// file that is going to be published must not go unnoticed. At most
// [MaxCertificateFile] bytes are read. Line ends are not judged here; see rule
// pem.lf.
func ParseCertificate(file []byte) (*Certificate, error) {
	block, err := singleBlock(file, "certificate", labelCertificate)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(block.der)
	if err != nil {
		return nil, fmt.Errorf("certificate file: line %d: the block is not an X.509 certificate: %w", block.line, err)
	}
	return &Certificate{Certificate: c, File: bytes.Clone(file)}, nil
}

// Request is a certificate signing request file.
type Request struct {
	*x509.CertificateRequest
	File []byte // the whole file, byte for byte
}

// ParseRequest reads a file with exactly one PEM request block (PKCS #10, RFC
// 2986), under the same terms as [ParseCertificate]. The signature is not
// verified here; see rule csr.signature.
func ParseRequest(file []byte) (*Request, error) {
	block, err := singleBlock(file, "signing request", labelRequest, labelNewRequest)
	if err != nil {
		return nil, err
	}
	r, err := x509.ParseCertificateRequest(block.der)
	if err != nil {
		return nil, fmt.Errorf("signing request file: line %d: the block is not a PKCS #10 request: %w", block.line, err)
	}
	return &Request{CertificateRequest: r, File: bytes.Clone(file)}, nil
}

// EncodeCertificate returns the file form: the PEM block, LF line ends, lines of
// 64 characters (RFC 7468).
func EncodeCertificate(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: labelCertificate, Bytes: c.Raw})
}

// EncodeRequest returns the file form of a request, like [EncodeCertificate].
func EncodeRequest(r *x509.CertificateRequest) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: labelRequest, Bytes: r.Raw})
}
