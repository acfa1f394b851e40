package bundle_test

import (
	"crypto"
	"crypto/sha256"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/bundletest"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// seeds reads the files of a pattern, of which there must be so many.
func seeds(f *testing.F, count int, pattern ...string) [][]byte {
	f.Helper()
	files, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil || len(files) != count {
		f.Fatalf("found %d seeds in %v (%v), expected %d", len(files), pattern, err, count)
	}
	data := make([][]byte, len(files))
	for i, name := range files {
		data[i] = readFile(f, name)
	}
	return data
}

func FuzzVerify(f *testing.F) {
	signed := map[string]bool{}
	for _, data := range seeds(f, len(bundleNames), reference, "bundles", "*.zip") {
		f.Add(data)
		signed[meaning(mustVerify(f, data))] = true
	}
	if len(signed) != len(bundleNames) {
		f.Fatalf("found %d different bundles, expected %d", len(signed), len(bundleNames))
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

// cheapNode is a node with an ECDSA key, which signs much faster than one with
// RSA 3072: its key, and a bundle without nodeinfo.zip and signature.
func cheapNode(t testing.TB) (crypto.Signer, *parts) {
	t.Helper()
	src, err := bundletest.NewSource(testTime)
	if err != nil {
		t.Fatal(err)
	}
	return src.Key, &parts{root: src.Root.File, request: src.Request.File}
}

// FuzzNodeInfo has the key sign what the fuzzer makes. The seeds are every
// archive of the vectors, what the nodes of the reference publish, and three
// that are accepted.
func FuzzNodeInfo(f *testing.F) {
	key, node := cheapNode(f)
	bundleOf := func(t testing.TB, nodeInfo []byte) []byte {
		signature, err := certs.SignDigest(key, sha256.Sum256(nodeInfo))
		if err != nil {
			t.Fatal(err)
		}
		p := *node
		p.nodeInfo, p.signature = nodeInfo, signature
		return p.zip(t)
	}
	manifest := strings.Replace(goodManifest, "accounts_in", "creditors_in", 1)
	for _, more := range [][]member{nil, {{name: "a/b", content: "x", deflate: true}}, {{name: "a/", mode: fs.ModeDir | 0o755}, {name: "\u00e9"}}} {
		data := zipOf(f, append([]member{{name: "stomp.toml", content: manifest}, {name: "updated-at.txt", content: goodUpdatedAt}}, more...)...)
		mustVerify(f, bundleOf(f, data))
		f.Add(data)
	}
	for _, name := range bundleNames {
		f.Add(partsOf(f, name).nodeInfo)
	}
	for class, count := range map[string]int{"accept": 9, "reject": 13, "malicious": 8, "iffy": 49} {
		for _, data := range seeds(f, count, "..", "testdata", "vectors", "zip", class, "*.zip") {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, report := verify(bundleOf(t, data))
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
