package strictzip

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	x500 "github.com/swaptacular/swptpeer/certs/name"
)

// The list of characters that become slashes is complete.
func TestSlashes(t *testing.T) {
	var found strings.Builder
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if strings.ContainsAny(norm.NFKC.String(string(r)), `/\`) {
			found.WriteRune(r)
		}
	}
	if found.String() != slashes {
		t.Errorf("characters %+q, expected %+q", found.String(), slashes)
	}
}

// Folding by character is folding of the whole.
func TestFold(t *testing.T) {
	f := newCaseFolder()
	whole := func(s string) string {
		s = norm.NFKD.String(x500.Fold(norm.NFD.String(s)))
		return norm.NFKD.String(x500.Fold(s))
	}
	for _, s := range []string{
		"", "abc", "ABC", "Stra\u00dfe", "\u0130stanbul", "\u1e9e", "\ufb03", "\u03a3\u03c3\u03c2", "caf\u00e9", "cafe\u0301",
		"a\u0327\u0301", "a\u0301\u0327", "\u1fb3", "\u0345\u0301", "\uac00", "\u1112\u1161\u11ab", "\ufdfa", "\u01c4", "\u212b", "\u1e69\u0323",
	} {
		if got, want := f.fold(s), whole(s); got != want {
			t.Errorf("%+q folds to %+q, expected %+q", s, got, want)
		}
	}
	for r := rune(0x80); r < 0x30000; r++ { // nothing beyond decomposes or has a case
		if unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) || r >= 0xd800 && r < 0xe000 {
			continue
		}
		if got, want := f.fold("a"+string(r)), whole("a"+string(r)); got != want {
			t.Fatalf("%U after a folds to %+q, expected %+q", r, got, want)
		}
	}
	if long := f.fold(strings.Repeat("\u00e9", 1000)); len(long) != 33 || long == f.fold(strings.Repeat("\u00e9", 999)) {
		t.Errorf("long names fold to %q", long)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "a/", "a/b.c", "\u00e9", "stomp.toml", ".hidden", "a b", "a?",
		strings.Repeat("a", MaxElement) + "/" + strings.Repeat("b", MaxElement) + "/"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"":          "zip.name-traversal",
		"/":         "zip.name-absolute",
		"../x":      "zip.name-traversal",
		"/x":        "zip.name-absolute",
		`a\b`:       "zip.name-backslash",
		"CON":       "zip.name-reserved",
		"a\u202eb":  "zip.name-control",
		"\xff":      "zip.name-encoding",
		"\uff0fetc": "zip.name-traversal",

		"a/" + strings.Repeat("b", MaxElement+1): "zip.name-element",
	} {
		if err := CheckName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, expected %s", name, err, want)
		}
	}
}

// Characters that fold to the same by the tables of golang.org/x/text/cases, which
// is not linked because it brings the language tables along, do so here. (Those of
// Cherokee do not there, in v0.43.0, and do here.)
func TestFoldRuneIsAsWide(t *testing.T) {
	caser := cases.Fold()
	theirs := func(r rune) string {
		s := norm.NFKD.String(caser.String(norm.NFD.String(string(r))))
		return norm.NFKD.String(caser.String(s))
	}
	f := newCaseFolder()
	forms := make(map[string]rune)
	several := 0
	for r := range rune(0x30000) { // nothing beyond decomposes or has a case
		if !utf8.ValidRune(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) {
			continue
		}
		form := theirs(r)
		first, seen := forms[form]
		if !seen {
			forms[form] = r
			continue
		}
		several++
		if found, expected := f.fold(string(r)), f.fold(string(first)); found != expected {
			t.Errorf("%U: found %+q, expected %+q as for %U", r, found, expected, first)
		}
	}
	if several < 1000 {
		t.Errorf("found %d characters that fold to the same as another, expected thousands", several)
	}
}

// The devices of Windows are refused whatever follows, and no other names that
// look like them.
func TestDevices(t *testing.T) {
	names := []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}
	for _, digit := range "0123456789\u00b9\u00b2\u00b3" {
		names = append(names, "COM"+string(digit), "LPT"+string(digit))
	}
	if len(names) != len(devices) {
		t.Errorf("%d names, expected %d", len(devices), len(names))
	}
	for _, name := range names {
		for _, name := range []string{name, strings.ToLower(name), "a/" + name + "/b", name + ".tar.gz"} {
			if err := CheckName(name); err == nil || !strings.Contains(err.Error(), "zip.name-reserved") {
				t.Errorf("%q: error %v, expected zip.name-reserved", name, err)
			}
		}
	}
	for _, name := range []string{"COM", "LPT", "COM10", "COM\u2074", "CONIN", "a.con", "console"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
