package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"go.step.sm/crypto/pemutil"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Errors of ParsePrivateKey.
var (
	ErrWrongPassword    = errors.New("wrong password")
	ErrPasswordRequired = errors.New("the key is encrypted and no password was given")
)

// Labels of private keys.
const (
	labelPKCS8     = "PRIVATE KEY"
	labelEncrypted = "ENCRYPTED PRIVATE KEY"
	labelPKCS1     = "RSA PRIVATE KEY"
	labelSEC1      = "EC PRIVATE KEY"
	labelOpenSSH   = "OPENSSH PRIVATE KEY"
	// labelECParameters stands before SEC 1 keys that `openssl ecparam` wrote.
	// The curve is in the key as well; the block is ignored.
	labelECParameters = "EC PARAMETERS"
)

// ParsePrivateKey reads a PEM private key: PKCS #8, encrypted with PBES2 and
// PBKDF2 (HMAC-SHA1 or HMAC-SHA256; AES, DES or triple DES in CBC mode) or not
// encrypted; "traditional" PEM, encrypted with Proc-Type and DEK-Info headers
// or not. RSA from [MinRSABits] to [MaxRSABits], ECDSA P-256 and P-384.
//
// The password is asked for only if it is needed, and only after everything
// that can be said without it. A nil password function gives
// [ErrPasswordRequired], an error of the function is returned wrapped, a wrong
// password gives [ErrWrongPassword]. A key in a form that cannot be read gives
// an [*UnsupportedKeyError]. No error holds any part of the key or the password.
//
// What password returns is overwritten with zeros before ParsePrivateKey returns,
// and so is the decrypted key in its file form; see SECURITY.md for what Go keeps.
//
// The key has made a signature that verifies.
func ParsePrivateKey(file []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	key, err := readPrivateKey(file, password)
	if err != nil {
		return nil, err
	}
	if err := trySigning(key); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return key, nil
}

// ParseHandshakeKey is ParsePrivateKey, without a password, for a client that
// uses its key once: in a TLS handshake, half of whose time a trial signature
// with an RSA key would take again. The parts of the key are compared with each
// other all the same, and crypto/rsa verifies each signature before it gives it
// away. A key whose factors are no primes, which only signing shows, fails then.
func ParseHandshakeKey(file []byte) (crypto.Signer, error) {
	key, err := readPrivateKey(file, nil)
	if err != nil {
		return nil, err
	}
	if _, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	if err := trySigning(key); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return key, nil
}

// readPrivateKey is ParsePrivateKey without the trial signature.
func readPrivateKey(file []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	block, err := keyBlock(file)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	rounds, err := inspectKeyBlock(block)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	der := block.der
	if rounds > 0 {
		if password == nil {
			return nil, ErrPasswordRequired
		}
		pass, err := password()
		defer clear(pass)
		if err != nil {
			return nil, fmt.Errorf("private key: password: %w", err)
		}
		if der, err = decryptKeyBlock(block, pass); err != nil {
			return nil, err
		}
	}
	defer clear(der)
	key, err := parseKeyDER(block.label, der)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	if err := compareParts(key); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return key, nil
}

// keyBlock finds the only private key of a file.
func keyBlock(file []byte) (pemBlock, error) {
	if len(file) > MaxKeyFile {
		return pemBlock{}, fmt.Errorf("found a file of %d bytes, expected at most %d", len(file), MaxKeyFile)
	}
	blocks, err := scanPEM(file)
	if err != nil {
		return pemBlock{}, err
	}
	if len(blocks) == 0 {
		if len(file) > 0 && file[0] == 0x30 {
			return pemBlock{}, &UnsupportedKeyError{Found: "binary (DER) data", Convert: "openssl pkey -inform DER -in OLDKEY -out NEWKEY, or openssl pkcs12 -nocerts -in OLDKEY -out NEWKEY"}
		}
		return pemBlock{}, errors.New("found no PEM block, expected one private key")
	}
	if len(blocks) > 1 && blocks[0].label == labelECParameters {
		blocks = blocks[1:]
	}
	b := blocks[0]
	if len(blocks) > 1 {
		return pemBlock{}, fmt.Errorf("line %d: found a %s block after the %s block of line %d, expected exactly one block", blocks[1].line, blocks[1].label, b.label, b.line)
	}
	if !strings.HasSuffix(b.label, "PRIVATE KEY") {
		return pemBlock{}, fmt.Errorf("line %d: found a %s block, expected a private key", b.line, b.label)
	}
	return b, nil
}

