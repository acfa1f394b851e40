package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs/chain"
)

// Reason says why a presented chain was refused.
type Reason string

// The reasons of a [ChainError].
const (
	// ReasonNothing: no certificate was presented.
	ReasonNothing Reason = "nothing presented"
	// ReasonTooMany: more certificates than any peer needs.
	ReasonTooMany Reason = "too many certificates"
	// ReasonRoot: the root certificate to judge by cannot be used. This is a
	// fault on our side.
	ReasonRoot Reason = "unusable root certificate"
	// ReasonPath: there is no valid path to the root: a signature, a date, a
	// name constraint or another check of RFC 5280 section 6.
	ReasonPath Reason = "no valid path"
	// ReasonShape: there is a valid path, but not the one that this side of a
	// connection has to present.
	ReasonShape Reason = "wrong path"
	// ReasonPeer: the peer certificate in the path does not keep to the profile.
	ReasonPeer Reason = "wrong peer certificate"
	// ReasonLeaf: the leaf is not a server certificate of the profile.
	ReasonLeaf Reason = "wrong server certificate"
	// ReasonIdentity: the leaf is another node's.
	ReasonIdentity Reason = "wrong node"
)

// ChainError is every error of [VerifyClient] and [VerifyServer].
type ChainError struct {
	Reason Reason
	Err    error // what was found and expected
}

// Error is the reason and what was found.
func (e *ChainError) Error() string { return string(e.Reason) + ": " + e.Err.Error() }

// Unwrap returns what was found.
func (e *ChainError) Unwrap() error { return e.Err }

func refuse(r Reason, format string, args ...any) *ChainError {
	return &ChainError{Reason: r, Err: fmt.Errorf(format, args...)}
}

const (
	// MaxPresented bounds what a peer may present. Two certificates are
	// needed; a root or the certificates for other peers may be sent along.
	MaxPresented = 10
	// The paths of "Judging a chain", counted with leaf and root.
	clientPath = 3
	serverPath = 2
)

