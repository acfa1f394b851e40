package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestReadOnlyDirectory: a node directory on a file system that is mounted
// read-only, as the servers have it. What reads, works; what would write says why
// it cannot.
func TestReadOnlyDirectory(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=2m,mode=755"); err != nil {
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" && os.Getuid() == 0 {
			t.Fatal("a tmpfs cannot be mounted: ", err)
		}
		t.Skip("a tmpfs cannot be mounted: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	node := filepath.Join(disk, "aa")
	copyNodeTo(t, "aa", node)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	const da = "9713c1a6b9b52ce34697c159b56ecfb0"
	env := map[string]string{"SWPTPEER_PASSWORD": "secret-pw", "SWPTPEER_NEW_PASSWORD": "another-one"}
	reference := "../../testdata/reference/"
	out := filepath.Join(t.TempDir(), "out")
	for _, args := range [][]string{
		{"peer", "list"}, {"peer", "show", da}, {"server", "list"}, {"doctor"}, {"key", "public"},
		{"peer", "sign", reference + "bundles/da2.zip", "--dry-run"}, {"peer", "set", da, "--queues", "9", "--dry-run"},
		{"csr", "sign", reference + "servers/aa.csr", "--dry-run"}, {"bundle", "create", out, "--dry-run"},
	} {
		if code, _, stderr := runWith(t, env, append(args, "--dir", node)...); code != statusDone {
			t.Errorf("%q: exit status %d: %s", args, code, stderr)
		}
	}
	for _, args := range [][]string{
		{"peer", "sign", reference + "bundles/da2.zip", "--yes"}, {"peer", "set", da, "--queues", "9"}, {"peer", "deactivate", da, "--yes"},
		{"csr", "sign", reference + "servers/aa.csr", "--yes"}, {"server", "renew", reference + "servers/aa.crt", "--yes"},
		{"bundle", "create", out}, {"key", "passwd"}, {"doctor", "--fix"}, {"init", "--type", "aa", "--prefix", "1234abcd"},
	} {
		code, stdout, stderr := runWith(t, env, append(args, "--dir", node)...)
		if code != statusIO || !strings.Contains(stderr, "read-only file system") || !strings.Contains(stderr, node) {
			t.Errorf("%q: exit status %d: %s%s", args, code, stdout, stderr)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%q: left an output file", args)
		}
	}
}
