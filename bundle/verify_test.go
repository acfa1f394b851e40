package bundle_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
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
			asked := rule.ID == "trust.unproven" || !strings.HasPrefix(rule.ID, "trust.")
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

// refusals are bundles that must be refused, each with the id of the rule that
// says why and a part of what it says.
var refusals = []refusal{
	{name: "nothing", make: func(testing.TB) []byte { return nil }, rule: "zip.end-record"},
	{name: "not a zip", make: func(testing.TB) []byte { return []byte("<html>404 not found</html>") }, rule: "zip.end-record"},
	{name: "cut short", make: func(t testing.TB) []byte { return readBundle(t, "aa")[:3000] }, rule: "zip.end-record"},
	{name: "one bit of nodeinfo.zip", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		return bytes.Replace(p.zip(t), p.nodeInfo, flip(p.nodeInfo), 1)
	}, rule: "zip.crc", found: ""},
	{name: "one bit of nodeinfo.zip, checksum mended", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.nodeInfo = flip(p.nodeInfo)
		return p.zip(t)
	}, rule: "bundle.signature"},
	{name: "one bit of the signature", make: func(t testing.TB) []byte {
		p := partsOf(t, "ca")
		p.signature = flip(p.signature)
		return p.zip(t)
	}, rule: "bundle.signature"},
	{name: "a signature cut short", make: func(t testing.TB) []byte {
		p := partsOf(t, "ca")
		p.signature = p.signature[:383]
		return p.zip(t)
	}, rule: "bundle.signature", found: "383 bytes"},
	{name: "a signature by another node", make: func(t testing.TB) []byte {
		return partsOf(t, "ca").sign(t, "da", goodInfo()...).zip(t)
	}, rule: "bundle.signature"},
	{name: "one bit of the root certificate", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		block, _ := pem.Decode(p.root)
		block.Bytes[len(block.Bytes)-10] ^= 1 // in its signature
		p.root = pem.EncodeToMemory(block)
		return p.zip(t)
	}, rule: "root.self-signed", rest: true},
	{name: "no certificate in root-ca.crt", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.root = []byte("nothing here\n")
		return p.zip(t)
	}, rule: "root.single"},
	{name: "two certificates in root-ca.crt", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.root = append(p.root, p.root...)
		return p.zip(t)
	}, rule: "root.single"},
	{name: "CR LF in root-ca.crt", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.root = bytes.ReplaceAll(p.root, []byte("\n"), []byte("\r\n"))
		return p.zip(t)
	}, rule: "pem.lf", rest: true},
	{name: "a request of another node", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.request = partsOf(t, "da2").request
		return p.zip(t)
	}, rule: "csr.public-key", rest: true},
	{name: "a request of another node's name", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.request = partsOf(t, "aa").request
		return p.zip(t)
	}, rule: "csr.subject", rest: true},
	{name: "one bit of the request", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		block, _ := pem.Decode(p.request)
		block.Bytes[len(block.Bytes)-10] ^= 1
		p.request = pem.EncodeToMemory(block)
		return p.zip(t)
	}, rule: "csr.signature", rest: true},
	{name: "no request in root-ca.csr", make: func(t testing.TB) []byte {
		p := partsOf(t, "da")
		p.request = p.root
		return p.zip(t)
	}, rule: "csr.single", rest: true},
	{name: "an extra member", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.extra = []member{{name: "README", content: "x"}}
		return p.zip(t)
	}, rule: "bundle.members", found: "a member that does not belong", rest: true},
	{name: "an extra folder", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.extra = []member{{name: "nodeinfo/", mode: fs.ModeDir | 0o755}}
		return p.zip(t)
	}, rule: "bundle.members", found: "a folder that does not belong", rest: true},
	{name: "a member in a folder", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.without = "root-ca.crt"
		p.extra = []member{{name: "x/root-ca.crt", content: string(p.root)}}
		return p.zip(t)
	}, rule: "bundle.members"},
	{name: "no root-ca.crt", make: without("root-ca.crt"), rule: "bundle.members", found: "no such member"},
	{name: "no root-ca.csr", make: without("root-ca.csr"), rule: "bundle.members", found: "no such member"},
	{name: "no nodeinfo.zip", make: without("nodeinfo.zip"), rule: "bundle.members", found: "no such member"},
	{name: "no nodeinfo.signature", make: without("nodeinfo.signature"), rule: "bundle.members", found: "no such member"},
	{name: "a doubled member", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.extra = []member{{name: "nodeinfo.zip", content: string(p.nodeInfo)}}
		return p.zip(t)
	}, rule: "zip.name-duplicate"},
	{name: "a member doubled by case", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.extra = []member{{name: "NodeInfo.zip", content: string(p.nodeInfo)}}
		return p.zip(t)
	}, rule: "zip.name-collision"},
	{name: "a member that is a symbolic link", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.without = "root-ca.crt"
		p.extra = []member{{name: "root-ca.crt", content: "/etc/passwd", mode: fs.ModeSymlink | 0o777}}
		return p.zip(t)
	}, rule: "zip.file-type"},
	{name: "data before the archive", make: func(t testing.TB) []byte { return append([]byte("#!"), readBundle(t, "aa")...) }, rule: "zip.leading-data"},
	{name: "data after the archive", make: func(t testing.TB) []byte { return append(readBundle(t, "aa"), "x"...) }, rule: "zip.trailing-data"},
	{name: "an empty member", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.signature = nil
		return p.zip(t)
	}, rule: "bundle.member-size", found: "0 bytes"},
	{name: "a large root certificate", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.root = padded(p.root, bundle.MaxCertificate+1)
		return p.zip(t)
	}, rule: "bundle.member-size", found: "65537 bytes"},
	{name: "a large request", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.request = padded(p.request, bundle.MaxRequest+1)
		return p.zip(t)
	}, rule: "bundle.member-size", found: "65537 bytes", rest: true},
	{name: "a large signature", make: func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.signature = append(p.signature, make([]byte, bundle.MaxSignature)...)
		return p.zip(t)
	}, rule: "bundle.member-size", found: "1408 bytes"},

	// Inside, signed by the real key.
	{name: "not a zip inside", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").signRaw(t, "aa", []byte("hello")).zip(t)
	}, rule: "zip.end-record"},
	inner("a symbolic link inside", "zip.file-type", member{name: "x", content: "/etc/passwd", mode: fs.ModeSymlink | 0o777}),
	inner("a device inside", "zip.file-type", member{name: "x", mode: fs.ModeDevice | 0o600}),
	inner("a setuid bit inside", "zip.mode-bits", member{name: "x", content: "x", mode: fs.ModeSetuid | 0o755}),
	inner("../x inside", "zip.name-traversal", member{name: "../x", content: "x"}),
	inner("a/../../x inside", "zip.name-traversal", member{name: "a/../../x", content: "x"}),
	inner("/x inside", "zip.name-absolute", member{name: "/x", content: "x"}),
	inner("C:/x inside", "zip.name-absolute", member{name: "C:/x", content: "x"}),
	inner(`a\b inside`, "zip.name-backslash", member{name: `a\b`, content: "x"}),
	inner("CON inside", "zip.name-reserved", member{name: "CON", content: "x"}),
	inner("con.txt inside", "zip.name-reserved", member{name: "a/con.txt", content: "x"}),
	inner("names that differ by case inside", "zip.name-collision", member{name: "Readme", content: "x"}, member{name: "README", content: "x"}),
	inner("stomp.toml twice by case inside", "zip.name-collision", member{name: "STOMP.toml", content: "x"}),
	inner("names that differ by Unicode form inside", "zip.name-collision", member{name: "\u00e9", content: "x"}, member{name: "e\u0301", content: "x"}),
	inner("a file that is a folder inside", "zip.name-file-folder", member{name: "a", content: "x"}, member{name: "a/b", content: "x"}),
	inner("a doubled name inside", "zip.name-duplicate", member{name: "x", content: "1"}, member{name: "x", content: "2"}),
	inner("a control character inside", "zip.name-control", member{name: "a\x1b[2J", content: "x"}),
	inner("a bomb inside", "zip.limit-ratio", member{name: "x", content: strings.Repeat("\x00", 8<<20), deflate: true}),
	inner("a deep name inside", "zip.limit-depth", member{name: strings.Repeat("d/", bundle.MaxDepth) + "x", content: "x"}),
	inner("a long name inside", "zip.limit-name", member{name: strings.Repeat("n", bundle.MaxName+1), content: "x"}),
	{name: "too many entries inside", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(many(bundle.MaxEntries-1)...)...).zip(t)
	}, rule: "zip.limit-entries"},
	{name: "stomp.toml absent", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo()[1:]...).zip(t)
	}, rule: "bundle.stomp-toml", found: "no such file"},
	{name: "stomp.toml in a folder", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "x/stomp.toml", content: goodManifest})[1:]...).zip(t)
	}, rule: "bundle.stomp-toml", found: "no such file"},
	{name: "stomp.toml a folder", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "stomp.toml/", mode: fs.ModeDir | 0o755})[1:]...).zip(t)
	}, rule: "bundle.stomp-toml", found: "no such file"},
	{name: "stomp.toml too large", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "stomp.toml", content: goodManifest + strings.Repeat("#", 64<<10)})[1:]...).zip(t)
	}, rule: "bundle.stomp-toml", found: "bytes"},
	manifest("stomp.toml invalid", "servers = [", "manifest.syntax", ""),
	manifest("stomp.toml without servers", "host = \"/\"\ndestination = \"/x\"\n", "manifest.servers", "nothing"),
	manifest("stomp.toml with no server", "servers = []\nhost = \"/\"\ndestination = \"/x\"\n", "manifest.servers", "an empty list"),
	manifest("stomp.toml with a bad server", "servers = [\"x\"]\nhost = \"/\"\ndestination = \"/x\"\n", "manifest.server", "no port"),
	{name: "updated-at.txt absent", make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo()[:1]...).zip(t)
	}, rule: "bundle.updated-at", found: "no such file"},
	updatedAt("updated-at.txt empty", "", `""`),
	updatedAt("updated-at.txt not a date", "yesterday\n", `"yesterday"`),
	updatedAt("updated-at.txt with a day that does not exist", "2026-02-30\n", `"2026-02-30"`),
	updatedAt("updated-at.txt with two lines", "2026-11-23\n2026-11-24\n", "2026-11-24"),
	updatedAt("updated-at.txt too large", strings.Repeat("2", bundle.MaxUpdatedAt+1), "65 bytes"),
	inner("a .git folder inside", "bundle.git-repository", member{name: "a/.git/config", content: "[core]"}),
	inner("a .GIT file inside", "bundle.git-repository", member{name: "a/.GIT", content: "gitdir: x"}),
	inner("a bare repository inside", "bundle.git-repository", member{name: "a/HEAD", content: "x"}, member{name: "a/config", content: "x"},
		member{name: "a/objects/", mode: fs.ModeDir | 0o755}, member{name: "a/refs/heads/main", content: "x"}),
	inner("nodeinfo as a bare repository", "bundle.git-repository", member{name: "HEAD", content: "x"},
		member{name: "objects/", mode: fs.ModeDir | 0o755}, member{name: "refs/", mode: fs.ModeDir | 0o755}),
}

