package nodedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func TestOpenReferenceNodes(t *testing.T) {
	for _, test := range []struct {
		node string
		typ  certs.NodeType
		id   string
	}{
		{"aa", certs.AccountingAuthority, referenceAA},
		{"ca", certs.CreditorsAgent, referenceCA},
		{"da", certs.DebtorsAgent, referenceDA},
	} {
		t.Run(test.node, func(t *testing.T) {
			path := copyNode(t, test.node)
			before := snapshot(t, path)
			d := reopen(t, path)
			if d.Identity().Type() != test.typ || d.Identity().ID() != test.id {
				t.Errorf("identity: found %s, want %s %s", d.Identity(), test.typ, test.id)
			}
			if string(d.Root().File) != string(read(t, path, "root-ca.crt")) {
				t.Error("the root certificate is not byte for byte the file")
			}
			if d.Path() != path || d.Pending() || len(d.Warnings()) != 0 {
				t.Errorf("path %q, pending %v, warnings %q", d.Path(), d.Pending(), d.Warnings())
			}
			unchanged(t, path, before)
		})
	}
}

func TestOpenThroughLinksAndOddNames(t *testing.T) {
	base := t.TempDir()
	odd := filepath.Join(base, "my nöde – 節点")
	if err := os.Rename(copyNode(t, "ca"), odd); err != nil {
		t.Fatal(err)
	}
	if d := reopen(t, odd); d.Identity().ID() != referenceCA {
		t.Errorf("found %s", d.Identity())
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(odd, link); err != nil {
		t.Skip(err)
	}
	if d := reopen(t, link); d.Identity().ID() != referenceCA {
		t.Errorf("through a link: found %s", d.Identity())
	}
}

func TestOpenErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, path string)
		notNode bool
		want    []string
	}{
		{"no folder", func(t *testing.T, p string) { remove(t, p) }, true, []string{"no such folder", "init"}},
		{"a file", func(t *testing.T, p string) { remove(t, p); write(t, p, "x") }, true, []string{"it is a file"}},
		{"empty folder", func(t *testing.T, p string) { remove(t, p); os.Mkdir(p, 0o755) }, true,
			[]string{"missing db/nodetype, db/nodeid, root-ca.crt", "init"}},
		{"no node id", func(t *testing.T, p string) { remove(t, p, "db/nodeid") }, true, []string{"missing db/nodeid"}},
		{"an empty root certificate", func(t *testing.T, p string) { write(t, p+"/root-ca.crt", "") }, true, []string{"missing root-ca.crt", "init"}},
		{"interrupted init", func(t *testing.T, p string) {
			remove(t, p, "root-ca.crt")
			write(t, filepath.Join(p, fileJournal), "x")
		}, true, []string{"missing root-ca.crt", "interrupted init"}},
		{"unknown type", func(t *testing.T, p string) { write(t, p+"/db/nodetype", "Banks\n") }, false, []string{"db/nodetype", `"Banks"`, "Creditors Agents"}},
		{"empty type", func(t *testing.T, p string) { write(t, p+"/db/nodetype", "\n") }, false, []string{"db/nodetype", "empty"}},
		{"CR LF", func(t *testing.T, p string) { write(t, p+"/db/nodeid", referenceCA+"\r\n") }, false, []string{"db/nodeid", "CR LF"}},
		{"two lines", func(t *testing.T, p string) { write(t, p+"/db/nodeid", referenceCA+"\nx\n") }, false, []string{"db/nodeid", "several lines"}},
		{"id of an authority", func(t *testing.T, p string) { write(t, p+"/db/nodeid", referenceAA+"\n") }, false, []string{"db/nodeid", "32 lowercase hex"}},
		{"another id", func(t *testing.T, p string) { write(t, p+"/db/nodeid", strings.Repeat("0", 32)+"\n") }, false,
			[]string{"root-ca.crt", referenceCA, strings.Repeat("0", 32), "different nodes"}},
		{"another root", func(t *testing.T, p string) {
			write(t, p+"/root-ca.crt", string(read(t, referenceNodes, "da/root-ca.crt")))
		}, false, []string{"root-ca.crt", referenceDA, referenceCA, "different nodes"}},
		{"no certificate", func(t *testing.T, p string) { write(t, p+"/root-ca.crt", "hello") }, false, []string{"root-ca.crt"}},
		{"a huge file", func(t *testing.T, p string) { write(t, p+"/db/nodeid", strings.Repeat("0", maxLineFile+1)) }, false, []string{"db/nodeid", "more than 4096 bytes"}},
		{"a folder", func(t *testing.T, p string) { remove(t, p, "db/nodeid"); os.Mkdir(p+"/db/nodeid", 0o755) }, false, []string{"db/nodeid", "a folder", "regular file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, "ca")
			test.change(t, path)
			_, err := Open(path, Options{})
			wantError(t, err, test.want...)
			if errors.Is(err, ErrNotNode) != test.notNode {
				t.Errorf("ErrNotNode: %v for %q", !test.notNode, err)
			}
		})
	}
}

func TestLineEndsThatEditorsLeave(t *testing.T) {
	path := copyNode(t, "ca")
	for _, text := range []string{referenceCA, referenceCA + "\n", referenceCA + "\n\n"} {
		write(t, path+"/db/nodeid", text)
		reopen(t, path)
	}
}

func TestWarnsOfKeyThatOthersCanRead(t *testing.T) {
	path := copyNode(t, "ca")
	chmod(t, path+"/private", 0o755)
	chmod(t, path+"/private/root-ca.key", 0o640)
	w := strings.Join(reopen(t, path).Warnings(), "\n")
	for _, want := range []string{"private: others may look into it", "0755", "root-ca.key: others may read it", "0640"} {
		if !strings.Contains(w, want) {
			t.Errorf("warnings %q do not say %q", w, want)
		}
	}
}

func TestOpenKey(t *testing.T) {
	path := copyNode(t, "ca")
	d := reopen(t, path)
	key, err := d.OpenKey("", passwordOf(referencePassword))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ownKey(key); err != nil {
		t.Error(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "my key")
	if err := os.Rename(path+"/private/root-ca.key", elsewhere); err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenKey(elsewhere, passwordOf(referencePassword)); err != nil {
		t.Error(err)
	}
	_, err = d.OpenKey("", noPassword(t))
	wantError(t, err, "private/root-ca.key", "--key")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q is not fs.ErrNotExist", err)
	}
	_, err = d.OpenKey(elsewhere, passwordOf("wrong"))
	wantError(t, err, elsewhere, "wrong password")
	if !errors.Is(err, certs.ErrWrongPassword) {
		t.Errorf("%q is not ErrWrongPassword", err)
	}
	if _, err = d.OpenKey(elsewhere, nil); !errors.Is(err, certs.ErrPasswordRequired) {
		t.Errorf("%v is not ErrPasswordRequired", err)
	}
	_, err = d.OpenKey(filepath.Join(referenceNodes, "da/private/root-ca.key"), passwordOf(referencePassword))
	wantError(t, err, "another node", certs.KeyFingerprint(d.Root().RawSubjectPublicKeyInfo),
		certs.KeyFingerprint(openNode(t, "da").Root().RawSubjectPublicKeyInfo))
}
