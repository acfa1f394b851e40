package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestManyBundlesInLittleMemory: 450 more bundles take little more memory,
// whatever the format. Nothing of them is kept but what they do not have in common,
// and no document is in memory as a whole.
func TestManyBundlesInLittleMemory(t *testing.T) {
	const (
		few, many = 50, 500
		// About 2 are measured, of which most are garbage.
		most = 14 << 20
	)
	data, err := os.ReadFile(filepath.Join(bundles, "da.zip"))
	if err != nil {
		t.Fatal(err)
	}
	folder := func(n int) string {
		dir := t.TempDir()
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.zip", i)), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	a, b := folder(few), folder(many)
	for _, format := range formatsOfVerdict {
		verify := func(dir string) process {
			// Garbage is collected early, so that what is in use is measured.
			p := runProcess(t, []string{"GOGC=25", "GOMAXPROCS=2"}, "bundle", "verify", dir, "--format", format)
			if p.status != statusDone {
				t.Fatalf("%s: exit status %d: %s", format, p.status, p.stderr)
			}
			return p
		}
		x, y := verify(a), verify(b)
		t.Logf("%s: %d MiB for %d, %d MiB for %d", format, x.memory>>20, few, y.memory>>20, many)
		if more := y.memory - x.memory; more > most {
			t.Errorf("%s: found %d MiB more for %d bundles than for %d, expected at most %d", format, more>>20, many, few, most>>20)
		}
	}
}