type refusal struct {
	name  string
	make  func(t testing.TB) []byte
	rule  string
	found string
	rest  bool // everything else is judged all the same
}

func without(name string) func(testing.TB) []byte {
	return func(t testing.TB) []byte {
		p := partsOf(t, "aa")
		p.without = name
		return p.zip(t)
	}
}

// inner is a bundle of the reference authority with more in its nodeinfo.
func inner(name, rule string, more ...member) refusal {
	return refusal{name: name, rule: rule, make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(more...)...).zip(t)
	}}
}

func manifest(name, content, rule, found string) refusal {
	return refusal{name: name, rule: rule, found: found, make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "stomp.toml", content: content})[1:]...).zip(t)
	}}
}

func updatedAt(name, content, found string) refusal {
	return refusal{name: name, rule: "bundle.updated-at", found: found, make: func(t testing.TB) []byte {
		return partsOf(t, "aa").sign(t, "aa", goodInfo()[0], member{name: "updated-at.txt", content: content}).zip(t)
	}}
}

func many(n int) []member {
	members := make([]member, n)
	for i := range members {
		members[i] = member{name: fmt.Sprintf("f%d", i), content: "x"}
	}
	return members
}

// padded has text below a PEM block, to a size.
func padded(file []byte, size int) []byte {
	return append(bytes.Clone(file), bytes.Repeat([]byte("#"), size-len(file))...)
}

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			b, report := verify(tt.make(t))
			if b != nil || report.OK(false) {
				t.Fatal("found a bundle, expected a refusal")
			}
			said := false
			for _, res := range report.Results {
				if res.Outcome == check.Failed && res.Rule.ID == tt.rule {
					said = said || strings.Contains(res.Found, tt.found)
					if res.Advice == "" {
						t.Errorf("%s has no advice", res.Rule.ID)
					}
				}
			}
			if !said {
				t.Errorf("found %v, expected a failure of %s with … %s …", report.Err(), tt.rule, tt.found)
			}
			for _, rule := range bundle.Rules() {
				if !strings.HasPrefix(rule.ID, "trust.") && !hasResult(report, rule) && !notReported(rule, report) {
					t.Errorf("%s is neither passed, failed nor skipped", rule.ID)
				}
			}
			if tt.rest && !report.Has("manifest.servers", check.Passed) {
				t.Error("one failure has hidden the other checks")
			}
			if report.Has("bundle.signature", check.Failed) && (report.Has("manifest.syntax", check.Passed) || report.Has("bundle.updated-at", check.Passed)) {
				t.Error("what is not signed was opened")
			}
		})
	}
}

