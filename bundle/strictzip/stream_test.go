package strictzip_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// A file that is too large to be inflated from memory is judged as a small one
// is, down to the last byte of its data.
func TestLargeFilesThatLie(t *testing.T) {
	content := noise(5 << 20)
	data := deflated(content)
	size := uint32(len(content))
	declared := func(m member, size uint32) member {
		m.local, m.central = set32(22, size), set32(24, size)
		return m
	}
	with := func(data []byte) member { return member{name: "a", content: content, deflate: true, data: data} }
	after := func(n int) member { return with(slices.Concat(data, make([]byte, n))) }
	stored := member{name: "a", content: content}
	other := []byte(content)
	other[len(other)-1] ^= 1
	for what, c := range map[string]struct {
		member member
		rule   string
		found  string
	}{
		"deflated":                       {with(data), "", ""},
		"a byte after the stream":        {after(1), "zip.deflate", "1 bytes of data after the end"},
		"70,000 bytes after the stream":  {after(70_000), "zip.deflate", "70000 bytes of data after the end"},
		"much after the stream":          {after(600_000), "zip.deflate", "600000 bytes of data after the end"},
		"stream cut off":                 {with(data[:len(data)-1]), "zip.deflate", "unexpected EOF after"},
		"more than declared":             {declared(with(data), size-1), "zip.size", fmt.Sprintf("more than %d bytes", size-1)},
		"less than declared":             {declared(with(data), size+1), "zip.size", fmt.Sprintf("%d bytes", size)},
		"another last byte":              {with(deflated(string(other))), "zip.crc", "checksum"},
		"stored":                         {stored, "", ""},
		"stored, more than declared":     {declared(stored, size-1), "zip.size", fmt.Sprintf("more than %d bytes", size-1)},
		"stored, less than declared":     {declared(stored, size+1), "zip.size", fmt.Sprintf("%d bytes", size)},
		"stored, with another last byte": {member{name: "a", content: content, data: other}, "zip.crc", "checksum"},
	} {
		archive := raw{members: []member{c.member, {name: "z", content: "z"}}}.bytes()
		for _, procs := range []int{1, 4} {
			onProcessors(procs, func() {
				a, rep := strictzip.Open(bytes.NewReader(archive), int64(len(archive)), testLimits)
				failed := rep.Failed(check.Error)
				found := "" // last: of stored files, the directory alone says something first
				for _, res := range failed {
					if found = res.Found; res.Rule.ID != c.rule {
						t.Errorf("%s, on %d processors: found a breach of %s", what, procs, res.Rule.ID)
					}
				}
				if (a != nil) != (c.rule == "") || (len(failed) == 0) != (c.rule == "") || !strings.HasPrefix(found, c.found) {
					t.Errorf("%s, on %d processors: found %v, expected a breach of %q: %s", what, procs, rep.Err(), c.rule, c.found)
				}
				_, inMemory := strictzip.OpenBytes(archive, testLimits, nil)
				if got := inMemory.Failed(check.Error); !slices.Equal(got, failed) {
					t.Errorf("%s, in memory, on %d processors: found %v, expected %v", what, procs, got, failed)
				}
			})
		}
	}
}
