package certs

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// drawn is a package in the drawing of the package comment.
type drawn struct {
	path    string
	imports []string
}

// drawing reads the drawing in doc.go: a path, a line that says what it is for,
// and possibly a line with an arrow.
func drawing(t *testing.T) []drawn {
	t.Helper()
	file, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var packages []drawn
	for line := range strings.Lines(string(file)) {
		line, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "//\t")
		if !ok {
			continue
		}
		imports, arrow := strings.CutPrefix(line, "    → ")
		switch {
		case arrow && len(packages) > 0:
			packages[len(packages)-1].imports = strings.Split(imports, ", ")
		case !strings.HasPrefix(line, " "):
			packages = append(packages, drawn{path: line})
		}
	}
	return packages
}

// The drawing shows every package of the module with its imports, and all of
// them point downwards.
func TestDrawing(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatal(err)
		}
		t.Skip("the go command is missing: ", err)
	}
	const module = "github.com/swaptacular/swptpeer/"
	list := exec.Command(tool, "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`,
		module+"cmd/...", module+"certs/...", module+"bundle/...", module+"stompcheck/...")
	var stderr strings.Builder
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	found := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		path := strings.TrimPrefix(fields[0], module)
		found[path] = nil
		for _, i := range fields[1:] {
			if i, ours := strings.CutPrefix(i, module); ours {
				found[path] = append(found[path], i)
			}
		}
		slices.Sort(found[path])
	}
	const command = "cmd/swptpeer"
	packages := drawing(t)
	if len(packages) < 10 || packages[0].path != command {
		t.Fatalf("found %d packages in the drawing, the first %v: is it read rightly?", len(packages), packages)
	}
	if len(packages) != len(found) {
		t.Errorf("found %d packages in the drawing, expected %d", len(packages), len(found))
	}
	for n, p := range packages {
		imports, ok := found[p.path]
		if !ok {
			t.Errorf("%s is in the drawing and not in the module, or twice", p.path)
		}
		delete(found, p.path)
		if p.path != command && !slices.Equal(p.imports, imports) {
			t.Errorf("%s: the drawing has %q, expected %q", p.path, p.imports, imports)
		}
		for _, i := range imports {
			if !slices.ContainsFunc(packages[n+1:], func(q drawn) bool { return q.path == i }) {
				t.Errorf("%s imports %s, which is not below it", p.path, i)
			}
		}
	}
	for path := range found {
		t.Errorf("%s is not in the drawing", path)
	}
}