// notReported are rules that do not apply: authorities have no id that follows
// from a key, and a manifest that is refused has no destination.
func notReported(rule *check.Rule, report *check.Report) bool {
	return rule.ID == "name.serial-hash" || rule.ID == "manifest.destination-in-use" && len(report.Failed(check.Error)) > 0
}

// Every rule of this package that can refuse has a bundle that it refuses.
func TestEveryOwnRuleRefuses(t *testing.T) {
	covered := map[string]bool{"bundle.unchanged": true} // TestChangedWhileRead
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
			return partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: strings.Repeat("n", bundle.MaxName)})...)
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
	noticed := false
	for n := 0; ; n++ {
		r := &flickering{before, after, n}
		b, report := bundle.Verify(r, int64(len(before)), bundle.VerifyOptions{Time: testTime})
		noticed = noticed || report.Has("bundle.unchanged", check.Failed)
		if b != nil && meaning(b) != want {
			t.Fatalf("exchanged at read %d: accepted with another meaning", n)
		}
		if r.n < 0 {
			continue // it was noticed, or what is the same in both was read again
		}
		if b == nil {
			t.Fatal(report.Err())
		}
		// Never exchanged: the last round. What is read later is compared too.
		r.n = 0
		if err := b.NodeInfo.Archive.Walk(func(_ strictzip.Entry, content io.Reader) error {
			_, err := io.Copy(io.Discard, content)
			return err
		}); err == nil {
			t.Error("exchanged after verifying: not noticed")
		}
		break
	}
	if !noticed {
		t.Error("bundle.unchanged never failed")
	}
}

