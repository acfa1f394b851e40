package nodedir

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/durable"
)

// touching is a planner that makes one file, with the decision it is given.
func touching(decision func(locked bool) string) func(*view) (*draft, error) {
	return func(v *view) (*draft, error) {
		dr := &draft{decision: decision(v.locked)}
		dr.Title = dr.decision
		dr.build = func(tx *durable.Tx, _ *signer) error {
			tx.Create("touched", nil, modeFile)
			return nil
		}
		return dr, nil
	}
}

func same(bool) string { return "touch" }

// The steps come in the order that the package promises.
func TestOrderOfSteps(t *testing.T) {
	d := openNode(t, "ca")
	var steps []string
	step := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	held := func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, err := durable.Acquire(ctx, d.file(fileLock), 0, nil)
		if err == nil {
			l.Release()
			os.Remove(d.file(fileLock))
		}
		return err != nil
	}
	ch := Change{
		Confirm: func(p *Plan) error { step("confirm %s, lock %v", p.Title, held()); return nil },
		Key: func() (crypto.Signer, error) {
			step("key, lock %v", held())
			return referenceKey(t, "ca"), nil
		},
	}
	plan, err := d.change(t.Context(), ch, func(v *view) (*draft, error) {
		step("plan, lock %v", held())
		dr := &draft{decision: "x", sign: true}
		dr.Title = "x"
		dr.build = func(tx *durable.Tx, s *signer) error {
			step("build, signer %v", s != nil)
			tx.Create("x", []byte("x"), modeFile)
			return nil
		}
		dr.after = func() error {
			_, err := os.Stat(d.file("x"))
			step("after, done %v, lock %v", err == nil, held())
			return nil
		}
		return dr, nil
	})
	if err != nil || len(plan.Changes) != 1 || plan.Changes[0].Path != "x" {
		t.Fatalf("%+v, %v", plan, err)
	}
	want := []string{
		"plan, lock false", "build, signer false", "confirm x, lock false", "key, lock false",
		"plan, lock true", "build, signer false", "build, signer true", "after, done true, lock true",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %q,\nwant %q", steps, want)
	}
	if held() {
		t.Error("the lock is still held")
	}
}

// What was confirmed is done, or nothing.
func TestDecisionChangesUnderLock(t *testing.T) {
	d := openNode(t, "ca")
	before := snapshot(t, d.Path())
	_, err := d.change(t.Context(), Change{}, touching(func(locked bool) string { return fmt.Sprint("touch ", locked) }))
	if !errors.Is(err, ErrChanged) {
		t.Errorf("found %v, want ErrChanged", err)
	}
	wantError(t, err, "nothing was done", "touch true", "touch false", "run the command again")
	unchanged(t, d.Path(), before)

	// Another process has done the same: fine.
	plan, err := d.change(t.Context(), Change{}, func(v *view) (*draft, error) {
		dr, err := touching(same)(v)
		dr.Nothing = v.locked
		return dr, err
	})
	if err != nil || !plan.Nothing {
		t.Errorf("%+v, %v", plan, err)
	}
	if diff := changedFiles(before, snapshot(t, d.Path())); len(diff) > 0 {
		t.Errorf("changed %q", diff)
	}

	// The key was not asked for before the lock, so it is not asked for at all.
	_, err = d.change(t.Context(), noKey(t), func(v *view) (*draft, error) {
		dr, err := touching(same)(v)
		dr.sign = v.locked
		return dr, err
	})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("found %v, want ErrChanged", err)
	}

	// The directory became another node's.
	_, err = d.change(t.Context(), Change{Confirm: func(*Plan) error {
		write(t, d.file(fileRootCert), string(read(t, referenceNodes, "da", fileRootCert)))
		return nil
	}}, touching(same))
	if !errors.Is(err, ErrChanged) {
		t.Errorf("found %v, want ErrChanged", err)
	}
}

