//go:build linux || darwin

package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestNoCoreFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("found a limit of %d (%d), %v, want none at all", limit.Cur, limit.Max, err)
	}
}
