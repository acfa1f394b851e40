package nodedir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/swaptacular/swptpeer/bundle"
)

// Kubernetes manifests (node directory, "Kubernetes manifests (Kustomize)").
//
// Two files are written for a registered peer: kustomization.yaml, which is
// ours and is written anew whenever the peer changes, and resources-patch.yaml,
// which is written once and then belongs to the operator. A third,
// peers/kustomization.yaml, lists the folders of the peers that have manifests.
// It is never written anew while it lists something: one line is added to it,
// so that what an operator put there stays and a "git diff" shows one line.
//
// Everything here turns values into bytes. Reading and writing the files is
// planManifests's.

const (
	kustomizationFile     = "kustomization.yaml"
	resourcesPatchFile    = "resources-patch.yaml"
	peersKustomization    = "peers/" + kustomizationFile
	createPeerManifest    = "peers/create-peer-manifest"
	kustomizationMaxBytes = 4 << 20 // 100,000 peers at 36 bytes a line fit
)

// peerManifest is what the manifest of one peer depends on.
type peerManifest struct {
	app         string // name of the folder that holds the node directory
	id          string // node id
	queues      int
	updatedAt   bundle.UpdatedAt // zero: the peer's text could not be read
	deactivated bool
}

// encode returns peers/<id>/kustomization.yaml. Every value that is not a
// number is double quoted: without quotes YAML turns the id 12345678 into a
// float and 00000012 into 10.
func (m peerManifest) encode() ([]byte, error) {
	program := "swpt-client"
	if m.deactivated {
		program = "swpt-drainer"
	}
	base := "../../../../../base/" + m.app + "/peer/"
	var b strings.Builder
	var bad error
	str := func(s string) string {
		q, err := yamlString(s)
		bad = errors.Join(bad, err)
		return q
	}
	fmt.Fprintf(&b, `# Written by swptpeer whenever the peer changes: do not edit.
# What is yours to edit is %s.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization

resources:
- %s

patches:
- patch: |-
    - op: add
      path: /metadata/annotations/swpt-node-id
      value: %s
    - op: replace
      path: /spec/replicas
      value: %d
    - op: replace
      path: /spec/template/spec/containers/0/args/0
      value: %s
    - op: replace
      path: /spec/template/spec/containers/0/env/0/value
      value: %s
  target:
    group: apps
    version: v1
    kind: StatefulSet
    name: stomp-client
- path: %s
  target:
    group: apps
    version: v1
    kind: StatefulSet
    name: stomp-client

replacements:
- path: %s
`, resourcesPatchFile, str(base+"stomp-client.yaml"), str(m.id), m.queues, str(program), str(m.updatedAt.String()),
		str(resourcesPatchFile), str(base+"replacements/stomp-client-node-id.yaml"))
	if bad != nil {
		return nil, bad
	}
	return []byte(b.String()), nil
}

// resourcesPatch is the first content of peers/<id>/resources-patch.yaml.
const resourcesPatch = `# What one stomp-client container of this peer may use. This file is yours: it
# was written once, when the peer was registered, and will not be changed again.
- op: replace
  path: /spec/template/spec/containers/0/resources
  value:
    limits:
      cpu: "1"
      memory: "1Gi"
    requests:
      cpu: "1m"
      memory: "32Mi"
`

// yamlString returns s as a double-quoted YAML scalar. A JSON string is one,
// as long as it holds no character that YAML does not allow.
func yamlString(s string) (string, error) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", fmt.Errorf("found %q, expected printable UTF-8 text: it cannot be written into a Kubernetes manifest", s)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// appName returns the name of the folder that holds the node directory, after
// which the deployment's base folder is called.
func appName(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return "", fmt.Errorf("kubernetes manifests: %w", err)
	}
	parent := filepath.Dir(abs)
	name := filepath.Base(parent)
	if parent == abs || filepath.Dir(parent) == parent {
		return "", fmt.Errorf("kubernetes manifests need the name of the folder that holds the node directory, and %s lies in no named folder: move it, or delete %s and %s to do without manifests",
			abs, peersKustomization, createPeerManifest)
	}
	if _, err := yamlString(name); err != nil {
		return "", fmt.Errorf("kubernetes manifests: name of the folder that holds the node directory: %w", err)
	}
	return name, nil
}

// peersListHead begins a peers/kustomization.yaml of our own.
const peersListHead = `# Lists the peers that have Kubernetes manifests. swptpeer adds one line for each.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
`

// encodePeersList returns a new peers/kustomization.yaml with these peers. The
// entries are not quoted: the slash makes them strings, and the existing tool
// looks for exactly this line.
func encodePeersList(ids []string) []byte {
	var b bytes.Buffer
	b.WriteString(peersListHead)
	if len(ids) == 0 {
		b.WriteString("resources: []\n")
		return b.Bytes()
	}
	b.WriteString("resources:\n")
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		b.WriteString("- " + id + "/\n")
	}
	return b.Bytes()
}

