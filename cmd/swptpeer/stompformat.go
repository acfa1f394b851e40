package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
)

// Reports of connectivity tests for people. What is printed was found and
// decided by package stompcheck.

// Columns of a stage: its id, its outcome, its time, what was found.
const (
	stageIDWidth      = 11
	stageOutcomeWidth = 4
	stageTimeWidth    = 8
	stageFoundAt      = 2 + stageIDWidth + 2 + stageOutcomeWidth + 2 + stageTimeWidth + 2
)

// printCheck prints the report of one peer.
func (c *call) printCheck(p *peerCheck) {
	title := p.peer.Folder
	if !p.peer.Identity.IsZero() {
		title = p.peer.Identity.String()
	}
	c.out.printf("%s\n", raw(c.out.paint(strong, safe(title))))
	if p.err != nil {
		c.out.printf("  %s %s\n", raw(c.out.paint(bad, "error:")), raw(fold(p.err.Error(), pageWidth, 9)))
		return
	}
	r := p.report
	c.printStages(r, r.Common)
	for _, a := range r.Addresses {
		c.printAddress(r, a)
	}
	for i, f := range r.Refusals {
		if i == 0 || f.Address != r.Refusals[i-1].Address {
			c.out.printf(" what %s must refuse\n", f.Address)
		}
		c.printRefusal(f)
	}
	c.out.printf("  %s %s\n", raw(c.out.paint(strong, "verdict:")), raw(c.verdictText(p)))
}

func (c *call) printAddress(r *stompcheck.Report, a *stompcheck.AddressReport) {
	if !c.quiet || a.Verdict == stompcheck.Failed {
		c.out.printf(" %s\n", addressText(a))
	}
	c.printStages(r, a.Stages)
	if a.Load != nil {
		c.printLoad(a.Load)
	}
}

// addressText names an address by its server's name, if it has one.
func addressText(a *stompcheck.AddressReport) string {
	switch {
	case !a.Address.IsValid():
		return a.Server.String()
	case a.Address.String() == a.Server.String():
		return a.Address.String()
	}
	return a.Server.String() + " at " + a.Address.String()
}

// optionalStages are left out of the text where nobody asked for them.
var optionalStages = map[stompcheck.StageID]bool{
	stompcheck.StageLinger: true, stompcheck.StageProbe: true, stompcheck.StageLoad: true, stompcheck.StageSoak: true,
}

// printStages prints stages, and a cause once however many of them it failed.
func (c *call) printStages(r *stompcheck.Report, stages []stompcheck.Stage) {
	said := map[string]bool{}
	for _, s := range stages {
		c.printStage(r, s, s.Diagnosis != nil && !said[s.Diagnosis.ID])
		if s.Diagnosis != nil {
			said[s.Diagnosis.ID] = true
		}
	}
}

func (c *call) printStage(r *stompcheck.Report, s stompcheck.Stage, explain bool) {
	if s.Outcome == check.Skipped && s.StoppedBy == "" && optionalStages[s.ID] && s.Found == stompcheck.NotAskedFor {
		return
	}
	if c.quiet && s.Outcome != check.Failed {
		return
	}
	found := s.Found
	if s.StoppedBy != "" {
		found = "stopped by " + string(s.StoppedBy)
	}
	c.printRow(string(s.ID), s.Outcome, s.Took, found)
	if d := s.Diagnosis; explain {
		line := func(label, text string) {
			if text != "" {
				c.out.printf("      %-7s %s\n", raw(label), raw(fold(text, pageWidth, 14)))
			}
		}
		line("likely", d.Title)
		line("seen", d.Detail)
		line("side", sideText(d.Side))
		line("to do", adviceText(r, d))
	}
}

// printRow prints one line of columns, the last of which may take several.
func (c *call) printRow(id string, o check.Outcome, took time.Duration, found string) {
	word, st := "ok", good
	switch o {
	case check.Failed:
		word, st = "FAIL", bad
	case check.Skipped:
		word, st = "skip", faint
	}
	word = c.out.paint(st, word) + strings.Repeat(" ", stageOutcomeWidth-len(word))
	line := fmt.Sprintf("  %-*s  %s  %*s", stageIDWidth, id, word, stageTimeWidth, tookText(took))
	if found != "" {
		line += "  " + fold(found, pageWidth, stageFoundAt)
	}
	c.out.printf("%s\n", raw(strings.TrimRight(line, " ")))
}

// adviceText is what to do, with this node's id where it is spoken of.
func adviceText(r *stompcheck.Report, d *stompcheck.Diagnosis) string {
	return strings.ReplaceAll(d.Advice, "<our id>", r.Own.ID())
}

