package main

import "github.com/swaptacular/swptpeer/certs/check"

// JSON form of verdicts.

type verdictJSON struct {
	document
	OK      bool       `json:"ok"`
	Strict  bool       `json:"strict"`
	Summary counts     `json:"summary"`
	Items   []itemJSON `json:"items"`
}

type itemJSON struct {
	Name        string       `json:"name"`
	SHA256      string       `json:"sha256,omitempty"`
	OK          bool         `json:"ok"`
	Error       string       `json:"error,omitempty"`
	Node        *nodeJSON    `json:"node,omitempty"`
	Fingerprint string       `json:"publicKeySha256,omitempty"`
	UpdatedAt   string       `json:"updatedAt,omitempty"`
	Results     []resultJSON `json:"results"`
}

type resultJSON struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Outcome  string `json:"outcome"`
	Title    string `json:"title"`
	Citation string `json:"citation"`
	Where    string `json:"where,omitempty"`
	Found    string `json:"found,omitempty"`
	Expected string `json:"expected,omitempty"`
	Advice   string `json:"advice,omitempty"`
	Waiver   string `json:"waiver,omitempty"`
}

func (c *call) emitItems(kind string, items []item, strict bool) error {
	n := count(items, strict)
	head := verdictJSON{document: newDocument(kind), OK: n.Accepted == n.Items, Strict: strict, Summary: n, Items: []itemJSON{}}
	return c.emitLists(head, jsonList{"items", func(yield func(any) bool) {
		for it := range whole(items) {
			if !yield(itemOf(it, strict)) {
				return
			}
		}
	}})
}

func itemOf(it item, strict bool) itemJSON {
	j := itemJSON{Name: it.name, SHA256: it.digest(), OK: it.ok(strict), Results: resultsJSON(it.report)}
	if it.err != nil {
		j.Error = it.err.Error()
	}
	if b := it.bundle; b != nil {
		j.Node, j.Fingerprint, j.UpdatedAt = nodeOf(b.Node), b.Fingerprint, b.UpdatedAt.String()
	}
	return j
}

func resultsJSON(r *check.Report) []resultJSON {
	out := []resultJSON{}
	if r == nil {
		return out
	}
	for _, res := range r.Results {
		out = append(out, resultJSON{
			ID: res.Rule.ID, Severity: res.Rule.Severity.String(), Outcome: res.Outcome.String(),
			Title: res.Rule.Title, Citation: res.Rule.Citation,
			Where: res.Where, Found: res.Found, Expected: res.Expected, Advice: res.Advice, Waiver: res.Waiver,
		})
	}
	return out
}
