package nodedir

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
)

// More of what is in testdata/reference: bundles of nodes that are not there.
const (
	referenceBundles = "../../testdata/reference/bundles"
	referenceCA2     = "fd04da463b2f01f12e829aa346293730" // a deactivated peer of aa
	referenceDA2     = "52fbfa7e0fceb8dd45e04a9052dc07d0" // known to nobody
)

// keyOf is withKey for the node in d, a copy of a reference node.
func keyOf(t testing.TB, d *Dir) Change { return withKey(t, d.Identity().Type().String()) }

func refBundle(t testing.TB, name string) *bundle.Bundle {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(referenceBundles, name+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	return verified(t, data)
}

func verified(t testing.TB, data []byte) *bundle.Bundle {
	t.Helper()
	b, report := bundle.Verify(bytes.NewReader(data), int64(len(data)), bundle.VerifyOptions{Name: "test", Time: testNow})
	if b == nil {
		t.Fatal(report.Err())
	}
	return b
}

// stranger is a node that exists only in memory.
type stranger struct {
	id   certs.Identity
	key  crypto.Signer
	root *certs.Certificate
	req  *certs.Request
}

// newStranger makes a node with an EC key, which is quick. The id matters for
// authorities only.
func newStranger(t testing.TB, typ certs.NodeType, id string) *stranger {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return strangerWithKey(t, typ, id, key)
}

func strangerWithKey(t testing.TB, typ certs.NodeType, id string, key crypto.Signer) *stranger {
	t.Helper()
	s := &stranger{key: key}
	spki, err := certs.PublicKeyInfo(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if typ == certs.AccountingAuthority {
		s.id, err = certs.NewIdentity(typ, id)
	} else {
		s.id, err = certs.AgentIdentity(typ, spki)
	}
	if err != nil {
		t.Fatal(err)
	}
	serial, err := certs.NewSerial()
	if err != nil {
		t.Fatal(err)
	}
	if s.root, err = certs.IssueRoot(key, s.id, serial, testNow.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s.req, err = certs.NewRequest(key, s.id.RawName()); err != nil {
		t.Fatal(err)
	}
	return s
}

// rename gives the stranger another name, in DER, which no issuer of ours would
// write.
func (s *stranger) rename(t testing.TB, raw []byte) {
	t.Helper()
	old := s.root.Certificate
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: old.SerialNumber, RawSubject: raw, NotBefore: old.NotBefore, NotAfter: old.NotAfter, ExtraExtensions: old.Extensions,
	}, &x509.Certificate{RawSubject: raw}, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	if s.root, err = certs.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		t.Fatal(err)
	}
	if s.req, err = certs.NewRequest(s.key, raw); err != nil {
		t.Fatal(err)
	}
}

// refStranger is a reference node seen from outside, with its real key.
func refStranger(t testing.TB, name string) *stranger {
	t.Helper()
	d := openNode(t, name)
	req, err := certs.ParseRequest(read(t, d.file(fileRequest)))
	if err != nil {
		t.Fatal(err)
	}
	return &stranger{id: d.Identity(), key: referenceKey(t, name), root: d.Root(), req: req}
}

const testManifest = `servers = ["peer.example.com:1234"]
host = "/"
destination = "/exchange/accounts_in"
`

// bundle makes an info-bundle; files are added to nodeinfo/.
func (s *stranger) bundle(t testing.TB, updatedAt string, files map[string]string) *bundle.Bundle {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"stomp.toml": testManifest}
	maps.Copy(all, files)
	for name, text := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	at := mustUpdatedAt(t, updatedAt)
	if _, err := bundle.Create(t.Context(), &b, bundle.Source{
		Root: s.root, Request: s.req, Dir: dir, Key: s.key, UpdatedAt: at, Modified: at.Time(),
	}); err != nil {
		t.Fatal(err)
	}
	return verified(t, b.Bytes())
}

// certify is step 4 as the stranger does it: a peer certificate for d.
func (s *stranger) certify(t testing.TB, d *Dir, subnet string) *certs.Certificate {
	t.Helper()
	req, err := certs.ParseRequest(read(t, d.file(fileRequest)))
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := certs.NewIssuer(s.root.Certificate, s.key)
	if err != nil {
		t.Fatal(err)
	}
	var sub certs.Subnet
	if subnet != "" {
		if sub, err = certs.ParseSubnet(subnet); err != nil {
			t.Fatal(err)
		}
	}
	serial, err := certs.NewSerial()
	if err != nil {
		t.Fatal(err)
	}
	c, err := issuer.IssuePeer(d.Root(), req, sub, serial, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustSign(t testing.TB, d *Dir, b *bundle.Bundle) *SignResult {
	t.Helper()
	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, keyOf(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func mustRegister(t testing.TB, d *Dir, c *certs.Certificate) *RegisterResult {
	t.Helper()
	res, err := d.RegisterPeer(t.Context(), c, noKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// changedFiles lists what differs between two snapshots, without folders and
// without our lock, which stays.
func changedFiles(before, after map[string]string) []string {
	return slices.DeleteFunc(changed(before, after), func(name string) bool {
		return name == fileLock || strings.HasPrefix(after[name]+before[name], "d")
	})
}

func readText(t testing.TB, d *Dir, rel string) string {
	t.Helper()
	data, err := os.ReadFile(d.file(rel))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeText(t testing.TB, d *Dir, rel, text string) {
	t.Helper()
	write(t, d.file(rel), text)
}

// wantRejected checks that err is ErrRejected and says all of parts.
func wantRejected(t testing.TB, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, ErrRejected) {
		t.Fatalf("found error %v, expected a rejection", err)
	}
	wantError(t, err, parts...)
}