// keyDerivations counts the keys that were derived from a password.
var keyDerivations atomic.Int64

// KeyDerivations returns how often this process has derived a key from a
// password. With the 600,000 rounds that are written, one takes as long as
// thirty signatures, so it is most of what a command with a password takes, and no
// command makes more than it must.
func KeyDerivations() int64 { return keyDerivations.Load() }

// decryptKeyBlock decrypts a block that inspectKeyBlock has passed.
func decryptKeyBlock(b pemBlock, password []byte) ([]byte, error) {
	keyDerivations.Add(1)
	block := &pem.Block{Type: b.label, Bytes: bytes.Clone(b.der)}
	if b.label != labelEncrypted {
		block.Headers = headerMap(b.headers)
	}
	der, err := pemutil.DecryptPEMBlock(block, password)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrWrongPassword
	}
	if err != nil {
		return nil, fmt.Errorf("private key: decrypt: %w", err)
	}
	// One wrong password in 256 leaves a padding that looks right, and noise
	// before it: a key is a SEQUENCE that fills the data.
	in := cryptobyte.String(der)
	if !in.SkipASN1(cbasn1.SEQUENCE) || !in.Empty() {
		return nil, ErrWrongPassword
	}
	return der, nil
}

// maxKeyDER bounds a private key before crypto/x509 computes with its numbers:
// RSA 8192 takes under 5 KiB.
const maxKeyDER = 8 << 10

