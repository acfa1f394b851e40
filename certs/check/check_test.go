package check_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/check"
)

var (
	must    = &check.Rule{ID: "x.must", Severity: check.Error, Title: "x holds", Citation: "test", Advice: "mend x"}
	should  = &check.Rule{ID: "x.should", Severity: check.Warning, Title: "x is good", Citation: "test", Advice: "better x"}
	notable = &check.Rule{ID: "x.notable", Severity: check.Notice, Title: "x is usual", Citation: "test", Advice: "look at x"}
)

func TestVerdict(t *testing.T) {
	tests := []struct {
		name       string
		fill       func(r *check.Report)
		ok, strict bool
	}{
		{"nothing looked at", func(*check.Report) {}, false, false},
		{"passed", func(r *check.Report) { r.Pass(must, "", "") }, true, true},
		{"an error failed", func(r *check.Report) { r.Pass(should, "", ""); r.Fail(must, "", "", "") }, false, false},
		{"an error could not be checked", func(r *check.Report) { r.Pass(should, "", ""); r.Skip(must, "", "why") }, false, false},
		{"a warning failed", func(r *check.Report) { r.Pass(must, "", ""); r.Fail(should, "", "", "") }, true, false},
		{"a warning could not be checked", func(r *check.Report) { r.Pass(must, "", ""); r.Skip(should, "", "why") }, true, true},
		{"a notice failed", func(r *check.Report) { r.Pass(must, "", ""); r.Fail(notable, "", "", "") }, true, true},
		{"one passed, the same failed elsewhere", func(r *check.Report) { r.Pass(must, "a", ""); r.Fail(must, "b", "", "") }, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r check.Report
			tt.fill(&r)
			if r.OK(false) != tt.ok || r.OK(true) != tt.strict {
				t.Errorf("OK: found %t, strict %t, expected %t, %t", r.OK(false), r.OK(true), tt.ok, tt.strict)
			}
			err := r.Err()
			var f *check.Failure
			if tt.ok != (err == nil) || err != nil && (!errors.As(err, &f) || f.Report != &r) {
				t.Errorf("Err: found %v", err)
			}
		})
	}
}

func TestWaive(t *testing.T) {
	fill := func() *check.Report {
		var r check.Report
		r.Pass(must, "a", "")
		r.Fail(must, "b", "found", "expected")
		r.Fail(should, "c", "found", "expected")
		return &r
	}
	r := fill()
	if n := r.Waive("x.must", "known, issue 7"); n != 1 || !r.OK(false) || r.OK(true) {
		t.Errorf("found %d waived, verdict %v, strict %v", n, r.OK(false), r.OK(true))
	}
	res := r.Results[1]
	if res.Outcome != check.Waived || res.Waiver != "known, issue 7" || res.Found != "found" || res.Advice != must.Advice || len(r.Failed(check.Error)) != 0 {
		t.Errorf("found %+v", res)
	}
	if n := r.Waive("x.should", "known"); n != 1 || !r.OK(true) || r.Err() != nil {
		t.Errorf("found %d waived, strict %v", n, r.OK(true))
	}
	if n := r.Waive("x.should", "again"); n != 0 {
		t.Errorf("found %d waived a second time", n)
	}
	// What was not checked, and other rules, are not touched.
	r = fill()
	r.Skip(must, "d", "why")
	if n := r.Waive("x.must", "known"); n != 1 || r.OK(false) || !r.Has("x.must", check.Skipped) || !r.Has("x.should", check.Failed) {
		t.Errorf("found %d waived: %+v", n, r.Results)
	}
	if n := r.Waive("x.other", "known"); n != 0 {
		t.Errorf("found %d waived of a rule that is not there", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("a waiver without a reason is taken")
		}
	}()
	r.Waive("x.must", "")
}

func TestCheck(t *testing.T) {
	var r check.Report
	if !r.Check(true, must, "here", "found", "expected") || r.Check(false, should, "there", "found", "expected") {
		t.Error("Check does not return what it was told")
	}
	if !r.Has("x.must", check.Passed) || r.Has("x.must", check.Failed) || !r.Has("x.should", check.Failed) {
		t.Errorf("found %+v", r.Results)
	}
	if f := r.Failed(check.Warning); len(f) != 1 || f[0].Advice != should.Advice || f[0].Expected != "expected" {
		t.Errorf("found %+v", f)
	}
	r.FailAdvice(must, "", "", "", "do this")
	if f := r.Failed(check.Error); len(f) != 1 || f[0].Advice != "do this" {
		t.Errorf("found %+v", f)
	}
}

