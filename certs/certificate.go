package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
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
	c, err := der.ParseCertificate(block.der)
	if err != nil {
		return nil, &malformed{fmt.Errorf("certificate file: line %d: the block is not an X.509 certificate: %w", block.line, err)}
	}
	return &Certificate{Certificate: c, File: bytes.Clone(file)}, nil
}

// ParseCertificates reads a file with one certificate or several, as chains are
// given: PEM blocks one after the other, or one certificate in DER. One alone is
// read by [ParseCertificate]; of several, each is read so from its own block, which
// is its File. The length of the whole file is for the caller to bound.
func ParseCertificates(file []byte) ([]*Certificate, error) {
	if isDER(file) {
		if len(file) > MaxCertificateFile {
			return nil, fmt.Errorf("certificate file: found %d bytes of DER, expected at most %d", len(file), MaxCertificateFile)
		}
		c, err := der.ParseCertificate(file)
		if err != nil {
			return nil, fmt.Errorf("certificate file: binary (DER) data that is not an X.509 certificate: %w", err)
		}
		return []*Certificate{{Certificate: c, File: EncodeCertificate(c)}}, nil
	}
	blocks, err := scanPEM(file)
	if err != nil {
		return nil, fmt.Errorf("certificate file: %w", err)
	}
	if len(blocks) < 2 {
		c, err := ParseCertificate(file)
		if err != nil {
			return nil, err
		}
		return []*Certificate{c}, nil
	}
	var list []*Certificate
	for i, b := range blocks {
		c, err := ParseCertificate(b.raw)
		if err != nil {
			return nil, fmt.Errorf("block %d, which begins on line %d: %w", i+1, b.line, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// isDER tells DER from text: a SEQUENCE of more than 127 bytes, as each
// certificate is.
func isDER(file []byte) bool { return len(file) > 1 && file[0] == 0x30 && file[1] > 0x80 }

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
	r, err := der.ParseRequest(block.der)
	if err != nil {
		return nil, &malformed{fmt.Errorf("signing request file: line %d: the block is not a PKCS #10 request: %w", block.line, err)}
	}
	return &Request{CertificateRequest: r, File: bytes.Clone(file)}, nil
}

// malformed is the error for a block that is the only one, and that cannot be
// read: there is nothing wrong with the file around it.
type malformed struct{ err error }

func (e *malformed) Error() string { return e.err.Error() }
func (e *malformed) Unwrap() error { return e.err }

// failFile records that a file cannot be read, as a breach of the rule that
// there is one block in it; with other advice if it is the block's content.
func failFile(r *check.Report, rule *check.Rule, err error, expected, adviceForContent string) {
	if _, ok := errors.AsType[*malformed](err); ok {
		r.FailAdvice(rule, "file", err.Error(), expected, adviceForContent)
		return
	}
	r.Fail(rule, "file", err.Error(), expected)
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
