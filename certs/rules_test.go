package certs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// failing lists the rules that did not pass, each once, in the order recorded.
func failing(r *check.Report) string {
	var ids []string
	for _, res := range r.Results {
		if res.Outcome != check.Passed && !slices.Contains(ids, res.Rule.ID) {
			ids = append(ids, res.Rule.ID)
		}
	}
	return strings.Join(ids, " ")
}

// truths are reports on certificates as they should be, ours and the existing
// tool's.
func truths(t *testing.T) map[string]*check.Report {
	w := theWorld()
	aaRoot := referenceCertificate(t, "nodes", "aa", "root-ca.crt")
	caRoot := referenceCertificate(t, "nodes", "ca", "root-ca.crt")
	daRoot := referenceCertificate(t, "nodes", "da", "root-ca.crt")
	m := map[string]*check.Report{
		"our aa root":      CheckRoot(w.aa.root, at),
		"our ca root":      CheckRoot(w.ca.root, at),
		"our aa to ca":     CheckPeer(w.aaToCA, w.aa.root.Certificate, w.ca.root.Certificate, at),
		"our aa to da":     CheckPeer(w.aaToDA, w.aa.root.Certificate, w.da.root.Certificate, at),
		"our ca to aa":     CheckPeer(w.caToAA, w.ca.root.Certificate, w.aa.root.Certificate, at),
		"our server":       CheckServer(w.server, w.ca.root.Certificate, at),
		"our request":      CheckRequest(w.caReq, w.ca.root.Certificate),
		"our server's end": CheckEnds(w.server.Certificate, w.server.NotAfter.Add(-31*24*time.Hour), 30*24*time.Hour),
		"server request":   CheckServerRequest(w.serverReq, w.ca.root.Certificate),
		"their aa root":    CheckRoot(aaRoot, at),
		"their ca to aa":   CheckPeer(referenceCertificate(t, "nodes", "aa", "peers", "ae4209290a434d18be5465b3d11257f8", "sub-ca.crt"), caRoot.Certificate, aaRoot.Certificate, at),
		"their aa to ca":   CheckPeer(referenceCertificate(t, "nodes", "ca", "peers", "1234abcd", "sub-ca.crt"), aaRoot.Certificate, caRoot.Certificate, at),
		"their aa to da":   CheckPeer(referenceCertificate(t, "nodes", "da", "peers", "1234abcd", "sub-ca.crt"), aaRoot.Certificate, daRoot.Certificate, at),
	}
	for _, n := range []string{"aa", "ca", "da"} {
		root := referenceCertificate(t, "nodes", n, "root-ca.crt")
		m["their server of "+n] = CheckServer(referenceCertificate(t, "servers", n+".crt"), root.Certificate, at)
		m["their request of "+n] = CheckRequest(must(ParseRequest(readReference(t, "nodes", n, "db", "root-ca.csr"))), root.Certificate)
		m["their server request of "+n] = CheckServerRequest(must(ParseRequest(readReference(t, "servers", n+".csr"))), root.Certificate)
	}
	return m
}

func TestRules(t *testing.T) {
	passed, failed := map[string]bool{}, map[string]bool{}
	known := map[string]bool{}
	for _, r := range Rules() {
		if known[r.ID] {
			t.Errorf("two rules are called %s", r.ID)
		}
		known[r.ID] = true
	}
	for name, report := range truths(t) {
		if bad := failing(report); bad != "" || !report.OK(true) {
			t.Errorf("%s: failed %q: %v", name, bad, report.Err())
		}
		for _, res := range report.Results {
			passed[res.Rule.ID] = true
			if !known[res.Rule.ID] {
				t.Errorf("%s: rule %s is not in the table", name, res.Rule.ID)
			}
		}
	}
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			r := f.make(t, theWorld())
			if got := failing(r); got != f.fails {
				t.Errorf("failed %q, expected %q", got, f.fails)
				for _, res := range r.Results {
					if res.Outcome != check.Passed {
						t.Log(res)
					}
				}
			}
			for i, res := range r.Results {
				if !known[res.Rule.ID] {
					t.Errorf("rule %s is not in the table", res.Rule.ID)
				}
				if res.Outcome == check.Failed {
					failed[res.Rule.ID] = true
					if res.Expected == "" || res.Found == "" || res.Where == "" || res.Advice == "" {
						t.Errorf("a failure that does not say everything: %+v", r.Results[i])
					}
				}
			}
			for _, res := range r.Results {
				if res.Outcome == check.Failed {
					if !strings.Contains(res.Found, f.found) {
						t.Errorf("found %q, expected it to say %q", res.Found, f.found)
					}
					break
				}
			}
			hasError := len(r.Failed(check.Error)) > 0
			if r.OK(false) == hasError {
				t.Errorf("the verdict is %v with %d errors", r.OK(false), len(r.Failed(check.Error)))
			}
		})
	}
	for _, r := range Rules() {
		if !passed[r.ID] {
			t.Errorf("rule %s has no passing fixture", r.ID)
		}
		if !failed[r.ID] {
			t.Errorf("rule %s has no failing fixture", r.ID)
		}
	}
}

