package toml10

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// checkDefinitions finds keys and tables that are defined more than once, in a
// document that the parser took (TOML 1.0, "Keys", "Table", "Inline Table",
// "Array of Tables"). The parser lets some of them pass, and the later definition
// replaces the earlier one, or is added to it; other readers refuse the
// document. Where the text leaves a doubt, that is a refusal here, too: after
// [a.b.c], a dotted key b.d under [a] adds to a table that it did not create.
func checkDefinitions(data []byte) error {
	next, stop := iter.Pull(tokens(data))
	defer stop()
	d := &definitions{next: next}
	root := newTable(byHeader, 0)
	current := root
	d.advance()
	for d.ok {
		var err error
		switch d.t.kind {
		case '\n':
			d.advance()
		case '[':
			current, err = d.header(root)
		default:
			err = d.pair(current)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// How something came to be defined.
type origin int

const (
	byValue  origin = iota // key = value, inline tables and arrays included: nothing can be added
	byHeader               // [table]
	bySuper                // part of the name of a [table] below it, which may still have a header of its own
	byDots                 // part of a dotted key: more keys may be added as long as no header follows, after which none lead here
	byArray                // [[table]]: names below it mean the last element
)

var originText = map[origin]string{
	byValue: "a value", byHeader: "a table", bySuper: "a table", byDots: "a table by a dotted key", byArray: "an array of tables",
}

type definition struct {
	origin origin
	line   int
	below  map[string]*definition
}

func newTable(o origin, line int) *definition {
	return &definition{origin: o, line: line, below: map[string]*definition{}}
}

// definitions reads a document, which is known to be well-formed, token by
// token.
type definitions struct {
	next func() (token, bool)
	t    token
	ok   bool
}

func (d *definitions) advance() { d.t, d.ok = d.next() }

// header reads [name] or [[name]] and returns the table that it opens.
func (d *definitions) header(root *definition) (*definition, error) {
	line := d.t.line
	d.advance()
	array := d.t.kind == '['
	if array {
		d.advance()
	}
	name, err := d.key(']')
	if err != nil {
		return nil, err
	}
	d.advance()
	if array {
		d.advance()
	}
	table := root
	for i, part := range name[:len(name)-1] {
		down := table.below[part]
		switch {
		case down == nil:
			down = newTable(bySuper, line)
			table.below[part] = down
		case down.origin == byValue:
			return nil, again(line, name[:i+1], down)
		}
		table = down
	}
	last := name[len(name)-1]
	old := table.below[last]
	switch {
	case old == nil && array:
		table.below[last] = newTable(byArray, line)
	case old == nil:
		table.below[last] = newTable(byHeader, line)
	case array && old.origin == byArray: // a new element
		old.below = map[string]*definition{}
	case !array && old.origin == bySuper:
		old.origin, old.line = byHeader, line
	default:
		return nil, again(line, name, old)
	}
	return table.below[last], nil
}

// pair reads key = value into a table.
func (d *definitions) pair(table *definition) error {
	line := d.t.line
	name, err := d.key('=')
	if err != nil {
		return err
	}
	for i, part := range name[:len(name)-1] {
		down := table.below[part]
		switch {
		case down == nil:
			down = newTable(byDots, line)
			table.below[part] = down
		case down.origin != byDots:
			return again(line, name[:i+1], down)
		}
		table = down
	}
	last := name[len(name)-1]
	if old := table.below[last]; old != nil {
		return again(line, name, old)
	}
	table.below[last] = &definition{origin: byValue, line: line}
	return d.value()
}

func again(line int, name []string, old *definition) error {
	return &Error{line, fmt.Sprintf("%s is defined again: on line %d it is %s", shorten(strings.Join(name, ".")), old.line, originText[old.origin])}
}

// key reads the parts of a key up to a delimiter, which is taken as well.
func (d *definitions) key(end byte) (parts []string, err error) {
	for ; d.ok && d.t.kind != end; d.advance() {
		switch d.t.kind {
		case basic:
			s, err := strconv.Unquote(string(d.t.text)) // knows all the escapes of TOML 1.0
			if err != nil {
				return nil, &Error{d.t.line, "a quoted key cannot be read"}
			}
			parts = append(parts, s)
		case literal:
			parts = append(parts, string(d.t.text[1:len(d.t.text)-1]))
		default:
			for part := range bytes.SplitSeq(d.t.text, []byte(".")) {
				if len(part) > 0 {
					parts = append(parts, string(part))
				}
			}
		}
	}
	if len(parts) == 0 {
		return nil, &Error{max(d.t.line, 1), "a key cannot be read"}
	}
	d.advance()
	return parts, nil
}

// value reads what follows an equals sign or stands in an array. The depth of
// the recursion is at most [MaxNesting].
func (d *definitions) value() error {
	switch d.t.kind {
	case '[':
		return d.array()
	case '{':
		return d.inline()
	}
	for d.ok && d.t.kind != '\n' && d.t.kind != ',' && d.t.kind != ']' && d.t.kind != '}' {
		d.advance() // a date and its time are two words
	}
	return nil
}

func (d *definitions) array() error {
	d.advance()
	for d.ok && d.t.kind != ']' {
		if d.t.kind == '\n' || d.t.kind == ',' {
			d.advance()
			continue
		}
		if d.t.kind == '}' {
			return &Error{d.t.line, "found a brace in an array, expected a value"}
		}
		if err := d.value(); err != nil {
			return err
		}
	}
	d.advance()
	return nil
}

func (d *definitions) inline() error {
	table := newTable(byHeader, d.t.line)
	d.advance()
	for d.ok && d.t.kind != '}' {
		if d.t.kind == ',' {
			d.advance()
			continue
		}
		if err := d.pair(table); err != nil {
			return err
		}
	}
	d.advance()
	return nil
}

// yearZero matches a date of a year that RFC 3339 has and Python's datetime has
// not: the servers in the field refuse the file.
var yearZero = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^0000-\d\d-\d\d`) })

// offset matches the offset at the end of a time (RFC 3339, section 5.6).
var offset = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\d[+-](\d\d):(\d\d)$`) })

// offsetInRange reports whether the offset of a time, if there is one, is one
// that RFC 3339 knows; package time takes 24 hours and 60 minutes, too.
func offsetInRange(word []byte) bool {
	m := offset().FindSubmatch(word)
	return m == nil || string(m[1]) <= "23" && string(m[2]) <= "59"
}
