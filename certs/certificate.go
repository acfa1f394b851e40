package certs

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
)

var errTODO = errors.New("not implemented")

// Certificate is a certificate file: exactly one PEM block, with the bytes it
// came in.
type Certificate struct {
	*x509.Certificate
	File []byte // the whole file, byte for byte
}

// ParseCertificate reads a file with exactly one PEM certificate block; any
// text around the block is allowed.
func ParseCertificate(file []byte) (*Certificate, error) { return nil, errTODO }

// Request is a certificate signing request file.
type Request struct {
	*x509.CertificateRequest
	File []byte
}

// ParseRequest reads a file with exactly one PEM request block.
func ParseRequest(file []byte) (*Request, error) { return nil, errTODO }

// EncodeCertificate returns the file form: the PEM block, LF line ends.
func EncodeCertificate(c *x509.Certificate) []byte { return nil }

// EncodeRequest returns the file form of a request.
func EncodeRequest(r *x509.CertificateRequest) []byte { return nil }

// IdentityOf reads the identity out of a subject. Every failing rule of
// "Nodes and names" is an error.
func IdentityOf(n name.Name) (Identity, error) { return Identity{}, errTODO }

// RawName returns the DER of the node's name exactly as it must be written.
func (i Identity) RawName() []byte { return nil }

// KeyFingerprint is the lowercase hex SHA-256 of the DER SubjectPublicKeyInfo
// (64 digits).
func KeyFingerprint(spki []byte) string { return "" }

// Rules lists every rule of this package, in the order of the profile.
func Rules() []*check.Rule { return nil }

// CheckRoot judges a root certificate file against the profile as of at.
func CheckRoot(c *Certificate, at time.Time) *check.Report { return nil }

// CheckPeer judges a peer certificate that issuer signed for subject (both
// root certificates).
func CheckPeer(c *Certificate, issuer, subject *x509.Certificate, at time.Time) *check.Report {
	return nil
}

// CheckServer judges a server certificate against the root that issued it.
func CheckServer(c *Certificate, root *x509.Certificate, at time.Time) *check.Report { return nil }

// CheckRequest judges a node's own request against its root certificate.
func CheckRequest(r *Request, root *x509.Certificate) *check.Report { return nil }

// CheckServerRequest judges a request for a server certificate.
func CheckServerRequest(r *Request, root *x509.Certificate) *check.Report { return nil }

// PeerSubnet returns the subnet written in a peer certificate; the zero Subnet
// when the extension is absent or empty.
func PeerSubnet(c *x509.Certificate) (Subnet, error) { return Subnet{}, errTODO }

// GenerateKey makes a new key of the kind in use: RSA 3072, e = 65537.
func GenerateKey() (crypto.Signer, error) { return nil, errTODO }

// Errors of ParsePrivateKey.
var (
	ErrWrongPassword    = errors.New("wrong password")
	ErrPasswordRequired = errors.New("the key is encrypted and no password was given")
)

// ParsePrivateKey reads a PEM private key: PKCS #8 encrypted with PBES2 and
// PBKDF2, "traditional" PEM with DEK-Info, or not encrypted. The password is asked for only if needed.
func ParsePrivateKey(file []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	return nil, errTODO
}

// EncryptPrivateKey returns encrypted PKCS #8 PEM.
func EncryptPrivateKey(key crypto.Signer, password []byte) ([]byte, error) { return nil, errTODO }

// EncodePrivateKey returns PKCS #8 PEM that is not encrypted, for servers.
func EncodePrivateKey(key crypto.Signer) ([]byte, error) { return nil, errTODO }

// VerifyDigest checks a signature made by SignBytes over data with this SHA-256.
func VerifyDigest(pub crypto.PublicKey, sha256 [32]byte, signature []byte) error { return errTODO }

// SignDigest signs a SHA-256 digest as a bundle's signature is made: RSA PKCS
// #1 v1.5, or deterministic (RFC 6979) ECDSA in DER. The same key and digest
// give the same bytes.
func SignDigest(key crypto.Signer, digest [32]byte) ([]byte, error) { return nil, errTODO }

// Issuer signs for one node. See NewIssuer, IssueRoot.
type Issuer struct {
	root *x509.Certificate
	key  crypto.Signer
}

// NewIssuer refuses a key that is not root's.
func NewIssuer(root *x509.Certificate, key crypto.Signer) (*Issuer, error) { return nil, errTODO }

// Serial is a certificate serial number: positive, at most 20 octets.
type Serial struct{ hex string }

// NewSerial draws a random 128-bit number with the top bits such that it can be counted up.
func NewSerial() (Serial, error) { return Serial{}, errTODO }

// ParseSerial reads upper-case hex, even digits, as in db/serial.
func ParseSerial(s string) (Serial, error) { return Serial{}, errTODO }

// SerialOf returns the serial of a certificate.
func SerialOf(c *x509.Certificate) (Serial, error) { return Serial{}, errTODO }

// String is upper-case hex with an even number of digits, as OpenSSL writes it.
func (s Serial) String() string { return s.hex }

// Next counts up by one.
func (s Serial) Next() (Serial, error) { return Serial{}, errTODO }

// IssueRoot makes a self-signed root certificate.
func IssueRoot(key crypto.Signer, id Identity, serial Serial, now time.Time) (*Certificate, error) {
	return nil, errTODO
}

// IssuePeer signs a peer certificate for the node with this root certificate and request.
// subnet is zero unless the issuer is an accounting authority.
func (i *Issuer) IssuePeer(root *Certificate, req *Request, subnet Subnet, serial Serial, now time.Time) (*Certificate, error) {
	return nil, errTODO
}

// IssueServer signs a server certificate for a request of the node's own.
func (i *Issuer) IssueServer(req *Request, days int, serial Serial, now time.Time) (*Certificate, error) {
	return nil, errTODO
}

// NewRequest makes the node's own request (root-ca.csr).
func NewRequest(key crypto.Signer, rawSubject []byte) (*Request, error) { return nil, errTODO }

// NewServerRequest makes a request for a server certificate.
func NewServerRequest(key crypto.Signer, rawSubject []byte) (*Request, error) { return nil, errTODO }

// VerifyClient judges the chain a peer's client presents to the node with this
// root: leaf first, then the peer certificate. It returns who it is.
func VerifyClient(presented []*x509.Certificate, ownRoot *x509.Certificate, at time.Time) (Identity, error) {
	return Identity{}, errTODO
}

// VerifyServer judges what a server presents against the peer's root, and that the leaf's
// identity is the root's.
func VerifyServer(presented []*x509.Certificate, peerRoot *x509.Certificate, at time.Time) error {
	return errTODO
}
