package certs

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// nameAttributes are the attributes of a node's name, in the order in use.
var nameAttributes = [...]struct {
	oid   asn1.ObjectIdentifier
	short string
	rule  *check.Rule
}{
	{name.Organization, "O", ruleNameOrganization},
	{name.OrganizationalUnit, "OU", ruleNameUnit},
	{name.SerialNumber, "serialNumber", ruleNameSerial},
}

// RawName returns the DER of the node's name exactly as it must be written: O,
// OU and serialNumber in this order; O and OU are UTF8String, serialNumber is
// PrintableString (profile, "Nodes and names"). It is nil for the zero Identity.
func (i Identity) RawName() []byte {
	if i.IsZero() {
		return nil
	}
	return append(slices.Clip(nameHeads()[i.typ]), i.id...)
}

// nameHeads are, for each node type, the DER of every such node's name as it must
// be written, without the id, which is at the end.
var nameHeads = sync.OnceValue(func() (heads [DebtorsAgent + 1][]byte) {
	for t := AccountingAuthority; t <= DebtorsAgent; t++ {
		digits := nodeTypes[t].idDigits
		raw := buildName(Identity{t, strings.Repeat("0", digits)})
		heads[t] = raw[:len(raw)-digits]
	}
	return heads
})

func buildName(i Identity) []byte {
	n, err := name.Build([]name.Attribute{
		{Type: name.Organization, Tag: name.TagUTF8String, Value: Organization},
		{Type: name.OrganizationalUnit, Tag: name.TagUTF8String, Value: i.typ.Unit()},
		{Type: name.SerialNumber, Tag: name.TagPrintableString, Value: i.id},
	})
	if err != nil {
		panic(err) // not reached: an Identity that exists is valid
	}
	return n.Raw()
}

