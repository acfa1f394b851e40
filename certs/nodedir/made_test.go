package nodedir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// countedContext calls a function whenever it is asked whether it has ended.
type countedContext struct {
	context.Context
	asked func()
}

func (c countedContext) Err() error {
	c.asked()
	return c.Context.Err()
}

// An info-bundle that cannot be put in its place after the directory was
// changed: the error says that the change is made, and the same call again
// makes the bundle of the same date. Found by failing every system call in turn
// (cmd/swptpeer, TestFaults): it said that nothing was changed.
func TestBundleThatCannotBePlaced(t *testing.T) {
	attempt := func(asked func(out string)) (d *Dir, out string, err error) {
		d = openNode(t, "ca")
		writeText(t, d, "nodeinfo/new.txt", "new\n")
		out = filepath.Join(t.TempDir(), "out.zip")
		_, err = d.CreateBundle(countedContext{t.Context(), func() { asked(out) }}, out, false, keyOf(t, d))
		return d, out, err
	}
	last := 0
	if _, _, err := attempt(func(string) { last++ }); err != nil {
		t.Fatal(err)
	}
	// The last time is just before the files are changed: then somebody takes
	// the name.
	n := 0
	d, out, err := attempt(func(out string) {
		if n++; n == last {
			write(t, out, "somebody else's\n")
		}
	})
	if !errors.Is(err, ErrMade) || !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), out) {
		t.Fatalf("found %v, want ErrMade with the reason", err)
	}
	if text := string(read(t, out)); text != "somebody else's\n" {
		t.Errorf("somebody else's file is %q now", text)
	}
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	line := readText(t, d, fileUpdatedAt)
	res, err := d.CreateBundle(t.Context(), out, false, keyOf(t, d))
	if err != nil || res.Changed || res.UpdatedAt.String()+"\n" != line {
		t.Errorf("again: found %+v, %v, want a bundle of %q", res, err, line)
	}
}
