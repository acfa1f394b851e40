package nodedir

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// adopting is a request for a node of this type with a reference key, which is
// much quicker than a new one.
func adopting(t testing.TB, typ certs.NodeType) InitRequest {
	t.Helper()
	req := InitRequest{
		Type:        typ,
		Servers:     []string{"node.example.com:1234"},
		AdoptKey:    read(t, referenceNodes, typ.String(), fileRootKey),
		Password:    passwordOf(referencePassword),
		NewPassword: noPassword(t),
	}
	if typ == certs.AccountingAuthority {
		req.Prefix = "1234abcd"
	}
	return req
}

func mustInit(t testing.TB, path string, req InitRequest) *InitResult {
	t.Helper()
	res, err := Init(t.Context(), path, req, testOptions(), Change{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestInit(t *testing.T) {
	common := []string{".gitignore", "certs/*.pem", "creditors-subnet.txt", "db/crlnumber", "db/index", "db/index.attr", "db/nodeid", "db/nodetype",
		"db/root-ca.csr", "db/serial", "nodeinfo/stomp.toml", "peers/kustomization.yaml", "private/root-ca.key", "root-ca.conf", "root-ca.crt"}
	for _, test := range []struct {
		typ   certs.NodeType
		id    string
		dest  string
		files []string
	}{
		{certs.AccountingAuthority, referenceAA, "/exchange/accounts_in", []string{"db/subnets/creditors/SEQNUM", "db/subnets/debtors/SEQNUM", "-creditors-subnet.txt"}},
		{certs.CreditorsAgent, referenceCA, "/exchange/creditors_in", nil},
		{certs.DebtorsAgent, referenceDA, "/exchange/debtors_in", []string{"-creditors-subnet.txt"}},
	} {
		t.Run(test.typ.String(), func(t *testing.T) {
			restore := narrowUmask()
			defer restore()
			path := filepath.Join(t.TempDir(), "made", "on the way", "node")
			res := mustInit(t, path, adopting(t, test.typ))
			restore()

			d := res.Dir
			if d.Identity() != identity(t, test.typ, test.id) || d.Path() != path || len(d.Warnings()) > 0 {
				t.Fatalf("%s at %s, %v", d.Identity(), d.Path(), d.Warnings())
			}
			report := certs.CheckRoot(d.Root(), testNow)
			if !report.OK(true) {
				t.Errorf("root certificate: %v", report.Results)
			}
			serial, err := certs.SerialOf(d.Root().Certificate)
			if err != nil {
				t.Fatal(err)
			}
			next, _ := serial.Next()
			row, _ := rowOf(d.Root())
			for file, want := range map[string]string{
				"db/nodetype":      test.typ.Unit() + "\n",
				"db/nodeid":        test.id + "\n",
				"db/crlnumber":     "1001\n",
				"db/index.attr":    "unique_subject = no\n",
				"db/serial":        next.String() + "\n",
				"db/index":         row.String() + "\n",
				issuedFile(serial): string(d.Root().File),
				"root-ca.crt":      string(d.Root().File),
				fileRootKey:        string(read(t, referenceNodes, test.typ.String(), fileRootKey)),
				fileManifest:       "servers = [\"node.example.com:1234\"]\nhost = \"/\"\ndestination = \"" + test.dest + "\"\n",
				filePeersKustomize: string(encodePeersList(nil)),
				fileConf:           string(encodeConf(d.Identity())),
				fileGitignore:      string(completeGitignore(nil)),
			} {
				if got := readText(t, d, file); got != want {
					t.Errorf("%s says %q, want %q", file, got, want)
				}
			}
			if test.typ == certs.AccountingAuthority {
				if a, b := readText(t, d, "db/subnets/creditors/SEQNUM"), readText(t, d, "db/subnets/debtors/SEQNUM"); a != "0\n" || b != "-1\n" {
					t.Errorf("SEQNUM: creditors %q, debtors %q", a, b)
				}
			}
			if test.typ == certs.CreditorsAgent {
				if got := readText(t, d, "creditors-subnet.txt"); got != "000001\n" {
					t.Errorf("creditors-subnet.txt says %q", got)
				}
			}
			req, err := certs.ParseRequest(read(t, path, fileRequest))
			if err != nil {
				t.Fatal(err)
			}
			if err := certs.CheckRequest(req, d.Root().Certificate).Err(); err != nil {
				t.Error(err)
			}

			want := slices.Clone(common)
			for _, f := range test.files {
				if name, ok := strings.CutPrefix(f, "-"); ok {
					want = slices.DeleteFunc(want, func(s string) bool { return s == name })
				} else {
					want = append(want, f)
				}
			}
			slices.Sort(want)
			var got []string
			for name, text := range snapshot(t, path) {
				mode, _, _ := strings.Cut(text, " ")
				wantMode := "-rw-r--r--"
				switch {
				case name == "private":
					wantMode = "drwx------"
				case name == fileLock:
					continue
				case name == fileRootKey:
					wantMode = "-rw-------"
				case mode[0] == 'd':
					wantMode = "drwxr-xr-x"
				}
				if mode != wantMode {
					t.Errorf("%s: mode %s, want %s", name, mode, wantMode)
				}
				if mode[0] != 'd' {
					got = append(got, strings.Replace(name, serial.String(), "*", 1))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("made %q,\nwant %q", got, want)
			}
			if res.Created[0] != fileGitignore || res.Created[len(res.Created)-1] != fileNodeID {
				t.Errorf("created %q: want .gitignore first, db/nodeid last", res.Created)
			}

			// Once more: nothing to do, and nothing asked.
			before := snapshot(t, path)
			again, err := Init(t.Context(), path, InitRequest{Password: noPassword(t), NewPassword: noPassword(t)}, testOptions(), Change{
				Confirm: func(*Plan) error { t.Error("asked"); return nil },
			})
			if err != nil || !again.Plan.Nothing || again.Dir == nil || len(again.Created) != 0 {
				t.Errorf("once more: %+v, %v", again, err)
			}
			mustInit(t, path, adopting(t, test.typ))
			unchanged(t, path, before)
		})
	}
}

// A new key: its file opens with the password and with no other.
func TestInitNewKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	res := mustInit(t, path, InitRequest{Type: certs.DebtorsAgent, Servers: []string{"[::1]:1234"}, NewPassword: passwordOf("pässword"), Password: noPassword(t)})
	key, err := res.Dir.OpenKey("", passwordOf("pässword"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Dir.OpenKey("", passwordOf("password")); !errors.Is(err, certs.ErrWrongPassword) {
		t.Errorf("wrong password: %v", err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := certs.AgentIdentity(certs.DebtorsAgent, spki); res.Dir.Identity() != want {
		t.Errorf("%s, want %s", res.Dir.Identity(), want)
	}
	if !strings.HasPrefix(readText(t, res.Dir, fileRootKey), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n") {
		t.Error("not encrypted PKCS #8")
	}
	for _, c := range res.Plan.Changes {
		if c.Path == fileRootKey && c.Data != nil {
			t.Error("the plan has the key's content")
		}
	}
	t.Run("OpenSSH", func(t *testing.T) { testSSH(t, res.Dir.file(fileRootKey), "pässword") })
	t.Run("OpenSSL", func(t *testing.T) {
		openssl(t, path, []string{"PASS=pässword"}, "pkey", "-in", fileRootKey, "-passin", "env:PASS", "-noout")
	})
	// With the key and nothing else, it is the same node again.
	remove(t, path, "root-ca.crt")
	remove(t, path, "db")
	remove(t, path, "certs")
	again := mustInit(t, path, InitRequest{Type: certs.DebtorsAgent, Password: passwordOf("pässword"), NewPassword: noPassword(t)})
	if again.Dir.Identity() != res.Dir.Identity() {
		t.Errorf("%s, want %s", again.Dir.Identity(), res.Dir.Identity())
	}
}

func TestInitRequests(t *testing.T) {
	subnet := func(s string) certs.Subnet {
		n, err := certs.ParseSubnet(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, test := range []struct {
		name   string
		change func(*InitRequest)
		want   []string
	}{
		{"no type", func(r *InitRequest) { r.Type = 0 }, []string{"node type", "aa, ca or da"}},
		{"no prefix", func(r *InitRequest) { r.Type, r.Prefix = certs.AccountingAuthority, "" }, []string{"prefix", "8 hex digits"}},
		{"short prefix", func(r *InitRequest) { r.Type, r.Prefix = certs.AccountingAuthority, "1234abc" }, []string{"prefix", `"1234abc"`, "8 lowercase"}},
		{"upper-case prefix", func(r *InitRequest) { r.Type, r.Prefix = certs.AccountingAuthority, "1234ABCD" }, []string{"prefix", "lowercase"}},
		{"prefix of an agent", func(r *InitRequest) { r.Prefix = "1234abcd" }, []string{"prefix", "creditors agent", "follows from its key"}},
		{"no servers", func(r *InitRequest) { r.Servers = nil }, []string{"stomp.toml", "host:port"}},
		{"bad server", func(r *InitRequest) { r.Servers = []string{"example.com"} }, []string{"example.com"}},
		{"subnet of another width", func(r *InitRequest) { r.CreditorsSubnet = subnet("0001") }, []string{`"0001"`, "6 hex digits"}},
		{"subnet of a debtors agent", func(r *InitRequest) { r.Type, r.CreditorsSubnet = certs.DebtorsAgent, subnet("000002") }, []string{"creditors subnet", "debtors agent"}},
		{"no key", func(r *InitRequest) { r.AdoptKey = []byte("hello") }, []string{"key to adopt"}},
		{"wrong password", func(r *InitRequest) { r.Password = passwordOf("wrong") }, []string{"wrong password"}},
		{"no password", func(r *InitRequest) { r.Password = nil }, []string{"no password"}},
		{"no new password", func(r *InitRequest) { r.AdoptKey, r.NewPassword = nil, nil }, []string{"password", "none was given"}},
		{"empty new password", func(r *InitRequest) { r.AdoptKey, r.NewPassword = nil, passwordOf("") }, []string{"password", "empty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := t.TempDir()
			req := adopting(t, certs.CreditorsAgent)
			test.change(&req)
			_, err := Init(t.Context(), filepath.Join(base, "a", "node"), req, testOptions(), Change{})
			wantError(t, err, test.want...)
			if entries, _ := os.ReadDir(base); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// What does not come to its end leaves nothing behind, not even the folder.
func TestInitChangesNothing(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		ch   Change
		want error
	}{
		{"dry run", t.Context(), Change{DryRun: true}, nil},
		{"refused", t.Context(), Change{Confirm: func(*Plan) error { return ErrRefused }}, ErrRefused},
		{"cancelled", cancelled, Change{}, context.Canceled},
	} {
		base := t.TempDir()
		req := adopting(t, certs.CreditorsAgent)
		if test.name == "dry run" {
			req.Password = noPassword(t)
		}
		res, err := Init(test.ctx, filepath.Join(base, "a", "node"), req, testOptions(), test.ch)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: found %v, want %v", test.name, err, test.want)
		}
		if test.name == "dry run" && (len(res.Plan.Changes) < 15 || res.Dir != nil) {
			t.Errorf("dry run: %+v", res.Plan)
		}
		if entries, _ := os.ReadDir(base); len(entries) > 0 {
			t.Errorf("%s: left behind: %v", test.name, entries)
		}
	}
}

// Keys in forms that not every program reads are encrypted anew.
func TestInitAdoptsKeys(t *testing.T) {
	key := referenceKey(t, "ca")
	plain, err := certs.EncodePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(plain)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := parsed.(crypto.Signer); !ok {
		t.Fatal("no signer")
	}
	dir := t.TempDir()
	write(t, dir+"/plain.pem", string(plain))
	openssl(t, dir, []string{"PASS=old one"}, "rsa", "-aes128", "-traditional", "-in", "plain.pem", "-out", "legacy.pem", "-passout", "env:PASS")
	legacy := read(t, dir, "legacy.pem")
	if !strings.Contains(string(legacy), "DEK-Info") {
		t.Fatal("not a legacy key")
	}
	for _, test := range []struct {
		name          string
		file          []byte
		anew          bool
		old, new, use func() ([]byte, error)
	}{
		{"legacy: its password stays", legacy, false, passwordOf("old one"), noPassword(t), passwordOf("old one")},
		{"plain: a new password", plain, false, noPassword(t), passwordOf("new one"), passwordOf("new one")},
		{"PKCS #8: a new password", read(t, referenceNodes, "ca", fileRootKey), true, passwordOf(referencePassword), passwordOf("new one"), passwordOf("new one")},
	} {
		path := filepath.Join(t.TempDir(), "node")
		res := mustInit(t, path, InitRequest{Type: certs.CreditorsAgent, Servers: []string{"h:1"}, AdoptKey: test.file, Reencrypt: test.anew, Password: test.old, NewPassword: test.new})
		if !isEncryptedPKCS8(read(t, path, fileRootKey)) {
			t.Errorf("%s: not encrypted PKCS #8", test.name)
		}
		if _, err := res.Dir.OpenKey("", test.use); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Of many at once one makes the node, and the others find it complete.
func TestInitManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		wg.Go(func() {
			res, err := Init(t.Context(), path, adopting(t, certs.CreditorsAgent), testOptions(), Change{})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if len(res.Created) > 0 {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d made it, want 1", made)
	}
	rows, problems, err := reopen(t, path).readIndex()
	if err != nil || len(rows) != 1 || len(problems) > 0 {
		t.Errorf("%v, %v, %v", rows, problems, err)
	}
}

func TestInitOfAbsurdClock(t *testing.T) {
	base := t.TempDir()
	opts := Options{Now: func() time.Time { return time.Unix(0, 0) }}
	_, err := Init(t.Context(), filepath.Join(base, "node"), adopting(t, certs.CreditorsAgent), opts, Change{})
	wantError(t, err, "clock", "1970")
	if _, err := os.Lstat(filepath.Join(base, "node")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
