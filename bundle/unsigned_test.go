package bundle_test

import (
	"bytes"
	"encoding/pem"
	"testing"

	"github.com/swaptacular/swptpeer/certs/check"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// withMore is a PEM file whose block, a SEQUENCE, ends in one element more.
func withMore(t *testing.T, file, more []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(file)
	in, value := cryptobyte.String(block.Bytes), cryptobyte.String(nil)
	if !in.ReadASN1(&value, cbasn1.SEQUENCE) {
		t.Fatal("no SEQUENCE")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(value); b.AddBytes(more) })
	before, _, _ := bytes.Cut(file, []byte("-----BEGIN "))
	return append(bytes.Clone(before), pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: b.BytesOrPanic()})...)
}

// What follows the signature of a certificate or a request is signed by nobody,
// and crypto/x509 passes over it. Who has no key must not be able to make of a
// bundle one that is accepted and has another root certificate: the node's own
// would be refused from then on.
func TestNothingBehindTheSignature(t *testing.T) {
	for _, more := range [][]byte{{5, 0}, {0}, {2, 1, 7}} {
		for rule, change := range map[string]func(p *parts){
			"root.single": func(p *parts) { p.root = withMore(t, p.root, more) },
			"csr.single":  func(p *parts) { p.request = withMore(t, p.request, more) },
		} {
			p := partsOf(t, "ca2")
			change(p)
			b, report := verify(p.zip(t))
			if b != nil || !report.Has(rule, check.Failed) {
				t.Errorf("% x: found %v, expected a breach of %s", more, report.Err(), rule)
			}
		}
	}
}
