package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// schemaVersion is the number that every JSON document of the command begins
// with. It grows when a field is renamed, removed or changes its meaning;
// fields may be added without notice.
const schemaVersion = 1

// document is the head of every JSON output.
type document struct {
	Schema int    `json:"schema"`
	Type   string `json:"type"`
}

func newDocument(kind string) document { return document{schemaVersion, kind} }

// emit prints a JSON document on standard output, which has nothing else.
func (c *call) emit(v any) error {
	data, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = c.out.Write(data)
	return err
}

// jsonList is a list of a document that may be long: its elements are encoded and
// printed one at a time.
type jsonList struct {
	name     string // of the field
	elements iter.Seq[any]
}

// emitLists is emit for a document with long lists, which are empty in v. Whoever
// reads it cannot tell the difference.
func (c *call) emitLists(v any, lists ...jsonList) error {
	data, err := encodeJSON(v)
	if err != nil {
		return err
	}
	for _, list := range lists {
		// The field has a line of its own, and in a string no line ends.
		empty := []byte(`"` + list.name + `": []`)
		i := bytes.Index(data, empty)
		if i < 0 {
			return fmt.Errorf("the document has no empty list %q", list.name)
		}
		begin := bytes.LastIndexByte(data[:i], '\n') + 1
		indent := string(data[begin:i])
		if strings.Trim(indent, " ") != "" {
			return fmt.Errorf("the list %q of the document has no line of its own", list.name)
		}
		end := i + len(empty) - 1 // of the "["
		if _, err := c.out.Write(data[:end]); err != nil {
			return err
		}
		data = data[end:]
		before := "\n"
		for element := range list.elements {
			encoded, err := encodeJSONIn(indent+"  ", element)
			if err != nil {
				return err
			}
			line := slices.Concat([]byte(before+indent+"  "), bytes.TrimSuffix(encoded, []byte("\n")))
			if _, err := c.out.Write(line); err != nil {
				return err
			}
			before = ",\n"
		}
		if before == ",\n" {
			data = slices.Concat([]byte("\n"+indent), data)
		}
	}
	_, err = c.out.Write(data)
	return err
}

// encodeJSON writes JSON in which every character that is not printable is
// escaped, so that it can be looked at in a terminal.
func encodeJSON(v any) ([]byte, error) { return encodeJSONIn("", v) }

// encodeJSONIn is encodeJSON for a part of a document: all lines but the first are
// indented.
func encodeJSONIn(indent string, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent(indent, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	data := b.Bytes()
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		// Outside of strings everything is ASCII, and in them the encoder has
		// escaped the controls below U+0020.
		case r == '\n' || printable(r) && r != utf8.RuneError:
			out = append(out, data[i:i+size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out, nil
}

// rfc3339 is how times are written.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// day is a date for people.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// JSON forms of what several commands show.

type nodeJSON struct {
	Type string `json:"type"`
	Unit string `json:"unit"`
	ID   string `json:"id"`
}

func nodeOf(i certs.Identity) *nodeJSON {
	if i.IsZero() {
		return nil
	}
	return &nodeJSON{i.Type().String(), i.Type().Unit(), i.ID()}
}

// subnetJSON has both ends of the range twice: numbers of 64 bits do not
// survive in every JSON reader, so they are strings.
type subnetJSON struct {
	Hex         string `json:"hex"`
	FirstSigned string `json:"firstSigned"`
	LastSigned  string `json:"lastSigned"`
	FirstHex    string `json:"firstHex"`
	LastHex     string `json:"lastHex"`
}

func subnetOf(s certs.Subnet) *subnetJSON {
	if s.IsZero() {
		return nil
	}
	first, last := s.Signed()
	ufirst, ulast := s.Unsigned()
	return &subnetJSON{s.String(), fmt.Sprint(first), fmt.Sprint(last), fmt.Sprintf("%016x", ufirst), fmt.Sprintf("%016x", ulast)}
}

type planJSON struct {
	Title   string       `json:"title"`
	Nothing bool         `json:"nothing"`
	Facts   []factJSON   `json:"facts"`
	Notes   []string     `json:"notes"`
	Changes []changeJSON `json:"changes"`
}

type factJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type changeJSON struct {
	Action string `json:"action"`
	Path   string `json:"path"`
	Mode   string `json:"mode,omitempty"`
}

func planOf(p *nodedir.Plan) *planJSON {
	if p == nil {
		return nil
	}
	out := &planJSON{Title: p.Title, Nothing: p.Nothing, Facts: []factJSON{}, Notes: append([]string{}, p.Notes...), Changes: []changeJSON{}}
	for _, f := range p.Facts {
		out.Facts = append(out.Facts, factJSON(f))
	}
	for _, ch := range p.Changes {
		j := changeJSON{Action: ch.Action, Path: ch.Path}
		if ch.Mode != 0 {
			j.Mode = fmt.Sprintf("%04o", ch.Mode.Perm())
		}
		out.Changes = append(out.Changes, j)
	}
	return out
}

// showPlan is the result of a dry run.
func (c *call) showPlan(p *nodedir.Plan) error {
	if !c.text() {
		return c.emit(struct {
			document
			DryRun bool      `json:"dryRun"`
			Plan   *planJSON `json:"plan"`
		}{newDocument("plan"), true, planOf(p)})
	}
	c.printPlan(c.out, p, true)
	return nil
}

// printPlan prints a plan for people.
func (c *call) printPlan(p *printer, plan *nodedir.Plan, dry bool) {
	if plan == nil {
		return
	}
	if plan.Nothing {
		p.printf("%s: nothing to do\n", plan.Title)
		c.printNotes(p, plan)
		return
	}
	p.printf("%s\n", raw(p.paint(strong, safe(capitalised(plan.Title)))))
	width := 0
	for _, f := range plan.Facts {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	for _, f := range plan.Facts {
		p.printf("  %-*s  %s\n", width, f.Name, f.Value)
	}
	c.printNotes(p, plan)
	if len(plan.Changes) > 0 {
		verb := "writes"
		if dry {
			verb = "would write"
		}
		p.printf("  %s:\n", verb)
		for _, ch := range plan.Changes {
			p.printf("    %-12s  %s\n", ch.Action, ch.Path)
		}
	}
	if dry {
		p.printf("Nothing was changed (--dry-run).\n")
	}
}

func (c *call) printNotes(p *printer, plan *nodedir.Plan) {
	for _, note := range plan.Notes {
		p.printf("  %s %s\n", raw(p.paint(warned, "note:")), note)
	}
}
