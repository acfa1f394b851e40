package policy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/policy"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// rules are those that may be waived here.
var rules = slices.Concat(bundle.Rules(), policy.Rules())

const (
	fingerprint = "6dc461cebf952b3a3cdc3fd6285f30e81993341351c2339b48acb8fedaa460b7"
	agent       = "ae4209290a434d18be5465b3d11257f8"
)

// complete has every key.
const complete = `strict = true
warn-days = 60
expect-type = "aa"
registry = "authorities.toml"

[[pin]]
node-id = "1234abcd"
public-key-sha256 = "` + fingerprint + `"
[[pin]]
node-id = "` + agent + `"
public-key-sha256 = "` + fingerprint + `"

[[waiver]]
rule = "manifest.server-ipv6"
reason = " all our peers read IPv6, see issue 12 "
until = 2027-06-30

[limits]
bundle-bytes = 10_000_000
nodeinfo-bytes = 9_000_000
inflated-bytes = 20_000_000
file-bytes = 5_000_000
entries = 100
depth = 4
name-bytes = 200
ratio = 100
`

func rule(t testing.TB, id string) *check.Rule {
	t.Helper()
	i := slices.IndexFunc(rules, func(r *check.Rule) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("there is no rule %s", id)
	}
	return rules[i]
}

func TestParse(t *testing.T) {
	got, err := policy.Parse([]byte(complete), rules)
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Policy{
		Strict: true, WarnDays: 60, ExpectType: certs.AccountingAuthority, Registry: "authorities.toml",
		Pins: map[string]string{"1234abcd": fingerprint, agent: fingerprint},
		Waivers: []policy.Waiver{{Rule: rule(t, "manifest.server-ipv6"), Reason: "all our peers read IPv6, see issue 12",
			Until: time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)}},
		Limits: bundle.Limits{Bundle: 10_000_000, NodeInfo: 9_000_000, Inflated: 20_000_000, File: 5_000_000, Entries: 100, Depth: 4, Name: 200, Ratio: 100},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.WarnWithin() != 60*24*time.Hour {
		t.Errorf("found %v", got.WarnWithin())
	}
	empty, err := policy.Parse(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&policy.Policy{Pins: map[string]string{}}, empty); diff != "" {
		t.Error(diff)
	}
	// Tables may be written inline.
	inline, err := policy.Parse([]byte(`pin = [{node-id = "1234abcd", public-key-sha256 = "`+fingerprint+`"}]`), rules)
	if err != nil || inline.Pins["1234abcd"] != fingerprint {
		t.Errorf("found %v, %v", inline, err)
	}
}

