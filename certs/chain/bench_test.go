package chain

import (
	"crypto/x509"
	"testing"
)

// BenchmarkVerify is what a handshake costs: a peer's chain with RSA 3072.
func BenchmarkVerify(b *testing.B) {
	leaf := referenceServer(b, "ca")
	opts := Options{Roots: []*x509.Certificate{referenceRoot(b, "aa")}, Intermediates: []*x509.Certificate{referencePeer(b, "aa", "ca")}, Time: testTime}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(leaf, opts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyHostile is the most that strangers can make of it with equal
// names: every signature that is allowed is verified, and none helps.
func BenchmarkVerifyHostile(b *testing.B) {
	leaf, opts := clique(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(leaf, opts); err == nil {
			b.Fatal("expected a rejection")
		}
	}
}

func BenchmarkParseNameConstraints(b *testing.B) {
	var der []byte
	for _, e := range referencePeer(b, "aa", "ca").Extensions {
		if e.Id.Equal(oidNameConstraints) {
			der = e.Value
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseNameConstraints(der); err != nil {
			b.Fatal(err)
		}
	}
}
