package nodedir

import (
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// grant is a subnet that an accounting authority is about to give to a peer.
type grant struct {
	Subnet certs.Subnet
	Reused bool // the file is there already and names this peer: an interrupted run of the existing tool
}

// freeSubnet chooses the subnet for a peer of this accounting authority that
// has none: the first free one after SEQNUM. The peer must not have a folder in
// peers/.
func (v *view) freeSubnet(peer certs.Identity) (grant, error) { return grant{}, errTODO }

// record adds to tx the subnet's file and SEQNUM.
func (g grant) record(tx *durable.Tx) {}
