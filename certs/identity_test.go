package certs

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestNodeTypes(t *testing.T) {
	for _, tt := range []struct {
		typ          NodeType
		short, words string
		peers        string
	}{
		{AccountingAuthority, "aa", "an accounting authority", "ca da"},
		{CreditorsAgent, "ca", "a creditors agent", "aa"},
		{DebtorsAgent, "da", "a debtors agent", "aa"},
	} {
		if got := must(ParseNodeType(tt.short)); got != tt.typ || got.String() != tt.short || got.article() != tt.words {
			t.Errorf("%s: found %v, %q", tt.short, got, got.article())
		}
		if got := must(ParseUnit(tt.typ.Unit())); got != tt.typ {
			t.Errorf("%s: found %v", tt.typ.Unit(), got)
		}
		var peers []string
		for u := NodeType(0); u <= DebtorsAgent+1; u++ {
			if tt.typ.CanPeerWith(u) {
				peers = append(peers, u.String())
			}
			if tt.typ.CanPeerWith(u) != u.CanPeerWith(tt.typ) {
				t.Errorf("%v and %v: peering is not mutual", tt.typ, u)
			}
		}
		if got := strings.Join(peers, " "); got != tt.peers {
			t.Errorf("%v: found peers %q, expected %q", tt.typ, got, tt.peers)
		}
	}
	for _, bad := range []string{"", "AA", "aa ", "xx", "Accounting Authorities"} {
		if _, err := ParseNodeType(bad); err == nil {
			t.Errorf("%q is a node type", bad)
		}
	}
	for _, bad := range []string{"", "aa", "accounting authorities", "Accounting Authorities\n"} {
		if _, err := ParseUnit(bad); err == nil {
			t.Errorf("%q is a unit", bad)
		}
	}
	if NodeType(0).valid() || NodeType(4).valid() || NodeType(9).Unit() != "" {
		t.Error("a node type that is none is valid")
	}
	if _, err := NodeType(0).MarshalText(); err == nil {
		t.Error("the zero node type is written")
	}
}

func TestIdentities(t *testing.T) {
	hex32 := strings.Repeat("0a", 16)
	for _, tt := range []struct {
		typ NodeType
		id  string
		ok  bool
	}{
		{AccountingAuthority, "1234abcd", true},
		{AccountingAuthority, "00000000", true},
		{AccountingAuthority, "1234ABCD", false},
		{AccountingAuthority, "1234abc", false},
		{AccountingAuthority, "1234abcd0", false},
		{AccountingAuthority, "1234abcd\n", false},
		{AccountingAuthority, "../../..", false},
		{AccountingAuthority, hex32, false},
		{CreditorsAgent, hex32, true},
		{DebtorsAgent, hex32, true},
		{DebtorsAgent, hex32[1:], false},
		{DebtorsAgent, "1234abcd", false},
		{0, "1234abcd", false},
	} {
		id, err := NewIdentity(tt.typ, tt.id)
		if (err == nil) != tt.ok || tt.ok && (id.ID() != tt.id || id.Type() != tt.typ) || id.IsZero() == tt.ok {
			t.Errorf("%v %q: found %v, %v, expected accepted %v", tt.typ, tt.id, id, err, tt.ok)
		}
		if !tt.ok {
			continue
		}
		if got, err := SubjectIdentity(id.RawName()); err != nil || got != id {
			t.Errorf("%v: its name reads as %v, %v", id, got, err)
		}
	}
	if (Identity{}).RawName() != nil || (Identity{}).String() != "no identity" {
		t.Error("the zero Identity has a name")
	}
	_, err := NewIdentity(AccountingAuthority, "x")
	if want := `node id of an accounting authority: found "x", expected exactly 8 lowercase hex digits`; err.Error() != want {
		t.Errorf("found %v, expected %s", err, want)
	}
	for s, ok := range map[string]bool{"1234abcd": true, hex32: true, "": false, "1234": false, hex32 + "\n": false, ".": false} {
		if got, err := ParseNodeID(s); (err == nil) != ok || ok && got != s {
			t.Errorf("node id %q: found %q, %v", s, got, err)
		}
	}
	if _, err := AgentIdentity(AccountingAuthority, nil); err == nil {
		t.Error("an authority's id follows from its key")
	}
}

// The reference certificates were written by OpenSSL: our names are the same bytes.
func TestRawName(t *testing.T) {
	for _, n := range []string{"aa", "ca", "da"} {
		c := referenceCertificate(t, "nodes", n, "root-ca.crt")
		id := must(SubjectIdentity(c.RawSubject))
		if string(id.RawName()) != string(c.RawSubject) {
			t.Errorf("%s: found name %x, expected %x", n, id.RawName(), c.RawSubject)
		}
		if id.Type() != AccountingAuthority {
			if want := must(AgentIdentity(id.Type(), c.RawSubjectPublicKeyInfo)); id != want {
				t.Errorf("%s: found %v, expected %v", n, id, want)
			}
		}
	}
}

