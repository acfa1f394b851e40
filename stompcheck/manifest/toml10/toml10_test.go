package toml10_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/manifest/toml10"
)

func TestDecodeAccepts(t *testing.T) {
	nested := strings.Repeat("[", toml10.MaxNesting) + strings.Repeat("]", toml10.MaxNesting)
	for _, doc := range []string{
		"",
		"a = 1\n",
		"# only a comment, with \\e and { in it",
		"a = {b = [\n1,\n2,\n], c = '\\e'}\n",
		"a = \"\"\"two\nlines \\\n   joined\"\"\"\n",
		`a = """quotes at the end"""""` + "\n",
		`a = '''it's "raw" \x'''` + "\n",
		`a = "{ , }" # { , }` + "\n",
		`a = "back\\slash \\e"` + "\n",
		"a = 1979-05-27T07:32:00-08:00\nb = 07:32:00\nc = 1979-05-27 07:32:00.5Z\n",
		"\"12:30\" = 1\n",
		"a = " + nested,
		strings.Repeat("a.", toml10.MaxNesting) + "a = 1",
		"[" + strings.Repeat("a.", toml10.MaxNesting) + "a]\nb = 1.5",
		"a = 1\r\nb = [\r\n]\r\n",
	} {
		if _, _, err := toml10.Decode([]byte(doc)); err != nil {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	over := toml10.MaxNesting + 1
	for _, tt := range []struct {
		doc  string
		line int
		want string
	}{
		{"\xef\xbb\xbfa = 1", 1, "byte order mark"},
		{"\xff\xfea", 1, "byte order mark"},
		{"a = 1\nb = '\xff'", 2, "0xff is not UTF-8"},
		{"a = 1\nb = ", 2, ""},
		{"a = 1\na = 2", 2, "already"},
		{"a\n", 1, ""},
		{"\"\\", 1, "escape"},
		{"a = {b = 1,}", 1, "ends with a comma"},
		{"a = {b = 1\n}", 1, "a line ends inside"},
		{"x = 1\na = {\nb = 1}", 2, "a line ends inside"},
		{"a = {b = 1 # why\n}", 1, "a line ends inside"},
		{"a = [{b = 1,\n c = 2}]", 1, "a line ends inside"},
		{`a = "\e"`, 1, `escape \e`},
		{`a = "\x41"`, 1, `escape \x`},
		{`"\x41" = 1`, 1, `escape \x`},
		{"a = \"\"\"\n\\x41\"\"\"", 1, `escape \x`},
		{"a = 07:32", 1, "no seconds"},
		{"\n\na = 1979-05-27T07:32", 3, "no seconds"},
		{"a = 1979-05-27 07:32Z", 1, "no seconds"},
		{"a = 1979-05-27t07:32+01:00", 1, "no seconds"},
		{"a = " + strings.Repeat("[", over) + strings.Repeat("]", over), 1, "nested more than 16"},
		{"a = " + strings.Repeat("{a=", over) + "1" + strings.Repeat("}", over), 1, "nested more than 16"},
		{strings.Repeat("a.", over) + "a = 1", 1, "nested more than 16"},
		{strings.Repeat("a . ", over) + "a = 1", 1, "nested more than 16"},
		{strings.Repeat(`"a".`, over) + "a = 1", 1, "nested more than 16"},
		{"\n[" + strings.Repeat("a.", over) + "a]", 2, "nested more than 16"},
	} {
		_, _, err := toml10.Decode([]byte(tt.doc))
		var e *toml10.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: found error %v, expected a *toml10.Error", tt.doc, err)
			continue
		}
		if e.Line != tt.line || !strings.Contains(e.Problem, tt.want) {
			t.Errorf("%q: found %q, expected line %d: … %s …", tt.doc, err, tt.line, tt.want)
		}
	}
}

// The key is shown, but no more than a line of it.
func TestErrorIsShort(t *testing.T) {
	_, _, err := toml10.Decode([]byte(strings.Repeat("k", 5000) + " = ?"))
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("found an error of %d bytes: %.100v", len(fmt.Sprint(err)), err)
	}
}

