package batch_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/batch"
	"github.com/swaptacular/swptpeer/bundle/source"
)

// BenchmarkJudge judges the same reference bundle again and again, in batches.
// Its floor is the three signatures of a bundle, verified on as many processors;
// with -cpu 1,2 it is seen how both grow with them.
func BenchmarkJudge(b *testing.B) {
	const many = 200
	data, err := os.ReadFile(filepath.Join(reference, "da.zip"))
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	for i := range many {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))+".zip"), data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("floor", func(b *testing.B) {
		f, err := os.Open(filepath.Join(reference, "da.zip"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		good, report := bundle.Verify(f, int64(len(data)), bundle.VerifyOptions{Time: testTime})
		if good == nil {
			b.Fatal(report.Err())
		}
		key, sum := good.Root.PublicKey.(*rsa.PublicKey), good.NodeInfo.SHA256
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				for range 3 {
					if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], good.Signature); err != nil {
						b.Fatal(err)
					}
				}
				if sha256.Sum256(data) != good.SHA256 {
					b.Fatal("another digest")
				}
			}
		})
	})
	b.Run("judge", func(b *testing.B) {
		items, err := source.List([]string{dir})
		if err != nil || len(items) != many {
			b.Fatal(err, len(items))
		}
		opts := batch.Options{Opener: source.NewOpener(source.Options{}), Verify: bundle.VerifyOptions{Time: testTime}}
		b.ReportAllocs()
		for left := b.N; left > 0; left -= many {
			results, err := batch.Judge(b.Context(), items[:min(left, many)], opts)
			if err != nil {
				b.Fatal(err)
			}
			for _, res := range results {
				if res.Err != nil || !res.Report.OK(true) {
					b.Fatal(res.Name, res.Err, res.Report.Err())
				}
			}
		}
	})
}
