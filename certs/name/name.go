// Package name reads X.501 distinguished names strictly, compares them as RFC
// 5280 section 7.1 demands, and writes the few that this project needs.
//
// It exists because crypto/x509 offers either the raw bytes of a name or a
// pkix.Name that has lost the string types, the order and the grouping; neither
// can be compared by the rules that decide whose certificate it is.
//
// # What is read
//
// [Parse] takes one DER Name and nothing after it. It refuses lengths that are
// not minimal, RDNs without an attribute, RDNs whose attributes are not in DER
// order, string values with characters outside their type (a PrintableString
// with "@" or "*", a BMPString with surrogates, invalid UTF-8) and names beyond
// the limits below. What it accepts is exactly what it would write: the DER can
// be rebuilt from the attributes (the tests do). Two attributes of one type in
// one RDN are read, although X.501 (8.3) forbids them, and are compared as a
// multiset; an empty string value is read. Arcs of object identifiers beyond 31
// bits are refused.
//
// # How names are compared
//
// Two names are equal if they have the same number of RDNs and each pair of
// RDNs has equal attributes in any order. Two attributes are equal if the types
// are and the values are, where UTF8String, PrintableString, IA5String,
// BMPString, UniversalString, NumericString and VisibleString values are first
// prepared as RFC 5280 section 7.1 and RFC 4518 say: decoded to Unicode, control
// and invisible characters removed, all kinds of space made one, case folded,
// NFKC, and insignificant space removed. So the string types mix, and "ACME
// Ltd" equals " acme  ltd".
//
// Where this differs from the letter of RFC 4518:
//
//   - Every string attribute is compared without regard to case, also the few
//     (such as dnQualifier's relatives outside RFC 5280) for which a directory
//     would use another matching rule; domainComponent likewise, without IDNA.
//   - Unicode is the version of golang.org/x/text, not 3.2, so characters
//     assigned since then are compared rather than prohibited.
//   - A value with a prohibited character (private use, unassigned, not a
//     character, U+FFFD) matches nothing by RFC 4518. Here it equals a value with
//     the same DER, and only that.
//   - TeletexString (T61String) has no agreed mapping to Unicode; it equals the
//     same DER only. So do GeneralString, GraphicString and VideotexString, and
//     all values that are not strings.
//
// For a constraint that excludes names, "not shown to be equal" is not enough;
// see [Name.MayBeWithin].
//
// # What is not here
//
// No RFC 4514 parser, no building beyond [Build], no upper bounds of X.520 (64
// characters for O, and so on), no check that a value's type is one its
// attribute allows, no look inside values that are not strings beyond that they
// are well-formed DER.
package name

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of [Parse]. A name from a stranger costs time to prepare for
// comparison; these keep that below a millisecond, far above any name in use
// (the network's names have 3 RDNs and about 100 bytes).
const (
	// MaxBytes is the greatest length of a name's DER, in bytes.
	MaxBytes = 4 << 10
	// MaxRDNs is the greatest number of RDNs in a name.
	MaxRDNs = 64
	// MaxAttributes is the greatest number of attributes in one RDN.
	MaxAttributes = 16
	// MaxValueDepth is the greatest depth of a value that is not a string but
	// a structure.
	MaxValueDepth = 8
)

// Types of the attributes of a node's name (X.520; profile, "Nodes and names").
var (
	Organization       = asn1.ObjectIdentifier{2, 5, 4, 10}
	OrganizationalUnit = asn1.ObjectIdentifier{2, 5, 4, 11}
	SerialNumber       = asn1.ObjectIdentifier{2, 5, 4, 5}
	// EmailAddress may stand in a subject in place of an rfc822Name (RFC 5280,
	// 4.2.1.10).
	EmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// Universal tags of the string types that occur in names, for [Attribute].Tag.
const (
	TagUTF8String      = 12
	TagNumericString   = 18
	TagPrintableString = 19
	TagTeletexString   = 20
	TagVideotexString  = 21
	TagIA5String       = 22
	TagGraphicString   = 25
	TagVisibleString   = 26
	TagGeneralString   = 27
	TagUniversalString = 28
	TagBMPString       = 30
)

// Name is a parsed distinguished name: a sequence of RDNs. The zero Name is
// the empty name. A Name must not be compared with ==; see [Equal].
type Name struct {
	raw  []byte
	rdns [][]Attribute
	keys []rdnKey // one for each RDN, for comparison
}

// Attribute is one type and value of an RDN.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Tag   int    // universal tag of the value; for other classes the whole identifier octet
	Value string // decoded to UTF-8 for the string types compared as text (see the package comment); "" for others
	Raw   []byte // DER of the value, identifier and length included
}