// IdentityOf reads the identity out of a subject. Every failing Error rule of
// "Nodes and names" is an error: a *[check.Failure] that names each of them. O
// and OU are compared as RFC 5280 section 7.1 demands (case folding, white
// space, string types mixed); the id is not folded, it matches the form exactly.
func IdentityOf(n name.Name) (Identity, error) {
	r := &check.Report{}
	id := checkName(r, n, "name")
	if err := r.Err(); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// SubjectIdentity is [IdentityOf] for a DER name, such as the RawSubject or the
// RawIssuer of a certificate. One that cannot be parsed is an error.
func SubjectIdentity(raw []byte) (Identity, error) {
	if id, ok := writtenIdentity(raw); ok {
		return id, nil
	}
	n, err := name.Parse(raw)
	if err != nil {
		return Identity{}, err
	}
	return IdentityOf(n)
}

// writtenIdentity is the inverse of [Identity.RawName]. Nearly every name is
// written just so, and then no rule has to be looked at.
func writtenIdentity(raw []byte) (Identity, bool) {
	heads := nameHeads()
	for t := AccountingAuthority; t <= DebtorsAgent; t++ {
		if id, ok := bytes.CutPrefix(raw, heads[t]); ok && isHex(string(id), nodeTypes[t].idDigits) {
			return Identity{t, string(id)}, true
		}
	}
	return Identity{}, false
}

// CheckName records the rules name.* for a subject and returns the identity that
// it says: the zero Identity unless every Error rule of them passed. The rule
// name.serial-hash is recorded for agents if spki, the DER SubjectPublicKeyInfo
// of the node's root key, is not nil.
func CheckName(r *check.Report, n name.Name, spki []byte, where string) Identity {
	id := checkName(r, n, where)
	if spki != nil && !id.IsZero() {
		checkSerialHash(r, ruleNameSerialHash, id, spki, where)
	}
	return id
}

// checkRawName is CheckName for a DER name. Of one that cannot be parsed nothing
// more can be said than name.encoding does.
func checkRawName(r *check.Report, der, spki []byte, where string) Identity {
	n, err := name.Parse(der)
	if err != nil {
		r.Fail(ruleNameEncoding, where, err.Error(), "a DER name")
		return Identity{}
	}
	r.Pass(ruleNameEncoding, where, clipName(n))
	return CheckName(r, n, spki, where)
}

func checkName(r *check.Report, n name.Name, where string) Identity {
	rdns := n.RDNs()
	multi := -1
	for i, rdn := range rdns {
		if len(rdn) != 1 {
			multi = i
			break
		}
	}
	if multi >= 0 {
		r.Fail(ruleNameSingleValued, where, fmt.Sprintf("%d attributes in part %d of %s", len(rdns[multi]), multi+1, clipName(n)), "one attribute in each part")
	} else {
		r.Pass(ruleNameSingleValued, where, "")
	}

	// An attribute must be there exactly once: with two of them, two readers
	// could see two different nodes. Attributes of multi-valued RDNs count too.
	var (
		found [len(nameAttributes)]*name.Attribute
		extra []string
		order []string
	)
	counts := [len(nameAttributes)]int{}
	ordered := true
	for i, rdn := range rdns {
		for j := range rdn {
			k := attributeIndex(rdn[j].Type)
			if k < 0 {
				extra = append(extra, rdn[j].Type.String())
				continue
			}
			found[k] = &rdn[j]
			counts[k]++
			ordered = ordered && i == k
			order = append(order, nameAttributes[k].short)
		}
	}
	var t NodeType
	okay := multi < 0
	for k, want := range nameAttributes {
		switch {
		case counts[k] == 0:
			r.Fail(want.rule, where, "no "+want.short, "one "+want.short)
			okay = false
		case counts[k] > 1:
			r.Fail(want.rule, where, fmt.Sprintf("%d %s attributes", counts[k], want.short), "exactly one")
			okay = false
		default:
			switch want.rule {
			case ruleNameOrganization:
				okay = r.Check(equalText(*found[k], name.Organization, Organization), want.rule, where, quote(found[k].Value), fmt.Sprintf("%q", Organization)) && okay
			case ruleNameUnit:
				t = unitOf(*found[k])
				okay = r.Check(t.valid(), want.rule, where, quote(found[k].Value),
					fmt.Sprintf("%q, %q or %q", nodeTypes[AccountingAuthority].unit, nodeTypes[CreditorsAgent].unit, nodeTypes[DebtorsAgent].unit)) && okay
			case ruleNameSerial:
				// nameAttributes has the unit before the serial number.
				okay = checkSerialForm(r, t, found[k].Value, where) && okay
			}
		}
	}
	okay = r.Check(ordered, ruleNameOrder, where, someOf(order), "O, OU, serialNumber, before any other attribute") && okay
	if len(extra) > 0 {
		r.Fail(ruleNameExtra, where, "further attributes: "+someOf(extra), "only O, OU and serialNumber")
	} else {
		r.Pass(ruleNameExtra, where, "")
	}
	if !okay {
		return Identity{}
	}
	id, err := NewIdentity(t, found[2].Value)
	if err != nil { // not reached: the form was checked
		return Identity{}
	}
	return id
}

// quote is text of a stranger's certificate for a report.
func quote(s string) string { return strconv.Quote(clip(s)) }

// clipName is a name for a report: as long as a node's name ever is, and more.
func clipName(n name.Name) string {
	const most = 250
	s := n.String()
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func attributeIndex(oid asn1.ObjectIdentifier) int {
	for k := range nameAttributes {
		if oid.Equal(nameAttributes[k].oid) {
			return k
		}
	}
	return -1
}

func checkSerialForm(r *check.Report, t NodeType, value, where string) bool {
	if !t.valid() {
		// The unit has failed its own rule; either form may have been meant.
		_, err := ParseNodeID(value)
		return r.Check(err == nil, ruleNameSerial, where, quote(value), "8 or 32 lowercase hex digits")
	}
	digits := nodeTypes[t].idDigits
	return r.Check(isHex(value, digits), ruleNameSerial, where, quote(value),
		fmt.Sprintf("exactly %d lowercase hex digits for %s", digits, t.article()))
}

// checkSerialHash records under rule whether an agent's id is the hash of its root key.
// It records nothing for an accounting authority, whose id is not.
func checkSerialHash(r *check.Report, rule *check.Rule, id Identity, spki []byte, where string) {
	if id.typ == AccountingAuthority {
		return
	}
	want, err := AgentIdentity(id.typ, spki)
	if err != nil { // not reached: the type is an agent's
		r.Skip(rule, where, err.Error())
		return
	}
	r.Check(id == want, rule, where, id.id, want.id+", the first 16 bytes of the SHA-256 of its root public key")
}

// unitOf returns the node type whose OU equals the attribute; zero if none does.
func unitOf(a name.Attribute) NodeType {
	if a.Tag == name.TagUTF8String && a.Type.Equal(name.OrganizationalUnit) {
		if t, err := ParseUnit(a.Value); err == nil {
			return t // as it is written
		}
	}
	for t := AccountingAuthority; t <= DebtorsAgent; t++ {
		if equalText(a, name.OrganizationalUnit, t.Unit()) {
			return t
		}
	}
	return 0
}

// equalText reports whether the attribute equals a UTF8String with this text, as
// RFC 5280 section 7.1 compares: both are made into names of one RDN.
func equalText(a name.Attribute, oid asn1.ObjectIdentifier, text string) bool {
	if a.Tag == name.TagUTF8String && a.Value == text && a.Type.Equal(oid) {
		return true // as it is written
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(a.Type)
				b.AddBytes(a.Raw)
			})
		})
	})
	found, err := b.Bytes()
	if err != nil {
		return false
	}
	m, err1 := name.Parse(found)
	n, err2 := name.Build([]name.Attribute{{Type: oid, Tag: name.TagUTF8String, Value: text}})
	return err1 == nil && err2 == nil && name.Equal(m, n)
}

// firstRDNs returns the DER name of the first n RDNs of a DER name.
func firstRDNs(der []byte, n int) ([]byte, error) {
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() {
		return nil, fmt.Errorf("a name that cannot be read")
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for range n {
			var rdn cryptobyte.String
			if !seq.ReadASN1Element(&rdn, cbasn1.SET) {
				b.SetError(fmt.Errorf("a name of fewer than %d parts", n))
				return
			}
			b.AddBytes(rdn)
		}
	})
	return b.Bytes()
}
