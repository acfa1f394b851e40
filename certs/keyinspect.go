package certs

import (
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// UnsupportedKeyError says that a private key file is in a form that is not
// read here, what form it is, and how it is converted.
type UnsupportedKeyError struct {
	Found   string // what the file is
	Convert string // the command that converts it
}

// Error names the form and the command.
func (e *UnsupportedKeyError) Error() string {
	return fmt.Sprintf("found %s, which is not read here; convert it with: %s", e.Found, e.Convert)
}

// Commands that write a key in the form that is read here, OpenSSL with as many
// rounds as are written here ([WrittenRounds]).
const (
	convertKey       = "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in OLDKEY -out NEWKEY"
	convertLegacyKey = "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -provider legacy -provider default -in OLDKEY -out NEWKEY"
	convertOpenSSH   = "ssh-keygen -p -m PKCS8 -f KEY (which rewrites the file: work on a copy)"
)

// Limits of encrypted keys. What is over them is hostile or broken: a file says
// itself how much work it is to open.
const (
	// MaxIterations bounds PBKDF2: OpenSSL writes 2,048, we write 600,000; ten
	// million take a few seconds.
	MaxIterations = 10_000_000
	// maxSalt bounds the PBKDF2 salt, in bytes; 8 and 16 are in use.
	maxSalt = 1024
)

// algorithm is what is known of an object identifier.
type algorithm struct {
	oid  asn1.ObjectIdentifier
	name string
	// For ciphers that are read: the block size in bytes.
	block int
}

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}

	oidHMACWithSHA1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
	oidHMACWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
)

// pbeNames are password-based schemes older than PBES2 (RFC 8018 appendix A.3,
// RFC 7292 appendix C). OpenSSL 3 has those of legacy only in its legacy provider.
var pbeNames = []struct {
	oid    asn1.ObjectIdentifier
	name   string
	legacy bool
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 1}, "pbeWithMD2AndDES-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 3}, "pbeWithMD5AndDES-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 4}, "pbeWithMD2AndRC2-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 6}, "pbeWithMD5AndRC2-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 10}, "pbeWithSHA1AndDES-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 11}, "pbeWithSHA1AndRC2-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 1}, "pbeWithSHA1And128BitRC4", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 2}, "pbeWithSHA1And40BitRC4", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}, "pbeWithSHA1And3-KeyTripleDES-CBC", false},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 4}, "pbeWithSHA1And2-KeyTripleDES-CBC", false},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 5}, "pbeWithSHA1And128BitRC2-CBC", true},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 6}, "pbeWithSHA1And40BitRC2-CBC", true},
}

var prfNames = []algorithm{
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 6}, name: "hmacWithMD5"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 8}, name: "hmacWithSHA224"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, name: "hmacWithSHA384"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, name: "hmacWithSHA512"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 12}, name: "hmacWithSHA512-224"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 13}, name: "hmacWithSHA512-256"},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 13}, name: "hmacWithSHA3-224"},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 14}, name: "hmacWithSHA3-256"},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 15}, name: "hmacWithSHA3-384"},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 16}, name: "hmacWithSHA3-512"},
}

// cipherNames are encryption schemes of PBES2; those with a block size are read.
var cipherNames = []algorithm{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}, "aes-128-cbc", 16},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}, "aes-192-cbc", 16},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, "aes-256-cbc", 16},
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 7}, "des-cbc", 8},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}, "des-ede3-cbc", 8},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 6}, name: "aes-128-gcm"},
	{oid: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 46}, name: "aes-256-gcm"},
	{oid: asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 2}, name: "rc2-cbc"},
	{oid: asn1.ObjectIdentifier{1, 2, 392, 200011, 61, 1, 1, 1, 2}, name: "camellia-128-cbc"},
	{oid: asn1.ObjectIdentifier{1, 2, 392, 200011, 61, 1, 1, 1, 4}, name: "camellia-256-cbc"},
}

func lookup(list []algorithm, oid asn1.ObjectIdentifier) (algorithm, bool) {
	for _, a := range list {
		if oid.Equal(a.oid) {
			return a, true
		}
	}
	return algorithm{oid: oid, name: "the algorithm " + oid.String()}, false
}

// inspectKeyBlock says how many rounds of a hash it takes to try a password, 0 for
// a private key that is not encrypted, and refuses what pemutil cannot read, would
// misreport, or would panic on.
func inspectKeyBlock(b pemBlock) (rounds int, err error) {
	switch b.label {
	case labelPKCS1, labelSEC1:
		return inspectLegacy(b)
	case labelOpenSSH:
		return 0, &UnsupportedKeyError{Found: "a key in OpenSSH's own format", Convert: convertOpenSSH}
	case labelPKCS8, labelEncrypted:
	default:
		return 0, fmt.Errorf("line %d: found a %s block, expected an RSA key, or an ECDSA key on P-256 or P-384", b.line, b.label)
	}
	if len(b.headers) > 0 {
		return 0, fmt.Errorf("line %d: found a header inside the %s block, expected only base64", b.line+1, b.label)
	}
	if b.label == labelPKCS8 {
		return 0, nil
	}
	return inspectPKCS8(b.der)
}

