package nodedir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// wantManifest checks peers/<id>/kustomization.yaml.
func wantManifest(t *testing.T, d *Dir, m peerManifest) {
	t.Helper()
	m.app = filepath.Base(filepath.Dir(d.Path()))
	want, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := readText(t, d, "peers/"+m.id+"/kustomization.yaml"); got != string(want) {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
}

// The manifests through the life of a peer, from the file that the existing
// tool ships.
func TestManifests(t *testing.T) {
	d := openNode(t, "aa")
	writeText(t, d, filePeersKustomize, placeholder)
	s := newStranger(t, certs.CreditorsAgent, "")
	id := s.id.ID()
	base := "peers/" + id + "/"
	// Whatever a bundle brings stays in nodeinfo/.
	mustSign(t, d, s.bundle(t, "2026-11-23", map[string]string{"kustomization.yaml": "evil", "resources-patch.yaml": "evil", "sub/kustomization.yaml": "evil"}))
	for _, name := range []string{"kustomization.yaml", "resources-patch.yaml"} {
		if _, err := os.Lstat(d.file(base + name)); err == nil {
			t.Errorf("%s is there before the peer is registered", name)
		}
	}
	if got := readText(t, d, filePeersKustomize); got != placeholder {
		t.Errorf("found\n%s", got)
	}

	// The existing tool would have put these here from the bundle.
	writeText(t, d, base+"kustomization.yaml", "evil")
	writeText(t, d, base+"resources-patch.yaml", "evil")
	before := tree(t, d)
	c := s.certify(t, d, "")
	res := mustRegister(t, d, c)
	want := []string{base + "kustomization.yaml", base + "resources-patch.yaml", base + "sub-ca.crt", filePeersKustomize}
	slices.Sort(want)
	if got := changedFiles(before, tree(t, d)); !slices.Equal(got, want) {
		t.Errorf("found changes %v, expected %v", got, want)
	}
	if !strings.Contains(strings.Join(res.Plan.Notes, "\n"), "may have come in a bundle") {
		t.Errorf("notes: found %q", res.Plan.Notes)
	}
	at := mustUpdatedAt(t, "2026-11-23")
	wantManifest(t, d, peerManifest{id: id, queues: 1, updatedAt: at})
	if got := readText(t, d, base+"resources-patch.yaml"); got != resourcesPatch {
		t.Errorf("found\n%s", got)
	}
	if got := readText(t, d, filePeersKustomize); got != peersListHead+"resources:\n- "+id+"/\n" {
		t.Errorf("found\n%s", got)
	}
	if !res.Peer.HasManifest || len(res.Peer.Problems) > 0 {
		t.Errorf("found %+v", res.Peer)
	}
	checkAgain(t, d, c)

	// From now on the patch is the operator's.
	writeText(t, d, base+"resources-patch.yaml", "mine")
	if _, err := d.SetQueues(t.Context(), id, 12, Change{}); err != nil {
		t.Fatal(err)
	}
	wantManifest(t, d, peerManifest{id: id, queues: 12, updatedAt: at})
	if _, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-24T10:00:00Z", nil)}, noKey(t)); err != nil {
		t.Fatal(err)
	}
	at = mustUpdatedAt(t, "2026-11-24T10:00:00Z")
	wantManifest(t, d, peerManifest{id: id, queues: 12, updatedAt: at})
	if _, err := d.Deactivate(t.Context(), id, Change{}); err != nil {
		t.Fatal(err)
	}
	wantManifest(t, d, peerManifest{id: id, queues: 12, updatedAt: at, deactivated: true})
	if got := readText(t, d, base+"resources-patch.yaml"); got != "mine" {
		t.Errorf("found %q", got)
	}

	// What an interrupted run of the existing tool left is made good.
	remove(t, d.file(base+"kustomization.yaml"))
	if plan, err := d.Deactivate(t.Context(), id, Change{}); err != nil || plan.Nothing {
		t.Errorf("found %+v, %v", plan, err)
	}
	wantManifest(t, d, peerManifest{id: id, queues: 12, updatedAt: at, deactivated: true})
	if plan, err := d.SetQueues(t.Context(), id, 12, Change{}); err != nil || !plan.Nothing {
		t.Errorf("found %+v, %v", plan, err)
	}
}

// The executable script is enough, and the list is made anew with all who have
// manifests.
func TestManifestsByScript(t *testing.T) {
	d := openNode(t, "aa")
	writeText(t, d, fileCreatePeerManifest, "#!/bin/sh\n")
	if _, err := d.SetQueues(t.Context(), referenceCA, 4, Change{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(d.file(filePeersKustomize)); err == nil {
		t.Error("manifests were made though the script is not executable")
	}
	if err := os.Chmod(d.file(fileCreatePeerManifest), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SetQueues(t.Context(), referenceCA, 5, Change{}); err != nil {
		t.Fatal(err)
	}
	// Not registered: what looks like a manifest is none.
	mustSign(t, d, refBundle(t, "da2"))
	writeText(t, d, "peers/"+referenceDA2+"/kustomization.yaml", "evil")
	remove(t, d.file(filePeersKustomize))
	if _, err := d.SetQueues(t.Context(), referenceDA, 2, Change{}); err != nil {
		t.Fatal(err)
	}
	if got, want := readText(t, d, filePeersKustomize), string(encodePeersList([]string{referenceCA, referenceDA})); got != want {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
}

func TestNoManifests(t *testing.T) {
	d, s := signedAgent(t, certs.CreditorsAgent)
	before := tree(t, d)
	mustRegister(t, d, s.certify(t, d, ""))
	if got, want := changedFiles(before, tree(t, d)), []string{"peers/" + s.id.ID() + "/sub-ca.crt"}; !slices.Equal(got, want) {
		t.Errorf("found changes %v, expected %v", got, want)
	}
}

// A file that cannot be changed safely stops the change before anything.
func TestManifestsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, d *Dir)
		want    string
	}{
		"list of another form": {func(t *testing.T, d *Dir) { writeText(t, d, filePeersKustomize, "resources: {a: b}\n") }, "by hand"},
		"conflict":             {func(t *testing.T, d *Dir) { writeText(t, d, filePeersKustomize, "<<<<<<< ours\n") }, "by hand"},
		"list is a link": {func(t *testing.T, d *Dir) {
			if err := os.Symlink("/dev/null", d.file(filePeersKustomize)); err != nil {
				t.Fatal(err)
			}
		}, "kustomization.yaml"},
		"no queues": {func(t *testing.T, d *Dir) {
			writeText(t, d, filePeersKustomize, string(encodePeersList(nil)))
			writeText(t, d, "peers/"+referenceCA+"/queues.txt", "x\n")
		}, "queues.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			d := openNode(t, "aa")
			tt.prepare(t, d)
			before := tree(t, d)
			_, err := d.Deactivate(t.Context(), referenceCA, Change{})
			wantError(t, err, tt.want)
			unchanged(t, d.Path(), before)
		})
	}
	t.Run("updated-at.txt is damaged", func(t *testing.T) {
		d := openNode(t, "aa")
		writeText(t, d, filePeersKustomize, string(encodePeersList(nil)))
		writeText(t, d, "peers/"+referenceCA+"/nodeinfo/updated-at.txt", "\"\n    - op: add # evil\n")
		plan, err := d.Deactivate(t.Context(), referenceCA, Change{})
		if err != nil || !strings.Contains(strings.Join(plan.Notes, "\n"), "no date") {
			t.Fatalf("found %+v, %v", plan, err)
		}
		wantManifest(t, d, peerManifest{id: referenceCA, queues: 3, deactivated: true})
	})
}
