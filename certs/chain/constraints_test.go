package chain

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/name"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type constraintRow struct {
	Constraint    string
	ConstraintDER string  `json:"constraint_der"`
	SubjectDER    *string `json:"subject_der"`
	SANDER        *string `json:"san_der"`
	Expect        any
	Test          string
}

func readConstraintRows(t testing.TB) []constraintRow {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/names/constraints.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []constraintRow
	s := bufio.NewScanner(f)
	for s.Scan() {
		var r constraintRow
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestConstraintVectors runs all rows of testdata/vectors/names, no exceptions.
// The rows with an empty subject and no SAN ask about the empty name itself; that
// an empty subject of a certificate is not a name is in TestConstraintsInChains.
func TestConstraintVectors(t *testing.T) {
	rows := readConstraintRows(t)
	if len(rows) != 27 {
		t.Fatalf("found %d rows, expected 27", len(rows))
	}
	for i, r := range rows {
		c, err := ParseNameConstraints(unhex(t, r.ConstraintDER))
		if r.Expect == "parse-error" {
			if err == nil {
				t.Errorf("row %d, %s: found %v, expected an error", i, r.Constraint, c)
			}
			continue
		}
		if err != nil {
			t.Errorf("row %d, %s: %v", i, r.Constraint, err)
			continue
		}
		var names []generalName
		if r.SubjectDER != nil {
			n, err := name.Parse(unhex(t, *r.SubjectDER))
			if err != nil {
				t.Fatal(err)
			}
			if !n.IsEmpty() || r.SANDER == nil {
				names = append(names, generalName{form: DirectoryName, name: n})
			}
		}
		if r.SANDER != nil {
			alt, err := parseAltNames(unhex(t, *r.SANDER))
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, alt...)
		}
		work := MaxComparisons
		v, finished := c.check(names, &work)
		if !finished || (v == nil) != r.Expect {
			t.Errorf("row %d, %s, %s: found %v, expected %v", i, r.Constraint, r.Test, v, r.Expect)
		}
	}
}

func TestParseNameConstraintsRefuses(t *testing.T) {
	dns := "8201" + "61" // dNSName "a"
	for _, tt := range []struct{ name, der, want string }{
		{"nothing", "", "expected one DER SEQUENCE"},
		{"trailing data", "3007a0053003" + dns + "00", "nothing after it"},
		{"length not minimal", "308107a0053003" + dns, "expected one DER SEQUENCE"},
		{"neither list", "3000", "neither"},
		{"empty permitted", "3002a000", "permittedSubtrees: found no subtree"},
		{"empty excluded", "3002a100", "excludedSubtrees: found no subtree"},
		{"lists swapped", "300ea1053003" + dns + "a0053003" + dns, "nothing else"},
		{"a list twice", "300ea0053003" + dns + "a0053003" + dns, "nothing else"},
		{"minimum 0", "300aa0083006" + dns + "800100", "minimum"},
		{"minimum 1", "300aa0083006" + dns + "800101", "minimum"},
		{"maximum", "300aa0083006" + dns + "810102", "maximum"},
		{"no base", "3004a0023000", "GeneralName"},
		{"unknown form", "3007a00530038901" + "61", "identifier octet 0x89"},
		{"constructed dNSName", "3007a0053003a201" + "61", "identifier octet 0xa2"},
		{"dNSName beyond ASCII", "3007a00530038201" + "e4", "byte 0xe4"},
		{"dNSName with a space", "3007a00530038201" + "20", "expected a domain"},
		{"dNSName with a wildcard", "3009a00730058203" + hex.EncodeToString([]byte("*.a")), "expected a domain"},
		{"dNSName with a trailing dot", "3008a00630048202" + hex.EncodeToString([]byte("a.")), "expected a domain"},
		{"empty rfc822Name", "3006a00430028100", "expected a domain"},
		{"rfc822Name without host", "3008a00630048102" + hex.EncodeToString([]byte("a@")), "mailbox"},
		{"URI with a scheme", "300ca00a30088606" + hex.EncodeToString([]byte("http:/")), "expected a domain"},
		{"iPAddress without mask", "300aa00830068704" + "0a000000", "8 or 32"},
		{"iPAddress with holes in the mask", "300ea00c300a8708" + "0a000000ff00ff00", "ones followed by zeros"},
		{"directoryName with an empty RDN", "300aa0083006a404" + "30023100", "RDN 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ParseNameConstraints(unhex(t, tt.der))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("found %v, %v; expected an error with %q", c, err, tt.want)
			}
		})
	}
}

