package check

import (
	"reflect"
	"testing"
)

// What is unpacked is what was packed, verdict and all, and nobody else's.
func TestPack(t *testing.T) {
	must := &Rule{ID: "a.must", Severity: Error, Title: "t", Citation: "c", Advice: "a"}
	should := &Rule{ID: "a.should", Severity: Warning, Title: "t", Citation: "c", Advice: "a"}
	fill := func(f func(*Report)) *Report {
		r := &Report{Subject: "s"}
		r.Pass(must, "where", "found")
		f(r)
		return r
	}
	reports := map[string]*Report{
		"nothing": {},
		"subject": {Subject: "s"},
		"omitted": {Subject: "s", Omitted: 7},
		"passed":  fill(func(*Report) {}),
		"compact": fill(func(r *Report) { r.Fail(should, "w", "f", "e"); r.Compact() }),
		"warning": fill(func(r *Report) { r.Fail(should, "w", "f", "e") }),
		"failed":  fill(func(r *Report) { r.FailAdvice(must, "w", "f", "e", "a") }),
		"skipped": fill(func(r *Report) { r.Skip(must, "w", "f") }),
		"waived":  fill(func(r *Report) { r.Fail(must, "w", "f", "e"); r.Waive(must.ID, "reason") }),
	}
	for name, r := range reports {
		p := r.Pack()
		if got := p.Report(); !reflect.DeepEqual(got, r) {
			t.Errorf("%s: found %+v, expected %+v", name, got, r)
		}
		for _, strict := range []bool{false, true} {
			if got, want := p.OK(strict), r.OK(strict); got != want {
				t.Errorf("%s, strict %t: found the verdict %t, expected %t", name, strict, got, want)
			}
		}
		// Neither what becomes of the report nor of another from the same pack changes it.
		want := p.Report()
		r.Waive(should.ID, "later")
		p.Report().Pass(must, "", "")
		p.Report().Waive(should.ID, "later")
		if got := p.Report(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: found %+v, expected %+v", name, got, want)
		}
	}
}
