package bundle_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// BenchmarkVerify judges a bundle of a reference node, as most are: a few
// kilobytes. Its floor is what cannot be left out, the three signatures by the
// root key and the digest of every byte that is signed or reported.
func BenchmarkVerify(b *testing.B) {
	data := readBundle(b, "da")
	good, report := verify(data)
	if good == nil {
		b.Fatal(report.Err())
	}
	b.Run("floor", func(b *testing.B) {
		key := good.Root.PublicKey.(*rsa.PublicKey)
		signed := []struct{ content, signature []byte }{
			{good.Root.RawTBSCertificate, good.Root.Signature},
			{good.Request.RawTBSCertificateRequest, good.Request.Signature},
			{partsOf(b, "da").nodeInfo, good.Signature},
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, s := range signed {
				sum := sha256.Sum256(s.content)
				if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], s.signature); err != nil {
					b.Fatal(err)
				}
			}
			if sha256.Sum256(data) != good.SHA256 {
				b.Fatal("another digest")
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got, report := verify(data); got == nil {
				b.Fatal(report.Err())
			}
		}
	})
}

// benchSource is a node that publishes so many files of the given content each.
func benchSource(b *testing.B, files int, content func(i int) []byte) bundle.Source {
	src := sourceOf(b, "da")
	for i := range files {
		if err := os.WriteFile(filepath.Join(src.Dir, fmt.Sprintf("%03d.bin", i)), content(i), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return src
}

func noise(size int) func(i int) []byte {
	return func(i int) []byte {
		content := make([]byte, size)
		rand.NewChaCha8([32]byte{byte(i)}).Read(content)
		return content
	}
}

func prose(size int) func(i int) []byte {
	return func(i int) []byte {
		words := strings.Fields("the peer of a node sends its certificate to another and waits for an answer which never comes late")
		r := rand.New(rand.NewPCG(1, uint64(i)))
		var out bytes.Buffer
		for out.Len() < size {
			fmt.Fprintf(&out, "%s %s %x\n", words[r.IntN(len(words))], words[r.IntN(len(words))], r.Uint32()>>(r.IntN(8)*4))
		}
		return out.Bytes()[:size]
	}
}

// BenchmarkVerifyLarge judges a bundle near the largest size, of which nothing can be
// compressed. Its floor is the digests of the bundle and of nodeinfo.zip, one after
// the other, which is how fast two processors are that share one core's SHA-256.
func BenchmarkVerifyLarge(b *testing.B) {
	const files, size = 16, 4 << 20
	data := mustCreate(b, benchSource(b, files, noise(size)))
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			for range 2 {
				sha256.Sum256(data)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(files * size)
		b.ReportAllocs()
		for b.Loop() {
			if got, report := verify(data); got == nil {
				b.Fatal(report.Err())
			}
		}
	})
}

// BenchmarkCreate makes bundles of text and of what cannot be compressed.
func BenchmarkCreate(b *testing.B) {
	const files, size = 8, 2 << 20
	for _, c := range []struct {
		what    string
		files   int
		content func(i int) []byte
	}{{"reference", 0, nil}, {"text", files, prose(size)}, {"incompressible", files, noise(size)}} {
		b.Run(c.what, func(b *testing.B) {
			src := benchSource(b, c.files, c.content)
			b.SetBytes(int64(c.files * size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bundle.Create(b.Context(), io.Discard, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
