//go:build unix

package nodedir

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadPlain(t *testing.T) {
	dir := t.TempDir()
	const limit = 10
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, size := range map[string]int{"empty": 0, "one": 1, "limit": limit, "past": limit + 1} {
		write(t, path(name), strings.Repeat("x", size))
	}
	if err := errors.Join(os.Mkdir(path("folder"), 0o755), unix.Mkfifo(path("pipe"), 0o644),
		os.Symlink("one", path("link")), os.Symlink("nowhere", path("dangling")), os.Symlink("/dev/null", path("device"))); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, tt := range []struct {
		name   string
		follow bool
		size   int
		says   string // "" : it is read
	}{
		{"empty", false, 0, ""},
		{"one", false, 1, ""},
		{"limit", false, limit, ""},
		{"past", false, 0, "found more than 10 bytes"},
		{"link", true, 1, ""},
		{"link", false, 0, "found a symbolic link, expected a regular file"},
		{"dangling", false, 0, "found a symbolic link, expected a regular file"},
		{"dangling", true, 0, "no such file"},
		{"missing", false, 0, "no such file"},
		{"folder", false, 0, "found a folder, expected a regular file"},
		{"pipe", false, 0, "found a device, pipe or socket, expected a regular file"},
		{"socket", false, 0, "found a device, pipe or socket, expected a regular file"},
		{"device", true, 0, "found a device, pipe or socket, expected a regular file"},
		{"one/below", false, 0, "not a directory"},
	} {
		begun := time.Now()
		data, err := readPlain(path(tt.name), limit, tt.follow)
		if tt.says == "" && (err != nil || len(data) != tt.size) {
			t.Errorf("%s, follow %t: found %d bytes and error %v, expected %d bytes", tt.name, tt.follow, len(data), err, tt.size)
		}
		if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path(tt.name))) {
			t.Errorf("%s, follow %t: found error %v, expected one that names the file and says %q", tt.name, tt.follow, err, tt.says)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: took %v", tt.name, took)
		}
	}
	if _, err := readPlain(path("missing"), limit, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found %v, expected that it does not exist", err)
	}
}

// A file that says it has no bytes, and has some.
func TestReadPlainWithoutSize(t *testing.T) {
	const name = "/proc/self/status"
	want, err := os.ReadFile(name)
	if err != nil {
		t.Skip("no file without a size: ", err)
	}
	data, err := readPlain(name, maxTextFile, false)
	if err != nil || len(data) < len(want)/2 || !strings.HasPrefix(string(data), "Name:") {
		t.Errorf("found %d bytes and error %v, expected about %d bytes", len(data), err, len(want))
	}
	if _, err := readPlain(name, 16, false); err == nil || !strings.Contains(err.Error(), "found more than 16 bytes") {
		t.Errorf("found error %v, expected a refusal of more than 16 bytes", err)
	}
}
