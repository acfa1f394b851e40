package bundle_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// aaWith is a bundle of the reference authority with this nodeinfo.
func aaWith(t *testing.T, manifest, updatedAt string, more ...member) *bundle.Bundle {
	t.Helper()
	return mustVerify(t, partsOf(t, "aa").sign(t, "aa",
		append([]member{{name: "stomp.toml", content: manifest}, {name: "updated-at.txt", content: updatedAt}}, more...)...).zip(t))
}

func TestDiffSame(t *testing.T) {
	for _, name := range bundleNames {
		d := bundle.Diff(mustVerify(t, readBundle(t, name)), mustVerify(t, readBundle(t, name)))
		if !d.IsEmpty() || len(d.Forbidden()) > 0 {
			t.Errorf("%s: found %+v", name, d)
		}
	}
	// How it was zipped makes no difference.
	a := aaWith(t, goodManifest, goodUpdatedAt, member{name: "x", content: strings.Repeat("x", 100)})
	b := aaWith(t, goodManifest, goodUpdatedAt, member{name: "x", content: strings.Repeat("x", 100), deflate: true, mode: 0o600})
	if d := bundle.Diff(a, b); !d.IsEmpty() {
		t.Errorf("found %+v", d)
	}
}

func TestDiffAnotherNode(t *testing.T) {
	d := bundle.Diff(mustVerify(t, readBundle(t, "ca")), mustVerify(t, readBundle(t, "da")))
	want := []bundle.Field{bundle.FieldNodeType, bundle.FieldNodeID, bundle.FieldFingerprint, bundle.FieldRoot}
	for i, f := range d.Forbidden()[:4] {
		if f.Field != want[i] || f.Old == f.New || f.Forbidden == "" {
			t.Errorf("found %+v, expected %s", f, want[i])
		}
	}
}

// Whoever has no key can make a second one of an ECDSA signature, but cannot change
// what is signed: the first is another file, the second another certificate.
func TestDiffSignature(t *testing.T) {
	old := mustVerify(t, readBundle(t, "ca"))
	for _, tt := range []struct {
		signed    bool // too is other
		want      bundle.Field
		forbidden int
	}{{false, bundle.FieldRootFile, 0}, {true, bundle.FieldRoot, 1}} {
		changed, root, certificate := *old, *old.Root, *old.Root.Certificate
		changed.Root, root.Certificate = &root, &certificate
		certificate.Raw, root.File = flip(certificate.Raw), flip(root.File)
		if tt.signed {
			certificate.RawTBSCertificate = flip(certificate.RawTBSCertificate)
		}
		d := bundle.Diff(old, &changed)
		if len(d.Fields) != 1 || d.Fields[0].Field != tt.want || len(d.Forbidden()) != tt.forbidden {
			t.Errorf("found %+v, expected %s", d.Fields, tt.want)
		}
	}
}

func TestDiffFields(t *testing.T) {
	old := aaWith(t, goodManifest, "2026-11-23\n")
	for _, tt := range []struct {
		name, manifest, updatedAt string
		want                      []bundle.Field
		forbidden                 []bundle.Field
	}{
		{"newer", goodManifest, "2026-11-23T00:00:00Z\n", []bundle.Field{bundle.FieldUpdatedAt}, nil},
		{"older", goodManifest, "2026-11-22\n", []bundle.Field{bundle.FieldUpdatedAt}, []bundle.Field{bundle.FieldUpdatedAt}},
		{"changed without a new date", "# x\n" + goodManifest, "2026-11-23\n", []bundle.Field{bundle.FieldUpdatedAt}, []bundle.Field{bundle.FieldUpdatedAt}},
		{"changed", "# x\n" + goodManifest, "2026-11-24\n", []bundle.Field{bundle.FieldUpdatedAt}, nil},
		{"login, empty", goodManifest + "login = ''\n", "2026-11-24\n", []bundle.Field{bundle.FieldUpdatedAt, bundle.FieldLogin}, nil},
		{"passcode", goodManifest + "passcode = 'secret'\n", "2026-11-24\n", []bundle.Field{bundle.FieldUpdatedAt, bundle.FieldPasscode}, nil},
		{"everything", "servers = ['a.b:1']\nhost = 'h'\ndestination = '/d'\naccepted-content-types = ['a/b']\nx = 1\n", "2026-11-24\n",
			[]bundle.Field{bundle.FieldUpdatedAt, bundle.FieldServers, bundle.FieldHost, bundle.FieldDestination, bundle.FieldContentTypes, bundle.FieldUnknownKeys}, nil},
	} {
		d := bundle.Diff(old, aaWith(t, tt.manifest, tt.updatedAt))
		var fields, forbidden []bundle.Field
		for _, f := range d.Fields {
			fields = append(fields, f.Field)
		}
		for _, f := range d.Forbidden() {
			forbidden = append(forbidden, f.Field)
		}
		if !slices.Equal(fields, tt.want) || !slices.Equal(forbidden, tt.forbidden) {
			t.Errorf("%s: found %v, forbidden %v, expected %v and %v", tt.name, fields, forbidden, tt.want, tt.forbidden)
		}
		if text := fmt.Sprintf("%+v", d); strings.Contains(text, "secret") {
			t.Errorf("%s: the passcode is shown: %s", tt.name, text)
		}
	}
	// From one passcode to another.
	a, b := aaWith(t, goodManifest+"passcode = 'secret1'\n", "2026-11-23\n"), aaWith(t, goodManifest+"passcode = 'secret2'\n", "2026-11-24\n")
	if d := bundle.Diff(a, b); len(d.Fields) != 2 || d.Fields[1] != (bundle.FieldChange{Field: bundle.FieldPasscode, Old: "present", New: "present"}) {
		t.Errorf("found %+v", d.Fields)
	}
	// The text above the root certificate is not the certificate.
	p := partsOf(t, "aa")
	p.root = append([]byte("a note\n"), p.root...)
	d := bundle.Diff(mustVerify(t, readBundle(t, "aa")), mustVerify(t, p.zip(t)))
	if len(d.Fields) != 1 || d.Fields[0].Field != bundle.FieldRootFile || d.Fields[0].Forbidden != "" {
		t.Errorf("found %+v", d.Fields)
	}
}

func TestDiffFiles(t *testing.T) {
	dir := fs.ModeDir | 0o755
	old := aaWith(t, goodManifest, "2026-11-23\n", member{name: "gone/", mode: dir}, member{name: "gone/x", content: "1"}, member{name: "same", content: "2"}, member{name: "to", content: "3"})
	new := aaWith(t, goodManifest, "2026-11-23\n", member{name: "same", content: "2"}, member{name: "to", content: "44"}, member{name: "added", content: "5"})
	d := bundle.Diff(old, new)
	var got []string
	for _, c := range d.Files {
		got = append(got, fmt.Sprintf("%s %s", c.Kind, c.Name()))
		if (c.Old == nil) != (c.Kind == bundle.Added) || (c.New == nil) != (c.Kind == bundle.Removed) {
			t.Errorf("found %+v", c)
		}
	}
	if want := []string{"added added", "removed gone/", "removed gone/x", "changed to"}; !slices.Equal(got, want) {
		t.Errorf("found %v, expected %v", got, want)
	}
	if c := d.Files[3]; c.Old.Size != 1 || c.New.Size != 2 || c.Old.SHA256 == c.New.SHA256 {
		t.Errorf("found %+v", c)
	}
	text, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(text), `{"kind":"added","new":{"name":"added","size":1,"sha256":"`) {
		t.Errorf("found %s, %v", text, err)
	}
}
