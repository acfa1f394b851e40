// Package reference gives tests the nodes and server keys of testdata/reference.
// It is for tests below stompcheck only.
package reference

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// InTime is a moment at which every reference certificate is valid.
var InTime = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// Clock stands still at t.
func Clock(t time.Time) func() time.Time { return func() time.Time { return t } }

// Path returns the path of a file of the reference data.
func Path(elem ...string) string {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..", "testdata", "reference")
	return filepath.Join(append([]string{root}, elem...)...)
}

// File returns the content of a file.
func File(t testing.TB, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(Path(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Cert returns the certificate in a file.
func Cert(t testing.TB, elem ...string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(File(t, elem...))
	if block == nil {
		t.Fatalf("%s: no PEM block", filepath.Join(elem...))
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// KeyPair returns the server certificate of a node ("aa", "ca" or "da") with
// its key.
func KeyPair(t testing.TB, node string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(Path("servers", node+".crt"), Path("servers", node+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// RootKey returns the root key of a node.
func RootKey(t testing.TB, node string) crypto.Signer {
	t.Helper()
	key, err := certs.ParsePrivateKey(File(t, "nodes", node, "private", "root-ca.key"), func() ([]byte, error) { return []byte("secret-pw"), nil })
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Identity returns who a node is.
func Identity(t testing.TB, node string) certs.Identity {
	t.Helper()
	typ, err := certs.ParseUnit(line(t, "nodes", node, "db", "nodetype"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := certs.NewIdentity(typ, line(t, "nodes", node, "db", "nodeid"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Subnet is what the reference authority gave to the agent of two nodes, one of
// which is that authority.
func Subnet(t testing.TB, a, b string) certs.Subnet {
	t.Helper()
	agent := a
	if a == "aa" {
		agent = b
	}
	s, err := certs.ParseSubnet(line(t, "nodes", "aa", "peers", Identity(t, agent).ID(), "subnet.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func line(t testing.TB, elem ...string) string {
	t.Helper()
	return strings.TrimSuffix(string(File(t, elem...)), "\n")
}
