package main

import (
	"bufio"
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

func writeJUnit(w io.Writer, kind string, items []item, strict bool) error {
	return writeSuites(w, programName+" "+kind, func(yield func(junitSuite) bool) {
		for it := range whole(items) {
			if !yield(suiteOf(it, strict)) {
				return
			}
		}
	})
}

func suiteOf(it item, strict bool) junitSuite {
	suite := junitSuite{name: safe(it.name)}
	if d := it.digest(); d != "" {
		suite.property = junitProperty{"sha256", d}
	}
	if it.err != nil {
		suite.cases = append(suite.cases, junitCase{class: suite.name, name: "read", err: &junitMessage{"read", safe(it.err.Error())}})
	}
	if it.report == nil {
		return suite
	}
	explained := explained(it.report)
	for _, res := range it.report.Results {
		cs := junitCase{class: suite.name, name: res.Rule.ID}
		switch {
		case fails(res, strict) && !(res.Outcome == check.Skipped && explained):
			cs.failure = &junitMessage{res.Rule.Severity.String(), safe(res.Rule.Title) + ": " + resultText(res)}
		case res.Outcome == check.Skipped, res.Outcome == check.Waived:
			cs.skipped = &junitMessage{"", res.Outcome.String() + ": " + resultText(res)}
		case res.Outcome == check.Failed:
			cs.systemOut = res.Rule.Severity.String() + ": " + resultText(res)
		}
		suite.cases = append(suite.cases, cs)
	}
	return suite
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
	out := bufio.NewWriterSize(w, 1<<16)
	line := func(level, file, title, text string) {
		properties := "title=" + githubProperty.Replace(safe(title))
		if file != "" {
			properties = "file=" + githubProperty.Replace(safe(file)) + "," + properties
		}
		fmt.Fprintf(out, "::%s %s::%s\n", level, properties, githubData.Replace(text))
	}
	for it := range whole(items) {
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
	return out.Flush()
}
