package bundle_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/check"
)

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
