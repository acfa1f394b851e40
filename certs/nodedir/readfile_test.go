package nodedir

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// isPlain says yes to the same content only, of whatever size.
func TestIsPlain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 200_000} {
		content := bytes.Repeat([]byte("0123456789abcdef\n"), size/17+1)[:size]
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		others := map[string][]byte{"longer": append(bytes.Clone(content), 'x')}
		if size > 0 {
			others["shorter"] = content[:size-1]
			for name, at := range map[string]int{"first": 0, "middle": size / 2, "last": size - 1} {
				other := bytes.Clone(content)
				other[at] ^= 1
				others[name] = other
			}
		}
		if same, err := isPlain(file, content); !same || err != nil {
			t.Errorf("%d bytes: found %t, %v", size, same, err)
		}
		for name, other := range others {
			if same, err := isPlain(file, other); same || err != nil {
				t.Errorf("%d bytes, %s: found %t, %v", size, name, same, err)
			}
		}
	}
	if same, err := isPlain(file+"x", nil); same || err == nil {
		t.Errorf("no file: found %t, %v", same, err)
	}
	link := file + "-link"
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	content, _ := os.ReadFile(file)
	if same, err := isPlain(link, content); same || err == nil {
		t.Errorf("a link: found %t, %v", same, err)
	}
}
