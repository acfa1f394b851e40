package durable

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLookPending(t *testing.T) {
	all := make([]string, 0)
	for _, c := range testTx("x").Changes() {
		if c.Path != "db" { // there already
			all = append(all, c.Path)
		}
	}
	steps := countSteps(t, nil)
	listed := 0
	for k := range steps {
		root := oldRoot(t)
		tx := testTx(root)
		tx.hook, _ = at(k, func() error { panic(crash{k}) })
		crashing(func() { tx.Commit() })
		before := snapshot(t, root)
		pending, err := LookPending(root, testJournal)
		if err != nil {
			t.Fatal(err)
		}
		if pending.Obstacle != nil || (pending.Journal == "") != (pending.Journal != testJournal && pending.Journal != testJournal+stagingState && pending.Journal != testJournal+newSuffix) {
			t.Fatalf("step %d: found %+v", k, pending)
		}
		paths := pending.Paths
		if snapshot(t, root) != before {
			t.Fatal("something was changed")
		}
		switch {
		case slices.Equal(paths, all):
			listed++
		case len(paths) > 0:
			t.Fatalf("step %d: found %q, expected %q", k, paths, all)
		}
	}
	if listed < steps-10 {
		t.Errorf("paths were listed at %d of %d steps", listed, steps)
	}
	root := oldRoot(t)
	os.WriteFile(filepath.Join(root, testJournal), []byte("garbage"), 0o600)
	if _, err := LookPending(root, testJournal); !errors.Is(err, ErrJournal) {
		t.Error("garbage was accepted")
	}
	if _, err := LookPending(root, "journal"); err == nil {
		t.Error("a visible journal was accepted")
	}
}
