package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk runs each command on a file system of a megabyte that has no
// room left, then a page more, and so on until it succeeds. A command that
// fails says that the disk is full and leaves everything byte for byte as it
// was; with more room, it ends like any other.
func TestFullDisk(t *testing.T) {
	for _, c := range faultCases() {
		if strings.Contains(c.name, "interrupted") {
			continue // needs strace, and is tried with ENOSPC in TestFaults
		}
		if c.few > 0 {
			continue // takes long, and differs from another case in its key only
		}
		t.Run(c.name, func(t *testing.T) {
			f := &faultRun{faultCase: &c, t: t}
			dir := fastFolder(t)
			template, roomy := filepath.Join(dir, "template"), filepath.Join(dir, "roomy", "accounts")
			if err := os.MkdirAll(filepath.Join(template, "in"), 0o755); err != nil {
				t.Fatal(err)
			}
			c.prepare(t, template)
			copyTree(t, template, roomy)
			if status, text := inProcess(referenceTime, f.env(), words(c.args, roomy)...); status != statusDone {
				t.Fatal(text)
			}
			end := f.read(roomy)
			refused := 0
			for pages := 0; ; pages += 1 + pages/2 {
				if done := f.onFullDisk(pages, template, end); done {
					break
				}
				refused++
			}
			if refused < 2 {
				t.Errorf("refused %d times, want more: the disk was not full", refused)
			}
		})
	}
}

// onFullDisk tries with so many pages left. It reports whether they were enough.
func (f *faultRun) onFullDisk(pages int, template string, end files) (done bool) {
	t := f.t
	work := filepath.Join(t.TempDir(), "accounts")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", work, "tmpfs", 0, "size=1m,mode=755"); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" && os.Getuid() == 0 {
			t.Fatal("a tmpfs cannot be mounted: ", err)
		}
		t.Skip("a tmpfs cannot be mounted: ", err)
	}
	defer syscall.Unmount(work, syscall.MNT_DETACH)
	copyTree(t, template, work)
	ballast := filepath.Join(work, "ballast")
	fill(t, ballast, pages)
	before := readFiles(t, work)
	status, text := inProcess(referenceTime, f.env(), words(f.args, work)...)
	if status != statusDone {
		if status != statusIO || !strings.Contains(text, "no space left on device") {
			t.Errorf("%d pages: exit status %d: %s", pages, status, text)
		}
		if after := readFiles(t, work); !after.equal(before) {
			t.Errorf("%d pages: it failed, and changed:\n%s", pages, after.difference(before))
		}
		os.Remove(ballast)
		if status, text := f.repeat(work); status != statusDone {
			t.Fatalf("%d pages: run again with room: exit status %d: %s", pages, status, text)
		}
	}
	os.Remove(ballast)
	if is := f.read(work); !is.equal(end) {
		t.Errorf("%d pages: the end is another one:\n%s", pages, is.difference(end))
	}
	return status == statusDone
}

// fill fills a disk except for some pages.
func fill(t *testing.T, ballast string, pages int) {
	t.Helper()
	out, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	page := slices.Repeat([]byte{1}, os.Getpagesize())
	size := 0
	for err == nil {
		var n int
		n, err = out.Write(page)
		size += n
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := out.Truncate(int64(max(0, size-pages*len(page)))); err != nil {
		t.Fatal(err)
	}
}