var errBadKey = errors.New("the ENCRYPTED PRIVATE KEY block is damaged: it is not an EncryptedPrivateKeyInfo (RFC 5958)")

// inspectPKCS8 judges an EncryptedPrivateKeyInfo (RFC 5958 section 3), and returns
// the rounds of its key derivation.
func inspectPKCS8(der []byte) (rounds int, err error) {
	var (
		in                     = cryptobyte.String(der)
		info, alg, params, sct cryptobyte.String
		oid                    asn1.ObjectIdentifier
	)
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !in.Empty() ||
		!info.ReadASN1(&alg, cbasn1.SEQUENCE) || !info.ReadASN1(&sct, cbasn1.OCTET_STRING) || !info.Empty() ||
		!alg.ReadASN1ObjectIdentifier(&oid) {
		return 0, errBadKey
	}
	if !oid.Equal(oidPBES2) {
		for _, p := range pbeNames {
			if oid.Equal(p.oid) {
				convert := convertKey
				if p.legacy {
					convert = convertLegacyKey
				}
				return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with " + p.name, Convert: convert}
			}
		}
		return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with the algorithm " + oid.String(), Convert: convertKey}
	}
	var kdf, scheme cryptobyte.String
	if !alg.ReadASN1(&params, cbasn1.SEQUENCE) || !alg.Empty() ||
		!params.ReadASN1(&kdf, cbasn1.SEQUENCE) || !params.ReadASN1(&scheme, cbasn1.SEQUENCE) || !params.Empty() {
		return 0, errBadKey
	}
	if rounds, err = inspectKDF(kdf); err != nil {
		return 0, err
	}
	return rounds, inspectCipher(scheme, len(sct))
}

// inspectKDF judges the key derivation function (RFC 8018 appendix A.2), and
// returns its iterations.
func inspectKDF(kdf cryptobyte.String) (rounds int, err error) {
	var (
		oid          asn1.ObjectIdentifier
		params, salt cryptobyte.String
	)
	if !kdf.ReadASN1ObjectIdentifier(&oid) {
		return 0, errBadKey
	}
	switch {
	case oid.Equal(oidScrypt):
		return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with scrypt", Convert: convertKey}
	case !oid.Equal(oidPBKDF2):
		return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with the key derivation " + oid.String(), Convert: convertKey}
	}
	if !kdf.ReadASN1(&params, cbasn1.SEQUENCE) || !kdf.Empty() ||
		!params.ReadASN1(&salt, cbasn1.OCTET_STRING) || !params.ReadASN1Integer(&rounds) {
		return 0, errBadKey
	}
	if len(salt) > maxSalt {
		return 0, fmt.Errorf("found a PBKDF2 salt of %d bytes, expected at most %d", len(salt), maxSalt)
	}
	if rounds < 1 || rounds > MaxIterations {
		return 0, fmt.Errorf("found %d PBKDF2 iterations, expected 1 to %d; a key that asks for more is broken or hostile", rounds, MaxIterations)
	}
	if params.PeekASN1Tag(cbasn1.INTEGER) {
		return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with an explicit PBKDF2 key length", Convert: convertKey}
	}
	if params.Empty() {
		return rounds, nil // the default: hmacWithSHA1
	}
	var prf cryptobyte.String
	var prfOID asn1.ObjectIdentifier
	if !params.ReadASN1(&prf, cbasn1.SEQUENCE) || !params.Empty() || !prf.ReadASN1ObjectIdentifier(&prfOID) ||
		!prf.SkipASN1(cbasn1.NULL) || !prf.Empty() {
		return 0, errBadKey
	}
	if prfOID.Equal(oidHMACWithSHA1) || prfOID.Equal(oidHMACWithSHA256) {
		return rounds, nil
	}
	a, _ := lookup(prfNames, prfOID)
	return 0, &UnsupportedKeyError{Found: "PKCS #8 encryption with PBKDF2 and " + a.name, Convert: convertKey}
}

// inspectCipher judges the encryption scheme and what it was used on. pemutil
// hands both to crypto/cipher, which panics on sizes that do not fit.
func inspectCipher(scheme cryptobyte.String, size int) error {
	var (
		oid asn1.ObjectIdentifier
		iv  cryptobyte.String
	)
	if !scheme.ReadASN1ObjectIdentifier(&oid) {
		return errBadKey
	}
	c, known := lookup(cipherNames, oid)
	if !known || c.block == 0 {
		return &UnsupportedKeyError{Found: "PKCS #8 encryption with " + c.name, Convert: convertKey}
	}
	if !scheme.ReadASN1(&iv, cbasn1.OCTET_STRING) || !scheme.Empty() {
		return errBadKey
	}
	if len(iv) != c.block {
		return fmt.Errorf("found an initialization vector of %d bytes, expected %d for %s", len(iv), c.block, c.name)
	}
	if size == 0 || size%c.block != 0 {
		return fmt.Errorf("found %d bytes of encrypted data, expected a multiple of %d for %s", size, c.block, c.name)
	}
	return nil
}
