package bundle_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

func TestReferenceBundles(t *testing.T) {
	for _, name := range bundleNames {
		data := readBundle(t, name)
		b, report := verify(data)
		if b == nil {
			t.Errorf("%s: %v", name, report.Err())
			continue
		}
		if !report.OK(true) {
			t.Errorf("%s: found warnings %v, expected none", name, report.Failed(check.Warning))
		}
		if got := failures(report); !slices.Equal(got, []string{"trust.unproven"}) {
			t.Errorf("%s: found %v, expected only the notice trust.unproven", name, got)
		}
		if got := b.Identity.Type().String(); !strings.HasPrefix(name, got) {
			t.Errorf("%s: found type %s", name, got)
		}
		if b.NodeInfo.UpdatedAt.String() != "2026-11-23" || len(b.NodeInfo.Manifest.Servers) != 1 || b.Size != int64(len(data)) {
			t.Errorf("%s: found %v, %v, %d bytes", name, b.NodeInfo.UpdatedAt, b.NodeInfo.Manifest, b.Size)
		}
		// Every rule that can be reported is, but those that were not asked for.
		for _, rule := range bundle.Rules() {
			asked := rule.ID == "trust.unproven" || !strings.HasPrefix(rule.ID, "trust.") && rule.ID != "cert.ends-soon"
			if rule.ID == "name.serial-hash" {
				asked = b.Identity.Type() != certs.AccountingAuthority
			}
			if got := hasResult(report, rule); got != asked {
				t.Errorf("%s: %s is in the report: %v, expected %v", name, rule.ID, got, asked)
			}
		}
	}
}

func hasResult(report *check.Report, rule *check.Rule) bool {
	return slices.ContainsFunc(report.Results, func(res check.Result) bool { return res.Rule == rule })
}

// notReported are rules that do not apply: authorities have no id that follows
// from a key, and a manifest that is refused has no destination.
func notReported(rule *check.Rule, report *check.Report) bool {
	return rule.ID == "name.serial-hash" || rule.ID == "cert.ends-soon" || rule.ID == "manifest.destination-in-use" && len(report.Failed(check.Error)) > 0
}

// Every rule of this package that can refuse has a bundle that it refuses.
func TestEveryOwnRuleRefuses(t *testing.T) {
	covered := map[string]bool{}
	for _, tt := range refusals {
		covered[tt.rule] = true
	}
	for _, rule := range bundle.Rules() {
		if strings.HasPrefix(rule.ID, "bundle.") && rule.Severity == check.Error && !covered[rule.ID] {
			t.Errorf("no bundle is refused by %s", rule.ID)
		}
	}
}