func TestMarshal(t *testing.T) {
	otherName := unhex(t, "a00806022a03a0020500")
	c := &NameConstraints{
		Permitted: []Subtree{{Form: DirectoryName, Name: cn(t, "a")}, {Form: DNSName, Text: ""}, {Form: RFC822Name, Text: "a@b.c"},
			{Form: IPAddress, Net: netip.MustParsePrefix("10.1.2.3/8")}},
		Excluded: []Subtree{{Form: URI, Text: ".b.c"}, {Form: OtherName, Raw: otherName}, {Form: IPAddress, Net: netip.MustParsePrefix("2001:db8::/33")}},
	}
	der, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseNameConstraints(der)
	if err != nil {
		t.Fatal(err)
	}
	describe := func(c *NameConstraints) string { return fmt.Sprint(c.Permitted, c.Excluded) }
	if describe(back) != describe(c) || !bytes.Equal(back.Excluded[1].Raw, otherName) {
		t.Errorf("found %s, expected %s", describe(back), describe(c))
	}
	for what, bad := range map[string]*NameConstraints{
		"no subtrees":         {},
		"a bad domain":        {Permitted: []Subtree{{Form: DNSName, Text: "a b"}}},
		"no network":          {Permitted: []Subtree{{Form: IPAddress}}},
		"no Raw":              {Excluded: []Subtree{{Form: OtherName}}},
		"Raw of another form": {Excluded: []Subtree{{Form: OtherName, Raw: []byte{0x30, 0}}}},
		"no form":             {Excluded: []Subtree{{Form: 9}}},
	} {
		if der, err := bad.Marshal(); err == nil {
			t.Errorf("%s: found %x, expected an error", what, der)
		}
	}
}

