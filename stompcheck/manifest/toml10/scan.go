package toml10

import (
	"bytes"
	"iter"
)

// Kinds of tokens besides the punctuation, which is its own kind.
const (
	word    = 'w' // bare key, number, date, true
	basic   = '"' // string with escapes, of one line or several, with its quotes
	literal = '\''
)

type token struct {
	kind byte
	line int // where it begins
	text []byte
}

// tokens divides a document. Comments and blanks are left out. It agrees with
// the parser as far as the document is well-formed, which is all that is
// needed: the parser stops at the first error.
func tokens(data []byte) iter.Seq[token] {
	return func(yield func(token) bool) {
		line := 1
		for i := 0; i < len(data); {
			begin, from, kind := i, line, data[i]
			switch kind {
			case ' ', '\t', '\r':
				i++
				continue
			case '#':
				if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
					i += n
				} else {
					i = len(data)
				}
				continue
			case '\n':
				line++
				i++
			case '[', ']', '{', '}', ',', '=':
				i++
			case basic, literal:
				i += stringLength(data[i:], kind)
				line += bytes.Count(data[begin:i], []byte("\n"))
			default:
				kind = word
				n := bytes.IndexAny(data[i:], " \t\r\n#[]{},=\"'")
				if n < 0 {
					n = len(data) - i
				}
				i += n
			}
			if !yield(token{kind, from, data[begin:i]}) {
				return
			}
		}
	}
}

// stringLength returns the length of the string that s begins with, quotes
// included; one that does not end goes to the end of the line or, if it may
// have several lines, of s.
func stringLength(s []byte, quote byte) int {
	triple := []byte{quote, quote, quote}
	if !bytes.HasPrefix(s, triple) {
		for i := 1; i < len(s); i++ {
			switch {
			case s[i] == '\n':
				return i
			case s[i] == '\\' && quote == basic:
				if i+1 < len(s) && s[i+1] != '\n' {
					i++
				}
			case s[i] == quote:
				return i + 1
			}
		}
		return len(s)
	}
	for i := len(triple); i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == basic:
			i++
		case bytes.HasPrefix(s[i:], triple):
			i += len(triple)
			// Up to two quotes may stand right before the closing ones.
			for n := 0; n < 2 && i < len(s) && s[i] == quote; n++ {
				i++
			}
			return i
		}
	}
	return len(s)
}
