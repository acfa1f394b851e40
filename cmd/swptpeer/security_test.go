package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: what SECURITY.md names is there: every test, every script,
// and a row in its table for every figure that .ci/proof and .ci/fuzz print.
func TestSecurityPage(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	page := read("SECURITY.md")
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, m := range declaration.FindAllSubmatch(data, -1) {
			declared[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)(\\.\\*)?`").FindAllStringSubmatch(page, -1)
	if len(named) < 50 {
		t.Errorf("found %d names of tests, expected many", len(named))
	}
	for _, m := range named {
		found := declared[m[1]]
		for name := range declared {
			found = found || m[2] != "" && strings.HasPrefix(name, m[1])
		}
		if !found {
			t.Errorf("SECURITY.md names %s, which is not there", m[1])
		}
	}
	scripts := regexp.MustCompile("`([a-z-]+\\.txt)`").FindAllStringSubmatch(page, -1)
	for _, m := range scripts {
		if _, err := os.Stat(filepath.Join("testdata/script", m[1])); err != nil {
			t.Error(err)
		}
	}
	_, table, _ := strings.Cut(page, "### Proof")
	rows := regexp.MustCompile(`(?m)^\t"([^|"]+)\|`).FindAllStringSubmatch(read(".ci/proof"), -1)
	if len(rows) < 10 || len(scripts) == 0 {
		t.Fatalf("found %d rows in .ci/proof and %d scripts, expected some", len(rows), len(scripts))
	}
	for _, m := range append(rows, []string{"", "fuzzing"}) {
		if !strings.Contains(table, "\n| "+m[1]+" | ") {
			t.Errorf("the table has no row %q", m[1])
		}
	}
	targets := regexp.MustCompile(`(?m)^\t"[a-z0-9/]+ (Fuzz\w+)"`).FindAllStringSubmatch(read(".ci/fuzz"), -1)
	if len(targets) < 12 {
		t.Errorf("found %d targets in .ci/fuzz, expected one for every parser", len(targets))
	}
	if want := fmt.Sprintf("`.ci/fuzz`: %d targets,", len(targets)); !strings.Contains(page, want) {
		t.Errorf("SECURITY.md does not say %q", want)
	}
	for _, m := range targets {
		if !declared[m[1]] {
			t.Errorf(".ci/fuzz names %s, which is not there", m[1])
		}
	}
}
