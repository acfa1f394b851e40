package bundle

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Bundle is an info-bundle that passed every Error rule. It is in memory, all of
// it: what it holds is what was verified, whatever becomes of the file.
type Bundle struct {
	Identity  certs.Identity
	Root      *certs.Certificate
	Request   *certs.Request
	Signature []byte
	NodeInfo  *NodeInfo
	Size      int64             // of the bundle file, in bytes
	SHA256    [sha256.Size]byte // of the bundle file
}

// Fingerprint is the SHA-256 of the root public key, in the form of
// [certs.KeyFingerprint]: what is pinned and registered.
func (b *Bundle) Fingerprint() string { return certs.KeyFingerprint(b.Root.RawSubjectPublicKeyInfo) }

// NodeInfo is the content of a verified nodeinfo.zip.
type NodeInfo struct {
	Archive   *strictzip.Archive
	Manifest  *manifest.Manifest
	UpdatedAt UpdatedAt
	SHA256    [sha256.Size]byte // of nodeinfo.zip
}

// VerifyOptions of [Verify]. Pin, Pins, ExpectNodeID, ExpectType, Registry and
// Previous say who the node must be; what is empty is not checked.
type VerifyOptions struct {
	Name string    // how reports call the bundle
	Time time.Time // required: the moment as of which it is judged
	Pin  string    // SHA-256 of the root's SubjectPublicKeyInfo, as [ParseFingerprint] reads it
	// Pins are the same by node id, for who judges the bundles of several
	// nodes. If there are any, a node that is not among them is refused.
	Pins         map[string]string
	ExpectNodeID string
	ExpectType   certs.NodeType
	Registry     *Registry
	// Previous is an earlier bundle that this one is to take the place of: it
	// must be of the same node and root, and not older (spec info-bundle.md, "An
	// update for a peer that is already known").
	Previous *Bundle
	// EndsWithin warns of a root certificate that ends so soon; 0 does not.
	EndsWithin time.Duration
	// Limits may be stricter than those of this package.
	Limits Limits
}

// maxQuote bounds how much of a stranger's text a message repeats, in bytes.
const maxQuote = 80

// quote returns s in quotes, shortened.
func quote(s string) string {
	if len(s) > maxQuote {
		return strconv.QuoteToASCII(s[:maxQuote]) + fmt.Sprintf("... (%d bytes)", len(s))
	}
	return strconv.QuoteToASCII(s)
}