// TestMatch: one subtree, one name of the same form. permitted: lies in the
// subtree; excluded: is excluded by it.
func TestMatch(t *testing.T) {
	const yes, no, refuse = "yes", "no", "refuse" // refuse: cannot be known
	for _, tt := range []struct {
		form                Form
		base, name          string
		permitted, excluded string
	}{
		{DNSName, "example.com", "example.com", yes, yes},
		{DNSName, "example.com", "HOST.Example.COM", yes, yes},
		{DNSName, "Example.com", "a.b.example.com", yes, yes},
		{DNSName, "example.com", "myexample.com", no, no},
		{DNSName, "host.example.com", "example.com", no, no},
		{DNSName, ".example.com", "a.example.com", yes, yes},
		{DNSName, ".example.com", "example.com", no, yes},
		{DNSName, "", "example.com", yes, yes},
		{DNSName, "example.com", "*.example.com", yes, yes},
		{DNSName, "host.example.com", "*.example.com", no, yes},
		{DNSName, "host.example.com", "*.com", no, yes},
		{DNSName, "example.com", "*.example.org", no, no},
		{DNSName, "example.com", "*.com", no, yes},
		{DNSName, "example.com", "h*.example.com", refuse, refuse},
		{DNSName, "example.com", "a.*.example.com", refuse, refuse},
		{DNSName, "example.com", "example.com.", refuse, refuse},
		{DNSName, "example.com", "", refuse, refuse},
		{DNSName, "example.com", "*", refuse, refuse},
		{DNSName, "example.com", "exa mple.com", refuse, refuse},
		{DNSName, "example.com", strings.Repeat("a", 63) + ".example.com", yes, yes},
		{DNSName, "example.com", strings.Repeat("a", 64) + ".example.com", refuse, refuse},
		{DNSName, "a", strings.Repeat("a.", 126) + "a", yes, yes},
		{DNSName, "a", strings.Repeat("a.", 126) + "aa", refuse, refuse},

		{RFC822Name, "example.com", "a@example.com", yes, yes},
		{RFC822Name, "example.com", "a@EXAMPLE.com", yes, yes},
		{RFC822Name, "example.com", "a@host.example.com", no, no},
		{RFC822Name, ".example.com", "a@host.example.com", yes, yes},
		{RFC822Name, ".example.com", "a@example.com", no, no},
		{RFC822Name, "a@example.com", "a@Example.com", yes, yes},
		{RFC822Name, "a@example.com", "A@example.com", no, no},
		{RFC822Name, "a@example.com", "b@example.com", no, no},
		{RFC822Name, "example.com", "example.com", refuse, refuse},
		{RFC822Name, "example.com", "a@b@example.com", refuse, refuse},
		{RFC822Name, "example.com", `"a@b"@example.com`, refuse, refuse},
		{RFC822Name, "example.com", "a@[192.0.2.1]", refuse, refuse},
		{RFC822Name, "example.com", "@example.com", refuse, refuse},
		{RFC822Name, "example.com", "a@", refuse, refuse},
		{RFC822Name, "example.com", "a b@example.com", refuse, refuse},

		{URI, "example.com", "http://example.com/x", yes, yes},
		{URI, "example.com", "ftp://user:pw@EXAMPLE.com:21", yes, yes},
		{URI, "example.com", "http://a.example.com/", no, no},
		{URI, ".example.com", "http://a.example.com/", yes, yes},
		{URI, ".example.com", "http://example.com/", no, no},
		{URI, "example.com", "http://evil.org/@example.com", no, no},
		{URI, "example.com", "http://example.com@evil.org/", no, no},
		{URI, "example.com", "http://evil.org#@example.com", no, no},
		{URI, "example.com", `http://evil.org\@example.com`, refuse, refuse},
		{URI, "example.com", "urn:example:a", refuse, refuse},
		{URI, "example.com", "mailto:a@example.com", refuse, refuse},
		{URI, "example.com", "example.com", refuse, refuse},
		{URI, "example.com", "http://192.0.2.1/", refuse, refuse},
		{URI, "example.com", "http://[2001:db8::1]/", refuse, refuse},
		{URI, "example.com", "http:///x", refuse, refuse},
		{URI, "example.com", "http://example.com./", refuse, refuse},
		{URI, "example.com", "http://%65xample.com/", refuse, refuse},
		{URI, "example.com", "http://a b/", refuse, refuse},

		{IPAddress, "192.0.2.0/24", "192.0.2.1", yes, yes},
		{IPAddress, "192.0.2.9/24", "192.0.2.1", yes, yes},
		{IPAddress, "192.0.2.0/24", "192.0.3.1", no, no},
		{IPAddress, "192.0.2.0/24", "2001:db8::1", no, no},
		{IPAddress, "192.0.2.0/24", "::ffff:192.0.2.1", no, yes},
		{IPAddress, "0.0.0.0/0", "192.0.3.1", yes, yes},
		{IPAddress, "2001:db8::/32", "2001:db8::1", yes, yes},
		{IPAddress, "2001:db8::/32", "2001:db9::1", no, no},
		{IPAddress, "::/0", "192.0.2.1", no, no},
		{IPAddress, "::ffff:192.0.2.0/120", "::ffff:192.0.2.1", yes, yes},

		{RegisteredID, "", "", refuse, refuse},
		{OtherName, "", "", refuse, refuse},
		{X400Address, "", "", refuse, refuse},
		{EDIPartyName, "", "", refuse, refuse},
	} {
		s, n := Subtree{Form: tt.form, Text: tt.base}, generalName{form: tt.form, text: tt.name}
		if tt.form == IPAddress {
			s.Net, n.ip = netip.MustParsePrefix(tt.base), netip.MustParseAddr(tt.name)
		}
		verdict := func(inside bool, err error) string {
			switch {
			case err != nil:
				return refuse
			case inside:
				return yes
			}
			return no
		}
		if got := verdict(s.contains(n)); got != tt.permitted {
			t.Errorf("%v in permitted %v: found %s, expected %s", n, s, got, tt.permitted)
		}
		if got := verdict(s.mayContain(n)); got != tt.excluded {
			t.Errorf("%v in excluded %v: found %s, expected %s", n, s, got, tt.excluded)
		}
		// And through check: only "yes" is permitted, only "no" not excluded.
		work := MaxComparisons
		if v, _ := (&NameConstraints{Permitted: []Subtree{s}}).check([]generalName{n}, &work); (v == nil) != (tt.permitted == yes) {
			t.Errorf("%v with permitted %v: found %v", n, s, v)
		}
		if v, _ := (&NameConstraints{Excluded: []Subtree{s}}).check([]generalName{n}, &work); (v == nil) != (tt.excluded == no) {
			t.Errorf("%v with excluded %v: found %v", n, s, v)
		}
		// Excluded wins, and other forms are not concerned.
		if v, _ := (&NameConstraints{Permitted: []Subtree{s}, Excluded: []Subtree{s}}).check([]generalName{n}, &work); v == nil {
			t.Errorf("%v with permitted and excluded %v: found acceptance", n, s)
		}
		other := generalName{form: (tt.form + 1) % 9}
		if v, _ := (&NameConstraints{Permitted: []Subtree{s}, Excluded: []Subtree{s}}).check([]generalName{other}, &work); v != nil {
			t.Errorf("%v with constraints on %v: found %v", other.form, s.Form, v)
		}
	}
}

