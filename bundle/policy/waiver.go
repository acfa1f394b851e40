package policy

import (
	"fmt"
	"slices"
	"strings"
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
	out := &check.Report{}
	for _, w := range waivers {
		const form = time.DateOnly
		if !w.Until.IsZero() && !at.Before(w.Until) {
			out.Fail(ruleCurrent, w.Rule.ID, "a waiver that held until "+w.Until.AddDate(0, 0, -1).Format(form), "none that ended before "+at.UTC().Format(form))
			continue
		}
		found := "it has no end"
		if !w.Until.IsZero() {
			found = "it holds until " + w.Until.AddDate(0, 0, -1).Format(form)
		}
		out.Pass(ruleCurrent, w.Rule.ID, found)
		n := 0
		for _, r := range reports {
			if r != nil {
				n += r.Waive(w.Rule.ID, w.Reason)
			}
		}
		if n > 0 {
			out.Pass(ruleUsed, w.Rule.ID, fmt.Sprintf("%d of its breaches", n))
		} else {
			out.Fail(ruleUsed, w.Rule.ID, "no breach of it", "at least one")
		}
	}
	return out
}
