package certs

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// needTool skips the test if a program is not there, unless the interoperability
// tests are required.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf("%s is required by SWPTPEER_REQUIRE_INTEROP: %v", name, err)
		}
		t.Skipf("%s is not installed", name)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tryRun(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func tryRun(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// OpenSSL agrees with every certificate and request that is issued.
func TestOpenSSLAgrees(t *testing.T) {
	needTool(t, "openssl")
	for _, kind := range []struct {
		name string
		w    *world
	}{{"ECDSA", theWorld()}, {"RSA", rsaWorld(t)}} {
		t.Run(kind.name, func(t *testing.T) {
			w, dir := kind.w, t.TempDir()
			aa, ca := write(t, dir, "aa.crt", w.aa.root.File), write(t, dir, "ca.crt", w.ca.root.File)
			aaToCA, server := write(t, dir, "aa-ca.crt", w.aaToCA.File), write(t, dir, "server.crt", w.server.File)
			time := "1796126401" // one second after at
			for _, args := range [][]string{
				{"-check_ss_sig", "-trusted", ca, ca},
				{"-trusted", aa, "-untrusted", aaToCA, "-purpose", "sslclient", server},
				{"-trusted", aa, "-untrusted", aaToCA, "-purpose", "sslserver", server},
				{"-trusted", ca, server},
			} {
				run(t, "openssl", append([]string{"verify", "-x509_strict", "-attime", time}, args...)...)
			}
			// The constraint works in OpenSSL too: another's server below the same peer certificate.
			l := retell(w.server, w.ca.key)
			l.subject = w.da.root.RawSubject
			other := write(t, dir, "other.crt", l.file())
			if out, err := tryRun("openssl", "verify", "-attime", time, "-trusted", aa, "-untrusted", aaToCA, other); err == nil || !strings.Contains(out, "permitted subtree violation") {
				t.Errorf("found %v: %s, expected a permitted subtree violation", err, out)
			}
			for _, r := range []*Request{w.caReq, w.serverReq} {
				run(t, "openssl", "req", "-noout", "-verify", "-in", write(t, dir, "r.csr", r.File))
			}
			for name, c := range map[string]*Certificate{"root": w.ca.root, "peer": w.aaToDA, "server": w.server} {
				text := run(t, "openssl", "x509", "-noout", "-text", "-in", write(t, dir, "c.crt", c.File))
				if want := must(SerialOf(c.Certificate)).String(); !strings.Contains(run(t, "openssl", "x509", "-noout", "-serial", "-in", filepath.Join(dir, "c.crt")), "serial="+want) {
					t.Errorf("%s: OpenSSL writes another serial than %s", name, want)
				}
				if strings.Contains(text, "<INVALID") || strings.Contains(text, "Unable") {
					t.Errorf("%s:\n%s", name, text)
				}
			}
		})
	}
}

// rsaWorld is a world whose nodes have keys of the kind in use.
func rsaWorld(t *testing.T) *world {
	w := &world{aa: newNodeWithKey(t, AccountingAuthority, referenceKey(t, "aa")),
		ca: newNodeWithKey(t, CreditorsAgent, referenceKey(t, "ca")),
		da: newNodeWithKey(t, DebtorsAgent, referenceKey(t, "da"))}
	w.aaToCA, w.aaToDA = w.aa.certify(t, w.ca, "000001"), w.aa.certify(t, w.da, "1234abcd00")
	w.caToAA = w.ca.certify(t, w.aa, "")
	key := must(ParsePrivateKey(readReference(t, "servers", "ca.key"), nil))
	w.serverReq = must(NewServerRequest(key, w.ca.root.RawSubject))
	w.server = must(w.ca.issuer().IssueServer(w.serverReq, ServerDays, must(NewSerial()), at))
	w.caReq = w.ca.req
	return w
}

// A dump of what we issue differs from one of the existing tool's only in
// serial, dates, keys, ids and signature.
func TestDumpsAreAlike(t *testing.T) {
	needTool(t, "openssl")
	dir := t.TempDir()
	w := &world{aa: newNodeWithKey(t, AccountingAuthority, modestKeyOf(t)), ca: newNodeWithKey(t, CreditorsAgent, strongRSA())}
	w.aaToCA, w.caToAA = w.aa.certify(t, w.ca, "0000fe"), w.ca.certify(t, w.aa, "")
	for _, tt := range []struct {
		name         string
		ours, theirs *Certificate
	}{
		{"root", w.ca.root, referenceCertificate(t, "nodes", "ca", "root-ca.crt")},
		{"aa to ca", w.aaToCA, referenceCertificate(t, "nodes", "ca", "peers", "1234abcd", "sub-ca.crt")},
		{"ca to aa", w.caToAA, referenceCertificate(t, "nodes", "aa", "peers", "ae4209290a434d18be5465b3d11257f8", "sub-ca.crt")},
	} {
		ours := mask(run(t, "openssl", "asn1parse", "-inform", "DER", "-in", write(t, dir, "ours", tt.ours.Raw)))
		theirs := mask(run(t, "openssl", "asn1parse", "-inform", "DER", "-in", write(t, dir, "theirs", tt.theirs.Raw)))
		if ours != theirs {
			t.Errorf("%s: found\n%s\nexpected\n%s", tt.name, ours, theirs)
		}
	}
}

func modestKeyOf(t *testing.T) crypto.Signer { return referenceKey(t, "da") } // any RSA 3072 key but the authority's own

var masks = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^ *\d+:`),                  // offsets: a serial may have one octet more
	regexp.MustCompile(`l= *\d+ cons`),                 // and so may what holds it
	regexp.MustCompile(`(?m)l= *\d+ prim: INTEGER .*`), // serial
	regexp.MustCompile(`TIME +:\d+Z`),                  // dates
	regexp.MustCompile(`(?m):[0-9a-f]{32}$`),           // ids
	regexp.MustCompile(`0414[0-9A-F]{40}`),             // key id
	regexp.MustCompile(`8014[0-9A-F]{40}`),             // authority key id
	regexp.MustCompile(`5375626E65743A20[0-9A-F]+`),    // subnet
	regexp.MustCompile(`(06035504051320)[0-9A-F]{64}`), // an agent's id in a constraint
}

func mask(dump string) string {
	for _, m := range masks {
		dump = m.ReplaceAllString(dump, "*")
	}
	return dump
}

// OpenSSL and OpenSSH open the keys that are written.
func TestKeysOpenElsewhere(t *testing.T) {
	needTool(t, "openssl")
	needTool(t, "ssh-keygen")
	dir := t.TempDir()
	for name, key := range map[string]crypto.Signer{"rsa": strongRSA(), "p256": newEC(elliptic.P256()), "p384": newEC(elliptic.P384())} {
		t.Run(name, func(t *testing.T) {
			const password = "secret pw: ünïcode"
			file := write(t, dir, name+".key", must(EncryptPrivateKey(key, []byte(password))))
			pub := must(EncodePublicKey(key.Public()))
			if got := run(t, "openssl", "pkey", "-in", file, "-passin", "pass:"+password, "-pubout"); got != string(pub) {
				t.Errorf("openssl: found %s, expected %s", got, pub)
			}
			line := string(must(AuthorizedKey(key.Public())))
			if got := run(t, "ssh-keygen", "-y", "-P", password, "-f", file); strings.TrimSpace(got) != strings.TrimSpace(line) {
				t.Errorf("ssh-keygen -y: found %s, expected %s", got, line)
			}
			if got := run(t, "ssh-keygen", "-i", "-m", "PKCS8", "-f", write(t, dir, name+".pub", pub)); strings.TrimSpace(got) != strings.TrimSpace(line) {
				t.Errorf("ssh-keygen -i: found %s, expected %s", got, line)
			}
			run(t, "openssl", "pkey", "-in", write(t, dir, "plain", must(EncodePrivateKey(key))), "-check", "-noout")
			plain := write(t, dir, name+".plain", must(EncodePrivateKey(key)))
			if got := run(t, "ssh-keygen", "-y", "-f", plain); strings.TrimSpace(got) != strings.TrimSpace(line) {
				t.Errorf("ssh-keygen -y without a password: found %s, expected %s", got, line)
			}
		})
	}
}

// The root key is used as an SSH certificate authority.
func TestRootKeySignsForSSH(t *testing.T) {
	needTool(t, "ssh-keygen")
	dir := t.TempDir()
	ca := write(t, dir, "root-ca.key", must(EncryptPrivateKey(strongRSA(), []byte("secret-pw"))))
	user := write(t, dir, "user.pub", must(AuthorizedKey(newEC(elliptic.P256()).Public())))
	run(t, "ssh-keygen", "-q", "-s", ca, "-P", "secret-pw", "-I", "test", "-n", "root", user)
	out := run(t, "ssh-keygen", "-L", "-f", filepath.Join(dir, "user-cert.pub"))
	if !strings.Contains(out, "Signing CA: RSA") {
		t.Errorf("found %s", out)
	}
}

// The command that an UnsupportedKeyError names converts the key.
func TestConversions(t *testing.T) {
	needTool(t, "openssl")
	want := must(ParsePrivateKey(keyFile(t, "pkcs8.pem"), nil)).Public()
	for _, name := range []string{"scrypt.pem", "pbes1-md5-des.pem", "pbe-sha1-3des.pem", "pbkdf2-SHA512.pem", "camellia.pem", "legacy-ec-camellia.pem"} {
		_, err := ParsePrivateKey(keyFile(t, name), referencePassword)
		e, ok := unsupported(err)
		if !ok {
			t.Errorf("%s: found %v", name, err)
			continue
		}
		out := filepath.Join(t.TempDir(), "new.pem")
		args := strings.Fields(strings.NewReplacer("OLDKEY", filepath.Join("testdata", "keys", name), "NEWKEY", out).Replace(e.Convert))
		if text, err := tryRun(args[0], append(args[1:], "-passin", "pass:secret-pw", "-passout", "pass:secret-pw")...); err != nil {
			if strings.Contains(text, "unable to load provider legacy") {
				t.Logf("%s: this OpenSSL has no legacy provider", name)
				continue
			}
			t.Errorf("%s: %v: %s", name, err, text)
			continue
		}
		converted, err := os.ReadFile(out)
		if err != nil {
			t.Error(err)
			continue
		}
		if k, err := ParsePrivateKey(converted, referencePassword); err != nil || !samePublicKey(k.Public(), want) {
			t.Errorf("%s: the converted key: %v", name, err)
		}
	}
}

func unsupported(err error) (*UnsupportedKeyError, bool) {
	for err != nil {
		if e, ok := err.(*UnsupportedKeyError); ok {
			return e, true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return nil, false
		}
		err = u.Unwrap()
	}
	return nil, false
}

// The signature over a bundle is what OpenSSL makes and takes.
func TestDigestSignatureElsewhere(t *testing.T) {
	needTool(t, "openssl")
	dir := t.TempDir()
	data := write(t, dir, "nodeinfo.zip", []byte("any bytes"))
	for _, key := range []crypto.Signer{strongRSA(), newEC(elliptic.P256()), newEC(elliptic.P384())} {
		sig := must(SignDigest(key, sha256Of([]byte("any bytes"))))
		pub := write(t, dir, "pub.pem", must(EncodePublicKey(key.Public())))
		run(t, "openssl", "dgst", "-sha256", "-verify", pub, "-signature", write(t, dir, "sig", sig), data)
		theirs := filepath.Join(dir, "theirs")
		run(t, "openssl", "dgst", "-sha256", "-sign", write(t, dir, "key.pem", must(EncodePrivateKey(key))), "-out", theirs, data)
		b, err := os.ReadFile(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyDigest(key.Public(), sha256Of([]byte("any bytes")), b); err != nil {
			t.Error(err)
		}
		if key == strongRSA() && !bytes.Equal(b, sig) {
			t.Error("found another RSA signature than OpenSSL's")
		}
	}
}

// TestConvertKeys: the commands that errors name convert what they are named for,
// into a key that doctor has nothing against.
func TestConvertKeys(t *testing.T) {
	for _, command := range []string{convertKey, convertLegacyKey} {
		if want := fmt.Sprintf(" -iter %d ", WrittenRounds); !strings.Contains(command, want) {
			t.Errorf("found %q, expected%s", command, want)
		}
	}
	needTool(t, "openssl")
	for _, name := range []string{"scrypt.pem", "pbe-sha1-3des.pem", "pbkdf2-SHA512.pem"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			old, converted := write(t, dir, "old", keyFile(t, name)), filepath.Join(dir, "new")
			command := strings.NewReplacer("OLDKEY", old, "NEWKEY", converted).Replace(convertKey)
			args := append(strings.Fields(command), "-passin", "pass:secret-pw", "-passout", "pass:secret-pw")
			run(t, args[0], args[1:]...)
			file := must(os.ReadFile(converted))
			if rounds, err := KeyRounds(file); err != nil || rounds != WrittenRounds {
				t.Errorf("found %d rounds, %v, expected %d", rounds, err, WrittenRounds)
			}
			if _, err := ParsePrivateKey(file, referencePassword); err != nil {
				t.Error(err)
			}
		})
	}
}
