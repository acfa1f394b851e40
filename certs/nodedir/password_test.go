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

// The file that is replaced is the one that was opened. Once it was not: with a
// link that was made to lead elsewhere while the new password was asked for, and
// two changes at once, of which both succeeded.
func TestChangePasswordOfAnotherFile(t *testing.T) {
	const mine = "# mine\n"
	for _, tt := range []struct {
		name string
		link bool // the key is a link to copy.key
		do   func(t *testing.T, d *Dir)
		want string
	}{
		{"a link leads elsewhere now", true, func(t *testing.T, d *Dir) { retarget(t, d, d.file("victim")) }, "victim"},
		{"a link leads to a copy now", true, func(t *testing.T, d *Dir) {
			write(t, d.file("copy2.key"), readText(t, d, "copy.key"))
			retarget(t, d, d.file("copy2.key"))
		}, "copy2.key, expected"},
		{"a file became a link", false, func(t *testing.T, d *Dir) { retarget(t, d, d.file("victim")) }, "victim"},
		{"the link became a file", true, func(t *testing.T, d *Dir) {
			data := readText(t, d, "copy.key")
			removeRel(t, d, fileRootKey)
			write(t, d.file(fileRootKey), data)
		}, "copy.key, which was opened"},
		{"gone", false, func(t *testing.T, d *Dir) { removeRel(t, d, fileRootKey) }, "root-ca.key"},
		{"another change at the same time", false, func(t *testing.T, d *Dir) {
			open := Change{Key: func() (crypto.Signer, error) { return d.OpenKey("", passwordOf(referencePassword)) }}
			if _, err := d.ChangePassword(t.Context(), passwordOf("first"), open); err != nil {
				t.Fatal(err)
			}
		}, "found another file at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "ca")
			writeText(t, d, "victim", mine)
			if tt.link {
				if err := os.Rename(d.file(fileRootKey), d.file("copy.key")); err != nil {
					t.Fatal(err)
				}
				symlink(t, d, d.file("copy.key"), fileRootKey)
			}
			var before map[string]string
			open := Change{Key: func() (crypto.Signer, error) { return d.OpenKey("", passwordOf(referencePassword)) }}
			_, err := d.ChangePassword(t.Context(), func() ([]byte, error) {
				tt.do(t, d)
				before = snapshot(t, d.Path())
				return []byte("second"), nil
			}, open)
			wantError(t, err, tt.want)
			if tt.name != "gone" && !errors.Is(err, ErrChanged) {
				t.Errorf("%v is not ErrChanged", err)
			}
			// The other change leaves the lock's file.
			after := snapshot(t, d.Path())
			delete(before, fileLock)
			delete(after, fileLock)
			if diff := changed(before, after); len(diff) > 0 {
				t.Errorf("changed: %q", diff)
			}
		})
	}
}

// What is replaced is a key: nothing else becomes one because a link leads to it.
func TestChangePasswordReplacesOnlyKeys(t *testing.T) {
	d := openNode(t, "ca")
	writeText(t, d, "victim", "# mine\n")
	retarget(t, d, d.file("victim"))
	_, err := d.ChangePassword(t.Context(), passwordOf("new"), keyOf(t, d))
	wantError(t, err, "victim")
	if got := readText(t, d, "victim"); got != "# mine\n" {
		t.Errorf("found %q", got)
	}
}

func retarget(t *testing.T, d *Dir, to string) {
	t.Helper()
	removeRel(t, d, fileRootKey)
	symlink(t, d, to, fileRootKey)
}
