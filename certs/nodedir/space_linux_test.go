package nodedir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// A full disk changes nothing, wherever it is noticed, and another try with more
// space succeeds.
func TestFullDisk(t *testing.T) {
	const tooMany = 400
	for name, change := range map[string]func(d *Dir) error{
		"server": func(d *Dir) error {
			_, err := d.IssueServer(t.Context(), serverRequest(t, d), 365, keyOf(t, d))
			return err
		},
		"password": func(d *Dir) error {
			_, err := d.ChangePassword(t.Context(), passwordOf("new"), keyOf(t, d))
			return err
		},
		"bundle": func(d *Dir) error {
			_, err := d.CreateBundle(t.Context(), d.file("b.zip"), false, keyOf(t, d))
			return err
		},
		"complete": func(d *Dir) error {
			_, err := Init(t.Context(), d.Path(), InitRequest{}, testOptions(), Change{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			refused := 0
			for pages := 0; ; pages += 1 + pages/4 {
				if pages > tooMany {
					t.Fatalf("does not fit into %d pages", tooMany)
				}
				disk := smallDisk(t)
				path := filepath.Join(disk, "node")
				if err := os.CopyFS(path, os.DirFS(filepath.Join(referenceNodes, "ca"))); err != nil {
					t.Fatal(err)
				}
				leaveFree(t, disk, pages)
				d := reopen(t, path)
				before := snapshot(t, disk)
				err := change(d)
				if err == nil {
					break
				}
				refused++
				if !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%d pages: found %v, want ENOSPC", pages, err)
				}
				unchanged(t, disk, before)
				syscall.Unmount(disk, 0)
			}
			if refused < 2 {
				t.Errorf("refused %d times, want more", refused)
			}
		})
	}
}

// A full disk leaves nothing of a new node.
func TestInitOnFullDisk(t *testing.T) {
	for pages := 0; ; pages++ {
		disk := smallDisk(t)
		leaveFree(t, disk, pages)
		before := snapshot(t, disk)
		_, err := Init(t.Context(), filepath.Join(disk, "a", "node"), adopting(t, certs.CreditorsAgent), testOptions(), Change{})
		if err == nil {
			if pages < 5 {
				t.Errorf("fits into %d pages: the test tests nothing", pages)
			}
			return
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%d pages: found %v, want ENOSPC", pages, err)
		}
		unchanged(t, disk, before)
		syscall.Unmount(disk, 0)
	}
}

// smallDisk mounts a file system of a megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" && os.Getuid() == 0 {
			t.Fatal("a tmpfs cannot be mounted: ", err)
		}
		t.Skip("a tmpfs cannot be mounted: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// leaveFree fills a disk except for some pages.
func leaveFree(t *testing.T, disk string, pages int) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := slices.Repeat([]byte{1}, os.Getpagesize())
	size := int64(0)
	for err == nil {
		var n int
		n, err = f.Write(page)
		size += int64(n)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(max(0, size-int64(pages*len(page)))); err != nil {
		t.Fatal(err)
	}
}

// A read-only file system is named as such, and nothing else is said.
func TestReadOnlyFileSystem(t *testing.T) {
	disk := smallDisk(t)
	path := filepath.Join(disk, "node")
	if err := os.CopyFS(path, os.DirFS(filepath.Join(referenceNodes, "ca"))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	d := reopen(t, path)
	_, err := d.IssueServer(t.Context(), serverRequest(t, d), 365, keyOf(t, d))
	wantError(t, err, "read-only", path)
	if !errors.Is(err, syscall.EROFS) {
		t.Errorf("%v is not EROFS", err)
	}
	if _, err := d.Servers(); err != nil {
		t.Error(err)
	}
}
