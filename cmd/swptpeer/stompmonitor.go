package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
)

// Reports of connectivity tests for monitoring. Text is treated as in stompmachine.go.

// Prometheus text exposition format 0.0.4.

// label is a label of a sample; values are escaped when they are written.
type label struct{ name, value string }

// promLabel escapes as the exposition format demands: backslash, line feed and
// double quote. What is not printable has been made so by safe.
var promLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// metrics gathers samples by metric, since all samples of one stand together.
type metrics struct {
	order   []string
	help    map[string]string
	samples map[string][]string
}

func (m *metrics) add(name, help string, value float64, labels ...label) {
	if m.help == nil {
		m.help, m.samples = map[string]string{}, map[string][]string{}
	}
	if _, ok := m.help[name]; !ok {
		m.order = append(m.order, name)
		m.help[name] = help
	}
	var parts []string
	for _, l := range labels {
		parts = append(parts, l.name+`="`+promLabel.Replace(safe(l.value))+`"`)
	}
	set := ""
	if len(parts) > 0 {
		set = "{" + strings.Join(parts, ",") + "}"
	}
	m.samples[name] = append(m.samples[name], metricPrefix+name+set+" "+strconv.FormatFloat(value, 'g', -1, 64))
}

const metricPrefix = "swptpeer_stompcheck_"

