// Command bundlefiles makes the files with which examples/compare.sh measures info-bundles. The
// same arguments make the same files.
//
//	bundlefiles mixed DIR MIB          text, tables, programs and pictures, as an operator may publish
//	bundlefiles incompressible DIR MIB files that no program can make smaller
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: bundlefiles mixed|incompressible DIR MIB")
	}
	mib, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	kinds := map[string][]kind{"mixed": mixed, "incompressible": incompressible}[os.Args[1]]
	if kinds == nil {
		log.Fatalf("found %s, expected mixed or incompressible", os.Args[1])
	}
	if err := write(os.Args[2], kinds, int64(mib)<<20); err != nil {
		log.Fatal(err)
	}
}

// kind is a sort of file, with its share of all bytes.
type kind struct {
	name  string // with the number of the file
	share float64
	size  int64 // of the largest file; the others have a half, a quarter … of it
	fill  func(w io.Writer, r *rand.Rand, n int64) error
}

var mixed = []kind{
	{"docs/%03d.html", 0.40, 1 << 20, prose},
	{"docs/book-%03d.txt", 0.20, 16 << 20, prose},
	{"data/rates-%03d.csv", 0.14, 4 << 20, table},
	{"data/log-%03d.json", 0.12, 8 << 20, records},
	{"pictures/%03d.jpg", 0.06, 2 << 20, noise},
	{"bin/%03d.bin", 0.08, 4 << 20, binaries},
}

var incompressible = []kind{{"%03d.bin", 1, 8 << 20, noise}}

func write(dir string, kinds []kind, total int64) error {
	for i, k := range kinds {
		r := rand.New(rand.NewChaCha8([32]byte{byte(i + 1)}))
		left := int64(float64(total) * k.share)
		for n, size := 0, k.size; left > 0; n++ {
			size = min(size, left)
			if err := writeFile(filepath.Join(dir, fmt.Sprintf(k.name, n)), func(w io.Writer) error { return k.fill(w, r, size) }); err != nil {
				return err
			}
			left -= size
			if size /= 2; size < k.size/64 {
				size = k.size
			}
		}
	}
	return nil
}

func writeFile(name string, fill func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// limited writes what next makes until there are n bytes.
func limited(w io.Writer, n int64, next func(b []byte) []byte) error {
	var b []byte
	for n > 0 {
		b = next(b[:0])
		b = b[:min(int64(len(b)), n)]
		n -= int64(len(b))
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// words are spoken syllables; the first ones are frequent, as in every language.
var words = func() []string {
	r := rand.New(rand.NewChaCha8([32]byte{255}))
	syllables := []string{"an", "be", "con", "de", "er", "fi", "gen", "ha", "in", "jo", "ka", "lo", "men", "no", "or", "pre", "qui", "re", "sta", "ti", "un", "ver", "wa", "ex", "ly", "zo"}
	words := make([]string, 20000)
	for i := range words {
		for range 1 + r.IntN(2) + i*2/len(words) + min(i, 1) {
			words[i] += syllables[r.IntN(len(syllables))]
		}
	}
	return words
}()

func prose(w io.Writer, r *rand.Rand, n int64) error {
	zipf := rand.NewZipf(r, 1.15, 4, uint64(len(words)-1))
	var said []string // phrases come again
	return limited(w, n, func(b []byte) []byte {
		b = append(b, "<p>"...)
		for range 3 + r.IntN(5) {
			if len(said) > 64 && r.IntN(3) == 0 {
				b = append(b, said[r.IntN(len(said))]...)
				continue
			}
			start := len(b)
			for range 4 + r.IntN(12) {
				b = append(append(b, words[zipf.Uint64()]...), ' ')
			}
			b[len(b)-1] = '.'
			b = append(b, ' ')
			if s := string(b[start:]); len(said) < 2000 {
				said = append(said, s)
			} else {
				said[r.IntN(len(said))] = s
			}
		}
		return append(b, "</p>\n"...)
	})
}

func table(w io.Writer, r *rand.Rand, n int64) error {
	rate, day := 1000.0, 0
	return limited(w, n, func(b []byte) []byte {
		day++
		rate *= 1 + r.NormFloat64()/1000
		return fmt.Appendf(b, "%d,2026-%02d-%02d,%.4f,%d,%s\n", day, day/28%12+1, day%28+1, rate, r.IntN(100000), words[r.IntN(50)])
	})
}

func records(w io.Writer, r *rand.Rand, n int64) error {
	at := 1.79e9
	return limited(w, n, func(b []byte) []byte {
		at += r.ExpFloat64()
		return fmt.Appendf(b, `{"time":%.3f,"level":"info","msg":"%s %s","node":"%08x","bytes":%d,"took":%.4f}`+"\n",
			at, words[r.IntN(40)], words[r.IntN(40)], r.Uint32N(64)*0x9e3779b1, r.IntN(1<<16), r.ExpFloat64()/100)
	})
}

// binaries are like programs: instructions that come again with other operands.
func binaries(w io.Writer, r *rand.Rand, n int64) error {
	var ops [256][4]byte
	for i := range ops {
		binary.LittleEndian.PutUint32(ops[i][:], r.Uint32())
	}
	zipf := rand.NewZipf(r, 1.2, 3, uint64(len(ops)-1))
	return limited(w, n, func(b []byte) []byte {
		b = append(b, ops[zipf.Uint64()][:]...)
		return binary.LittleEndian.AppendUint16(b, uint16(r.NormFloat64()*300))
	})
}

func noise(w io.Writer, r *rand.Rand, n int64) error {
	return limited(w, n, func(b []byte) []byte {
		for range 512 {
			b = binary.LittleEndian.AppendUint64(b, r.Uint64())
		}
		return b
	})
}
