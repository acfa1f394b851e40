package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The extensions of the profile (RFC 5280 section 4.2).
var (
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidAlternativeName  = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAuthorityKeyID   = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidNetscapeComment  = asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 13}
)

// extensionNames are for people, in the words of RFC 5280.
var extensionNames = []struct {
	oid  asn1.ObjectIdentifier
	name string
}{
	{oidSubjectKeyID, "subjectKeyIdentifier"},
	{oidKeyUsage, "keyUsage"},
	{oidAlternativeName, "subjectAltName"},
	{oidBasicConstraints, "basicConstraints"},
	{oidNameConstraints, "nameConstraints"},
	{oidAuthorityKeyID, "authorityKeyIdentifier"},
	{oidExtendedKeyUsage, "extKeyUsage"},
	{oidNetscapeComment, "netscapeComment"},
}

// extensionName names an extension; its object identifier if it is not known.
func extensionName(oid asn1.ObjectIdentifier) string {
	for _, e := range extensionNames {
		if oid.Equal(e.oid) {
			return e.name
		}
	}
	return oid.String()
}

// findExtension returns the first extension with this object identifier.
func findExtension(list []pkix.Extension, oid asn1.ObjectIdentifier) *pkix.Extension {
	for i := range list {
		if list[i].Id.Equal(oid) {
			return &list[i]
		}
	}
	return nil
}

// criticalWord is how reports call the flag.
func criticalWord(critical bool) string {
	if critical {
		return "critical"
	}
	return "not critical"
}

// basicConstraints of RFC 5280 section 4.2.1.9. pathLen is -1 if absent.
type basicConstraints struct {
	ca      bool
	pathLen int
}

func (b basicConstraints) String() string {
	s := "CA false"
	if b.ca {
		s = "CA true"
	}
	if b.pathLen >= 0 {
		s += fmt.Sprintf(", path length %d", b.pathLen)
	}
	return s
}

func (b basicConstraints) der() []byte {
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.SEQUENCE, func(c *cryptobyte.Builder) {
		if b.ca {
			c.AddASN1Boolean(true)
		}
		if b.pathLen >= 0 {
			c.AddASN1Int64(int64(b.pathLen))
		}
	})
	return c.BytesOrPanic()
}

// maxPathLen bounds a path length constraint: more means nothing.
const maxPathLen = 1 << 15

func parseBasicConstraints(der []byte) (basicConstraints, error) {
	bad := errors.New("a value that is not BasicConstraints")
	in, b := cryptobyte.String(der), basicConstraints{pathLen: -1}
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return b, bad
	}
	if seq.PeekASN1Tag(cbasn1.BOOLEAN) && !seq.ReadASN1Boolean(&b.ca) {
		return b, bad
	}
	if seq.PeekASN1Tag(cbasn1.INTEGER) {
		if !seq.ReadASN1Integer(&b.pathLen) || b.pathLen < 0 || b.pathLen > maxPathLen {
			return b, bad
		}
	}
	if !seq.Empty() {
		return b, bad
	}
	return b, nil
}

// keyUsages are the bits of keyUsage (RFC 5280 section 4.2.1.3) in their order.
var keyUsages = []struct {
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature"},
	{x509.KeyUsageContentCommitment, "contentCommitment"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment"},
	{x509.KeyUsageDataEncipherment, "dataEncipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement"},
	{x509.KeyUsageCertSign, "keyCertSign"},
	{x509.KeyUsageCRLSign, "cRLSign"},
	{x509.KeyUsageEncipherOnly, "encipherOnly"},
	{x509.KeyUsageDecipherOnly, "decipherOnly"},
}

func keyUsageWords(u x509.KeyUsage) string {
	var words []string
	for _, k := range keyUsages {
		if u&k.bit != 0 {
			words = append(words, k.name)
		}
	}
	if len(words) == 0 {
		return "no usage"
	}
	return strings.Join(words, ", ")
}

// keyUsageDER is the DER of a named bit list: no trailing zero bits.
func keyUsageDER(u x509.KeyUsage) []byte {
	bits, last := [2]byte{}, -1
	for i, k := range keyUsages {
		if u&k.bit != 0 {
			bits[i/8] |= 0x80 >> (i % 8)
			last = i
		}
	}
	size := last/8 + 1
	if last < 0 {
		size = 0
	}
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.BIT_STRING, func(c *cryptobyte.Builder) {
		c.AddUint8(uint8(size*8 - last - 1))
		c.AddBytes(bits[:size])
	})
	return c.BytesOrPanic()
}

