package bundle_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

func TestTrust(t *testing.T) {
	root := func(name string) string {
		b := mustVerify(t, readBundle(t, name))
		return b.Fingerprint()
	}
	aa, ca := root("aa"), root("ca")
	caID := mustVerify(t, readBundle(t, "ca")).Identity.ID()
	registry := func(id, fingerprint string) func(*bundle.VerifyOptions) {
		r, err := bundle.ParseRegistry(fmt.Appendf(nil, "[[authority]]\nserial-number = %q\npublic-key-sha256 = %q\nname = \"The Authority\"\n", id, fingerprint))
		if err != nil {
			t.Fatal(err)
		}
		return func(o *bundle.VerifyOptions) { o.Registry = r }
	}
	pin := func(s string) func(*bundle.VerifyOptions) { return func(o *bundle.VerifyOptions) { o.Pin = s } }
	id := func(s string) func(*bundle.VerifyOptions) {
		return func(o *bundle.VerifyOptions) { o.ExpectNodeID = s }
	}
	typ := func(n certs.NodeType) func(*bundle.VerifyOptions) {
		return func(o *bundle.VerifyOptions) { o.ExpectType = n }
	}
	colons := func(s string) string {
		var out []string
		for i := 0; i < len(s); i += 2 {
			out = append(out, strings.ToUpper(s[i:i+2]))
		}
		return strings.Join(out, ":")
	}
	for _, tt := range []struct {
		name, bundle string
		opt          func(*bundle.VerifyOptions)
		rule         string
		outcome      check.Outcome // 0: not in the report
		proven       bool
	}{
		{"pin", "aa", pin(aa), "trust.pin", check.Passed, true},
		{"pin in another form", "aa", pin(colons(aa)), "trust.pin", check.Passed, true},
		{"pin of another", "aa", pin(ca), "trust.pin", check.Failed, false},
		{"pin cut short", "aa", pin(aa[:40]), "trust.pin", check.Failed, false},
		{"id of an agent", "ca", id(caID), "trust.node-id", check.Passed, true},
		{"id of another agent", "ca2", id(caID), "trust.node-id", check.Failed, false},
		{"id of an agent in upper case", "ca", id(strings.ToUpper(caID)), "trust.node-id", check.Failed, false},
		{"id of an authority proves nothing", "aa", id("1234abcd"), "trust.node-id", check.Passed, false},
		{"type", "da", typ(certs.DebtorsAgent), "trust.node-type", check.Passed, false},
		{"another type", "da", typ(certs.CreditorsAgent), "trust.node-type", check.Failed, false},
		{"registered", "aa", registry("1234abcd", aa), "trust.registry", check.Passed, true},
		{"registered with another key", "aa", registry("1234abcd", ca), "trust.registry", check.Failed, false},
		{"not registered", "aa", registry("1234abce", aa), "trust.registry", check.Failed, false},
		{"agents are not registered", "ca", registry("1234abcd", aa), "trust.registry", 0, false},
		{"nothing asked", "ca", func(*bundle.VerifyOptions) {}, "trust.pin", 0, false},
	} {
		b, report := verify(readBundle(t, tt.bundle), tt.opt)
		for _, outcome := range []check.Outcome{check.Passed, check.Failed, check.Skipped} {
			if report.Has(tt.rule, outcome) != (outcome == tt.outcome) {
				t.Errorf("%s: found %v, expected %s to be %v", tt.name, failures(report), tt.rule, tt.outcome)
			}
		}
		if (b == nil) != (tt.outcome == check.Failed) {
			t.Errorf("%s: found bundle %v", tt.name, b)
		}
		if report.Has("trust.unproven", check.Passed) != tt.proven || report.Has("trust.unproven", check.Failed) == tt.proven {
			t.Errorf("%s: proven: expected %v", tt.name, tt.proven)
		}
	}
	// Nobody is trusted without a name, and what was asked for is not forgotten.
	p := partsOf(t, "aa")
	p.root = []byte("nothing\n")
	b, report := verify(p.zip(t), pin(aa), id("1234abcd"), typ(certs.AccountingAuthority), registry("1234abcd", aa))
	for _, rule := range []string{"trust.pin", "trust.node-id", "trust.node-type", "trust.registry"} {
		if b != nil || !report.Has(rule, check.Skipped) {
			t.Errorf("%s was not skipped", rule)
		}
	}
}

// An agent whose id is not the hash of its key is not proven by its id.
func TestUnboundIDProvesNothing(t *testing.T) {
	key := rootKey(t, "ca")
	id, err := certs.NewIdentity(certs.CreditorsAgent, strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}
	good := mustVerify(t, readBundle(t, "ca")).Root
	template := &x509.Certificate{
		SerialNumber: good.SerialNumber, RawSubject: id.RawName(), NotBefore: good.NotBefore, NotAfter: good.NotAfter,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 1, KeyUsage: good.KeyUsage, SubjectKeyId: good.SubjectKeyId,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.NewRequest(key, root.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	p := (&parts{root: certs.EncodeCertificate(root), request: request.File}).sign(t, "ca", goodInfo()...)
	b, report := verify(p.zip(t), func(o *bundle.VerifyOptions) { o.ExpectNodeID = id.ID() })
	if b == nil || !report.Has("name.serial-hash", check.Failed) || !report.Has("trust.unproven", check.Failed) {
		t.Errorf("found %v", failures(report))
	}
}
