package nodedir

import (
	"crypto"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func TestChangePassword(t *testing.T) {
	d := openNode(t, "ca")
	before := snapshot(t, d.Path())
	open := func(password string) Change {
		return Change{Key: func() (crypto.Signer, error) { return d.OpenKey("", passwordOf(password)) }}
	}

	for name, try := range map[string]struct {
		ch   Change
		new  func() ([]byte, error)
		want string
	}{
		"wrong password":     {open("wrong"), noPassword(t), "wrong password"},
		"empty new password": {open(referencePassword), passwordOf(""), "empty"},
		"no new password":    {open(referencePassword), nil, "none was given"},
		"no key":             {Change{}, noPassword(t), "none was given"},
		"another node's key": {withKey(t, "da"), noPassword(t), "another node"},
	} {
		_, err := d.ChangePassword(t.Context(), try.new, try.ch)
		wantError(t, err, try.want)
		unchanged(t, d.Path(), before)
		if t.Failed() {
			t.Fatal(name)
		}
	}

	plan, err := d.ChangePassword(t.Context(), passwordOf("new"), open(referencePassword))
	if err != nil {
		t.Fatal(err)
	}
	after := snapshot(t, d.Path())
	if got := changedFiles(before, after); !slices.Equal(got, []string{fileRootKey}) {
		t.Errorf("changed %q", got)
	}
	if mode := after[fileRootKey][:10]; mode != "-rw-------" {
		t.Errorf("mode %s", mode)
	}
	if len(plan.Changes) != 1 || plan.Changes[0].Data != nil {
		t.Errorf("plan %+v: one change, without the key's content", plan.Changes)
	}
	if _, err := d.OpenKey("", passwordOf(referencePassword)); !errors.Is(err, certs.ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	if _, err := d.OpenKey("", passwordOf("new")); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestChangePasswordOfKeyElsewhere(t *testing.T) {
	d := openNode(t, "ca")
	remove(t, filepath.Join(d.Path(), "private"))
	_, err := d.ChangePassword(t.Context(), noPassword(t), noKey(t))
	wantError(t, err, "private/root-ca.key", "elsewhere", "openssl pkcs8")
}

func TestChangePasswordOfLinkedKey(t *testing.T) {
	for _, link := range []string{"private", fileRootKey} {
		d := openNode(t, "ca")
		volume := filepath.Join(t.TempDir(), "volume")
		if err := os.Rename(d.file(link), volume); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(volume, d.file(link)); err != nil {
			t.Skip(err)
		}
		open := Change{Key: func() (crypto.Signer, error) { return d.OpenKey("", passwordOf(referencePassword)) }}
		if _, err := d.ChangePassword(t.Context(), passwordOf("new"), open); err != nil {
			t.Fatal(err)
		}
		if _, err := d.OpenKey("", passwordOf("new")); err != nil {
			t.Errorf("%s: %v", link, err)
		}
		if fi, err := os.Lstat(d.file(link)); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more: %v, %v", link, fi.Mode(), err)
		}
		if fi, err := os.Stat(d.file(fileRootKey)); err != nil || fi.Mode() != modeKey {
			t.Errorf("%s: %v, %v", link, fi.Mode(), err)
		}
		if w := d.permissionWarnings(); len(w) > 0 {
			t.Error(w)
		}
	}
}
