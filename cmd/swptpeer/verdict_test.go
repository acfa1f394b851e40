package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle/bundletest"
	"github.com/swaptacular/swptpeer/bundle/policy"
	"github.com/swaptacular/swptpeer/certs/check"
)

// testSystem is the machine of tests that run the command in this process.
func testSystem() system {
	sys := hostSystem()
	sys.now = func() time.Time { return referenceTime }
	sys.lookupEnv = func(string) (string, bool) { return "", false }
	return sys
}

// runHere runs the command in this process.
func runHere(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), testSystem(), append([]string{programName}, args...), strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

// validator compiles a schema.
func validator(t testing.TB, file string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate validates a JSON document.
func validate(t testing.TB, schema *jsonschema.Schema, what, text string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, text)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

const bundles = "../../testdata/reference/bundles"

// Real output, with every outcome in it, is what the schemas say.
func TestSchemas(t *testing.T) {
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.zip")
	data, err := os.ReadFile(filepath.Join(bundles, "ca.zip"))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-400] ^= 1
	garbage, nowhere, policyFile := filepath.Join(dir, "garbage.zip"), filepath.Join(dir, "nowhere.zip"), filepath.Join(dir, "swptpeer.toml")
	for name, content := range map[string][]byte{changed: data, garbage: []byte("no archive"),
		policyFile: []byte("[[waiver]]\nrule = 'root.lifetime'\nreason = 'x'\nuntil = 2026-01-01\n")} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	calls := [][]string{
		{"bundle", "verify", bundles},
		{"bundle", "verify", filepath.Join(bundles, "aa.zip"), changed, garbage, nowhere, "--policy", policyFile, "--waive", "trust.unproven=known here"},
		{"bundle", "verify", bundles, "--at", "2027-01-01", "--warn-days", "73000", "--strict"},
		{"cert", "verify", "--root", "../../testdata/reference/nodes/aa/root-ca.crt", "../../testdata/reference/servers/ca.crt"},
		{"cert", "verify", "--root", "../../testdata/reference/nodes/aa/root-ca.crt", "../../testdata/reference/servers/aa.crt", "--warn-days", "400"},
		{"csr", "inspect", "--root", "../../testdata/reference/nodes/aa/root-ca.crt", "../../testdata/reference/servers/aa.csr"},
		{"doctor", "--dir", "../../testdata/reference/nodes/aa"},
	}
	verdict, sarif := validator(t, "schema/verdict.json"), validator(t, "testdata/schema/sarif-2.1.0.json")
	outcomes := map[string]bool{}
	for _, args := range calls {
		name := strings.Join(args, " ")
		status, out, stderr := runHere(t, append(args, "--format", "json")...)
		if out == "" {
			t.Fatalf("%s: status %d, no output: %s", name, status, stderr)
		}
		validate(t, verdict, name, out)
		var doc verdictJSON
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for _, it := range doc.Items {
			for _, res := range it.Results {
				outcomes[res.Outcome] = true
			}
		}
		if doc.OK != (status == 0) {
			t.Errorf("%s: ok is %v with status %d", name, doc.OK, status)
		}
		_, out, _ = runHere(t, append(args, "--format", "sarif")...)
		validate(t, sarif, name, out)
		checkSARIF(t, out)
	}
	if len(outcomes) != 4 {
		t.Errorf("found the outcomes %v, expected all four", outcomes)
	}
	for _, args := range [][]string{{"bundle", "verify"}, {"cert", "verify"}, {"doctor"}} {
		status, out, _ := runHere(t, append(args, "--list-rules", "--format", "json")...)
		if status != 0 {
			t.Errorf("%v: status %d", args, status)
		}
		validate(t, validator(t, "schema/rules.json"), "rules", out)
	}
	// A schema that takes everything would show nothing.
	for _, bad := range []string{`{}`, `{"schema":1,"type":"bundle-verify","ok":true,"strict":false,"summary":{"items":0,"accepted":0,"refused":0,"unreadable":0},"items":[{"name":"x","ok":true,"error":"e","results":[]}]}`} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if verdict.Validate(doc) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

// checkSARIF checks what the standard demands and its schema cannot say: indexes
// and ids that agree, URIs, levels for kinds.
func checkSARIF(t testing.TB, text string) {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	for _, res := range run.Results {
		if res.RuleIndex >= len(run.Tool.Driver.Rules) || run.Tool.Driver.Rules[res.RuleIndex].ID != res.RuleID {
			t.Errorf("result of %s: found rule index %d", res.RuleID, res.RuleIndex)
		}
		place := res.Locations[0].Physical.Artifact
		if *place.Index >= len(run.Artifacts) || run.Artifacts[*place.Index].Location.URI != place.URI {
			t.Errorf("result of %s: found artifact %+v", res.RuleID, place)
		}
		if res.Kind != "fail" && res.Level != "none" {
			t.Errorf("result of %s: found kind %s with level %s", res.RuleID, res.Kind, res.Level)
		}
	}
}

// formatsOfVerdict are all five.
var formatsOfVerdict = []string{"text", "json", "junit", "github", "sarif"}

// Of many bundles, exactly the broken ones are reported, in every format, with
// rule, what was found and expected, what to do, and the digest of the file.
func TestBrokenAmongMany(t *testing.T) {
	dir := t.TempDir()
	paths, err := bundletest.Write(dir, 200, referenceTime)
	if err != nil {
		t.Fatal(err)
	}
	var broken []string
	for _, i := range []int{0, 77, 199} {
		data, err := os.ReadFile(paths[i])
		if err != nil {
			t.Fatal(err)
		}
		data[bytes.Index(data, []byte("stomp.toml"))+200] ^= 1 // in nodeinfo.zip, which is stored
		if err := os.WriteFile(paths[i], data, 0o644); err != nil {
			t.Fatal(err)
		}
		broken = append(broken, paths[i])
	}
	for _, format := range formatsOfVerdict {
		status, out, stderr := runHere(t, "bundle", "verify", dir, "--format", format)
		if status != statusFailed {
			t.Fatalf("%s: status %d: %s", format, status, stderr)
		}
		if got := refusedIn(t, format, out); !slices.Equal(got, broken) {
			t.Errorf("%s: found %v refused, expected %v", format, got, broken)
		}
		for _, path := range broken {
			f, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out, fmt.Sprintf("%x", sha256.Sum256(f))) {
				t.Errorf("%s: the digest of %s is missing", format, path)
			}
		}
		for _, part := range []string{"zip.crc", "checksum", "download the file again"} {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), part) {
				t.Errorf("%s: found no %q", format, part)
			}
		}
	}
}

