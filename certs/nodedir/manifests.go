package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// maxKustomization bounds peers/kustomization.yaml: 100,000 peers fit, with 36
// bytes a line.
const maxKustomization = 4 << 20

// fileChange is a file that a plan writes whole.
type fileChange struct {
	path string
	data []byte
}

// fileChanges is a list of them, in the order of writing.
type fileChanges []fileChange

// addTo adds the changes to tx.
func (c fileChanges) addTo(tx *durable.Tx) {
	for _, f := range c {
		tx.Replace(f.path, f.data, modeFile)
	}
}

// build is draft.build for changes that need no signature.
func (c fileChanges) build(tx *durable.Tx, _ *signer) error {
	c.addTo(tx)
	return nil
}

// write adds a file, unless it says the same already.
func (c *fileChanges) write(v *view, rel string, data []byte, limit int64) (existed bool, err error) {
	was, err := v.readFile(rel, limit)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if existed = err == nil; !existed || !bytes.Equal(was, data) {
		*c = append(*c, fileChange{rel, data})
	}
	return existed, nil
}

// manifestState is what the manifests of a registered peer say.
type manifestState struct {
	id          string
	queues      int
	updatedAt   string // the line of updated-at.txt, as it is or will be
	deactivated bool
	registering bool // the peer is being registered by this change
}

// usesKubernetes reports whether this directory gets manifests.
func (d *Dir) usesKubernetes() (bool, error) {
	if ok, err := d.exists(filePeersKustomize); ok || err != nil {
		return ok, err
	}
	fi, err := os.Stat(d.file(fileCreatePeerManifest))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return fi.Mode().IsRegular() && fi.Mode()&0o111 != 0, nil
}

// planManifests returns the manifest files that differ from what they should
// say, and what the operator should know about it. It returns nothing if the
// directory has no manifests.
func (v *view) planManifests(s manifestState) (files fileChanges, notes []string, err error) {
	if on, err := v.usesKubernetes(); err != nil || !on {
		return nil, nil, err
	}
	if s.queues == 0 {
		return nil, nil, fmt.Errorf("%s cannot be read, so that the Kubernetes manifests cannot be written: mend it, or run doctor for what to do", v.file(path.Join(dirPeers, s.id, peerQueues)))
	}
	app, err := appName(v.path)
	if err != nil {
		return nil, nil, err
	}
	m := peerManifest{app: app, id: s.id, queues: s.queues, deactivated: s.deactivated}
	if m.updatedAt, err = bundle.ParseUpdatedAt(s.updatedAt); err != nil {
		// A damaged updated-at.txt must not stand in the way of a deactivation.
		notes = append(notes, "peers/"+s.id+"/"+fileUpdatedAt+" is not valid, so that the manifest has no date: "+err.Error())
	}
	data, err := m.encode()
	if err != nil {
		return nil, nil, err
	}
	base := path.Join(dirPeers, s.id)
	// The patch comes first: a manifest never refers to one that is not there.
	patch := path.Join(base, peerResources)
	has, err := v.exists(patch)
	if err != nil {
		return nil, nil, err
	}
	if !has || s.registering {
		// What is there before the peer is registered is no operator's: the
		// existing tool unpacks every file of a bundle into this folder, and
		// a patch can change what runs in the cluster.
		existed, err := files.write(v, patch, []byte(resourcesPatch), maxTextFile)
		if err != nil {
			return nil, nil, err
		}
		if existed && len(files) > 0 {
			notes = append(notes, patch+" was there before the peer was registered and is written anew: it may have come in a bundle")
		}
	}
	if _, err := files.write(v, path.Join(base, peerKustomize), data, maxTextFile); err != nil {
		return nil, nil, err
	}
	list, err := v.readFile(filePeersKustomize, maxKustomization)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	changed, ok := insertPeer(list, s.id)
	if !ok {
		ids := []string{s.id}
		if len(parsePeersList(list).listed) == 0 {
			// The first one, or the list was lost: take in all that should be there.
			others, err := v.peersWithManifest()
			if err != nil {
				return nil, nil, err
			}
			ids = append(ids, others...)
		}
		if changed, err = addToPeersList(list, ids...); err != nil {
			return nil, nil, err
		}
	}
	if list == nil || !bytes.Equal(list, changed) {
		files = append(files, fileChange{filePeersKustomize, changed})
	}
	return files, notes, nil
}

// peersWithManifest returns the ids of the registered peers whose folders hold
// a manifest.
func (v *view) peersWithManifest() ([]string, error) {
	folders, err := v.peerFolders()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range folders {
		if !isPeerEntry(f + "/") {
			continue
		}
		manifest, err := os.Lstat(v.file(path.Join(dirPeers, f, peerKustomize)))
		if err != nil || !manifest.Mode().IsRegular() {
			continue
		}
		if registered, err := os.Lstat(v.file(path.Join(dirPeers, f, peerSubCA))); err == nil && registered.Size() > 0 {
			ids = append(ids, f)
		}
	}
	return ids, nil
}
