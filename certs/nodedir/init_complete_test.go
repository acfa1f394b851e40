package nodedir

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// A directory of the existing tool lacks root-ca.conf and .gitignore. What its
// operator did without stays away: manifests that are off are not turned on.
func TestInitCompletesReferenceNodes(t *testing.T) {
	for _, node := range []string{"aa", "ca", "da"} {
		path := copyNode(t, node)
		before := snapshot(t, path)
		res := mustInit(t, path, InitRequest{Password: noPassword(t), NewPassword: noPassword(t)})
		want := []string{".gitignore", "root-ca.conf"}
		if got := changedFiles(before, snapshot(t, path)); !slices.Equal(got, want) {
			t.Errorf("%s: changed %q, want %q", node, got, want)
		}
		if !slices.Equal(res.Created, want) {
			t.Errorf("%s: created %q, want %q", node, res.Created, want)
		}
	}
}

func TestInitAgreesWithWhatIsThere(t *testing.T) {
	for _, test := range []struct {
		name string
		node string
		req  InitRequest
		want []string
	}{
		{"type", "ca", InitRequest{Type: certs.DebtorsAgent}, []string{"found da, expected ca", "root-ca.crt"}},
		{"prefix", "aa", InitRequest{Prefix: "00000001"}, []string{"found 00000001, expected 1234abcd"}},
		{"prefix of an agent", "ca", InitRequest{Prefix: "00000001"}, []string{"found aa, expected ca"}},
		{"servers", "aa", InitRequest{Servers: []string{"example.com:1"}}, []string{"stomp.toml", "never replaced"}},
		{"subnet", "ca", InitRequest{CreditorsSubnet: mustSubnet(t, "000002")}, []string{"000002", `"000001"`, "never replaced"}},
		{"subnet of an authority", "aa", InitRequest{CreditorsSubnet: mustSubnet(t, "000002")}, []string{"creditors subnet", "aa"}},
		{"key", "ca", InitRequest{AdoptKey: read(t, referenceNodes, "da", fileRootKey)}, []string{"root-ca.key", "never replaced"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, test.node)
			before := snapshot(t, path)
			test.req.Password = passwordOf(referencePassword)
			_, err := Init(t.Context(), path, test.req, testOptions(), Change{})
			wantError(t, err, test.want...)
			unchanged(t, path, before)
		})
	}
	// What agrees is fine.
	path := copyNode(t, "aa")
	mustInit(t, path, InitRequest{Type: certs.AccountingAuthority, Prefix: referenceAA, Servers: []string{"127.0.0.1:21234"}, AdoptKey: read(t, path, fileRootKey)})
}

