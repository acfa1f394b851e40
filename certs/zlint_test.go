package certs

import (
	"testing"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// The RFC 5280 lints of zlint find nothing in what we issue, nor in what the
// existing tool issued.
func TestLintsAreSilent(t *testing.T) {
	registry, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.RFC5280}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(registry.Names()); n < 100 {
		t.Fatalf("found %d lints, expected all of RFC 5280", n)
	}
	findings := func(c *Certificate) (bad []string, ran int) {
		z, err := zx509.ParseCertificate(c.Raw)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range zlint.LintCertificateEx(z, registry).Results {
			switch r.Status {
			case lint.Pass:
				ran++
			case lint.Notice, lint.Warn, lint.Error, lint.Fatal:
				bad = append(bad, name+": "+r.Details)
			}
		}
		return bad, ran
	}
	w, v := theWorld(), rsaWorld(t)
	for name, c := range map[string]*Certificate{
		"root": w.ca.root, "aa to ca": w.aaToCA, "aa to da": w.aaToDA, "ca to aa": w.caToAA, "server": w.server,
		"RSA root": v.ca.root, "RSA aa to ca": v.aaToCA, "RSA aa to da": v.aaToDA, "RSA ca to aa": v.caToAA, "RSA server": v.server,
		"their root": referenceCertificate(t, "nodes", "ca", "root-ca.crt"), "their server": referenceCertificate(t, "servers", "ca.crt"),
		"their peer": referenceCertificate(t, "nodes", "ca", "peers", "1234abcd", "sub-ca.crt"),
	} {
		bad, ran := findings(c)
		if len(bad) > 0 || ran == 0 {
			t.Errorf("%s: %d lints passed, found %q", name, ran, bad)
		}
	}
	// The lints do find something where there is something.
	l := retell(w.ca.root, w.ca.key)
	l.ext(oidBasicConstraints).critical = false
	if bad, _ := findings(l.tell(t)); len(bad) == 0 {
		t.Error("found nothing in a root whose basicConstraints are not critical")
	}
}