func dirName(t testing.TB, values ...string) name.Name {
	t.Helper()
	types := []int{10, 11, 5}
	var attributes []name.Attribute
	for i, v := range values {
		a := name.Attribute{Type: []int{2, 5, 4, types[i]}, Tag: name.TagUTF8String, Value: v}
		attributes = append(attributes, a)
	}
	n, err := name.Build(attributes)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// teletex is O= as a TeletexString.
func teletex(t testing.TB, value string) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(name.Organization)
				b.AddASN1(cbasn1.Tag(name.TagTeletexString), func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
			})
		})
	})
	return must(t)(b.Bytes())
}

// withEmail is O= and emailAddress=.
func withEmail(t testing.TB, o, address string) []byte {
	t.Helper()
	n, err := name.Build([]name.Attribute{
		{Type: name.Organization, Tag: name.TagUTF8String, Value: o},
		{Type: name.EmailAddress, Tag: name.TagIA5String, Value: address},
	})
	if err != nil {
		t.Fatal(err)
	}
	return n.Raw()
}

func permit(subtrees ...Subtree) *NameConstraints  { return &NameConstraints{Permitted: subtrees} }
func exclude(subtrees ...Subtree) *NameConstraints { return &NameConstraints{Excluded: subtrees} }

type constraintChain struct {
	name  string
	certs []cert // leaf, root, and the intermediates
	want  Reason
	fault string
	depth int
	found string
	// openssl is why OpenSSL's verdict is not ours; "" where it is.
	openssl string
}

