package strictzip_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// failedRules lists the rules with breaches, without "zip.".
func failedRules(rep *check.Report) []string {
	var ids []string
	for _, res := range rep.Results {
		if id := strings.TrimPrefix(res.Rule.ID, "zip."); res.Outcome == check.Failed && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestEveryRuleRefuses(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range fixtures() {
		t.Run(f.what, func(t *testing.T) {
			a, rep := f.open()
			if got := strings.Join(failedRules(rep), " "); got != f.rules {
				t.Fatalf("breaches of %q, expected %q\n%v", got, f.rules, rep.Err())
			}
			severe := len(rep.Failed(check.Error)) > 0
			if (a == nil) != severe || rep.OK(false) == severe {
				t.Errorf("archive %v, OK %v: they disagree with the breaches", a, rep.OK(false))
			}
			for _, res := range rep.Results {
				if res.Outcome == check.Failed && (res.Found == "" || res.Rule.Advice == "" || res.Expected == "" && res.Rule.ID != "zip.read") {
					t.Errorf("%s: found %q, expected %q, advice %q: all are needed", res.Rule.ID, res.Found, res.Expected, res.Rule.Advice)
				}
				if res.Outcome == check.Skipped && res.Found == "" {
					t.Errorf("%s: skipped without a reason", res.Rule.ID)
				}
			}
		})
		for id := range strings.SplitSeq(f.rules, " ") {
			seen["zip."+id] = true
		}
	}
	for _, rule := range strictzip.Rules() {
		if !seen[rule.ID] {
			t.Errorf("no fixture breaks %s", rule.ID)
		}
	}
}

func TestRulesAreComplete(t *testing.T) {
	ids := make(map[string]bool)
	for _, rule := range strictzip.Rules() {
		if ids[rule.ID] || !strings.HasPrefix(rule.ID, "zip.") {
			t.Errorf("id %s is used twice or lacks its prefix", rule.ID)
		}
		ids[rule.ID] = true
		if rule.Severity == 0 || rule.Title == "" || rule.Citation == "" || rule.Advice == "" {
			t.Errorf("%s lacks severity, title, citation or advice", rule.ID)
		}
	}
	if len(ids) < 40 {
		t.Errorf("%d rules, expected all of them", len(ids))
	}
}

func TestEveryRulePasses(t *testing.T) {
	data := plain().bytes()
	_, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
	if err := rep.Err(); err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != len(strictzip.Rules()) {
		t.Fatalf("%d results, expected one for each of %d rules", len(rep.Results), len(strictzip.Rules()))
	}
	for i, rule := range strictzip.Rules() {
		if res := rep.Results[i]; res.Rule != rule || res.Outcome != check.Passed {
			t.Errorf("result %d is %s %s, expected %s passed", i, res.Rule.ID, res.Outcome, rule.ID)
		}
	}
}

// A report on many breaches stays short, and says how many there are.
func TestReportIsBounded(t *testing.T) {
	names := make([]string, 4096)
	for i := range names {
		names[i] = fmt.Sprintf("../%d%s", i, strings.Repeat("\u00e9", 100))
	}
	data := named(names...).bytes()
	_, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
	breaches := 0
	for _, res := range rep.Results {
		if res.Rule.ID == "zip.name-traversal" {
			breaches++
			if breaches == 9 && res.Found != "4088 more breaches of this rule" {
				t.Errorf("the last result says %q", res.Found)
			}
		}
		if len(res.Where)+len(res.Found)+len(res.Expected) > 1000 {
			t.Errorf("%s: result of %d bytes", res.Rule.ID, len(res.Where)+len(res.Found)+len(res.Expected))
		}
		if !isASCII(res.Where) {
			t.Errorf("%s: where is not escaped: %s", res.Rule.ID, res.Where)
		}
	}
	if breaches != 9 {
		t.Errorf("%d results for 4096 breaches, expected 9", breaches)
	}
}