func parseKeyDER(label string, der []byte) (crypto.Signer, error) {
	if len(der) > maxKeyDER {
		return nil, fmt.Errorf("found a key of %d bytes, expected at most %d: RSA of at most %d bits", len(der), maxKeyDER, MaxRSABits)
	}
	// For a SEC 1 key crypto/x509 does not look at what follows.
	if in := cryptobyte.String(der); !in.SkipASN1(cbasn1.SEQUENCE) || !in.Empty() {
		return nil, fmt.Errorf("the %s block does not hold a usable key: found bytes after it, or a part of it only", label)
	}
	var (
		key any
		err error
	)
	switch label {
	case labelPKCS1:
		key, err = x509.ParsePKCS1PrivateKey(der)
	case labelSEC1:
		key, err = x509.ParseECPrivateKey(der)
	default:
		key, err = x509.ParsePKCS8PrivateKey(der)
	}
	if err != nil {
		return nil, fmt.Errorf("the %s block does not hold a usable key: %w", label, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("found a key of type %T, expected RSA, or ECDSA on P-256 or P-384", key)
	}
	return signer, nil
}

// checkPrivateKey refuses keys that the profile does not read and keys whose
// parts do not fit each other.
func checkPrivateKey(key crypto.Signer) error {
	if err := compareParts(key); err != nil {
		return err
	}
	return trySigning(key)
}

// compareParts is checkPrivateKey without signing.
func compareParts(key crypto.Signer) error {
	if err := checkPublicKey(key.Public()); err != nil {
		return err
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if len(k.Primes) != 2 {
			return fmt.Errorf("found an RSA key of %d primes, expected 2", len(k.Primes))
		}
		if err := k.Validate(); err != nil {
			return fmt.Errorf("the parts of the RSA key do not fit each other: %w", err)
		}
	case *ecdsa.PrivateKey:
	default:
		return fmt.Errorf("found a key of type %T, expected RSA, or ECDSA on P-256 or P-384", key)
	}
	return nil
}

// trySigning signs something: what a key signs must verify, which is the last
// word on whether its parts fit.
func trySigning(key crypto.Signer) error {
	if _, err := SignDigest(key, sha256.Sum256([]byte("swptpeer: does this key sign"))); err != nil {
		return fmt.Errorf("the parts of the key do not fit each other: %w", err)
	}
	return nil
}

// EncryptPrivateKey returns encrypted PKCS #8 PEM: PBES2 with PBKDF2,
// HMAC-SHA256 and 600,000 rounds, and AES-256-CBC, which OpenSSL from 1.1 and
// OpenSSH read. An empty password is refused. The result is read back before it
// is returned: a root key that cannot be opened again would be lost.
func EncryptPrivateKey(key crypto.Signer, password []byte) ([]byte, error) {
	if len(password) == 0 {
		return nil, errors.New("private key: found an empty password, expected at least one character")
	}
	if err := checkPrivateKey(key); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	keyDerivations.Add(1)
	block, err := pemutil.Serialize(key, pemutil.WithPKCS8(true), pemutil.WithPassword(password))
	if err != nil {
		return nil, fmt.Errorf("private key: encrypt: %w", err)
	}
	file := pem.EncodeToMemory(block)
	back, err := ParsePrivateKey(file, func() ([]byte, error) { return bytes.Clone(password), nil })
	if err != nil {
		return nil, fmt.Errorf("private key: the encrypted key cannot be read back: %w", err)
	}
	if !samePublicKey(back.Public(), key.Public()) {
		return nil, errors.New("private key: the encrypted key was read back as another key")
	}
	return file, nil
}

// EncodePrivateKey returns PKCS #8 PEM that is not encrypted, for servers.
func EncodePrivateKey(key crypto.Signer) ([]byte, error) {
	if err := checkPrivateKey(key); err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	block, err := pemutil.Serialize(key, pemutil.WithPKCS8(true))
	if err != nil {
		return nil, fmt.Errorf("private key: encode: %w", err)
	}
	defer clear(block.Bytes)
	return pem.EncodeToMemory(block), nil
}

// KeyEncrypted reports whether a private key file is encrypted, without any
// password. Files that [ParsePrivateKey] cannot read are errors.
func KeyEncrypted(file []byte) (bool, error) {
	rounds, err := KeyRounds(file)
	return rounds > 0, err
}

// KeyRounds returns how many rounds of a hash function it takes to try one
// password on a private key file: the iterations of PBKDF2 (RFC 8018 section 5.2),
// 1 for a key with the traditional encryption, and 0 for one without a password.
// Files that [ParsePrivateKey] cannot read are errors.
func KeyRounds(file []byte) (int, error) {
	block, err := keyBlock(file)
	if err != nil {
		return 0, fmt.Errorf("private key: %w", err)
	}
	rounds, err := inspectKeyBlock(block)
	if err != nil {
		return 0, fmt.Errorf("private key: %w", err)
	}
	return rounds, nil
}

// WrittenRounds are the iterations of PBKDF2 in the keys that are written here.
const WrittenRounds = pemutil.PBKDF2Iterations

func headerMap(headers []string) map[string]string {
	m := make(map[string]string, len(headers))
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ":")
		m[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return m
}

// legacyCiphers are the DEK-Info algorithms that can be read.
var legacyCiphers = []string{"DES-CBC", "DES-EDE3-CBC", "AES-128-CBC", "AES-192-CBC", "AES-256-CBC"}

// inspectLegacy judges the headers of a "traditional" key (RFC 1421 section
// 4.6.1.1 and 4.6.1.3). The key of an encrypted one is a single MD5 of the password.
func inspectLegacy(b pemBlock) (rounds int, err error) {
	if len(b.headers) == 0 {
		return 0, nil
	}
	h := headerMap(b.headers)
	if len(h) != len(b.headers) || len(h) != 2 || h["Proc-Type"] != "4,ENCRYPTED" || h["DEK-Info"] == "" {
		return 0, fmt.Errorf("line %d: found headers that are not Proc-Type: 4,ENCRYPTED and one DEK-Info", b.line+1)
	}
	cipher, _, _ := strings.Cut(h["DEK-Info"], ",")
	if !slices.Contains(legacyCiphers, cipher) {
		return 0, &UnsupportedKeyError{Found: fmt.Sprintf("traditional encryption with the cipher %q", clip(cipher)), Convert: convertKey}
	}
	return 1, nil
}

// clip shortens text of a stranger's file for an error.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
