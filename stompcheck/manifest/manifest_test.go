package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/swaptacular/swptpeer/certs/check"
)

const reference = "../../testdata/reference/nodes"

// minimal is a valid manifest; the tests change or add lines.
const minimal = "servers = [\"s.example.com:1\"]\nhost = \"/\"\ndestination = \"/exchange/accounts_in\"\n"

func readReference(t testing.TB, short string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(reference, short, "nodeinfo", FileName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseReference(t *testing.T) {
	for i, short := range []string{"aa", "ca", "da"} {
		data := readReference(t, short)
		m, report := Parse(data)
		if err := report.Err(); err != nil || !report.OK(true) {
			t.Fatalf("%s: %v", short, err)
		}
		if want := (Server{"127.0.0.1", uint16(21234 + i)}); len(m.Servers) != 1 || m.Servers[0] != want {
			t.Errorf("%s: found servers %v, expected %v", short, m.Servers, want)
		}
		if m.Destination != Destination(short) || !m.CheckDestination(short).OK(true) {
			t.Errorf("%s: found destination %q, expected %q", short, m.Destination, Destination(short))
		}
		// What we write for a new node is what the existing tool wrote.
		if got := Encode(m.Servers, m.Host, m.Destination); string(got) != string(data) {
			t.Errorf("%s: found\n%sexpected\n%s", short, got, data)
		}
	}
}

func TestParseComplete(t *testing.T) {
	m, report := Parse([]byte(`# all keys
servers = ["a.example.com:1", "[::1]:65535", "a.example.com:1", "x_y.:80"]
host = "h"
destination = '/d'
login = ""
passcode = "p"
accepted-content-types = ["text/plain; charset=utf-8", "application/json"]
Servers = 1
contact.mail = "x"
[table]
a = 1
b = 2
`))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	want := &Manifest{
		Servers: []Server{{"a.example.com", 1}, {"::1", 65535}, {"a.example.com", 1}, {"x_y.", 80}},
		Host:    "h", Destination: "/d", Login: new(""), Passcode: new("p"),
		AcceptedContentTypes: []string{"text/plain; charset=utf-8", "application/json"},
		Unknown:              []string{"Servers", "contact", "table"},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	if report.OK(true) {
		t.Error("found no warning for IPv6 and an underscore")
	}
}

// Every failure of every rule but manifest.destination-in-use.
func TestParseFindings(t *testing.T) {
	replace := func(key, line string) string {
		var out []string
		for l := range strings.Lines(minimal) {
			if strings.HasPrefix(l, key+" ") {
				l = line + "\n"
			}
			out = append(out, l)
		}
		return strings.Join(out, "")
	}
	long := strings.Repeat("x", maxHeaderValue)
	for _, tt := range []struct {
		doc, rule, where, found string
	}{
		{strings.Repeat("#", MaxSize+1), "manifest.size", "", "65537 bytes"},
		{minimal + "x = \n", "manifest.syntax", "line 4", ""},
		{minimal + "host = '/'\n", "manifest.syntax", "line 4", "already"},
		{"\xef\xbb\xbf" + minimal, "manifest.syntax", "line 1", "byte order mark"},
		{minimal + "x = {\n}\n", "manifest.syntax", "line 4", "inline table"},
		{"\x00\x01garbage", "manifest.syntax", "line 1", ""},
		{"servers.x = 1\n" + minimal, "manifest.syntax", "line 2", `"servers" is defined again: on line 1`},
		{"destination.a.b = 1\n" + minimal, "manifest.syntax", "line 4", `"destination" is defined again: on line 1`},
		{minimal + "a.b = 1\n[a]\n", "manifest.syntax", "line 5", `"a" is defined again: on line 4`},
		{minimal + "a = [{b=1}]\na.b = 3\n", "manifest.syntax", "line 5", `"a" is defined again`},
		{minimal + "a = 1979-05-27T07:32:00-00:60\n", "manifest.syntax", "line 4", "offset"},
		{replace("servers", ""), "manifest.servers", "servers", "nothing"},
		{replace("servers", "Servers = ['a.b:1']"), "manifest.servers", "servers", "nothing"},
		{replace("servers", "servers = []"), "manifest.servers", "servers", "an empty list"},
		{replace("servers", "servers = 'a.b:1'"), "manifest.servers", "servers", "a string"},
		{replace("servers", "servers = ['a.b:1', 5]"), "manifest.servers", "servers", "an integer at [1]"},
		{replace("servers", "servers = [{a = 1}]"), "manifest.servers", "servers", "a table at [0]"},
		{replace("servers", "") + "[[servers]]\n", "manifest.servers", "servers", "a list of 1 tables"},
		{replace("servers", "servers = 1979-05-27"), "manifest.servers", "servers", "a date or time"},
		{replace("servers", "servers = ['a.b:1', 'nope']"), "manifest.server", "servers[1]", "found no port"},
		{replace("servers", "servers = ['a.b:0']"), "manifest.server", "servers[0]", "1 to 65535"},
		{replace("host", ""), "manifest.host", "host", "nothing"},
		{replace("host", "host = ''"), "manifest.host", "host", "an empty string"},
		{replace("host", "host = 1.5"), "manifest.host", "host", "a float"},
		{replace("destination", ""), "manifest.destination", "destination", "nothing"},
		{replace("destination", "destination = ''"), "manifest.destination", "destination", "an empty string"},
		{replace("destination", "destination = true"), "manifest.destination", "destination", "a boolean"},
		{minimal + "login = 1\n", "manifest.login", "login", "an integer"},
		{minimal + "[login]\n", "manifest.login", "login", "a table"},
		{minimal + "passcode = ['x']\n", "manifest.passcode", "passcode", "a list"},
		{minimal + "accepted-content-types = 'application/json'\n", "manifest.accepted-content-types", "accepted-content-types", "a string"},
		{minimal + "accepted-content-types = ['a/b', 1]\n", "manifest.accepted-content-types", "accepted-content-types", "an integer at [1]"},
		{replace("host", `host = "/\nreceipt:1"`), "manifest.control-characters", "host", "U+000A at byte 1"},
		{replace("destination", `destination = "/\u0000"`), "manifest.control-characters", "destination", "U+0000"},
		{minimal + "login = \"\\u0085\"\n", "manifest.control-characters", "login", "U+0085"},
		{minimal + "passcode = \"secret\\r\"\n", "manifest.control-characters", "passcode", "U+000D"},
		{minimal + "accepted-content-types = [\"a/b\\t\"]\n", "manifest.control-characters", "accepted-content-types[0]", "U+0009"},
		{replace("servers", `servers = ["a.b:1\n"]`), "manifest.control-characters", "servers[0]", "U+000A"},
		{replace("servers", "servers = ['a.b:1', '[::1]:1']"), "manifest.server-ipv6", "servers[1]", `the IPv6 address "::1"`},
		{replace("servers", "servers = ['a_b:1']"), "manifest.server-underscore", "servers[0]", `the name "a_b"`},
		{replace("host", "host = 'a:b'"), "manifest.connect-escapes", "host", `":" at byte 1`},
		{minimal + "login = '\\'\n", "manifest.connect-escapes", "login", `"\\" at byte 0`},
		{minimal + "passcode = 'x:y'\n", "manifest.connect-escapes", "passcode", `":" at byte 1`},
		{replace("host", "host = 'x"+long+"'"), "manifest.value-length", "host", "501 bytes"},
		{replace("destination", "destination = '"+long[:469]+"${NODE_ID}'"), "manifest.value-length", "destination", "501 bytes"},
		{minimal + "accepted-content-types = ['json']\n", "manifest.media-types", "accepted-content-types[0]", `"json"`},
		{minimal + "accepted-content-types = ['a/b', '']\n", "manifest.media-types", "accepted-content-types[1]", `""`},
		{minimal + "passcode = '${NODE_ID}'\n", "manifest.passcode-variable", "passcode", ""},
		{minimal + "serverz = 1\n", "manifest.unknown-keys", "", `"serverz"`},
	} {
		name := tt.doc
		if len(name) > 200 {
			name = name[:200]
		}
		m, report := Parse([]byte(tt.doc))
		var hit *check.Result
		for i, res := range report.Results {
			if res.Rule.ID == tt.rule && res.Outcome == check.Failed {
				hit = &report.Results[i]
				break
			}
		}
		if hit == nil {
			t.Errorf("%q: %s did not fail: %v", name, tt.rule, report.Results)
			continue
		}
		if hit.Where != tt.where || !strings.Contains(hit.Found, tt.found) {
			t.Errorf("%q: found %q at %q, expected … %s … at %q", name, hit.Found, hit.Where, tt.found, tt.where)
		}
		if refused := hit.Rule.Severity == check.Error; (m == nil) != refused {
			t.Errorf("%q: found manifest %v after a breach of %s (%v)", name, m, tt.rule, hit.Rule.Severity)
		}
		if strings.Contains(fmt.Sprint(report), "secret") {
			t.Errorf("%q: the passcode is in the report", name)
		}
		checkEveryRuleReported(t, report)
	}
}

func checkEveryRuleReported(t *testing.T, report *check.Report) {
	t.Helper()
	for _, rule := range Rules() {
		if rule == ruleInUse {
			continue
		}
		if !report.Has(rule.ID, check.Passed) && !report.Has(rule.ID, check.Failed) && !report.Has(rule.ID, check.Skipped) {
			t.Errorf("found no result for %s", rule.ID)
		}
	}
}

func TestLimits(t *testing.T) {
	fill := strings.Repeat("#", MaxSize-len(minimal))
	if _, report := Parse([]byte(minimal + fill)); !report.OK(true) {
		t.Errorf("%d bytes: %v", MaxSize, report.Err())
	}
	for _, value := range []string{strings.Repeat("x", maxHeaderValue), strings.Repeat("x", maxHeaderValue-longestNodeID) + NodeIDVariable} {
		if _, report := Parse([]byte(minimal + "login = '" + value + "'\n")); !report.OK(true) {
			t.Errorf("a login of %d bytes: %v", len(value), report.Results)
		}
	}
}

// One breach does not hide another.
func TestParseReportsAll(t *testing.T) {
	_, report := Parse([]byte("servers = ['x', 'y:0']\nlogin = 1\naccepted-content-types = 2\n"))
	if n := len(report.Failed(check.Error)); n != 6 {
		t.Errorf("found %d errors, expected 6: %v", n, report.Err())
	}
}

func TestCheckDestination(t *testing.T) {
	m := &Manifest{Destination: "/exchange/accounts_in"}
	for short, want := range map[string]check.Outcome{"aa": check.Passed, "ca": check.Failed, "da": check.Failed, "": check.Skipped, "xx": check.Skipped} {
		if report := m.CheckDestination(short); !report.Has("manifest.destination-in-use", want) {
			t.Errorf("%s: found %v, expected %v", short, report.Results, want)
		}
	}
}

func TestForClient(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	m := &Manifest{Servers: []Server{{"${NODE_ID}", 1}}, Host: "${NODE_ID}/${NODE_ID}", Login: new("u${NODE_ID}"),
		Passcode: new("${NODE_ID}"), Destination: "/x/${NODE_ID}", AcceptedContentTypes: []string{"${NODE_ID}"}, Unknown: []string{"k"}}
	got := m.ForClient(id)
	want := &Manifest{Servers: []Server{{"${NODE_ID}", 1}}, Host: id + "/" + id, Login: new("u" + id),
		Passcode: new("${NODE_ID}"), Destination: "/x/" + id, AcceptedContentTypes: []string{"${NODE_ID}"}, Unknown: []string{"k"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got.Servers[0].Port, *got.Passcode = 2, "changed"
	if m.Servers[0].Port != 1 || *m.Passcode != "${NODE_ID}" || m.Host != "${NODE_ID}/${NODE_ID}" {
		t.Error("the copy shares memory with the original")
	}
	if c := (&Manifest{}).ForClient(id); c.Login != nil || c.Passcode != nil {
		t.Error("an absent login or passcode appeared")
	}
}

func TestEncodeEscapes(t *testing.T) {
	m := &Manifest{Servers: []Server{{"::1", 1}, {"a.b", 2}}, Host: `"\` + "\x7fé", Destination: "/'''", Login: new(""), Passcode: new("p"),
		AcceptedContentTypes: []string{`text/plain; x="y"`}}
	data := m.Encode()
	const want = `servers = ["[::1]:1", "a.b:2"]
host = "\"\\\u007Fé"
destination = "/'''"
login = ""
passcode = "p"
accepted-content-types = ["text/plain; x=\"y\""]
`
	if string(data) != want {
		t.Errorf("found\n%s\nexpected\n%s", data, want)
	}
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range Rules() {
		if seen[rule.ID] || !strings.HasPrefix(rule.ID, "manifest.") || rule.Severity == 0 || rule.Title == "" || rule.Citation == "" || rule.Advice == "" {
			t.Errorf("found an incomplete or repeated rule: %+v", rule)
		}
		seen[rule.ID] = true
	}
}

func FuzzParse(f *testing.F) {
	for _, short := range []string{"aa", "ca", "da"} {
		f.Add(readReference(f, short))
	}
	f.Add([]byte(minimal + "login = \"${NODE_ID}\"\npasscode = '''x'''\naccepted-content-types = ['a/b']\nx.y = 1\n"))
	f.Add([]byte("servers = ['[::1]:1', 'a_b:2']\nhost='\\'\ndestination=\"\\u000A\""))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, report := Parse(data)
		if (m != nil) != report.OK(false) {
			t.Fatalf("found manifest %v with %v", m, report.Err())
		}
		if m == nil {
			return
		}
		// What is accepted is the same when it is written and read again, but for unknown keys.
		again, report := Parse(m.Encode())
		if again == nil {
			t.Fatalf("what was written is refused: %v\n%s", report.Err(), m.Encode())
		}
		want := *m
		want.Unknown = nil
		if len(want.AcceptedContentTypes) == 0 {
			want.AcceptedContentTypes = nil
		}
		if diff := cmp.Diff(&want, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
