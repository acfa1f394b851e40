package bundle_test

import (
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/check"
)

func FuzzVerify(f *testing.F) {
	seeds := 0
	for _, name := range bundleNames {
		f.Add(readBundle(f, name))
		seeds++
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	signed := map[string]bool{}
	for _, name := range bundleNames {
		signed[meaning(mustVerify(f, readBundle(f, name)))] = true
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, report := verify(data)
		if (b != nil) != report.OK(false) || len(report.Results) == 0 {
			t.Fatalf("found bundle %v with %v", b, report.Err())
		}
		// Nobody here has a key to sign anything else.
		if b != nil && !signed[meaning(b)] {
			t.Fatalf("accepted with another meaning: %s", meaning(b))
		}
	})
}

// FuzzNodeInfo has the real key sign what the fuzzer makes.
func FuzzNodeInfo(f *testing.F) {
	p := partsOf(f, "aa")
	f.Add(p.nodeInfo)
	f.Add(zipOf(f, goodInfo(member{name: "a/b", content: "x", deflate: true})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, report := verify(p.signRaw(t, "aa", data).zip(t))
		if !report.Has("bundle.signature", check.Passed) && len(data) > 0 && len(data) <= bundle.MaxNodeInfo {
			t.Fatal(report.Err())
		}
		if b == nil {
			return
		}
		if b.NodeInfo.Manifest == nil || b.NodeInfo.UpdatedAt.IsZero() {
			t.Fatal("accepted without stomp.toml or updated-at.txt")
		}
		dir := t.TempDir() + "/x"
		if err := b.NodeInfo.Extract(dir); err != nil {
			t.Fatalf("accepted and not extracted: %v", err)
		}
	})
}
