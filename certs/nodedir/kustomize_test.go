package nodedir

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/swaptacular/swptpeer/bundle"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func mustUpdatedAt(t testing.TB, s string) bundle.UpdatedAt {
	t.Helper()
	u, err := bundle.ParseUpdatedAt(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The files that the module in testdata/kustomize builds with Kustomize itself.
func TestManifestsGolden(t *testing.T) {
	root := filepath.Join("..", "..", "testdata", "kustomize", "apps", "example", "swpt-accounts", "node-data")
	golden := func(rel string, data []byte) {
		t.Helper()
		file := filepath.Join(root, filepath.FromSlash(rel))
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want) {
			t.Errorf("%s differs from what is written now:\n%s", rel, data)
		}
	}
	const app = "swpt-accounts"
	peers := []peerManifest{
		{app: app, id: "12345678", queues: 3, updatedAt: mustUpdatedAt(t, "2026-11-23T10:15:00Z")},
		{app: app, id: "00000012", queues: 1, updatedAt: mustUpdatedAt(t, "2026-11-23")},
		{app: app, id: "ae4209290a434d18be5465b3d11257f8", queues: 2, deactivated: true},
		{app: app, id: "1234e567", queues: 99, updatedAt: mustUpdatedAt(t, "2026-11-24"), deactivated: true},
	}
	list := encodePeersList(nil)
	golden("none/"+peerKustomize, list)
	for _, m := range peers {
		data, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		golden("peers/"+m.id+"/"+peerKustomize, data)
		golden("peers/"+m.id+"/"+peerResources, []byte(resourcesPatch))
		list, err = addToPeersList(list, m.id)
		if err != nil {
			t.Fatal(err)
		}
	}
	golden("peers/"+peerKustomize, list)
}

// What a YAML reader makes of a manifest, with the values that are dangerous
// without quotes.
func TestManifestValues(t *testing.T) {
	for _, id := range []string{"12345678", "00000012", "1234e567", "0x123456", "00000000", "ae4209290a434d18be5465b3d11257f8"} {
		m := peerManifest{app: `no: "way" #'s`, id: id, queues: 7, updatedAt: mustUpdatedAt(t, "2026-11-23"), deactivated: true}
		data, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			APIVersion string   `yaml:"apiVersion"`
			Kind       string   `yaml:"kind"`
			Resources  []string `yaml:"resources"`
			Patches    []struct {
				Patch, Path string
				Target      map[string]string
			} `yaml:"patches"`
			Replacements []struct{ Path string } `yaml:"replacements"`
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&doc); err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
		base := `../../../../../base/no: "way" #'s/peer/`
		if len(doc.Resources) != 1 || doc.Resources[0] != base+"stomp-client.yaml" {
			t.Errorf("resources: found %q", doc.Resources)
		}
		if len(doc.Replacements) != 1 || doc.Replacements[0].Path != base+"replacements/stomp-client-node-id.yaml" {
			t.Errorf("replacements: found %q", doc.Replacements)
		}
		if len(doc.Patches) != 2 || doc.Patches[1].Path != peerResources {
			t.Fatalf("patches: found %+v", doc.Patches)
		}
		for _, p := range doc.Patches {
			if want := "map[group:apps kind:StatefulSet name:stomp-client version:v1]"; fmt.Sprint(p.Target) != want {
				t.Errorf("target: found %v, expected %s", p.Target, want)
			}
		}
		var ops []struct {
			Op, Path string
			Value    any
		}
		if err := yaml.Unmarshal([]byte(doc.Patches[0].Patch), &ops); err != nil {
			t.Fatal(err)
		}
		want := []any{id, 7, "swpt-drainer", "2026-11-23"}
		for i, op := range ops {
			if op.Value != want[i] {
				t.Errorf("%s: found %#v, expected %#v", op.Path, op.Value, want[i])
			}
		}
		if len(ops) != len(want) {
			t.Errorf("found %d operations, expected %d", len(ops), len(want))
		}
	}
}

