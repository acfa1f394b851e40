package nodedir

import (
	"crypto"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// otherSignature is the certificate with the second signature that anybody can
// make of one by ECDSA on P-256: (r, n - s) of (r, s).
func otherSignature(t *testing.T, c *certs.Certificate) *certs.Certificate {
	t.Helper()
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(c.Signature, &sig); err != nil {
		t.Fatal(err)
	}
	sig.S.Sub(elliptic.P256().Params().N, sig.S)
	changed, err := asn1.Marshal(sig)
	if err != nil {
		t.Fatal(err)
	}
	in, outer := cryptobyte.String(c.Raw), cryptobyte.String(nil)
	var tbs, algorithm cryptobyte.String
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, cbasn1.SEQUENCE) || !outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) {
		t.Fatal("no certificate")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithm)
		b.AddASN1BitString(changed)
	})
	out, err := certs.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.BytesOrPanic()}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Who changes a signature on its way, which takes no key, does not keep the
// genuine certificate out afterwards.
func TestSecondSignatureKeepsNobodyOut(t *testing.T) {
	d := openNode(t, "aa")
	agent := newStranger(t, certs.CreditorsAgent, "")
	genuine := agent.root
	agent.root = otherSignature(t, genuine)
	key := referenceKey(t, "aa")
	change := Change{Key: func() (crypto.Signer, error) { return key, nil }}
	if _, err := d.SignPeer(t.Context(), SignRequest{Bundle: agent.bundle(t, "2026-11-23", nil)}, change); err != nil {
		t.Fatal(err)
	}
	agent.root = genuine
	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: agent.bundle(t, "2026-11-24", map[string]string{"new.txt": "x\n"})}, change)
	if err != nil {
		t.Fatalf("the genuine bundle is refused: %v", err)
	}
	if got := readText(t, d, "peers/"+agent.id.ID()+"/nodeinfo/new.txt"); got != "x\n" || res.Certificate == nil {
		t.Errorf("found %q and %v, want an update", got, res)
	}

	issued := agent.certify(t, d, "")
	mustRegister(t, d, otherSignature(t, issued))
	if again := mustRegister(t, d, issued); !again.Already {
		t.Errorf("the genuine certificate: found %+v", again)
	}
}
