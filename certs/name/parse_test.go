package name

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tlv is one DER element with a definite length of any size.
func tlv(tag byte, content ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.Tag(tag), func(b *cryptobyte.Builder) {
		for _, c := range content {
			b.AddBytes(c)
		}
	})
	return b.BytesOrPanic()
}

var (
	oidO  = []byte{6, 3, 0x55, 4, 10}
	oidOU = []byte{6, 3, 0x55, 4, 11}
)

func seq(content ...[]byte) []byte { return tlv(0x30, content...) }
func set(content ...[]byte) []byte { return tlv(0x31, content...) }

// single is a name of one attribute O with this value.
func single(value []byte) []byte { return seq(set(seq(oidO, value))) }

func text(tag byte, s string) []byte { return tlv(tag, []byte(s)) }

func repeat(n int, b []byte) []byte { return bytes.Repeat(b, n) }

// nested is a SEQUENCE of this depth.
func nested(depth int) []byte {
	b := tlv(5)
	for range depth - 1 {
		b = seq(b)
	}
	return b
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		der  []byte
		want string
	}{
		{"nothing", nil, "expected a DER SEQUENCE"},
		{"not a sequence", set(), "expected a DER SEQUENCE"},
		{"trailing data", append(single(text(12, "a")), 0), "found 1 bytes after the name"},
		{"truncated", single(text(12, "a"))[:8], "expected a DER SEQUENCE"},
		{"length not minimal", []byte{0x30, 0x81, 0}, "expected a DER SEQUENCE"},
		{"indefinite length", []byte{0x30, 0x80, 0, 0}, "expected a DER SEQUENCE"},
		{"RDN is a sequence", seq(seq(seq(oidO, text(12, "a")))), "RDN 1: expected a DER SET"},
		{"empty RDN", seq(set()), "RDN 1: found no attribute"},
		{"attribute is a set", seq(set(set(oidO, text(12, "a")))), "attribute 1: expected a DER SEQUENCE"},
		{"no type", seq(set(seq())), "expected an object identifier"},
		{"no value", seq(set(seq(oidO))), "2.5.4.10: expected a DER value"},
		{"value after the value", seq(set(seq(oidO, text(12, "a"), tlv(5)))), "found 2 bytes after the value"},
		{"out of order", seq(set(seq(oidOU, text(12, "a")), seq(oidO, text(12, "a")))), "attribute 2: found out of order"},
		{"out of order by length", seq(set(seq(oidO, text(12, "aa")), seq(oidOU, text(12, "a")))), "attribute 2: found out of order"},
		{"type not minimal", seq(set(seq([]byte{6, 3, 0x55, 0x80, 4}, text(12, "a")))), "malformed"},
		{"empty type", seq(set(seq([]byte{6, 0}, text(12, "a")))), "malformed"},
		{"arc of 32 bits", seq(set(seq([]byte{6, 6, 0x2a, 0x90, 0x80, 0x80, 0x80, 0}, text(12, "a")))), "beyond 31 bits"},

		{"UTF-8", single(text(12, "a\xff")), "invalid UTF-8"},
		{"UTF-8 surrogate", single(text(12, "\xed\xa0\x80")), "invalid UTF-8"},
		{"UTF-8 overlong", single(text(12, "\xc0\x80")), "invalid UTF-8"},
		{"NumericString", single(text(18, "1a")), "byte 0x61 at offset 1 of a NumericString"},
		{"PrintableString with *", single(text(19, "*")), "byte 0x2a at offset 0 of a PrintableString"},
		{"PrintableString with @", single(text(19, "a@")), "byte 0x40 at offset 1"},
		{"IA5String", single(text(22, "\x80")), "byte 0x80 at offset 0 of a IA5String"},
		{"VisibleString", single(text(26, "\x7f")), "byte 0x7f"},
		{"BMPString, odd", single(text(30, "abc")), "3 bytes, expected an even number"},
		{"BMPString surrogate", single(text(30, "\xd8\x00\xdc\x00")), "surrogate U+D800"},
		{"UniversalString of 5 bytes", single(text(28, "\x00\x00\x00aa")), "multiple of 4"},
		{"UniversalString surrogate", single(text(28, "\x00\x00\xd8\x00")), "0xD800"},
		{"UniversalString beyond Unicode", single(text(28, "\x00\x11\x00\x00")), "0x110000"},
		{"constructed UTF8String", single(tlv(0x2c, text(12, "a"))), "identifier octet 0x2c"},
		{"primitive SEQUENCE", single([]byte{0x10, 0}), "identifier octet 0x10"},
		{"end of contents", single([]byte{0, 0}), "end-of-contents"},
		{"high tag number", single([]byte{0x1f, 0x81, 0, 0}), "expected a DER value"},
		{"junk in a structure", single(seq([]byte{1})), "malformed value"},

		{"one byte too many", single(text(12, strings.Repeat("a", MaxBytes-20))), "expected at most 4096"},
		{"one RDN too many", seq(repeat(MaxRDNs+1, set(seq(oidO, text(12, "a"))))), "more than 64 RDNs"},
		{"one attribute too many", seq(set(repeat(MaxAttributes+1, seq(oidO, text(12, "a"))))), "more than 16 attributes"},
		{"one level too many", single(nested(MaxValueDepth + 1)), "nested deeper than 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := Parse(tt.der)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v, %v; expected an error with %q", n, err, tt.want)
			}
			if !n.IsEmpty() || err != nil && !strings.HasPrefix(err.Error(), "name: ") {
				t.Errorf("found %v, %v; expected no name and an error of this package", n, err)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		der   []byte
		value string // of the first attribute
		tag   int
	}{
		{"UTF8String", single(text(12, "é")), "é", TagUTF8String},
		{"empty value", single(text(12, "")), "", TagUTF8String},
		{"NumericString", single(text(18, "1 2")), "1 2", TagNumericString},
		{"PrintableString", single(text(19, "aZ09 '()+,-./:=?")), "aZ09 '()+,-./:=?", TagPrintableString},
		{"IA5String", single(text(22, "a@\x00\x7f")), "a@\x00\x7f", TagIA5String},
		{"VisibleString", single(text(26, " ~")), " ~", TagVisibleString},
		{"BMPString", single(text(30, "\x00a\x67\x71")), "a東", TagBMPString},
		{"UniversalString", single(text(28, "\x00\x01\xd4\x00")), "\U0001d400", TagUniversalString},
		{"TeletexString", single(text(20, "a")), "", TagTeletexString},
		{"GeneralString", single(text(27, "a")), "", TagGeneralString},
		{"INTEGER", single([]byte{2, 1, 5}), "", 2},
		{"BIT STRING", single([]byte{3, 2, 0, 1}), "", 3},
		{"context-specific", single([]byte{0x80, 1, 5}), "", 0x80},
		{"the same attribute twice", seq(set(seq(oidO, text(12, "a")), seq(oidO, text(12, "a")))), "a", TagUTF8String},
		{"the longest", single(text(12, strings.Repeat("a", MaxBytes-21))), strings.Repeat("a", MaxBytes-21), TagUTF8String},
		{"the most RDNs", seq(repeat(MaxRDNs, set(seq(oidO, text(12, "a"))))), "a", TagUTF8String},
		{"the most attributes", seq(set(repeat(MaxAttributes, seq(oidO, text(12, "a"))))), "a", TagUTF8String},
		{"the deepest", single(nested(MaxValueDepth)), "", 16},
		{"arc of 31 bits", seq(set(seq([]byte{6, 6, 0x2a, 0x87, 0xff, 0xff, 0xff, 0x7f}, text(12, "a")))), "a", TagUTF8String},
	} {
		t.Run(tt.name, func(t *testing.T) {
			der := slices.Clone(tt.der)
			n, err := Parse(der)
			if err != nil {
				t.Fatal(err)
			}
			a := n.RDNs()[0][0]
			if a.Value != tt.value || a.Tag != tt.tag {
				t.Errorf("found %.40q with tag %d, expected %.40q with tag %d", a.Value, a.Tag, tt.value, tt.tag)
			}
			clear(der)
			if !bytes.Equal(n.Raw(), tt.der) || !bytes.Equal(rebuild(t, n), tt.der) {
				t.Error("expected the same DER again, not sharing memory with the input")
			}
		})
	}
}

