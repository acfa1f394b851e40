package bundle_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/check"
)

// A zip file says most things two or three times: in the local header, the
// central directory, a data descriptor, the end record and the zip64 one. Here
// each field of each record lies, alone, in the outer archive of a bundle and,
// signed by the right key, in the inner one.

// zipField is a field of a record: where it stands and how many bytes it has.
type zipField struct {
	name      string
	off, size int
}

var zipRecords = map[string][]zipField{
	"PK\x03\x04": {{"signature", 0, 4}, {"version needed", 4, 2}, {"flags", 6, 2}, {"method", 8, 2}, {"time", 10, 2}, {"date", 12, 2}, {"crc", 14, 4},
		{"compressed size", 18, 4}, {"size", 22, 4}, {"name length", 26, 2}, {"extra length", 28, 2}, {"name", 30, 1}},
	"PK\x01\x02": {{"signature", 0, 4}, {"version made by", 4, 2}, {"version needed", 6, 2}, {"flags", 8, 2}, {"method", 10, 2}, {"time", 12, 2}, {"date", 14, 2},
		{"crc", 16, 4}, {"compressed size", 20, 4}, {"size", 24, 4}, {"name length", 28, 2}, {"extra length", 30, 2}, {"comment length", 32, 2}, {"disk", 34, 2},
		{"internal attributes", 36, 2}, {"external attributes", 38, 4}, {"offset", 42, 4}, {"name", 46, 1}},
	"PK\x05\x06": {{"signature", 0, 4}, {"disk", 4, 2}, {"directory disk", 6, 2}, {"entries here", 8, 2}, {"entries", 10, 2}, {"directory size", 12, 4},
		{"directory offset", 16, 4}, {"comment length", 20, 2}},
	"PK\x06\x06": {{"signature", 0, 4}, {"record size", 4, 8}, {"version made by", 12, 2}, {"version needed", 14, 2}, {"disk", 16, 4}, {"directory disk", 20, 4},
		{"entries here", 24, 8}, {"entries", 32, 8}, {"directory size", 40, 8}, {"directory offset", 48, 8}},
	"PK\x06\x07": {{"signature", 0, 4}, {"disk", 4, 4}, {"record offset", 8, 8}, {"disks", 16, 4}},
	"PK\x07\x08": {{"signature", 0, 4}, {"crc", 4, 4}, {"compressed size", 8, 4}, {"size", 12, 4}},
}

// lies are values that a field of this many bytes may have instead.
func lies(truth uint64, size int) []uint64 {
	most := uint64(1)<<(8*size) - 1
	if size == 8 {
		most = ^uint64(0)
	}
	var out []uint64
	for _, v := range []uint64{0, 1, 8, truth + 1, truth - 1, truth ^ 0x0800, truth << 1, most, most >> 1} {
		if v &= most; v != truth && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// withZip64 puts the zip64 end record and its locator in front of the end record,
// which then defers to them.
func withZip64(data []byte) []byte {
	le := binary.LittleEndian
	at := len(data) - 22
	end := bytes.Clone(data[at:])
	entries, size, offset := le.Uint16(end[10:]), le.Uint32(end[12:]), le.Uint32(end[16:])
	r := make([]byte, 56+20)
	copy(r, "PK\x06\x06")
	le.PutUint64(r[4:], 44)
	le.PutUint16(r[12:], 45)
	le.PutUint16(r[14:], 45)
	le.PutUint64(r[24:], uint64(entries))
	le.PutUint64(r[32:], uint64(entries))
	le.PutUint64(r[40:], uint64(size))
	le.PutUint64(r[48:], uint64(offset))
	copy(r[56:], "PK\x06\x07")
	le.PutUint64(r[64:], uint64(at))
	le.PutUint32(r[72:], 1)
	copy(end[8:], bytes.Repeat([]byte{0xff}, 12))
	return slices.Concat(data[:at], r, end)
}

// TestEveryFieldLies: whatever field of whatever record says something else, the
// bundle is refused by a rule, or it means what it meant.
func TestEveryFieldLies(t *testing.T) {
	parts := partsOf(t, "aa")
	inner := zipOf(t, goodInfo(member{name: "about/us.txt", content: strings.Repeat("hello ", 50), deflate: true})...)
	originals := map[string][]byte{
		"outer":        partsOf(t, "aa").zip(t),
		"outer, zip64": withZip64(partsOf(t, "aa").zip(t)),
		"inner":        inner,
		"inner, zip64": withZip64(inner),
	}
	tried, accepted, seen := 0, 0, map[string]bool{}
	for what, original := range originals {
		whole := func(data []byte) []byte {
			if strings.HasPrefix(what, "inner") {
				return parts.signRaw(t, "aa", data).zip(t)
			}
			return data
		}
		// Of the inner archive, which was signed anew, it is what it holds.
		says := meaning
		if strings.HasPrefix(what, "inner") {
			says = func(b *bundle.Bundle) string {
				return fmt.Sprintf("%x %v %v", b.NodeInfo.ContentDigest(), b.NodeInfo.UpdatedAt, b.NodeInfo.Manifest)
			}
		}
		want := says(mustVerify(t, whole(original)))
		for signature, fields := range zipRecords {
			// The last record of its kind: the directory's own is not inside a member.
			at := bytes.LastIndex(original, []byte(signature))
			if at < 0 || strings.Contains(what, "zip64") && (signature[2] < 5 || signature[2] > 6) {
				continue
			}
			seen[signature] = true
			for _, f := range fields {
				field := make([]byte, 8)
				copy(field, original[at+f.off:at+f.off+f.size])
				for _, lie := range lies(binary.LittleEndian.Uint64(field), f.size) {
					data := bytes.Clone(original)
					binary.LittleEndian.PutUint64(field, lie)
					copy(data[at+f.off:], field[:f.size])
					tried++
					name := fmt.Sprintf("%s: %s of record %q says %#x", what, f.name, signature, lie)
					b, report := verify(whole(data))
					if (b != nil) != report.OK(false) {
						t.Fatalf("%s: bundle and report disagree", name)
					}
					if b == nil {
						if len(report.Failed(check.Error)) == 0 {
							t.Errorf("%s: refused without a rule", name)
						}
						continue
					}
					accepted++
					if says(b) != want {
						t.Errorf("%s: accepted with another meaning", name)
					}
				}
			}
		}
	}
	if len(seen) != len(zipRecords) {
		t.Errorf("tried %d kinds of records, expected %d", len(seen), len(zipRecords))
	}
	if accepted*3 > tried {
		t.Errorf("accepted %d of %d, expected those of times and versions only", accepted, tried)
	}
	t.Logf("%d lies, %d of them without a meaning", tried, accepted)
}
