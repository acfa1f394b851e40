package strictzip_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// FuzzOpen: whatever the bytes, Open does not panic and keeps to its limits; what it accepts,
// Go's archive/zip reads in the same way, and the digest is that of the bytes.
func FuzzOpen(f *testing.F) {
	seeds := 0
	add := func(data []byte) {
		if len(data) <= 1<<16 {
			f.Add(data)
			seeds++
		}
	}
	for class, count := range map[string]int{"accept": 9, "reject": 13, "malicious": 8, "iffy": 49} {
		for _, name := range vectorFiles(f, class, count) {
			add(readFile(f, name))
		}
	}
	for _, name := range someFiles(f, filepath.Join(testdata, "reference/bundles/*.zip"), 5) {
		data := readFile(f, name)
		add(data)
		inner, err := mustOpen(f, data).ReadFile("nodeinfo.zip", 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		add(inner)
	}
	for _, data := range smallArchives(f) {
		add(data)
	}
	for _, fix := range fixtures() {
		add(fix.data)
	}
	if seeds < 200 {
		f.Fatalf("%d seeds, expected at least 200", seeds)
	}
	lim := testLimits
	lim.Total, lim.File, lim.Ratio, lim.RatioFree = 1<<20, 1<<20, 1000, 1<<16
	f.Fuzz(func(t *testing.T, data []byte) {
		a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), lim)
		if len(rep.Results) < len(strictzip.Rules()) {
			t.Fatalf("%d results for %d rules", len(rep.Results), len(strictzip.Rules()))
		}
		if a == nil {
			if len(rep.Failed(check.Error)) == 0 {
				t.Fatal("refused without a rule")
			}
			return
		}
		var total int64
		for _, e := range a.Entries() {
			total += e.Size
			if err := strictzip.CheckName(e.Name); err != nil {
				t.Fatalf("accepted %v", err)
			}
		}
		if total > lim.Total {
			t.Fatalf("accepted %d bytes", total)
		}
		agreeWithArchiveZip(t, data, mustOpen(t, data))
		walkAll(t, a)
	})
}

// FuzzWrite: what is written is read again, whatever the names and contents; what is refused is
// refused for its names.
func FuzzWrite(f *testing.F) {
	f.Add("a", "b/c", "content")
	f.Add("a", "A", "")
	f.Add("\u00e9", "e\u0301", "x")
	f.Add("a", "a/b", "x")
	f.Add("nodeinfo.zip", "x/y/z", string(plain().bytes()))
	f.Fuzz(func(t *testing.T, first, second, content string) {
		var b bytes.Buffer
		files := []strictzip.File{file(first, content), file(second, content+content)}
		w, err := strictzip.Write(t.Context(), &b, files, testTime, testLimits)
		if err != nil {
			if b.Len() > 0 {
				t.Fatalf("refused after %d bytes: %v", b.Len(), err)
			}
			return
		}
		a, err := w.Verify(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		agreeWithArchiveZip(t, b.Bytes(), a)
		walkAll(t, a)
	})
}
