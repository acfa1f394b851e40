// Package check is how every verdict in this module is reported.
//
// A requirement is a [Rule]: an id that never changes, how severe a breach is,
// where the requirement comes from and what to do about a breach. The function
// that enforces a rule adds a [Result] to a [Report]: passed, failed or
// skipped, with what was found and what was expected. Who judges may waive a
// breach, with a reason; it stays in the report. A report lists everything
// that was looked at; the verdict ([Report.Err], [Report.OK]) is derived from
// it and from nothing else, so a check that did not run cannot pass.
//
// The package neither prints nor decides what a rule demands.
package check

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says what a breach of a rule means, in the terms of RFC 2119.
type Severity uint8

// The zero Severity is not valid, so that a rule without one is noticed.
const (
	// Error: a MUST; the verdict is "refused".
	Error Severity = iota + 1
	// Warning: a SHOULD; the verdict is "accepted", or "refused" when strict.
	Warning
	// Notice: good practice or something worth knowing; never a verdict.
	Notice
)

// String returns "error", "warning" or "notice".
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Notice:
		return "notice"
	}
	return fmt.Sprintf("Severity(%d)", uint8(s))
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) {
	if s < Error || s > Notice {
		return nil, fmt.Errorf("check: invalid severity %d", uint8(s))
	}
	return []byte(s.String()), nil
}

// Rule is one requirement. Rules are data: packages declare them in one table
// and refer to them by variable, never by a string typed twice.
type Rule struct {
	// ID is stable across versions, for example "root.basic-constraints".
	ID string `json:"id"`
	// Severity of a breach.
	Severity Severity `json:"severity"`
	// Title is the requirement in one line, as a statement that holds when
	// the rule passes: "the root certificate is signed with its own key".
	Title string `json:"title"`
	// Citation is the document and section that demand it.
	Citation string `json:"citation"`
	// Advice is what a person should do about a breach.
	Advice string `json:"advice"`
}

// Outcome of one rule on one thing.
type Outcome uint8

// The zero Outcome is not valid.
const (
	Passed Outcome = iota + 1
	Failed
	Skipped
	// Waived: failed, and accepted by somebody who gave a reason (see
	// [Report.Waive]).
	Waived
)

