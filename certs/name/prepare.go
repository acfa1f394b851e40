package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// prepare brings a string into the form in which strings are compared (RFC
// 5280, 7.1; RFC 4518, section 2). It is false if the string has a prohibited
// character.
//
// The order is RFC 4518's: map (with case folding, as RFC 5280 adds),
// normalize, prohibit, insignificant space. Bidirectional text is not checked,
// as RFC 4518 says. RFC 3454's table B.2 is case folding made stable under
// NFKC; folding and normalizing twice has the same effect (TestPrepareIdempotent).
func prepare(s string) (string, bool) {
	if isASCII(s) {
		// Nearly all names; NFKC changes nothing and nothing is prohibited.
		return collapse(mapASCII(s)), true
	}
	s = norm.NFKC.String(mapRunes(s))
	for range 2 {
		folded := Fold(s)
		if folded == s {
			break
		}
		s = norm.NFKC.String(folded)
	}
	for _, r := range s {
		if prohibited(r) {
			return "", false
		}
	}
	return collapse(s), true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func mapASCII(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case '\t' <= r && r <= '\r':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// mapRunes is RFC 4518, 2.2, without the case folding.
func mapRunes(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case '\t' <= r && r <= '\r', r == 0x85:
			return ' '
		case unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.Is(mappedToNothing, r):
			return -1
		}
		return r
	}, s)
}

// mappedToNothing is the first, third and fourth paragraph of RFC 4518, 2.2;
// the white space among the control characters is handled before it.
var mappedToNothing = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x0000, 0x0008, 1}, {0x000E, 0x001F, 1}, {0x007F, 0x0084, 1}, {0x0086, 0x009F, 1},
		{0x00AD, 0x00AD, 1}, {0x034F, 0x034F, 1}, {0x06DD, 0x06DD, 1}, {0x070F, 0x070F, 1},
		{0x1806, 0x1806, 1}, {0x180B, 0x180E, 1}, {0x200B, 0x200F, 1}, {0x202A, 0x202E, 1},
		{0x2060, 0x2063, 1}, {0x206A, 0x206F, 1}, {0xFE00, 0xFE0F, 1}, {0xFEFF, 0xFEFF, 1},
		{0xFFF9, 0xFFFC, 1},
	},
	R32: []unicode.Range32{
		{0x1D173, 0x1D17A, 1}, {0xE0001, 0xE0001, 1}, {0xE0020, 0xE007F, 1},
	},
	LatinOffset: 5,
}

// Fold is full case folding (Unicode, CaseFolding.txt, C and F), but for which of
// several letters stands for all of them: two texts fold to the same if and only
// if they do by that table.
func Fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if unicode.SimpleFold(r) == r && !mayFoldFully(r) {
			b.WriteRune(r) // most scripts have no case
		} else if f, ok := fullFold[r]; ok {
			b.WriteString(f)
		} else {
			b.WriteRune(simpleFold(r))
		}
	}
	return b.String()
}

// mayFoldFully spares most characters the look into fullFold.
func mayFoldFully(r rune) bool {
	return 0xDF <= r && r <= 0x587 || 0x1E96 <= r && r <= 0x1FFC || 0xFB00 <= r && r <= 0xFB17
}

// simpleFold picks one representative of the runes that differ only by case.
// Which one does not matter, only that it is the same for all of them, and a
// letter: the orbit of the Greek iota has a combining mark (U+0345) in it.
func simpleFold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f < least && !unicode.Is(unicode.M, f) || unicode.Is(unicode.M, least) {
			least = f
		}
	}
	return unicode.ToLower(least)
}

// prohibited is RFC 4518, 2.4: unassigned (which includes what will never be a
// character), private use, and the replacement character.
func prohibited(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cn, unicode.Co, unicode.Cs)
}

// collapse is RFC 4518, 2.6.1: spaces at the ends go, runs of them become one.
// (The RFC keeps one at each end and two within; the relation is the same.) A
// space that carries a combining mark is not a space.
func collapse(s string) string {
	if !strings.Contains(s, " ") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	pending := false
	for i, r := range s {
		if r == ' ' && !startsWithMark(s[i+1:]) {
			pending = b.Len() > 0
			continue
		}
		if pending {
			b.WriteByte(' ')
			pending = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

func startsWithMark(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.Is(unicode.M, r)
}
