package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// checkManifests compares the Kubernetes manifests with what they should say.
func (a *auditor) checkManifests() {
	r := &a.report
	on, err := a.usesKubernetes()
	if err != nil || !on {
		if err != nil {
			r.Fail(ruleDirManifests, filePeersKustomize, err.Error(), "a file that can be looked at")
		}
		return
	}
	app, err := appName(a.path)
	if err != nil {
		r.FailAdvice(ruleDirManifests, dirPeers, err.Error(), "manifests", "move the directory into a folder that is named as the application's base folder")
		return
	}
	list, err := a.readFile(filePeersKustomize, maxKustomization)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.Fail(ruleDirManifests, filePeersKustomize, err.Error(), "the list of peers")
		return
	}
	parsed := parsePeersList(list)
	listed := make(map[string]bool, len(parsed.listed))
	for _, entry := range parsed.listed {
		listed[path.Clean(entry)] = true
	}
	registered := make(map[string]bool)
	var unlisted []string
	current := true
	same := make([]bool, len(a.peers))
	a.parallel(len(a.peers), func(i int) {
		if p := a.peers[i]; p.complete {
			same[i] = a.checkManifest(p, app)
		}
	})
	for i, p := range a.peers {
		if !p.complete {
			continue
		}
		registered[p.Folder] = true
		r.Append("", &p.report)
		a.repairs = append(a.repairs, p.repairs...)
		current = same[i] && current
		if !listed[p.Folder] {
			current = false
			unlisted = append(unlisted, p.Folder)
			r.Fail(ruleDirManifests, filePeersKustomize, "no "+p.Folder+"/", "a line for every registered peer")
		}
	}
	if current {
		r.Pass(ruleDirManifests, filePeersKustomize, fmt.Sprintf("%d registered peers", len(registered)))
	}
	a.checkManifestsList(parsed, registered)
	if len(unlisted) > 0 {
		a.repairList(list, unlisted)
	}
}

// checkManifest compares one peer's manifest.
func (a *auditor) checkManifest(p *auditedPeer, app string) bool {
	r := &p.report
	rel := p.file(peerKustomize)
	if p.Queues == 0 {
		r.FailAdvice(ruleDirManifests, rel, "not compared: "+peerQueues+" cannot be read", "the number of queues", "mend "+p.file(peerQueues)+" first")
		return false
	}
	m := peerManifest{app: app, id: p.Folder, queues: p.Queues, deactivated: p.Deactivated != ""}
	m.updatedAt, _ = bundle.ParseUpdatedAt(p.UpdatedAt) // reported by dir.peer-nodeinfo
	want, err := m.encode()
	if err != nil {
		r.Fail(ruleDirManifests, rel, err.Error(), "a manifest")
		return false
	}
	current := true
	stale := func(rel, found, expected string, data []byte) {
		current = false
		r.Fail(ruleDirManifests, rel, found, expected)
		p.repairs = append(p.repairs, repair{rel, "it was written anew", func(tx *durable.Tx) { tx.Replace(rel, data, modeFile) }})
	}
	switch _, err := a.readFile(p.file(peerResources), maxTextFile); {
	case errors.Is(err, fs.ErrNotExist):
		stale(p.file(peerResources), "nothing", "a patch of the container's resources", []byte(resourcesPatch))
	case err != nil:
		current = false
		r.Fail(ruleDirManifests, p.file(peerResources), err.Error(), "a patch that can be read")
	}
	switch is, err := a.readFile(rel, maxTextFile); {
	case errors.Is(err, fs.ErrNotExist):
		stale(rel, "nothing", "a manifest", want)
	case err != nil:
		current = false
		r.Fail(ruleDirManifests, rel, err.Error(), "a manifest that can be read")
	case !sameManifest(is, want):
		stale(rel, "a manifest that says something else", fmt.Sprintf("%d queues, updated at %s, deactivated: %t, base %s", m.queues, m.updatedAt, m.deactivated, app), want)
	}
	return current
}

// sameManifest reports whether two manifests mean the same: the existing tool
// writes the fields in another order, with other comments.
func sameManifest(x, y []byte) bool {
	if bytes.Equal(x, y) {
		return true
	}
	a, errA := manifestMeaning(x)
	b, errB := manifestMeaning(y)
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}

// manifestMeaning reads a manifest, and the patches that are text inside it.
func manifestMeaning(data []byte) (map[string]any, error) {
	var m map[string]any
	if err := yaml.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	patches, _ := m["patches"].([]any)
	for _, p := range patches {
		patch, _ := p.(map[string]any)
		text, ok := patch["patch"].(string)
		if !ok {
			continue
		}
		var ops any
		if err := yaml.Unmarshal([]byte(text), &ops); err != nil {
			return nil, err
		}
		patch["patch"] = ops
	}
	return m, nil
}

// checkManifestsList looks for peers in the list that must not be there.
func (a *auditor) checkManifestsList(list peersList, registered map[string]bool) {
	only := true
	for _, entry := range list.listed {
		id := path.Clean(entry)
		if !isPeerEntry(id+"/") || registered[id] {
			continue // other resources are the operator's
		}
		only = false
		a.report.Fail(ruleDirManifestsList, filePeersKustomize, entry, "registered peers")
	}
	if only {
		a.report.Pass(ruleDirManifestsList, filePeersKustomize, fmt.Sprintf("%d entries", len(list.listed)))
	}
}

// repairList adds registered peers to peers/kustomization.yaml.
func (a *auditor) repairList(list []byte, ids []string) {
	slices.Sort(ids)
	changed, err := addToPeersList(list, ids...)
	if err != nil {
		a.report.FailAdvice(ruleDirManifests, filePeersKustomize, err.Error(), "a list that lines can be added to", "add the lines by hand")
		return
	}
	a.repairs = append(a.repairs, repair{filePeersKustomize, "lines were added for " + strings.Join(ids, ", "), func(tx *durable.Tx) {
		tx.Replace(filePeersKustomize, changed, modeFile)
	}})
}