func parseKeyUsage(der []byte) (x509.KeyUsage, error) {
	in := cryptobyte.String(der)
	var bits asn1.BitString
	if !in.ReadASN1BitString(&bits) || !in.Empty() {
		return 0, errors.New("a value that is not KeyUsage")
	}
	var u x509.KeyUsage
	for i, k := range keyUsages {
		if bits.At(i) == 1 {
			u |= k.bit
		}
	}
	return u, nil
}

func octetStringDER(b []byte) []byte {
	var c cryptobyte.Builder
	c.AddASN1OctetString(b)
	return c.BytesOrPanic()
}

func parseSubjectKeyID(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var id cryptobyte.String
	if !in.ReadASN1(&id, cbasn1.OCTET_STRING) || !in.Empty() {
		return nil, errors.New("a value that is not SubjectKeyIdentifier")
	}
	return id, nil
}

var tagKeyID = cbasn1.Tag(0).ContextSpecific()

func authorityKeyIDDER(id []byte) []byte {
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.SEQUENCE, func(c *cryptobyte.Builder) {
		c.AddASN1(tagKeyID, func(c *cryptobyte.Builder) { c.AddBytes(id) })
	})
	return c.BytesOrPanic()
}

// parseAuthorityKeyID accepts the key id form only.
func parseAuthorityKeyID(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var seq, id cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1(&id, tagKeyID) {
		return nil, errors.New("a value without a key id")
	}
	if !seq.Empty() {
		return nil, errors.New("a key id with an issuer or serial number beside it")
	}
	return id, nil
}

// Tags of NameConstraints and GeneralName (RFC 5280 sections 4.2.1.10 and 4.2.1.6).
var (
	tagPermitted     = cbasn1.Tag(0).ContextSpecific().Constructed()
	tagDirectoryName = cbasn1.Tag(4).ContextSpecific().Constructed()
)

// nameConstraintsDER permits the subtree of one directoryName and nothing else.
func nameConstraintsDER(rawName []byte) []byte {
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.SEQUENCE, func(c *cryptobyte.Builder) {
		c.AddASN1(tagPermitted, func(c *cryptobyte.Builder) {
			c.AddASN1(cbasn1.SEQUENCE, func(c *cryptobyte.Builder) {
				c.AddASN1(tagDirectoryName, func(c *cryptobyte.Builder) { c.AddBytes(rawName) })
			})
		})
	})
	return c.BytesOrPanic()
}

// parseNameConstraints accepts exactly what nameConstraintsDER writes: one
// permitted directoryName without minimum and maximum, nothing excluded.
func parseNameConstraints(der []byte) (name.Name, error) {
	in := cryptobyte.String(der)
	var seq, permitted, subtree, dir cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return name.Name{}, errors.New("a value that is not NameConstraints")
	}
	if !seq.ReadASN1(&permitted, tagPermitted) {
		return name.Name{}, errors.New("no permitted subtrees")
	}
	if !seq.Empty() {
		return name.Name{}, errors.New("something beside the permitted subtrees")
	}
	if !permitted.ReadASN1(&subtree, cbasn1.SEQUENCE) || !subtree.ReadASN1(&dir, tagDirectoryName) {
		return name.Name{}, errors.New("a permitted subtree that is not a directoryName")
	}
	if !subtree.Empty() {
		return name.Name{}, errors.New("a permitted subtree with a minimum or maximum")
	}
	if !permitted.Empty() {
		return name.Name{}, errors.New("more than one permitted subtree")
	}
	n, err := name.Parse(dir)
	if err != nil {
		return name.Name{}, fmt.Errorf("a directoryName that cannot be read: %w", err)
	}
	return n, nil
}

