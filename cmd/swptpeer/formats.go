package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
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

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
}

func writeJUnit(w io.Writer, kind string, items []item, strict bool) error {
	suites := junitSuites{Name: programName + " " + kind}
	for _, it := range items {
		suite := junitSuite{Name: safe(it.name)}
		if d := it.digest(); d != "" {
			suite.Properties = []junitProperty{{"sha256", d}}
		}
		if it.err != nil {
			suite.Errors++
			suite.Cases = append(suite.Cases, junitCase{Class: safe(it.name), Name: "read", Error: &junitMessage{"read", safe(it.err.Error())}})
		}
		if it.report != nil {
			for _, res := range it.report.Results {
				cs := junitCase{Class: safe(it.name), Name: res.Rule.ID}
				text := resultText(res)
				switch {
				case fails(res, strict):
					cs.Failure = &junitMessage{res.Rule.Severity.String(), text}
					suite.Failures++
				case res.Outcome == check.Skipped:
					cs.Skipped = &junitMessage{Message: text}
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

func writeGitHub(w io.Writer, items []item, strict bool) error {
	line := func(level, file, title, text string) error {
		_, err := fmt.Fprintf(w, "::%s file=%s,title=%s::%s\n", level,
			githubProperty.Replace(safe(file)), githubProperty.Replace(safe(title)), githubData.Replace(text))
		return err
	}
	for _, it := range items {
		if it.err != nil {
			if err := line("error", it.name, "not readable", safe(it.err.Error())); err != nil {
				return err
			}
		}
		if it.report == nil {
			continue
		}
		for _, res := range it.report.Results {
			level := "notice"
			switch {
			case fails(res, strict):
				level = "error"
			case res.Outcome != check.Failed:
				continue
			case res.Rule.Severity == check.Warning:
				level = "warning"
			}
			if err := line(level, it.name, res.Rule.ID, safe(res.Rule.Title)+": "+resultText(res)); err != nil {
				return err
			}
		}
	}
	return nil
}

// SARIF 2.1.0 (OASIS standard, 27 March 2020). Only what did not pass is a
// result: consumers show every result as an alert, whatever its kind.

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Artifacts   []sarifArtifact   `json:"artifacts"`
	Results     []sarifResult     `json:"results"`
	Invocations []sarifInvocation `json:"invocations"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Full  sarifText `json:"fullDescription"`
	Help  sarifText `json:"help"`
	Conf  struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
}

type sarifArtifact struct {
	Location sarifURI          `json:"location"`
	Hashes   map[string]string `json:"hashes,omitempty"`
}

type sarifURI struct {
	URI   string `json:"uri"`
	Index *int   `json:"index,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifURI `json:"artifactLocation"`
	} `json:"physicalLocation"`
	Logical []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Kind      string          `json:"kind"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

func sarifLevel(s check.Severity) string {
	switch s {
	case check.Error:
		return "error"
	case check.Warning:
		return "warning"
	}
	return "note"
}

// sarifURIOf is a file name as a URI reference.
func sarifURIOf(name string) string {
	return (&url.URL{Path: filepath.ToSlash(name)}).String()
}

func sarifReport(items []item, strict bool) sarifLog {
	var run sarifRun
	run.Tool.Driver = sarifDriver{Name: programName, Version: version(), Rules: []sarifRule{}}
	run.Artifacts = []sarifArtifact{}
	run.Results = []sarifResult{}
	invocation := sarifInvocation{Successful: true}
	ruleIndex := map[string]int{}
	for i, it := range items {
		artifact := sarifArtifact{Location: sarifURI{URI: sarifURIOf(it.name)}}
		if d := it.digest(); d != "" {
			artifact.Hashes = map[string]string{"sha-256": d}
		}
		run.Artifacts = append(run.Artifacts, artifact)
		var location sarifLocation
		location.Physical.Artifact = sarifURI{URI: sarifURIOf(it.name), Index: &i}
		if it.err != nil {
			invocation.Successful = false
			invocation.Notifications = append(invocation.Notifications, sarifNotification{
				Level: "error", Message: sarifText{safe(it.err.Error())}, Locations: []sarifLocation{location}})
		}
		if it.report == nil {
			continue
		}
		for _, res := range it.report.Results {
			failed := fails(res, strict)
			if res.Outcome != check.Failed && !failed {
				continue
			}
			index, ok := ruleIndex[res.Rule.ID]
			if !ok {
				index = len(run.Tool.Driver.Rules)
				ruleIndex[res.Rule.ID] = index
				rule := sarifRule{ID: res.Rule.ID, Short: sarifText{res.Rule.Title},
					Full: sarifText{res.Rule.Title + " (" + res.Rule.Citation + ")"}, Help: sarifText{res.Rule.Advice}}
				rule.Conf.Level = sarifLevel(res.Rule.Severity)
				run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
			}
			level := sarifLevel(res.Rule.Severity)
			if failed {
				level = "error"
			}
			here := location
			if res.Where != "" {
				here.Logical = []sarifLogical{{safe(res.Where)}}
			}
			text := resultText(res)
			if text == "" {
				text = res.Rule.Title
			}
			run.Results = append(run.Results, sarifResult{RuleID: res.Rule.ID, RuleIndex: index, Kind: "fail", Level: level,
				Message: sarifText{text}, Locations: []sarifLocation{here}})
		}
	}
	run.Invocations = []sarifInvocation{invocation}
	return sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}
}