// peersList is a peers/kustomization.yaml, by its lines.
type peersList struct {
	lines   []string // each with its newline
	first   int      // line of the first entry; the line after "resources:" if there is none
	end     int      // line after the last entry
	indent  string   // before the dash of an entry
	listed  []string // entries, unquoted, in order
	plain   bool     // nothing but head lines, comments before the list and entries as we write them
	missing bool     // no list of resources; end is where one can be added
	inline  bool     // "resources: []" at line first
}

// parsePeersList finds the list of resources without understanding the rest.
func parsePeersList(data []byte) peersList {
	l := peersList{plain: true, missing: true}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		data = append(slices.Clip(data), '\n')
	}
	l.lines = strings.SplitAfter(string(data), "\n")
	l.lines = l.lines[:len(l.lines)-1] // after the last newline
	l.end = len(l.lines)
	inList := false
	for i, line := range l.lines {
		text := strings.TrimRight(line, " \t\n")
		body := strings.TrimLeft(text, " ")
		switch {
		case inList && strings.HasPrefix(body, "- "):
			if l.first == l.end {
				l.indent = text[:len(text)-len(body)]
			}
			entry := strings.TrimPrefix(body, "- ")
			l.plain = l.plain && text == body && isPeerEntry(entry)
			l.listed = append(l.listed, strings.Trim(entry, `"'`))
			l.end = i + 1
		case text == "", strings.HasPrefix(body, "#"):
			l.plain = l.plain && !inList
		case l.missing && text == "resources:":
			inList, l.missing = true, false
			l.first, l.end = i+1, i+1
		case l.missing && text == "resources: []":
			l.missing, l.inline = false, true
			l.first, l.end = i, i+1
		case text == "apiVersion: kustomize.config.k8s.io/v1beta1", text == "kind: Kustomization":
			l.plain = l.plain && !inList
			inList = false
		default:
			l.plain = false
			inList = false
		}
	}
	return l
}

// isPeerEntry reports whether the entry is a node id and a slash.
func isPeerEntry(entry string) bool {
	id, ok := strings.CutSuffix(entry, "/")
	if ok {
		_, ok = parseFolderName(id)
	}
	return ok
}

// lists reports whether the peer is listed, in any of the ways that Kustomize
// takes for the same folder.
func (l peersList) lists(id string) bool {
	return slices.ContainsFunc(l.listed, func(entry string) bool {
		return entry == id+"/" || entry == id || path.Clean(entry) == id
	})
}

// addToPeersList returns a peers/kustomization.yaml that also lists the peer.
// One line is added; nothing else changes. A file that cannot be changed like
// that is an error that says what to write by hand.
func addToPeersList(data []byte, id string) ([]byte, error) {
	l := parsePeersList(data)
	if l.lists(id) {
		return data, nil
	}
	if l.missing && isPlaceholder(data) {
		return encodePeersList([]string{id}), nil
	}
	entry := l.indent + "- " + id + "/\n"
	var out []string
	switch {
	case l.missing:
		out = slices.Concat(l.lines, []string{"resources:\n", entry})
	case l.inline:
		out = slices.Concat(l.lines[:l.first], []string{"resources:\n", entry}, l.lines[l.end:])
	default:
		at := l.end
		if l.plain && slices.IsSorted(l.listed) {
			i, _ := slices.BinarySearch(l.listed, id+"/")
			at = l.first + i
		}
		out = slices.Concat(l.lines[:at], []string{entry}, l.lines[at:])
	}
	changed := []byte(strings.Join(out, ""))
	if l.plain && !l.missing {
		return changed, nil
	}
	// Somebody else's file: prove that the added line did what it should.
	if err := onlyAdded(data, changed, id+"/"); err != nil {
		return nil, fmt.Errorf("%s: cannot add peer %s: %w: add the line \"- %s/\" to its resources by hand, or replace the file by one with the line \"resources: []\", and repeat",
			peersKustomization, id, err, id)
	}
	return changed, nil
}

// isPlaceholder recognises the file that the existing tool ships for a node
// without peers: a dummy generator, there only because a Kustomize file must
// not be empty.
func isPlaceholder(data []byte) bool {
	var doc struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
		Generators []struct {
			Name     string   `yaml:"name"`
			Literals []string `yaml:"literals"`
		} `yaml:"configMapGenerator"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return dec.Decode(&doc) == nil && len(doc.Generators) == 1 && doc.Generators[0].Name == "dummy-configmap"
}

// onlyAdded reports how changed differs from data by more than one entry at
// the end or anywhere in the list of resources.
func onlyAdded(data, changed []byte, entry string) error {
	var was, is map[string]any
	if err := yaml.Unmarshal(data, &was); err != nil {
		return fmt.Errorf("not valid YAML: %w", err)
	}
	if err := yaml.Unmarshal(changed, &is); err != nil {
		return errors.New("found resources in a form that is not understood")
	}
	list, ok := is["resources"].([]any)
	at := slices.Index(list, any(entry))
	if !ok || at < 0 {
		return errors.New("found resources in a form that is not understood")
	}
	is["resources"] = slices.Delete(list, at, at+1)
	if was == nil {
		was = map[string]any{}
	}
	if was["resources"] == nil {
		was["resources"] = []any{}
	}
	a, errA := yaml.Marshal(was)
	b, errB := yaml.Marshal(is)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		return errors.New("found resources in a form that is not understood")
	}
	return nil
}
