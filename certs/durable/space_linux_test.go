package durable

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk mounts a file system of this many bytes.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" && os.Getuid() == 0 {
			t.Fatal("mounting a tmpfs is required here:", err)
		}
		t.Skip("a tmpfs cannot be mounted here:", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// fill leaves so many pages free.
func fillDisk(t *testing.T, dir string, pages int) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := bytes.Repeat([]byte{1}, os.Getpagesize())
	size := int64(0)
	for {
		n, err := f.Write(page)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size - int64(pages*len(page))); err != nil {
		t.Fatal(err)
	}
}

// A disk that is full at any point of the change leaves everything as it was.
func TestFullDisk(t *testing.T) {
	refused, done := 0, 0
	for pages := 0; done == 0; pages++ {
		if pages > 100 {
			t.Fatal("the change does not fit into 100 pages")
		}
		root := smallDisk(t, "size=1m")
		makeFiles(t, root, oldFiles)
		fillDisk(t, root, pages)
		before := snapshot(t, root)
		err := testTx(root).Commit()
		switch {
		case err == nil:
			done++
		case !errors.Is(err, syscall.ENOSPC):
			t.Fatalf("%d pages: found error %v, expected ENOSPC", pages, err)
		case errors.As(err, new(*Interrupted)):
			t.Fatalf("%d pages: not cleaned up: %v", pages, err)
		case snapshot(t, root) != before:
			t.Fatalf("%d pages: %v left something", pages, err)
		default:
			refused++
		}
		syscall.Unmount(root, 0)
	}
	if refused < 5 {
		t.Errorf("refused %d times, expected more", refused)
	}
}

// No more inodes: a full disk of the other kind.
func TestNoInodes(t *testing.T) {
	for inodes := 17; ; inodes++ {
		root := smallDisk(t, "size=1m,nr_inodes="+itoa(inodes))
		makeFiles(t, root, oldFiles)
		before := snapshot(t, root)
		err := testTx(root).Commit()
		if err == nil {
			if inodes < 20 {
				t.Error("the change needed no inodes")
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) || errors.As(err, new(*Interrupted)) || snapshot(t, root) != before {
			t.Fatalf("%d inodes: found error %v; as before: %v", inodes, err, snapshot(t, root) == before)
		}
		syscall.Unmount(root, 0)
	}
}

// A read-only file system: a clear error, and reading works.
func TestReadOnly(t *testing.T) {
	root := smallDisk(t, "size=1m")
	makeFiles(t, root, oldFiles)
	lock := filepath.Join(root, ".lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	if err := testTx(root).Commit(); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Commit: found error %v, expected EROFS", err)
	}
	if pending, err := Pending(root, testJournal); pending || err != nil {
		t.Error("Pending:", pending, err)
	}
	if _, err := Recover(root, testJournal); err != nil {
		t.Error("Recover with nothing to do:", err)
	}
	for _, path := range []string{lock, filepath.Join(root, ".other")} {
		if _, err := Acquire(nil2ctx(), path, 0, nil); !errors.Is(err, syscall.EROFS) {
			t.Errorf("Acquire: found error %v, expected EROFS", err)
		}
	}
}
