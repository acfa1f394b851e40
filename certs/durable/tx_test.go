package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

const testJournal = ".journal"

// old is the folder every fault test starts from.
var oldFiles = map[string]string{
	"db/":                   "",
	"db/index":              "V\trow one\nV\trow two\n",
	"db/serial":             "0A\n",
	"db/gone":               "to be removed\n",
	"peers/":                "",
	"peers/a/":              "",
	"peers/a/nodeinfo/":     "",
	"peers/a/nodeinfo/x":    "old x\n",
	"peers/a/nodeinfo/d/":   "",
	"peers/a/nodeinfo/d/y":  "old y\n",
	"peers/a/nodeinfo/keep": "old keep\n",
	"private/":              "",
	"private/key":           "old key\n",
	"loose":                 "mode is wrong\n",
}

// newFiles is what the change makes of it.
var newFiles = map[string]string{
	"db/":                  "",
	"db/index":             "V\trow one\nV\trow two\nV\trow three\nV\trow four\n",
	"db/serial":            "0B\n",
	"db/seqnum":            "1\n",
	"db/sub/":              "",
	"db/sub/deep/":         "",
	"db/sub/deep/000001":   "a\n",
	"certs.pem":            "certificate\n",
	"peers/":               "",
	"peers/a/":             "",
	"peers/a/nodeinfo/":    "",
	"peers/a/nodeinfo/x":   "new x\n",
	"peers/a/nodeinfo/e/":  "",
	"peers/a/nodeinfo/e/z": "new z\n",
	"peers/b/":             "",
	"peers/b/root":         "root b\n",
	"peers/b/info/":        "",
	"peers/b/info/f":       "f\n",
	"peers/b/more":         "more\n",
	"private/":             "",
	"private/key":          "new key\n",
	"loose":                "mode is wrong\n",
}

func testTx(root string) *Tx {
	tx := NewTx(root, testJournal)
	tx.Append("db/index", []byte("V\trow three\n"))
	tx.Create("certs.pem", []byte("certificate\n"), 0o644)
	tx.Mkdir("db", 0o755)
	tx.Mkdir("db/sub", 0o755)
	tx.Mkdir("db/sub/deep", 0o755)
	tx.Create("db/sub/deep/000001", []byte("a\n"), 0o644)
	tx.CreateTree("peers/b", func(stage string) error {
		return errors.Join(
			os.WriteFile(filepath.Join(stage, "root"), []byte("root b\n"), 0o600),
			os.Mkdir(filepath.Join(stage, "info"), 0o700),
			os.WriteFile(filepath.Join(stage, "info", "f"), []byte("f\n"), 0o666))
	})
	tx.Create("peers/b/more", []byte("more\n"), 0o644)
	tx.ReplaceTree("peers/a/nodeinfo", func(stage string) error {
		return errors.Join(
			os.WriteFile(filepath.Join(stage, "x"), []byte("new x\n"), 0o644),
			os.Mkdir(filepath.Join(stage, "e"), 0o755),
			os.WriteFile(filepath.Join(stage, "e", "z"), []byte("new z\n"), 0o644))
	})
	tx.Replace("db/serial", []byte("0B\n"), 0o644)
	tx.Replace("db/seqnum", []byte("1\n"), 0o644)
	tx.Replace("private/key", []byte("new key\n"), 0o600)
	tx.Remove("db/gone")
	tx.Chmod("loose", 0o644)
	tx.Append("db/index", []byte("V\trow four\n"))
	return tx
}