// constraintChains are about which certificates, and which names of theirs, the
// constraints of an issuer reach.
func constraintChains(t testing.TB) []constraintChain {
	o := func(values ...string) Subtree { return Subtree{Form: DirectoryName, Name: dirName(t, values...)} }
	email := Subtree{Form: RFC822Name, Text: "example.com"}
	raw := func(values ...string) []byte { return dirName(t, values...).Raw() }
	otherName := Subtree{Form: OtherName, Raw: unhex(t, "a00806022a03a0020500")}
	// root → ca (constrained) → leaf
	simple := func(c *NameConstraints, subject, altNames []byte) []cert {
		return []cert{{id: "root", ca: true}, {id: "ca", issuer: "root", ca: true, constraints: c}, {id: "leaf", issuer: "ca", subject: subject, altNames: altNames}}
	}
	return []constraintChain{
		{name: "permitted", certs: simple(permit(o("A")), raw("A", "B"), nil)},
		{name: "permitted in other letters", certs: simple(permit(o("Straße  A")), raw(" STRASSE a ", "B"), nil), openssl: "folds ASCII only"},
		{name: "not permitted", certs: simple(permit(o("A")), raw("B"), nil), want: NameNotAllowed, fault: "leaf", found: "found subject directoryName O=B, expected a name within permitted directoryName O=A"},
		{name: "shorter than permitted", certs: simple(permit(o("A", "B")), raw("A"), nil), want: NameNotAllowed, fault: "leaf"},
		{name: "one of several permitted", certs: simple(permit(o("A"), o("B")), raw("B"), nil)},
		{name: "excluded", certs: simple(exclude(o("A")), raw("A", "B"), nil), want: NameNotAllowed, fault: "leaf", found: "outside excluded directoryName O=A"},
		{name: "outside excluded", certs: simple(exclude(o("A")), raw("B"), nil)},
		{name: "excluded wins", certs: simple(&NameConstraints{Permitted: []Subtree{o("A")}, Excluded: []Subtree{o("A", "B")}}, raw("A", "B", "C"), nil), want: NameNotAllowed, fault: "leaf"},
		{name: "all excluded", certs: simple(exclude(o()), raw("A"), nil), want: NameNotAllowed, fault: "leaf"},
		{name: "teletex under permitted", certs: simple(permit(o("A")), teletex(t, "A"), nil), want: NameNotAllowed, fault: "leaf", openssl: "reads TeletexString as Latin-1"},
		{name: "teletex under excluded", certs: simple(exclude(o("A")), teletex(t, "B"), nil), want: NameNotAllowed, fault: "leaf", openssl: "reads TeletexString as Latin-1"},
		{name: "prohibited character under excluded", certs: simple(exclude(o("A")), raw("A\ue000"), nil), want: NameNotAllowed, fault: "leaf", openssl: "compares prohibited characters"},

		{name: "empty subject is no name", certs: simple(permit(o("A")), []byte{0x30, 0}, nil)},
		{name: "alternative name is one", certs: simple(permit(o("A")), []byte{0x30, 0}, san(t, sanName{DirectoryName, raw("B")})), want: NameNotAllowed, fault: "leaf", found: "subjectAltName directoryName O=B"},
		{name: "alternative name beside a good subject", certs: simple(permit(o("A")), raw("A"), san(t, sanName{DirectoryName, raw("A", "x")}, sanName{DirectoryName, raw("B")})), want: NameNotAllowed, fault: "leaf"},
		{name: "alternative name permitted", certs: simple(permit(o("A")), raw("A"), san(t, sanName{DirectoryName, raw("A", "x")}))},

		{name: "emailAddress", certs: simple(permit(email), withEmail(t, "A", "a@example.com"), nil)},
		{name: "emailAddress outside", certs: simple(permit(email), withEmail(t, "A", "a@example.org"), nil), want: NameNotAllowed, fault: "leaf", found: `subject rfc822Name "a@example.org"`},
		{name: "emailAddress excluded", certs: simple(exclude(email), withEmail(t, "A", "a@example.com"), nil), want: NameNotAllowed, fault: "leaf"},
		{name: "emailAddress outside beside a good alternative name", certs: simple(permit(email), withEmail(t, "A", "a@example.org"), san(t, sanName{RFC822Name, []byte("a@example.com")})), want: NameNotAllowed, fault: "leaf"},

		{name: "another form, met", certs: simple(permit(otherName), raw("A"), san(t, sanName{OtherName, unhex(t, "06022a03a0020500")})), want: NameNotAllowed, fault: "leaf", found: "constraints on otherName are not implemented"},
		{name: "another form, excluded, met", certs: simple(exclude(otherName), raw("A"), san(t, sanName{OtherName, unhex(t, "06022a04a0020500")})), want: NameNotAllowed, fault: "leaf", openssl: "compares otherName"},
		{name: "another form, not met", certs: simple(permit(otherName), raw("A"), san(t, sanName{DNSName, []byte("a")}))},
		{name: "iPAddress in an alternative name", certs: simple(permit(Subtree{Form: IPAddress, Net: netip.MustParsePrefix("10.0.0.0/8")}), raw("A"), san(t, sanName{IPAddress, []byte{11, 0, 0, 1}})), want: NameNotAllowed, fault: "leaf"},

		{name: "constraints of the root", certs: []cert{{id: "root", ca: true, constraints: permit(o("A"))}, {id: "leaf", issuer: "root", subject: raw("B")}}, want: NameNotAllowed, fault: "leaf"},
		{name: "intermediate reached", certs: []cert{{id: "root", ca: true, constraints: permit(o("A"))}, {id: "ca", issuer: "root", ca: true, subject: raw("B")},
			{id: "leaf", issuer: "ca", subject: raw("A")}}, want: NameNotAllowed, fault: "ca", depth: 1},
		{name: "self-issued intermediate passed over", certs: []cert{{id: "root", ca: true}, {id: "ca", issuer: "root", ca: true, constraints: permit(o("A"))},
			{id: "caNew", issuer: "ca", ca: true, subject: cn(t, "ca").Raw()}, {id: "leaf", issuer: "caNew", subject: raw("A")}}},
		{name: "self-issued leaf reached", certs: []cert{{id: "root", ca: true}, {id: "ca", issuer: "root", ca: true, constraints: permit(o("A"))},
			{id: "leaf", issuer: "ca", subject: cn(t, "ca").Raw()}}, want: NameNotAllowed, fault: "leaf"},
		{name: "own constraints do not reach the CA itself", certs: simple(permit(o("A")), raw("A"), nil)},
		{name: "both of two", certs: []cert{{id: "root", ca: true, constraints: permit(o("A"))}, {id: "ca", issuer: "root", ca: true, subject: raw("A"), constraints: permit(o("A", "B"), o("C"))},
			{id: "leaf", issuer: "ca", subject: raw("A", "B", "x")}}},
		{name: "only one of two", certs: []cert{{id: "root", ca: true, constraints: permit(o("A"))}, {id: "ca", issuer: "root", ca: true, subject: raw("A"), constraints: permit(o("A", "B"), o("C"))},
			{id: "leaf", issuer: "ca", subject: raw("C")}}, want: NameNotAllowed, fault: "leaf"},
	}
}

