package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Every entry of the table stands for a rule that there is.
func TestUnwaivableRulesExist(t *testing.T) {
	rules := slices.Concat(bundle.Rules(), certs.Rules(), Rules())
	for _, s := range unwaivable {
		if s == "chain." {
			continue // the command's
		}
		if !slices.ContainsFunc(rules, func(r *check.Rule) bool {
			return r.Severity == check.Error && (r.ID == s || strings.HasSuffix(s, ".") && strings.HasPrefix(r.ID, s))
		}) {
			t.Errorf("there is no error rule %s", s)
		}
	}
}