func TestRefused(t *testing.T) {
	pin := "[[pin]]\nnode-id = \"1234abcd\"\npublic-key-sha256 = \"" + fingerprint + "\"\n"
	waiver := func(rule, reason, until string) string {
		return fmt.Sprintf("[[waiver]]\nrule = %q\nreason = %q\nuntil = %s\n", rule, reason, until)
	}
	const day = "2027-06-30"
	for _, tt := range []struct{ name, doc, where, found string }{
		{"not TOML", "strict", "line 1", ""},
		{"TOML 1.1", "pin = [{\n}]", "line 1", "inline table"},
		{"unknown key", "strict = true\nstirct = true\n", "the file", `the unknown key "stirct", expected only strict, warn-days`},
		{"key of another case", "Strict = true", "the file", `"Strict"`},
		{"unknown table", "[trust]\npin = 1\n", "the file", `"trust"`},
		{"unknown key in a pin", pin + "name = 'x'\n", "pin 1", `the unknown key "name", expected only node-id, public-key-sha256`},
		{"unknown key in limits", "[limits]\nbytes = 1\n", "limits", `"bytes"`},
		{"strict that is no boolean", "strict = 'yes'", "strict", `"yes"`},
		{"no days", "warn-days = 0", "warn-days", "found 0"},
		{"days past the limit", fmt.Sprintf("warn-days = %d", policy.MaxWarnDays+1), "warn-days", "expected 1 to 73000"},
		{"half a day", "warn-days = 0.5", "warn-days", "the number 0.5"},
		{"type", "expect-type = 'bank'", "expect-type", `"bank"`},
		{"empty type", "expect-type = ''", "expect-type", "not empty"},
		{"registry that is a list", "registry = ['x']", "registry", "a list"},
		{"pin that is text", "pin = 'x'", "pin", `"x"`},
		{"pin in a list of texts", "pin = ['x']", "pin 1", `"x"`},
		{"pin without id", "[[pin]]\npublic-key-sha256 = \"" + fingerprint + "\"\n", "pin 1: node-id", "nothing"},
		{"pin of a wrong id", "[[pin]]\nnode-id = '1234ABCD'\n", "pin 1: node-id", "1234ABCD"},
		{"pin without key", "[[pin]]\nnode-id = '1234abcd'\n", "pin 1: public-key-sha256", "nothing"},
		{"pin of a short key", "[[pin]]\nnode-id = '1234abcd'\npublic-key-sha256 = 'abc'\n", "pin 1: public-key-sha256", `"abc"`},
		{"pinned twice", pin + pin, "pin 2: node-id", "a second time"},
		{"waiver of no rule", waiver("x.y", "why", day), "waiver 1: rule", `"x.y"`},
		{"waiver without rule", "[[waiver]]\nreason = 'x'\nuntil = 2027-06-30\n", "waiver 1: rule", "nothing"},
		{"waiver of a signature", waiver("bundle.signature", "why", day), "waiver 1: rule", "cannot be waived"},
		{"waiver without reason", "[[waiver]]\nrule = 'pem.lf'\nuntil = 2027-06-30\n", "waiver 1: reason", "nothing"},
		{"waiver with a blank reason", waiver("pem.lf", "  ", day), "waiver 1: reason", "nothing"},
		{"waiver with a long reason", waiver("pem.lf", strings.Repeat("x", 501), day), "waiver 1: reason", "501 bytes"},
		{"waiver with two lines", waiver("pem.lf", "a\n::error::b", day), "waiver 1: reason", "printable"},
		{"waiver without end", "[[waiver]]\nrule = 'pem.lf'\nreason = 'x'\n", "waiver 1: until", "nothing"},
		{"waiver until the year 0", waiver("pem.lf", "x", "0000-12-31"), "line 4", "the year 0"},
		{"waiver until the year 1", waiver("pem.lf", "x", "0001-12-31"), "waiver 1: until", "the year 1"},
		{"waiver until the year 10000", waiver("pem.lf", "x", "10000-01-01"), "line 4", ""},
		{"waiver until 1999", waiver("pem.lf", "x", "1999-12-31"), "waiver 1: until", "the year 1999"},
		{"an empty list of pins", "pin = []\n", "pin", "an empty list"},
		{"waiver until a text", waiver("pem.lf", "x", "'2027-06-30'"), "waiver 1: until", `"2027-06-30"`},
		{"waiver until a time", waiver("pem.lf", "x", "2027-06-30T12:00:00Z"), "waiver 1: until", "a date or time"},
		{"waived twice", waiver("pem.lf", "x", day) + waiver("pem.lf", "y", day), "waiver 2: rule", "a second time"},
		{"limit raised", fmt.Sprintf("[limits]\nentries = %d\n", bundle.MaxEntries+1), "limits: entries", "expected 1 to 4096"},
		{"limit of nothing", "[limits]\ndepth = 0\n", "limits: depth", "found 0"},
		{"negative limit", "[limits]\nratio = -1\n", "limits: ratio", "found -1"},
		{"limits that are none", "limits = 1", "limits", "found 1, expected a table"},
	} {
		p, err := policy.Parse([]byte(tt.doc), rules)
		if p != nil || err == nil || !strings.HasPrefix(err.Error(), "policy: "+tt.where+": ") || !strings.Contains(err.Error(), tt.found) {
			t.Errorf("%s: found %v, expected policy: %s: … %s …", tt.name, err, tt.where, tt.found)
		}
	}
	if _, err := policy.Parse(append([]byte("strict = true\n#"), make([]byte, policy.MaxSize)...), rules); err == nil || !strings.Contains(err.Error(), "expected at most") {
		t.Errorf("too large: found %v", err)
	}
}

// At the limits.
func TestAtTheLimits(t *testing.T) {
	doc := fmt.Sprintf("warn-days = %d\n[[waiver]]\nrule = 'pem.lf'\nreason = '%s'\nuntil = 9999-12-31\n[limits]\nentries = %d\n",
		policy.MaxWarnDays, strings.Repeat("x", 500), bundle.MaxEntries)
	doc += "#" + strings.Repeat("x", policy.MaxSize-len(doc)-1)
	if p, err := policy.Parse([]byte(doc), rules); err != nil || p.WarnWithin() <= 0 {
		t.Errorf("found %v, %v", p, err)
	}
	if _, err := policy.Parse([]byte(strings.Replace(doc, "9999-12-31", "2000-01-01", 1)), rules); err != nil {
		t.Errorf("found %v", err)
	}
}

func report() *check.Report {
	r := &check.Report{}
	ipv6, lf := "manifest.server-ipv6", "pem.lf"
	for _, rule := range bundle.Rules() {
		switch rule.ID {
		case ipv6, lf:
			r.Fail(rule, "here", "found", "expected")
		default:
			r.Pass(rule, "", "")
		}
	}
	return r
}