func TestYAMLString(t *testing.T) {
	for _, s := range []string{"", "a", `"`, `\`, `\n`, "'", "#", ": ", "- ", "é", "null", "~", "{{", "<&>", "日本"} {
		q, err := yamlString(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		var got any
		if err := yaml.Unmarshal([]byte("v: "+q+"\n"), &got); err != nil || got.(map[string]any)["v"] != s {
			t.Errorf("%q was written %s and read %v, %v", s, q, got, err)
		}
	}
	for _, s := range []string{"a\nb", "a\tb", "\x7f", "\xff", "\u202e", "\u2028", "\ufeff", "\x00"} {
		if q, err := yamlString(s); err == nil {
			t.Errorf("%q was written as %s, expected an error", s, q)
		}
	}
}

func TestAppName(t *testing.T) {
	root := t.TempDir()
	node := filepath.Join(root, "swpt-accounts", "node-data")
	if err := os.MkdirAll(node, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(node, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{node, node + "/.", link, filepath.Join(node, "..", "node-data")} {
		if got, err := appName(dir); err != nil || got != "swpt-accounts" {
			t.Errorf("%s: found %q, %v", dir, got, err)
		}
	}
	t.Chdir(node)
	if got, err := appName("."); err != nil || got != "swpt-accounts" {
		t.Errorf("current folder: found %q, %v", got, err)
	}
	for _, dir := range []string{"/", "/tmp"} {
		if got, err := appName(dir); err == nil || !strings.Contains(err.Error(), "no named folder") {
			t.Errorf("%s: found %q, %v, expected a refusal", dir, got, err)
		}
	}
}

const placeholder = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
# A comment.
configMapGenerator:
- name: dummy-configmap
  literals:
  - foo=bar
`

func TestAddToPeersList(t *testing.T) {
	const machine = "# machine-generated\n#\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
	for _, tt := range []struct {
		name, in string
		ids      []string
		want     string // "" means: a refusal
		err      string
	}{
		{name: "no file", ids: []string{"1234abcd", "00000012"}, want: peersListHead + "resources:\n- 00000012/\n- 1234abcd/\n"},
		{name: "our empty file", in: string(encodePeersList(nil)), ids: []string{"1234abcd"}, want: peersListHead + "resources:\n- 1234abcd/\n"},
		{name: "placeholder", in: placeholder, ids: []string{"1234abcd"}, want: peersListHead + "resources:\n- 1234abcd/\n"},
		{name: "sorted in", in: machine + "- 00000012/\n- 1234abcd/\n", ids: []string{"12340000"}, want: machine + "- 00000012/\n- 12340000/\n- 1234abcd/\n"},
		{name: "listed", in: machine + "- 00000012/\n", ids: []string{"00000012"}, want: machine + "- 00000012/\n"},
		{name: "listed otherwise", in: machine + "- \"./00000012\"\n", ids: []string{"00000012"}, want: machine + "- \"./00000012\"\n"},
		{name: "not sorted: at the end", in: machine + "- 1234abcd/\n- 00000012/\n", ids: []string{"12340000"}, want: machine + "- 1234abcd/\n- 00000012/\n- 12340000/\n"},
		{name: "no newline at the end", in: machine + "- 00000012/", ids: []string{"1234abcd"}, want: machine + "- 00000012/\n- 1234abcd/\n"},
		{name: "list without entries", in: machine, ids: []string{"1234abcd"}, want: machine + "- 1234abcd/\n"},
		{name: "an operator's file", in: "resources:\n  - 00000012/ # mine\n  - ../extra.yaml\nnamespace: x\n", ids: []string{"1234abcd"},
			want: "resources:\n  - 00000012/ # mine\n  - ../extra.yaml\n  - 1234abcd/\nnamespace: x\n"},
		{name: "an operator's file without a list", in: "namespace: x\n", ids: []string{"1234abcd"}, want: "namespace: x\nresources:\n- 1234abcd/\n"},
		{name: "a list in a line", in: "resources: [a/, b/]\n", ids: []string{"1234abcd"}, err: "by hand"},
		{name: "not YAML", in: "<<<<<<< HEAD\nresources:\n- 00000012/\n", ids: []string{"1234abcd"}, err: "by hand"},
		{name: "CR LF", in: "resources:\r\n- 00000012/\r\n", ids: []string{"1234abcd"}, err: "by hand"},
		{name: "two documents", in: machine + "- 00000012/\n---\nresources: []\n", ids: []string{"1234abcd"},
			want: machine + "- 00000012/\n- 1234abcd/\n---\nresources: []\n"},
		{name: "mapping in the list", in: "resources:\n- a: b\n  c: d\n", ids: []string{"1234abcd"}, err: "by hand"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := addToPeersList([]byte(tt.in), tt.ids...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("found %q, %v, expected an error with %q", got, err, tt.err)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Fatalf("found error %v and\n%s\nexpected\n%s", err, got, tt.want)
			}
			again, err := addToPeersList(got, tt.ids...)
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("adding again: found error %v and\n%s", err, again)
			}
		})
	}
}

