package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Certificates that no certificate authority makes, in every place where one is
// read: as a file, in a bundle, in a chain, in the node directory. The command
// refuses them soon, in few words, and changes nothing.

// oddCert is a certificate before it is signed. What is not set is as in the
// root certificate of the reference authority.
type oddCert struct {
	serial     *big.Int
	subject    []byte
	times      []asn1.RawValue
	spki       []byte
	extensions []pkix.Extension
}

// make signs the certificate with its own key, or pretends to.
func (o oddCert) make(t testing.TB) []byte {
	t.Helper()
	model := mustParse(t, "../../testdata/reference/nodes/aa/root-ca.crt")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if o.serial == nil {
		o.serial = model.SerialNumber
	}
	if o.subject == nil {
		o.subject = model.RawSubject
	}
	if o.times == nil {
		o.times = []asn1.RawValue{asn1Time(t, "261123000000Z"), asn1Time(t, "30260326000000Z")}
	}
	if o.spki == nil {
		if o.spki, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
			t.Fatal(err)
		}
	}
	type inner struct {
		Version    int `asn1:"explicit,tag:0"`
		Serial     *big.Int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		Validity   []asn1.RawValue
		Subject    asn1.RawValue
		Key        asn1.RawValue
		Extensions []pkix.Extension `asn1:"omitempty,explicit,tag:3"`
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	name := asn1.RawValue{FullBytes: o.subject}
	tbs, err := asn1.Marshal(inner{2, o.serial, algorithm, name, o.times, name, asn1.RawValue{FullBytes: o.spki}, slices.Concat(o.extensions, model.Extensions)})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func asn1Time(t testing.TB, s string) asn1.RawValue {
	tag := asn1.TagUTCTime
	if len(s) == len("20060102150405Z") {
		tag = asn1.TagGeneralizedTime
	}
	return asn1.RawValue{Tag: tag, Bytes: []byte(s)}
}

func mustParse(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatalf("%s: no PEM block", name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rsaInfo is a public key with a modulus of this many bits.
func rsaInfo(t testing.TB, bits, exponentBits int) []byte {
	t.Helper()
	number := func(bits int) *big.Int {
		n := new(big.Int).SetBytes(noise(bits / 8))
		return n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
	}
	key, err := asn1.Marshal(struct{ N, E *big.Int }{number(bits), number(exponentBits)})
	if err != nil {
		t.Fatal(err)
	}
	info, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func oddCerts(t testing.TB) map[string][]byte {
	t.Helper()
	extensions := func(n int) (out []pkix.Extension) {
		for i := range n {
			out = append(out, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, i}, Value: []byte{5, 0}})
		}
		return out
	}
	subject := func(parts ...[]pkix.AttributeTypeAndValue) []byte {
		var name pkix.RDNSequence
		for _, p := range parts {
			name = append(name, p)
		}
		der, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	part := func(value string) []pkix.AttributeTypeAndValue {
		return []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: value}}
	}
	var parts [][]pkix.AttributeTypeAndValue
	var together []pkix.AttributeTypeAndValue
	for range 1500 {
		parts, together = append(parts, part("a")), append(together, part("a")...)
	}
	deep := []byte{5, 0}
	for range 5000 {
		n := len(deep)
		deep = append([]byte{0x30, 0x82, byte(n >> 8), byte(n)}, deep...)
	}
	year := []asn1.RawValue{asn1Time(t, "19500101000000Z"), asn1Time(t, "99991231235959Z")}
	return map[string][]byte{
		"10,000 extensions":            oddCert{extensions: extensions(10_000)}.make(t),
		"extensions that fit":          oddCert{extensions: extensions(2000)}.make(t),
		"an extension twice":           oddCert{extensions: append(extensions(1), extensions(1)...)}.make(t),
		"a critical unknown extension": oddCert{extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}}.make(t),
		"an extension that is deep":    oddCert{extensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: deep}}}.make(t),
		"a name of 1 MB":               oddCert{subject: subject(part(strings.Repeat("n", 1<<20)))}.make(t),
		"a name that fits":             oddCert{subject: subject(part(strings.Repeat("n", 20<<10)))}.make(t),
		"a name of 1,500 parts":        oddCert{subject: subject(parts...)}.make(t),
		"a part of 1,500 attributes":   oddCert{subject: subject(together)}.make(t),
		"a name that is empty":         oddCert{subject: subject()}.make(t),
		"a negative serial":            oddCert{serial: big.NewInt(-5)}.make(t),
		"a serial of zero":             oddCert{serial: new(big.Int)}.make(t),
		"a serial of 1,000 bytes":      oddCert{serial: new(big.Int).SetBytes(noise(1000))}.make(t),
		"RSA of 16,384 bits":           oddCert{spki: rsaInfo(t, 16_384, 24)}.make(t),
		"RSA of 262,144 bits":          oddCert{spki: rsaInfo(t, 262_144, 24)}.make(t),
		"RSA with a large exponent":    oddCert{spki: rsaInfo(t, 3072, 3072)}.make(t),
		"every year":                   oddCert{times: year}.make(t),
		"ends before it begins":        oddCert{times: []asn1.RawValue{asn1Time(t, "30260326000000Z"), asn1Time(t, "261123000000Z")}}.make(t),
		"a time that is none":          oddCert{times: []asn1.RawValue{asn1Time(t, "261323000000Z"), asn1Time(t, "30260326000000Z")}}.make(t),
		"no base64":                    []byte("-----BEGIN CERTIFICATE-----\n\x1b[2J\u202e\n-----END CERTIFICATE-----\n"),
		"65 KiB of nothing":            make([]byte, 65<<10),
	}
}

