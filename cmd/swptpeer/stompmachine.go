package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
)

// Reports of connectivity tests for machines. Text of strangers is made
// printable on one line by safe where the format is a line or is looked at, and
// then escaped as the format demands.

// JSON. Durations are numbers of seconds.

type checksJSON struct {
	document
	OK      bool        `json:"ok"`
	Node    *nodeJSON   `json:"node,omitempty"`
	Round   int         `json:"round,omitempty"` // with --watch
	Started string      `json:"started"`
	Peers   []checkJSON `json:"peers"`
}

type checkJSON struct {
	ID        string        `json:"id"`
	Node      *nodeJSON     `json:"node"`
	Verdict   string        `json:"verdict"` // accepted, not-refused, failed, interrupted
	Status    int           `json:"status"`  // the exit status that follows from this peer alone
	Error     string        `json:"error,omitempty"`
	Started   string        `json:"started,omitempty"`
	Seconds   float64       `json:"seconds"`
	OwnEnds   string        `json:"ownCertificateEnds,omitempty"`
	Stages    []stageJSON   `json:"stages"`
	Addresses []addressJSON `json:"addresses"`
	Refusals  []refusalJSON `json:"refusals"`
}

type stageJSON struct {
	ID        string     `json:"id"`
	Outcome   string     `json:"outcome"`
	Seconds   float64    `json:"seconds"`
	Found     string     `json:"found"`
	StoppedBy string     `json:"stoppedBy,omitempty"`
	Cause     *causeJSON `json:"cause,omitempty"`
}

type causeJSON struct {
	ID     string `json:"id"`
	Side   string `json:"side"` // ours, theirs, between, unknown
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	Advice string `json:"advice"`
}

type addressJSON struct {
	Server  string       `json:"server"`
	Address string       `json:"address,omitempty"`
	Verdict string       `json:"verdict"`
	Linger  float64      `json:"lingerSeconds"`
	Session *sessionJSON `json:"tls,omitempty"`
	Stages  []stageJSON  `json:"stages"`
	Load    *loadJSON    `json:"load,omitempty"`
	Soak    *soakJSON    `json:"soak,omitempty"`
}

type sessionJSON struct {
	Version string `json:"version"`
	Suite   string `json:"suite"`
	Group   string `json:"group"`
	Ends    string `json:"certificateEnds"`
}

type loadJSON struct {
	Sent      int          `json:"sent"`
	Confirmed int          `json:"confirmed"`
	Receipts  int          `json:"receipts"`
	Seconds   float64      `json:"seconds"`
	PerSecond float64      `json:"perSecond"`
	Latency   latencyJSON  `json:"latencySeconds"`
	Histogram []bucketJSON `json:"histogram"`
}

type latencyJSON struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

type bucketJSON struct {
	UpTo  float64 `json:"upToSeconds"`
	Count int     `json:"count"`
}

type soakJSON struct {
	Kept       float64 `json:"keptSeconds"`
	Send       float64 `json:"sendEverySeconds"`
	Receive    float64 `json:"receiveEverySeconds"`
	Sent       int     `json:"sent"`
	LongestGap float64 `json:"longestGapSeconds"`
	Gaps       int     `json:"gaps"`
}

type refusalJSON struct {
	ID      string  `json:"id"`
	Server  string  `json:"server"`
	Address string  `json:"address"`
	Outcome string  `json:"outcome"`
	Seconds float64 `json:"seconds"`
	Title   string  `json:"title"`
	Found   string  `json:"found"`
}

// Ids of verdicts and sides in the formats for machines.
var (
	verdictIDs = map[stompcheck.Verdict]string{
		stompcheck.Accepted: "accepted", stompcheck.NotRefused: "not-refused",
		stompcheck.Failed: "failed", stompcheck.Unfinished: "interrupted",
	}
	sideIDs = map[stompcheck.Side]string{
		stompcheck.Ours: "ours", stompcheck.Theirs: "theirs", stompcheck.Between: "between", stompcheck.Unknown: "unknown",
	}
)

func checksOf(own certs.Identity, begin time.Time, checks []*peerCheck) *checksJSON {
	out := &checksJSON{document: newDocument("stompcheck"), OK: true, Node: nodeOf(own), Started: rfc3339(begin), Peers: []checkJSON{}}
	for _, p := range checks {
		out.OK = out.OK && p.status() == statusDone
		out.Peers = append(out.Peers, checkOf(p))
	}
	return out
}

func checkOf(p *peerCheck) checkJSON {
	out := checkJSON{ID: p.peer.Folder, Node: nodeOf(p.peer.Identity), Verdict: p.verdictID(), Status: p.status(),
		Stages: []stageJSON{}, Addresses: []addressJSON{}, Refusals: []refusalJSON{}}
	if p.err != nil {
		out.Error = p.err.Error()
		return out
	}
	r := p.report
	out.Started, out.Seconds = rfc3339(r.Started), r.Took.Seconds()
	if !r.OwnEnds.IsZero() {
		out.OwnEnds = rfc3339(r.OwnEnds)
	}
	out.Stages = stagesOf(r, r.Common)
	for _, a := range r.Addresses {
		out.Addresses = append(out.Addresses, addressOf(r, a))
	}
	for _, f := range r.Refusals {
		out.Refusals = append(out.Refusals, refusalJSON{f.ID, f.Server.String(), f.Address.String(), f.Outcome.String(), f.Took.Seconds(), f.Title, f.Found})
	}
	return out
}

