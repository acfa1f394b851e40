package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func keyFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "keys", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func neverAsked(t *testing.T) func() ([]byte, error) {
	return func() ([]byte, error) {
		t.Error("the password was asked for")
		return nil, errors.New("no password")
	}
}

func TestKeysThatAreRead(t *testing.T) {
	ec := must(ParsePrivateKey(keyFile(t, "pkcs8.pem"), nil)).Public()
	rsa2048 := must(ParsePrivateKey(keyFile(t, "rsa2048.pem"), nil)).Public()
	for _, tt := range []struct {
		file   string
		pub    crypto.PublicKey
		rounds int
	}{
		{"sec1.pem", ec, 0}, {"ecparam.pem", ec, 0}, {"pkcs1.pem", rsa2048, 0}, {"p384.pem", nil, 0},
		{"aes128.pem", ec, 2048}, {"aes192.pem", ec, 2048}, {"des3.pem", ec, 2048},
		{"pbkdf2-SHA1.pem", ec, 2048}, {"pbkdf2-SHA256.pem", ec, 2048},
		{"legacy-ec-aes128.pem", ec, 1}, {"legacy-rsa-des3.pem", rsa2048, 1},
	} {
		t.Run(tt.file, func(t *testing.T) {
			file := keyFile(t, tt.file)
			before := bytes.Clone(file)
			if got, err := KeyRounds(file); err != nil || got != tt.rounds {
				t.Errorf("found %d rounds, %v, expected %d", got, err, tt.rounds)
			}
			encrypted, err := KeyEncrypted(file)
			if err != nil || encrypted != (tt.rounds > 0) {
				t.Errorf("found encrypted %v, %v, expected %v", encrypted, err, tt.rounds > 0)
			}
			password := referencePassword
			if !encrypted {
				password = neverAsked(t)
			}
			k, err := ParsePrivateKey(file, password)
			if err != nil {
				t.Fatal(err)
			}
			if tt.pub != nil && !samePublicKey(k.Public(), tt.pub) {
				t.Error("found another key")
			}
			if k, err := ParsePrivateKey(bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")), password); err != nil || tt.pub != nil && !samePublicKey(k.Public(), tt.pub) {
				t.Errorf("with CR LF: %v", err)
			}
			if !bytes.Equal(file, before) {
				t.Error("the caller's bytes were changed")
			}
			if !encrypted {
				return
			}
			if _, err := ParsePrivateKey(file, nil); !errors.Is(err, ErrPasswordRequired) {
				t.Errorf("found %v, expected ErrPasswordRequired", err)
			}
			stop := errors.New("stop")
			if _, err := ParsePrivateKey(file, func() ([]byte, error) { return nil, stop }); !errors.Is(err, stop) {
				t.Errorf("found %v, expected the password function's error", err)
			}
			// One wrong password in 256 leaves a padding that looks right.
			tries := 3
			if strings.HasPrefix(tt.file, "legacy") { // quick to derive
				tries = 2000
			}
			for i := range tries {
				wrong := []byte{'w', byte(i), byte(i >> 8)}
				if _, err := ParsePrivateKey(file, func() ([]byte, error) { return wrong, nil }); !errors.Is(err, ErrWrongPassword) {
					t.Fatalf("password %d: found %v, expected ErrWrongPassword", i, err)
				}
			}
		})
	}
}