func (tt constraintChain) build(t testing.TB) (map[string]*x509.Certificate, Options) {
	t.Helper()
	c := pki(t, tt.certs)
	opts := Options{Roots: pick(t, c, "root"), Time: testTime}
	for id, x := range c {
		if id != "root" && id != "leaf" {
			opts.Intermediates = append(opts.Intermediates, x)
		}
	}
	return c, opts
}

func TestConstraintsInChains(t *testing.T) {
	for _, tt := range constraintChains(t) {
		t.Run(tt.name, func(t *testing.T) {
			c, opts := tt.build(t)
			path, err := Verify(c["leaf"], opts)
			checkVerdict(t, path, err, tt.want, c[tt.fault], tt.depth, tt.found)
		})
	}
}

// TestConstraintNotCriticalIsEnforced: crypto/x509 passes over it.
func TestConstraintNotCriticalIsEnforced(t *testing.T) {
	der := must(t)(permit(Subtree{Form: DirectoryName, Name: cn(t, "other")}).Marshal())
	c := pki(t, one("1", func(c *cert) { c.extra = []extension{{oidNameConstraints, false, der}} }))
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(c["root"])
	intermediates.AddCert(c["1"])
	if _, err := c["leaf"].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: testTime}); err != nil {
		t.Logf("crypto/x509 now refuses it too: %v", err)
	}
	_, err := Verify(c["leaf"], Options{Roots: pick(t, c, "root"), Intermediates: pick(t, c, "1"), Time: testTime})
	checkVerdict(t, nil, err, NameNotAllowed, c["leaf"], 0, "")
}

func TestParseAltNamesRefuses(t *testing.T) {
	for der, want := range map[string]string{
		"":                 "one DER SEQUENCE",
		"3000":             "no names",
		"300382016100":     "one DER SEQUENCE",
		"30038201e4":       "byte 0xe4",
		"3005870301020304": "one DER SEQUENCE",
		"30058703010203":   "4 or 16",
		"30028901":         "malformed element",
		"3003890161":       "identifier octet 0x89",
		"3006a40430023100": "RDN 1",
	} {
		if n, err := parseAltNames(unhex(t, der)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found %v, %v; expected an error with %q", der, n, err, want)
		}
	}
}
