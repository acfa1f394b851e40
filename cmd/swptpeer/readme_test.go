package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/policy"
	"github.com/swaptacular/swptpeer/certs/check"
)

const (
	rulesBegin = "<!-- rules: generated, see cmd/swptpeer/readme_test.go -->\n"
	rulesEnd   = "<!-- end of rules -->\n"
)

// The README's table of rules is what the program judges by. To write it anew:
// SWPTPEER_WRITE_README=1 go test -run TestReadmeRules ./cmd/swptpeer
func TestReadmeRules(t *testing.T) {
	const file = "../../README.md"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), rulesBegin)
	table, after, ok2 := strings.Cut(rest, rulesEnd)
	if !ok || !ok2 {
		t.Fatalf("%s: found no table between %q and %q", file, rulesBegin, rulesEnd)
	}
	want := "\n" + rulesTable() + "\n"
	if table == want {
		return
	}
	if os.Getenv("SWPTPEER_WRITE_README") != "1" {
		t.Fatalf("%s: the table of rules is not what the program judges by; write it with SWPTPEER_WRITE_README=1", file)
	}
	if err := os.WriteFile(file, []byte(before+rulesBegin+want+rulesEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every rule of every package is complete, has an id of its own, and a place in
// the table. (That each has a fixture that keeps it and one that breaks it is
// tested where the rules are.)
func TestAllRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range allRules() {
		if seen[r.ID] || r.Title == "" || r.Citation == "" || r.Advice == "" || r.Severity < check.Error || r.Severity > check.Notice {
			t.Errorf("found an incomplete or repeated rule: %+v", r)
		}
		seen[r.ID] = true
		if group(r) < 0 {
			t.Errorf("%s is in no group", r.ID)
		}
	}
	if len(seen) < 150 {
		t.Errorf("found %d rules", len(seen))
	}
}

// The README's policy is one.
func TestReadmePolicy(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "\n```toml\nstrict = true")
	text, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("found no policy in the README")
	}
	p, err := policy.Parse([]byte("strict = true"+text), allRules())
	if err != nil || !p.Strict || len(p.Waivers) != 1 || len(p.Pins) != 1 || p.Limits.Bundle == 0 {
		t.Errorf("found %+v, %v", p, err)
	}
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
