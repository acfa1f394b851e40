package source_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/source"
)

// names of items; one with an error has its kind behind it.
func names(items []source.Item) string {
	var out []string
	for _, it := range items {
		s := it.Name
		if e, ok := errors.AsType[*source.Error](it.Err); ok {
			s += "!" + e.Kind.String()
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"b.zip", "d/b.zip", "d/a.ZIP", "d/a/z.zip", "d/readme.txt", "d/x.zip/inner.zip", "none/readme.txt", "-"} {
		write(t, name, "x")
	}
	if err := os.Symlink("d", "link"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"b.zip", "b.zip"},
		{"d b.zip b.zip", "d/a/z.zip d/a.ZIP d/b.zip d/x.zip/inner.zip b.zip b.zip"},
		{"link", "link/a/z.zip link/a.ZIP link/b.zip link/x.zip/inner.zip"},
		{"d/readme.txt", "d/readme.txt"},
		{"nowhere b.zip", "nowhere!unreadable b.zip"},
		{"none", "none!unreadable"},
		{"- ./-", "- ./-"},
		{"https://x.example/a.zip?b=c#d", "https://x.example/a.zip?b=c#d"},
	} {
		items, err := source.List(strings.Fields(tt.args))
		if got := filepath.ToSlash(names(items)); err != nil || got != tt.want {
			t.Errorf("%s: found %s, %v, expected %s", tt.args, got, err, tt.want)
		}
	}
	for arg, found := range map[string]string{
		"":                             "empty name",
		"http://x.example/a.zip":       "plain http",
		"HTTP://x.example/a.zip":       "plain http",
		"ftp://x.example/a.zip":        `"ftp:"`,
		"https://":                     "expected https://HOST/PATH",
		"https:///a.zip":               "expected https://HOST/PATH",
		"https://[::1/a.zip":           "cannot be read",
		"https://u:geheim@x.example/a": "user name or password",
		"file:///etc/passwd":           `"file:"`,
	} {
		items, err := source.List([]string{"b.zip", arg})
		e, ok := errors.AsType[*source.Error](err)
		if !ok || e.Kind != source.Usage || items != nil || !strings.Contains(err.Error(), found) {
			t.Errorf("%q: found %v, %v, expected a usage error about %s", arg, items, err, found)
		}
		if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestReadList(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "d/a.zip", "x")
	list := "# bundles\n\nd/a.zip\r\nd\n d/a.zip\nhttps://x.example/a.zip\nhttp://x.example/a.zip\n-\n"
	items, err := source.ReadList("list.txt", strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := filepath.ToSlash(names(items)), "# bundles!unreadable d/a.zip d/a.zip  d/a.zip!unreadable https://x.example/a.zip http://x.example/a.zip!refused -!refused"; got != want {
		t.Errorf("found %s\nexpected %s", got, want)
	}
	if err := items[5].Err; !strings.Contains(err.Error(), "list.txt: line 7: http://x.example/a.zip: found a plain http address") {
		t.Errorf("found %v", err)
	}
	for name, list := range map[string]string{
		"nothing": "\n\r\n", "empty": "", "a long line": strings.Repeat("x", source.MaxLine+1),
	} {
		items, err := source.ReadList("list.txt", strings.NewReader(list))
		e, ok := errors.AsType[*source.Error](err)
		if !ok || e.Kind != source.Unreadable || items != nil {
			t.Errorf("%s: found %v, %v", name, items, err)
		}
	}
	if items, err := source.ReadList("list.txt", strings.NewReader(strings.Repeat("x", source.MaxLine-1))); err != nil || len(items) != 1 {
		t.Errorf("the longest line: found %v, %v", items, err)
	}
	if _, err := source.ReadList("list.txt", failing{}); err == nil || !strings.Contains(err.Error(), "list.txt: broken") {
		t.Errorf("found %v", err)
	}
}

func TestMaxItems(t *testing.T) {
	var b strings.Builder
	for range source.MaxItems {
		b.WriteString("https://x.example/\n")
	}
	items, err := source.ReadList("list.txt", strings.NewReader(b.String()))
	if err != nil || len(items) != source.MaxItems {
		t.Fatalf("found %d, %v", len(items), err)
	}
	b.WriteString("https://x.example/\n")
	if _, err := source.ReadList("list.txt", strings.NewReader(b.String())); err == nil || !strings.Contains(err.Error(), fmt.Sprint(source.MaxItems)) {
		t.Errorf("found %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func FuzzReadList(f *testing.F) {
	f.Add("# x\na.zip\nhttps://x.example/\n")
	f.Add("http://a\n-\nhttps://u:p@h/\nfile:///x\n\x00\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, list string) {
		t.Chdir(dir)
		for line := range strings.Lines(list) {
			// Folders of this machine are not for the fuzzer.
			if filepath.IsAbs(strings.TrimSpace(line)) || strings.Contains(line, "..") {
				return
			}
		}
		items, err := source.ReadList("list", strings.NewReader(list))
		if (err == nil) == (len(items) == 0) {
			t.Fatalf("found %d items and %v", len(items), err)
		}
		for _, it := range items {
			if it.IsAddress() && !strings.HasPrefix(strings.ToLower(it.Name), "https:") {
				t.Errorf("found the address %q", it.Name)
			}
			if it.Name == "" || it.Err == nil && it.Name == "-" {
				t.Errorf("found %+v", it)
			}
		}
	})
}
