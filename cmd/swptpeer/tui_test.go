package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                    "plain",
		"Ünïcødé 漢字":               "Ünïcødé 漢字",
		"\x1b[31m":                 `\x1b[31m`,
		"a\nb\r\tc":                `a\nb\r\tc`,
		"\x07\x00\x7f":             `\x07\x00\x7f`,
		"\u009b31m":                `\u009b31m`,
		"\u202etxt":                `\u202etxt`,
		"\u2066\u2069\u200b\ufeff": `\u2066\u2069\u200b\ufeff`,
		"\u2028\u2029\u0085":       `\u2028\u2029\u0085`,
		"\xff\xc0":                 `\xff\xc0`,
		"\U000e0041":               `\U000e0041`,
		"\ufffd":                   "\ufffd",
		"":                         "",
		"::error file=x::pwn":      `\x3a:error file=x::pwn`,
		"a::b":                     "a::b",
		"x ##[warning]y":           `x ##\x5bwarning]y`,
		"#[ ##":                    "#[ ##",
	} {
		if got := safe(in); got != want {
			t.Errorf("safe(%q) = %q, want %q", in, got, want)
		}
	}
	// The bound, at it and one past it.
	if got := safe(strings.Repeat("x", maxShown)); got != strings.Repeat("x", maxShown) {
		t.Errorf("%d characters are cut", maxShown)
	}
	if got := safe(strings.Repeat("x", maxShown+1)); !strings.HasSuffix(got, "… (1 bytes more)") {
		t.Errorf("%d characters are not cut: …%s", maxShown+1, got[maxShown-3:])
	}
}

// FuzzSafe: nothing that is not printable comes through, in text or in JSON.
func FuzzSafe(f *testing.F) {
	f.Add(hostileName)
	f.Add("\xf0\x90\x80")
	f.Fuzz(func(t *testing.T, s string) {
		out := safe(s)
		if !utf8.ValidString(out) {
			t.Errorf("safe(%q) is not UTF-8", s)
		}
		for _, r := range out {
			if !printable(r) {
				t.Errorf("safe(%q) has %U", s, r)
			}
		}
		if safe(out) != out && len(out) <= maxShown {
			t.Errorf("safe is not stable on %q", s)
		}
		data, err := encodeJSON(map[string]string{"x": s})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(data) {
			if r != '\n' && !printable(r) {
				t.Errorf("JSON of %q has %U", s, r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("JSON of %q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back["x"] != want {
			t.Errorf("JSON of %q reads as %q", s, back["x"])
		}
	})
}

func TestPrintfMakesArgumentsSafe(t *testing.T) {
	var b bytes.Buffer
	p := &printer{w: &b}
	p.printf("%s %s %v %d %s\n", "\x1b[2J", errNoTerminal, refusef("\u202e"), 7, raw("as it is"))
	if got, want := b.String(), `\x1b[2J there is no terminal to ask at \u202e 7 as it is`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestColour: each stream decides for itself.
func TestColour(t *testing.T) {
	var b bytes.Buffer
	p := newPrinter(&b, system{lookupEnv: func(string) (string, bool) { return "", false }}, false)
	if p.colour {
		t.Error("colour for something that is no terminal")
	}
	if got := (&printer{w: &b, colour: true}).paint(bad, "x"); !strings.Contains(got, "\x1b[") {
		t.Errorf("no colour: %q", got)
	}
	if got := (&printer{w: &b}).paint(bad, "x"); got != "x" {
		t.Errorf("colour: %q", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two three four\nfive\n  as it is, whatever the width", 10, 2)
	want := "one two\n  three\n  four\n  five\n    as it is, whatever the width"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
