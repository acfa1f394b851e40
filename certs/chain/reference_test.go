package chain

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.step.sm/crypto/pemutil"
)

const referenceDir = "../../testdata/reference"

// The reference nodes, by the names of their folders, and the ids of the agents.
var referenceIDs = map[string]string{
	"aa": "1234abcd",
	"ca": "ae4209290a434d18be5465b3d11257f8",
	"da": "9713c1a6b9b52ce34697c159b56ecfb0",
}

func reference(t testing.TB, path ...string) *x509.Certificate {
	t.Helper()
	x, err := parsePEM(t, filepath.Join(append([]string{referenceDir}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func referenceRoot(t testing.TB, node string) *x509.Certificate {
	return reference(t, "nodes", node, "root-ca.crt")
}

func referenceServer(t testing.TB, node string) *x509.Certificate {
	return reference(t, "servers", node+".crt")
}

// referencePeer is the peer certificate that issuer gave to node.
func referencePeer(t testing.TB, issuer, node string) *x509.Certificate {
	return reference(t, "nodes", issuer, "peers", referenceIDs[node], "peercert.crt")
}

// referenceChain is a chain between the reference nodes: the server certificate
// of leaf, the peer certificate that issuer gave to peer ("" for none), the root.
type referenceChain struct {
	leaf, issuer, peer, root string
	want                     Reason
	depth                    int
}

var referenceChains = []referenceChain{
	// A client shows the peer certificate that the server's node issued.
	{leaf: "ca", issuer: "aa", peer: "ca", root: "aa"},
	{leaf: "aa", issuer: "ca", peer: "aa", root: "ca"},
	{leaf: "da", issuer: "aa", peer: "da", root: "aa"},
	{leaf: "aa", issuer: "da", peer: "aa", root: "da"},
	// A server shows its own certificate alone.
	{leaf: "aa", root: "aa"},
	{leaf: "ca", root: "ca"},
	{leaf: "da", root: "da"},
	// One part is that of another node.
	{leaf: "ca", root: "aa", want: NoIssuer},
	{leaf: "ca", issuer: "aa", peer: "da", root: "aa", want: NoIssuer},
	{leaf: "da", issuer: "aa", peer: "ca", root: "aa", want: NoIssuer},
	{leaf: "aa", issuer: "da", peer: "aa", root: "ca", want: NoIssuer, depth: 1},
	{leaf: "ca", issuer: "aa", peer: "ca", root: "da", want: NoIssuer, depth: 1},
	{leaf: "ca", issuer: "ca", peer: "aa", root: "aa", want: NoIssuer},
}

func TestReferenceChains(t *testing.T) {
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	for _, tt := range referenceChains {
		leaf := referenceServer(t, tt.leaf)
		opts := Options{Roots: []*x509.Certificate{referenceRoot(t, tt.root)}, Time: testTime, KeyUsages: usages}
		fault, length := leaf, 2
		if tt.peer != "" {
			opts.Intermediates = []*x509.Certificate{referencePeer(t, tt.issuer, tt.peer)}
			length = 3
		}
		if tt.depth == 1 {
			fault = opts.Intermediates[0]
		}
		path, err := Verify(leaf, opts)
		checkVerdict(t, path, err, tt.want, fault, tt.depth, "")
		if tt.want == accepted && len(path) != length {
			t.Errorf("%+v: found a path of %d, expected %d", tt, len(path), length)
		}
		if tt.want != accepted {
			continue
		}
		// The same a year and a day later; the server certificate has ended.
		opts.Time = testTime.AddDate(1, 0, 1)
		_, err = Verify(leaf, opts)
		checkVerdict(t, nil, err, Expired, leaf, 0, "notAfter")
	}
}

// forgeLeaf is a certificate for the name of another node, signed by a
// reference node's real root key: what a bad peer can do.
func forgeLeaf(t testing.TB, signer, victim string) *x509.Certificate {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(referenceDir, "nodes", signer, "private", "root-ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pemutil.Parse(file, pemutil.WithPassword([]byte("secret-pw")))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: referenceRoot(t, victim).RawSubject,
		NotBefore: testTime.Add(-time.Hour), NotAfter: testTime.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, referenceRoot(t, signer), testKey(t, "forged").Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestBadPeer: the creditors agent calls itself the debtors agent.
func TestBadPeer(t *testing.T) {
	opts := Options{Roots: []*x509.Certificate{referenceRoot(t, "aa")}, Intermediates: []*x509.Certificate{referencePeer(t, "aa", "ca")}, Time: testTime}
	leaf := forgeLeaf(t, "ca", "da")
	_, err := Verify(leaf, opts)
	checkVerdict(t, nil, err, NameNotAllowed, leaf, 0, "found subject directoryName O=Swaptacular Nodes Registry, OU=Debtors Agents, serialNumber=9713c1a6b9b52ce34697c159b56ecfb0, expected a name within permitted directoryName O=Swaptacular Nodes Registry, OU=Creditors Agents")
	if _, err := Verify(forgeLeaf(t, "ca", "ca"), opts); err != nil {
		t.Errorf("found %v, expected its own name to be accepted", err)
	}
}