func TestKeysThatAreNotRead(t *testing.T) {
	for _, tt := range []struct {
		file, says string
		convert    string // "" if no command helps
	}{
		{"scrypt.pem", "scrypt", convertKey},
		{"pbes1-md5-des.pem", "pbeWithMD5AndDES-CBC", convertLegacyKey},
		{"pbe-sha1-3des.pem", "pbeWithSHA1And3-KeyTripleDES-CBC", convertKey},
		{"pbkdf2-SHA512.pem", "PBKDF2 and hmacWithSHA512", convertKey},
		{"camellia.pem", "camellia-256-cbc", convertKey},
		{"legacy-ec-camellia.pem", `"CAMELLIA-256-CBC"`, convertKey},
		{"openssh.pem", "OpenSSH", convertOpenSSH},
		{"ed25519.pem", "found a key of type ed25519.PublicKey, expected RSA, or ECDSA on P-256 or P-384", ""},
		{"p521.pem", "found ECDSA P-521", ""},
		{"secp256k1.pem", "unknown elliptic curve", ""},
		{"rsa1024.pem", "found RSA of 1024 bits, expected at least 2048", ""},
		{"rsa-3primes.pem", "", ""},
	} {
		t.Run(tt.file, func(t *testing.T) {
			_, err := ParsePrivateKey(keyFile(t, tt.file), neverAsked(t))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("found %v, expected an error that says %q", err, tt.says)
			}
			var unsupported *UnsupportedKeyError
			if found := errors.As(err, &unsupported); found != (tt.convert != "") {
				t.Fatalf("found an UnsupportedKeyError: %v, for %v", found, err)
			}
			if tt.convert != "" && unsupported.Convert != tt.convert {
				t.Errorf("found the command %q, expected %q", unsupported.Convert, tt.convert)
			}
			if errors.Is(err, ErrWrongPassword) || errors.Is(err, ErrPasswordRequired) {
				t.Errorf("%v is about a password", err)
			}
		})
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	ec, enc := string(keyFile(t, "pkcs8.pem")), string(keyFile(t, "pbkdf2-SHA256.pem"))
	legacy := string(keyFile(t, "legacy-ec-aes128.pem"))
	for _, tt := range []struct{ name, file, says string }{
		{"empty", "", "found no PEM block"},
		{"two keys", ec + enc, "expected exactly one block"},
		{"a certificate beside", ec + string(theWorld().ca.root.File), "found a CERTIFICATE block after the PRIVATE KEY block"},
		{"a certificate", string(theWorld().ca.root.File), "found a CERTIFICATE block, expected a private key"},
		{"a public key", string(must(EncodePublicKey(theWorld().ca.key.Public()))), "found a PUBLIC KEY block, expected a private key"},
		{"a DSA key", strings.ReplaceAll(ec, "PRIVATE KEY", "DSA PRIVATE KEY"), "found a DSA PRIVATE KEY block"},
		{"bytes after a SEC 1 key", string(pem.EncodeToMemory(&pem.Block{Type: labelSEC1, Bytes: append(must(derOf(t, string(keyFile(t, "sec1.pem")))), 0)})), "found bytes after it"},
		{"another form than the label says", strings.ReplaceAll(ec, "PRIVATE KEY", "RSA PRIVATE KEY"), "does not hold a usable key"},
		{"DER", string(must(derOf(t, ec))), "openssl pkey -inform DER"},
		{"a header in PKCS #8", strings.Replace(enc, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "found a header inside"},
		{"two DEK-Infos", strings.Replace(legacy, "DEK-Info:", "DEK-Info: AES-256-CBC,00\nDEK-Info:", 1), "one DEK-Info"},
		{"no Proc-Type", strings.Replace(legacy, "Proc-Type: 4,ENCRYPTED\n", "", 1), "not Proc-Type"},
		{"a DEK-Info without a value", strings.Replace(legacy, "DEK-Info: AES-128-CBC,", "DEK-Info: AES-128-CBC,zz", 1), "decrypt"},
		{"at the limit", ec + strings.Repeat("x", MaxKeyFile-len(ec)), ""},
		{"one past the limit", ec + strings.Repeat("x", MaxKeyFile-len(ec)+1), "expected at most 65536"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParsePrivateKey([]byte(tt.file), referencePassword)
			if tt.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("found %v, expected an error that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "secret-pw") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func derOf(t testing.TB, file string) ([]byte, error) {
	t.Helper()
	b, _ := pem.Decode([]byte(file))
	return b.Bytes, nil
}

// encryptedKey makes an EncryptedPrivateKeyInfo that says what a hostile file
// could say.
type encryptedKey struct {
	iterations int64
	salt, iv   []byte
	keyLength  int
	prf        asn1.ObjectIdentifier
	cipher     asn1.ObjectIdentifier
	data       []byte
	after      []byte
}

func (e encryptedKey) file() []byte {
	var b cryptobyte.Builder
	seq := func(f func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
		return func(b *cryptobyte.Builder) { b.AddASN1(cbasn1.SEQUENCE, f) }
	}
	seq(func(b *cryptobyte.Builder) {
		seq(func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidPBES2)
			seq(func(b *cryptobyte.Builder) {
				seq(func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oidPBKDF2)
					seq(func(b *cryptobyte.Builder) {
						b.AddASN1OctetString(e.salt)
						b.AddASN1Int64(e.iterations)
						if e.keyLength != 0 {
							b.AddASN1Int64(int64(e.keyLength))
						}
						seq(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(e.prf); b.AddASN1NULL() })(b)
					})(b)
				})(b)
				seq(func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(e.cipher); b.AddASN1OctetString(e.iv) })(b)
			})(b)
		})(b)
		b.AddASN1OctetString(e.data)
		b.AddBytes(e.after)
	})(&b)
	return pem.EncodeToMemory(&pem.Block{Type: labelEncrypted, Bytes: b.BytesOrPanic()})
}

