package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/certs/check"
)

// Verdicts for machines other than JSON readers. In all of them the text of
// strangers goes through safe first, so that it is printable on one line; then
// the format's own escaping keeps it inside its field.

// fails reports whether a result makes the item fail.
func fails(res check.Result, strict bool) bool {
	switch {
	case res.Outcome == check.Waived:
		return false
	case res.Rule.Severity == check.Error:
		return res.Outcome != check.Passed
	case res.Rule.Severity == check.Warning:
		return strict && res.Outcome == check.Failed
	}
	return false
}

// explained reports whether a report has a breach of an Error rule. What could
// not be checked besides is then no failure of its own: mostly it is a
// consequence.
func explained(r *check.Report) bool { return len(r.Failed(check.Error)) > 0 }

// resultText is a result in one line.
func resultText(res check.Result) string {
	var parts []string
	add := func(label, text string) {
		if text != "" {
			parts = append(parts, label+safe(text))
		}
	}
	add("", res.Where)
	if res.Outcome == check.Skipped {
		add("not checked: ", res.Found)
	} else {
		add("found ", res.Found)
	}
	add("expected ", res.Expected)
	add("to do: ", res.Advice)
	add("waived: ", res.Waiver)
	return strings.Join(parts, "; ")
}

// JUnit: a suite for each item, a case for each check.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class     string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	Failure   *junitMessage `xml:"failure"`
	Error     *junitMessage `xml:"error"`
	Skipped   *junitMessage `xml:"skipped"`
	SystemOut string        `xml:"system-out,omitempty"`
}

// junitMessage says the same twice: some readers show the attribute, some the
// text.
type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func newJUnitMessage(typ, text string) *junitMessage { return &junitMessage{typ, text, text} }

func writeJUnit(w io.Writer, kind string, items []item, strict bool) error {
	suites := junitSuites{Name: programName + " " + kind}
	for _, it := range items {
		suite := junitSuite{Name: safe(it.name)}
		if d := it.digest(); d != "" {
			suite.Properties = []junitProperty{{"sha256", d}}
		}
		if it.err != nil {
			suite.Errors++
			suite.Cases = append(suite.Cases, junitCase{Class: safe(it.name), Name: "read", Error: newJUnitMessage("read", safe(it.err.Error()))})
		}
		if it.report != nil {
			for _, res := range it.report.Results {
				cs := junitCase{Class: safe(it.name), Name: res.Rule.ID}
				text := resultText(res)
				switch {
				case fails(res, strict) && !(res.Outcome == check.Skipped && explained(it.report)):
					cs.Failure = newJUnitMessage(res.Rule.Severity.String(), safe(res.Rule.Title)+": "+text)
					suite.Failures++
				case res.Outcome == check.Skipped, res.Outcome == check.Waived:
					cs.Skipped = newJUnitMessage("", res.Outcome.String()+": "+text)
					suite.Skipped++
				case res.Outcome == check.Failed:
					cs.SystemOut = res.Rule.Severity.String() + ": " + text
				}
				suite.Cases = append(suite.Cases, cs)
			}
		}
		suite.Tests = len(suite.Cases)
		suites.Suites = append(suites.Suites, suite)
		suites.Tests += suite.Tests
		suites.Failures += suite.Failures
		suites.Errors += suite.Errors
		suites.Skipped += suite.Skipped
	}
	data, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

// GitHub annotations: workflow commands on standard output, one a line.

// githubData and githubProperty escape as the workflow commands demand; a line
// end or "::" in the text can then not begin a command of its own.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// writeGitHub prints a line for every breach, one for everything that could not
// be checked, and one for all items.
func writeGitHub(w io.Writer, kind string, items []item, strict bool) error {
	var out bytes.Buffer
	line := func(level, file, title, text string) {
		properties := "title=" + githubProperty.Replace(safe(title))
		if file != "" {
			properties = "file=" + githubProperty.Replace(safe(file)) + "," + properties
		}
		fmt.Fprintf(&out, "::%s %s::%s\n", level, properties, githubData.Replace(text))
	}
	for _, it := range items {
		if it.err != nil {
			line("error", it.name, "not readable", safe(it.err.Error()))
		}
		if it.report == nil {
			continue
		}
		digest := ""
		if d := it.digest(); d != "" {
			digest = "; file SHA-256 " + d
		}
		var skipped []string
		for _, res := range it.report.Results {
			level := "notice"
			switch {
			case res.Outcome == check.Skipped && res.Rule.Severity == check.Error:
				if !slices.Contains(skipped, res.Rule.ID) {
					skipped = append(skipped, res.Rule.ID)
				}
				continue
			case res.Outcome == check.Passed || res.Outcome == check.Skipped:
				continue
			case fails(res, strict):
				level = "error"
			case res.Outcome == check.Failed && res.Rule.Severity == check.Warning:
				level = "warning"
			}
			line(level, it.name, res.Rule.ID, safe(res.Rule.Title)+": "+resultText(res)+digest)
		}
		if len(skipped) > 0 {
			level := "error"
			if explained(it.report) {
				level = "notice"
			}
			line(level, it.name, "not checked", "these rules could not be checked: "+strings.Join(skipped, ", ")+digest)
		}
	}
	line("notice", "", programName+" "+kind, count(items, strict).String())
	_, err := w.Write(out.Bytes())
	return err
}
