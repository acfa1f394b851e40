package nodedir

import (
	"context"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
)

// SignRequest of SignPeer.
type SignRequest struct {
	Bundle *bundle.Bundle
	Force  bool // take an older nodeinfo, or a different one of the same date
}

// Action says what SignPeer did (or, dry, would do).
type Action string

const (
	ActionSigned  Action = "signed"  // a peer certificate was issued
	ActionUpdated Action = "updated" // the peer was known; its nodeinfo was replaced
	ActionNone    Action = "none"    // nothing to do
)

// SignResult of SignPeer.
type SignResult struct {
	Action      Action
	Peer        *Peer              // after the change; nil when DryRun
	Certificate *certs.Certificate // the peer certificate to be sent; nil when DryRun and not yet signed
	Plan        *Plan
}

// SignPeer is step 2 of the exchange (and step 4, seen from the other side): issue a peer certificate for the node of a
// verified bundle, or update the nodeinfo of a peer that is known.
func (d *Dir) SignPeer(ctx context.Context, req SignRequest, ch Change) (*SignResult, error) {
	return nil, errTODO
}