func TestHostileCertificates(t *testing.T) {
	const soon = 5 * time.Second // for one command, on a machine that does much else
	const daID = "9713c1a6b9b52ce34697c159b56ecfb0"
	reference := "../../testdata/reference/"
	env := map[string]string{"SWPTPEER_PASSWORD": "secret-pw"}
	var runs atomic.Int64
	odd := oddCerts(t)
	t.Cleanup(func() { t.Logf("%d certificates, %d commands", len(odd), runs.Load()) })
	for name, file := range odd {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := t.TempDir()
			crt, zip := filepath.Join(work, "odd.crt"), filepath.Join(work, "odd.zip")
			read := func(name string) []byte {
				data, err := os.ReadFile(reference + name)
				if err != nil {
					t.Fatal(err)
				}
				return data
			}
			write := func(name string, data []byte) {
				if err := os.WriteFile(name, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write(crt, file)
			write(zip, rawZip(t, stored("root-ca.crt", file), stored("root-ca.csr", read("nodes/aa/db/root-ca.csr")), stored("nodeinfo.zip", []byte("x")), stored("nodeinfo.signature", []byte("x"))))
			// with is a node directory in which a file is the odd certificate.
			with := func(node, path string) string {
				dir := filepath.Join(work, strings.ReplaceAll(node+"-"+path, "/", "_"))
				copyNodeTo(t, node, dir)
				if path != "" {
					write(filepath.Join(dir, path), file)
				}
				return dir
			}
			plain, peerRoot, subCA := with("aa", ""), with("aa", "peers/"+daID+"/root-ca.crt"), with("aa", "peers/"+daID+"/sub-ca.crt")
			issued, own := with("aa", "certs/8E5F9DB19112FEFA4BC420F299571933.pem"), with("aa", "root-ca.crt")
			root, leaf, peer := reference+"nodes/aa/root-ca.crt", reference+"servers/ca.crt", reference+"nodes/ca/peers/1234abcd/sub-ca.crt"
			before := digestOf(t, work)
			failed, unreadable, done := []int{statusFailed}, []int{statusFailed, statusIO}, []int{statusDone, statusFailed, statusIO}
			for _, c := range []struct {
				status []int
				args   []string
			}{
				{failed, []string{"cert", "inspect", crt}},
				{failed, []string{"cert", "verify", "--root", root, crt}},
				{failed, []string{"cert", "verify", "--root", root, "--intermediate", peer, crt}},
				{failed, []string{"cert", "verify", "--root", root, "--intermediate", crt, leaf}},
				{failed, []string{"cert", "verify", "--root", crt, "--intermediate", peer, leaf}},
				{failed, []string{"cert", "verify", "--root", crt, crt}},
				{failed, []string{"cert", "verify", "--profile=false", "--root", crt, "--intermediate", crt, leaf}},
				{failed, []string{"bundle", "verify", zip}},
				{failed, []string{"bundle", "inspect", zip}},
				{failed, []string{"bundle", "diff", reference + "bundles/ca.zip", zip}},
				{failed, []string{"peer", "sign", zip, "--dir", plain, "--yes"}},
				{failed, []string{"peer", "register", crt, "--dir", plain}},
				{failed, []string{"server", "renew", crt, "--dir", plain, "--yes"}},
				{failed, []string{"doctor", "--dir", peerRoot}},
				{done, []string{"peer", "show", daID, "--dir", subCA}},
				{failed, []string{"doctor", "--dir", issued}},
				{unreadable, []string{"doctor", "--dir", own}},
				{done, []string{"peer", "list", "--dir", peerRoot}},
				{done, []string{"peer", "show", daID, "--dir", peerRoot}},
				{unreadable, []string{"peer", "sign", reference + "bundles/da.zip", "--dir", peerRoot, "--yes"}},
				{done, []string{"peer", "list", "--dir", own}},
				{unreadable, []string{"bundle", "create", filepath.Join(work, "new.zip"), "--dir", own}},
				{unreadable, []string{"csr", "sign", reference + "servers/aa.csr", "--dir", own, "--yes"}},
			} {
				runs.Add(1)
				begin := time.Now()
				code, stdout, stderr := runWith(t, env, c.args...)
				if took := time.Since(begin); took > soon {
					t.Errorf("%q took %s", c.args, took)
				}
				if !slices.Contains(c.status, code) {
					t.Errorf("%q: exit status %d, expected %v: %.500s", c.args, code, c.status, stderr)
				}
				if code != statusDone && stdout+stderr == "" {
					t.Errorf("%q: exit status %d without a word", c.args, code)
				}
				if n := len(stdout) + len(stderr); n > 100<<10 {
					t.Errorf("%q: found %d bytes of output", c.args, n)
				}
				for _, r := range stdout + stderr {
					if r != '\n' && !printable(r) {
						t.Errorf("%q: the output has %U", c.args, r)
						break
					}
				}
			}
			if digestOf(t, work) != before {
				t.Error("something was changed")
			}
		})
	}
}

// digestOf is a digest of everything below a folder: names, modes, contents.
func digestOf(t testing.TB, root string) [sha256.Size]byte {
	t.Helper()
	text, err := tree(root)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256([]byte(text))
}

// copyNodeTo copies a reference node, with the modes that it has to have.
func copyNodeTo(t testing.TB, node, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(filepath.Join("../../testdata/reference/nodes", node))); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "private":
			return os.Chmod(path, 0o700)
		case d.IsDir():
			return os.Chmod(path, 0o755)
		case strings.HasSuffix(path, ".key"):
			return os.Chmod(path, 0o600)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
