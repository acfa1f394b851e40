package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// JUnit: a suite for each item, a case for each check. The few elements are
// written here one by one; the encoder of encoding/xml would write the same
// (TestJUnitIsEncodingXMLs), and make the command 90 kB larger.

type junitSuites struct {
	name   string
	suites []junitSuite
}

type junitSuite struct {
	name            string
	time, timestamp string // seconds, and when it began; "" where nothing is timed
	property        junitProperty
	cases           []junitCase
}

// junitProperty is none if it has no name.
type junitProperty struct{ name, value string }

type junitCase struct {
	class, name string
	time        string // seconds; "" where nothing is timed
	// At most one of these is there.
	failure, err, skipped *junitMessage
	systemOut             string
}

// junitMessage says its text twice: some readers show the attribute, some the
// content.
type junitMessage struct{ kind, text string }

// junitCounts is what readers want to know before they read on.
type junitCounts struct{ tests, failures, errors, skipped int }

func (s *junitSuite) counts() (n junitCounts) {
	for _, c := range s.cases {
		n.tests++
		switch {
		case c.failure != nil:
			n.failures++
		case c.err != nil:
			n.errors++
		case c.skipped != nil:
			n.skipped++
		}
	}
	return n
}

func (n *junitCounts) add(m junitCounts) {
	n.tests += m.tests
	n.failures += m.failures
	n.errors += m.errors
	n.skipped += m.skipped
}

// write writes the document.
func (s *junitSuites) write(w io.Writer) error {
	return writeSuites(w, s.name, slices.Values(s.suites))
}

// writeSuites writes the document of suites that are made when they are written, and
// once before, to count: it begins with the numbers of all.
func writeSuites(w io.Writer, name string, suites iter.Seq[junitSuite]) error {
	var total junitCounts
	for suite := range suites {
		total.add(suite.counts())
	}
	x := &xmlWriter{}
	x.b.WriteString(strings.TrimSuffix(xml.Header, "\n"))
	x.open("testsuites", append([]xmlAttr{{"name", name}}, total.attrs()...)...)
	for suite := range suites {
		x.suite(&suite)
		if _, err := w.Write(x.b.Bytes()); err != nil {
			return err
		}
		x.b.Reset()
	}
	x.close("testsuites")
	x.b.WriteByte('\n')
	_, err := w.Write(x.b.Bytes())
	return err
}

func (n junitCounts) attrs() []xmlAttr {
	return []xmlAttr{
		{"tests", strconv.Itoa(n.tests)}, {"failures", strconv.Itoa(n.failures)},
		{"errors", strconv.Itoa(n.errors)}, {"skipped", strconv.Itoa(n.skipped)},
	}
}

func (x *xmlWriter) suite(s *junitSuite) {
	attrs := append([]xmlAttr{{"name", s.name}}, s.counts().attrs()...)
	if s.time != "" {
		attrs = append(attrs, xmlAttr{"time", s.time}, xmlAttr{"timestamp", s.timestamp})
	}
	x.open("testsuite", attrs...)
	if s.property.name == "" {
		x.leaf("properties", "")
	} else {
		x.open("properties")
		x.leaf("property", "", xmlAttr{"name", s.property.name}, xmlAttr{"value", s.property.value})
		x.close("properties")
	}
	for i := range s.cases {
		c := &s.cases[i]
		attrs := []xmlAttr{{"classname", c.class}, {"name", c.name}}
		if c.time != "" {
			attrs = append(attrs, xmlAttr{"time", c.time})
		}
		if c.failure == nil && c.err == nil && c.skipped == nil && c.systemOut == "" {
			x.leaf("testcase", "", attrs...)
			continue
		}
		x.open("testcase", attrs...)
		x.message("failure", c.failure)
		x.message("error", c.err)
		x.message("skipped", c.skipped)
		if c.systemOut != "" {
			x.leaf("system-out", c.systemOut)
		}
		x.close("testcase")
	}
	x.close("testsuite")
}

func (x *xmlWriter) message(element string, m *junitMessage) {
	if m == nil {
		return
	}
	attrs := []xmlAttr{{"message", m.text}}
	if m.kind != "" {
		attrs = []xmlAttr{{"type", m.kind}, {"message", m.text}}
	}
	x.leaf(element, m.text, attrs...)
}

// xmlWriter writes elements, each on a new line. Names of elements and attributes are
// ours; everything else is escaped.
type xmlWriter struct {
	b     bytes.Buffer
	depth int
}

type xmlAttr struct{ name, value string }

func (x *xmlWriter) begin(element string, attrs []xmlAttr) {
	x.line()
	x.b.WriteString("<" + element)
	for _, a := range attrs {
		x.b.WriteString(" " + a.name + `="`)
		x.text(a.value)
		x.b.WriteByte('"')
	}
	x.b.WriteByte('>')
}

func (x *xmlWriter) open(element string, attrs ...xmlAttr) {
	x.begin(element, attrs)
	x.depth++
}

func (x *xmlWriter) close(element string) {
	x.depth--
	x.line()
	x.b.WriteString("</" + element + ">")
}

// leaf is an element without others in it.
func (x *xmlWriter) leaf(element, text string, attrs ...xmlAttr) {
	x.begin(element, attrs)
	x.text(text)
	x.b.WriteString("</" + element + ">")
}

func (x *xmlWriter) line() {
	x.b.WriteByte('\n')
	for range x.depth {
		x.b.WriteString("  ")
	}
}

func (x *xmlWriter) text(s string) {
	// A bytes.Buffer takes everything: there is no error.
	_ = xml.EscapeText(&x.b, []byte(s))
}
