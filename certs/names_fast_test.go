package certs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/name"
)

// Names that are written as RawName writes them are read without looking at the
// rules: the rules must come to the same.
func TestWrittenIdentityIsWhatTheRulesSay(t *testing.T) {
	byRules := func(raw []byte) (Identity, error) {
		n, err := name.Parse(raw)
		if err != nil {
			return Identity{}, err
		}
		return IdentityOf(n)
	}
	for typ := AccountingAuthority; typ <= DebtorsAgent; typ++ {
		id := must(NewIdentity(typ, strings.Repeat("0189abcf", nodeTypes[typ].idDigits/8)))
		raw := id.RawName()
		if !bytes.Equal(raw, buildName(id)) {
			t.Errorf("%s: found name %x, expected %x", id, raw, buildName(id))
		}
		if found, ok := writtenIdentity(raw); !ok || found != id {
			t.Errorf("%s: found %s (%t), expected it to be read as it is written", id, found, ok)
		}
		if n, err := name.Parse(raw); err != nil || nameText(raw) != clipName(n) {
			t.Errorf("%s: found the text %q, expected %q", id, nameText(raw), clipName(n))
		}
		// Every byte changed, one more and one less: never read as it is
		// written but where the rules read the same.
		var changed [][]byte
		for i := range raw {
			for _, bit := range []byte{0x01, 0x10, 0x20, 0x80} {
				c := bytes.Clone(raw)
				c[i] ^= bit
				changed = append(changed, c)
			}
		}
		changed = append(changed, append(bytes.Clone(raw), '0'), raw[:len(raw)-1], raw[:len(raw)-8], nil)
		taken := 0
		for _, c := range changed {
			found, ok := writtenIdentity(c)
			if !ok {
				continue
			}
			taken++
			if want, err := byRules(c); err != nil || want != found {
				t.Errorf("%x: found %s, expected %s, %v", c, found, want, err)
			}
		}
		if taken == 0 {
			t.Errorf("%s: found no change of its digits that was read", id)
		}
	}
}