// rebuild encodes a name from its attributes alone.
func rebuild(t testing.TB, n Name) []byte {
	t.Helper()
	var rdns [][]byte
	for _, rdn := range n.RDNs() {
		var attributes [][]byte
		for _, a := range rdn {
			oid, err := asn1.Marshal(a.Type)
			if err != nil {
				t.Fatal(err)
			}
			attributes = append(attributes, seq(oid, a.Raw))
		}
		rdns = append(rdns, set(attributes...))
	}
	return seq(rdns...)
}

func TestZeroName(t *testing.T) {
	var zero Name
	parsed, err := Parse([]byte{0x30, 0})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []Name{zero, parsed} {
		if !n.IsEmpty() || !bytes.Equal(n.Raw(), []byte{0x30, 0}) || n.String() != "(empty name)" || n.Slashed() != "" {
			t.Errorf("found %x %q %q, expected the empty name", n.Raw(), n, n.Slashed())
		}
		if !Equal(n, zero) || !n.Within(parsed) {
			t.Error("expected the empty names to be equal")
		}
	}
}

func TestBuild(t *testing.T) {
	o := Attribute{Type: Organization, Tag: TagUTF8String, Value: "Swaptacular Nodes Registry"}
	n, err := Build([]Attribute{o,
		{Type: OrganizationalUnit, Tag: TagUTF8String, Value: "Creditors Agents"},
		{Type: SerialNumber, Tag: TagPrintableString, Value: "ae4209290a434d18be5465b3d11257f8"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := readRoot(t, "ca").RawSubject; !bytes.Equal(n.Raw(), want) {
		t.Errorf("found %x, expected the reference node's %x", n.Raw(), want)
	}
	if got := n.Values(OrganizationalUnit); !slices.Equal(got, []string{"Creditors Agents"}) {
		t.Errorf("found %q", got)
	}
	if n, err := Build(nil); err != nil || !n.IsEmpty() {
		t.Errorf("found %v, %v; expected the empty name", n, err)
	}
	for want, a := range map[string]Attribute{
		"string type 30":      {Type: Organization, Tag: TagBMPString, Value: "a"},
		"string type 0":       {Type: Organization, Value: "a"},
		"invalid UTF-8":       {Type: Organization, Tag: TagUTF8String, Value: "\xff"},
		"PrintableString":     {Type: Organization, Tag: TagPrintableString, Value: "@"},
		"IA5String":           {Type: Organization, Tag: TagIA5String, Value: "é"},
		"invalid OID":         {Tag: TagUTF8String, Value: "a"},
		"expected at most 40": {Type: Organization, Tag: TagUTF8String, Value: strings.Repeat("a", MaxBytes)},
	} {
		if n, err := Build([]Attribute{o, a}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("found %v, %v; expected an error with %q", n, err, want)
		}
	}
}