func TestHostileKeyFiles(t *testing.T) {
	good := encryptedKey{iterations: 1, salt: make([]byte, 8), iv: make([]byte, 16), prf: oidHMACWithSHA256, cipher: cipherNames[2].oid, data: make([]byte, 16)}
	for _, tt := range []struct {
		name, says string
		change     func(e *encryptedKey)
	}{
		{"well-formed", "wrong password", func(*encryptedKey) {}},
		{"salt at the limit", "wrong password", func(e *encryptedKey) { e.salt = make([]byte, maxSalt) }},
		{"salt one past the limit", "found a PBKDF2 salt of 1025 bytes", func(e *encryptedKey) { e.salt = make([]byte, maxSalt+1) }},
		{"no iterations", "found 0 PBKDF2 iterations", func(e *encryptedKey) { e.iterations = 0 }},
		{"fewer than none", "found -1 PBKDF2 iterations", func(e *encryptedKey) { e.iterations = -1 }},
		{"one iteration past the limit", "expected 1 to 10000000", func(e *encryptedKey) { e.iterations = MaxIterations + 1 }},
		{"more than any", "expected 1 to 10000000", func(e *encryptedKey) { e.iterations = 1<<63 - 1 }},
		{"key length", "explicit PBKDF2 key length", func(e *encryptedKey) { e.keyLength = 32 }},
		{"unknown pseudo-random function", "the algorithm 1.2.3", func(e *encryptedKey) { e.prf = asn1.ObjectIdentifier{1, 2, 3} }},
		{"unknown cipher", "the algorithm 1.2.3", func(e *encryptedKey) { e.cipher = asn1.ObjectIdentifier{1, 2, 3} }},
		{"short vector", "initialization vector of 8 bytes, expected 16", func(e *encryptedKey) { e.iv = e.iv[:8] }},
		{"no vector", "initialization vector of 0 bytes", func(e *encryptedKey) { e.iv = nil }},
		{"vector of another cipher", "expected 8 for des-ede3-cbc", func(e *encryptedKey) { e.cipher = cipherNames[4].oid }},
		{"no data", "found 0 bytes of encrypted data", func(e *encryptedKey) { e.data = nil }},
		{"part of a block", "found 17 bytes of encrypted data", func(e *encryptedKey) { e.data = make([]byte, 17) }},
		{"something after", "damaged", func(e *encryptedKey) { e.after = []byte{5, 0} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := good
			tt.change(&e)
			_, err := ParsePrivateKey(e.file(), referencePassword)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("found %v, expected an error that says %q", err, tt.says)
			}
		})
	}
	// The greatest number of iterations is passed on; deriving with it would take seconds.
	e := good
	e.iterations = MaxIterations
	if rounds, err := KeyRounds(e.file()); rounds != MaxIterations || err != nil {
		t.Errorf("at the limit of iterations: found %d, %v", rounds, err)
	}
}

func TestKeyDERLimit(t *testing.T) {
	for n, tooLong := range map[int]bool{maxKeyDER: false, maxKeyDER + 1: true} {
		_, err := parseKeyDER(labelPKCS8, make([]byte, n))
		if err == nil || strings.Contains(err.Error(), "expected at most 8192") != tooLong {
			t.Errorf("%d bytes: found %v", n, err)
		}
	}
}