// VerifyClient judges the chain that a peer's client presents to the node with
// this root: the peer's server certificate first, and among the rest the peer
// certificate that this node issued to the peer. The path must be own root, peer
// certificate with a critical directoryName constraint, server certificate: no
// shorter, no longer. It returns who the client is. Every error is a
// [*ChainError].
//
// Whether the peer is known, active or deactivated is not judged here.
func VerifyClient(presented []*x509.Certificate, ownRoot *x509.Certificate, at time.Time) (Identity, error) {
	leaf, err := presentedLeaf(presented, ownRoot)
	if err != nil {
		return Identity{}, err
	}
	own, err := SubjectIdentity(ownRoot.RawSubject)
	if err != nil {
		return Identity{}, refuse(ReasonRoot, "own root certificate: %w", err)
	}
	path, err := chain.Verify(leaf, chain.Options{
		Roots: []*x509.Certificate{ownRoot}, Intermediates: presented[1:], Time: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return Identity{}, refuse(ReasonPath, "%w", err)
	}
	if len(path) != clientPath || !path[clientPath-1].Equal(ownRoot) {
		return Identity{}, refuse(ReasonShape, "found %s, expected three: a server certificate, the peer certificate that we issued, our root certificate", pathText(path))
	}
	peer, err := SubjectIdentity(path[1].RawSubject)
	if err != nil {
		return Identity{}, refuse(ReasonPeer, "subject: %w", err)
	}
	if !own.typ.CanPeerWith(peer.typ) {
		return Identity{}, refuse(ReasonPeer, "found %s presented to %s, expected an accounting authority and an agent", peer.typ.article(), own.typ.article())
	}
	if err := constrainedTo(path[1], peer); err != nil {
		return Identity{}, refuse(ReasonPeer, "%w", err)
	}
	id, err := leafIdentity(leaf)
	if err != nil {
		return Identity{}, err
	}
	if id != peer {
		return Identity{}, refuse(ReasonIdentity, "found a server certificate of %s, expected one of %s, to whom the peer certificate was issued", id, peer)
	}
	return id, nil
}

// VerifyServer judges what a server presents against the root that came in the
// peer's info-bundle: the leaf must be issued by that root itself, and its O, OU
// and serialNumber must be the root's. Further certificates that the server
// sends along are not used. Every error is a [*ChainError].
func VerifyServer(presented []*x509.Certificate, peerRoot *x509.Certificate, at time.Time) error {
	leaf, err := presentedLeaf(presented, peerRoot)
	if err != nil {
		return err
	}
	want, err := SubjectIdentity(peerRoot.RawSubject)
	if err != nil {
		return refuse(ReasonRoot, "the peer's root certificate: %w", err)
	}
	// Without intermediates: a peer certificate that this root issued to
	// somebody else must not lead anywhere.
	path, err := chain.Verify(leaf, chain.Options{
		Roots: []*x509.Certificate{peerRoot}, Time: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return refuse(ReasonPath, "%w", err)
	}
	if len(path) != serverPath || !path[serverPath-1].Equal(peerRoot) {
		return refuse(ReasonShape, "found %s, expected two: a server certificate, the peer's root certificate", pathText(path))
	}
	id, err := leafIdentity(leaf)
	if err != nil {
		return err
	}
	if id != want {
		return refuse(ReasonIdentity, "found a server certificate of %s, expected one of %s", id, want)
	}
	return nil
}

// presentedLeaf refuses what cannot be judged at all.
func presentedLeaf(presented []*x509.Certificate, root *x509.Certificate) (*x509.Certificate, error) {
	// Without a root there is no judgement: never the system's roots.
	if root == nil {
		return nil, refuse(ReasonRoot, "found no root certificate to judge by")
	}
	if len(presented) == 0 {
		return nil, refuse(ReasonNothing, "found no certificate, expected a server certificate")
	}
	if len(presented) > MaxPresented {
		return nil, refuse(ReasonTooMany, "found %d certificates, expected at most %d", len(presented), MaxPresented)
	}
	for i, c := range presented {
		if c == nil {
			return nil, refuse(ReasonNothing, "found nothing in the place of certificate %d", i+1)
		}
	}
	return presented[0], nil
}

// pathText says of every certificate in a path what and whose it is.
func pathText(path []*x509.Certificate) string {
	words := make([]string, len(path))
	for i, c := range path {
		whose := nameText(c.RawSubject)
		if id, err := SubjectIdentity(c.RawSubject); err == nil {
			whose = id.String()
		}
		words[i] = fmt.Sprintf("%s certificate of %s", KindOf(c), whose)
	}
	return strings.Join(words, ", ")
}

// constrainedTo checks that a peer certificate confines its holder to its own
// name. This node issued it, and would have issued no other; but a root key has
// also signed what older software made of it.
func constrainedTo(c *x509.Certificate, id Identity) error {
	e := findExtension(c.Extensions, oidNameConstraints)
	if e == nil {
		return fmt.Errorf("found no nameConstraints, expected the name of %s", id)
	}
	if !e.Critical {
		return fmt.Errorf("found nameConstraints that are not critical, expected critical ones")
	}
	n, err := parseNameConstraints(e.Value)
	if err != nil {
		return fmt.Errorf("nameConstraints: found %w", err)
	}
	if !constrainsTo(n, id) {
		return fmt.Errorf("found nameConstraints that permit %s, expected the name of %s", clipName(n), id)
	}
	return nil
}

// leafIdentity returns whose server certificate the leaf is, if it is one: not a
// certificate authority, for digital signatures, for both sides of TLS.
func leafIdentity(leaf *x509.Certificate) (Identity, error) {
	if err := checkLeaf(leaf); err != nil {
		return Identity{}, refuse(ReasonLeaf, "%w", err)
	}
	id, err := SubjectIdentity(leaf.RawSubject)
	if err != nil {
		return Identity{}, refuse(ReasonLeaf, "subject: %w", err)
	}
	return id, nil
}

func checkLeaf(leaf *x509.Certificate) error {
	if err := checkPublicKey(leaf.PublicKey); err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	e := findExtension(leaf.Extensions, oidBasicConstraints)
	if e == nil {
		return errors.New("found no basicConstraints, expected critical ones, CA false")
	}
	b, err := parseBasicConstraints(e.Value)
	if err != nil {
		return fmt.Errorf("basicConstraints: found %w", err)
	}
	if b.ca || !e.Critical {
		return fmt.Errorf("found basicConstraints %s, %s, expected critical, CA false", criticalWord(e.Critical), b)
	}
	if e = findExtension(leaf.Extensions, oidKeyUsage); e == nil {
		return errors.New("found no keyUsage, expected digitalSignature")
	}
	u, err := parseKeyUsage(e.Value)
	if err != nil {
		return fmt.Errorf("keyUsage: found %w", err)
	}
	if u&x509.KeyUsageDigitalSignature == 0 || u&x509.KeyUsageCertSign != 0 {
		return fmt.Errorf("found keyUsage %s, expected digitalSignature and not keyCertSign", keyUsageWords(u))
	}
	// RFC 5280 lets a certificate without this extension serve any purpose; the
	// profile does not.
	if e = findExtension(leaf.Extensions, oidExtendedKeyUsage); e == nil {
		return errors.New("found no extKeyUsage, expected clientAuth and serverAuth")
	}
	list, err := parseExtKeyUsage(e.Value)
	if err != nil {
		return fmt.Errorf("extKeyUsage: found %w", err)
	}
	if !containsOID(list, oidClientAuth) || !containsOID(list, oidServerAuth) {
		return fmt.Errorf("found extKeyUsage %s, expected clientAuth and serverAuth", extKeyUsageWords(list))
	}
	return nil
}
