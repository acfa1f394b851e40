package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// TestExtractWhereSomethingAppears: a folder that was made by somebody else while
// the bundle was verified stays as it is, and nothing is left beside it.
func TestExtractWhereSomethingAppears(t *testing.T) {
	data, err := os.ReadFile("../../testdata/reference/bundles/ca.zip")
	if err != nil {
		t.Fatal(err)
	}
	b, report := bundle.Verify(bytes.NewReader(data), int64(len(data)), bundle.VerifyOptions{Time: referenceTime})
	if b == nil {
		t.Fatal(report.Err())
	}
	parent := t.TempDir()
	out := filepath.Join(parent, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	err = extractTo(out, b)
	if !errors.Is(err, fs.ErrExist) || exitStatus(err) != statusFailed || !strings.HasPrefix(hintFor(err), "nothing was changed: ") {
		t.Errorf("found %v (exit status %d, hint %q), expected that it exists", err, exitStatus(err), hintFor(err))
	}
	if after := readFiles(t, parent); len(after) != 2 {
		t.Errorf("found %v, expected an empty folder", after)
	}
}