func TestEncryptPrivateKey(t *testing.T) {
	key := theWorld().ca.key
	file, err := EncryptPrivateKey(key, []byte("päss word"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(file, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")) || bytes.Contains(file, []byte("\r")) {
		t.Errorf("found %q", file[:40])
	}
	if _, err := EncryptPrivateKey(key, nil); err == nil || !strings.Contains(err.Error(), "empty password") {
		t.Errorf("found %v, expected an error about an empty password", err)
	}
	plain, err := EncodePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if k := must(ParsePrivateKey(plain, neverAsked(t))); !samePublicKey(k.Public(), key.Public()) {
		t.Error("found another key")
	}
	for _, weak := range []crypto.Signer{weakRSA(), newEC(elliptic.P224())} {
		if _, err := EncodePrivateKey(weak); err == nil {
			t.Errorf("a key of type %T was written that would not be read", weak)
		}
		if _, err := EncryptPrivateKey(weak, []byte("x")); err == nil {
			t.Errorf("a key of type %T was encrypted that would not be read", weak)
		}
	}
}

func TestKeyWhosePartsDoNotFit(t *testing.T) {
	k := *modestRSA()
	k.D = new(big.Int).Add(k.D, big.NewInt(2))
	k.Precomputed = rsa.PrecomputedValues{}
	if err := checkPrivateKey(&k); err == nil {
		t.Error("an RSA key with another exponent was accepted")
	}
	e := *newEC(elliptic.P256())
	e.PublicKey = newEC(elliptic.P256()).PublicKey
	if err := checkPrivateKey(&e); err == nil {
		t.Error("an ECDSA key with another public key was accepted")
	}
}

// primeOf returns a prime of this many bits.
func primeOf(t *testing.T, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestKeyOfFactorsThatAreNoPrimes: the parts of such a key fit each other, and
// what it signs does not verify. ParsePrivateKey finds that out; one that
// ParseHandshakeKey reads gives no signature away.
func TestKeyOfFactorsThatAreNoPrimes(t *testing.T) {
	one := big.NewInt(1)
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{E: 65537}}
	for k.D == nil {
		// The second factor: of the first, crypto/rsa makes use as a prime when it
		// completes the key, and notices.
		p, q := primeOf(t, MinRSABits/2), new(big.Int).Mul(primeOf(t, MinRSABits/4), primeOf(t, MinRSABits/4))
		k.N, k.Primes = new(big.Int).Mul(p, q), []*big.Int{p, q}
		if k.N.BitLen() == MinRSABits {
			phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
			k.D = new(big.Int).ModInverse(big.NewInt(int64(k.E)), phi)
		}
	}
	k.Precompute()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: labelPKCS8, Bytes: der})
	if _, err := ParsePrivateKey(file, nil); err == nil || !strings.Contains(err.Error(), "do not fit each other") {
		t.Errorf("ParsePrivateKey: found the error %v, expected one that says that the parts do not fit", err)
	}
	key, err := ParseHandshakeKey(file)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}} {
		if sig, err := key.Sign(rand.Reader, digest[:], opts); err == nil {
			t.Errorf("%T: found the signature %x, expected an error", opts, sig)
		}
	}
}

func TestParseHandshakeKey(t *testing.T) {
	password := []byte("x")
	encrypted, err := EncryptPrivateKey(modestRSA(), password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseHandshakeKey(encrypted); !errors.Is(err, ErrPasswordRequired) {
		t.Errorf("encrypted: found the error %v, expected ErrPasswordRequired", err)
	}
	for _, key := range []crypto.Signer{modestRSA(), newEC(elliptic.P256())} {
		file, err := EncodePrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseHandshakeKey(file); err != nil || !samePublicKey(got.Public(), key.Public()) {
			t.Errorf("%T: found %v (%v), expected the key", key, got, err)
		}
	}
	if _, err := ParseHandshakeKey([]byte("no key")); err == nil {
		t.Error("a file without a key was read")
	}
}

func TestKeyStrength(t *testing.T) {
	modulus := func(bits int) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return n.SetBit(n, 0, 1)
	}
	for _, tt := range []struct {
		bits, e int
		ok      bool
	}{
		{MinRSABits, 65537, true}, {MinRSABits - 1, 65537, false}, {MaxRSABits, 65537, true}, {MaxRSABits + 1, 65537, false},
		{RSABits, 3, true}, {RSABits, 1, false}, {RSABits, 4, false}, {RSABits, 2, false},
	} {
		if err := checkPublicKey(&rsa.PublicKey{N: modulus(tt.bits), E: tt.e}); (err == nil) != tt.ok {
			t.Errorf("RSA %d, e %d: found %v, expected accepted %v", tt.bits, tt.e, err, tt.ok)
		}
	}
	even := modulus(RSABits)
	even.SetBit(even, 0, 0)
	if checkPublicKey(&rsa.PublicKey{N: even, E: 65537}) == nil {
		t.Error("an even modulus was accepted")
	}
	if checkPublicKey(nil) == nil {
		t.Error("no key was accepted")
	}
}