func TestAccepted(t *testing.T) {
	dir := fs.ModeDir | 0o755
	for name, make := range map[string]func() *parts{
		"made again": func() *parts { return partsOf(t, "aa") },
		"nodeinfo.zip deflated": func() *parts {
			p := partsOf(t, "aa")
			p.deflate = true
			return p
		},
		"certificate and request of the largest size": func() *parts {
			p := partsOf(t, "aa")
			p.root, p.request = padded(p.root, bundle.MaxCertificate), padded(p.request, bundle.MaxRequest)
			return p
		},
		"folders and files": func() *parts {
			return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "a/", mode: dir}, member{name: "a/b/.hidden", content: "x", deflate: true},
				member{name: "empty"}, member{name: "\u65e5\u672c", content: "x"})...)
		},
		"the most entries": func() *parts { return partsOf(t, "aa").sign(t, "aa", goodInfo(many(bundle.MaxEntries-2)...)...) },
		"the deepest name": func() *parts {
			return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: strings.Repeat("d/", bundle.MaxDepth-1) + "x"})...)
		},
		"the longest name": func() *parts {
			return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: strings.Repeat(strings.Repeat("n", strictzip.MaxElement)+"/", 3) + strings.Repeat("n", 127) + "/" + strings.Repeat("n", bundle.MaxName-3*(strictzip.MaxElement+1)-128)})...)
		},
		"one half of a git": func() *parts {
			return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "HEAD"}, member{name: "x/objects/y"}, member{name: "refs"})...)
		},
		"no newline in updated-at.txt": func() *parts {
			return partsOf(t, "aa").sign(t, "aa", goodInfo()[0], member{name: "updated-at.txt", content: "2026-11-23T10:15:00Z"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, report := verify(make().zip(t)); !report.OK(true) {
				t.Error(report.Err(), report.Failed(check.Warning))
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for rule, members := range map[string][]member{
		"bundle.dot-names":           goodInfo(member{name: ".env", content: "SECRET=1"}),
		"bundle.private-key":         goodInfo(member{name: "a/backup.key", content: "x\n-----BEGIN PRIVATE KEY-----\n"}),
		"bundle.updated-at-future":   {goodInfo()[0], {name: "updated-at.txt", content: "2026-11-25\n"}},
		"manifest.server-ipv6":       {goodInfo()[1], {name: "stomp.toml", content: "servers = ['[::1]:1']\nhost = '/'\ndestination = '/exchange/accounts_in'\n"}},
		"manifest.server-underscore": {goodInfo()[1], {name: "stomp.toml", content: "servers = ['a_b:1']\nhost = '/'\ndestination = '/exchange/accounts_in'\n"}},
	} {
		b, report := verify(partsOf(t, "aa").sign(t, "aa", members...).zip(t))
		if b == nil || report.OK(true) || !report.Has(rule, check.Failed) || len(report.Failed(check.Warning)) != 1 {
			t.Errorf("%s: found %v, expected this one warning", rule, failures(report))
		}
	}
	// A date up to a day ahead is none: it may be that of a place east of here.
	if _, report := verify(partsOf(t, "aa").sign(t, "aa", goodInfo()[0], member{name: "updated-at.txt", content: "2026-11-24\n"}).zip(t)); !report.OK(true) {
		t.Error(report.Failed(check.Warning))
	}
	// The destination of another type of node is a notice.
	_, report := verify(partsOf(t, "ca").sign(t, "ca", goodInfo()...).zip(t))
	if !report.OK(true) || !report.Has("manifest.destination-in-use", check.Failed) {
		t.Errorf("found %v, expected a notice about the destination", failures(report))
	}
}

// Where names the archive inside of the archive.
func TestWhere(t *testing.T) {
	_, report := verify(partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "stomp.toml", content: "x = 1\nservers = [\n'a'\n"})[1:]...).zip(t))
	for _, res := range report.Results {
		if res.Rule.ID == "manifest.syntax" {
			if !strings.HasPrefix(res.Where, "nodeinfo.zip: stomp.toml: line ") {
				t.Errorf("found %q", res.Where)
			}
			return
		}
	}
	t.Error("no result for manifest.syntax")
}

func TestSizes(t *testing.T) {
	// The size alone is enough to refuse: nothing is read.
	_, report := bundle.Verify(panicReader{}, bundle.MaxBundle+1, bundle.VerifyOptions{Time: testTime})
	if !report.Has("zip.limit-archive", check.Failed) {
		t.Errorf("found %v", report.Err())
	}
	_, report = bundle.Verify(panicReader{}, -1, bundle.VerifyOptions{Time: testTime})
	if !report.Has("zip.read", check.Failed) {
		t.Errorf("found %v", report.Err())
	}
	if testing.Short() {
		t.Skip("writes an archive of 72 MiB")
	}
	p := partsOf(t, "aa")
	p.nodeInfo = make([]byte, bundle.MaxNodeInfo+1)
	_, report = verify(p.zip(t))
	if !report.Has("bundle.member-size", check.Failed) || !report.Has("bundle.signature", check.Skipped) {
		t.Errorf("found %v", failures(report))
	}
	p.nodeInfo = p.nodeInfo[1:]
	_, report = verify(p.zip(t))
	if !report.Has("bundle.member-size", check.Passed) || !report.Has("bundle.signature", check.Failed) {
		t.Errorf("found %v", failures(report))
	}
}

type panicReader struct{}

func (panicReader) ReadAt([]byte, int64) (int, error) { panic("read") }

// meaning is what a bundle stands for. Of the request, it is what its signature
// covers: the parameters of its algorithm, for one, are outside.
func meaning(b *bundle.Bundle) string {
	digest := b.NodeInfo.ContentDigest()
	return fmt.Sprintf("%v %x %x %x %v %x %v", b.Identity, b.Root.Raw, b.Request.RawTBSCertificateRequest, b.NodeInfo.SHA256, b.NodeInfo.UpdatedAt, digest, b.NodeInfo.Manifest)
}