// makeFiles makes a tree: names that end in a slash are folders.
func makeFiles(t testing.TB, root string, files map[string]string) {
	t.Helper()
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		full := filepath.Join(root, filepath.FromSlash(name))
		var err error
		if strings.HasSuffix(name, "/") {
			if err = os.Mkdir(full, 0o700); err == nil {
				err = os.Chmod(full, wantMode(name, false))
			}
		} else if err = os.WriteFile(full, []byte(files[name]), 0o600); err == nil {
			err = os.Chmod(full, wantMode(name, false))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantMode is the mode of a name in oldFiles or, if after, in newFiles.
func wantMode(name string, after bool) fs.FileMode {
	switch {
	case name == "private/":
		return 0o700
	case strings.HasPrefix(name, "private/"):
		return 0o600
	case strings.HasSuffix(name, "/"):
		return 0o755
	case name == "loose" && !after:
		return 0o666
	}
	return 0o644
}

// snapshot lists everything below root with mode and content.
func snapshot(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		fi, err := e.Info()
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if e.IsDir() {
			fmt.Fprintf(&b, "%s/ %o\n", name, fi.Mode().Perm())
			return nil
		}
		data, err := os.ReadFile(p)
		fmt.Fprintf(&b, "%s %o %q\n", name, fi.Mode().Perm(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantSnapshot(files map[string]string, after bool) string {
	var lines []string
	for name, content := range files {
		if strings.HasSuffix(name, "/") {
			lines = append(lines, fmt.Sprintf("%s %o\n", name, wantMode(name, after)))
		} else {
			lines = append(lines, fmt.Sprintf("%s %o %q\n", name, wantMode(name, after), content))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// sorted makes snapshots comparable: WalkDir sorts by element, not by path.
func sorted(s string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	if n := len(lines); n > 0 {
		lines[n-1] += "\n"
	}
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// tempDir is t.TempDir, in memory where there is such a place: these tests sync
// some hundred thousand times, and what they prove does not depend on the disk.
func tempDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "durable-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func oldRoot(t testing.TB) string {
	root := tempDir(t)
	makeFiles(t, root, oldFiles)
	return root
}

var (
	oldState = wantSnapshot(oldFiles, false)
	newState = wantSnapshot(newFiles, true)
)

func TestCommit(t *testing.T) {
	root := oldRoot(t)
	if got := sorted(snapshot(t, root)); got != oldState {
		t.Fatalf("the test's own start is wrong:\n%s\nwant\n%s", got, oldState)
	}
	tx := testTx(root)
	if got := sorted(snapshot(t, root)); got != oldState {
		t.Fatal("something happened before Commit")
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := sorted(snapshot(t, root)); got != newState {
		t.Fatalf("got\n%s\nwant\n%s", got, newState)
	}
	if err := tx.Commit(); err == nil {
		t.Fatal("a second Commit succeeded")
	}
	if pending, err := Pending(root, testJournal); pending || err != nil {
		t.Fatal(pending, err)
	}
	if rec, err := Recover(root, testJournal); err != nil || rec.Completed || rec.Undone {
		t.Fatalf("Recover after success: %+v, %v", rec, err)
	}
}

// errInjected is what a hook returns in place of a system call.
var errInjected = errors.New("injected")

// crash is what a hook panics with: the process ends there.
type crash struct{ step int }

// stride is how many of the second faults of a pair are passed over: there are
// some ten thousand pairs. CI tries more of them.
func stride() int {
	if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
		return 4
	}
	return 13
}

// crashing runs do and reports whether it crashed.
func crashing(do func()) (crashed bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case crash:
			crashed = true
		default:
			panic(r)
		}
	}()
	do()
	return false
}

// at returns a hook that does something before the k-th call (from 0), and a
// counter of calls.
func at(k int, do func() error) (hook, *int) {
	n := new(int)
	return func(string, string) error {
		*n++
		if *n == k+1 {
			return do()
		}
		return nil
	}, n
}

// fileSystems are kinds of file systems, as what is not supported there.
var fileSystems = []struct {
	name        string
	unsupported []string // calls
}{
	{"modern", nil},
	{"without exchange and exclusive rename", []string{"place", "exchange"}},
	{"without links, too", []string{"place", "exchange", "link"}},
}

// on wraps a hook such that some calls are not supported.
func on(unsupported []string, h hook) hook {
	return func(call, name string) error {
		if err := h(call, name); err != nil {
			return err
		}
		if slices.Contains(unsupported, call) {
			return errors.ErrUnsupported
		}
		return nil
	}
}

func onEachFileSystem(t *testing.T, do func(t *testing.T, unsupported []string)) {
	t.Parallel()
	for _, f := range fileSystems {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			do(t, f.unsupported)
		})
	}
}

func countSteps(t testing.TB, unsupported []string) int {
	root := oldRoot(t)
	tx := testTx(root)
	h, n := at(-1, nil)
	tx.hook = on(unsupported, h)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if *n < 60 {
		t.Fatalf("found %d steps, expected many more: is the hook called everywhere?", *n)
	}
	return *n
}

func TestErrorAtEveryStep(t *testing.T) { onEachFileSystem(t, testErrorAtEveryStep) }

func testErrorAtEveryStep(t *testing.T, unsupported []string) {
	steps := countSteps(t, unsupported)
	undone, interrupted := 0, 0
	for k := range steps {
		root := oldRoot(t)
		tx := testTx(root)
		h, _ := at(k, func() error { return errInjected })
		tx.hook = on(unsupported, h)
		err := tx.Commit()
		if !errors.Is(err, errInjected) {
			t.Fatalf("step %d: found error %v, expected the injected one", k, err)
		}
		if i := (*Interrupted)(nil); errors.As(err, &i) {
			interrupted++
			if !i.Applied {
				// Only a failing clean-up may lead here; there is one error.
				t.Fatalf("step %d: interrupted before the change was made: %v", k, err)
			}
			if _, err := Recover(root, testJournal); err != nil {
				t.Fatalf("step %d: recover: %v", k, err)
			}
			if got := sorted(snapshot(t, root)); got != newState {
				t.Fatalf("step %d: after %v and Recover, found\n%s\nwant\n%s", k, err, got, newState)
			}
			continue
		}
		undone++
		if got := sorted(snapshot(t, root)); got != oldState {
			t.Fatalf("step %d: after %v, found\n%s\nwant\n%s", k, err, got, oldState)
		}
	}
	t.Logf("%d steps: %d undone, %d already made", steps, undone, interrupted)
	if undone < steps*3/4 || interrupted == 0 {
		t.Errorf("%d undone and %d interrupted of %d steps is not what is expected", undone, interrupted, steps)
	}
}

// Two errors in a row: the second one hits the undoing or cleaning up.
func TestErrorWhileUndoing(t *testing.T) { onEachFileSystem(t, testErrorWhileUndoing) }

func testErrorWhileUndoing(t *testing.T, unsupported []string) {
	steps := countSteps(t, unsupported)
	for k := range steps {
		for then := 1 + k%stride(); ; then += stride() {
			root := oldRoot(t)
			tx := testTx(root)
			n := 0
			tx.hook = on(unsupported, func(string, string) error {
				n++
				if n == k+1 || n == k+1+then {
					return errInjected
				}
				return nil
			})
			err := tx.Commit()
			if err == nil {
				t.Fatalf("step %d: no error", k)
			}
			second := n > k+1+then || n == k+1+then
			pending, perr := Pending(root, testJournal)
			if perr != nil {
				t.Fatal(perr)
			}
			var i *Interrupted
			if !errors.As(err, &i) && pending {
				t.Fatalf("steps %d and +%d: a journal is left, but the error is %v", k, then, err)
			}
			if _, err := Recover(root, testJournal); err != nil {
				t.Fatalf("steps %d and +%d: recover: %v", k, then, err)
			}
			want := oldState
			if i != nil && i.Applied {
				want = newState
			}
			if got := sorted(snapshot(t, root)); got != want {
				t.Fatalf("steps %d and +%d: after %v, found\n%s\nwant\n%s", k, then, err, got, want)
			}
			if !second {
				break
			}
		}
	}
}

func TestCrashAtEveryStep(t *testing.T) { onEachFileSystem(t, testCrashAtEveryStep) }

func testCrashAtEveryStep(t *testing.T, unsupported []string) {
	steps := countSteps(t, unsupported)
	completed, undone := 0, 0
	for k := range steps {
		root := oldRoot(t)
		tx := testTx(root)
		h, _ := at(k, func() error { panic(crash{k}) })
		tx.hook = on(unsupported, h)
		if !crashing(func() { tx.Commit() }) {
			t.Fatalf("step %d: did not crash", k)
		}
		if k > 0 {
			if pending, err := Pending(root, testJournal); err != nil || (!pending && k > 1 && k < steps-1) {
				t.Fatalf("step %d: pending %v, %v", k, pending, err)
			}
		}
		rec, err := Recover(root, testJournal)
		if err != nil {
			t.Fatalf("step %d: recover: %v", k, err)
		}
		got := sorted(snapshot(t, root))
		switch {
		case got == oldState && !rec.Completed && completed == 0:
			undone++
		case got == newState && (rec.Completed || k == steps-1):
			completed++
		default:
			t.Fatalf("step %d: Recover says %+v, found\n%s", k, rec, got)
		}
	}
	t.Logf("%d steps: %d undone, then %d completed", steps, undone, completed)
	if undone < 10 || completed < 10 {
		t.Error("expected both outcomes many times")
	}
}

// A crash of Commit, then one of Recover at every step, then Recover.
func TestCrashOfRecover(t *testing.T) { onEachFileSystem(t, testCrashOfRecover) }

func testCrashOfRecover(t *testing.T, unsupported []string) {
	steps := countSteps(t, unsupported)
	for k := range steps {
		for l := k % stride(); ; l += stride() {
			root := oldRoot(t)
			tx := testTx(root)
			h, _ := at(k, func() error { panic(crash{k}) })
			tx.hook = on(unsupported, h)
			crashing(func() { tx.Commit() })
			h, _ = at(l, func() error { panic(crash{l}) })
			var first Recovery
			again := crashing(func() { first, _ = recoverWith(root, testJournal, on(unsupported, h)) })
			rec, err := Recover(root, testJournal)
			if err != nil {
				t.Fatalf("steps %d, %d: %v", k, l, err)
			}
			got := sorted(snapshot(t, root))
			completed := rec.Completed || first.Completed
			if !(got == newState && (completed || k > steps/2) || got == oldState && !completed) {
				t.Fatalf("steps %d, %d: Recover says %+v, then %+v; found\n%s", k, l, first, rec, got)
			}
			if !again {
				break
			}
		}
	}
}

// A crash while an error is being undone.
func TestCrashOfUndo(t *testing.T) { onEachFileSystem(t, testCrashOfUndo) }

func testCrashOfUndo(t *testing.T, unsupported []string) {
	steps := countSteps(t, unsupported)
	for k := range steps {
		for then := 1 + k%stride(); ; then += stride() {
			root := oldRoot(t)
			tx := testTx(root)
			n := 0
			tx.hook = on(unsupported, func(string, string) error {
				n++
				switch n {
				case k + 1:
					return errInjected
				case k + 1 + then:
					panic(crash{n})
				}
				return nil
			})
			var err error
			crashed := crashing(func() { err = tx.Commit() })
			rec, rerr := Recover(root, testJournal)
			if rerr != nil {
				t.Fatalf("steps %d and +%d: recover: %v", k, then, rerr)
			}
			got := sorted(snapshot(t, root))
			i := (*Interrupted)(nil)
			wantNew := rec.Completed || errors.As(err, &i) && i.Applied
			if wantNew && got != newState || !wantNew && got != oldState {
				t.Fatalf("steps %d and +%d: Recover says %+v, found\n%s", k, then, rec, got)
			}
			if !crashed {
				break
			}
		}
	}
}

func TestRefusedBeforeAnythingIsWritten(t *testing.T) {
	fill := func(string) error { return nil }
	tests := []struct {
		name string
		add  func(tx *Tx)
		is   error  // or nil
		says string // part of the message
	}{
		{"create over a file", func(tx *Tx) { tx.Create("db/index", nil, 0o644) }, fs.ErrExist, "create db/index"},
		{"create over a folder", func(tx *Tx) { tx.Create("db", nil, 0o644) }, fs.ErrExist, "create db"},
		{"create-tree over a folder", func(tx *Tx) { tx.CreateTree("peers/a", fill) }, fs.ErrExist, "create-tree peers/a"},
		{"replace a folder", func(tx *Tx) { tx.Replace("db", nil, 0o644) }, nil, "found a folder, expected a file"},
		{"replace a link", func(tx *Tx) { tx.Replace("link", nil, 0o644) }, nil, "found a symbolic link, expected a file"},
		{"append to a link", func(tx *Tx) { tx.Append("link", []byte("x")) }, nil, "found a symbolic link, expected a file"},
		{"append to nothing", func(tx *Tx) { tx.Append("none", []byte("x")) }, fs.ErrNotExist, "append none"},
		{"remove nothing", func(tx *Tx) { tx.Remove("none") }, fs.ErrNotExist, "remove none"},
		{"remove a folder", func(tx *Tx) { tx.Remove("db") }, nil, "expected a file"},
		{"replace-tree of a file", func(tx *Tx) { tx.ReplaceTree("loose", fill) }, nil, "found a file, expected a folder"},
		{"mkdir over a file", func(tx *Tx) { tx.Mkdir("loose", 0o755) }, nil, "found a file, expected a folder"},
		{"mkdir over a link", func(tx *Tx) { tx.Mkdir("outside", 0o755) }, nil, "found a symbolic link, expected a folder"},
		{"no parent", func(tx *Tx) { tx.Create("no/such", nil, 0o644) }, fs.ErrNotExist, "create no/such"},
		{"parent is a file", func(tx *Tx) { tx.Create("loose/x", nil, 0o644) }, nil, "create loose/x"},
		{"through a link that leaves", func(tx *Tx) { tx.Create("outside/x", nil, 0o644) }, ErrLink, "outside: found a symbolic link that leads out"},
		{"absolute", func(tx *Tx) { tx.Create("/etc/x", nil, 0o644) }, nil, "clean relative path"},
		{"dot dot", func(tx *Tx) { tx.Create("../x", nil, 0o644) }, nil, "clean relative path"},
		{"inner dot dot", func(tx *Tx) { tx.Create("db/../x", nil, 0o644) }, nil, "clean relative path"},
		{"empty", func(tx *Tx) { tx.Create("", nil, 0o644) }, nil, "clean relative path"},
		{"root", func(tx *Tx) { tx.Mkdir(".", 0o755) }, nil, "clean relative path"},
		{"NUL", func(tx *Tx) { tx.Create("a\x00b", nil, 0o644) }, nil, "every system"},
		{"backslash", func(tx *Tx) { tx.Create(`a\b`, nil, 0o644) }, nil, "every system"},
		{"long path", func(tx *Tx) { tx.Create(strings.Repeat("a", maxPathBytes+1), nil, 0o644) }, nil, "4097 bytes"},
		{"mode", func(tx *Tx) { tx.Create("x", nil, fs.ModeSetuid|0o755) }, nil, "permission bits only"},
		{"twice", func(tx *Tx) { tx.Create("x", nil, 0o644); tx.Replace("x", nil, 0o644) }, nil, "already"},
		{"inside a replaced tree", func(tx *Tx) {
			tx.ReplaceTree("peers/a", fill)
			tx.Create("peers/a/x", nil, 0o644)
		}, nil, "which the same change replaces"},
		{"journal", func(tx *Tx) { tx.Replace(testJournal, nil, 0o644) }, nil, "reserved"},
		{"temporary name", func(tx *Tx) { tx.Create("db/"+tempName(newTxID(), 3), nil, 0o644) }, nil, "reserved"},
		{"chmod nothing", func(tx *Tx) { tx.Chmod("none", 0o644) }, fs.ErrNotExist, "chmod none"},
		{"chmod a link", func(tx *Tx) { tx.Chmod("link", 0o644) }, nil, "symbolic link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := oldRoot(t)
			if err := os.Symlink("loose", filepath.Join(root, "link")); err != nil {
				t.Skip("no symbolic links here:", err)
			}
			if err := os.Symlink(t.TempDir(), filepath.Join(root, "outside")); err != nil {
				t.Fatal(err)
			}
			before := snapshotLinks(t, root)
			tx := NewTx(root, testJournal)
			tx.Create("first", []byte("fine"), 0o644)
			tt.add(tx)
			tx.hook = func(call, name string) error {
				t.Errorf("%s %s was called", call, name)
				return nil
			}
			err := tx.Commit()
			if err == nil || !strings.Contains(err.Error(), tt.says) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("found error %v, expected %q (%v)", err, tt.says, tt.is)
			}
			if after := snapshotLinks(t, root); after != before {
				t.Error("something was changed")
			}
		})
	}
}

// snapshotLinks is snapshot for folders with symbolic links in them.
func snapshotLinks(t testing.TB, root string) string {
	var b bytes.Buffer
	filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		fi, ierr := e.Info()
		if err != nil || ierr != nil {
			t.Fatal(err, ierr)
		}
		fmt.Fprintln(&b, p, fi.Mode(), fi.Size())
		return nil
	})
	return b.String()
}
