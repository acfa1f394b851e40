package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/policy"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// The rules of the verify family, as data.

// verifyRules are those of certificates and info-bundles: what "bundle verify"
// and the commands for certificates and requests report.
func verifyRules() []*check.Rule {
	return distinct(bundle.Rules(), certs.Rules(), []*check.Rule{rulePath}, policy.Rules())
}

// doctorRules are those of a node directory.
func doctorRules() []*check.Rule {
	return distinct(nodedir.Rules(), certs.Rules(), manifest.Rules(), policy.Rules())
}

// allRules is every rule, each once.
func allRules() []*check.Rule { return distinct(verifyRules(), doctorRules()) }

func distinct(lists ...[]*check.Rule) []*check.Rule {
	var out []*check.Rule
	seen := map[*check.Rule]bool{}
	for _, rule := range slices.Concat(lists...) {
		if !seen[rule] {
			seen[rule] = true
			out = append(out, rule)
		}
	}
	return out
}

func listRulesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "list-rules", Usage: "print every rule that is judged by, and judge nothing"}
}

// ruleJSON is a rule, and whether it can be waived.
type ruleJSON struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	Citation string `json:"citation"`
	Advice   string `json:"advice"`
	Waivable bool   `json:"waivable"`
}

// listRules prints rules.
func (c *call) listRules(rules []*check.Rule) error {
	switch c.format {
	case "json":
		out := struct {
			document
			Rules []ruleJSON `json:"rules"`
		}{newDocument("rules"), []ruleJSON{}}
		for _, r := range rules {
			out.Rules = append(out.Rules, ruleJSON{r.ID, r.Severity.String(), r.Title, r.Citation, r.Advice, policy.Waivable(r)})
		}
		return c.emit(out)
	case "text":
	default:
		return usagef("--list-rules: found --format %s, expected text or json", c.format)
	}
	for _, r := range rules {
		note := ""
		if !policy.Waivable(r) {
			note = ", cannot be waived"
		}
		c.out.printf("%s (%s%s)\n", raw(c.out.paint(strong, safe(r.ID))), r.Severity.String(), raw(note))
		for _, line := range []struct{ label, text string }{{"rule", r.Title}, {"from", r.Citation}, {"to do", r.Advice}} {
			c.out.printf("  %-6s %s\n", raw(line.label), raw(wrap(safe(line.text), pageWidth, 9)))
		}
	}
	return nil
}
