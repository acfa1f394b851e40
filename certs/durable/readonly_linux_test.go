package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user without rights of its own.
const nobody = 65534

// asOwner makes an ordinary user the owner of everything below root, and lets
// this test act on files as that user: the superuser may write to anything.
func asOwner(t *testing.T, root string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(name, nobody, nobody))
	})
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the thread is not used for anything else afterwards
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Setfsuid(0)
		runtime.UnlockOSThread()
	})
	if _, err := os.ReadDir(root); err != nil {
		t.Skip("another user cannot reach the test's folder: ", err)
	}
}

func chmodFile(t *testing.T, file string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// A file that is to be added to and may not be written (chattr +i, or owned by
// root after a sudo) is found out before anything is changed. Once,
// what came before it was made, and could not be taken back.
func TestAppendToReadOnly(t *testing.T) {
	root := oldRoot(t)
	asOwner(t, root)
	chmodFile(t, filepath.Join(root, "db/index"), 0o444)
	before := snapshot(t, root)
	tx := testTx(root)
	tx.hook = func(call, name string) error {
		t.Errorf("%s %s was called", call, name)
		return nil
	}
	err := tx.Commit()
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "append db/index") {
		t.Errorf("found error %v, expected that db/index may not be written", err)
	}
	if after := snapshot(t, root); after != before {
		t.Errorf("found\n%s", after)
	}
}

// Nothing is opened for writing that is not written to, so that a file which
// has become read-only does not stop what has been done to it already.
func TestRecoverBesideReadOnly(t *testing.T) {
	const content, data = "one\n", "two\n"
	for _, tt := range []struct{ name, state, found string }{
		{"undo, not appended", undoState, content},
		{"completion, appended", committedState, content + data},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, file := interruptedAppend(t, content, data)
			if tt.state != committedState {
				if err := os.Rename(filepath.Join(root, testJournal), filepath.Join(root, testJournal+tt.state)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(file, []byte(tt.found), 0o644); err != nil {
				t.Fatal(err)
			}
			asOwner(t, root)
			chmodFile(t, file, 0o444)
			rec, err := Recover(root, testJournal)
			if err != nil || rec.Completed != (tt.state == committedState) {
				t.Errorf("found %+v, %v", rec, err)
			}
			if got, _ := os.ReadFile(file); string(got) != tt.found {
				t.Errorf("found %q, expected %q", got, tt.found)
			}
			if left := listNames(t, root); left != "index" {
				t.Errorf("left %s", left)
			}
		})
	}
}

// A mode that may not be set (the file is somebody else's) stops the change, and
// nothing stops the undoing: the mode is the old one already.
func TestChmodOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only the superuser can make a file somebody else's")
	}
	root := oldRoot(t)
	asOwner(t, root)
	unix.Setfsuid(0)
	err := os.Chown(filepath.Join(root, "loose"), 0, 0)
	unix.Setfsuid(nobody)
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, root)
	tx := NewTx(root, testJournal)
	tx.Create("first", []byte("x"), 0o644)
	tx.Chmod("loose", 0o640)
	err = tx.Commit()
	if i := (*Interrupted)(nil); !errors.Is(err, fs.ErrPermission) || errors.As(err, &i) {
		t.Errorf("found error %v, expected that the mode may not be set, and no more", err)
	}
	if after := snapshot(t, root); after != before {
		t.Errorf("found\n%s", after)
	}
}

// What was cut off by a process that died before the sync is synced by the one
// that comes after it.
func TestUndoneAppendIsSynced(t *testing.T) {
	root, _ := interruptedAppend(t, "one\n", "two\n")
	if err := os.Rename(filepath.Join(root, testJournal), filepath.Join(root, testJournal+undoState)); err != nil {
		t.Fatal(err)
	}
	synced := false
	_, err := recoverWith(root, testJournal, func(call, name string) error {
		synced = synced || call == "sync" && name == "index"
		if call == "rename" && !synced {
			t.Error("the journal went on before the file was synced")
		}
		return nil
	})
	if err != nil || !synced {
		t.Errorf("found %v, synced: %t", err, synced)
	}
}