// No byte can be changed so that a bundle means something else: in the file, and
// in the members with the archive's checksums mended.
func TestEveryByteChanged(t *testing.T) {
	p := partsOf(t, "aa")
	original := readBundle(t, "aa")
	want := meaning(mustVerify(t, original))
	random := rand.New(rand.NewPCG(2, 2026))
	tried, accepted := 0, 0
	try := func(what string, i int, data []byte) {
		t.Helper()
		tried++
		b, report := verify(data)
		if (b != nil) != report.OK(false) {
			t.Fatalf("%s: byte %d: bundle and report disagree", what, i)
		}
		if b == nil {
			return
		}
		accepted++
		if got := meaning(b); got != want {
			t.Errorf("%s: byte %d: accepted with another meaning: %s", what, i, got)
		}
	}
	for i := range original {
		data := bytes.Clone(original)
		data[i] ^= 1 << random.IntN(8)
		try("file", i, data)
	}
	if accepted*10 > tried {
		t.Errorf("found %d of %d changed files accepted, expected only changes of times and such", accepted, tried)
	}
	for i, part := range []*[]byte{&p.root, &p.request, &p.nodeInfo, &p.signature} {
		what := []string{"root-ca.crt", "root-ca.csr", "nodeinfo.zip", "nodeinfo.signature"}[i]
		good := *part
		// A fifth of these will do, and of the text above the certificate a tenth.
		for i := 0; i < len(good); i += 5 {
			if what == "root-ca.crt" && i < bytes.Index(good, []byte("-----BEGIN")) && i%10 != 0 {
				continue
			}
			*part = bytes.Clone(good)
			(*part)[i] ^= 1 << random.IntN(8)
			try(what, i, p.zip(t))
		}
		*part = good
	}
	t.Logf("%d changes tried, %d accepted with the same meaning", tried, accepted)
}

// flickering shows other bytes from the nth read on.
type flickering struct {
	before, after []byte
	n             int
}

func (f *flickering) ReadAt(p []byte, off int64) (int, error) {
	f.n--
	if f.n < 0 {
		return bytes.NewReader(f.after).ReadAt(p, off)
	}
	return bytes.NewReader(f.before).ReadAt(p, off)
}

// A file that is exchanged while it is read, for one of the same size in which
// nodeinfo.zip says something else, is never accepted with what was not signed.
func TestChangedWhileRead(t *testing.T) {
	p := partsOf(t, "aa").sign(t, "aa", goodInfo()...)
	before := p.zip(t)
	want := meaning(mustVerify(t, before))
	p.nodeInfo = zipOf(t, member{name: "stomp.toml", content: strings.Replace(goodManifest, "127.0.0.1", "127.6.6.6", 1)}, goodInfo()[1])
	after := p.zip(t)
	if len(before) != len(after) {
		t.Fatalf("found %d and %d bytes, expected the same", len(before), len(after))
	}
	refused := false
	for n := 0; ; n++ {
		r := &flickering{before, after, n}
		b, report := bundle.Verify(r, int64(len(before)), bundle.VerifyOptions{Time: testTime})
		refused = refused || b == nil
		if b != nil && meaning(b) != want {
			t.Fatalf("exchanged at read %d: accepted with another meaning", n)
		}
		if r.n < 0 {
			continue // it was refused, or what is the same in both was read again
		}
		if b == nil {
			t.Fatal(report.Err())
		}
		// Never exchanged: the last round. Nothing is read later.
		r.n = 0
		if got := meaning(b); got != want || r.n != 0 {
			t.Errorf("exchanged after verifying: found %s, expected %s", got, want)
		}
		dir := filepath.Join(t.TempDir(), "x")
		if err := b.NodeInfo.Extract(dir); err != nil || !bytes.Contains(readFile(t, dir, "stomp.toml"), []byte("127.0.0.1")) {
			t.Errorf("exchanged after verifying: found %v and other content", err)
		}
		break
	}
	if !refused {
		t.Error("an exchange while it was read was never noticed")
	}
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range bundle.Rules() {
		if seen[rule.ID] || rule.Severity == 0 || rule.Title == "" || rule.Citation == "" || rule.Advice == "" {
			t.Errorf("found an incomplete or repeated rule: %+v", rule)
		}
		seen[rule.ID] = true
	}
}

func TestFingerprint(t *testing.T) {
	b := mustVerify(t, readBundle(t, "ca"))
	der, err := x509.MarshalPKIXPublicKey(b.Root.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Fingerprint(), certs.KeyFingerprint(der); got != want || !strings.HasPrefix(got, b.Identity.ID()) {
		t.Errorf("found %s, expected %s, which begins with the id %s", got, want, b.Identity.ID())
	}
	if _, err := hex.DecodeString(b.Fingerprint()); err != nil {
		t.Error(err)
	}
}
