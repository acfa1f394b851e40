package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"github.com/swaptacular/swptpeer/certs/der"
)

// Difference is what one bundle has that another has not. Strings may come from
// strangers and are not escaped; passcodes are not shown.
type Difference struct {
	Fields []FieldChange `json:"fields,omitempty"`
	Files  []FileChange  `json:"files,omitempty"`
}

// FieldChange is a change of something other than a file.
type FieldChange struct {
	Field Field  `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
	// Forbidden says why a bundle with this change must not take the place of
	// the other; it is empty for changes that are in order.
	Forbidden string `json:"forbidden,omitempty"`
}

// Field names what changed. The values are stable.
type Field string

// The fields that are compared.
const (
	FieldNodeType     Field = "node-type"
	FieldNodeID       Field = "node-id"
	FieldFingerprint  Field = "public-key"       // SHA-256 of the root public key
	FieldRoot         Field = "root-certificate" // SHA-256 of the certificate, in DER
	FieldRootFile     Field = "root-file"        // SHA-256 of root-ca.crt
	FieldRequest      Field = "request"          // SHA-256 of root-ca.csr
	FieldUpdatedAt    Field = "updated-at"
	FieldServers      Field = "manifest.servers"
	FieldHost         Field = "manifest.host"
	FieldDestination  Field = "manifest.destination"
	FieldLogin        Field = "manifest.login"
	FieldPasscode     Field = "manifest.passcode" // only whether there is one, and that it changed
	FieldContentTypes Field = "manifest.accepted-content-types"
	FieldUnknownKeys  Field = "manifest.unknown-keys"
)

// Kind of a change of files.
type Kind string

// The kinds.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// FileChange is a change of a file in nodeinfo.zip, or of a folder, whose name
// ends in a slash. Old is nil for what was added, New for what was removed.
type FileChange struct {
	Kind Kind      `json:"kind"`
	Old  *FileInfo `json:"old,omitempty"`
	New  *FileInfo `json:"new,omitempty"`
}

// Name returns the name of the file.
func (c FileChange) Name() string {
	if c.New != nil {
		return c.New.Name
	}
	return c.Old.Name
}

// Reasons why a change is forbidden (spec info-bundle.md, "An update for a peer
// that is already known", and "updated-at.txt": "Never back").
const (
	forbiddenIdentity = "it is another node"
	forbiddenRoot     = "a different root certificate for a known node is a possible theft of its identity"
	forbiddenBack     = "it is older: the line must never go back"
	forbiddenSame     = "the content changed and the line did not: peers that have the other bundle ignore this one"
)

// Diff compares two verified bundles.
func Diff(old, new *Bundle) Difference {
	d := &Difference{}
	const identity, root = forbiddenIdentity, forbiddenRoot
	d.field(FieldNodeType, old.Identity.Type().String(), new.Identity.Type().String(), identity)
	d.field(FieldNodeID, old.Identity.ID(), new.Identity.ID(), identity)
	d.field(FieldFingerprint, old.Fingerprint(), new.Fingerprint(), root)
	if der.SameSigned(old.Root.Certificate, new.Root.Certificate) {
		// Only the text around the certificate differs, or an ECDSA signature.
		d.field(FieldRootFile, sha256Hex(old.Root.File), sha256Hex(new.Root.File), "")
	} else {
		d.field(FieldRoot, sha256Hex(old.Root.Raw), sha256Hex(new.Root.Raw), root)
	}
	d.field(FieldRequest, sha256Hex(old.Request.File), sha256Hex(new.Request.File), "")
	d.updatedAt(old.NodeInfo, new.NodeInfo)
	d.manifest(old, new)
	d.Files = diffFiles(old.NodeInfo.files(), new.NodeInfo.files())
	return *d
}

// IsEmpty reports whether nothing changed.
func (d Difference) IsEmpty() bool { return len(d.Fields) == 0 && len(d.Files) == 0 }

// Forbidden returns the changes that must not be.
func (d Difference) Forbidden() []FieldChange {
	var out []FieldChange
	for _, f := range d.Fields {
		if f.Forbidden != "" {
			out = append(out, f)
		}
	}
	return out
}

// field adds a change unless the two are equal.
func (d *Difference) field(f Field, old, new, forbidden string) {
	if old != new {
		d.Fields = append(d.Fields, FieldChange{f, old, new, forbidden})
	}
}

func (d *Difference) updatedAt(old, new *NodeInfo) {
	was, is := old.UpdatedAt, new.UpdatedAt
	switch c := is.Compare(was); {
	case c < 0:
		d.field(FieldUpdatedAt, was.String(), is.String(), forbiddenBack)
	case c > 0:
		d.field(FieldUpdatedAt, was.String(), is.String(), "")
	case old.ContentDigest() != new.ContentDigest():
		d.Fields = append(d.Fields, FieldChange{FieldUpdatedAt, was.String(), is.String(), forbiddenSame})
	}
}

func (d *Difference) manifest(old, new *Bundle) {
	was, is := old.NodeInfo.Manifest, new.NodeInfo.Manifest
	list := func(items []string) string { return strings.Join(items, ", ") }
	d.field(FieldServers, list(serverTexts(was)), list(serverTexts(is)), "")
	d.field(FieldHost, was.Host, is.Host, "")
	d.field(FieldDestination, was.Destination, is.Destination, "")
	d.optional(FieldLogin, was.Login, is.Login, func(s string) string { return fmt.Sprintf("%q", s) })
	d.optional(FieldPasscode, was.Passcode, is.Passcode, func(string) string { return "present" })
	d.field(FieldContentTypes, list(was.AcceptedContentTypes), list(is.AcceptedContentTypes), "")
	d.field(FieldUnknownKeys, list(was.Unknown), list(is.Unknown), "")
}

// optional adds a change of a value that may be absent, which is told apart from
// an empty one. A value that is not shown changes from "present" to "present".
func (d *Difference) optional(f Field, old, new *string, show func(string) string) {
	text := func(s *string) string {
		if s == nil {
			return "absent"
		}
		return show(*s)
	}
	if (old == nil) != (new == nil) || old != nil && *old != *new {
		d.Fields = append(d.Fields, FieldChange{Field: f, Old: text(old), New: text(new)})
	}
}

// diffFiles compares two lists of files; the result is in order of name.
func diffFiles(old, new []FileInfo) []FileChange {
	was := map[string]FileInfo{}
	for _, f := range old {
		was[f.Name] = f
	}
	var out []FileChange
	for _, f := range new {
		before, ok := was[f.Name]
		delete(was, f.Name)
		switch {
		case !ok:
			out = append(out, FileChange{Added, nil, &f})
		case before != f:
			out = append(out, FileChange{Changed, &before, &f})
		}
	}
	for _, f := range was {
		out = append(out, FileChange{Removed, &f, nil})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
