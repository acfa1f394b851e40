package durable

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These tests prove the order of calls from the calls themselves: what a power
// loss would leave cannot be seen in the files of a system that goes on.

// event is one call that changes files.
type event struct{ call, name string }

func (e event) String() string { return e.call + " " + e.name }

// recording returns a hook that notes every call in events, after h.
func recording(events *[]event, h hook) hook {
	return func(call, name string) error {
		if err := h(call, name); err != nil {
			return err
		}
		*events = append(*events, event{call, name})
		return nil
	}
}

// noFault is a hook that does nothing.
func noFault(string, string) error { return nil }

// isJournal reports whether a name is that of the journal in one of its states.
func isJournal(name string) bool { return strings.HasPrefix(name, testJournal) }

// checkOrder returns what is wrong with the order of the calls of one Commit or
// Recover that ran to its end.
func checkOrder(events []event) error {
	journalFolder := event{"sync", path.Dir(testJournal)}
	var unsynced []event // removals whose folder has not been synced
	for i, e := range events {
		switch {
		case e.call == "rename" && isJournal(e.name):
			// Nothing may be built on a state before it is durable.
			if i+1 == len(events) || events[i+1] != journalFolder {
				return fmt.Errorf("call %d: the journal's new state is not synced at once: %v", i, e)
			}
		case e.call == "remove" && isJournal(e.name):
			if len(unsynced) > 0 && e.name != testJournal+newSuffix {
				return fmt.Errorf("call %d: the journal is removed before this is synced: %v", i, unsynced)
			}
			if !slices.Contains(events[i:], journalFolder) {
				return fmt.Errorf("call %d: the removal of the journal is never synced", i)
			}
		case e.call == "remove", e.call == "remove-tree", e.call == "rename", e.call == "place", e.call == "exchange":
			unsynced = append(unsynced, e)
		case e.call == "sync":
			unsynced = slices.DeleteFunc(unsynced, func(u event) bool { return path.Dir(u.name) == e.name })
		}
		if e.call == "remove-tree" || e.call == "remove" || e.call == "rename" {
			// What was removed from a folder that goes is gone with it. A new
			// tree is renamed only to be removed.
			unsynced = slices.DeleteFunc(unsynced, func(u event) bool { return isAbove(e.name, u.name) })
		}
	}
	if len(unsynced) > 0 {
		return fmt.Errorf("never synced: %v", unsynced)
	}
	return nil
}

// checkStaged returns what of the staged content has not been synced: files,
// folders, and the folders in which they are.
func checkStaged(root string, events []event) error {
	count := 0
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		elements := strings.Split(name, "/")
		first := slices.IndexFunc(elements, IsTemporary)
		if first < 0 {
			return nil
		}
		count++
		needed := []string{path.Dir(name)}
		// A second name of an old file has nothing new in it.
		if !strings.HasSuffix(name, oldSuffix) || slices.Contains(events, event{"create", name}) {
			needed = append(needed, name)
		}
		for _, n := range needed {
			if !slices.Contains(events, event{"sync", n}) {
				return fmt.Errorf("%s: %s is not synced", name, n)
			}
		}
		return nil
	})
	if err == nil && count < 10 {
		err = fmt.Errorf("found %d staged names, expected more: is the walk right?", count)
	}
	return err
}

func TestOrderOfCommit(t *testing.T) {
	onEachFileSystem(t, func(t *testing.T, unsupported []string) {
		root := oldRoot(t)
		tx := testTx(root)
		var events []event
		var staged error
		commits := 0
		record := recording(&events, noFault)
		tx.hook = on(unsupported, func(call, name string) error {
			if call == "rename" && name == testJournal+stagingState {
				commits++
				staged = checkStaged(root, events)
			}
			return record(call, name)
		})
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if commits != 1 || staged != nil {
			t.Errorf("when the change was committed (%d times): %v", commits, staged)
		}
		if err := checkOrder(events); err != nil {
			t.Errorf("%v\n%v", err, events)
		}
	})
}

// Whatever state Recover finds, it syncs it before it does anything.
func TestOrderOfRecover(t *testing.T) {
	onEachFileSystem(t, func(t *testing.T, unsupported []string) {
		found := make(map[string]bool)
		for k := range countSteps(t, unsupported) {
			root := oldRoot(t)
			tx := testTx(root)
			h, _ := at(k, func() error { panic(crash{k}) })
			tx.hook = on(unsupported, h)
			if !crashing(func() { tx.Commit() }) {
				t.Fatalf("step %d: did not crash", k)
			}
			var events []event
			state := stateOf(t, root)
			if _, err := recoverWith(root, testJournal, on(unsupported, recording(&events, noFault))); err != nil {
				t.Fatal(err)
			}
			if state == "none" || state == newSuffix {
				continue
			}
			found[state] = true
			if len(events) == 0 || events[0] != (event{"sync", path.Dir(testJournal)}) {
				t.Fatalf("step %d: Recover began with %v, expected a sync of the journal's folder", k, events)
			}
			if err := checkOrder(events); err != nil {
				t.Fatalf("step %d: %v\n%v", k, err, events)
			}
		}
		if !found[committedState] || !found[stagingState] {
			t.Errorf("found the states %v, expected the committed and the staging one", found)
		}
	})
}

// An error is taken back in an order that a power loss may interrupt, too.
func TestOrderOfUndo(t *testing.T) {
	onEachFileSystem(t, func(t *testing.T, unsupported []string) {
		undone := 0
		for k := range countSteps(t, unsupported) {
			root := oldRoot(t)
			tx := testTx(root)
			var events []event
			failed := -1
			h, _ := at(k, func() error { failed = len(events); return errInjected })
			tx.hook = on(unsupported, recording(&events, h))
			if err := tx.Commit(); err == nil {
				t.Fatalf("step %d: no error", k)
			}
			if stateOf(t, root) != "none" {
				continue // interrupted: TestOrderOfRecover
			}
			if slices.Contains(events[failed:], event{"rename", testJournal + undoState}) {
				undone++
			}
			if err := checkOrder(events[failed:]); err != nil {
				t.Fatalf("step %d: %v\n%v", k, err, events[failed:])
			}
		}
		if undone == 0 {
			t.Error("no change was undone after it had been committed")
		}
	})
}

// stateOf returns the suffix of the journal that is there, or "none".
func stateOf(t *testing.T, root string) string {
	t.Helper()
	for _, s := range []string{committedState, stagingState, undoState, newSuffix} {
		if _, err := os.Lstat(filepath.Join(root, testJournal+s)); err == nil {
			return s
		}
	}
	return "none"
}
