package strictzip_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// testLimits are those of info-bundle.md for nodeinfo.zip.
var testLimits = strictzip.Limits{
	Archive: 72 << 20, Total: 256 << 20, File: 128 << 20, Entries: 4096, Depth: 16, Name: 1024, Ratio: 200, RatioFree: 1 << 20,
}

const vectors = "../../testdata/vectors/zip"

// vectorFiles returns the archives of one class, of which there must be so many.
func vectorFiles(t testing.TB, class string, count int) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectors, class, "*.zip"))
	if err != nil || len(files) != count {
		t.Fatalf("found %d archives of class %s (%v), expected %d", len(files), class, err, count)
	}
	return files
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestVectors(t *testing.T) {
	for _, class := range []struct {
		name     string
		count    int
		accepted bool
	}{{"accept", 9, true}, {"reject", 13, false}, {"malicious", 8, false}, {"iffy", 49, false}} {
		for _, name := range vectorFiles(t, class.name, class.count) {
			t.Run(class.name+"/"+filepath.Base(name), func(t *testing.T) {
				data := readFile(t, name)
				a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits)
				if rep.Err() != nil {
					t.Log(rep.Err())
				}
				_ = a
				if class.name != "iffy" && (rep.Err() == nil) != class.accepted {
					t.Fatalf("accepted: %v, expected %v", rep.Err() == nil, class.accepted)
				}
			})
		}
	}
}
