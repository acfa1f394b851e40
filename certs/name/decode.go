package name

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// syntax says how values of an ASN.1 type are compared.
type syntax uint8

const (
	syntaxOther  syntax = iota // not a string: the DER decides
	syntaxText                 // a string with a known mapping to Unicode
	syntaxOpaque               // a string without one: equal DER is equal, all else is undecided
)

func syntaxOf(tag cbasn1.Tag) syntax {
	switch tag {
	case TagUTF8String, TagNumericString, TagPrintableString, TagIA5String,
		TagVisibleString, TagUniversalString, TagBMPString:
		return syntaxText
	case TagTeletexString, TagVideotexString, TagGraphicString, TagGeneralString:
		return syntaxOpaque
	}
	return syntaxOther
}

// decode returns the value of a text type as UTF-8 (RFC 4518, 2.1) and refuses
// what the type cannot hold.
func decode(tag cbasn1.Tag, content []byte) (string, error) {
	switch tag {
	case TagUTF8String:
		if !utf8.Valid(content) {
			return "", errors.New("found invalid UTF-8 in a UTF8String")
		}
		return string(content), nil
	case TagNumericString:
		return ascii("NumericString", content, func(c byte) bool { return c == ' ' || '0' <= c && c <= '9' })
	case TagPrintableString:
		return ascii("PrintableString", content, isPrintable)
	case TagIA5String:
		return ascii("IA5String", content, func(c byte) bool { return c < 0x80 })
	case TagVisibleString:
		return ascii("VisibleString", content, func(c byte) bool { return ' ' <= c && c <= '~' })
	case TagBMPString:
		if len(content)%2 != 0 {
			return "", fmt.Errorf("found a BMPString of %d bytes, expected an even number", len(content))
		}
		var b strings.Builder
		for ; len(content) > 0; content = content[2:] {
			r := rune(binary.BigEndian.Uint16(content))
			if utf16.IsSurrogate(r) {
				return "", fmt.Errorf("found surrogate U+%04X in a BMPString, which is UCS-2", r)
			}
			b.WriteRune(r)
		}
		return b.String(), nil
	case TagUniversalString:
		if len(content)%4 != 0 {
			return "", fmt.Errorf("found a UniversalString of %d bytes, expected a multiple of 4", len(content))
		}
		var b strings.Builder
		for ; len(content) > 0; content = content[4:] {
			u := binary.BigEndian.Uint32(content)
			if u > utf8.MaxRune || utf16.IsSurrogate(rune(u)) {
				return "", fmt.Errorf("found 0x%X in a UniversalString, which is not a character", u)
			}
			b.WriteRune(rune(u))
		}
		return b.String(), nil
	}
	return "", fmt.Errorf("found string type %d, expected one with a mapping to Unicode", tag)
}

func ascii(typ string, content []byte, allowed func(byte) bool) (string, error) {
	for i, c := range content {
		if !allowed(c) {
			return "", fmt.Errorf("found byte 0x%02x at offset %d of a %s, which cannot hold it", c, i, typ)
		}
	}
	return string(content), nil
}

// isPrintable is X.680, 41.4 (table 10).
func isPrintable(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte(" '()+,-./:=?", c) >= 0
}
