package policy

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/swaptacular/swptpeer/certs/check"
)

const cite = "package policy, Waivers"

var (
	ruleCurrent = &check.Rule{ID: "policy.waiver-current", Severity: check.Error,
		Title:    "no waiver has ended",
		Citation: cite,
		Advice:   "mend what the waiver was for and remove it, or decide anew and set another day"}
	ruleUsed = &check.Rule{ID: "policy.waiver-used", Severity: check.Notice,
		Title:    "every waiver is for a breach that there is",
		Citation: cite,
		Advice:   "remove the waiver: what it was for has been mended, or is not among what was judged"}
)

// Rules lists the rules of this package.
func Rules() []*check.Rule { return []*check.Rule{ruleCurrent, ruleUsed} }

// NewWaiver returns a waiver of the rule with this id, which must be one of the
// given rules. The reason must be there and printable. A zero until means that
// the waiver does not end; the day before that moment is its last.
func NewWaiver(rules []*check.Rule, id, reason string, until time.Time) (Waiver, error) {
	i := slices.IndexFunc(rules, func(rule *check.Rule) bool { return rule.ID == id })
	if i < 0 {
		return Waiver{}, fmt.Errorf("rule: found %s, expected the id of a rule", quote(id))
	}
	if !Waivable(rules[i]) {
		return Waiver{}, fmt.Errorf("rule: found %s, which cannot be waived: what is judged is not to be believed without it", id)
	}
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return Waiver{}, fmt.Errorf("reason: found nothing, expected why a breach of %s is accepted", id)
	case len(reason) > maxReason:
		return Waiver{}, fmt.Errorf("reason: found %d bytes, expected at most %d", len(reason), maxReason)
	case strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return Waiver{}, fmt.Errorf("reason: found %s, expected one line of printable text", quote(reason))
	}
	return Waiver{Rule: rules[i], Reason: reason, Until: until}, nil
}

// unwaivable are the Error rules that a verdict stands on, as ids, or as the
// beginning of ids with a dot at the end.
var unwaivable = []string{
	// One reading of the bytes, and no more of them than can be judged.
	"zip.", "bundle.members", "bundle.member-size",
	// Who signed what.
	"bundle.signature", "root.single", "root.self-signed", "csr.signature", "csr.subject", "csr.public-key",
	"key.", "cert.single", "peer.subject", "peer.public-key", "peer.issuer", "peer.name-constraints", "server.issuer", "chain.",
	// Without these there is nothing to judge the rest by.
	"bundle.stomp-toml", "manifest.",
	// Who it is.
	"name.organization", "name.unit", "name.serial", "name.encoding", "name.single-valued", "trust.",
	// What was decided about waivers.
	"policy.",
}

// Waivable reports whether breaches of a rule may be accepted: every Warning and
// Notice, and those Error rules that do not have to hold for the report itself to
// be believed.
func Waivable(rule *check.Rule) bool {
	return rule.Severity != check.Error || !slices.ContainsFunc(unwaivable, func(s string) bool {
		return s == rule.ID || strings.HasSuffix(s, ".") && strings.HasPrefix(rule.ID, s)
	})
}

// Waive applies waivers, as of a moment, to reports that are complete, and
// returns a report on the waivers. One that has ended is not applied. The report
// is empty if there are no waivers; it then has no verdict.
func Waive(waivers []Waiver, at time.Time, reports ...*check.Report) *check.Report {
	w := NewWaiving(waivers, at)
	for _, r := range reports {
		if r != nil {
			w.Apply(r)
		}
	}
	return w.Report()
}

// Waiving is [Waive] for reports that are not all there at the same time.
type Waiving struct {
	at      time.Time
	waivers []Waiver
	used    []atomic.Int64 // how many breaches each was applied to
}

// NewWaiving begins to apply waivers as of a moment.
func NewWaiving(waivers []Waiver, at time.Time) *Waiving {
	return &Waiving{at: at, waivers: waivers, used: make([]atomic.Int64, len(waivers))}
}

// Apply applies the waivers to a report that is complete. Several goroutines may do
// so at once.
func (w *Waiving) Apply(r *check.Report) {
	for i, one := range w.waivers {
		if !one.ended(w.at) {
			w.used[i].Add(int64(r.Waive(one.Rule.ID, one.Reason)))
		}
	}
}

// Report is the report on the waivers, after all reports.
func (w *Waiving) Report() *check.Report {
	out := &check.Report{}
	for i, one := range w.waivers {
		const form = time.DateOnly
		if one.ended(w.at) {
			out.Fail(ruleCurrent, one.Rule.ID, "a waiver that held until "+one.Until.AddDate(0, 0, -1).Format(form), "none that ended before "+w.at.UTC().Format(form))
			continue
		}
		found := "it has no end"
		if !one.Until.IsZero() {
			found = "it holds until " + one.Until.AddDate(0, 0, -1).Format(form)
		}
		out.Pass(ruleCurrent, one.Rule.ID, found)
		if n := w.used[i].Load(); n > 0 {
			out.Pass(ruleUsed, one.Rule.ID, fmt.Sprintf("%d of its breaches", n))
		} else {
			out.Fail(ruleUsed, one.Rule.ID, "no breach of it", "at least one")
		}
	}
	return out
}

func (w Waiver) ended(at time.Time) bool { return !w.Until.IsZero() && !at.Before(w.Until) }
