//go:build unix

package source_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/source"
)

// A pipe that was named is read, as with <(…) of a shell; one in a folder is not
// opened, because nobody may ever write to it.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	o := source.NewOpener(source.Options{})
	f, err := open(t, o, dir)
	wantsError(t, f, err, source.Unreadable, "not a file")
	go os.WriteFile(path, []byte("content"), 0)
	f, err = open(t, o, path)
	wants(t, f, err, []byte("content"))
}