// Adding one line to a list of 10,000 must not need a YAML parser.
func BenchmarkAddToPeersList(b *testing.B) {
	var ids []string
	for i := range 10_000 {
		ids = append(ids, fmt.Sprintf("%032x", i*7))
	}
	data := encodePeersList(ids)
	for b.Loop() {
		if out, err := addToPeersList(data, fmt.Sprintf("%032x", 50_002)); err != nil || len(out) != len(data)+len("- /\n")+32 {
			b.Fatal(err)
		}
	}
}

// The quick way and the general one must agree.
func TestInsertPeer(t *testing.T) {
	var ids []string
	var data []byte
	for i := range 200 {
		id := fmt.Sprintf("%08x", i*7919%10007)
		if i%3 == 0 {
			id = fmt.Sprintf("%032x", i*7919%10007)
		}
		ids = append(ids, id)
		want := encodePeersList(ids)
		if i > 0 {
			got, ok := insertPeer(data, id)
			if !ok || !bytes.Equal(got, want) {
				t.Fatalf("adding %s: found %v and\n%s\nexpected\n%s", id, ok, got, want)
			}
			if again, ok := insertPeer(got, id); !ok || !bytes.Equal(again, got) {
				t.Fatalf("adding %s again: found %v and\n%s", id, ok, again)
			}
		}
		data = want
	}
	for _, in := range []string{"", "resources:\n", "x: y\nresources:\n- 00000012/\n", peersListHead + "resources:\n- 00000012/\nx: y\n", peersListHead + "resources:\n- 00000012/", peersListHead + "resources:\n- 1234abcd/\n- 00000012/\n", peersListHead + "resources: []\n"} {
		if got, ok := insertPeer([]byte(in), "cafe0000"); ok {
			t.Errorf("%q was taken for the simple form and became %q", in, got)
		}
	}
}

// Whatever a file says, a line is added or nothing is, and what was listed is
// still listed.
func FuzzAddToPeersList(f *testing.F) {
	seeds := []string{"", placeholder, "resources: []\n", "resources:\n- 00000012/\n- 1234abcd/\n", "a: [\n", "resources:\n  - x\n  - y # z\nk: v"}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := addToPeersList(data, "cafe0000")
		if err != nil {
			return
		}
		before, after := parsePeersList(data), parsePeersList(out)
		if !after.lists("cafe0000") {
			t.Fatalf("%q became %q, which does not list the peer", data, out)
		}
		for _, e := range before.listed {
			if !slices.Contains(after.listed, e) {
				t.Fatalf("%q became %q, which does not list %q", data, out, e)
			}
		}
		if again, err := addToPeersList(out, "cafe0000"); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("adding twice: %q, %v", again, err)
		}
	})
}