func TestWaive(t *testing.T) {
	waive := func(id string, until time.Time) policy.Waiver {
		w, err := policy.NewWaiver(rules, id, "why", until)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	end := time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)
	const current, used = "policy.waiver-current", "policy.waiver-used"

	a, b := report(), report()
	got := policy.Waive([]policy.Waiver{waive("pem.lf", end), waive("manifest.server-ipv6", time.Time{})}, end.Add(-1), a, nil, b)
	if !got.OK(true) || len(got.Results) != 4 || got.Has(used, check.Failed) {
		t.Errorf("found %+v", got.Results)
	}
	for _, r := range []*check.Report{a, b} {
		if !r.OK(true) || !r.Has("pem.lf", check.Waived) {
			t.Errorf("found %v", r.Err())
		}
	}
	// The moment it ends, it is a breach, and accepts nothing.
	a = report()
	got = policy.Waive([]policy.Waiver{waive("pem.lf", end)}, end, a)
	if got.OK(false) || !got.Has(current, check.Failed) || a.Has("pem.lf", check.Waived) {
		t.Errorf("found %+v, %v", got.Results, a.Err())
	}
	if f := got.Failed(check.Error)[0]; f.Where != "pem.lf" || f.Found != "a waiver that held until 2027-06-30" {
		t.Errorf("found %+v", f)
	}
	// One that is not needed is worth a notice.
	got = policy.Waive([]policy.Waiver{waive("root.lifetime", end)}, end.Add(-1), report())
	if !got.OK(true) || !got.Has(used, check.Failed) {
		t.Errorf("found %+v", got.Results)
	}
	if got := policy.Waive(nil, end, report()); len(got.Results) != 0 {
		t.Errorf("found %+v", got.Results)
	}
}

func TestWaivable(t *testing.T) {
	for id, want := range map[string]bool{
		"zip.overlap": false, "zip.name-portable": true, "bundle.signature": false, "bundle.git-repository": true, "trust.pin": false,
		"trust.unproven": true, "trust.previous-root": false, "name.serial": false, "name.serial-hash": true, "pem.lf": true, "root.lifetime": true,
		"root.self-signed": false, "csr.extensions": true, "key.strength": false, "manifest.syntax": false, "bundle.stomp-toml": false, "policy.waiver-current": false,
	} {
		if got := policy.Waivable(rule(t, id)); got != want {
			t.Errorf("%s: found %v, expected %v", id, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	for _, r := range policy.Rules() {
		if r.Severity == 0 || r.Title == "" || r.Citation == "" || r.Advice == "" {
			t.Errorf("found an incomplete rule: %+v", r)
		}
	}
}

func ExampleParse() {
	p, err := policy.Parse([]byte(`
strict = true

[[waiver]]
rule = "manifest.server-ipv6"
reason = "all our peers read IPv6"
until = 2027-06-30
`), bundle.Rules())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Strict, p.Waivers[0].Rule.ID, p.Waivers[0].Until.Format(time.RFC3339))

	_, err = policy.Parse([]byte("stirct = true"), bundle.Rules())
	fmt.Println(err)
	// Output:
	// true manifest.server-ipv6 2027-07-01T00:00:00Z
	// policy: the file: found the unknown key "stirct", expected only strict, warn-days, registry, expect-type, pin, waiver, limits
}

// fromREADME returns the TOML of the README: what people copy.
func fromREADME(f *testing.F) (docs [][]byte) {
	f.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, part := range strings.Split(string(readme), "```toml\n")[1:] {
		doc, _, ok := strings.Cut(part, "```")
		if !ok {
			f.Fatal("README.md: found a block of TOML without an end")
		}
		docs = append(docs, []byte(doc))
	}
	return docs
}

func FuzzParse(f *testing.F) {
	policies := 0
	for _, doc := range fromREADME(f) {
		f.Add(doc)
		if _, err := policy.Parse(doc, rules); err == nil {
			policies++
		}
	}
	if policies == 0 {
		f.Fatal("found no policy in README.md, expected one at least")
	}
	f.Add([]byte(complete))
	f.Add([]byte("pin = [{node-id='1234abcd',public-key-sha256='" + fingerprint + "'}]\nlimits={entries=1}"))
	f.Add([]byte("[[waiver]]\nrule='pem.lf'\nreason='x'\nuntil=2027-06-30\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse(data, rules)
		if (p == nil) == (err == nil) {
			t.Fatalf("found %v and %v", p, err)
		}
		if p == nil {
			return
		}
		l := p.Limits
		if l.Bundle < 0 || l.Bundle > bundle.MaxBundle || l.Entries < 0 || l.Entries > bundle.MaxEntries || l.Ratio < 0 || l.Ratio > bundle.MaxRatio {
			t.Errorf("found limits %+v", l)
		}
		for _, w := range p.Waivers {
			if !policy.Waivable(w.Rule) || w.Reason == "" || w.Until.IsZero() {
				t.Errorf("found waiver %+v", w)
			}
		}
		for id, pin := range p.Pins {
			if _, err := certs.ParseNodeID(id); err != nil || len(pin) != 64 {
				t.Errorf("found pin %s = %s", id, pin)
			}
		}
	})
}
