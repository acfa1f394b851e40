package nodedir

import (
	"os"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func TestDecideUpdate(t *testing.T) {
	for _, tt := range []struct {
		was, is string
		same    bool
		replace bool
		reason  string // part of it; "" means none
	}{
		{"2026-11-23", "2026-11-24", false, true, ""},
		{"2026-11-23", "2026-11-24", true, true, ""},
		{"2026-11-23", "2026-11-23T00:00:00Z", false, true, ""},
		{"2026-11-23T10:00:00Z", "2026-11-23T10:00:01Z", false, true, ""},
		{"", "2026-11-23", false, true, ""},
		{"2026-11-23", "2026-11-23", true, false, ""},
		{"2026-11-23", "2026-11-23", false, false, "other content"},
		{"2026-11-23", "2026-11-22", false, false, "expected one later than 2026-11-23"},
		{"2026-11-23", "2026-11-22", true, false, "found an info-bundle published on 2026-11-22"},
		{"2026-11-23T00:00:00Z", "2026-11-23", false, false, "expected one later"},
		{"tomorrow", "2026-11-23", false, false, "expected one later"},
	} {
		replace, reason := decideUpdate(tt.was, tt.is, tt.same)
		if replace != tt.replace || (reason == "") != (tt.reason == "") || !strings.Contains(reason, tt.reason) {
			t.Errorf("%+v: found %v, %q", tt, replace, reason)
		}
	}
}

func TestSameContent(t *testing.T) {
	s := newStranger(t, certs.CreditorsAgent, "")
	files := map[string]string{"a.txt": "a", "sub/b.txt": "b"}
	info := s.bundle(t, "2026-11-23", files).NodeInfo
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, dir string)
		want    bool
	}{
		"the same":           {func(*testing.T, string) {}, true},
		"another date":       {func(t *testing.T, dir string) { write(t, dir+"/updated-at.txt", "2020-01-01\n") }, true},
		"no date":            {func(t *testing.T, dir string) { remove(t, dir+"/updated-at.txt") }, true},
		"an empty folder":    {func(t *testing.T, dir string) { mkdir(t, dir+"/more") }, true},
		"another byte":       {func(t *testing.T, dir string) { write(t, dir+"/sub/b.txt", "B") }, false},
		"a file more":        {func(t *testing.T, dir string) { write(t, dir+"/c", "") }, false},
		"a hidden file more": {func(t *testing.T, dir string) { write(t, dir+"/.c", "") }, false},
		"a file less":        {func(t *testing.T, dir string) { remove(t, dir+"/a.txt") }, false},
		"a folder less":      {func(t *testing.T, dir string) { remove(t, dir+"/sub") }, false},
		"a link instead": {func(t *testing.T, dir string) {
			remove(t, dir+"/a.txt")
			write(t, dir+"/../a.txt", "a")
			if err := os.Symlink("../a.txt", dir+"/a.txt"); err != nil {
				t.Fatal(err)
			}
		}, false},
		"a folder instead": {func(t *testing.T, dir string) {
			remove(t, dir+"/a.txt")
			mkdir(t, dir+"/a.txt")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/nodeinfo"
			if err := info.Extract(dir); err != nil {
				t.Fatal(err)
			}
			tt.prepare(t, dir)
			if got, err := sameContent(dir, info); err != nil || got != tt.want {
				t.Errorf("found %v, %v, expected %v", got, err, tt.want)
			}
		})
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

// An update replaces all of nodeinfo/ and nothing else.
func TestUpdate(t *testing.T) {
	d := openNode(t, "aa")
	s := refStranger(t, "ca")
	writeText(t, d, "peers/"+referenceCA+"/ACTIVE", "")
	writeText(t, d, "peers/"+referenceCA+"/nodeinfo/old.txt", "")
	before := tree(t, d)
	b := s.bundle(t, "2026-11-24", map[string]string{"doc/terms.txt": "x"})

	for name, ch := range map[string]Change{
		"refused": {Confirm: func(*Plan) error { return ErrRefused }},
		"dry":     {DryRun: true},
	} {
		res, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, ch)
		if (err == nil) != ch.DryRun {
			t.Errorf("%s: found %v", name, err)
		}
		if err == nil && (res.Action != ActionUpdated || res.Certificate == nil) {
			t.Errorf("%s: found %+v", name, res)
		}
		unchanged(t, d.Path(), before)
	}

	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, noKey(t))
	if err != nil || res.Action != ActionUpdated || !res.Peer.Active || res.Peer.UpdatedAt != "2026-11-24" || res.Peer.Servers[0] != "peer.example.com:1234" {
		t.Fatalf("found %+v, %v", res, err)
	}
	for _, p := range changedFiles(before, tree(t, d)) {
		if !strings.HasPrefix(p, "peers/"+referenceCA+"/nodeinfo/") {
			t.Errorf("%s was changed", p)
		}
	}
	entries, err := os.ReadDir(d.file("peers/" + referenceCA + "/nodeinfo"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "doc stomp.toml updated-at.txt" {
		t.Errorf("found %s", got)
	}
	if again, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, noKey(t)); err != nil || again.Action != ActionNone {
		t.Errorf("again: found %+v, %v", again, err)
	}

	// Nothing at all to compare with: taken.
	remove(t, d.file("peers/"+referenceCA+"/nodeinfo"))
	if res, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, noKey(t)); err != nil || res.Action != ActionUpdated || len(res.Peer.Problems) > 0 {
		t.Errorf("found %+v, %v", res, err)
	}
}

// A peer that was taken by the existing tool: its own bundle again is nothing
// to do.
func TestUpdateReference(t *testing.T) {
	for node, bundles := range map[string][]string{"aa": {"ca", "da", "ca2"}, "ca": {"aa"}, "da": {"aa"}} {
		d := openNode(t, node)
		before := tree(t, d)
		for _, name := range bundles {
			res, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, name)}, noKey(t))
			if err != nil || res.Action != ActionNone || res.Certificate == nil {
				t.Errorf("%s takes %s: found %+v, %v", node, name, res, err)
			}
		}
		unchanged(t, d.Path(), before)
	}
}
