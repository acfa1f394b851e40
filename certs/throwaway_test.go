package certs

import (
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
)

// rfc9500Fingerprint is the key fingerprint of testRSA2048 in RFC 9500, section
// 2.1, as `openssl pkey -pubout -outform DER | sha256sum` gives it.
const rfc9500Fingerprint = "8fb6bad671cfe698393c453357da61b56d757ab8c0f3fb9c87f2849e63131878"

func TestPublishedKeyIsTheRFCs(t *testing.T) {
	key := must(publishedRSAKey())
	if found := KeyFingerprint(must(x509.MarshalPKIXPublicKey(key.Public()))); found != rfc9500Fingerprint {
		t.Errorf("found key %s, expected %s", found, rfc9500Fingerprint)
	}
	if again := must(publishedRSAKey()); again != key {
		t.Error("found another key on the second call, expected it to be computed once")
	}
}

// Whoever took the published key for his own signs nothing with it.
func TestPublishedKeySignsNothingReal(t *testing.T) {
	key := &counted{Signer: must(publishedRSAKey())}
	id := must(AgentIdentity(CreditorsAgent, must(PublicKeyInfo(key.Public()))))
	_, err := IssueRoot(key, id, must(NewSerial()), at)
	if err == nil || !strings.Contains(err.Error(), "RFC 9500") {
		t.Errorf("found error %v, expected a refusal of the key that RFC 9500 publishes", err)
	}
	if key.signed != 0 {
		t.Errorf("found %d signatures, expected none", key.signed)
	}
}

// What a real RSA key issues carries the algorithm that was judged, and its own
// signature, not the published key's.
func TestThrowawaySignatureStaysInside(t *testing.T) {
	w := theWorld()
	key := must(GenerateKey())
	id := must(NewIdentity(AccountingAuthority, "0000abcd"))
	root := must(IssueRoot(key, id, must(NewSerial()), at))
	issuer := must(NewIssuer(root.Certificate, key))
	c := must(issuer.IssuePeer(w.ca.root, w.ca.req, must(ParseSubnet("000001")), must(NewSerial()), at))
	for _, c := range []*Certificate{root, c} {
		if err := root.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature); err != nil {
			t.Errorf("%s: %v", c.Subject, err)
		}
		if bits := len(c.Signature) * 8; bits != key.Public().(*rsa.PublicKey).N.BitLen() {
			t.Errorf("%s: found a signature of %d bits, expected %d", c.Subject, bits, RSABits)
		}
	}
}