// verdictID is the verdict as machines read it; what could not be tested failed.
func (p *peerCheck) verdictID() string {
	if p.err != nil {
		return verdictIDs[stompcheck.Failed]
	}
	return verdictIDs[p.report.Verdict()]
}

func addressOf(r *stompcheck.Report, a *stompcheck.AddressReport) addressJSON {
	out := addressJSON{Server: a.Server.String(), Verdict: verdictIDs[a.Verdict], Linger: a.Linger.Seconds(), Stages: stagesOf(r, a.Stages)}
	if a.Address.IsValid() {
		out.Address = a.Address.String()
	}
	if s := a.Session; s != nil {
		out.Session = &sessionJSON{s.Version, s.Suite, s.Group, rfc3339(s.Ends)}
	}
	if l := a.Load; l != nil {
		out.Load = &loadJSON{l.Sent, l.Confirmed, l.Receipts, l.Took.Seconds(), l.PerSecond(),
			latencyJSON{l.Min.Seconds(), l.Median.Seconds(), l.P90.Seconds(), l.P99.Seconds(), l.Max.Seconds()}, []bucketJSON{}}
		for _, b := range l.Histogram {
			out.Load.Histogram = append(out.Load.Histogram, bucketJSON{b.UpTo.Seconds(), b.Count})
		}
	}
	if s := a.Soak; s != nil {
		out.Soak = &soakJSON{s.Kept.Seconds(), s.Send.Seconds(), s.Receive.Seconds(), s.Sent, s.LongestGap.Seconds(), s.Gaps}
	}
	return out
}

func stagesOf(r *stompcheck.Report, stages []stompcheck.Stage) []stageJSON {
	out := []stageJSON{}
	for _, s := range stages {
		j := stageJSON{ID: string(s.ID), Outcome: s.Outcome.String(), Seconds: s.Took.Seconds(), Found: s.Found, StoppedBy: string(s.StoppedBy)}
		if d := s.Diagnosis; d != nil {
			j.Cause = &causeJSON{d.ID, sideIDs[d.Side], d.Title, d.Detail, adviceText(r, d)}
		}
		out = append(out, j)
	}
	return out
}

// emitLine prints a JSON document on one line.
func (c *call) emitLine(v any) error {
	data, err := encodeJSON(v)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = c.out.Write(b.Bytes())
	return err
}

// JUnit: a suite for each peer, a case for each stage of each address and for
// each thing that the peer must refuse.

func writeChecksJUnit(w io.Writer, begin time.Time, checks []*peerCheck) error {
	suites := junitSuites{name: programName + " stompcheck"}
	for _, p := range checks {
		suites.suites = append(suites.suites, junitOf(p, begin))
	}
	return suites.write(w)
}

func junitOf(p *peerCheck, begin time.Time) junitSuite {
	suite := junitSuite{name: safe(p.peer.Folder), time: seconds(0), timestamp: rfc3339(begin), property: junitProperty{"verdict", p.verdictID()}}
	add := func(class, name string, o check.Outcome, took time.Duration, kind, text string) {
		cs := junitCase{class: safe(class), name: safe(name), time: seconds(took)}
		switch o {
		case check.Failed:
			cs.failure = &junitMessage{kind, safe(text)}
		case check.Skipped:
			cs.skipped = &junitMessage{"", safe(text)}
		default:
			cs.systemOut = safe(text)
		}
		suite.cases = append(suite.cases, cs)
	}
	stages := func(class string, list []stompcheck.Stage) {
		for _, s := range list {
			kind, text := "", s.Found
			switch {
			case s.Diagnosis != nil:
				kind = s.Diagnosis.ID
				text = strings.Join(nonEmpty(s.Found, "likely "+s.Diagnosis.Title, s.Diagnosis.Detail, "side: "+sideText(s.Diagnosis.Side), "to do: "+adviceText(p.report, s.Diagnosis)), "; ")
			case s.StoppedBy != "":
				text = "stopped by " + string(s.StoppedBy)
			}
			add(class, string(s.ID), s.Outcome, s.Took, kind, text)
		}
	}
	if p.err != nil {
		suite.cases = append(suite.cases, junitCase{class: safe(p.peer.Folder), name: "read", time: seconds(0), err: &junitMessage{"read", safe(p.err.Error())}})
	} else {
		suite.time = seconds(p.report.Took)
		stages(p.peer.Folder, p.report.Common)
		for _, a := range p.report.Addresses {
			stages(p.peer.Folder+" "+addressText(a), a.Stages)
		}
		for _, f := range p.report.Refusals {
			add(p.peer.Folder+" "+f.Server.String()+" at "+f.Address.String(), "refuses "+f.ID, f.Outcome, f.Took, "not-refused", f.Title+": "+f.Found)
		}
	}
	return suite
}

func nonEmpty(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// seconds is a duration for JUnit.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