// The ids of the specification must not change.
func TestRuleTable(t *testing.T) {
	want := strings.Fields(`name.organization name.unit name.serial name.serial-hash name.extra
		root.self-signed root.version root.basic-constraints root.key-usage root.subject-key-id root.lifetime root.single pem.lf
		peer.subject peer.public-key peer.issuer peer.basic-constraints peer.key-usage peer.name-constraints peer.subject-key-id
		peer.authority-key-id peer.lifetime peer.subnet
		server.subject server.basic-constraints server.key-usage server.extended-key-usage server.subject-key-id server.authority-key-id
		server.lifetime csr.signature csr.subject csr.public-key`)
	should := strings.Fields("name.serial-hash name.extra root.lifetime peer.lifetime server.lifetime")
	byID := map[string]*check.Rule{}
	form := regexp.MustCompile(`^(name|pem|cert|key|root|peer|server|csr)\.[a-z-]+$`)
	for _, r := range Rules() {
		byID[r.ID] = r
		if !form.MatchString(r.ID) || r.Title == "" || r.Citation == "" || r.Advice == "" || r.Severity < check.Error || r.Severity > check.Notice {
			t.Errorf("rule %q is not complete: %+v", r.ID, r)
		}
	}
	for _, id := range want {
		r := byID[id]
		if r == nil {
			t.Errorf("rule %s of the specification is missing from %v", id, slices.Sorted(maps.Keys(byID)))
			continue
		}
		severity := check.Error
		if slices.Contains(should, id) {
			severity = check.Warning
		}
		if r.Severity != severity {
			t.Errorf("rule %s: found severity %v, expected %v", id, r.Severity, severity)
		}
	}
}

// What crypto/x509 does not read fails root.single when a file is judged.
func TestUnreadable(t *testing.T) {
	w := theWorld()
	for _, tt := range []struct {
		says   string
		change func(l *lie)
	}{
		{"duplicate extension", func(l *lie) { l.add(oidKeyUsage, true, keyUsageDER(caKeyUsage)) }},
		{"incorrectly marked critical", func(l *lie) { l.ext(oidSubjectKeyID).critical = true }},
		{"negative", func(l *lie) { l.serial = []byte{0xff} }},
		{"malformed", func(l *lie) { l.from.text = "261301000000Z" }},
	} {
		l := retell(w.ca.root, w.ca.key)
		tt.change(l)
		c, r := CheckRootFile(l.file(), at)
		if c != nil || failing(r) != "root.single" || !strings.Contains(r.Err().Error(), tt.says) {
			t.Errorf("found %q, %v, expected root.single about %q", failing(r), r.Err(), tt.says)
		}
	}
}

// What RFC 5280 section 7.1 compares as equal is read; what is not, is not.
func TestNamesThatAreEqual(t *testing.T) {
	w := theWorld()
	id := w.ca.id.ID()
	for _, raw := range [][]byte{
		w.ca.id.RawName(),
		simpleName(rdn{name.Organization, cbasn1.PrintableString, Organization}, rdn{name.OrganizationalUnit, cbasn1.PrintableString, agents}, sn(id)),
		simpleName(o("swaptacular  nodes REGISTRY "), ou(" creditors agents"), part(name.SerialNumber, id)),
	} {
		if got, err := SubjectIdentity(raw); err != nil || got != w.ca.id {
			t.Errorf("%x: found %v, %v, expected %v", raw, got, err, w.ca.id)
		}
	}
}
