package kustomize

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// build does what "kustomize build --load-restrictor LoadRestrictionsNone" does.
func build(t *testing.T, dir string) []*resource.Resource {
	t.Helper()
	opts := krusty.MakeDefaultOptions()
	opts.LoadRestrictions = types.LoadRestrictionsNone
	m, err := krusty.MakeKustomizer(opts).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return m.Resources()
}

// peer is what a peer's StatefulSet must say.
type peer struct {
	id, program, updatedAt string
	replicas               int
}

// peers are those that the tests of package nodedir write. Unquoted, the first
// two ids and the date would not be strings.
var peers = []peer{
	{"00000012", "swpt-client", "2026-11-23", 1},
	{"12345678", "swpt-client", "2026-11-23T10:15:00Z", 3},
	{"1234e567", "swpt-drainer", "2026-11-24", 99},
	{"ae4209290a434d18be5465b3d11257f8", "swpt-drainer", "", 2},
}

const node = "example/swpt-accounts/node-data"

func TestPeers(t *testing.T) {
	got := build(t, "apps/"+node+"/peers")
	if len(got) != len(peers) {
		t.Fatalf("found %d resources, expected %d", len(got), len(peers))
	}
	for i, p := range peers {
		checkStatefulSet(t, got[i], p)
	}
}

func TestEachPeer(t *testing.T) {
	for _, p := range peers {
		t.Run(p.id, func(t *testing.T) {
			got := build(t, "apps/"+node+"/peers/"+p.id)
			if len(got) != 1 {
				t.Fatalf("found %d resources, expected 1", len(got))
			}
			checkStatefulSet(t, got[0], p)
		})
	}
}

func TestNoPeers(t *testing.T) {
	if got := build(t, "apps/"+node+"/none"); len(got) != 0 {
		t.Errorf("found %d resources, expected none", len(got))
	}
}

// A folder name that YAML would read as something else.
func TestOddName(t *testing.T) {
	const odd = `it's 1: a #"b"`
	root := t.TempDir()
	err := filepath.WalkDir("apps", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "base/swpt-accounts/", `base/it's 1: a #\"b\"/`)
		to := filepath.Join(root, strings.ReplaceAll(file, "swpt-accounts", odd))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(text), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "apps", strings.ReplaceAll(node, "swpt-accounts", odd), "peers")
	if got := build(t, dir); len(got) != len(peers) {
		t.Fatalf("found %d resources, expected %d", len(got), len(peers))
	}
}

func checkStatefulSet(t *testing.T, r *resource.Resource, p peer) {
	t.Helper()
	if got, want := r.GetKind()+" "+r.GetName(), "StatefulSet stomp-client-"+p.id; got != want {
		t.Errorf("found %s, expected %s", got, want)
	}
	text, err := r.AsYAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "PLACEHOLDER") {
		t.Errorf("something was not replaced:\n%s", text)
	}
	if got := r.GetAnnotations()["swpt-node-id"]; got != p.id {
		t.Errorf("annotation: found %q, expected %q", got, p.id)
	}
	m, err := r.Map()
	if err != nil {
		t.Fatal(err)
	}
	spec := m["spec"].(map[string]any)
	if got := spec["replicas"]; got != p.replicas {
		t.Errorf("replicas: found %v (%T), expected %d", got, got, p.replicas)
	}
	container := at[map[string]any](t, spec, "template", "spec", "containers", 0)
	if got := at[string](t, container, "args", 0); got != p.program {
		t.Errorf("first argument: found %q, expected %q", got, p.program)
	}
	if got := at[string](t, container, "env", 0, "value"); got != p.updatedAt {
		t.Errorf("first value: found %q, expected %q", got, p.updatedAt)
	}
	if got := at[string](t, container, "env", 1, "value"); got != p.id {
		t.Errorf("replaced value: found %q, expected %q", got, p.id)
	}
	got := []string{
		at[string](t, container, "resources", "limits", "cpu"),
		at[string](t, container, "resources", "limits", "memory"),
		at[string](t, container, "resources", "requests", "cpu"),
		at[string](t, container, "resources", "requests", "memory"),
	}
	if want := []string{"1", "1Gi", "1m", "32Mi"}; !slices.Equal(got, want) {
		t.Errorf("resources: found %v, expected %v", got, want)
	}
}

// at follows the keys and indexes in path, to a value of type T.
func at[T any](t *testing.T, v any, path ...any) T {
	t.Helper()
	for i, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: found %T, expected a mapping", path[:i], v)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				t.Fatalf("%v: found %T, expected a list of more than %d", path[:i], v, p)
			}
			v = l[p]
		}
	}
	r, ok := v.(T)
	if !ok {
		t.Fatalf("%v: found %T, expected %T", path, v, r)
	}
	return r
}
