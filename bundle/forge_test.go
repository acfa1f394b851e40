package bundle_test

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

const reference = "../testdata/reference"

// bundleNames are the five bundles that the existing tool made.
var bundleNames = []string{"aa", "ca", "ca2", "da", "da2"}

// testTime is when the tests judge: the day on which the references were made.
var testTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func readFile(t testing.TB, elements ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readBundle(t testing.TB, name string) []byte {
	return readFile(t, reference, "bundles", name+".zip")
}

// rootKey opens the root key of a reference node, once.
func rootKey(t testing.TB, node string) crypto.Signer {
	t.Helper()
	keysMu.Lock()
	defer keysMu.Unlock()
	if keys[node] == nil {
		key, err := certs.ParsePrivateKey(readFile(t, reference, "nodes", node, "private", "root-ca.key"),
			func() ([]byte, error) { return []byte("secret-pw"), nil })
		if err != nil {
			t.Fatal(err)
		}
		keys[node] = key
	}
	return keys[node]
}

var (
	keysMu sync.Mutex
	keys   = map[string]crypto.Signer{}
)

// member is what a test puts into an archive. The archives are written by
// archive/zip, which lets any name through.
type member struct {
	name    string
	content string
	mode    fs.FileMode // 0: a regular file, 0644
	deflate bool
}

func zipOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Modified: testTime}
		if m.deflate {
			h.Method = zip.Deflate
		}
		if m.mode == 0 {
			m.mode = 0o644
		}
		h.SetMode(m.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if m.content != "" {
			if _, err := f.Write([]byte(m.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// parts are the members of a bundle, to be changed by a test.
type parts struct {
	root, request, nodeInfo, signature []byte
	extra                              []member
	without                            string // a member to leave out
	deflate                            bool   // nodeinfo.zip too
}

const (
	goodManifest  = "servers = [\"127.0.0.1:21234\"]\nhost = \"/\"\ndestination = \"/exchange/accounts_in\"\n"
	goodUpdatedAt = "2026-11-23\n"
)

// goodInfo is what a nodeinfo.zip must have.
func goodInfo(more ...member) []member {
	return append([]member{{name: "stomp.toml", content: goodManifest}, {name: "updated-at.txt", content: goodUpdatedAt}}, more...)
}

// partsOf takes a reference bundle apart.
func partsOf(t testing.TB, name string) *parts {
	t.Helper()
	data := readBundle(t, name)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{}
	for n, to := range map[string]*[]byte{"root-ca.crt": &p.root, "root-ca.csr": &p.request, "nodeinfo.zip": &p.nodeInfo, "nodeinfo.signature": &p.signature} {
		f, err := r.Open(n)
		if err != nil {
			t.Fatal(err)
		}
		if *to, err = io.ReadAll(f); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// sign puts an archive with these members in and signs it with the node's key.
func (p *parts) sign(t testing.TB, node string, members ...member) *parts {
	t.Helper()
	return p.signRaw(t, node, zipOf(t, members...))
}

func (p *parts) signRaw(t testing.TB, node string, nodeInfo []byte) *parts {
	t.Helper()
	signature, err := certs.SignDigest(rootKey(t, node), sha256.Sum256(nodeInfo))
	if err != nil {
		t.Fatal(err)
	}
	p.nodeInfo, p.signature = nodeInfo, signature
	return p
}

func (p *parts) zip(t testing.TB) []byte {
	t.Helper()
	var all []member
	for _, m := range []member{
		{name: "root-ca.crt", content: string(p.root), deflate: true},
		{name: "root-ca.csr", content: string(p.request), deflate: true},
		{name: "nodeinfo.zip", content: string(p.nodeInfo), deflate: p.deflate},
		{name: "nodeinfo.signature", content: string(p.signature)},
	} {
		if m.name != p.without {
			all = append(all, m)
		}
	}
	return zipOf(t, append(all, p.extra...)...)
}

func verify(data []byte, change ...func(*bundle.VerifyOptions)) (*bundle.Bundle, *check.Report) {
	opts := bundle.VerifyOptions{Name: "test", Time: testTime}
	for _, f := range change {
		f(&opts)
	}
	return bundle.Verify(bytes.NewReader(data), int64(len(data)), opts)
}

// mustVerify verifies what has to be accepted.
func mustVerify(t testing.TB, data []byte) *bundle.Bundle {
	t.Helper()
	b, report := verify(data)
	if b == nil {
		t.Fatal(report.Err())
	}
	return b
}

// flip returns a copy with one bit changed in the middle.
func flip(data []byte) []byte {
	data = bytes.Clone(data)
	data[len(data)/2] ^= 1
	return data
}

func failures(report *check.Report) (ids []string) {
	for _, res := range report.Results {
		if res.Outcome == check.Failed {
			ids = append(ids, res.Rule.ID)
		}
	}
	return ids
}

// partsFrom reads the members of any bundle.
func partsFrom(t testing.TB, data []byte) (members []member) {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, member{name: f.Name, content: string(content)})
	}
	return members
}