// subnetPrefix is the text before the subnet in the Netscape comment.
const subnetPrefix = "Subnet: "

// commentDER is the Netscape comment with the subnet; the zero Subnet gives the
// empty one.
func commentDER(s Subnet) []byte {
	text := ""
	if !s.IsZero() {
		text = subnetPrefix + s.String()
	}
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.IA5String, func(c *cryptobyte.Builder) { c.AddBytes([]byte(text)) })
	return c.BytesOrPanic()
}

// parseComment is the inverse of commentDER and accepts nothing else.
func parseComment(der []byte) (Subnet, error) {
	in := cryptobyte.String(der)
	var text cryptobyte.String
	if !in.ReadASN1(&text, cbasn1.IA5String) || !in.Empty() {
		return Subnet{}, errors.New("a Netscape comment that is not an IA5String")
	}
	if len(text) == 0 {
		return Subnet{}, nil
	}
	digits, ok := strings.CutPrefix(string(text), subnetPrefix)
	if !ok {
		return Subnet{}, fmt.Errorf("the Netscape comment %q, expected %q and hex digits", clip(string(text)), subnetPrefix)
	}
	return ParseSubnet(digits)
}

// PeerSubnet returns the subnet written in a peer certificate: in the extension
// 2.16.840.1.113730.1.13 (Netscape comment) as the text "Subnet: " and hex
// digits. It is the zero Subnet when the extension is absent or empty. Whether
// the issuer may give this subnet is rule peer.subnet.
func PeerSubnet(c *x509.Certificate) (Subnet, error) {
	ext := findExtension(c.Extensions, oidNetscapeComment)
	if ext == nil {
		return Subnet{}, nil
	}
	s, err := parseComment(ext.Value)
	if err != nil {
		return Subnet{}, fmt.Errorf("peer certificate: found %w", err)
	}
	return s, nil
}

// extKeyUsageDER lists clientAuth and serverAuth, in the order in use.
func extKeyUsageDER() []byte {
	var c cryptobyte.Builder
	c.AddASN1(cbasn1.SEQUENCE, func(c *cryptobyte.Builder) {
		c.AddASN1ObjectIdentifier(oidClientAuth)
		c.AddASN1ObjectIdentifier(oidServerAuth)
	})
	return c.BytesOrPanic()
}

var (
	oidServerAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

// maxExtendedKeyUsages bounds the purposes of one certificate; two are in use.
const maxExtendedKeyUsages = 32

func parseExtKeyUsage(der []byte) ([]asn1.ObjectIdentifier, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || seq.Empty() {
		return nil, errors.New("a value that is not ExtKeyUsageSyntax")
	}
	var list []asn1.ObjectIdentifier
	for !seq.Empty() {
		var oid asn1.ObjectIdentifier
		if !seq.ReadASN1ObjectIdentifier(&oid) || len(list) == maxExtendedKeyUsages {
			return nil, errors.New("a value that is not ExtKeyUsageSyntax")
		}
		list = append(list, oid)
	}
	return list, nil
}

func extKeyUsageWords(list []asn1.ObjectIdentifier) string {
	var words []string
	for _, oid := range list {
		switch {
		case oid.Equal(oidClientAuth):
			words = append(words, "clientAuth")
		case oid.Equal(oidServerAuth):
			words = append(words, "serverAuth")
		default:
			words = append(words, oid.String())
		}
	}
	return strings.Join(words, ", ")
}
