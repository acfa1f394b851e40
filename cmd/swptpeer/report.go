package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle/batch"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Verdicts. What is printed here was decided elsewhere: the verdict of an item
// is its report's, and the report lists everything that was looked at.

// verdictFormats are those of the verify family.
var verdictFormats = []string{"text", "json", "junit", "github", "sarif"}

// verdictFlags are those of the verify family.
func verdictFlags() []cli.Flag {
	return flags(
		&cli.BoolFlag{Name: "strict", Usage: "a warning is a failure"},
		&cli.StringFlag{Name: "policy", Usage: "judge by the policy in `FILE` (swptpeer.toml), too"},
		&cli.StringSliceFlag{Name: "waive", Usage: "accept breaches of a rule, as `RULE=REASON`; they stay in the report"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "list the checks that passed, too"},
		formatFlag(verdictFormats...), quietFlag(), noColorFlag())
}

// item is one thing that was judged.
type item struct {
	name   string
	report *check.Report // nil if it could not be judged at all
	err    error         // why not
	sha256 *[32]byte     // of the file, if it is one
	bundle *batch.Result // of an info-bundle
	// packed is the report of one of many, instead of report.
	packed *check.Packed
}

func (it item) ok(strict bool) bool {
	switch {
	case it.err != nil:
		return false
	case it.packed != nil:
		return it.packed.OK(strict)
	}
	return it.report != nil && it.report.OK(strict)
}

// whole yields the items with their reports, which are unpacked one at a time.
func whole(items []item) iter.Seq[item] {
	return func(yield func(item) bool) {
		for _, it := range items {
			if it.packed != nil {
				it.report = it.packed.Report()
			}
			if !yield(it) {
				return
			}
		}
	}
}

// digest is the SHA-256 of the item's file in hex, or "".
func (it item) digest() string {
	if it.sha256 == nil {
		return ""
	}
	return hex.EncodeToString(it.sha256[:])
}

// verdict prints the items in the format asked for, and returns what the
// command ends with.
func (c *call) verdict(kind string, items []item) error {
	by, err := c.criteria()
	if err != nil {
		return err
	}
	return c.verdictBy(by, kind, items)
}

// verdictBy is verdict for who needed the criteria before.
func (c *call) verdictBy(by *criteria, kind string, items []item) error {
	return c.printVerdict(by, kind, by.apply(items))
}

// showsPassed reports whether the verdict lists the checks that passed.
func (c *call) showsPassed() bool {
	switch c.format {
	case "json", "junit":
		return true
	case "github", "sarif":
		return false
	}
	return c.cli.Bool("verbose")
}

// printVerdict is verdictBy for items that the waivers were applied to.
func (c *call) printVerdict(by *criteria, kind string, items []item) error {
	strict := by.strict
	var err error
	switch c.format {
	case "json":
		err = c.emitItems(kind, items, strict)
	case "junit":
		err = writeJUnit(c.out, kind, items, strict)
	case "github":
		err = writeGitHub(c.out, kind, items, strict)
	case "sarif":
		err = c.emitSARIF(items, strict)
	default:
		c.textReport(items, strict)
	}
	if err != nil {
		return err
	}
	return verdictError(items, strict, !c.text())
}

// counts is how many items became what.
type counts struct {
	Items      int `json:"items"`
	Accepted   int `json:"accepted"`
	Refused    int `json:"refused"`
	Unreadable int `json:"unreadable"`
}

func count(items []item, strict bool) counts {
	n := counts{Items: len(items)}
	for _, it := range items {
		switch {
		case it.err != nil:
			n.Unreadable++
		case it.ok(strict):
			n.Accepted++
		default:
			n.Refused++
		}
	}
	return n
}

// String is for people: "1 of 3 items accepted, 1 refused, 1 could not be read".
func (n counts) String() string {
	s := fmt.Sprintf("%d of %s accepted", n.Accepted, plural(n.Items, "item"))
	if n.Refused > 0 {
		s += fmt.Sprintf(", %d refused", n.Refused)
	}
	if n.Unreadable > 0 {
		s += fmt.Sprintf(", %d could not be read", n.Unreadable)
	}
	return s
}

