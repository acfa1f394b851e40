package strictzip

import "testing"

// What does not get smaller is stored, by its last extension, in any case.
func TestMethodFor(t *testing.T) {
	for name, want := range map[string]uint16{
		"a": methodDeflate, "a.txt": methodDeflate, "zip": methodDeflate, "a.zip.txt": methodDeflate, "a.zip/b": methodDeflate,
		"a/": methodStored, "a.txt/": methodStored, "a.zip": methodStored, "b/a.txt.gz": methodStored, "a.JPG": methodStored, ".Png": methodStored,
	} {
		if got := methodFor(name); got != want {
			t.Errorf("%q: found method %d, expected %d", name, got, want)
		}
	}
}
