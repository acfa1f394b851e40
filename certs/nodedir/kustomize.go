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
	"github.com/swaptacular/swptpeer/certs"
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

// fileCreatePeerManifest is the existing tool's script that makes manifests;
// we only look whether it is there.
const fileCreatePeerManifest = "peers/create-peer-manifest"

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
`, peerResources, str(base+"stomp-client.yaml"), str(m.id), m.queues, str(program), str(m.updatedAt.String()),
		str(peerResources), str(base+"replacements/stomp-client-node-id.yaml"))
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
	if !strings.ContainsFunc(s, isNotPlain) {
		return `"` + s + `"`, nil
	}
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

// isNotPlain reports whether a character needs a closer look before it stands
// between double quotes in YAML.
func isNotPlain(r rune) bool {
	return r < ' ' || r > '~' || r == '"' || r == '\\'
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
			abs, filePeersKustomize, fileCreatePeerManifest)
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
	if !ok {
		return false
	}
	_, err := certs.ParseNodeID(id)
	return err == nil
}

// lists reports whether the peer is listed, in any of the ways that Kustomize
// takes for the same folder.
func (l peersList) lists(id string) bool {
	return slices.ContainsFunc(l.listed, func(entry string) bool {
		return entry == id+"/" || entry == id || path.Clean(entry) == id
	})
}

// addToPeersList returns a peers/kustomization.yaml that also lists these
// peers. Their lines are added; nothing else changes, and data itself is
// returned if nothing is missing. A file that cannot be changed like that is an
// error that says what to write by hand. Nil data stands for no file.
func addToPeersList(data []byte, ids ...string) ([]byte, error) {
	if len(ids) == 1 {
		if changed, ok := insertPeer(data, ids[0]); ok {
			return changed, nil
		}
	}
	l := parsePeersList(data)
	if l.missing && (len(data) == 0 || isPlaceholder(data)) {
		return encodePeersList(ids), nil
	}
	var entries []string
	for _, id := range ids {
		if !l.lists(id) {
			entries = append(entries, id+"/")
		}
	}
	if len(entries) == 0 {
		return data, nil
	}
	at, end, all := l.end, l.end, entries
	if l.plain && slices.IsSorted(l.listed) {
		at, all = l.first, slices.Concat(l.listed, entries)
	}
	head := l.lines[:at]
	switch {
	case l.missing:
		head = append(slices.Clip(head), "resources:\n")
	case l.inline:
		head = append(slices.Clip(l.lines[:l.first]), "resources:\n")
	}
	slices.Sort(all)
	var b strings.Builder
	b.WriteString(strings.Join(head, ""))
	for _, entry := range slices.Compact(all) {
		b.WriteString(l.indent + "- " + entry + "\n")
	}
	b.WriteString(strings.Join(l.lines[end:], ""))
	changed := []byte(b.String())
	if l.plain && !l.missing {
		return changed, nil
	}
	// Somebody else's file: prove that the added lines do what they should.
	if err := onlyAdded(data, changed, entries); err != nil {
		return nil, fmt.Errorf("%s: cannot add %s to it: %w: add the line \"- %s\" to its resources by hand, or replace the file by one with the single line \"resources: []\", and repeat",
			filePeersKustomize, entries[0], err, entries[0])
	}
	return changed, nil
}

// insertPeer is addToPeersList for the form in which a list nearly always is:
// lines of node ids to the end of the file, sorted. It takes a tenth of the
// time, which counts with 10,000 peers.
func insertPeer(data []byte, id string) (changed []byte, ok bool) {
	const key = "\nresources:\n"
	at := bytes.Index(data, []byte(key))
	if at < 0 {
		return nil, false
	}
	at += len(key)
	if l := parsePeersList(data[:at]); !l.plain || l.missing {
		return nil, false
	}
	insert, want := -1, []byte(id)
	var last []byte
	for rest := data[at:]; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 || !bytes.HasPrefix(rest, []byte("- ")) || rest[end-1] != '/' {
			return nil, false
		}
		entry := rest[2 : end-1]
		if len(entry) != 8 && len(entry) != 32 || bytes.Compare(entry, last) <= 0 {
			return nil, false
		}
		if !isIDText(entry) {
			return nil, false
		}
		if insert < 0 {
			switch order := bytes.Compare(want, entry); {
			case order == 0:
				return data, true
			case order < 0:
				insert = len(data) - len(rest)
			}
		}
		last, rest = entry, rest[end+1:]
	}
	if last == nil {
		return nil, false // the first one is not only a matter of this file
	}
	if insert < 0 {
		insert = len(data)
	}
	return slices.Concat(data[:insert], []byte("- "+id+"/\n"), data[insert:]), true
}

// isIDText reports whether all of it are digits of node ids. It is asked for
// each of 10,000 peers, so that there is no branch in it.
func isIDText(text []byte) bool {
	bad := byte(0)
	for _, c := range text {
		bad |= notIDDigit[c]
	}
	return bad == 0
}

// notIDDigit is 1 for every byte that is no digit of a node id.
var notIDDigit = func() (table [256]byte) {
	for c := range table {
		table[c] = 1
	}
	for _, c := range []byte("0123456789abcdef") {
		table[c] = 0
	}
	return table
}()

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

// onlyAdded reports how the meaning of changed differs from data by anything
// but these entries in the list of resources.
func onlyAdded(data, changed []byte, entries []string) error {
	errForm := errors.New("found resources in a form that is not understood")
	var was, is map[string]any
	if err := yaml.Unmarshal(data, &was); err != nil {
		return fmt.Errorf("not valid YAML: %w", err)
	}
	if err := yaml.Unmarshal(changed, &is); err != nil {
		return errForm
	}
	list, ok := is["resources"].([]any)
	if !ok {
		return errForm
	}
	for _, entry := range entries {
		at := slices.Index(list, any(entry))
		if at < 0 {
			return errForm
		}
		list = slices.Delete(list, at, at+1)
	}
	is["resources"] = list
	if was == nil {
		was = map[string]any{}
	}
	if was["resources"] == nil {
		was["resources"] = []any{}
	}
	a, errA := yaml.Marshal(was)
	b, errB := yaml.Marshal(is)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		return errForm
	}
	return nil
}