var emptyDER = []byte{0x30, 0x00}

// Parse reads a DER Name strictly; see the package comment. The Name does not
// share memory with der.
func Parse(der []byte) (Name, error) {
	n, err := parse(der)
	if err != nil {
		return Name{}, fmt.Errorf("name: %w", err)
	}
	return n, nil
}

func parse(der []byte) (Name, error) {
	if len(der) > MaxBytes {
		return Name{}, fmt.Errorf("found %d bytes, expected at most %d", len(der), MaxBytes)
	}
	n := Name{raw: slices.Clone(der)}
	input := cryptobyte.String(n.raw)
	var seq cryptobyte.String
	if !input.ReadASN1(&seq, cbasn1.SEQUENCE) {
		return Name{}, errors.New("expected a DER SEQUENCE of RDNs")
	}
	if !input.Empty() {
		return Name{}, fmt.Errorf("found %d bytes after the name, expected none", len(input))
	}
	for i := 1; !seq.Empty(); i++ {
		if i > MaxRDNs {
			return Name{}, fmt.Errorf("found more than %d RDNs, expected at most that", MaxRDNs)
		}
		var set cryptobyte.String
		if !seq.ReadASN1(&set, cbasn1.SET) {
			return Name{}, fmt.Errorf("RDN %d: expected a DER SET of attributes", i)
		}
		rdn, key, err := parseRDN(set)
		if err != nil {
			return Name{}, fmt.Errorf("RDN %d: %w", i, err)
		}
		n.rdns = append(n.rdns, rdn)
		n.keys = append(n.keys, key)
	}
	return n, nil
}

func parseRDN(set cryptobyte.String) ([]Attribute, rdnKey, error) {
	if set.Empty() {
		return nil, rdnKey{}, errors.New("found no attribute, expected at least one (X.501, 8.3)")
	}
	var rdn []Attribute
	var keys []attrKey
	var previous []byte
	for i := 1; !set.Empty(); i++ {
		if i > MaxAttributes {
			return nil, rdnKey{}, fmt.Errorf("found more than %d attributes, expected at most that", MaxAttributes)
		}
		var element cryptobyte.String
		if !set.ReadASN1Element(&element, cbasn1.SEQUENCE) {
			return nil, rdnKey{}, fmt.Errorf("attribute %d: expected a DER SEQUENCE of type and value", i)
		}
		// X.690, 11.6: the encodings of a SET OF stand in ascending order.
		// TLVs are prefix-free, so plain comparison is the rule's padding one.
		if string(element) < string(previous) {
			return nil, rdnKey{}, fmt.Errorf("attribute %d: found out of order, expected ascending encodings (X.690, 11.6)", i)
		}
		previous = element
		a, key, err := parseAttribute(element)
		if err != nil {
			return nil, rdnKey{}, fmt.Errorf("attribute %d: %w", i, err)
		}
		rdn = append(rdn, a)
		keys = append(keys, key)
	}
	return rdn, newRDNKey(keys), nil
}

