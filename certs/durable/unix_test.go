//go:build unix

package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func syscallUmask(mask int) int { return syscall.Umask(mask) }

// What the child process of a test is to do.
const (
	childVar = "DURABLE_TEST_CHILD"
	rootVar  = "DURABLE_TEST_ROOT"
)

// TestMain lets the test binary be started again as a process that is killed.
func TestMain(m *testing.M) {
	switch what := os.Getenv(childVar); what {
	case "":
		os.Exit(m.Run())
	case "lock":
		if _, err := Acquire(nil2ctx(), os.Getenv(rootVar), 0, nil); err != nil {
			os.Exit(2)
		}
		os.Stdout.WriteString("locked\n")
		time.Sleep(time.Minute)
	default:
		k, err := strconv.Atoi(what)
		if err != nil {
			os.Exit(2)
		}
		tx := testTx(os.Getenv(rootVar))
		tx.hook, _ = at(k, func() error {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		})
		if tx.Commit() != nil {
			os.Exit(3)
		}
	}
	os.Exit(0)
}

func child(t *testing.T, what, root string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+what, rootVar+"="+root)
	cmd.Stderr = os.Stderr
	return cmd
}

// A real process, really killed, at every step.
func TestKill(t *testing.T) {
	t.Parallel()
	steps := countSteps(t, nil)
	killed, completed := 0, 0
	for k := 0; k <= steps; k += 1 + stride()/3 {
		root := oldRoot(t)
		err := child(t, strconv.Itoa(k), root).Run()
		var exit *exec.ExitError
		switch {
		case err == nil && k >= steps:
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			killed++
		default:
			t.Fatalf("step %d: found %v, expected a kill", k, err)
		}
		rec, err := Recover(root, testJournal)
		if err != nil {
			t.Fatalf("step %d: %v", k, err)
		}
		switch got := sorted(snapshot(t, root)); {
		case got == oldState && completed == 0:
		case got == newState:
			completed++
		default:
			t.Fatalf("step %d: Recover says %+v, found\n%s", k, rec, got)
		}
	}
	if killed < steps/(2+stride()/3) || completed == 0 {
		t.Errorf("%d kills of %d steps, %d completed", killed, steps, completed)
	}
}

// Modes are exact, whatever the umask.
func TestUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		root := oldRoot(t)
		old := syscall.Umask(mask)
		err := testTx(root).Commit()
		syscall.Umask(old)
		// The fill of the test's trees makes folders itself; a mask of 0777 keeps
		// anybody but root out of them.
		if err != nil && mask == 0o777 && os.Getuid() != 0 {
			continue
		}
		if err != nil {
			t.Fatalf("umask %#o: %v", mask, err)
		}
		if got := sorted(snapshot(t, root)); got != newState {
			t.Errorf("umask %#o: found\n%s", mask, got)
		}
	}
}

// A device is neither read nor replaced, and not taken into a tree.
func TestSpecialFiles(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
		t.Skip(err)
	}
	tx := NewTx(root, testJournal)
	tx.Replace("fifo", nil, 0o644)
	if err := tx.Commit(); err == nil {
		t.Error("a FIFO was replaced")
	}
	tx = NewTx(root, testJournal)
	tx.CreateTree("tree", func(stage string) error { return syscall.Mkfifo(filepath.Join(stage, "fifo"), 0o644) })
	if err := tx.Commit(); err == nil {
		t.Error("a FIFO was taken into a tree")
	}
	if got := listNames(t, root); got != "fifo" {
		t.Errorf("left %s", got)
	}
}

// The kernel releases the lock of a process that is killed, and tells who held
// it before.
func TestLockOfKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	cmd := child(t, "lock", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatal(line, err)
	}
	l, err := Acquire(t.Context(), path, time.Minute, func(holder string) {
		if want := fmt.Sprintf("process %d (", cmd.Process.Pid); runtime.GOOS == "linux" && !strings.HasPrefix(holder, want) {
			t.Errorf("found holder %q, expected %q…", holder, want)
		}
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// A file or folder is nobody else's until it is complete, whatever the umask: it
// may hold a secret.
func TestNeverReadableByOthers(t *testing.T) {
	for _, umask := range []int{0, 0o022} {
		t.Run(fmt.Sprintf("umask %#o", umask), func(t *testing.T) {
			root := oldRoot(t)
			tx := testTx(root)
			made := make(map[string]bool)
			stats := 0
			tx.hook = func(call, name string) error {
				file := filepath.Join(root, filepath.FromSlash(name))
				switch call {
				case "create", "mkdir":
					if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
						made[name] = true
					}
				case "write", "chmod":
					// A file of a tree is made by its fill, inside a folder of ours.
					if !made[name] {
						return nil
					}
					fi, err := os.Lstat(file)
					if err != nil {
						return err
					}
					stats++
					if fi.Mode().Perm()&0o077 != 0 {
						t.Errorf("before %s, %s has mode %v, expected none for others", call, name, fi.Mode())
					}
					if call == "chmod" {
						delete(made, name)
					}
				}
				return nil
			}
			defer syscall.Umask(syscall.Umask(umask))
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if stats < 15 || len(made) > 0 {
				t.Errorf("looked %d times and never at %v, expected every new file and folder", stats, made)
			}
		})
	}
}

// A mode that was set by a process that died before the sync is synced by the
// one that comes after it, which sets only one that is not.
func TestModeIsSynced(t *testing.T) {
	for _, state := range []string{committedState, undoState} {
		for _, there := range []fs.FileMode{0o640, 0o600} {
			root := tempDir(t)
			file := filepath.Join(root, "file")
			if err := errors.Join(os.WriteFile(file, nil, there), os.Chmod(file, there)); err != nil {
				t.Fatal(err)
			}
			plan := encodePlan(t, &plan{ID: testID, Ops: []op{{Action: ActionChmod, Path: "file", Mode: 0o600, OldMode: 0o640}}})
			if err := os.WriteFile(filepath.Join(root, testJournal+state), plan, 0o600); err != nil {
				t.Fatal(err)
			}
			want := fs.FileMode(0o600)
			if state == undoState {
				want = 0o640
			}
			set, synced := false, false
			_, err := recoverWith(root, testJournal, func(call, name string) error {
				set = set || call == "chmod" && name == "file"
				synced = synced || call == "sync" && name == "file"
				if (call == "remove" || call == "rename") && !synced {
					t.Errorf("%q, %v: the journal went on before the file was synced", state, there)
				}
				return nil
			})
			if err != nil || !synced || set != (there != want) {
				t.Errorf("%q, %v: found %v, set %t, synced %t", state, there, err, set, synced)
			}
			if fi, err := os.Stat(file); err != nil || fi.Mode() != want {
				t.Errorf("%q, %v: found %v, %v, expected the mode %v", state, there, fi.Mode(), err, want)
			}
		}
	}
}
