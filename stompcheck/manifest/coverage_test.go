package manifest

import (
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/check"
)

// Every rule passes on a good manifest and has one that breaks it.
func TestEveryRuleHasFixtures(t *testing.T) {
	with := func(more string) string { return minimal + more + "\n" }
	broken := map[string]string{
		"manifest.size":                   strings.Repeat("#", MaxSize+1),
		"manifest.syntax":                 "x =",
		"manifest.servers":                "host = '/'\ndestination = '/d'\n",
		"manifest.server":                 "servers = ['nope']\nhost = '/'\ndestination = '/d'\n",
		"manifest.host":                   "servers = ['a.b:1']\ndestination = '/d'\n",
		"manifest.destination":            "servers = ['a.b:1']\nhost = '/'\n",
		"manifest.login":                  with("login = 1"),
		"manifest.passcode":               with("passcode = 1"),
		"manifest.accepted-content-types": with("accepted-content-types = 1"),
		"manifest.control-characters":     with(`login = "a\nb"`),
		"manifest.server-ipv6":            "servers = ['[::1]:1']\nhost = '/'\ndestination = '/d'\n",
		"manifest.server-underscore":      "servers = ['a_b:1']\nhost = '/'\ndestination = '/d'\n",
		"manifest.connect-escapes":        with("login = 'a:b'"),
		"manifest.value-length":           with("login = '" + strings.Repeat("x", maxHeaderValue+1) + "'"),
		"manifest.media-types":            with("accepted-content-types = ['x']"),
		"manifest.passcode-variable":      with("passcode = '${NODE_ID}'"),
		"manifest.unknown-keys":           with("x = 1"),
		"manifest.destination-in-use":     "servers = ['a.b:1']\nhost = '/'\ndestination = '/elsewhere'\n",
	}
	judge := func(doc string) *check.Report {
		m, report := Parse([]byte(doc))
		if m != nil {
			report.Append("", m.CheckDestination("aa"))
		}
		return report
	}
	good := judge(minimal + "login = 'l'\npasscode = 'p'\naccepted-content-types = ['text/plain']\n")
	for _, rule := range Rules() {
		if !good.Has(rule.ID, check.Passed) || good.Has(rule.ID, check.Failed) {
			t.Errorf("%s does not pass on a good manifest", rule.ID)
		}
		doc, ok := broken[rule.ID]
		if !ok {
			t.Errorf("%s has no manifest that breaks it", rule.ID)
			continue
		}
		if !judge(doc).Has(rule.ID, check.Failed) {
			t.Errorf("%s is not broken by %q", rule.ID, doc[:min(len(doc), 100)])
		}
		delete(broken, rule.ID)
	}
	for id := range broken {
		t.Errorf("there is no rule %s", id)
	}
}