func TestTrust(t *testing.T) {
	root := func(name string) string {
		b := mustVerify(t, readBundle(t, name))
		return b.Fingerprint()
	}
	aa, ca := root("aa"), root("ca")
	caID := mustVerify(t, readBundle(t, "ca")).Identity.ID()
	registry := func(id, fingerprint string) func(*bundle.VerifyOptions) {
		r, err := bundle.ParseRegistry(fmt.Appendf(nil, "[[authority]]\nserial-number = %q\npublic-key-sha256 = %q\nname = \"The Authority\"\n", id, fingerprint))
		if err != nil {
			t.Fatal(err)
		}
		return func(o *bundle.VerifyOptions) { o.Registry = r }
	}
	pin := func(s string) func(*bundle.VerifyOptions) { return func(o *bundle.VerifyOptions) { o.Pin = s } }
	id := func(s string) func(*bundle.VerifyOptions) {
		return func(o *bundle.VerifyOptions) { o.ExpectNodeID = s }
	}
	typ := func(n certs.NodeType) func(*bundle.VerifyOptions) {
		return func(o *bundle.VerifyOptions) { o.ExpectType = n }
	}
	colons := func(s string) string {
		var out []string
		for i := 0; i < len(s); i += 2 {
			out = append(out, strings.ToUpper(s[i:i+2]))
		}
		return strings.Join(out, ":")
	}
	for _, tt := range []struct {
		name, bundle string
		opt          func(*bundle.VerifyOptions)
		rule         string
		outcome      check.Outcome // 0: not in the report
		proven       bool
	}{
		{"pin", "aa", pin(aa), "trust.pin", check.Passed, true},
		{"pin in another form", "aa", pin(colons(aa)), "trust.pin", check.Passed, true},
		{"pin of another", "aa", pin(ca), "trust.pin", check.Failed, false},
		{"pin cut short", "aa", pin(aa[:40]), "trust.pin", check.Failed, false},
		{"id of an agent", "ca", id(caID), "trust.node-id", check.Passed, true},
		{"id of another agent", "ca2", id(caID), "trust.node-id", check.Failed, false},
		{"id of an agent in upper case", "ca", id(strings.ToUpper(caID)), "trust.node-id", check.Failed, false},
		{"id of an authority proves nothing", "aa", id("1234abcd"), "trust.node-id", check.Passed, false},
		{"type", "da", typ(certs.DebtorsAgent), "trust.node-type", check.Passed, false},
		{"another type", "da", typ(certs.CreditorsAgent), "trust.node-type", check.Failed, false},
		{"registered", "aa", registry("1234abcd", aa), "trust.registry", check.Passed, true},
		{"registered with another key", "aa", registry("1234abcd", ca), "trust.registry", check.Failed, false},
		{"not registered", "aa", registry("1234abce", aa), "trust.registry", check.Failed, false},
		{"agents are not registered", "ca", registry("1234abcd", aa), "trust.registry", 0, false},
		{"nothing asked", "ca", func(*bundle.VerifyOptions) {}, "trust.pin", 0, false},
	} {
		b, report := verify(readBundle(t, tt.bundle), tt.opt)
		for _, outcome := range []check.Outcome{check.Passed, check.Failed, check.Skipped} {
			if report.Has(tt.rule, outcome) != (outcome == tt.outcome) {
				t.Errorf("%s: found %v, expected %s to be %v", tt.name, failures(report), tt.rule, tt.outcome)
			}
		}
		if (b == nil) != (tt.outcome == check.Failed) {
			t.Errorf("%s: found bundle %v", tt.name, b)
		}
		if report.Has("trust.unproven", check.Passed) != tt.proven || report.Has("trust.unproven", check.Failed) == tt.proven {
			t.Errorf("%s: proven: expected %v", tt.name, tt.proven)
		}
	}
	// Nobody is trusted without a name, and what was asked for is not forgotten.
	p := partsOf(t, "aa")
	p.root = []byte("nothing\n")
	b, report := verify(p.zip(t), pin(aa), id("1234abcd"), typ(certs.AccountingAuthority), registry("1234abcd", aa))
	for _, rule := range []string{"trust.pin", "trust.node-id", "trust.node-type", "trust.registry"} {
		if b != nil || !report.Has(rule, check.Skipped) {
			t.Errorf("%s was not skipped", rule)
		}
	}
}

// An agent whose id is not the hash of its key is not proven by its id.
func TestUnboundIDProvesNothing(t *testing.T) {
	key := rootKey(t, "ca")
	id, err := certs.NewIdentity(certs.CreditorsAgent, strings.Repeat("ab", 16))
	if err != nil {
		t.Fatal(err)
	}
	good := mustVerify(t, readBundle(t, "ca")).Root
	template := &x509.Certificate{
		SerialNumber: good.SerialNumber, RawSubject: id.RawName(), NotBefore: good.NotBefore, NotAfter: good.NotAfter,
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: 1, KeyUsage: good.KeyUsage, SubjectKeyId: good.SubjectKeyId,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.NewRequest(key, root.RawSubject)
	if err != nil {
		t.Fatal(err)
	}
	p := (&parts{root: certs.EncodeCertificate(root), request: request.File}).sign(t, "ca", goodInfo()...)
	b, report := verify(p.zip(t), func(o *bundle.VerifyOptions) { o.ExpectNodeID = id.ID() })
	if b == nil || !report.Has("name.serial-hash", check.Failed) || !report.Has("trust.unproven", check.Failed) {
		t.Errorf("found %v", failures(report))
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
