package nodedir

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestNextSerial(t *testing.T) {
	const next = "8E5F9DB19112FEFA4BC420F299571934"
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string)
		want   []string // of the error; nil: next
	}{
		{"as the existing tool left it", func(*testing.T, string) {}, nil},
		{"lower case, as openssl rand writes it", func(t *testing.T, p string) { write(t, p+"/db/serial", strings.ToLower(next)+"\n") }, nil},
		{"db/serial put back", func(t *testing.T, p string) { write(t, p+"/db/serial", "8E5F9DB19112FEFA4BC420F299571933\n") },
			[]string{"db/serial", "8E5F9DB19112FEFA4BC420F299571933", "used already", "certs/8E5F9DB19112FEFA4BC420F299571933.pem", "doctor"}},
		{"db/serial put back, and certs/ cleared", func(t *testing.T, p string) {
			write(t, p+"/db/serial", "8E5F9DB19112FEFA4BC420F299571933\n")
			remove(t, p, "certs")
		}, []string{"used already", "found in db/index:5"}},
		{"no db/serial", func(t *testing.T, p string) { remove(t, p, "db/serial") }, []string{"db/serial", "init"}},
		{"no number", func(t *testing.T, p string) { write(t, p+"/db/serial", "x\n") }, []string{"db/serial", `"x"`}},
		{"odd digits", func(t *testing.T, p string) { write(t, p+"/db/serial", "ABC\n") }, []string{"db/serial", "even number"}},
		{"last row broken", func(t *testing.T, p string) {
			write(t, p+"/db/index", string(read(t, p, fileIndex))+"oops\n")
		}, []string{"db/index:6:", "found 1 fields"}},
		{"last row endless", func(t *testing.T, p string) { write(t, p+"/db/index", strings.Repeat("x", maxIndexRow+1)) },
			[]string{"db/index", "at most 16384"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, "aa")
			test.change(t, path)
			before := snapshot(t, path)
			serial, err := (&view{Dir: reopen(t, path), now: testNow}).nextSerial()
			if test.want == nil {
				if err != nil || serial.String() != next {
					t.Errorf("found %v, %v, want %s", serial, err, next)
				}
			} else {
				wantError(t, err, test.want...)
			}
			unchanged(t, path, before)
		})
	}
}

func TestNextSerialWithoutIndex(t *testing.T) {
	path := copyNode(t, "aa")
	remove(t, filepath.Join(path, fileIndex))
	_, err := (&view{Dir: reopen(t, path), now: testNow}).nextSerial()
	if !errors.Is(err, ErrNotNode) {
		t.Errorf("found %v, want ErrNotNode", err)
	}
}
