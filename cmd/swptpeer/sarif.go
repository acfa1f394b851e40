package main

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/swaptacular/swptpeer/certs/check"
)

// SARIF 2.1.0 (OASIS standard, 27 March 2020). Only what did not pass is a
// result: consumers show every result as an alert, whatever its kind.

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Artifacts   []sarifArtifact   `json:"artifacts"`
	Results     []sarifResult     `json:"results"`
	Invocations []sarifInvocation `json:"invocations"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
	Full  sarifText `json:"fullDescription"`
	Help  sarifText `json:"help"`
	Conf  struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
}

type sarifArtifact struct {
	Location sarifURI          `json:"location"`
	Hashes   map[string]string `json:"hashes,omitempty"`
}

type sarifURI struct {
	URI   string `json:"uri"`
	Index *int   `json:"index,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact sarifURI `json:"artifactLocation"`
	} `json:"physicalLocation"`
	Logical []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Kind      string          `json:"kind"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
	// Suppressions has at most one: a waiver.
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	// PartialFingerprints tell a consumer that an alert is the one of the last
	// run, whatever has changed in the words.
	PartialFingerprints map[string]string `json:"partialFingerprints"`
	Properties          sarifProperties   `json:"properties"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

// sarifProperties has the parts of the message, for who wants them apart.
type sarifProperties struct {
	Where    string `json:"where,omitempty"`
	Found    string `json:"found,omitempty"`
	Expected string `json:"expected,omitempty"`
	Advice   string `json:"advice,omitempty"`
	SHA256   string `json:"sha256,omitempty"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

func sarifLevel(s check.Severity) string {
	switch s {
	case check.Error:
		return "error"
	case check.Warning:
		return "warning"
	}
	return "note"
}

// sarifURIOf is a file name as a URI reference; an address is one already.
func sarifURIOf(name string) string {
	if u, err := url.Parse(name); err == nil && u.Scheme == "https" {
		return u.String()
	}
	return (&url.URL{Path: filepath.ToSlash(name)}).String()
}

// sarifBuilder makes the one run of a log.
type sarifBuilder struct {
	run           sarifRun
	invocation    sarifInvocation
	items         []item
	artifact      []int // of each item
	ruleIndex     map[string]int
	artifactIndex map[sarifFile]int
	strict        bool
}

// sarifFile is what makes an artifact.
type sarifFile struct {
	uri    string
	sha256 [sha256.Size]byte
	hashed bool
}

// emitSARIF prints the log. What it begins with is made first; the artifacts and the
// results are, one at a time, when they are printed.
func (c *call) emitSARIF(items []item, strict bool) error {
	b := &sarifBuilder{items: items, strict: strict, invocation: sarifInvocation{Successful: true}, ruleIndex: map[string]int{}, artifactIndex: map[sarifFile]int{}}
	b.run.Tool.Driver = sarifDriver{Name: programName, Version: version(), Rules: []sarifRule{}}
	b.run.Artifacts = []sarifArtifact{}
	b.run.Results = []sarifResult{}
	for it := range whole(items) {
		b.item(it)
	}
	b.run.Invocations = []sarifInvocation{b.invocation}
	return c.emitLists(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{b.run}},
		jsonList{"artifacts", b.artifacts}, jsonList{"results", b.results})
}

func (b *sarifBuilder) item(it item) {
	// No two artifacts may be equal (SARIF 3.14.15), though a file may be named
	// twice.
	file := sarifFile{uri: sarifURIOf(it.name), hashed: it.sha256 != nil}
	if file.hashed {
		file.sha256 = *it.sha256
	}
	i, seen := b.artifactIndex[file]
	if !seen {
		i = len(b.artifactIndex)
		b.artifactIndex[file] = i
	}
	b.artifact = append(b.artifact, i)
	if it.err != nil {
		b.invocation.Successful = false
		b.invocation.Notifications = append(b.invocation.Notifications, sarifNotification{
			Level: "error", Message: sarifText{safe(it.err.Error())}, Locations: []sarifLocation{locationOf(it, i)}})
	}
	for res := range shown(it) {
		b.rule(res.Rule)
	}
}

func locationOf(it item, artifact int) (location sarifLocation) {
	location.Physical.Artifact = sarifURI{URI: sarifURIOf(it.name), Index: &artifact}
	return location
}

// shown yields the results that consumers are to see.
func shown(it item) iter.Seq[check.Result] {
	return func(yield func(check.Result) bool) {
		if it.report == nil {
			return
		}
		explained := explained(it.report)
		for _, res := range it.report.Results {
			switch res.Outcome {
			case check.Failed, check.Waived:
			case check.Skipped:
				if explained || res.Rule.Severity != check.Error {
					continue
				}
			default:
				continue
			}
			if !yield(res) {
				return
			}
		}
	}
}

func (b *sarifBuilder) artifacts(yield func(any) bool) {
	next := 0
	for i, it := range b.items {
		if b.artifact[i] != next {
			continue // it was there before
		}
		next++
		artifact := sarifArtifact{Location: sarifURI{URI: sarifURIOf(it.name)}}
		if d := it.digest(); d != "" {
			artifact.Hashes = map[string]string{"sha-256": d}
		}
		if !yield(artifact) {
			return
		}
	}
}

func (b *sarifBuilder) results(yield func(any) bool) {
	i := 0
	for it := range whole(b.items) {
		location := locationOf(it, b.artifact[i])
		i++
		for res := range shown(it) {
			if !yield(b.result(it, res, location)) {
				return
			}
		}
	}
}

func (b *sarifBuilder) result(it item, res check.Result, location sarifLocation) sarifResult {
	level := sarifLevel(res.Rule.Severity)
	if fails(res, b.strict) {
		level = "error"
	}
	if res.Where != "" {
		location.Logical = []sarifLogical{{safe(res.Where)}}
	}
	text := resultText(res)
	if text == "" {
		text = res.Rule.Title
	}
	out := sarifResult{RuleID: res.Rule.ID, RuleIndex: b.rule(res.Rule), Kind: "fail", Level: level,
		Message: sarifText{text}, Locations: []sarifLocation{location},
		PartialFingerprints: map[string]string{"resultIdentity/v1": identity(it.name, res)},
		Properties:          sarifProperties{safe(res.Where), safe(res.Found), safe(res.Expected), safe(res.Advice), it.digest()}}
	if res.Outcome == check.Waived {
		out.Suppressions = []sarifSuppression{{"external", "accepted", safe(res.Waiver)}}
	}
	return out
}

// identity is the same for the same rule at the same place.
func identity(name string, res check.Result) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{name, res.Rule.ID, res.Where}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// rule returns the index of a rule.
func (b *sarifBuilder) rule(r *check.Rule) int {
	if index, ok := b.ruleIndex[r.ID]; ok {
		return index
	}
	index := len(b.run.Tool.Driver.Rules)
	b.ruleIndex[r.ID] = index
	rule := sarifRule{ID: r.ID, Short: sarifText{r.Title}, Full: sarifText{r.Title + " (" + r.Citation + ")"}, Help: sarifText{r.Advice}}
	rule.Conf.Level = sarifLevel(r.Severity)
	b.run.Tool.Driver.Rules = append(b.run.Tool.Driver.Rules, rule)
	return index
}
