package nodedir

import (
	"context"

	"github.com/swaptacular/swptpeer/certs"

	"github.com/swaptacular/swptpeer/certs/check"
)

// RegisterResult of RegisterPeer.
type RegisterResult struct {
	Peer    *Peer
	Already bool // the same certificate was registered before
	Report  *check.Report
	Plan    *Plan
}

// RegisterPeer stores the peer certificate that a peer issued to this node.
func (d *Dir) RegisterPeer(ctx context.Context, cert *certs.Certificate, ch Change) (*RegisterResult, error) {
	return nil, errTODO
}