// verdictError is nil if every item is accepted. say is whether a refusal is
// also said on standard error, because standard output is for a machine.
func verdictError(items []item, strict, say bool) error {
	var failed severalErrors
	for _, it := range items {
		switch {
		case it.err != nil:
			// The message names the item already: it comes from a file's path.
			failed = append(failed, it.err)
		case !it.ok(strict):
			r := &reported{}
			if say {
				r.summary = it.name + ": refused"
			}
			failed = append(failed, r)
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	return failed
}

// textReport prints for people.
func (c *call) textReport(items []item, strict bool) {
	for it := range whole(items) {
		if it.report == nil {
			continue
		}
		c.printReport(c.out, it, strict, c.cli.Bool("verbose"))
	}
	if len(items) > 1 && !c.quiet {
		c.out.printf("%s\n", count(items, strict))
	}
}

// printReport prints one report: the verdict, then what did not pass.
func (c *call) printReport(p *printer, it item, strict, verbose bool) {
	r, ok := it.report, it.ok(strict)
	if ok && c.quiet && len(r.Failed(check.Warning)) == 0 {
		return
	}
	word := p.paint(good, "accepted")
	if !ok {
		word = p.paint(bad, "refused")
	}
	p.printf("%s: %s (%s)\n", raw(p.paint(strong, safe(cmp.Or(it.name, r.Subject)))), raw(word), tally(r))
	if it.bundle != nil && !it.bundle.Node.IsZero() {
		p.printf("  %s, updated at %s\n", it.bundle.Node, it.bundle.UpdatedAt)
	}
	if d := it.digest(); d != "" {
		p.printf("  SHA-256 %s\n", d)
	}
	var skipped []check.Result
	for _, res := range r.Results {
		switch {
		case c.quiet && (res.Rule.Severity == check.Notice || res.Outcome == check.Skipped && res.Rule.Severity != check.Error):
		case res.Outcome == check.Skipped && !verbose:
			skipped = append(skipped, res)
		case res.Outcome != check.Passed || verbose:
			printResult(p, res)
		}
	}
	if !c.quiet || !explained(r) {
		printSkipped(p, skipped)
	}
}

// tally counts the outcomes.
func tally(r *check.Report) string {
	n := map[check.Outcome]int{check.Passed: r.Omitted}
	for _, res := range r.Results {
		n[res.Outcome]++
	}
	parts := []string{plural(n[check.Passed], "check") + " passed"}
	for _, s := range []struct {
		severity check.Severity
		word     string
	}{{check.Error, "error"}, {check.Warning, "warning"}, {check.Notice, "notice"}} {
		if failed := len(r.Failed(s.severity)); failed > 0 {
			parts = append(parts, plural(failed, s.word))
		}
	}
	if n[check.Waived] > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", n[check.Waived]))
	}
	if n[check.Skipped] > 0 {
		parts = append(parts, fmt.Sprintf("%d not checked", n[check.Skipped]))
	}
	return strings.Join(parts, ", ")
}

// printSkipped prints what could not be checked, by the reason why not: one
// breach may keep a hundred rules from being checked.
func printSkipped(p *printer, skipped []check.Result) {
	var reasons []string
	rules := map[string][]string{}
	for _, res := range skipped {
		if rules[res.Found] == nil {
			reasons = append(reasons, res.Found)
		}
		if !slices.Contains(rules[res.Found], res.Rule.ID) {
			rules[res.Found] = append(rules[res.Found], res.Rule.ID)
		}
	}
	for _, reason := range reasons {
		p.printf("  %s (%s)\n", raw(p.paint(bad, "not checked")), plural(len(rules[reason]), "rule"))
		printLine(p, "because", reason)
		p.printf("      %-9s %s\n", raw("rules"), raw(wrap(strings.Join(rules[reason], ", "), pageWidth, 16)))
	}
}

// printLine prints one part of a result.
func printLine(p *printer, label, text string) {
	if text != "" {
		p.printf("      %-9s %s\n", raw(label), raw(wrap(safe(text), pageWidth, 16)))
	}
}

func printResult(p *printer, res check.Result) {
	word, st := "pass", good
	switch {
	case res.Outcome == check.Skipped:
		word, st = "not checked", faint
		if res.Rule.Severity == check.Error {
			st = bad
		}
	case res.Outcome == check.Waived:
		word, st = "waived "+res.Rule.Severity.String(), faint
	case res.Outcome == check.Failed && res.Rule.Severity == check.Error:
		word, st = "error", bad
	case res.Outcome == check.Failed && res.Rule.Severity == check.Warning:
		word, st = "warning", warned
	case res.Outcome == check.Failed:
		word, st = "notice", faint
	}
	where := ""
	if res.Where != "" {
		where = " " + safe(res.Where)
	}
	p.printf("  %s [%s]%s\n", raw(p.paint(st, word)), res.Rule.ID, raw(where))
	line := func(label, text string) { printLine(p, label, text) }
	switch res.Outcome {
	case check.Passed:
		line("", res.Found)
	case check.Skipped:
		line("because", res.Found)
	case check.Failed, check.Waived:
		line("rule", res.Rule.Title)
		line("found", res.Found)
		line("expected", res.Expected)
		line("to do", res.Advice)
		line("waived", res.Waiver)
	}
}

// printFailure prints the report inside a failure of a changing command, and
// says whether there was one.
func (a *app) printFailure(err error) bool {
	failure, ok := errors.AsType[*check.Failure](err)
	if !ok || failure.Report == nil {
		return false
	}
	r := failure.Report
	subject := r.Subject
	if subject == "" {
		subject = "refused"
	}
	what := "not everything could be checked"
	if n := len(r.Failed(check.Error)); n > 0 {
		what = fmt.Sprintf("%s of %d failed", plural(n, "check"), len(r.Results)+r.Omitted)
	}
	a.err.errorLine(a.unlessRecovered(subject + ": " + what + "; nothing was changed"))
	var skipped []check.Result
	for _, res := range r.Results {
		switch {
		case res.Rule.Severity != check.Error:
		case res.Outcome == check.Skipped:
			skipped = append(skipped, res)
		case res.Outcome == check.Failed:
			printResult(a.err, res)
		}
	}
	printSkipped(a.err, skipped)
	return true
}
