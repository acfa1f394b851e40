package durable

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The change of these tests, which has each kind of file: what was there, and what
// is to be.
var (
	filesBefore = map[string]string{"serial": "68\n", "index": "row\n", "top": "top\n"}
	filesAfter  = map[string]string{"serial": "69\n", "index": "row\nours\n", "cert": "68's\n"}
)

// interruptedChange leaves this change in a state: committed and not begun, or
// completed but for its end.
func interruptedChange(t *testing.T, applied bool) (root string) {
	t.Helper()
	root = tempDir(t)
	makeFiles(t, root, filesBefore)
	tx := NewTx(root, testJournal)
	tx.Replace("serial", []byte("69\n"), 0o644)
	tx.Create("cert", []byte("68's\n"), 0o644)
	tx.Append("index", []byte("ours\n"))
	tx.Remove("top")
	committed := false
	tx.hook = func(call, name string) error {
		if applied && call == "remove" || committed && !applied && name != "." {
			panic(crash{})
		}
		committed = committed || call == "rename" && name == testJournal+stagingState
		return nil
	}
	if !crashing(func() { tx.Commit() }) {
		t.Fatal("did not crash")
	}
	return root
}

// visible returns the content of the files that are not hidden.
func visible(t *testing.T, root string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			data, err := os.ReadFile(filepath.Join(root, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(data)
		}
	}
	return files
}

// What others did between a crash and Recover: nothing of it is lost, and nothing is
// half done because of it.
func TestOthersWroteMeanwhile(t *testing.T) {
	edit := func(name, content string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) {
			if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(name, content string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) {
			edit("another", content)(t, root)
			if err := os.Rename(filepath.Join(root, "another"), filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// staged removes the i-th temporary file with this ending.
	staged := func(i int, ending string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) {
			found, _ := filepath.Glob(filepath.Join(root, TempPrefix+"*-"+itoa(i)+ending))
			if len(found) != 1 {
				t.Fatalf("found %q", found)
			}
			if err := os.Remove(found[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	move := func(name string) func(t *testing.T, root string) {
		return func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name    string
		applied bool
		undo    bool
		do      func(t *testing.T, root string)
		path    string                          // of the obstacle; "": there is none
		lost    bool                            // the error is errLost
		then    func(t *testing.T, root string) // what the error advises
		changes map[string]string               // of the end state; "" is no file
	}{
		{name: "nobody"},
		{name: "serial replaced", do: replace("serial", "6A\n"), path: "serial", then: staged(0, ""), changes: map[string]string{"serial": "6A\n"}},
		{name: "serial edited in place", do: edit("serial", "6A\n"), path: "serial", then: move("serial")},
		{name: "serial put back", do: replace("serial", "68\n")},
		{name: "serial removed", do: move("serial")},
		{name: "certificate made", do: edit("cert", "theirs\n"), path: "cert", then: move("cert")},
		{name: "certificate made, kept", do: edit("cert", "theirs\n"), path: "cert", then: staged(1, ""), changes: map[string]string{"cert": "theirs\n"}},
		{name: "what is removed edited", do: edit("top", "theirs\n"), path: "top", then: move("top")},
		{name: "index added to", do: edit("index", "row\ntheirs\n"), path: "index", then: edit("index", "row\n")},
		{name: "staged serial removed", do: staged(0, ""), path: "serial", lost: true},
		{name: "staged certificate removed", do: staged(1, ""), path: "cert", lost: true},
		{name: "staged row removed", do: staged(2, ""), path: "index", lost: true, then: edit("index", "row\nours\n")},

		{name: "afterwards: nobody", applied: true},
		{name: "afterwards: all edited", applied: true, do: func(t *testing.T, root string) {
			edit("serial", "6A\n")(t, root)
			edit("cert", "theirs\n")(t, root)
			edit("top", "theirs\n")(t, root)
			edit("index", "row\nours\ntheirs\n")(t, root)
		}, changes: map[string]string{"serial": "6A\n", "cert": "theirs\n", "top": "theirs\n", "index": "row\nours\ntheirs\n"}},
		{name: "afterwards: row removed", applied: true, do: edit("index", "row\n")},

		{name: "undo, nothing in place: staged serial removed", undo: true, do: staged(0, "")},
		{name: "undo: nobody", applied: true, undo: true},
		{name: "undo: serial edited", applied: true, undo: true, do: edit("serial", "6A\n"), path: "serial", then: staged(0, oldSuffix), changes: map[string]string{"serial": "6A\n"}},
		{name: "undo: serial replaced", applied: true, undo: true, do: replace("serial", "6A\n"), path: "serial", then: move("serial")},
		{name: "undo: certificate edited", applied: true, undo: true, do: edit("cert", "theirs\n"), path: "cert", then: move("cert")},
		{name: "undo: index added to", applied: true, undo: true, do: edit("index", "row\nours\ntheirs\n"), path: "index", then: edit("index", "row\nours\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := interruptedChange(t, tt.applied)
			if tt.undo {
				if err := os.Rename(filepath.Join(root, testJournal), filepath.Join(root, testJournal+undoState)); err != nil {
					t.Fatal(err)
				}
			}
			if tt.do != nil {
				tt.do(t, root)
			}
			before := snapshot(t, root)
			seen, err := LookPending(root, testJournal)
			if err != nil || (seen.Obstacle != nil) != (tt.path != "") {
				t.Errorf("LookPending: found %+v, %v", seen, err)
			}
			if tt.path != "" {
				_, err := Recover(root, testJournal)
				if i := (*Interrupted)(nil); !errors.As(err, &i) || !errors.Is(err, ErrForeign) || errors.Is(err, errLost) != tt.lost || !strings.Contains(err.Error(), tt.path+": ") {
					t.Errorf("found error %v, expected one about %s", err, tt.path)
				} else if !strings.Contains(err.Error(), seen.Obstacle.Error()) {
					t.Errorf("found the obstacle %v, expected what Recover says: %v", seen.Obstacle, err)
				}
				if after := snapshot(t, root); after != before {
					t.Errorf("found\n%s\nexpected that nothing is touched:\n%s", after, before)
				}
				if tt.then == nil {
					return
				}
				tt.then(t, root)
			}
			if _, err := Recover(root, testJournal); err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(filesAfter)
			if tt.undo {
				want = maps.Clone(filesBefore)
			}
			maps.Copy(want, tt.changes)
			if got := visible(t, root); !maps.Equal(got, want) {
				t.Errorf("found %q, expected %q", got, want)
			}
			if left, _ := filepath.Glob(filepath.Join(root, ".*")); len(left) > 0 {
				t.Errorf("found %q afterwards", left)
			}
		})
	}
}

// All that stands in the way is said at once.
func TestSeveralObstacles(t *testing.T) {
	root := interruptedChange(t, false)
	makeFiles(t, root, map[string]string{"cert": "theirs\n"})
	os.WriteFile(filepath.Join(root, "serial"), []byte("6A\n"), 0o644)
	_, err := Recover(root, testJournal)
	for _, says := range []string{"replace serial: ", "create cert: "} {
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("found %v, expected %q, on one line", err, says)
		}
	}
}
