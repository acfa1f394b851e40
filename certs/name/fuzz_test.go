package name

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzParse: what is accepted is what would be written, comparison is an
// equivalence, and nothing invisible is printed.
func FuzzParse(f *testing.F) {
	seeds := map[string]bool{}
	for _, p := range readPairs(f) {
		// The sweeps over single bytes would only make the corpus slow.
		if p.Test != "IA5StringChar" && p.Test != "InvalidPrintableStringChar" {
			seeds[p.ADER], seeds[p.BDER] = true, true
		}
	}
	if len(seeds) < 70 {
		f.Fatalf("found %d seeds, expected 70 at least", len(seeds))
	}
	for s := range seeds {
		f.Add(unhex(f, s))
	}
	for _, tt := range hostileNames {
		f.Add(tt.der)
	}
	other := utf8Name(f, "a")
	f.Fuzz(func(t *testing.T, der []byte) {
		n, err := Parse(der)
		if err != nil {
			return
		}
		if !bytes.Equal(n.Raw(), der) || !bytes.Equal(rebuild(t, n), der) {
			t.Fatalf("found %x, expected %x", rebuild(t, n), der)
		}
		if !Equal(n, n) || !n.Within(n) || !n.MayBeWithin(n) || !n.Within(Name{}) || Equal(n, other) != Equal(other, n) {
			t.Fatal("expected an equivalence")
		}
		if n.Within(other) && !n.MayBeWithin(other) {
			t.Fatal("found within and shown to be outside")
		}
		if !utf8.ValidString(n.String()) {
			t.Fatalf("found %q, expected UTF-8", n)
		}
		for _, r := range n.String() {
			if !unicode.IsPrint(r) {
				t.Fatalf("found %U in %q, expected it escaped", r, n)
			}
		}
		for _, c := range []byte(n.Slashed()) {
			if c < ' ' || c > '~' {
				t.Fatalf("found byte 0x%02x in %q, expected it escaped", c, n.Slashed())
			}
		}
	})
}

// FuzzPrepare: preparing twice changes nothing.
func FuzzPrepare(f *testing.F) {
	for _, s := range []string{"a  b", "Straße", "e\u0301 \u0301", "\u1e9b\u0323", "ﷺ", "\u0345\u0399", "a\u200b \u00a8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		once, ok := prepare(s)
		if !ok {
			return
		}
		if twice, ok := prepare(once); !ok || twice != once {
			t.Fatalf("%+q: found %+q and then %+q", s, once, twice)
		}
	})
}
