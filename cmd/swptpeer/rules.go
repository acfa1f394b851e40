package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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

// rulesTable is the README's table of rules, in Markdown.
func rulesTable() string {
	var b strings.Builder
	b.WriteString("| rule | severity | what must hold |\n|---|---|---|\n")
	rules := allRules()
	slices.SortStableFunc(rules, func(x, y *check.Rule) int { return cmp.Compare(group(x), group(y)) })
	for _, r := range rules {
		severity := r.Severity.String()
		if r.Severity == check.Error && policy.Waivable(r) {
			severity += " ¹"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, severity, markdown.Replace(r.Title))
	}
	return b.String()
}

// markdown keeps a title within its cell.
var markdown = strings.NewReplacer("|", `\|`, "<", `\<`, ">", `\>`, "*", `\*`, "_", `\_`, "`", "\\`")

// groups of rules in the order of the table.
var groups = []string{"name.", "cert.", "key.", "pem.", "root.", "peer.", "server.", "csr.", "chain.", "bundle.", "zip.", "manifest.", "trust.", "policy.", "dir.", "register."}

func group(r *check.Rule) int {
	return slices.IndexFunc(groups, func(prefix string) bool { return strings.HasPrefix(r.ID, prefix) })
}