func parseAttribute(element cryptobyte.String) (Attribute, attrKey, error) {
	var seq, oid, value cryptobyte.String
	var tag cbasn1.Tag
	var a Attribute
	if !element.ReadASN1(&seq, cbasn1.SEQUENCE) {
		return a, attrKey{}, errors.New("expected a DER SEQUENCE of type and value")
	}
	if !seq.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER) {
		return a, attrKey{}, errors.New("expected an object identifier as the type")
	}
	if o := oid; !o.ReadASN1ObjectIdentifier(&a.Type) {
		return a, attrKey{}, errors.New("found an object identifier that is malformed or has an arc beyond 31 bits")
	}
	if !seq.ReadAnyASN1Element(&value, &tag) {
		return a, attrKey{}, fmt.Errorf("%v: expected a DER value", a.Type)
	}
	if !seq.Empty() {
		return a, attrKey{}, fmt.Errorf("%v: found %d bytes after the value, expected none", a.Type, len(seq))
	}
	a.Tag, a.Raw = int(tag), value
	kind := syntaxOf(tag)
	if kind == syntaxOther {
		if err := checkDER(value, MaxValueDepth); err != nil {
			return a, attrKey{}, fmt.Errorf("%v: %w", a.Type, err)
		}
		if tag&0xc0 == 0 {
			a.Tag = int(tag & 0x1f)
		}
	}
	if kind == syntaxText {
		var content cryptobyte.String
		if !value.ReadASN1(&content, tag) { // moves value; a.Raw keeps the element
			return a, attrKey{}, fmt.Errorf("%v: expected a DER value", a.Type)
		}
		s, err := decode(tag, content)
		if err != nil {
			return a, attrKey{}, fmt.Errorf("%v: %w", a.Type, err)
		}
		a.Value = s
	}
	return a, newAttrKey(oid, a, kind), nil
}

// checkDER walks a value that is not a string: every length must be minimal
// and every constructed value must be filled by well-formed values.
func checkDER(v cryptobyte.String, depth int) error {
	if depth == 0 {
		return fmt.Errorf("found a value nested deeper than %d, expected at most that", MaxValueDepth)
	}
	for !v.Empty() {
		var content cryptobyte.String
		var tag cbasn1.Tag
		if !v.ReadAnyASN1(&content, &tag) {
			return errors.New("found a malformed value, expected DER")
		}
		const constructed = 0x20
		universal := tag&0xc0 == 0
		// X.690, 10.2: strings are primitive in DER. Only these are constructed.
		isStructure := tag&0x1f == cbasn1.SEQUENCE&0x1f || tag&0x1f == cbasn1.SET&0x1f
		if universal && (tag&constructed != 0) != isStructure {
			return fmt.Errorf("found identifier octet 0x%02x, which DER does not have", uint8(tag))
		}
		if universal && tag&0x1f == 0 {
			return errors.New("found an end-of-contents octet, which DER does not have")
		}
		if tag&constructed != 0 {
			if err := checkDER(content, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// RDNs returns the relative names, most general first. The caller must not change them.
func (n Name) RDNs() [][]Attribute { return n.rdns }

// Raw returns the DER. The caller must not change it.
func (n Name) Raw() []byte {
	if n.raw == nil {
		return emptyDER
	}
	return n.raw
}

// IsEmpty reports whether there are no RDNs.
func (n Name) IsEmpty() bool { return len(n.rdns) == 0 }

// Values returns the decoded values of all attributes of type t, in order.
func (n Name) Values(t asn1.ObjectIdentifier) []string {
	var values []string
	for _, rdn := range n.rdns {
		for _, a := range rdn {
			if a.Type.Equal(t) {
				values = append(values, a.Value)
			}
		}
	}
	return values
}

// Build makes a name with one RDN for each attribute, in this order. Of each
// attribute Type, Tag and Value are used; Raw is ignored. Tag must be
// [TagUTF8String], [TagPrintableString] or [TagIA5String] and Value must be in
// its character set. The name is read back with [Parse], so its limits hold.
func Build(attributes []Attribute) (Name, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range attributes {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(a.Type)
					switch a.Tag {
					case TagUTF8String, TagPrintableString, TagIA5String:
					default:
						b.SetError(fmt.Errorf("%v: found string type %d, expected UTF8String, PrintableString or IA5String", a.Type, a.Tag))
						return
					}
					if !utf8.ValidString(a.Value) {
						b.SetError(fmt.Errorf("%v: found invalid UTF-8", a.Type))
						return
					}
					b.AddASN1(cbasn1.Tag(a.Tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.Value)) })
				})
			})
		}
	})
	der, err := b.Bytes()
	if err != nil {
		return Name{}, fmt.Errorf("name: %w", err)
	}
	return Parse(der)
}