func TestAppend(t *testing.T) {
	var inner, outer check.Report
	inner.Fail(must, "line 3", "a", "b")
	inner.Fail(must, "", "a", "b")
	outer.Append("file", &inner)
	outer.Append("", &inner)
	var got []string
	for _, res := range outer.Results {
		got = append(got, res.Where)
	}
	if want := []string{"file: line 3", "file", "line 3", ""}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	if inner.Results[0].Where != "line 3" {
		t.Error("Append changes the report that it reads")
	}
}

func TestWithoutARule(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a result without a rule is taken")
		}
	}()
	var r check.Report
	r.Pass(nil, "", "")
}

func TestFailureText(t *testing.T) {
	r := check.Report{Subject: "x.zip"}
	r.Skip(must, "", "why")
	if got := r.Err().Error(); got != "x.zip: not everything could be checked" {
		t.Errorf("found %q", got)
	}
	r.Fail(must, "line 1", "a", "b")
	r.Fail(should, "", "no", "")
	r.Fail(must, "", "", "c")
	if got, want := r.Err().Error(), "x.zip: [x.must] line 1: found a, expected b; [x.must] expected c"; got != want {
		t.Errorf("found %q, expected %q", got, want)
	}
}

func TestText(t *testing.T) {
	for _, s := range []check.Severity{check.Error, check.Warning, check.Notice} {
		if data, err := s.MarshalText(); err != nil || string(data) != s.String() {
			t.Errorf("%v: found %q, %v", s, data, err)
		}
	}
	for _, o := range []check.Outcome{check.Passed, check.Failed, check.Skipped, check.Waived} {
		if data, err := o.MarshalText(); err != nil || string(data) != o.String() {
			t.Errorf("%v: found %q, %v", o, data, err)
		}
	}
	if _, err := json.Marshal(check.Rule{ID: "x"}); err == nil || !strings.Contains(err.Error(), "severity") {
		t.Errorf("a rule without a severity is written: %v", err)
	}
	if _, err := check.Outcome(0).MarshalText(); err == nil {
		t.Error("the zero Outcome is written")
	}
}

func ExampleReport() {
	signed := &check.Rule{
		ID: "root.self-signed", Severity: check.Error,
		Title:    "the root certificate is signed with its own key",
		Citation: "certificate profile, Root certificate",
		Advice:   "ask the node for its root certificate again",
	}
	r := check.Report{Subject: "node.zip"}
	r.Check(false, signed, "root-ca.crt", "another key's signature", "its own")
	fmt.Println(r.OK(false))
	fmt.Println(r.Err())
	// Output:
	// false
	// node.zip: [root.self-signed] root-ca.crt: found another key's signature, expected its own
}

// A compact report says the same, in the number of checks too.
func TestCompact(t *testing.T) {
	rule := func(s check.Severity) *check.Rule { return &check.Rule{ID: "a.b", Severity: s} }
	for what, make := range map[string]func(r *check.Report){
		"empty":   func(*check.Report) {},
		"passed":  func(r *check.Report) { r.Pass(rule(check.Error), "", "") },
		"failed":  func(r *check.Report) { r.Pass(rule(check.Error), "", ""); r.Fail(rule(check.Error), "", "x", "y") },
		"warning": func(r *check.Report) { r.Pass(rule(check.Error), "", ""); r.Fail(rule(check.Warning), "", "x", "y") },
		"skipped": func(r *check.Report) { r.Pass(rule(check.Error), "", ""); r.Skip(rule(check.Error), "", "x") },
		"waived": func(r *check.Report) {
			r.Pass(rule(check.Error), "", "")
			r.Fail(rule(check.Error), "", "x", "y")
			r.Waive("a.b", "why")
		},
	} {
		var r, whole check.Report
		make(&r)
		make(&whole)
		r.Compact()
		r.Compact()
		var sum check.Report
		sum.Append("", &r)
		for _, got := range []*check.Report{&r, &sum} {
			if got.OK(false) != whole.OK(false) || got.OK(true) != whole.OK(true) || len(got.Results)+got.Omitted != len(whole.Results) || got.Has("a.b", check.Passed) {
				t.Errorf("%s: found %+v, expected the verdict of %+v", what, got, whole)
			}
		}
	}
}
