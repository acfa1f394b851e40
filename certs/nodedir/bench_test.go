package nodedir

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// benchNode is the reference creditors agent with n more peers in peers/,
// db/index and peers/kustomization.yaml. All have the files of the first one:
// what is measured does not depend on their being different, except that Peers
// reports each as a problem.
func benchNode(b *testing.B, n int) *Dir {
	b.Helper()
	d := openNode(b, "ca")
	var index bytes.Buffer
	index.Write(read(b, d.file(fileIndex)))
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08x", 0x10000000+i)
		dir := d.file("peers/" + ids[i])
		if err := os.CopyFS(dir, os.DirFS(d.file("peers/"+referenceAA))); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&index, "V\t30260326014548Z\t\t7BBF3CEA05F019DB7F88E667%08X\tunknown\t/O=Swaptacular Nodes Registry/OU=Accounting Authorities/serialNumber=%s\n", i, ids[i])
	}
	// The newest row belongs to the last serial number.
	rows := bytes.SplitAfter(read(b, d.file(fileIndex)), []byte("\n"))
	text := bytes.TrimPrefix(index.Bytes(), bytes.Join(rows, nil))
	write(b, d.file(fileIndex), string(text)+string(bytes.Join(rows, nil)))
	write(b, d.file(filePeersKustomize), string(encodePeersList(ids)))
	return d
}

// Signing, registering, and one peer cost the same with 10,000 peers as with
// 10; listing is linear.
func BenchmarkPeers(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		d := benchNode(b, n)
		b.Run(fmt.Sprintf("sign+register/%d", n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				b.StopTimer()
				s := newStranger(b, 1, fmt.Sprintf("2%07x", i))
				i++
				bundle := s.bundle(b, "2026-11-23", nil)
				c := s.certify(b, d, "000007")
				b.StartTimer()
				mustSign(b, d, bundle)
				mustRegister(b, d, c)
			}
		})
		b.Run(fmt.Sprintf("show/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Peer("10000007"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("list/%d", n), func(b *testing.B) {
			for b.Loop() {
				if peers, err := d.Peers(); err != nil || len(peers) < n {
					b.Fatal(err)
				}
			}
		})
	}
}