func TestGenerateKey(t *testing.T) {
	k, ok := strongRSA().(*rsa.PrivateKey)
	if !ok || k.N.BitLen() != 3072 || k.E != 65537 {
		t.Errorf("found %T, expected RSA 3072 with e = 65537", strongRSA())
	}
}

func TestSignDigest(t *testing.T) {
	digest := sha256.Sum256([]byte("nodeinfo"))
	p384 := newEC(elliptic.P384())
	for _, key := range []crypto.Signer{modestRSA(), newEC(elliptic.P256()), p384} {
		sig, err := SignDigest(key, digest)
		if err != nil {
			t.Fatal(err)
		}
		again := must(SignDigest(key, digest))
		if !bytes.Equal(sig, again) {
			t.Errorf("%T: found two signatures of the same bytes", key)
		}
		if err := VerifyDigest(key.Public(), digest, sig); err != nil {
			t.Error(err)
		}
		if VerifyDigest(key.Public(), sha256.Sum256([]byte("other")), sig) == nil {
			t.Errorf("%T: the signature of other bytes was accepted", key)
		}
		for i := range sig {
			bad := bytes.Clone(sig)
			bad[i] ^= 1
			if VerifyDigest(key.Public(), digest, bad) == nil {
				t.Errorf("%T: a signature with another byte %d was accepted", key, i)
			}
		}
		for _, bad := range [][]byte{nil, {}, sig[1:], append(bytes.Clone(sig), 0), append([]byte{0}, sig...)} {
			if VerifyDigest(key.Public(), digest, bad) == nil {
				t.Errorf("%T: a signature of %d bytes was accepted", key, len(bad))
			}
		}
	}
	if _, err := SignDigest(weakRSA(), digest); err == nil {
		t.Error("a weak key signed")
	}
	weak := must(rsa.SignPKCS1v15(nil, weakRSA(), crypto.SHA256, digest[:]))
	if err := VerifyDigest(weakRSA().Public(), digest, weak); err == nil || !strings.Contains(err.Error(), "1024") {
		t.Errorf("a weak key's signature: found %v", err)
	}
}

// RFC 6979 appendix A.2.5, P-256 with SHA-256 and the message "sample".
func TestDeterministicECDSA(t *testing.T) {
	d, _ := new(big.Int).SetString("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", 16)
	k := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32))))
	sig := must(SignDigest(k, sha256.Sum256([]byte("sample"))))
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &rs); err != nil {
		t.Fatal(err)
	}
	if got := strings.ToUpper(rs.R.Text(16)); got != "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716" {
		t.Errorf("found r = %s", got)
	}
	if got := strings.ToUpper(rs.S.Text(16)); got != "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" {
		t.Errorf("found s = %s", got)
	}
}

// The id of an agent is the beginning of its key fingerprint.
func TestKeyFingerprint(t *testing.T) {
	c := referenceCertificate(t, "nodes", "ca", "root-ca.crt")
	got := KeyFingerprint(c.RawSubjectPublicKeyInfo)
	if want := must(SubjectIdentity(c.RawSubject)).ID(); !strings.HasPrefix(got, want) || len(got) != 64 {
		t.Errorf("found %s, expected 64 digits that begin with the id %s", got, want)
	}
	if sum := sha256.Sum256(must(x509.MarshalPKIXPublicKey(c.PublicKey))); hex.EncodeToString(sum[:]) != got {
		t.Errorf("found %s", got)
	}
}