func TestSubnets(t *testing.T) {
	for _, tt := range []struct {
		subnet      string
		first, last int64
	}{
		{"1234abcd00", 1311862288428302336, 1311862288445079551},
		{"1234abcd", 0x1234abcd00000000, 0x1234abcdffffffff},
		{"000001", 0x0000010000000000, 0x000001ffffffffff},
		{"00", 0, 1<<56 - 1},
		{"7f", 0x7f00000000000000, math.MaxInt64},
		{"80", math.MinInt64, math.MinInt64 + 1<<56 - 1},
		{"ff", -1 << 56, -1},
		{"ffffffffffffffff", -1, -1},
		{"8000000000000000", math.MinInt64, math.MinInt64},
		{"fedcba9800", -81985531201716224, -81985531184939009},
	} {
		s, err := ParseSubnet(tt.subnet)
		if err != nil {
			t.Error(err)
			continue
		}
		first, last := s.Signed()
		if first != tt.first || last != tt.last || first > last {
			t.Errorf("%s: found %d to %d, expected %d to %d", tt.subnet, first, last, tt.first, tt.last)
		}
		if !s.Contains(first) || !s.Contains(last) || s.Contains(first-1) || s.Contains(last+1) {
			t.Errorf("%s: its ends are not its ends", tt.subnet)
		}
		if s.String() != tt.subnet || s.Digits() != len(tt.subnet) || s.IsZero() {
			t.Errorf("%s: found %s", tt.subnet, s)
		}
	}
	for _, bad := range []string{"", "1", "123", "0000001", "1234ABCD", "1234abcd0", "12345678901234567890", "00 01", "000001\n", "0x01", "٠٠"} {
		if s, err := ParseSubnet(bad); err == nil || !s.IsZero() {
			t.Errorf("%q is a subnet", bad)
		}
	}
	zero := Subnet{}
	if first, last := zero.Unsigned(); first != 0 || last != 0 || zero.Contains(0) || !zero.IsZero() {
		t.Errorf("the zero Subnet covers %d to %d", first, last)
	}
}

func TestSubnetsThatMayBeGiven(t *testing.T) {
	aa := must(NewIdentity(AccountingAuthority, "1234abcd"))
	ca := must(NewIdentity(CreditorsAgent, strings.Repeat("0", 32)))
	da := must(NewIdentity(DebtorsAgent, strings.Repeat("0", 32)))
	for _, tt := range []struct {
		from, to Identity
		subnet   string
		says     string // "" may be given
	}{
		{aa, ca, "000001", ""}, {aa, ca, "ffffff", ""},
		{aa, ca, "000000", "never given"},
		{aa, ca, "0001", "expected 6 hex digits"}, {aa, ca, "00000001", "expected 6 hex digits"},
		{aa, ca, "", "found no subnet"},
		{aa, da, "1234abcd00", ""}, {aa, da, "1234abcdff", ""},
		{aa, da, "1234abcd", "expected 10 hex digits"}, {aa, da, "1234abcd0000", "expected 10 hex digits"},
		{aa, da, "1234abce00", "begins with the authority's own id"},
		{aa, da, "", "found no subnet"},
		{ca, aa, "", ""}, {da, aa, "", ""},
		{ca, aa, "000001", "only an accounting authority"},
		{ca, da, "", "expected an accounting authority and an agent"},
		{aa, aa, "", "expected an accounting authority and an agent"},
	} {
		var s Subnet
		if tt.subnet != "" {
			s = must(ParseSubnet(tt.subnet))
		}
		err := mayGive(tt.from, tt.to, s)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%v to %v, %q: found %v, expected %q", tt.from, tt.to, tt.subnet, err, tt.says)
		}
	}
}

func TestDescribe(t *testing.T) {
	aa := "nodes/aa/"
	for _, tt := range []struct {
		file string
		kind Kind
	}{
		{aa + "root-ca.crt", KindRoot}, {aa + "peers/9713c1a6b9b52ce34697c159b56ecfb0/peercert.crt", KindPeer}, {"servers/aa.crt", KindServer},
	} {
		c := referenceCertificate(t, strings.Split(tt.file, "/")...)
		if got := KindOf(c.Certificate); got != tt.kind {
			t.Errorf("%s: found %s, expected %s", tt.file, got, tt.kind)
		}
	}
	c := referenceCertificate(t, "nodes", "aa", "peers", "9713c1a6b9b52ce34697c159b56ecfb0", "peercert.crt")
	b, err := json.Marshal(Describe(c.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"kind":"peer"`, `"identity":{"type":"da","words":"debtors agent","id":"9713c1a6b9b52ce34697c159b56ecfb0"}`,
		`"issuer_identity":{"type":"aa","words":"accounting authority","id":"1234abcd"}`,
		`"serial":"8E5F9DB19112FEFA4BC420F299571931"`, `"not_after":"3026-03-26T01:45:48Z"`,
		`"key":{"algorithm":"RSA","bits":3072,"fingerprint":"9713c1a6b9b52ce34697c159b56ecfb0`,
		`"subnet":{"prefix":"1234abcd00","first":"1311862288428302336","last":"1311862288445079551"`,
		`{"oid":"2.5.29.19","name":"basicConstraints","critical":true,"text":"CA true, path length 0","der":"30060101ff020100"}`,
		`"text":"Subnet: 1234abcd00"`, `"text":"permitted: O=Swaptacular Nodes Registry, OU=Debtors Agents, serialNumber=9713c1a6b9b52ce34697c159b56ecfb0"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("found no %s in\n%s", want, b)
		}
	}
	w := theWorld()
	l := retell(w.ca.root, w.ca.key)
	l.subject, l.issuer, l.serial = simpleName(part(oidCommonName, "x")), simpleName(part(oidCommonName, "x")), []byte{0}
	f := Describe(l.tell(t).Certificate)
	if f.Kind != KindUnknown || f.Identity != nil || f.Serial != "0" || f.Subnet != nil {
		t.Errorf("found %+v", f)
	}
	r := DescribeRequest(w.caReq.CertificateRequest)
	if r.Kind != "" || r.Identity.ID != w.ca.id.ID() || len(r.Extensions) != 3 || r.Key.Algorithm != "ECDSA P-256" {
		t.Errorf("found %+v", r)
	}
}