func (m *metrics) writeTo(w io.Writer) error {
	var b strings.Builder
	for _, name := range m.order {
		fmt.Fprintf(&b, "# HELP %s%s %s\n# TYPE %s%s gauge\n", metricPrefix, name, m.help[name], metricPrefix, name)
		for _, s := range m.samples[name] {
			b.WriteString(s + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func writePrometheus(w io.Writer, now time.Time, checks []*peerCheck) error {
	var m metrics
	m.add("finished_time_seconds", "When the test ended, in seconds of Unix time.", float64(now.Unix()))
	for _, p := range checks {
		peer := label{"peer", p.peer.Folder}
		m.add("up", "Whether every check of the peer passed.", truth(p.status() == statusDone), peer)
		for _, v := range []stompcheck.Verdict{stompcheck.Accepted, stompcheck.NotRefused, stompcheck.Failed, stompcheck.Unfinished} {
			m.add("verdict", "1 for the verdict of the peer, 0 for the others.", truth(p.verdictID() == verdictIDs[v]), peer, label{"verdict", verdictIDs[v]})
		}
		if p.err == nil {
			m.addReport(p.report, peer)
		}
	}
	return m.writeTo(w)
}

func (m *metrics) addReport(r *stompcheck.Report, peer label) {
	m.add("duration_seconds", "How long the test of the peer took.", r.Took.Seconds(), peer)
	if !r.OwnEnds.IsZero() {
		m.add("own_certificate_end_time_seconds", "When our server certificate ends, in seconds of Unix time.", float64(r.OwnEnds.Unix()), peer)
	}
	m.addStages(r.Common, peer)
	for _, a := range r.Addresses {
		where := []label{peer, {"server", a.Server.String()}}
		if a.Address.IsValid() {
			where = append(where, label{"address", a.Address.String()})
		}
		m.add("address_up", "Whether every stage at the address passed.", truth(a.Verdict == stompcheck.Accepted || a.Verdict == stompcheck.NotRefused), where...)
		m.addStages(a.Stages, where...)
		if a.Session != nil {
			m.add("peer_certificate_end_time_seconds", "When the certificate of the peer's server ends, in seconds of Unix time.", float64(a.Session.Ends.Unix()), where...)
		}
		if l := a.Load; l != nil {
			m.add("messages_sent", "Messages that were sent.", float64(l.Sent), where...)
			m.add("messages_confirmed", "Messages that were confirmed.", float64(l.Confirmed), where...)
			m.add("messages_per_second", "Rate of confirmed messages.", l.PerSecond(), where...)
			for _, q := range []struct {
				name string
				d    time.Duration
			}{{"0", l.Min}, {"0.5", l.Median}, {"0.9", l.P90}, {"0.99", l.P99}, {"1", l.Max}} {
				m.add("latency_seconds", "Time from a message to the receipt that confirmed it.", q.d.Seconds(), append(where[:len(where):len(where)], label{"quantile", q.name})...)
			}
		}
		if s := a.Soak; s != nil {
			m.add("longest_gap_seconds", "Longest silence of the server while the connection was kept.", s.LongestGap.Seconds(), where...)
			m.add("gaps", "Silences that were longer than the heart-beats agreed on.", float64(s.Gaps), where...)
		}
	}
	for _, f := range r.Refusals {
		if f.Outcome != check.Skipped {
			m.add("refused", "Whether the peer refused what it must.", truth(f.Outcome == check.Passed),
				peer, label{"server", f.Server.String()}, label{"address", f.Address.String()}, label{"attempt", f.ID})
		}
	}
}

func (m *metrics) addStages(stages []stompcheck.Stage, where ...label) {
	for _, s := range stages {
		if s.Outcome == check.Skipped {
			continue
		}
		here := append(where[:len(where):len(where)], label{"stage", string(s.ID)})
		m.add("stage_success", "Whether the stage passed; stages that did not run have no sample.", truth(s.Outcome == check.Passed), here...)
		m.add("stage_duration_seconds", "How long the stage took.", s.Took.Seconds(), here...)
		if d := s.Diagnosis; d != nil {
			m.add("failure_cause", "The likely cause of a failed stage.", 1, append(here[:len(here):len(here)], label{"cause", d.ID}, label{"side", sideIDs[d.Side]})...)
		}
	}
}

// Nagios: one line with performance data, and the exit status of a plugin
// (Nagios plugin development guidelines).

const (
	nagiosOK = iota
	nagiosWarning
	nagiosCritical
	nagiosUnknown
)

var nagiosWords = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// nagiosSoon is how many days before the end of a certificate the warning
// begins.
const nagiosSoon = 30

// nagios turns whatever came of the tests into one line: unknown, if they were
// not made or not finished.
func (c *call) nagios(checks []*peerCheck, err error) error {
	state, text, perf := nagiosUnknown, "", ""
	if t, ok := errors.AsType[*tested](err); err == nil || ok && t.status != statusInterrupted {
		state, text, perf = nagiosOf(checks, c.sys.now())
	} else {
		text = message(err)
	}
	line := "STOMPCHECK " + nagiosWords[state] + " - " + nagiosText(text)
	if perf != "" {
		line += " | " + perf
	}
	c.out.printf("%s\n", raw(line))
	if state == nagiosOK {
		return nil
	}
	return &tested{reported: &reported{}, status: state}
}

// nagiosText keeps text on its side of the bar that begins the performance data.
func nagiosText(s string) string { return strings.ReplaceAll(safe(s), "|", "/") }

// nagiosOf is the state that follows from the tests, in words, and the
// performance data.
func nagiosOf(checks []*peerCheck, now time.Time) (state int, text, perf string) {
	var parts, data []string
	for _, p := range checks {
		id := shortID(p.peer.Folder)
		if p.status() != statusDone {
			state = nagiosCritical
			parts = append(parts, id+": "+p.oneLine())
		}
		if p.err != nil {
			continue
		}
		data = append(data, fmt.Sprintf("'%s_time'=%.3fs;;;0", p.peer.Folder, p.report.Took.Seconds()))
		for _, e := range certificateEnds(p.report) {
			days := int(math.Floor(e.at.Sub(now).Hours() / 24))
			data = append(data, fmt.Sprintf("'%s_%s_days'=%d;%d:;0:", p.peer.Folder, e.whose, days, nagiosSoon))
			if days < nagiosSoon && state == nagiosOK {
				state = nagiosWarning
			}
			if days < nagiosSoon {
				whose := map[string]string{"own": "our", "peer": "the peer's"}[e.whose]
				parts = append(parts, fmt.Sprintf("%s: %s server certificate ends %s", id, whose, rfc3339(e.at)))
			}
		}
	}
	if len(parts) == 0 {
		parts = []string{summaryOf(checks)}
	}
	return state, strings.Join(parts, "; "), strings.Join(data, " ")
}

type certificateEnd struct {
	whose string // "own" or "peer"
	at    time.Time
}

// certificateEnds are when our certificate and the first to end of the peer's
// servers do.
func certificateEnds(r *stompcheck.Report) []certificateEnd {
	var out []certificateEnd
	if !r.OwnEnds.IsZero() {
		out = append(out, certificateEnd{"own", r.OwnEnds})
	}
	var first time.Time
	for _, a := range r.Addresses {
		if a.Session != nil && (first.IsZero() || a.Session.Ends.Before(first)) {
			first = a.Session.Ends
		}
	}
	if !first.IsZero() {
		out = append(out, certificateEnd{"peer", first})
	}
	return out
}
