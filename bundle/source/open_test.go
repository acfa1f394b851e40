package source_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/source"
)

// open opens one name.
func open(t testing.TB, o *source.Opener, name string) (*source.File, error) {
	t.Helper()
	items, err := source.List([]string{name})
	if err != nil || len(items) != 1 {
		t.Fatalf("%s: found %v, %v", name, items, err)
	}
	return o.Open(t.Context(), items[0])
}

// wants checks that an item was opened and has this content.
func wants(t testing.TB, f *source.File, err error, content []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size))
	if err != nil || !bytes.Equal(data, content) {
		t.Errorf("found %d bytes, %v, expected %d", len(data), err, len(content))
	}
	if digest, err := f.Digest(); err != nil || digest != sha256.Sum256(content) {
		t.Errorf("found digest %x, %v", digest, err)
	}
}

// wantsError checks the kind of an error and what it says.
func wantsError(t testing.TB, f *source.File, err error, kind source.Kind, found string) {
	t.Helper()
	e, ok := errors.AsType[*source.Error](err)
	if f != nil || !ok || e.Kind != kind || !strings.Contains(err.Error(), found) {
		t.Errorf("found %v, %v, expected %v … %s …", f, err, kind, found)
	}
}

func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	write(t, path, "content")
	o := source.NewOpener(source.Options{MaxSize: 3})
	f, err := open(t, o, path)
	wants(t, f, err, []byte("content")) // regular files are not read here
	f, err = open(t, o, filepath.Join(dir, "b.zip"))
	wantsError(t, f, err, source.Unreadable, "no such file")
	items, err := source.List([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f, err = o.Open(t.Context(), items[0])
	wantsError(t, f, err, source.Unreadable, "no such file")
	f, err = open(t, o, os.DevNull)
	wantsError(t, f, err, source.Unreadable, "not a file")
}

// brokenDisk reads like a disk that fails.
type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "read", Path: "b.zip", Err: syscall.EIO}
}

// What the system cannot read is not a bundle that was refused, though
// nothing but a refusal can come of judging it.
func TestFileFails(t *testing.T) {
	f := source.NewFile("b.zip", brokenDisk{}, 1000)
	if err := f.Err(); err != nil {
		t.Fatalf("before anything was read: %v", err)
	}
	if b, report := bundle.Verify(f, f.Size, bundle.VerifyOptions{Time: time.Now()}); b != nil || report.Err() == nil {
		t.Fatal("it was accepted")
	}
	wantsError(t, nil, f.Err(), source.Unreadable, "b.zip: input/output error")
}

func TestOne(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.zip"), "content")
	for _, tt := range []struct {
		name  string
		kind  source.Kind
		found string
	}{
		{"", source.Usage, "an empty name"},
		{"http://example.com/a.zip", source.Usage, "plain http"},
		{"https://user:geheim@example.com/a.zip", source.Usage, "a user name"},
		{dir, source.Unreadable, "found a folder"},
		{filepath.Join(dir, "b.zip"), source.Unreadable, "no such file"},
	} {
		it, err := source.One(tt.name)
		if (err == nil) == (tt.kind == source.Usage) {
			t.Errorf("%s: found %v", tt.name, err)
		}
		wantsError(t, nil, cmp.Or(err, it.Err), tt.kind, tt.found)
	}
	for _, name := range []string{"-", "https://example.com/a.zip", filepath.Join(dir, "a.zip")} {
		if it, err := source.One(name); err != nil || it.Err != nil || it.Name != name {
			t.Errorf("%s: found %+v, %v", name, it, err)
		}
	}
}

func TestStdin(t *testing.T) {
	const max = 3 << 20
	for _, n := range []int{0, 1, 1 << 20, 1<<20 + 1, max, max + 1} {
		data := bytes.Repeat([]byte("x"), n)
		o := source.NewOpener(source.Options{Stdin: bytes.NewReader(data), MaxSize: max})
		f, err := open(t, o, "-")
		if n > max {
			wantsError(t, f, err, source.Refused, "more than 3145728 bytes")
			continue
		}
		wants(t, f, err, data)
	}
	// A limit below what is kept in memory.
	f, err := open(t, source.NewOpener(source.Options{Stdin: strings.NewReader("12345"), MaxSize: 4}), "-")
	wantsError(t, f, err, source.Refused, "more than 4 bytes")
	f, err = open(t, source.NewOpener(source.Options{Stdin: io.MultiReader(strings.NewReader("1"), failing{})}), "-")
	wantsError(t, f, err, source.Unreadable, "broken")
	f, err = open(t, source.NewOpener(source.Options{}), "-")
	wantsError(t, f, err, source.Unreadable, "no standard input")
}

// What is spooled leaves nothing behind, whether it was closed or not.
func TestNoTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	data := bytes.Repeat([]byte("x"), 2<<20)
	f, err := open(t, source.NewOpener(source.Options{Stdin: bytes.NewReader(data)}), "-")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("found %v, %v, expected nothing", entries, err)
	}
	wants(t, f, nil, data)
	t.Setenv("TMPDIR", filepath.Join(dir, "nowhere"))
	f, err = open(t, source.NewOpener(source.Options{Stdin: bytes.NewReader(data)}), "-")
	wantsError(t, f, err, source.Unreadable, "nowhere")
}

// Nobody writes, and the caller goes away.
func TestInterrupted(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	items, err := source.List([]string{"-"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if f, err := source.NewOpener(source.Options{Stdin: r}).Open(ctx, items[0]); f != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found %v, %v", f, err)
	}
}

// What the system cannot read is remembered, whatever the reader makes of it.
func TestReadError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zip")
	const size = 1 << 20 // so large that it is not read at once
	write(t, path, strings.Repeat("x", size))
	f, err := open(t, source.NewOpener(source.Options{}), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(make([]byte, 20), size-10); err != io.EOF || f.Err() != nil {
		t.Errorf("at the end: found %v, %v", err, f.Err())
	}
	f.Close()
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil || !strings.Contains(f.Err().Error(), "a.zip: ") {
		t.Errorf("after Close: found %v, %v", err, f.Err())
	}
}
