package strictzip_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

func benchOpen(b *testing.B, data []byte, inflated int64) {
	b.SetBytes(inflated)
	b.ReportAllocs()
	for b.Loop() {
		if a, rep := strictzip.Open(bytes.NewReader(data), int64(len(data)), testLimits); a == nil {
			b.Fatal(rep.Err())
		}
	}
}

func BenchmarkOpenReference(b *testing.B) {
	data := readFile(b, filepath.Join(testdata, "reference/bundles/da.zip"))
	benchOpen(b, data, int64(len(data)))
}

// text compresses about as well as text does.
func text(n int) string {
	words := strings.Fields("the peer of a node sends its certificate to another and waits for an answer which never comes late")
	var b strings.Builder
	for seed := uint32(1); b.Len() < n; {
		seed = seed*1664525 + 1013904223
		b.WriteString(words[int(seed>>16)%len(words)])
		b.WriteByte(' ')
		if seed>>28 == 0 {
			fmt.Fprintf(&b, "%08x\n", seed)
		}
	}
	return b.String()[:n]
}

func BenchmarkOpenText(b *testing.B) {
	data, _ := mustWrite(b, []strictzip.File{file("a.txt", text(32<<20))}, testTime)
	benchOpen(b, data, 32<<20)
}

func BenchmarkOpenIncompressible(b *testing.B) {
	data, _ := mustWrite(b, []strictzip.File{file("a.bin", noise(64<<20))}, testTime)
	benchOpen(b, data, 64<<20)
}

func BenchmarkOpenStored(b *testing.B) {
	data, _ := mustWrite(b, []strictzip.File{file("a.zip", noise(64<<20))}, testTime)
	benchOpen(b, data, 64<<20)
}

func BenchmarkOpenManyFiles(b *testing.B) {
	var files []strictzip.File
	for i := range 4096 {
		files = append(files, file(fmt.Sprintf("folder%02d/file%04d.txt", i%50, i), text(200)))
	}
	data, _ := mustWrite(b, files, testTime)
	benchOpen(b, data, 4096*200)
}

func BenchmarkWalk(b *testing.B) {
	data, _ := mustWrite(b, []strictzip.File{file("a.txt", text(32<<20))}, testTime)
	a := mustOpen(b, data)
	b.SetBytes(32 << 20)
	for b.Loop() {
		err := a.Walk(func(_ strictzip.Entry, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for what, content := range map[string]string{"text": text(32 << 20), "incompressible": noise(32 << 20)} {
		b.Run(what, func(b *testing.B) {
			b.SetBytes(32 << 20)
			for b.Loop() {
				if _, err := strictzip.Write(b.Context(), io.Discard, []strictzip.File{file("a", content)}, testTime, testLimits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckName(b *testing.B) {
	for b.Loop() {
		if err := strictzip.CheckName("docs/terms-and-conditions/2026/general.txt"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHash is what hashing alone takes, for comparison with openssl dgst.
func BenchmarkHash(b *testing.B) {
	data := []byte(noise(64 << 20))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sha256.Sum256(data)
	}
}
