package bundle_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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

// zipField is a field of a record: where it stands and how many bytes it has, the rules of
// which a lie in it breaks at least one, and how many of the lies in all four archives are accepted
// because they mean nothing.
type zipField struct {
	name      string
	off, size int
	rules     string // ids without "zip."
	accepted  int
}

var zipRecords = map[string][]zipField{
	"PK\x03\x04": {
		{"signature", 0, 4, "local-header", 0},
		{"version needed", 4, 2, "version", 12},
		{"flags", 6, 2, "local-header", 0},
		{"method", 8, 2, "local-header", 0},
		{"time", 10, 2, "local-header", 0},
		{"date", 12, 2, "local-header", 0},
		{"crc", 14, 4, "local-header", 0},
		{"compressed size", 18, 4, "local-header", 0},
		{"size", 22, 4, "local-header", 0},
		{"name length", 26, 2, "local-header overlap", 0},
		{"extra length", 28, 2, "descriptor overlap", 0},
		{"name", 30, 1, "local-header", 0},
	},
	"PK\x01\x02": {
		{"signature", 0, 4, "directory", 0},
		{"version made by", 4, 2, "host", 12}, // the lower byte, and systems that are known
		{"version needed", 6, 2, "version", 12},
		{"flags", 8, 2, "local-header", 2}, // that of a descriptor may be missing
		{"method", 10, 2, "local-header", 0},
		{"time", 12, 2, "local-header", 0},
		{"date", 14, 2, "local-header", 0},
		{"crc", 16, 4, "crc", 0},
		{"compressed size", 20, 4, "descriptor overlap zip64-extra", 0},
		{"size", 24, 4, "descriptor zip64-extra", 0},
		{"name length", 28, 2, "directory", 0},
		{"extra length", 30, 2, "directory", 0},
		{"comment length", 32, 2, "directory", 0},
		{"disk", 34, 2, "disk zip64-extra", 0},
		{"internal attributes", 36, 2, "", 12}, // whether it is text
		{"external attributes", 38, 4, "file-type mode-bits", 10},
		{"offset", 42, 4, "local-header overlap zip64-extra", 0},
		{"name", 46, 1, "local-header", 0},
	},
	"PK\x05\x06": {
		{"signature", 0, 4, "end-record trailing-data", 0},
		{"disk", 4, 2, "disk", 2}, // 0xffff defers to the zip64 record
		{"directory disk", 6, 2, "disk", 2},
		{"entries here", 8, 2, "disk zip64", 0},
		{"entries", 10, 2, "disk zip64", 0},
		{"directory size", 12, 4, "directory zip64", 0},
		{"directory offset", 16, 4, "directory leading-data zip64", 0},
		{"comment length", 20, 2, "end-record", 0},
	},
	"PK\x06\x06": {
		{"signature", 0, 4, "zip64", 0},
		{"record size", 4, 8, "zip64", 0},
		{"version made by", 12, 2, "", 20}, // of the record
		{"version needed", 14, 2, "zip64", 8},
		{"disk", 16, 4, "disk", 0},
		{"directory disk", 20, 4, "disk", 0},
		{"entries here", 24, 8, "disk", 0},
		{"entries", 32, 8, "disk", 0},
		{"directory size", 40, 8, "directory zip64", 0},
		{"directory offset", 48, 8, "directory leading-data zip64", 0},
	},
	"PK\x06\x07": {
		{"signature", 0, 4, "zip64", 0},
		{"disk", 4, 4, "disk", 0},
		{"record offset", 8, 8, "zip64", 0},
		{"disks", 16, 4, "disk", 0},
	},
	"PK\x07\x08": {
		{"signature", 0, 4, "descriptor", 0},
		{"crc", 4, 4, "descriptor", 0},
		{"compressed size", 8, 4, "descriptor", 0},
		{"size", 12, 4, "descriptor", 0},
	},
}

