// Package bundle makes and judges info-bundles.
package bundle

import (
	"crypto"
	"errors"
	"io"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

var errTODO = errors.New("not implemented")

// Bundle is an info-bundle that passed every Error rule.
type Bundle struct {
	Identity  certs.Identity
	Root      *certs.Certificate
	Request   *certs.Request
	Signature []byte
	NodeInfo  *NodeInfo
	SHA256    [32]byte // of the bundle file
}

// NodeInfo is the content of a verified nodeinfo.zip.
type NodeInfo struct {
	Archive   *strictzip.Archive
	Manifest  *manifest.Manifest
	UpdatedAt UpdatedAt
	SHA256    [32]byte // of nodeinfo.zip
}

// UpdatedAt is the line of updated-at.txt: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ.
// Values compare as text.
type UpdatedAt struct{ line string }

// ParseUpdatedAt reads the line, with or without one newline at the end.
func ParseUpdatedAt(s string) (UpdatedAt, error) { return UpdatedAt{}, errTODO }

// String returns the line without the newline.
func (u UpdatedAt) String() string { return u.line }

// Time returns the moment that the line names, in UTC.
func (u UpdatedAt) Time() time.Time { return time.Time{} }

// Compare compares as text: -1, 0 or 1.
func (u UpdatedAt) Compare(v UpdatedAt) int { return 0 }

// NextUpdatedAt returns the line for changed content: today's UTC date if that is greater than
// current, otherwise current's date with a time that makes it greater. It refuses a current line more than a day ahead of now.
func NextUpdatedAt(current UpdatedAt, now time.Time) (UpdatedAt, error) { return UpdatedAt{}, errTODO }

// VerifyOptions of Verify.
type VerifyOptions struct {
	Name         string    // how reports call the bundle
	Time         time.Time // required
	Pin          string    // if not empty: SHA-256 of the root's SubjectPublicKeyInfo, hex
	ExpectNodeID string
	ExpectType   certs.NodeType
	Registry     *Registry
}

// Registry is a list of accounting authorities: id and key fingerprint.
type Registry struct{}

// ParseRegistry reads the TOML form.
func ParseRegistry(data []byte) (*Registry, error) { return nil, errTODO }

// Verify judges a bundle. It runs every check that can run; the bundle is nil unless report.OK(false).
func Verify(r io.ReaderAt, size int64, opts VerifyOptions) (*Bundle, *check.Report) { return nil, nil }

// Source is the material of a new bundle.
type Source struct {
	Root      *certs.Certificate
	Request   *certs.Request
	Dir       string // the nodeinfo directory
	Key       crypto.Signer
	UpdatedAt UpdatedAt // written as updated-at.txt
	Modified  time.Time // of every entry
}

// Create writes a bundle to w and returns what was left out (names that begin with a dot). The caller verifies what was written (Verify).
func Create(w io.Writer, src Source) (omitted []string, err error) { return nil, errTODO }

// ContentDigest is the SHA-256 over the content of a nodeinfo directory that would be published, without updated-at.txt.
func ContentDigest(dir string) ([32]byte, error) { return [32]byte{}, errTODO }

// ContentDigest is the same for a verified bundle.
func (n *NodeInfo) ContentDigest() [32]byte { return [32]byte{} }

// Extract writes the nodeinfo into a new folder dir, which must not exist; 0755/0644, synced.
func (n *NodeInfo) Extract(dir string) error { return errTODO }

// Rules lists every rule that Verify may report, of this package and those it uses.
func Rules() []*check.Rule { return nil }
