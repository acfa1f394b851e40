package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
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
		"  ::error::pwn":           `  \x3a:error::pwn`,
		" : ::x":                   " : ::x",
		"a::b":                     "a::b",
		"x ##[warning]y":           `x ##\x5bwarning]y`,
		"#[ ##":                    "#[ ##",

		// Invisible, and printable by category.
		"a\u3164":              `a\u3164`,
		"\u2800\u2800":         `\u2800\u2800`,
		"a\u034fb":             `a\u034fb`,
		"\u2764\ufe0f":         "\u2764" + `\ufe0f`,
		"\u115f\u1160\uffa0":   `\u115f\u1160\uffa0`,
		"\u17b4":               `\u17b4`,
		"\U000e0100":           `\U000e0100`,
		"\U0001d159":           `\U0001d159`,
		"\U00013441":           `\U00013441`,
		"\u00a0\u3000\u1680":   `\u00a0\u3000\u1680`,
		"\u061c\u200e\u200f":   `\u061c\u200e\u200f`,
		"\u00ad\u2060\u180e":   `\u00ad\u2060\u180e`,
		"valid\u0336":          `valid\u0336`,
		"\u0301a":              `\u0301a`,
		"a \u0301":             `a \u0301`,
		"a\u20dd":              `a\u20dd`,
		"a\u0336\u0301b\u0301": `a\u0336\u0301` + "b\u0301",
		"\n\u0301":             `\n\u0301`,
		"\xff\u0301":           `\xff\u0301`,
		"##[\u0301":            `##\x5b\u0301`,
		"\x1b\u0301":           `\x1b\u0301`,

		"a" + strings.Repeat("\u0301", maxMarks):              "a" + strings.Repeat("\u0301", maxMarks),
		"a" + strings.Repeat("\u0301", maxMarks+2) + "\u00e9": "a" + strings.Repeat("\u0301", maxMarks) + `\u0301\u0301` + "\u00e9",

		// Names in languages.
		"cafe\u0301":                           "cafe\u0301",
		"Vie\u0323\u0302t":                     "Vie\u0323\u0302t",
		"\u05e9\u05c1\u05b8\u05dc":             "\u05e9\u05c1\u05b8\u05dc",
		"\u0939\u093f\u0928\u094d\u0926\u0940": "\u0939\u093f\u0928\u094d\u0926\u0940",
		"\u0e1b\u0e35\u0e48":                   "\u0e1b\u0e35\u0e48",
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
	f.Add(" ::error::###[x]")
	f.Add("a\u0336\u0301\u2800 \u0301\ufe0f\u3164")
	f.Fuzz(func(t *testing.T, s string) {
		out := safe(s)
		if !utf8.ValidString(out) {
			t.Errorf("safe(%q) is not UTF-8", s)
		}
		if strings.HasPrefix(strings.TrimSpace(out), "::") || strings.Contains(out, "##[") {
			t.Errorf("safe(%q) = %q, a command to a GitHub runner", s, out)
		}
		run := 0 // marks in a row
		for i, r := range out {
			if !printable(r) {
				t.Errorf("safe(%q) has %U", s, r)
			}
			if run++; !unicode.Is(unicode.M, r) {
				run = 0
			}
			if run > maxMarks || run == 1 && (i == 0 || out[i-1] == ' ') {
				t.Errorf("safe(%q) has %U at byte %d, on nothing or on too many", s, r, i)
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