func sideText(s stompcheck.Side) string {
	switch s {
	case stompcheck.Between:
		return "between the two"
	case stompcheck.Unknown:
		return "cannot be told from here"
	}
	return string(s)
}

func (c *call) printRefusal(f stompcheck.Refusal) {
	if c.quiet && f.Outcome == check.Passed {
		return
	}
	c.out.printf("  %s\n", raw(fold(f.Title, pageWidth, 2)))
	c.printRow("", f.Outcome, f.Took, f.Found)
}

// verdictText says what was proven of a peer and no more.
func (c *call) verdictText(p *peerCheck) string {
	// The words that are painted are the first, and fold breaks no line there.
	said := func(st style, word, rest string) string {
		const indent = len("  verdict: ")
		text := fold(word+rest, pageWidth, indent)
		return c.out.paint(st, word) + strings.TrimPrefix(text, word)
	}
	switch v := p.report.Verdict(); v {
	case stompcheck.Accepted:
		return said(good, "accepted", ": the peer confirmed what was sent")
	case stompcheck.NotRefused:
		linger := p.report.Addresses[0].Linger
		if linger == 0 {
			return said(good, "connected", "; a late refusal was not waited for (--linger), and only a probe (--probe smp) proves acceptance")
		}
		return said(good, "not refused", " within "+linger.String()+"; only a probe (--probe smp) proves acceptance")
	case stompcheck.Unfinished:
		return said(warned, "interrupted", " before it was done")
	}
	// What failed is explained above.
	if s := p.report.Failure(); s != nil && s.Diagnosis != nil {
		return said(bad, "failed", " at "+string(s.ID)+": "+s.Diagnosis.ID)
	}
	return said(bad, "failed", ": "+p.oneLine())
}

// oneLine is what came of a test, in a few words.
func (p *peerCheck) oneLine() string {
	if p.err != nil {
		return p.err.Error()
	}
	switch v := p.report.Verdict(); v {
	case stompcheck.Failed:
	case stompcheck.Unfinished:
		return "interrupted"
	default:
		return string(v)
	}
	if s := p.report.Failure(); s != nil {
		if s.Diagnosis != nil {
			return string(s.ID) + ": " + s.Diagnosis.Title
		}
		return string(s.ID) + ": " + s.Found
	}
	for _, f := range p.report.Refusals {
		if f.Outcome == check.Failed {
			return "the peer does not refuse " + f.Title
		}
	}
	return "failed"
}

// summaryOf is what came of tests that all passed.
func summaryOf(checks []*peerCheck) string {
	if len(checks) == 1 {
		p := checks[0]
		return fmt.Sprintf("%s: %s, %s, %s", shortID(p.peer.Folder), p.oneLine(), plural2(len(p.report.Addresses), "address", "addresses"), tookText(p.report.Took))
	}
	return plural(len(checks), "peer") + " passed"
}

// printLoad prints what was measured, with a histogram of the latencies.
func (c *call) printLoad(l *stompcheck.LoadResult) {
	c.out.printf("  %s sent, %d confirmed by %s in %s: %.0f a second\n", plural(l.Sent, "message"), l.Confirmed,
		plural(l.Receipts, "receipt"), tookText(l.Took), l.PerSecond())
	if l.Confirmed == 0 {
		return
	}
	c.out.printf("  latency: min %s, median %s, p90 %s, p99 %s, max %s\n",
		tookText(l.Min), tookText(l.Median), tookText(l.P90), tookText(l.P99), tookText(l.Max))
	most := 0
	for _, b := range l.Histogram {
		most = max(most, b.Count)
	}
	for _, b := range l.Histogram {
		const width = 40
		bar := strings.Repeat("#", (b.Count*width+most-1)/most)
		c.out.printf("  <= %8s  %-*s  %d\n", tookText(b.UpTo), width, bar, b.Count)
	}
}

// tookText is a time in at most eight columns.
func tookText(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(1, d.Microseconds()))
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.1f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// fold makes text safe and breaks it into lines of at most width columns, the
// second and later ones indented. Unlike wrap it also breaks words: what a
// server said may be one word of any length.
func fold(text string, width, indent int) string {
	var lines []string
	line := ""
	room := width - indent
	for _, word := range strings.Fields(safe(text)) {
		for {
			length := utf8.RuneCountInString(line)
			if line != "" {
				length++
			}
			if length+utf8.RuneCountInString(word) <= room {
				if line != "" {
					line += " "
				}
				line += word
				break
			}
			if line != "" {
				lines = append(lines, line)
				line = ""
				continue
			}
			runes := []rune(word)
			lines = append(lines, string(runes[:room]))
			word = string(runes[room:])
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", indent))
}
