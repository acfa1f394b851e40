package bundle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Every rule of this package has a bundle that keeps it and one that breaks it.
// The rules of the packages below have their own.
func TestEveryRuleHasFixtures(t *testing.T) {
	aa, ca := mustVerify(t, readBundle(t, "aa")), mustVerify(t, readBundle(t, "ca"))
	registry, err := bundle.ParseRegistry([]byte("[[authority]]\nserial-number = '1234abcd'\npublic-key-sha256 = '" + ca.Fingerprint() + "'\n"))
	if err != nil {
		t.Fatal(err)
	}
	rightRegistry, err := bundle.ParseRegistry([]byte("[[authority]]\nserial-number = '1234abcd'\npublic-key-sha256 = '" + aa.Fingerprint() + "'\n"))
	if err != nil {
		t.Fatal(err)
	}
	asked := func(name string, change func(*bundle.VerifyOptions)) *check.Report {
		_, report := verify(readBundle(t, name), change)
		return report
	}
	info := func(members ...member) *check.Report {
		_, report := verify(partsOf(t, "aa").sign(t, "aa", members...).zip(t))
		return report
	}
	reports := []*check.Report{
		// Good ones.
		asked("aa", func(o *bundle.VerifyOptions) {
			o.Pin, o.ExpectNodeID, o.ExpectType, o.Registry = aa.Fingerprint(), "1234abcd", certs.AccountingAuthority, rightRegistry
			o.Previous, o.EndsWithin = aa, time.Hour
		}),
		// Bad ones.
		asked("aa", func(o *bundle.VerifyOptions) {
			o.Pin, o.ExpectNodeID, o.ExpectType, o.Registry, o.Previous = ca.Fingerprint(), "1234abce", certs.DebtorsAgent, registry, ca
		}),
		asked("aa", func(*bundle.VerifyOptions) {}),
		asked("aa", func(o *bundle.VerifyOptions) { o.Time, o.EndsWithin = aa.Root.NotAfter, time.Hour }),
		info(goodInfo(member{name: ".env"})...),
		info(goodInfo(member{name: "backup.key", content: "-----BEGIN PRIVATE KEY-----\n"})...),
		info(goodInfo()[0], member{name: "updated-at.txt", content: "2027-11-25\n"}),
	}
	_, older := verify(partsOf(t, "aa").sign(t, "aa", goodInfo()[0], member{name: "updated-at.txt", content: "2020-01-01"}).zip(t),
		func(o *bundle.VerifyOptions) { o.Previous = aa })
	reports = append(reports, older)
	for _, tt := range refusals {
		_, report := verify(tt.make(t))
		reports = append(reports, report)
	}
	n := 0
	for _, rule := range bundle.Rules() {
		if !strings.HasPrefix(rule.ID, "bundle.") && !strings.HasPrefix(rule.ID, "trust.") && rule.ID != "cert.ends-soon" {
			continue
		}
		n++
		passed, failed := false, false
		for _, report := range reports {
			passed = passed || report.Has(rule.ID, check.Passed)
			failed = failed || report.Has(rule.ID, check.Failed)
		}
		if !passed || !failed {
			t.Errorf("%s: passes somewhere: %v, fails somewhere: %v, expected both", rule.ID, passed, failed)
		}
	}
	if n < 17 {
		t.Errorf("found %d rules", n)
	}
}