// lies are values that a field of this many bytes may have instead.
func lies(truth uint64, size int) []uint64 {
	most := uint64(1)<<(8*size) - 1
	if size == 8 {
		most = ^uint64(0)
	}
	var out []uint64
	// 0x0800 is the flag for UTF-8; 0x02 in an upper byte is VMS, of which Info-ZIP's unzip leaves
	// out members without a word.
	for _, v := range []uint64{0, 1, 8, truth + 1, truth - 1, truth ^ 0x0800, truth ^ 0x0200, truth << 1, most, most >> 1} {
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
// bundle is refused by a rule of that field, or it means what it meant; and so
// many lies mean nothing, no more and no fewer.
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
	meaningless := map[string]int{} // lies accepted, by record and field
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
						if !brokenOneOf(report, f.rules) {
							t.Errorf("%s: found breaches of %q, expected one of %q", name, failures(report), f.rules)
						}
						continue
					}
					accepted++
					meaningless[signature+f.name]++
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
	for signature, fields := range zipRecords {
		for _, f := range fields {
			if n := meaningless[signature+f.name]; n != f.accepted {
				t.Errorf("%s of record %q: accepted %d lies, expected %d", f.name, signature, n, f.accepted)
			}
		}
	}
	t.Logf("%d lies, %d of them without a meaning", tried, accepted)
}

// brokenOneOf reports whether the report has an error of one of the zip rules.
func brokenOneOf(report *check.Report, rules string) bool {
	return slices.ContainsFunc(report.Failed(check.Error), func(res check.Result) bool {
		return slices.Contains(strings.Fields(rules), strings.TrimPrefix(res.Rule.ID, "zip."))
	})
}

// TestVersionForVMS: Info-ZIP's unzip leaves out, or asks about, a member that
// needs VMS, so that it and we would see two archives. Each header of each
// member says so once, in the outer archive and, signed, in the inner one.
func TestVersionForVMS(t *testing.T) {
	p := partsOf(t, "aa")
	p.deflate = true // so that headers of the inner archive are not seen in the outer
	inner := zipOf(t, goodInfo(member{name: "about/us.txt", content: "hello"})...)
	tried := 0
	for what, original := range map[string][]byte{"outer": p.zip(t), "inner": inner} {
		for signature, off := range map[string]int{"PK\x03\x04": 4, "PK\x01\x02": 6} {
			for at := 0; bytes.Contains(original[at:], []byte(signature)); at++ {
				at += bytes.Index(original[at:], []byte(signature))
				for _, version := range []uint16{0x0214, 0x022d} {
					changed := bytes.Clone(original)
					binary.LittleEndian.PutUint16(changed[at+off:], version)
					data := changed
					if what == "inner" {
						data = partsOf(t, "aa").signRaw(t, "aa", changed).zip(t)
					}
					tried++
					name := fmt.Sprintf("%s, record %q at %d, version %#x", what, signature, at, version)
					if b, report := verify(data); b != nil || !report.Has("zip.version", check.Failed) {
						t.Errorf("%s: found breaches of %q, expected zip.version", name, failures(report))
					}
					if signature == "PK\x01\x02" {
						t.Run(name, func(t *testing.T) { unzipLeavesOut(t, changed) })
					}
				}
			}
		}
	}
	if tried != 2*2*(4+3) {
		t.Errorf("tried %d, expected two versions in two headers of 4 and of 3 members", tried)
	}
}

// unzipLeavesOut fails unless Info-ZIP's unzip, whose questions nobody answers,
// extracts one member fewer than there are.
func unzipLeavesOut(t *testing.T, data []byte) {
	t.Helper()
	unzip := needTool(t, "unzip")
	dir := t.TempDir()
	file, to := filepath.Join(dir, "a.zip"), filepath.Join(dir, "to")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(unzip, "-q", file, "-d", to).CombinedOutput() // fails when it leaves something out
	found := 0
	err := filepath.WalkDir(to, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
		}
		return err
	})
	if want := len(partsFrom(t, data)) - 1; err != nil || found != want {
		t.Errorf("unzip extracts %d files (%v), expected %d: %s", found, err, want, out)
	}
}