// A plan that saw half of another process's change is made again; an error that
// stays is believed.
func TestPlanIsRepeatedWhileItsErrorChanges(t *testing.T) {
	d := openNode(t, "ca")
	tries := 0
	_, err := d.change(t.Context(), Change{}, func(v *view) (*draft, error) {
		if tries++; tries < planTries {
			return nil, fmt.Errorf("try %d", tries)
		}
		return touching(same)(v)
	})
	if err != nil || tries != planTries+1 {
		t.Errorf("%d tries, %v", tries, err)
	}
	for _, test := range []struct {
		text func() string
		want int
	}{
		{func() string { return "always" }, 2},
		{func() string { return fmt.Sprint(tries) }, planTries},
	} {
		tries = 0
		_, err := d.change(t.Context(), Change{}, func(*view) (*draft, error) {
			tries++
			return nil, errors.New(test.text())
		})
		if err == nil || tries != test.want {
			t.Errorf("%d tries, %v, want %d", tries, err, test.want)
		}
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	d := openNode(t, "ca")
	l, err := durable.Acquire(t.Context(), d.file(fileLock), time.Second, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, d.Path())
	var waits atomic.Int32
	d.opts.OnWait = func(string) { waits.Add(1) }
	d.opts.LockTimeout = 20 * time.Millisecond
	_, err = d.change(t.Context(), Change{}, touching(same))
	if !errors.Is(err, durable.ErrLockTimeout) || waits.Load() != 1 {
		t.Errorf("%v, waited %d times", err, waits.Load())
	}
	unchanged(t, d.Path(), before)
	ctx, cancel := context.WithCancel(t.Context())
	d.opts.OnWait = func(string) { cancel() }
	d.opts.LockTimeout = time.Minute
	if _, err = d.change(ctx, Change{}, touching(same)); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, want context.Canceled", err)
	}
	d.opts.OnWait = func(string) { l.Release() }
	if _, err = d.change(t.Context(), Change{}, touching(same)); err != nil {
		t.Error(err)
	}
}

// interrupt leaves the directory as a process that was killed in the middle of
// a change does: with a journal.
func interrupt(t *testing.T, d *Dir) {
	t.Helper()
	killed := errors.New("killed")
	tx := durable.NewTx(d.Path(), fileJournal)
	tx.CreateTree("peers/half", func(string) error {
		// The journal is there now. The change never comes further.
		for name := range snapshot(t, d.file(dirDB)) {
			if strings.HasPrefix(name, filepath.Base(fileJournal)) {
				write(t, d.file("saved"), string(read(t, d.file(dirDB), name)))
				if err := os.Rename(d.file("saved"), d.file("db/saved-"+name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		return killed
	})
	if err := tx.Commit(); !errors.Is(err, killed) {
		t.Fatalf("found %v, want the error of fill", err)
	}
	for name := range snapshot(t, d.file(dirDB)) {
		if was, ok := strings.CutPrefix(name, "saved-"); ok {
			if err := os.Rename(d.file("db/"+name), d.file("db/"+was)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !d.Pending() {
		t.Fatal("nothing is pending")
	}
}

func TestInterruptedChangeIsRecoveredFirst(t *testing.T) {
	d := openNode(t, "ca")
	interrupt(t, d)
	before := snapshot(t, d.Path())

	// Reading and dry runs work, and leave it to the next change.
	d = reopen(t, d.Path())
	plan, err := d.change(t.Context(), Change{DryRun: true}, touching(same))
	if err != nil || len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "interrupted") {
		t.Errorf("dry run: %+v, %v", plan, err)
	}
	unchanged(t, d.Path(), before)

	// Also where there is nothing else to do.
	var recovered []durable.Recovery
	d.opts.OnRecover = func(r durable.Recovery) { recovered = append(recovered, r) }
	_, err = d.change(t.Context(), Change{}, func(v *view) (*draft, error) {
		if v.Pending() {
			t.Error("planned from an interrupted state")
		}
		return &draft{Plan: Plan{Nothing: true}}, nil
	})
	if err != nil || d.Pending() || len(recovered) != 1 || !recovered[0].Undone {
		t.Errorf("%v, pending %v, %+v", err, d.Pending(), recovered)
	}

	// Init of a whole directory as well.
	interrupt(t, d)
	if _, err := Init(t.Context(), d.Path(), InitRequest{}, testOptions(), Change{}); err != nil || d.Pending() {
		t.Errorf("%v, pending %v", err, d.Pending())
	}
}

// A folder of the layout that is a link is named as such. That os.Root says that
// a path "escapes" helps nobody, and no change was interrupted.
func TestLinkedFolders(t *testing.T) {
	for _, rel := range []string{dirDB, dirCerts, dirSubnets, dirDebtorsSubnets, dirPeers} {
		t.Run(rel, func(t *testing.T) {
			d := openNode(t, "aa")
			toLink(t, d, rel)
			_, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "da2")}, keyOf(t, d))
			wantError(t, err, rel+": found a symbolic link")
			if !errors.Is(err, durable.ErrLink) || strings.Contains(err.Error(), "interrupted") {
				t.Errorf("found %v, expected only the link", err)
			}
		})
	}
	d := openNode(t, "aa")
	toLink(t, d, dirNodeInfo)
	_, err := d.CreateBundle(t.Context(), filepath.Join(t.TempDir(), "out.zip"), false, keyOf(t, d))
	wantError(t, err, "nodeinfo: found a symbolic link that leads out of the directory, expected a folder")
}
