package strictzip_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// bombs are archives made to cost more than they are.
func bombs() map[string]struct {
	data []byte
	rule string
} {
	type bomb = struct {
		data []byte
		rule string
	}
	zeros := strings.Repeat("\x00", 30<<20)
	overlap := raw{shared: true}
	for i := range 4096 {
		overlap.members = append(overlap.members, member{name: fmt.Sprintf("%04d", i)})
	}
	overlap.members[0].content, overlap.members[0].deflate = zeros[:10<<20], true
	for i := range overlap.members {
		overlap.members[i].central = func(h []byte) {
			le.PutUint16(h[10:], 8)
			le.PutUint32(h[20:], 10209)
			le.PutUint32(h[24:], 10<<20)
		}
	}
	many := raw{zip64: true}
	for i := range 65535 {
		many.members = append(many.members, member{name: fmt.Sprintf("%05x", i)})
	}
	few := many
	few.zip64 = false
	few.end = func(e []byte) { e[8], e[9], e[10], e[11] = 1, 0, 1, 0 }
	lying := one(member{name: "a", deflate: true, content: "x", data: deflated(zeros)})
	deep := raw{}
	for i := range 500 {
		deep.members = append(deep.members, member{name: fmt.Sprintf("%04d", i) + strings.Repeat("/a", 32000)})
	}
	long := raw{}
	for i := range 500 {
		long.members = append(long.members, member{name: fmt.Sprintf("%04d", i) + strings.Repeat("\u00e9", 30000)})
	}
	unicode := raw{}
	for i := range 4096 { // the longest decomposition there is
		unicode.members = append(unicode.members, member{name: fmt.Sprintf("%04d", i) + strings.Repeat("\ufdfa", 340)})
	}
	marks := raw{}
	for i := range 4096 { // a base with very many marks, which are sorted
		marks.members = append(marks.members, member{name: fmt.Sprintf("%04d", i) + strings.Repeat("\u0301\u0327", 255)})
	}
	extras := raw{}
	for i := range 500 {
		extras.members = append(extras.members, member{name: fmt.Sprintf("%04d", i), extra: bytes.Repeat([]byte{0xef, 0xbe, 0, 0}, 16000)})
	}
	return map[string]bomb{
		"4096 names for one stream": {overlap.bytes(), "zip.overlap"},
		"65535 entries":             {many.bytes(), "zip.limit-entries"},
		"65535 entries, 1 declared": {few.bytes(), "zip.directory"},
		"lying size":                {lying.bytes(), "zip.size"},
		"30 MiB of zeros":           {one(member{name: "a", content: zeros, deflate: true}).bytes(), "zip.limit-ratio"},
		"deep names":                {deep.bytes(), "zip.directory"},
		"long names":                {long.bytes(), "zip.directory"},
		"Unicode that grows":        {unicode.bytes(), "zip.name-utf8-flag"},
		"Unicode marks":             {marks.bytes(), "zip.name-utf8-flag"},
		"extra fields":              {extras.bytes(), "zip.directory"},
		"signatures":                {bytes.Repeat([]byte("PK\x05\x06"), 1<<20), "zip.end-record"},
		"end records":               {bytes.Repeat(raw{}.bytes(), 1<<16), "zip.directory"},
	}
}

// Refused in far under 2 s and 200 MB. The time allowed here is for a machine that does much
// else; the memory is what was allocated in all, not at once.
func TestBombs(t *testing.T) {
	for what, b := range bombs() {
		t.Run(what, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, rep := strictzip.Open(bytes.NewReader(b.data), int64(len(b.data)), testLimits)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if !rep.Has(b.rule, check.Failed) {
				t.Errorf("%v, expected %s", rep.Err(), b.rule)
			}
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%v, %d MiB allocated", took, allocated)
			if took > 5*time.Second || allocated > 100 {
				t.Errorf("took %v and %d MiB, expected at most 5 s and 100 MiB", took, allocated)
			}
		})
	}
}
