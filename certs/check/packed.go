package check

import "unique"

// Packed is a report that takes little memory: what it has in common with other
// packed reports is kept once for all of them, and about all of what passes is in
// all of them. It is for who has thousands of reports, and shows them one by one.
type Packed struct {
	subject      string
	results      []unique.Handle[Result]
	omitted      int
	ok, okStrict bool
}

// Pack returns the report as it is now.
func (r *Report) Pack() *Packed {
	p := &Packed{subject: r.Subject, omitted: r.Omitted, ok: r.OK(false), okStrict: r.OK(true)}
	if len(r.Results) > 0 {
		p.results = make([]unique.Handle[Result], len(r.Results))
	}
	for i, res := range r.Results {
		p.results[i] = unique.Make(res)
	}
	return p
}

// Report returns a report like the one that was packed, a new one each time.
func (p *Packed) Report() *Report {
	r := &Report{Subject: p.subject, Omitted: p.omitted}
	if len(p.results) > 0 {
		r.Results = make([]Result, len(p.results))
	}
	for i, h := range p.results {
		r.Results[i] = h.Value()
	}
	return r
}

// OK is the verdict of the report that was packed ([Report.OK]).
func (p *Packed) OK(strict bool) bool {
	if strict {
		return p.okStrict
	}
	return p.ok
}
