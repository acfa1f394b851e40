package durable

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// interruptedAppend leaves a committed append of data to a file of this
// content, not yet made.
func interruptedAppend(t *testing.T, content, data string) (root, file string) {
	t.Helper()
	root = tempDir(t)
	file = filepath.Join(root, "index")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	tx := NewTx(root, testJournal)
	tx.Append("index", []byte(data))
	tx.hook = func(call, name string) error {
		if call == "write" && name == "index" {
			panic(crash{})
		}
		return nil
	}
	if !crashing(func() { tx.Commit() }) {
		t.Fatal("did not crash")
	}
	return root, file
}

func TestAppendAfterCrash(t *testing.T) {
	const content, data = "one\n", "two\nthree\n"
	tests := []struct {
		name  string
		found string // what is in the file when Recover comes
		want  string // "": an error, and the file stays as found
	}{
		{"nothing written", content, content + data},
		{"part written", content + "two\nth", content + data},
		{"all written", content + data, content + data},
		{"size written before content", content + "tw\x00\x00\x00\x00\x00\x00\x00\x00", content + data},
		{"only part of the size", content + "\x00\x00", content + data},
		{"all written, and others wrote more", content + data + "four\n", content + data + "four\n"},
		{"others wrote", content + "four\n", ""},
		{"others wrote, longer", content + "four\nfive\nsix\n", ""},
		{"others cut it", "on", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, file := interruptedAppend(t, content, data)
			if err := os.WriteFile(file, []byte(tt.found), 0o644); err != nil {
				t.Fatal(err)
			}
			seen, lerr := LookPending(root, testJournal)
			if lerr != nil || (seen.Obstacle == nil) != (tt.want != "") {
				t.Errorf("LookPending: found %+v, %v", seen, lerr)
			}
			rec, err := Recover(root, testJournal)
			got, _ := os.ReadFile(file)
			if tt.want != "" {
				if err != nil || !rec.Completed || string(got) != tt.want {
					t.Fatalf("found %q, %+v, %v; expected %q", got, rec, err, tt.want)
				}
				return
			}
			var i *Interrupted
			if !errors.Is(err, ErrForeign) || !errors.As(err, &i) || !strings.Contains(err.Error(), "index") {
				t.Errorf("found error %v, expected that another program changed it", err)
			}
			// What is found and what must be, so that people can put it right.
			for _, says := range []string{fmt.Sprintf("found %d bytes", len(tt.found)), fmt.Sprintf("the first %d of them", len(content)), fmt.Sprintf("%d bytes in all", len(content)+len(data))} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("found error %v, expected %q", err, says)
				}
			}
			if i.Journal != testJournal || !slices.Equal(i.Paths, []string{"index"}) {
				t.Errorf("found %q with %q, expected the journal's file and what it concerns", i.Journal, i.Paths)
			}
			if string(got) != tt.found {
				t.Errorf("found %q, expected that the file is left alone: %q", got, tt.found)
			}
		})
	}
}

// What has disappeared cannot be completed, and is not taken for complete.
func TestRecoverWithoutStaged(t *testing.T) {
	for _, action := range []string{ActionCreate, ActionReplace, ActionCreateTree, ActionReplaceTree} {
		root := tempDir(t)
		tx := NewTx(root, testJournal)
		fill := func(string) error { return nil }
		switch action {
		case ActionCreate:
			tx.Create("x", []byte("x"), 0o644)
		case ActionReplace:
			os.WriteFile(filepath.Join(root, "x"), nil, 0o644)
			tx.Replace("x", []byte("x"), 0o644)
		case ActionCreateTree:
			tx.CreateTree("x", fill)
		case ActionReplaceTree:
			os.Mkdir(filepath.Join(root, "x"), 0o755)
			tx.ReplaceTree("x", fill)
		}
		committed := false
		tx.hook = func(call, name string) error {
			committed = committed || call == "rename" && name == testJournal+stagingState
			if committed && name != "." && name != testJournal+stagingState {
				panic(crash{})
			}
			return nil
		}
		if !crashing(func() { tx.Commit() }) {
			t.Fatal("did not crash")
		}
		entries, _ := os.ReadDir(root)
		for _, e := range entries {
			if e.Name() != testJournal {
				os.RemoveAll(filepath.Join(root, e.Name()))
			}
		}
		if _, err := Recover(root, testJournal); !errors.Is(err, errLost) || !strings.Contains(err.Error(), action+" x") {
			t.Errorf("%s: found error %v, expected %v", action, err, errLost)
		}
		if pending, _ := Pending(root, testJournal); !pending {
			t.Errorf("%s: the journal is gone", action)
		}
	}
}

// A row in an index of 10,000 rows costs what one in an empty index costs.
func TestAppendDoesNotRewrite(t *testing.T) {
	root := tempDir(t)
	file := filepath.Join(root, "index")
	big := bytes.Repeat([]byte("V\t30260101000000Z\t\t0A\tunknown\t/O=x\n"), 10_000)
	if err := os.WriteFile(file, big, 0o644); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(file)
	tx := NewTx(root, testJournal)
	tx.Append("index", []byte("row\n"))
	calls := 0
	tx.hook = func(call, name string) error {
		calls++
		return nil
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(file)
	if err != nil || !os.SameFile(before, after) || after.Size() != int64(len(big))+4 {
		t.Errorf("found another file or size %d (%v)", after.Size(), err)
	}
	if calls > 25 {
		t.Errorf("%d calls that change files, expected at most 25", calls)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, rows := range []int{10, 10_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			root := tempDir(b)
			os.WriteFile(filepath.Join(root, "index"), bytes.Repeat([]byte("V\trow\n"), rows), 0o644)
			for b.Loop() {
				tx := NewTx(root, testJournal)
				tx.Append("index", []byte("V\trow\n"))
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
