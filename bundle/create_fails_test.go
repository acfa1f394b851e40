package bundle_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// failingWriter is a disk that is full after n bytes.
type failingWriter struct{ n int }

var errFull = errors.New("no space left on device")

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		n := w.n
		w.n = 0
		return n, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

func TestCreateWriteErrors(t *testing.T) {
	src := sourceOf(t, "aa")
	size := len(mustCreate(t, src))
	for _, n := range []int{0, 1, size / 2, size - 1} {
		if _, err := bundle.Create(t.Context(), &failingWriter{n}, src); !errors.Is(err, errFull) {
			t.Errorf("full after %d of %d bytes: found %v", n, size, err)
		}
	}
	if _, err := bundle.Create(t.Context(), &failingWriter{size}, src); err != nil {
		t.Error(err)
	}
	t.Setenv("TMPDIR", filepath.Join(src.Dir, "not there"))
	if _, err := bundle.Create(t.Context(), io.Discard, src); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no place for temporary files: found %v", err)
	}
}

// No temporary file is left behind, whether it went well or not.
func TestCreateCleansUp(t *testing.T) {
	tmp := t.TempDir()
	src := sourceOf(t, "aa")
	t.Setenv("TMPDIR", tmp)
	mustCreate(t, src)
	put(t, src.Dir, map[string]string{"a/.git": "x"})
	if _, err := bundle.Create(t.Context(), io.Discard, src); err == nil {
		t.Error("a git repository was published")
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("found %v left behind, %v", left, err)
	}
}

// A file that changes between two readings is an error, or was not read again.
func TestCreateNoticesChanges(t *testing.T) {
	src := sourceOf(t, "aa")
	put(t, src.Dir, map[string]string{"x": "before"})
	want := mustCreate(t, src)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			// Whole files at a time, so that what is read at once is one of the two.
			tmp := filepath.Join(src.Dir, "..", "tmp")
			if os.WriteFile(tmp, []byte([]string{"before", "after!"}[i%2]), 0o600) != nil || os.Rename(tmp, filepath.Join(src.Dir, "x")) != nil {
				return
			}
		}
	}()
	failed := 0
	for range 12 {
		var out bytes.Buffer
		if _, err := bundle.Create(t.Context(), &out, src); err != nil {
			failed++
			if out.Len() > 0 || !strings.Contains(err.Error(), "chang") {
				t.Errorf("found %d bytes written, %v", out.Len(), err)
			}
			continue
		}
		mustVerify(t, out.Bytes())
	}
	close(stop)
	<-stopped
	t.Logf("%d of 12 runs noticed a change", failed)
	put(t, src.Dir, map[string]string{"x": "before"})
	if !bytes.Equal(mustCreate(t, src), want) {
		t.Error("the same content gave other bytes")
	}
}

// When Create is told to end, it does, with the cause, and nothing is written.
func TestCreateEndsEarly(t *testing.T) {
	src := sourceOf(t, "aa")
	put(t, src.Dir, map[string]string{"x": string(noise(3 << 20)(0))})
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	errStop := errors.New("stop")
	for _, when := range []string{"before", "while signing"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		again := src
		if when == "before" {
			cancel(errStop)
		} else {
			again.Key = signingKey{src.Key, func() { cancel(errStop) }}
		}
		var out bytes.Buffer
		if _, err := bundle.Create(ctx, &out, again); !errors.Is(err, errStop) || out.Len() > 0 {
			t.Errorf("%s: found %v and %d bytes, expected %v", when, err, out.Len(), errStop)
		}
		cancel(nil)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("found %v left behind, %v", left, err)
	}
}

// signingKey is a key that tells when it is used.
type signingKey struct {
	crypto.Signer
	used func()
}

func (k signingKey) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.used()
	return k.Signer.Sign(r, digest, opts)
}

// Content other than the caller has seen is not signed.
func TestCreateContent(t *testing.T) {
	src := sourceOf(t, "aa")
	var err error
	if src.Content, err = bundle.ContentDigest(src.Dir); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, src)
	put(t, src.Dir, map[string]string{"new": "x"})
	src.Key = signingKey{src.Key, func() { t.Error("it was signed") }}
	var out bytes.Buffer
	if _, err := bundle.Create(t.Context(), &out, src); err == nil || !strings.Contains(err.Error(), "changed while") || out.Len() > 0 {
		t.Errorf("found %v and %d bytes", err, out.Len())
	}
}
