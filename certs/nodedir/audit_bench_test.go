package nodedir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// auditNode is the reference creditors agent with n more peers, accounting
// authorities that share one key, all signed and registered.
func auditNode(b *testing.B, n int) *Dir {
	b.Helper()
	d := openNode(b, "ca")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	issuer, err := certs.NewIssuer(d.root.Certificate, referenceKey(b, "ca"))
	if err != nil {
		b.Fatal(err)
	}
	index := readText(b, d, fileIndex)
	serial, err := d.readSerial()
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		s := strangerWithKey(b, certs.AccountingAuthority, fmt.Sprintf("%08x", 0x20000000+i), key)
		c, err := issuer.IssuePeer(s.root, s.req, certs.Subnet{}, serial, testNow)
		if err != nil {
			b.Fatal(err)
		}
		row, err := rowOf(c)
		if err != nil {
			b.Fatal(err)
		}
		index += row.String() + "\n"
		writeText(b, d, issuedFile(serial), string(c.File))
		if serial, err = serial.Next(); err != nil {
			b.Fatal(err)
		}
		dir := path.Join(dirPeers, s.id.ID())
		if err := os.CopyFS(d.file(dir), os.DirFS(d.file(caPeer))); err != nil {
			b.Fatal(err)
		}
		writeText(b, d, path.Join(dir, peerRootCert), string(s.root.File))
		writeText(b, d, path.Join(dir, peerPeerCert), string(c.File))
		writeText(b, d, path.Join(dir, peerSubCA), string(s.certify(b, d, "000007").File))
		writeText(b, d, path.Join(dir, peerMasqSubnet), "000007\n")
	}
	writeText(b, d, fileIndex, index)
	writeText(b, d, fileSerial, serial.String()+"\n")
	return d
}

// BenchmarkAudit reports the time for a peer.
func BenchmarkAudit(b *testing.B) {
	for _, n := range []int{100, 1000} {
		d := auditNode(b, n)
		for _, quick := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/quick=%t", n, quick), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if r := audit(b, d, AuditOptions{Quick: quick}); !r.OK(false) {
						b.Fatal(r.Err())
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*(n+1)), "µs/peer")
			})
		}
	}
}

// BenchmarkPeers reads the list of peers.
func BenchmarkPeers(b *testing.B) {
	for _, n := range []int{10, 1000} {
		d := auditNode(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if peers, err := d.Peers(); err != nil || len(peers) != n+1 {
					b.Fatalf("found %d peers, %v, expected %d", len(peers), err, n+1)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*(n+1)), "µs/peer")
		})
	}
}