func mustSubnet(t testing.TB, s string) certs.Subnet {
	t.Helper()
	n, err := certs.ParseSubnet(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Half-made directories, as the existing tool leaves them, and partly lost ones.
func TestInitCompletes(t *testing.T) {
	keep := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, p string) {
			for name := range snapshot(t, p) {
				if name != "." && !slices.ContainsFunc(names, func(n string) bool { return n == name || strings.HasPrefix(n, name+"/") }) {
					remove(t, p, name)
				}
			}
		}
	}
	const rootFile = "certs/7BBF3CEA05F019DB7F88E668B86E6B64.pem"
	for _, test := range []struct {
		name   string
		change func(t *testing.T, p string)
		req    InitRequest
		check  func(t *testing.T, d *Dir)
	}{
		{"a key", keep(fileRootKey), InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileCreditorsSubnet); got != "000001\n" {
				t.Errorf("creditors subnet %q", got)
			}
		}},
		{"a key, and another subnet", keep(fileRootKey), InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}, CreditorsSubnet: mustSubnet(t, "0000ff")}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileCreditorsSubnet); got != "0000ff\n" {
				t.Errorf("creditors subnet %q", got)
			}
		}},
		{"init-ca stopped at a wrong password", func(t *testing.T, p string) {
			keep(fileRootKey, fileNodeType, fileNodeID, fileCreditorsSubnet, fileManifest, "db", "certs", "peers")(t, p)
			write(t, p+"/db/index", "")
			write(t, p+"/db/serial", "0011223344556677889900aabbccddeeff\n"[2:])
			write(t, p+"/root-ca.crt", "")
		}, InitRequest{}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileSerial); got != "11223344556677889900AABBCCDDEF00\n" {
				t.Errorf("db/serial %q", got)
			}
			if ok, _ := d.exists("certs/11223344556677889900AABBCCDDEEFF.pem"); !ok {
				t.Error("the root certificate did not take the first serial number")
			}
		}},
		{"a key that others can read", func(t *testing.T, p string) {
			keep(fileRootKey)(t, p)
			chmod(t, p+"/private", 0o755)
			chmod(t, p+"/"+fileRootKey, 0o644)
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, func(t *testing.T, d *Dir) {
			if w := d.Warnings(); len(w) > 0 {
				t.Errorf("warnings %q", w)
			}
		}},
		{"an empty key file", func(t *testing.T, p string) {
			keep("private")(t, p)
			write(t, p+"/"+fileRootKey, "")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}, AdoptKey: read(t, referenceNodes, "ca", fileRootKey)}, nil},
		{"root certificate only in certs/", func(t *testing.T, p string) { remove(t, p, fileRootCert) }, InitRequest{}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileRootCert); got != readText(t, d, rootFile) {
				t.Error("root-ca.crt is not the one in certs/")
			}
		}},
		{"db/serial lost", func(t *testing.T, p string) { remove(t, p, fileSerial) }, InitRequest{}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileSerial); got != "7BBF3CEA05F019DB7F88E668B86E6B67\n" {
				t.Errorf("db/serial %q", got)
			}
		}},
		{"db/serial and certs/ lost", func(t *testing.T, p string) { remove(t, p, fileSerial); remove(t, p, "certs") }, InitRequest{}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileSerial); got != "7BBF3CEA05F019DB7F88E668B86E6B67\n" {
				t.Errorf("db/serial %q", got)
			}
		}},
		{"db/index lost", func(t *testing.T, p string) { remove(t, p, fileIndex) }, InitRequest{}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileIndex); got != string(read(t, referenceNodes, "ca", fileIndex)) {
				t.Errorf("db/index %q", got)
			}
		}},
		{"db/ lost", func(t *testing.T, p string) { remove(t, p, "db") }, InitRequest{}, func(t *testing.T, d *Dir) {
			for _, f := range []string{fileSerial, fileIndex, fileNodeType, fileNodeID, fileCRLNumber, fileIndexAttr} {
				if got := readText(t, d, f); got != string(read(t, referenceNodes, "ca", f)) {
					t.Errorf("%s: %q", f, got)
				}
			}
		}},
		{"root certificate and key", keep(fileRootKey, fileRootCert), InitRequest{Servers: []string{"h:1"}}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileRootCert); got != string(read(t, referenceNodes, "ca", fileRootCert)) || got != readText(t, d, rootFile) {
				t.Error("the root certificate was changed")
			}
			s, err := d.readSerial()
			root, _ := certs.SerialOf(d.Root().Certificate)
			if next, _ := root.Next(); err != nil || s == next || s == root {
				t.Errorf("db/serial %s: the one after the root's may have been used", s)
			}
		}},
		{"root certificate without its key", func(t *testing.T, p string) { remove(t, p, "private") }, InitRequest{}, func(t *testing.T, d *Dir) {
			if ok, _ := d.exists("private"); ok {
				t.Error("a key was made")
			}
		}},
		{"its key comes later", func(t *testing.T, p string) { remove(t, p, "private") }, InitRequest{AdoptKey: read(t, referenceNodes, "ca", fileRootKey)}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileRootKey); got != string(read(t, referenceNodes, "ca", fileRootKey)) {
				t.Error("not the key")
			}
		}},
		{"the existing tool's repository", func(t *testing.T, p string) {
			keep(fileRootKey)(t, p)
			write(t, p+"/.gitignore", "*.pyc\nprivate/")
			write(t, p+"/README.md", "x")
			write(t, p+"/peers/kustomization.yaml", "configMapGenerator: []\n")
			write(t, p+"/peers/create-peer-manifest", "#!/bin/sh\n")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, func(t *testing.T, d *Dir) {
			if got := readText(t, d, fileGitignore); !strings.HasPrefix(got, "*.pyc\nprivate/\n# Made") || strings.Count(got, "private/") != 1 {
				t.Errorf(".gitignore %q", got)
			}
			if got := readText(t, d, filePeersKustomize); got != "configMapGenerator: []\n" {
				t.Errorf("kustomization.yaml %q", got)
			}
		}},
		{"a README and a git repository", func(t *testing.T, p string) {
			keep()(t, p)
			write(t, p+"/README.md", "x")
			write(t, p+"/.git/HEAD", "x")
			write(t, p+"/nodeinfo/terms.txt", "x")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}, AdoptKey: read(t, referenceNodes, "ca", fileRootKey)}, nil},
		{"without Kubernetes", keep(fileRootKey), InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}, NoKubernetes: true}, func(t *testing.T, d *Dir) {
			if ok, _ := d.exists(filePeersKustomize); ok {
				t.Error("made for Kubernetes")
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, "ca")
			test.change(t, path)
			before := snapshot(t, path)
			req := test.req
			req.Password, req.NewPassword = passwordOf(referencePassword), noPassword(t)
			d := mustInit(t, path, req).Dir
			if d.Identity().ID() != referenceCA {
				t.Errorf("identity %s", d.Identity())
			}
			for name, text := range before {
				_, content, _ := strings.Cut(text, " ")
				if name == fileGitignore || name == fileSerial || content == "" {
					continue
				}
				if got := readText(t, d, name); got != content {
					t.Errorf("%s was changed from %q to %q", name, content, got)
				}
			}
			if test.check != nil {
				test.check(t, d)
			}
			after := snapshot(t, path)
			res, err := Init(t.Context(), path, InitRequest{}, testOptions(), Change{})
			if err != nil || !res.Plan.Nothing {
				t.Errorf("once more: %+v, %v", res, err)
			}
			unchanged(t, path, after)
			if ok, _ := d.exists(fileRootKey); ok {
				issueTestServer(t, d, 30) // serial numbers and the index are in order
			}
		})
	}
}

func TestInitRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, p string)
		req    InitRequest
		want   []string
	}{
		{"a folder of something else", func(t *testing.T, p string) {
			remove(t, p)
			write(t, p+"/certs/server.pem", "x")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, []string{"certs/server.pem", "not a node directory"}},
		{"a database of something else", func(t *testing.T, p string) {
			remove(t, p)
			write(t, p+"/db/schema.sql", "x")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, []string{"db/schema.sql"}},
		{"a file", func(t *testing.T, p string) { remove(t, p); write(t, p, "x") }, InitRequest{Type: certs.CreditorsAgent}, []string{"found a file"}},
		{"db is a file", func(t *testing.T, p string) { remove(t, p); write(t, p+"/db", "x") }, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, []string{"db"}},
		{"a link to nothing", func(t *testing.T, p string) {
			remove(t, p, fileRootKey)
			os.Symlink("/nonexistent/key", p+"/"+fileRootKey)
		}, InitRequest{}, []string{"root-ca.key", "symbolic link"}},
		{"root certificate lost altogether", func(t *testing.T, p string) { remove(t, p, fileRootCert); remove(t, p, "certs") }, InitRequest{}, []string{"root-ca.crt", "missing", "backup"}},
		{"root certificate of another node", func(t *testing.T, p string) {
			write(t, p+"/root-ca.crt", string(read(t, referenceNodes, "da/root-ca.crt")))
		}, InitRequest{}, []string{"db/nodetype: found ca, expected da"}},
		{"key of another node", func(t *testing.T, p string) { remove(t, p, "private") },
			InitRequest{AdoptKey: read(t, referenceNodes, "da", fileRootKey)}, []string{"another node"}},
		{"id that the key does not give", func(t *testing.T, p string) {
			for name := range snapshot(t, p) {
				if !strings.HasPrefix(name, "private") && name != "." {
					remove(t, p, name)
				}
			}
			write(t, p+"/db/nodeid", strings.Repeat("0", 32)+"\n")
		}, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}}, []string{"db/nodeid", strings.Repeat("0", 32), referenceCA}},
		{"root-ca.conf of another node", func(t *testing.T, p string) {
			write(t, p+"/root-ca.conf", string(encodeConf(identity(t, certs.DebtorsAgent, referenceDA))))
		}, InitRequest{}, []string{"root-ca.conf", referenceDA, referenceCA}},
		{"a foreign certificate in certs/", func(t *testing.T, p string) {
			remove(t, p, fileIndex)
			write(t, p+"/certs/AB.pem", string(read(t, referenceNodes, "da/certs/52F6C303952D42E12FEAA0C35025B48A.pem")))
		}, InitRequest{}, []string{"certs", "52F6C303952D42E12FEAA0C35025B48A", "did not issue"}},
		{"db/serial lost and db/index broken", func(t *testing.T, p string) {
			remove(t, p, fileSerial)
			write(t, p+"/db/index", string(read(t, p, fileIndex))+"oops\n")
		}, InitRequest{}, []string{"db/index:4", "mend it"}},
		{"stomp.toml that is invalid, and servers", func(t *testing.T, p string) { write(t, p+"/nodeinfo/stomp.toml", "x") },
			InitRequest{Servers: []string{"h:1"}}, []string{"stomp.toml"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, "ca")
			test.change(t, path)
			before := snapshot(t, path)
			req := test.req
			req.Password, req.NewPassword = passwordOf(referencePassword), passwordOf("x")
			_, err := Init(t.Context(), path, req, testOptions(), Change{})
			wantError(t, err, test.want...)
			unchanged(t, path, before)
		})
	}
}
