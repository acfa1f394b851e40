package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func nil2ctx() context.Context { return context.Background() }

func itoa(n int) string { return strconv.Itoa(n) }

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	l, err := Acquire(t.Context(), path, time.Second, func(string) { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || len(data) > 0 {
		t.Errorf("found a lock file with %q, %v; expected an empty one", data, err)
	}

	var holders []string
	_, err = Acquire(t.Context(), path, 30*time.Millisecond, func(h string) { holders = append(holders, h) })
	if !errors.Is(err, ErrLockTimeout) || !strings.Contains(err.Error(), path) {
		t.Errorf("found error %v, expected a timeout and the path", err)
	}
	if len(holders) != 1 {
		t.Errorf("onWait was called %d times, expected once", len(holders))
	}
	if _, err := Acquire(t.Context(), path, 0, func(string) { t.Error("onWait without waiting") }); !errors.Is(err, ErrLockTimeout) {
		t.Errorf("limit 0: found error %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	start := time.Now()
	_, err = Acquire(ctx, path, time.Minute, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
		t.Errorf("cancelled: found error %v after %v", err, time.Since(start))
	}

	// Released while somebody waits.
	again, err := Acquire(t.Context(), path, time.Minute, func(string) { l.Release() })
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the lock file is gone:", err)
	}
}

func TestLockRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Acquire(t.Context(), filepath.Join(dir, "none", "lock"), 0, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: found error %v", err)
	}
	if _, err := Acquire(t.Context(), dir, 0, nil); err == nil {
		t.Error("a folder was locked")
	}
	if runtime.GOOS == "windows" {
		return
	}
	os.Symlink("elsewhere", filepath.Join(dir, "link"))
	if _, err := Acquire(t.Context(), filepath.Join(dir, "link"), 0, nil); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("a link: found error %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "elsewhere")); err == nil {
		t.Error("the target of the link was made")
	}
}

// The lock excludes, also when somebody removes the file while others wait.
func TestLockExcludes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".lock")
	count := 0 // guarded by the lock alone; the race detector sees it otherwise
	var inside sync.Mutex
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 5 {
				l, err := Acquire(context.Background(), path, time.Minute, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if !inside.TryLock() {
					t.Error("two hold the lock")
					l.Release()
					return
				}
				count++
				inside.Unlock()
				l.Release()
			}
		})
	}
	wg.Wait()
	if count != 100 {
		t.Errorf("counted to %d, expected 100", count)
	}

	l, err := Acquire(t.Context(), path, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A lock file that was removed and made again is a new lock; who takes it
	// must hold the file that has the name.
	os.Remove(path)
	l2, err := Acquire(t.Context(), path, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(t.Context(), path, 0, nil); !errors.Is(err, ErrLockTimeout) {
		t.Errorf("found error %v, expected that the new file is locked", err)
	}
	l2.Release()
	l.Release()
}
