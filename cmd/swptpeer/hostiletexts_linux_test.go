package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// Text of a peer's making on its way to a terminal, to YAML, TOML and JSON, and
// to a shell in which somebody pastes what he reads.

// oddNames may be in a bundle: nothing in them is forbidden, and each means
// something to some program.
var oddNames = []string{
	"-rf", "--help", "--dir=elsewhere", "$(touch owned)", "`touch owned`", "; touch owned", "a && touch owned", "it's", "#comment",
	"{{ .Values }}", "%s%n%d", "!!python", "&anchor", "- item", "=1+1", "~", "a,b", "[link](x)", "naïve-日本語", " leading", "a=b",
	"kustomization.yaml", "resources-patch.yaml", "ACTIVE", "DEACTIVATED", "root-ca.crt", "SEQNUM", ".hidden",
}

// oddBundle is a bundle of the reference authority, with odd names, an odd
// manifest and this date.
func oddBundle(t testing.TB, updatedAt string) []byte {
	t.Helper()
	info := []entryOf{
		stored("stomp.toml", []byte(`servers = ["127.0.0.1:21234"]
host = "\u202e::error::forged\u2028&x[2J\u200b"
login = "'; touch owned; '"
passcode = "\"}, {\"op\": \"remove\""
destination = "/exchange/accounts_in"
accepted-content-types = ["application/json"]
"\u001b[2J: {a: &b [c" = "\u2028"
[x]
"y\nz" = 1
`)),
		stored("updated-at.txt", []byte(updatedAt+"\n")),
	}
	for _, name := range oddNames {
		info = append(info, stored(name, []byte("x")))
	}
	return signed(t, rawZip(t, info...))
}

// wellFormed fails if out is not what the format promises, or could do anything
// to a terminal.
func wellFormed(t *testing.T, what, format, out string) {
	t.Helper()
	for _, r := range out {
		if r != '\n' && (!printable(r) || r == '\ufffd') {
			t.Errorf("%s: the output has %U", what, r)
			break
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "::error::forged") {
			t.Errorf("%s: found a forged line", what)
		}
	}
	switch format {
	case "json", "sarif":
		d := json.NewDecoder(strings.NewReader(out))
		var doc any
		if err := d.Decode(&doc); err != nil {
			t.Errorf("%s: %v", what, err)
		} else if _, err := d.Token(); err != io.EOF {
			t.Errorf("%s: more than one document", what)
		}
	case "junit":
		d := xml.NewDecoder(strings.NewReader(out))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", what, err)
				break
			}
		}
	}
}