// refusedIn reads the names of the items that are refused.
func refusedIn(t testing.TB, format, out string) (names []string) {
	t.Helper()
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch format {
	case "text":
		for line := range strings.Lines(out) {
			if name, ok := strings.CutSuffix(line[:max(0, strings.Index(line, " ("))], ": refused"); ok {
				add(name)
			}
		}
	case "json":
		var doc verdictJSON
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for _, it := range doc.Items {
			if !it.OK {
				add(it.Name)
			}
		}
	case "junit":
		var doc junitDocument
		if err := xml.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for _, s := range doc.Suites {
			if s.Failures > 0 || s.Errors > 0 {
				add(s.Name)
			}
		}
	case "github":
		for line := range strings.Lines(out) {
			if rest, ok := strings.CutPrefix(line, "::error file="); ok {
				name, _, _ := strings.Cut(rest, ",")
				add(name)
			}
		}
	case "sarif":
		var doc sarifLog
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		for _, res := range doc.Runs[0].Results {
			if res.Level == "error" && len(res.Suppressions) == 0 {
				add(res.Locations[0].Physical.Artifact.URI)
			}
		}
	}
	return names
}

// Text of strangers, in every place that a report has for it, stays where it is.
func TestHostileText(t *testing.T) {
	const evil = "a\x1b]0;x\x07\x1b[2J\u009b31m\u202e\u2066\n::error::forged\r\n%0A::stop-commands::x%25,:<b>&amp;]]></failure>\"'\\\x00\xff\u2028" + `","ok":true`
	rule := &check.Rule{ID: "x.y", Severity: check.Error, Title: "t", Citation: "c", Advice: "a"}
	notice := &check.Rule{ID: "x.z", Severity: check.Notice, Title: "t", Citation: "c", Advice: "a"}
	fill := func() []item {
		r := &check.Report{Subject: evil}
		r.FailAdvice(rule, evil, evil, evil, evil)
		r.Pass(rule, evil, evil)
		r.Skip(rule, evil, evil)
		r.Fail(notice, evil, evil, evil)
		waived := &check.Report{Subject: evil}
		waived.Fail(rule, evil, evil, evil)
		waived.Waive(rule.ID, evil)
		return []item{{name: evil, report: r, sha256: &[32]byte{}}, {name: evil, report: waived}, {name: evil, err: fmt.Errorf("%s", evil)}}
	}
	schema := validator(t, "schema/verdict.json")
	sarifSchema := validator(t, "testdata/schema/sarif-2.1.0.json")
	for _, format := range formatsOfVerdict {
		var out bytes.Buffer
		a := &app{sys: testSystem(), out: newPrinter(&out, testSystem(), true), err: newPrinter(io.Discard, testSystem(), true)}
		err := a.testVerdict(t, format, fill())
		if err == nil {
			t.Errorf("%s: nothing failed", format)
		}
		text := out.String()
		for i, r := range text {
			if r != '\n' && (!printable(r) || r == '\ufffd') {
				t.Fatalf("%s: found %U at byte %d", format, r, i)
			}
		}
		switch format {
		case "text":
			if strings.Contains(text, "\n::") {
				t.Errorf("text: a forged line")
			}
		case "json":
			validate(t, schema, format, text)
			if got := refusedIn(t, format, text); len(got) != 1 {
				t.Errorf("json: found %q", got)
			}
		case "junit":
			var doc junitDocument
			if err := xml.Unmarshal([]byte(text), &doc); err != nil || doc.Failures != 1 || doc.Errors != 1 || len(doc.Suites) != 3 {
				t.Errorf("junit: %v, %d failures, %d errors", err, doc.Failures, doc.Errors)
			}
		case "github":
			for line := range strings.Lines(text) {
				command, _, _ := strings.Cut(strings.TrimPrefix(line, "::"), " ")
				if !slices.Contains([]string{"error", "notice"}, command) || strings.Count(strings.SplitN(line, "::", 3)[1], ",") > 1 {
					t.Errorf("github: found %q", line)
				}
			}
			if n := strings.Count(text, "\n::error"); n != 1 {
				t.Errorf("github: found %d more errors", n)
			}
		case "sarif":
			validate(t, sarifSchema, format, text)
			checkSARIF(t, text)
		}
	}
}

// testVerdict prints items as a command does.
func (a *app) testVerdict(t testing.TB, format string, items []item) error {
	t.Helper()
	by := &criteria{at: referenceTime, policy: &policy.Policy{}, note: func(string) {}}
	c := &call{app: a, ctx: t.Context(), format: format, cli: cli.NewContext(cli.NewApp(), flag.NewFlagSet("", flag.ContinueOnError), nil)}
	return c.verdictBy(by, "bundle-verify", items)
}
