package strictzip

import (
	"fmt"
	"strconv"

	"github.com/swaptacular/swptpeer/certs/check"
)

// A recorder collects the breaches of each rule and turns them into a report
// with every rule in it: each breach up to [maxResults], one pass, or one skip.
type recorder struct {
	rules map[*check.Rule]*ruleState
	// stopped says why the checks that were not made were not made.
	stopped string
}

type ruleState struct {
	checked  bool
	failures []check.Result
	more     int // failures that are only counted
}

func newRecorder() *recorder {
	return &recorder{rules: make(map[*check.Rule]*ruleState, len(allRules))}
}

func (rec *recorder) state(rule *check.Rule) *ruleState {
	st := rec.rules[rule]
	if st == nil {
		st = new(ruleState)
		rec.rules[rule] = st
	}
	return st
}

// checked notes that the rules were applied to everything they apply to.
func (rec *recorder) checked(rules ...*check.Rule) {
	for _, rule := range rules {
		rec.state(rule).checked = true
	}
}

func (rec *recorder) fail(rule *check.Rule, where, found, expected string) {
	st := rec.state(rule)
	if len(st.failures) == maxResults {
		st.more++
		return
	}
	st.failures = append(st.failures, check.Result{Where: where, Found: found, Expected: expected})
}

// failed reports whether any of the rules has a breach.
func (rec *recorder) failed(rules ...*check.Rule) bool {
	for _, rule := range rules {
		if st := rec.rules[rule]; st != nil && len(st.failures) > 0 {
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
	for _, rule := range allRules {
		st := rec.rules[rule]
		switch {
		case st != nil && len(st.failures) > 0:
			for _, f := range st.failures {
				rep.Fail(rule, f.Where, f.Found, f.Expected)
			}
			if st.more > 0 {
				rep.Fail(rule, "", fmt.Sprintf("%d more breaches of this rule", st.more), st.failures[0].Expected)
			}
		case st != nil && st.checked:
			rep.Pass(rule, "", "")
		default:
			rep.Skip(rule, "", rec.stopped)
		}
	}
	return rep
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
