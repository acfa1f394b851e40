package nodedir

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// manyPeers is a copy of the reference authority in which this many creditors
// agents have a subnet and a row in db/index.
func manyPeers(b *testing.B, peers int) *Dir {
	b.Helper()
	path := copyNode(b, "aa")
	const firstSerial = 0x99571934 // the end of the next serial number
	var index bytes.Buffer
	index.Write(read(b, path, fileIndex))
	for i := range peers {
		id := fmt.Sprintf("%032x", i+1)
		write(b, filepath.Join(path, dirCreditorsSubnets, fmt.Sprintf("%06x", i+3)), id+"\n")
		write(b, filepath.Join(path, dirCerts, fmt.Sprintf("8E5F9DB19112FEFA4BC420F2%08X.pem", firstSerial+i)), "not read\n")
		write(b, filepath.Join(path, dirPeers, id, peerSubnet), fmt.Sprintf("%06x\n", i+3))
		fmt.Fprintf(&index, "V\t30260326014547Z\t\t8E5F9DB19112FEFA4BC420F2%08X\tunknown\t/O=Swaptacular Nodes Registry/OU=Creditors Agents/serialNumber=%s\n", firstSerial+i, id)
	}
	write(b, filepath.Join(path, fileIndex), index.String())
	write(b, filepath.Join(path, dirCreditorsSubnets, nameSeqNum), strconv.Itoa(peers+2)+"\n")
	write(b, filepath.Join(path, fileSerial), fmt.Sprintf("8E5F9DB19112FEFA4BC420F2%08X\n", firstSerial+peers))
	return reopen(b, path)
}

// What a planner asks must cost the same with 10 peers and with 10,000.
func BenchmarkPlanning(b *testing.B) {
	peer, err := certs.NewIdentity(certs.CreditorsAgent, strings.Repeat("f", 32))
	if err != nil {
		b.Fatal(err)
	}
	for _, peers := range []int{10, 10_000} {
		d := manyPeers(b, peers)
		b.Run(fmt.Sprintf("serial/%d", peers), func(b *testing.B) {
			for b.Loop() {
				if _, err := (&view{Dir: d, now: testNow}).nextSerial(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("subnet/%d", peers), func(b *testing.B) {
			for b.Loop() {
				if _, err := (&view{Dir: d, now: testNow}).freeSubnet(peer); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("issued/%d", peers), func(b *testing.B) {
			for b.Loop() {
				if rows, err := d.issuedToNode(peer.ID()); err != nil || len(rows) > 0 {
					b.Fatal(rows, err)
				}
			}
		})
	}
}

func BenchmarkParseIndex(b *testing.B) {
	data := read(b, manyPeers(b, 10_000).Path(), fileIndex)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if rows, problems := parseIndex(data); len(rows) != 10_005 || len(problems) > 0 {
			b.Fatal(len(rows), problems)
		}
	}
}
