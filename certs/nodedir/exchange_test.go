package nodedir

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// publish makes the node's info-bundle and returns its bytes.
func publish(t *testing.T, d *Dir, ch Change) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "bundle.zip")
	if _, err := d.CreateBundle(t.Context(), out, false, ch); err != nil {
		t.Fatal(err)
	}
	return read(t, out)
}

// The four steps between a new node of ours and one of the existing tool, and
// then the chains that they present to each other.
func TestExchange(t *testing.T) {
	aa := openNode(t, "aa")
	// The agent has the key of a reference node, because making one takes
	// long; so the authority must not know that node.
	remove(t, aa.file("peers/"+referenceCA))
	rows := strings.SplitAfter(readText(t, aa, fileIndex), "\n")
	writeText(t, aa, fileIndex, strings.Join(slices.Delete(rows, 1, 2), ""))
	remove(t, aa.file(dirCreditorsSubnets+"/000001"))
	remove(t, aa.file("certs/"+aaCert+".pem"))
	path := filepath.Join(t.TempDir(), "app", "node-data")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := Init(t.Context(), path, InitRequest{
		Type: certs.CreditorsAgent, Servers: []string{"ca.example.com:1234"},
		AdoptKey: read(t, referenceNodes, "ca", fileRootKey), Password: passwordOf(referencePassword),
	}, testOptions(), Change{})
	if err != nil {
		t.Fatal(err)
	}
	ca, caKey := made.Dir, withKey(t, "ca")

	// Steps 1 and 2, 3 and 4.
	atAA := mustSign(t, aa, verified(t, publish(t, ca, caKey)))
	atCA, err := ca.SignPeer(t.Context(), SignRequest{Bundle: verified(t, publish(t, aa, keyOf(t, aa)))}, caKey)
	if err != nil {
		t.Fatal(err)
	}
	if atAA.Peer.Subnet.String() != "000003" || !atCA.Peer.Subnet.IsZero() {
		t.Errorf("found subnets %q and %q", atAA.Peer.Subnet, atCA.Peer.Subnet)
	}
	for _, p := range []*Peer{atAA.Peer, atCA.Peer} {
		if want := [4]StepState{StepDone, StepDone, StepUnknown, StepOpen}; p.Steps() != want {
			t.Errorf("found steps %v, expected %v", p.Steps(), want)
		}
	}
	// Each registers what the other sent.
	regAA := mustRegister(t, aa, atCA.Certificate)
	regCA := mustRegister(t, ca, atAA.Certificate)
	if regCA.Peer.MasqSubnet.String() != "000003" || !regCA.Peer.HasManifest || regAA.Peer.HasManifest {
		t.Errorf("found %+v and %+v", regAA.Peer, regCA.Peer)
	}
	wantManifest(t, ca, peerManifest{id: referenceAA, queues: 1, updatedAt: mustUpdatedAt(t, regCA.Peer.UpdatedAt)})
	for _, p := range []*Peer{regAA.Peer, regCA.Peer} {
		if want := [4]StepState{StepDone, StepDone, StepDone, StepDone}; p.Steps() != want || len(p.Problems) > 0 {
			t.Errorf("found steps %v, problems %v", p.Steps(), p.Problems)
		}
	}

	// Each presents to the other its server certificate and what it registered.
	sides := []struct {
		client, server *Dir
		change         Change
		registered     *Peer // the server's node, as the client knows it
	}{{aa, ca, keyOf(t, aa), regAA.Peer}, {ca, aa, caKey, regCA.Peer}}
	for _, s := range sides {
		leaf := issueServer(t, s.client, s.change)
		id, err := certs.VerifyClient([]*x509.Certificate{leaf, s.registered.SubCA.Certificate}, s.server.Root().Certificate, testNow)
		if err != nil || id != s.client.Identity() {
			t.Errorf("%s presents itself to %s: found %s, %v", s.client.Identity(), s.server.Identity(), id, err)
		}
	}
	for _, s := range sides {
		other := caKey
		if s.server == aa {
			other = keyOf(t, aa)
		}
		leaf := issueServer(t, s.server, other)
		if err := certs.VerifyServer([]*x509.Certificate{leaf}, s.registered.Root.Certificate, testNow); err != nil {
			t.Errorf("%s presents itself to %s: %v", s.server.Identity(), s.client.Identity(), err)
		}
	}
	if !bytes.Equal(regAA.Peer.SubCA.File, atCA.Certificate.File) {
		t.Error("sub-ca.crt is not what was sent")
	}
}

// issueServer makes a server certificate for a new key.
func issueServer(t *testing.T, d *Dir, ch Change) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	req, err := certs.NewServerRequest(key, d.Root().RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	res, err := d.IssueServer(t.Context(), req, 365, ch)
	if err != nil {
		t.Fatal(err)
	}
	return res.Certificate.Certificate
}
