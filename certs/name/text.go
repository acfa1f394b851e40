package name

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// shortNames are OpenSSL's short names, which are also what people know. An
// attribute that is not here is written as dotted decimal.
var shortNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "serialNumber",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "street",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "title",
	"2.5.4.13":                   "description",
	"2.5.4.15":                   "businessCategory",
	"2.5.4.16":                   "postalAddress",
	"2.5.4.17":                   "postalCode",
	"2.5.4.18":                   "postOfficeBox",
	"2.5.4.20":                   "telephoneNumber",
	"2.5.4.41":                   "name",
	"2.5.4.42":                   "GN",
	"2.5.4.43":                   "initials",
	"2.5.4.44":                   "generationQualifier",
	"2.5.4.45":                   "x500UniqueIdentifier",
	"2.5.4.46":                   "dnQualifier",
	"2.5.4.65":                   "pseudonym",
	"2.5.4.97":                   "organizationIdentifier",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"1.2.840.113549.1.9.2":       "unstructuredName",
	"1.2.840.113549.1.9.8":       "unstructuredAddress",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
	"1.3.6.1.4.1.311.60.2.1.1":   "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2":   "jurisdictionST",
	"1.3.6.1.4.1.311.60.2.1.3":   "jurisdictionC",
}

func shortName(t asn1.ObjectIdentifier) string {
	dotted := t.String()
	if s, ok := shortNames[dotted]; ok {
		return s
	}
	return dotted
}

// String is for people: "O=…, OU=…, serialNumber=…", in the order of the name,
// the attributes of one RDN joined by "+". Values are escaped as in RFC 4514:
// `\` before special characters, `\XX` for each byte of a character that is not
// visible (controls, bidirectional overrides, zero-width characters, spaces other than
// U+0020), so nothing in it can reach a terminal or hide the structure; values
// without a mapping to Unicode are "#" and their DER in hex. The empty name is
// "(empty name)".
func (n Name) String() string {
	if n.IsEmpty() {
		return "(empty name)"
	}
	var b strings.Builder
	for i, rdn := range n.rdns {
		if i > 0 {
			b.WriteString(", ")
		}
		for j, a := range rdn {
			if j > 0 {
				b.WriteByte('+')
			}
			b.WriteString(shortName(a.Type))
			b.WriteByte('=')
			writeValue(&b, a)
		}
	}
	return b.String()
}

func writeValue(b *strings.Builder, a Attribute) {
	if syntaxOf(cbasn1.Tag(a.Raw[0])) != syntaxText {
		b.WriteByte('#')
		b.WriteString(hex.EncodeToString(a.Raw))
		return
	}
	for i, r := range a.Value {
		width := utf8.RuneLen(r)
		switch {
		case strings.ContainsRune(`,+"\<>;=`, r),
			r == '#' && i == 0,
			r == ' ' && (i == 0 || i+width == len(a.Value)):
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(b, `\%02X`, c)
			}
		}
	}
}

// Slashed is the form of OpenSSL's db/index: "/O=…/OU=…/serialNumber=…", as
// X509_NAME_oneline of OpenSSL 3 writes it: the bytes of each value as they are
// in the DER (two a character for BMPString), `\xHH` for those outside
// printable ASCII, `\/` and `\+` for the two separators; "\" itself is not
// escaped, so the form cannot be read back. Attributes whose short name this
// package does not know are written as dotted decimal. The empty name is "".
func (n Name) Slashed() string {
	var b strings.Builder
	for _, rdn := range n.rdns {
		for j, a := range rdn {
			if j == 0 {
				b.WriteByte('/')
			} else {
				b.WriteByte('+')
			}
			b.WriteString(shortName(a.Type))
			b.WriteByte('=')
			var content cryptobyte.String
			var tag cbasn1.Tag
			raw := cryptobyte.String(a.Raw)
			raw.ReadAnyASN1(&content, &tag) // Parse has read it before
			for _, c := range content {
				switch {
				case c < ' ' || c > '~':
					fmt.Fprintf(&b, `\x%02X`, c)
				case c == '/' || c == '+':
					b.WriteByte('\\')
					b.WriteByte(c)
				default:
					b.WriteByte(c)
				}
			}
		}
	}
	return b.String()
}
