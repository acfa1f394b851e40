// Package toml10 reads TOML 1.0 that may come from a stranger, by way of
// github.com/BurntSushi/toml, and closes five gaps between that parser and
// what this module needs:
//
//   - it takes TOML 1.1 (newlines and trailing commas in inline tables, the
//     escapes \e and \xHH, times without seconds) and byte order marks. The
//     Python servers in the field read TOML 1.0 and refuse the whole file
//     (spec stomp.md, "The servers manifest"), so two readers would see
//     different things;
//   - it lets some tables and keys be defined twice, as in "a.b = 1" and then
//     "a = 2": the last one wins, where TOML 1.0 demands a refusal;
//   - it takes offsets of 24 hours and of 60 minutes, and the year 0000;
//   - its time grows with the square of the nesting: 16 KB of "a.a.a. … = 1"
//     keep it busy for seconds, 64 KB for minutes;
//   - it matches keys to struct fields without regard to case, so that
//     "Servers" passes for "servers". [Decode] therefore gives a map.
//
// What is not checked: that the parser is right about the rest of TOML 1.0.
package toml10

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// MaxNesting is how deep arrays and inline tables may lie in each other, and
// how many dots a key or the name of a table may have. No file of the network
// nests deeper than 2; at 16 the parser's quadratic cost is not measurable.
const MaxNesting = 16

// Error is a document that is not TOML 1.0, or nests too deeply. Line counts
// from 1.
type Error struct {
	Line    int
	Problem string
}

// Error implements error: "line 3: …".
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// Decode reads a document. The keys of the result are exactly those of the
// document, and its values of the types that BurntSushi/toml gives to an any.
// Keys are listed in the order of the document by the metadata. Every error is
// an *[Error]. The caller limits the size of data.
func Decode(data []byte) (map[string]any, toml.MetaData, error) {
	var none toml.MetaData
	if err := checkEncoding(data); err != nil {
		return nil, none, err
	}
	if err := limitNesting(data); err != nil {
		return nil, none, err
	}
	values := map[string]any{}
	meta, err := toml.Decode(string(data), &values)
	if err != nil {
		return nil, none, convert(err)
	}
	if err := refuse11(data); err != nil {
		return nil, none, err
	}
	if err := checkDefinitions(data); err != nil {
		return nil, none, err
	}
	return values, meta, nil
}

// checkEncoding demands UTF-8 without a byte order mark (TOML 1.0, "Spec").
func checkEncoding(data []byte) error {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(data, []byte(mark)) {
			return &Error{1, "the file begins with a byte order mark, which TOML 1.0 does not have"}
		}
	}
	for line, rest := 1, data; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			return &Error{line, fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])}
		}
		if r == '\n' {
			line++
		}
		rest = rest[n:]
	}
	return nil
}

func convert(err error) error {
	var parse toml.ParseError
	if !errors.As(err, &parse) {
		return &Error{1, err.Error()}
	}
	problem := parse.Message
	if parse.LastKey != "" {
		problem += fmt.Sprintf(" (last key %s)", shorten(parse.LastKey))
	}
	// The parser counts one line too few when the file ends within an escape.
	return &Error{max(parse.Position.Line, 1), problem}
}

// maxQuote bounds how much of a document an error repeats, in bytes.
const maxQuote = 80

func shorten(s string) string {
	if len(s) > maxQuote {
		return fmt.Sprintf("%q…", s[:maxQuote])
	}
	return fmt.Sprintf("%q", s)
}

func limitNesting(data []byte) error {
	depth, dots := 0, 0
	for t := range tokens(data) {
		switch t.kind {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		case word:
			dots += bytes.Count(t.text, []byte("."))
		}
		if t.kind == '\n' || t.kind == '=' || t.kind == ',' || t.kind == '{' {
			dots = 0
		}
		if depth > MaxNesting || dots > MaxNesting {
			return &Error{t.line, fmt.Sprintf("nested more than %d deep", MaxNesting)}
		}
	}
	return nil
}

// timeWithoutSeconds matches a token of the form HH:MM, alone or after a date.
var timeWithoutSeconds = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[Tt])\d\d:\d\d($|[^:])`) })

// refuse11 finds what TOML 1.1 added to 1.0, in a document that the parser took.
func refuse11(data []byte) error {
	var open []byte // brackets around the token
	var last byte   // kind of the token before, newlines left out
	for t := range tokens(data) {
		inTable := len(open) > 0 && open[len(open)-1] == '{'
		switch t.kind {
		case '[', '{':
			open = append(open, t.kind)
		case ']', '}':
			if t.kind == '}' && last == ',' {
				return &Error{t.line, "an inline table ends with a comma, which TOML 1.0 does not allow"}
			}
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '\n':
			if inTable {
				return &Error{t.line, "a line ends inside an inline table, which TOML 1.0 does not allow"}
			}
			continue
		case word:
			if timeWithoutSeconds().Match(t.text) {
				return &Error{t.line, "a time has no seconds, which TOML 1.0 does not allow"}
			}
			if !offsetInRange(t.text) {
				return &Error{t.line, "the offset of a time is more than 23:59"}
			}
			if yearZero().Match(t.text) {
				return &Error{t.line, "a date is of the year 0000, which not all readers have"}
			}
		case basic:
			if esc := escape11(t.text); esc != 0 {
				return &Error{t.line, fmt.Sprintf(`the escape \%c is not one of TOML 1.0`, esc)}
			}
		}
		last = t.kind
	}
	return nil
}

// escape11 returns the letter of the first escape in s that is new in 1.1, or 0.
func escape11(s []byte) byte {
	for i := 0; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		i++
		if s[i] == 'e' || s[i] == 'x' {
			return s[i]
		}
	}
	return 0
}
