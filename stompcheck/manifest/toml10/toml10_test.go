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