// String returns "passed", "failed", "skipped" or "waived".
func (o Outcome) String() string {
	switch o {
	case Passed:
		return "passed"
	case Failed:
		return "failed"
	case Skipped:
		return "skipped"
	case Waived:
		return "waived"
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) {
	if o < Passed || o > Waived {
		return nil, fmt.Errorf("check: invalid outcome %d", uint8(o))
	}
	return []byte(o.String()), nil
}

// Result is the outcome of one rule on one thing.
//
// Found, Expected and Where may quote text that came from strangers. They are
// not escaped here; whoever prints them must escape them for the medium.
type Result struct {
	Rule     *Rule
	Outcome  Outcome
	Where    string // the file, member, field or line that was looked at
	Found    string // what was there; for Skipped, why the check could not run
	Expected string // what the rule wants; only for Failed and Waived
	Advice   string // what to do; the rule's own advice unless more is known
	Waiver   string // why the breach is accepted; only for Waived
}

// Report lists every check of one subject, in the order they were made. The
// zero Report is empty and ready to use; an empty report is not a pass (see
// [Report.Err]).
type Report struct {
	// Subject is what was judged: a file name, a peer, a directory.
	Subject string
	Results []Result
	// Omitted is how many results that passed are not in Results any more (see
	// [Report.Compact]).
	Omitted int
}

// Pass records that rule holds for where; found says what was seen and may be
// empty.
func (r *Report) Pass(rule *Rule, where, found string) {
	r.add(Result{Rule: rule, Outcome: Passed, Where: where, Found: found})
}

// Fail records a breach.
func (r *Report) Fail(rule *Rule, where, found, expected string) {
	r.add(Result{Rule: rule, Outcome: Failed, Where: where, Found: found, Expected: expected, Advice: rule.Advice})
}

// FailAdvice is Fail with advice that is better than the rule's own.
func (r *Report) FailAdvice(rule *Rule, where, found, expected, advice string) {
	r.add(Result{Rule: rule, Outcome: Failed, Where: where, Found: found, Expected: expected, Advice: advice})
}

// Skip records that rule could not be checked, and why.
func (r *Report) Skip(rule *Rule, where, why string) {
	r.add(Result{Rule: rule, Outcome: Skipped, Where: where, Found: why})
}

// Check records a pass if ok, a failure otherwise, and returns ok.
func (r *Report) Check(ok bool, rule *Rule, where, found, expected string) bool {
	if ok {
		r.Pass(rule, where, found)
	} else {
		r.Fail(rule, where, found, expected)
	}
	return ok
}

func (r *Report) add(res Result) {
	if res.Rule == nil {
		panic("check: result without a rule")
	}
	r.Results = append(r.Results, res)
}

// Append adds the results of other, prefixing their Where with prefix and ": "
// if prefix is not empty.
func (r *Report) Append(prefix string, other *Report) {
	r.Omitted += other.Omitted
	r.Results = slices.Grow(r.Results, len(other.Results))
	for _, res := range other.Results {
		if prefix != "" {
			if res.Where == "" {
				res.Where = prefix
			} else {
				res.Where = prefix + ": " + res.Where
			}
		}
		r.add(res)
	}
}

// Compact forgets the results that passed, but for their number: for who has
// thousands of reports and shows the breaches. The verdict stays the same.
func (r *Report) Compact() {
	var rest []Result
	for _, res := range r.Results {
		if res.Outcome == Passed {
			r.Omitted++
		} else {
			rest = append(rest, res)
		}
	}
	r.Results = rest
}

// Waive accepts every breach of the rule with this id: the results stay in the
// report, as Waived and with the reason, and no longer count against the
// verdict. What could not be checked is not waived, because nobody knows what
// it would be. Waive returns how many results it changed. A waiver without a
// reason is a mistake of the program.
func (r *Report) Waive(id, reason string) int {
	if reason == "" {
		panic("check: waiver without a reason")
	}
	n := 0
	for i := range r.Results {
		if res := &r.Results[i]; res.Rule.ID == id && res.Outcome == Failed {
			res.Outcome, res.Waiver = Waived, reason
			n++
		}
	}
	return n
}

// Failed returns the breaches of the given severity that are not waived.
func (r *Report) Failed(s Severity) []Result {
	var out []Result
	for _, res := range r.Results {
		if res.Outcome == Failed && res.Rule.Severity == s {
			out = append(out, res)
		}
	}
	return out
}

// Has reports whether the rule with this id has a result with this outcome.
func (r *Report) Has(id string, o Outcome) bool {
	for _, res := range r.Results {
		if res.Rule.ID == id && res.Outcome == o {
			return true
		}
	}
	return false
}

// OK is the verdict. It is false for a report without any result, if an Error
// rule failed and is not waived, if an Error rule was skipped, or, when strict,
// if a Warning rule failed and is not waived. A check that is skipped because it
// does not apply must not be recorded at all, or with a rule that is not an
// Error.
func (r *Report) OK(strict bool) bool {
	if len(r.Results)+r.Omitted == 0 {
		return false
	}
	for _, res := range r.Results {
		switch {
		case res.Rule.Severity == Error && res.Outcome != Passed && res.Outcome != Waived:
			return false
		case strict && res.Rule.Severity == Warning && res.Outcome == Failed:
			return false
		}
	}
	return true
}

// Err returns nil if OK(false), and otherwise a *[Failure] that carries the
// report.
func (r *Report) Err() error {
	if r.OK(false) {
		return nil
	}
	return &Failure{Report: r}
}

// Failure is the error of a report whose verdict is "refused".
type Failure struct {
	Report *Report
}

// Error lists the failed checks, one after the other.
func (f *Failure) Error() string {
	failed := f.Report.Failed(Error)
	var b strings.Builder
	if f.Report.Subject != "" {
		fmt.Fprintf(&b, "%s: ", f.Report.Subject)
	}
	if len(failed) == 0 {
		b.WriteString("not everything could be checked")
		return b.String()
	}
	for i, res := range failed {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(res.String())
	}
	return b.String()
}

// String is the result on one line: id, where, found, expected.
func (res Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s]", res.Rule.ID)
	if res.Where != "" {
		fmt.Fprintf(&b, " %s:", res.Where)
	}
	switch {
	case res.Found != "" && res.Expected != "":
		fmt.Fprintf(&b, " found %s, expected %s", res.Found, res.Expected)
	case res.Found != "":
		fmt.Fprintf(&b, " %s", res.Found)
	case res.Expected != "":
		fmt.Fprintf(&b, " expected %s", res.Expected)
	default:
		fmt.Fprintf(&b, " %s", res.Outcome)
	}
	return b.String()
}
