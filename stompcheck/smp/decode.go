package smp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is one value in a message.
type value struct {
	kind valueKind
	text string // what a string holds; anything else as JSON writes it
}

type valueKind uint8

const (
	isMissing valueKind = iota
	isString
	isNumber // as it was written: an id of 64 bits does not survive a float
	isOther
)

// object is a message: its members in the order of the text. Of members with the
// same name the last counts, as it does for encoding/json.
type object []member

type member struct {
	name  string
	value value
}

// get returns the value of a member, one that isMissing if there is none.
func (o object) get(name string) value {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return o[i].value
		}
	}
	return value{}
}

// integer returns a member that was found to be an integer, 0 for any other.
func (o object) integer(name string) int64 {
	v := o.get(name)
	if v.kind != isNumber {
		return 0 // a string of digits is no number
	}
	i, _ := strconv.ParseInt(v.text, 10, 64)
	return i
}

// decode reads a JSON object and nothing after it.
func decode(body []byte) (object, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	if o, ok := decodePlain(string(body)); ok {
		return o, nil
	}
	m, err := decodeAny(body)
	if err != nil {
		return nil, err
	}
	var o object
	for name, v := range m {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("expected a JSON object: %w", err)
		}
		val := value{isOther, string(text)}
		switch v := v.(type) {
		case string:
			val = value{isString, v}
		case json.Number:
			val = value{isNumber, v.String()}
		}
		o = append(o, member{name, val})
	}
	return o, nil
}

// decodeAny reads what [decodePlain] leaves to it: all of JSON, and what is no
// JSON, with the words for it.
func decodeAny(body []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("expected a JSON object: %w", err)
	}
	if m == nil {
		return nil, errors.New("found null, expected a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("found something after the JSON object, expected nothing")
	}
	return m, nil
}

// decodePlain reads the form in which most messages come, in a small part of the
// time that encoding/json takes: an object without objects or arrays in it, and
// without escapes in its strings. What has any other form, and what is no JSON,
// is not ok, and for decodeAny to judge. What is ok means to both the same
// (FuzzDecode). s must be UTF-8.
func decodePlain(s string) (o object, ok bool) {
	s = skipSpace(s)
	if s == "" || s[0] != '{' {
		return nil, false
	}
	s = skipSpace(s[1:])
	if strings.HasPrefix(s, "}") {
		return o, skipSpace(s[1:]) == ""
	}
	o = make(object, 0, 16) // most types have fewer members
	for {
		var m member
		if m.name, s, ok = plainString(s); !ok {
			return nil, false
		}
		if s = skipSpace(s); s == "" || s[0] != ':' {
			return nil, false
		}
		if m.value, s, ok = plainValue(skipSpace(s[1:])); !ok {
			return nil, false
		}
		o = append(o, m)
		switch s = skipSpace(s); {
		case strings.HasPrefix(s, ","):
			s = skipSpace(s[1:])
		case strings.HasPrefix(s, "}"):
			return o, skipSpace(s[1:]) == ""
		default:
			return nil, false
		}
	}
}

// skipSpace drops what JSON calls white space (RFC 8259, section 2).
func skipSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\n' || s[0] == '\r' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

func plainValue(s string) (v value, rest string, ok bool) {
	switch {
	case s == "":
		return value{}, s, false
	case s[0] == '"':
		v.kind = isString
		v.text, rest, ok = plainString(s)
		return v, rest, ok
	case s[0] == '-' || isDigit(s[0]):
		n := numberLength(s)
		return value{isNumber, s[:n]}, s[n:], n > 0
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s, word) {
			return value{isOther, word}, s[len(word):], true
		}
	}
	return value{}, s, false
}

// plainString reads a string without escapes.
func plainString(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch b := s[i]; {
		case b == '"':
			return s[1:i], s[i+1:], true
		case b == '\\' || b < ' ':
			return "", s, false
		}
	}
	return "", s, false
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// numberLength is the length of the number that s begins with (RFC 8259, section
// 6), 0 if there is none.
func numberLength(s string) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > from
	}
	if s[0] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}