// Keys that differ by case are different keys.
func TestKeysAreExact(t *testing.T) {
	m, meta, err := toml10.Decode([]byte("Servers = 1\n[x]\ny = 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m["servers"]; ok || m["Servers"] != int64(1) {
		t.Errorf("found %v", m)
	}
	if got := fmt.Sprint(meta.Keys()); got != "[Servers x x.y]" {
		t.Errorf("found keys %s", got)
	}
}

// TestDefinitions has what TOML 1.0 says about keys and tables that are defined
// twice, by the headings of its text, and about offsets of times. Python's
// tomllib agrees with every row but those that it does not refuse.
func TestDefinitions(t *testing.T) {
	const (
		keys   = "Keys"
		table  = "Table"
		inline = "Inline Table"
		arrays = "Array of Tables"
		times  = "Offset Date-Time; RFC 3339, section 5.6"
	)
	for _, tt := range []struct {
		doc     string
		section string
		line    int // of the error; 0: accepted
		want    string
	}{
		{"a.b = 1\na.c = 2\n", keys, 0, ""},
		{"a.b = 1\nd = 1\na.c.e = 2\na.c.f = 2\n", keys, 0, ""},
		{"a = 1\na.b = 2\n", keys, 2, "already been defined"},
		{"a.b = 1\na.b.c = 2\n", keys, 2, "already been defined"},
		{"x.y = 1\nx = 2\n", keys, 2, `"x" is defined again: on line 1 it is a table by a dotted key`},
		{"servers.x = 1\nservers = ['a:1']\n", keys, 2, `"servers" is defined again`},
		{"a.b.c = 1\na.b = 2\n", keys, 2, `"a.b" is defined again`},
		{"a = 1\n\"a\" = 2\n", keys, 2, ""},
		{"a.b = 1\n\"\\u0061\" = 2\n", keys, 2, `"a" is defined again`},
		{"a.b = 1\n'a' = 2\n", keys, 2, `"a" is defined again`},
		{"a . \"b\" . c = 1\na.b = 2\n", keys, 2, `"a.b" is defined again`},
		{"\"a.b\" = 1\na.b = 2\n", keys, 0, ""},
		{"3.14 = 1\n3.15 = 2\n", keys, 0, ""},
		{"a = [{b = 1}]\na.b = 3\n", arrays, 2, `"a" is defined again: on line 1 it is a value`},
		{"a = [\n{b = 1},\n[1979-05-27 07:32:00Z]\n]\nb = {c = 2}\n", arrays, 0, ""},

		{"[a.b]\n[a]\nc = 1\n", table, 0, ""},
		{"[a]\n[a.b]\n", table, 0, ""},
		{"[a]\nb = 1\n[a]\n", table, 3, ""},
		{"[a]\nb = 1\n[a.b]\n", table, 3, ""},
		{"a.b = 1\n[a]\nc = 2\n", table, 2, `"a" is defined again: on line 1 it is a table by a dotted key`},
		{"[f]\na.b = 1\n[f.a]\n", table, 3, `"f.a" is defined again`},
		{"[f]\na.b.c = 1\n[f.a.b]\n", table, 3, `"f.a.b" is defined again`},
		{"[f]\na.b.c = 1\n[f.a.d]\ne = 1\n", table, 0, ""},
		{"[a.b]\nx = 1\n[a]\nb.y = 2\n", table, 4, `"b" is defined again: on line 1 it is a table`},
		{"[a.b.c]\nx = 1\n[a]\nb.c.y = 2\n", table, 4, `"b" is defined again`},
		{"[a.b.c]\nx = 1\n[a]\nb.y = 2\n", table, 4, `"b" is defined again`}, // tomllib takes it
		{"[[a.b]]\n[a]\nb.y = 2\n", table, 3, `"b" is defined again: on line 1 it is an array of tables`},
		{"a.b = 1\n[[a]]\n", table, 2, ""},

		{"a = {b = 1, c = {d = 2}}\n", inline, 0, ""},
		{"a = {b.c = 1, b.d = 2}\n", inline, 0, ""},
		{"a = {b = 1}\na.c = 2\n", inline, 2, ""},
		{"a = {b = 1}\n[a.c]\n", inline, 2, ""},
		{"a = {b.c = 1, b = 2}\n", inline, 1, `"b" is defined again`},
		{"a = {b.c = {d = 1}, b.c.e = 2}\n", inline, 1, ""},
		{"a.b = {c = 1}\na.d = {c = 1}\n", inline, 0, ""},
		{"a.b = {c = 1}\na.b.d = 1\n", inline, 2, ""},

		{"[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\n[[a]]\n[a.c]\n", arrays, 0, ""},
		{"[[a]]\nb.c = 1\n[[a]]\nb.c = 2\n", arrays, 0, ""},
		{"[[a]]\n[a.b]\n[a.b]\n", arrays, 3, ""},
		{"[[a]]\n[a]\n", arrays, 2, ""},
		{"[a.b]\n[[a]]\n", arrays, 2, ""},
		{"a = []\n[[a]]\n", arrays, 2, ""},
		{"[a]\n[[a]]\n", arrays, 2, ""},
		{"[[a]]\n[[a.b]]\n[a.b.c]\n[[a.b]]\n[a.b.c]\n", arrays, 0, ""},

		{"a = 1979-05-27T07:32:00-23:59\n", times, 0, ""},
		{"a = 1979-05-27T07:32:00.5+00:00\n", times, 0, ""},
		{"a = 1979-05-27T07:32:00-00:60\n", times, 1, "more than 23:59"},
		{"b = 1\na = 1979-05-27 07:32:00.25+24:00\n", times, 2, "more than 23:59"},
		{"a = [1979-05-27t07:32:00+00:60]\n", times, 1, "more than 23:59"},
		{"a = 0001-01-01\n", times, 0, ""},
		{"a = 0000-12-31\n", times, 1, "year 0000"}, // a limit of Python's datetime
	} {
		m, _, err := toml10.Decode([]byte(tt.doc))
		var e *toml10.Error
		switch {
		case tt.line == 0 && (err != nil || m == nil):
			t.Errorf("%q: found %v, expected that it is accepted (TOML 1.0, %s)", tt.doc, err, tt.section)
		case tt.line > 0 && !errors.As(err, &e):
			t.Errorf("%q: found %v, expected an error on line %d (TOML 1.0, %s)", tt.doc, err, tt.line, tt.section)
		case tt.line > 0 && (e.Line != tt.line || !strings.Contains(e.Problem, tt.want)):
			t.Errorf("%q: found %q, expected line %d: … %s …", tt.doc, err, tt.line, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../../../testdata/reference/nodes/*/nodeinfo/stomp.toml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("servers.x = 1\nservers = []\n[a.b.c]\n[a]\nb.d = 1\n[[t]]\nt.u = 1979-05-27 07:32:00-00:59\n"))
	f.Add([]byte("a = {b.c = [1, 07:32:00], 'd' = \"\"\"x\"\"\"}\n[t.u]\n[[v]]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		start := time.Now()
		m, _, err := toml10.Decode(data)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("took %v for %d bytes", d, len(data))
		}
		var e *toml10.Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1) {
			t.Errorf("found error %#v, expected a *toml10.Error with a line", err)
		}
		if (m == nil) == (err == nil) {
			t.Errorf("found map %v and error %v, expected one of them", m, err)
		}
	})
}
