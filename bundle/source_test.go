//go:build unix

package bundle

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What was listed is what is read: a file that has become another one, or has
// another size, is an error for everybody who reads it, and nobody waits for a pipe.
func TestSourceChanges(t *testing.T) {
	const name = "stomp.toml"
	write := func(path, content string) error { return os.WriteFile(path, []byte(content), 0o644) }
	for what, change := range map[string]func(path string) error{
		"replaced": func(path string) error {
			if err := write(path+".new", "again"); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
		"longer":  func(path string) error { return write(path, "first!") },
		"shorter": func(path string) error { return write(path, "firs") },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"a link": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Symlink("other", path)
		},
		"a pipe": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return syscall.Mkfifo(path, 0o644)
		},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			for n, content := range map[string]string{name: "first", "other": "other"} {
				if err := write(filepath.Join(dir, n), content); err != nil {
					t.Fatal(err)
				}
			}
			s, err := openSource(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			if sums, err := s.sums(); err != nil || len(sums) != 2 {
				t.Fatalf("before: found %d files, %v", len(sums), err)
			}
			if err := change(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			_, errSums := s.sums()
			_, errRead := s.readFile(name, 100)
			at, _ := ParseUpdatedAt("2026-11-23")
			var errArchive error
			for _, f := range s.archiveFiles(at) {
				if f.Name == name {
					var r io.ReadCloser
					if r, errArchive = f.Open(); errArchive == nil {
						r.Close()
					}
				}
			}
			for who, err := range map[string]error{"sums": errSums, "readFile": errRead, "archiveFiles": errArchive} {
				other := what == "replaced" || what == "a link" || what == "a pipe"
				if who == "archiveFiles" && !other {
					continue // strictzip.Write counts the bytes
				}
				if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "the file was changed") {
					t.Errorf("%s: found %v, expected that the file was changed", who, err)
				}
			}
		})
	}
}
