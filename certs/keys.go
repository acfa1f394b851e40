package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/swaptacular/swptpeer/certs/chain"
	"go.step.sm/crypto/keyutil"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ssh"
)

// Sizes of RSA keys, in bits (profile, "Root certificate").
const (
	// RSABits is what is written.
	RSABits = 3072
	// MinRSABits is the weakest that is read.
	MinRSABits = chain.MinRSABits
	// MaxRSABits is the largest that is read: crypto/tls refuses larger keys
	// in handshakes, and verifying with a hostile key of any size would take
	// any time.
	MaxRSABits = chain.MaxRSABits
)

// GenerateKey makes a new key of the kind in use: RSA 3072, e = 65537.
func GenerateKey() (crypto.Signer, error) {
	// keyutil's own default is an ECDSA key; the servers and the bundle
	// format in use want RSA.
	key, err := keyutil.GenerateSigner("RSA", "", RSABits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	if err := checkPublicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return key, nil
}

// checkPublicKey refuses keys that the profile does not read.
func checkPublicKey(pub crypto.PublicKey) error {
	if err := checkKeyAlgorithm(pub); err != nil {
		return err
	}
	return checkKeyStrength(pub)
}

// checkKeyAlgorithm is rule key.algorithm.
func checkKeyAlgorithm(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
	}
	return fmt.Errorf("found %s, expected RSA, or ECDSA on P-256 or P-384", keyKind(pub))
}

// checkKeyStrength is rule key.strength; the algorithm has passed.
func checkKeyStrength(pub crypto.PublicKey) error {
	k, ok := pub.(*rsa.PublicKey)
	if !ok {
		return nil // the curves that are accepted are strong enough
	}
	switch bits := k.N.BitLen(); {
	case bits < MinRSABits:
		return fmt.Errorf("found RSA of %d bits, expected at least %d", bits, MinRSABits)
	case bits > MaxRSABits:
		return fmt.Errorf("found RSA of %d bits, expected at most %d", bits, MaxRSABits)
	case k.N.Bit(0) == 0:
		return errors.New("found an RSA modulus that is even, expected a product of two odd primes")
	case k.E < 3 || k.E%2 == 0:
		return fmt.Errorf("found the RSA exponent %d, expected an odd number from 3 up", k.E)
	}
	return nil
}

// keyKind names a public key for people: "RSA 3072", "ECDSA P-256", "Ed25519".
func keyKind(pub crypto.PublicKey) string {
	switch k := pub.(type) {
	case nil:
		return "a key of an unknown algorithm"
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	}
	return fmt.Sprintf("a key of type %T", pub)
}

// CertificateFingerprint is the lowercase hex SHA-256 of a DER certificate or
// request. It tells one certificate from another; a node is known by its
// [KeyFingerprint].
func CertificateFingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// KeyFingerprint is the lowercase hex SHA-256 of the DER SubjectPublicKeyInfo
// (64 digits).
func KeyFingerprint(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// PublicKeyInfo returns the DER SubjectPublicKeyInfo of a public key, as
// [KeyFingerprint] and [AgentIdentity] want it.
func PublicKeyInfo(pub crypto.PublicKey) ([]byte, error) {
	if err := checkPublicKey(pub); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return x509.MarshalPKIXPublicKey(pub)
}

// EncodePublicKey returns the PEM form (SubjectPublicKeyInfo, RFC 7468 section
// 13), which `ssh-keygen -i -m PKCS8` reads.
func EncodePublicKey(pub crypto.PublicKey) ([]byte, error) {
	der, err := PublicKeyInfo(pub)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// AuthorizedKey returns the one-line OpenSSH form of a public key, as in
// authorized_keys, with its newline and without a comment.
func AuthorizedKey(pub crypto.PublicKey) ([]byte, error) {
	if err := checkPublicKey(pub); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	k, err := ssh.NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return ssh.MarshalAuthorizedKey(k), nil
}

// samePublicKey reports whether two public keys are equal.
func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// subjectKeyID is the SHA-1 of the public key bit string (RFC 5280 section
// 4.2.1.2, method 1). SHA-1 only names the key here; nothing rests on it.
func subjectKeyID(spki []byte) ([]byte, error) {
	var (
		in, info cryptobyte.String = spki, nil
		bits     asn1.BitString
	)
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.SEQUENCE) || !info.ReadASN1BitString(&bits) || !info.Empty() || !in.Empty() {
		return nil, errors.New("the public key is not a SubjectPublicKeyInfo")
	}
	sum := sha1.Sum(bits.Bytes)
	return sum[:], nil
}

// signatureAlgorithms are those that are accepted (profile, "Root
// certificate"). MD5 and SHA-1 are not among them.
var signatureAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384,
}

func acceptedSignature(a x509.SignatureAlgorithm) bool {
	for _, ok := range signatureAlgorithms {
		if a == ok {
			return true
		}
	}
	return false
}

// verifySignature checks a signature by the key pub over the signed bytes of a
// certificate or request, with an accepted algorithm only.
func verifySignature(a x509.SignatureAlgorithm, signed, signature []byte, pub crypto.PublicKey) error {
	if !acceptedSignature(a) {
		return fmt.Errorf("signed with %v, which is not accepted", a)
	}
	by := &x509.Certificate{PublicKey: pub}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		// The work grows with the square of the size, which a stranger chose.
		if bits := k.N.BitLen(); bits > MaxRSABits {
			return fmt.Errorf("not looked at: an RSA key of %d bits, expected at most %d", bits, MaxRSABits)
		}
		by.PublicKeyAlgorithm = x509.RSA
	case *ecdsa.PublicKey:
		by.PublicKeyAlgorithm = x509.ECDSA
	}
	return by.CheckSignature(a, signed, signature)
}

// SignDigest signs a SHA-256 digest as a bundle's signature is made: RSA PKCS
// #1 v1.5, or deterministic (RFC 6979) ECDSA in DER. The same key and digest
// give the same bytes, except for an ECDSA key that is not an *ecdsa.PrivateKey (in
// a hardware token): how that draws its nonce is its own affair. The signature is
// verified before it is returned, so that a fault of the machine cannot give the
// key away.
func SignDigest(key crypto.Signer, digest [sha256.Size]byte) ([]byte, error) {
	if err := checkPublicKey(key.Public()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	var (
		sig []byte
		err error
	)
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		sig, err = k.Sign(nil, digest[:], crypto.SHA256) // without a source of randomness: RFC 6979
	default:
		sig, err = key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if err := VerifyDigest(key.Public(), digest, sig); err != nil {
		return nil, fmt.Errorf("sign: the signature that was made is wrong: %w", err)
	}
	return sig, nil
}

// VerifyDigest checks a signature that [SignDigest] made over data with this
// SHA-256. Keys that the profile does not read are refused.
func VerifyDigest(pub crypto.PublicKey, digest [sha256.Size]byte, signature []byte) error {
	if err := checkPublicKey(pub); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if len(signature) != k.Size() {
			return fmt.Errorf("the signature has %d bytes, expected %d from this RSA key", len(signature), k.Size())
		}
		if err := rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], signature); err != nil {
			return fmt.Errorf("the signature is not by this key over these bytes: %w", err)
		}
		return nil
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(k, digest[:], signature) {
			return errors.New("the signature is not by this key over these bytes")
		}
		return nil
	}
	return fmt.Errorf("verify: found %s", keyKind(pub)) // not reached: checkPublicKey
}