func TestHostileTexts(t *testing.T) {
	work := t.TempDir()
	env := map[string]string{"SWPTPEER_PASSWORD": "secret-pw"}
	const id = "1234abcd"
	// In the folder of a deployment, so that it gets manifests.
	node := filepath.Join(work, "swpt-creditors", "node")
	copyNodeTo(t, "ca", node)
	write := func(name, content string) string {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write(filepath.Join(node, "peers", "kustomization.yaml"), "resources: []\n")
	odd := write(filepath.Join(work, "odd.zip"), string(oddBundle(t, "2026-11-24")))
	plain := "../../testdata/reference/bundles/aa.zip"

	for _, args := range [][]string{
		{"bundle", "verify", odd, "--verbose"}, {"bundle", "inspect", odd}, {"bundle", "diff", plain, odd},
		{"bundle", "extract", odd, "--out", filepath.Join(work, "out"), "--dry-run"}, {"peer", "sign", odd, "--dir", node, "--dry-run"},
		{"peer", "sign", odd, "--dir", node, "--yes"}, {"peer", "list", "--dir", node}, {"peer", "show", id, "--dir", node}, {"doctor", "--dir", node},
		{"peer", "set", id, "--queues", "7", "--dir", node}, {"bundle", "verify", work},
	} {
		formats := []string{"text", "json"}
		if args[1] == "verify" || args[0] == "doctor" {
			formats = verdictFormats
		}
		for _, format := range formats {
			what := strings.Join(args, " ") + " " + format
			code, stdout, stderr := runWith(t, env, append(args, "--format", format)...)
			if code != statusDone {
				t.Errorf("%s: exit status %d: %.800s", what, code, stderr)
			}
			wellFormed(t, what, format, stdout)
			wellFormed(t, what, "text", stderr)
		}
	}

	// What was extracted is what was in it, and nothing of it took effect.
	entries, err := os.ReadDir(filepath.Join(node, "peers", id, "nodeinfo"))
	if err != nil || len(entries) != len(oddNames)+2 {
		t.Errorf("found %d files, %v, expected %d", len(entries), err, len(oddNames)+2)
	}
	peers, err := os.ReadDir(filepath.Join(node, "peers"))
	if err != nil || len(peers) != 2 {
		t.Errorf("found %v in peers, %v", peers, err)
	}
	manifests(t, node, id, "2026-11-24")

	// A date that is more than a date is refused where it comes in, …
	for _, date := range []string{"2026-11-25\"\n- op: remove", "2026-11-25 # x", "2026-11-25\u202e", "'2026-11-25'", "{{now}}", "2026-11-25\x00", "!!timestamp 2026-11-25"} {
		file := write(filepath.Join(work, "date.zip"), string(oddBundle(t, date)))
		before := digestOf(t, node)
		code, stdout, stderr := runWith(t, env, "peer", "sign", file, "--dir", node, "--yes")
		if code != statusFailed || !strings.Contains(stderr, "bundle.updated-at") {
			t.Errorf("%q: exit status %d: %s", date, code, stderr)
		}
		if digestOf(t, node) != before {
			t.Errorf("%q: something was changed", date)
		}
		wellFormed(t, "date", "text", stdout+stderr)
		// … and harmless where somebody wrote it into the directory.
		kept := filepath.Join(node, "peers", id, "nodeinfo", "updated-at.txt")
		good, err := os.ReadFile(kept)
		if err != nil {
			t.Fatal(err)
		}
		write(kept, date)
		for _, args := range [][]string{
			{"peer", "set", id, "--queues", fmt.Sprint(10 + len(date)), "--dir", node}, {"peer", "list", "--dir", node}, {"peer", "show", id, "--dir", node, "--format", "json"}, {"doctor", "--dir", node},
		} {
			_, stdout, stderr := runWith(t, env, args...)
			wellFormed(t, strings.Join(args, " "), "text", stdout+stderr)
		}
		manifests(t, node, id, "")
		write(kept, string(good))
	}
}

// manifests checks that a peer's manifests hold the values that they should, as
// text, and nothing else.
func manifests(t *testing.T, node, id, updatedAt string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(node, "peers", id, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Patches []struct{ Patch string }
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	var ops []struct {
		Op, Path string
		Value    any
	}
	if len(doc.Patches) == 0 || yaml.Unmarshal([]byte(doc.Patches[0].Patch), &ops) != nil {
		t.Fatalf("found no patches in %s", data)
	}
	values := map[string]any{}
	for _, o := range ops {
		values[o.Path] = o.Value
		if !slices.Contains([]string{"add", "replace"}, o.Op) {
			t.Errorf("found the operation %q in %s", o.Op, data)
		}
	}
	found := fmt.Sprintf("%v", values)
	if len(ops) != 4 || !strings.Contains(found, id) {
		t.Errorf("found %d operations, %s", len(ops), found)
	}
	if updatedAt != "" && values["/spec/template/spec/containers/0/env/0/value"] != any(updatedAt) {
		t.Errorf("found %s, expected %q", found, updatedAt)
	}
}

// TestNamesThatAreFlags: files called like flags are files, if it is said, and are
// never taken for anything else when a folder is read.
func TestNamesThatAreFlags(t *testing.T) {
	data, err := os.ReadFile("../../testdata/reference/bundles/ca.zip")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	names := []string{"--help.zip", "--format=json.zip", "-q.zip", "--.zip", "-", "--"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for _, name := range names {
		for _, args := range [][]string{{"bundle", "verify", "--", name}, {"bundle", "verify", "./" + name}, {"bundle", "inspect", "./" + name, "--format", "json"}} {
			if args[2] == "--" && name == "-" {
				continue // standard input, everywhere
			}
			code, stdout, stderr := runWith(t, nil, args...)
			if code != statusDone {
				t.Errorf("%q: exit status %d: %s%s", args, code, stdout, stderr)
			}
		}
	}
	code, stdout, _ := runWith(t, nil, "bundle", "verify", ".")
	if code != statusDone || !strings.Contains(stdout, "4 of 4 items accepted") || !strings.Contains(stdout, "--help.zip") {
		t.Errorf("exit status %d: %s", code, stdout)
	}
	for _, args := range [][]string{{"bundle", "extract", "./-", "--out", "-x"}, {"bundle", "extract", "./-", "--out", "--", "y"}} {
		code, _, _ := runWith(t, nil, args...)
		if entries, err := os.ReadDir("."); err != nil || code == statusDone && len(entries) != len(names)+1 || code != statusDone && len(entries) != len(names) {
			t.Errorf("%q: exit status %d, found %v", args, code, entries)
		}
		os.RemoveAll("-x")
	}
}
