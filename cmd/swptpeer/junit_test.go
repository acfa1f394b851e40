package main

import (
	"bytes"
	"encoding/xml"
	"testing"
)

// junitDocument is the same document for encoding/xml.
type junitDocument struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []struct {
		Name       string `xml:"name,attr"`
		Tests      int    `xml:"tests,attr"`
		Failures   int    `xml:"failures,attr"`
		Errors     int    `xml:"errors,attr"`
		Skipped    int    `xml:"skipped,attr"`
		Time       string `xml:"time,attr,omitempty"`
		Timestamp  string `xml:"timestamp,attr,omitempty"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property,omitempty"`
		Cases []struct {
			Class     string        `xml:"classname,attr"`
			Name      string        `xml:"name,attr"`
			Time      string        `xml:"time,attr,omitempty"`
			Failure   *junitElement `xml:"failure"`
			Error     *junitElement `xml:"error"`
			Skipped   *junitElement `xml:"skipped"`
			SystemOut string        `xml:"system-out,omitempty"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitElement struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// What is written is, byte for byte, what encoding/xml writes of what it has read
// there, and every text comes back as it was.
func TestJUnitIsEncodingXMLs(t *testing.T) {
	const hostile = "</testcase>\" ' & ]]> <!-- \x00 \x1b[2J \ufffe\u2028\r\n\t é \xff"
	suites := junitSuites{name: "a " + hostile, suites: []junitSuite{
		{name: "empty"},
		{name: hostile, property: junitProperty{"sha256", hostile}, cases: []junitCase{
			{class: hostile, name: hostile},
			{class: "c", name: "failed", failure: &junitMessage{"error", hostile}},
			{class: "c", name: "unread", err: &junitMessage{"read", hostile}},
			{class: "c", name: "skipped", skipped: &junitMessage{"", hostile}},
			{class: "c", name: "said", systemOut: hostile},
		}},
		{name: "timed", time: "0.1", timestamp: "2026-11-23T00:00:00Z", cases: []junitCase{{class: "c", name: "n", time: "0.2"}}},
	}}
	var b bytes.Buffer
	if err := suites.write(&b); err != nil {
		t.Fatal(err)
	}
	var doc junitDocument
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatalf("%v: %s", err, b.Bytes())
	}
	want, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if found, want := b.String(), xml.Header+string(want)+"\n"; found != want {
		t.Errorf("found\n%s\nexpected\n%s", found, want)
	}
	if doc.Tests != 6 || doc.Failures != 1 || doc.Errors != 1 || doc.Skipped != 1 || len(doc.Suites) != 3 || len(doc.Suites[1].Cases) != 5 {
		t.Errorf("found %d tests, %d failures, %d errors, %d skipped in %d suites", doc.Tests, doc.Failures, doc.Errors, doc.Skipped, len(doc.Suites))
	}
	const read = "</testcase>\" ' & ]]> <!-- \ufffd \ufffd[2J \ufffd\u2028\r\n\t é \ufffd"
	c := doc.Suites[1].Cases
	for _, text := range []string{doc.Suites[1].Name, c[0].Class, c[0].Name, c[1].Failure.Message, c[1].Failure.Text, c[2].Error.Text, c[3].Skipped.Text, c[4].SystemOut} {
		if text != read {
			t.Errorf("found %q, expected %q", text, read)
		}
	}
}
