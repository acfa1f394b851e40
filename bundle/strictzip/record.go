package strictzip

import (
	"fmt"
	"strconv"

	"github.com/swaptacular/swptpeer/certs/check"
)

// A recorder collects the breaches of each rule and turns them into a report
// with every rule in it: each breach up to [maxResults], one pass, or one skip.
type recorder struct {
	rules []ruleState // by index of the rule
	// stopped says why the checks that were not made were not made.
	stopped string
}

type ruleState struct {
	checked  bool
	failures []check.Result
	more     int // failures that are only counted
}

func newRecorder() *recorder {
	return &recorder{rules: make([]ruleState, len(allRules))}
}

// checked notes that the rules were applied to everything they apply to.
func (rec *recorder) checked(rules ...*rule) {
	for _, r := range rules {
		rec.rules[r.index].checked = true
	}
}

// unchecked takes that back: the rules were not applied to everything.
func (rec *recorder) unchecked(rules ...*rule) {
	for _, r := range rules {
		rec.rules[r.index].checked = false
	}
}

func (rec *recorder) fail(r *rule, where, found, expected string) {
	st := &rec.rules[r.index]
	if len(st.failures) == maxResults {
		st.more++
		return
	}
	st.failures = append(st.failures, check.Result{Where: where, Found: found, Expected: expected})
}

// failed reports whether any of the rules has a breach.
func (rec *recorder) failed(rules ...*rule) bool {
	for _, r := range rules {
		if len(rec.rules[r.index].failures) > 0 {
			return true
		}
	}
	return false
}

// stop says why what was not checked so far will not be. The first reason stays.
func (rec *recorder) stop(why string) {
	if rec.stopped == "" {
		rec.stopped = why
	}
}

func (rec *recorder) report() *check.Report {
	rep := &check.Report{Results: make([]check.Result, 0, len(allRules))}
	for i, r := range allRules {
		st := &rec.rules[i]
		switch {
		case len(st.failures) > 0:
			for _, f := range st.failures {
				rep.Fail(&r.Rule, f.Where, f.Found, f.Expected)
			}
			if st.more > 0 {
				rep.Fail(&r.Rule, "", fmt.Sprintf("%d more breaches of this rule", st.more), st.failures[0].Expected)
			}
		case st.checked:
			rep.Pass(&r.Rule, "", "")
		default:
			rep.Skip(&r.Rule, "", rec.stopped)
		}
	}
	return rep
}

// A place is where a breach was found. It is put into words only when there is a breach.
type place struct {
	entry  *header // nil for the archive
	record string  // which record, if it is not the central directory
	offset int64   // of the record
}

func (p place) String() string {
	switch {
	case p.entry == nil:
		return p.record
	case p.record == "":
		return fmt.Sprintf("entry %d %s", p.entry.index, quote(p.entry.name))
	}
	return fmt.Sprintf("entry %d %s, %s at offset %d", p.entry.index, quote(p.entry.name), p.record, p.offset)
}

// maxQuoted is how many bytes of a stranger's name a report repeats.
const maxQuoted = 80

// quote makes a stranger's text fit to be shown: printable ASCII in quotes, and short.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return strconv.QuoteToASCII(s)
}
