package nodedir

import (
	"github.com/swaptacular/swptpeer/certs"
)

// Peer is what peers/<id>/ says.
type Peer struct {
	Identity    certs.Identity
	Root        *certs.Certificate
	PeerCert    *certs.Certificate // we issued it to the peer
	SubCA       *certs.Certificate // the peer issued it to us; nil: not registered
	Subnet      certs.Subnet       // authority: what we gave the peer
	MasqSubnet  certs.Subnet       // creditors agent: what the peer gave us
	Queues      int
	Active      bool
	Deactivated string // the date; "" if it is not
	UpdatedAt   string // line of nodeinfo/updated-at.txt
	Servers     []string
	HasManifest bool     // Kubernetes manifests are there
	Problems    []string // what could not be read, for people
}

// NextStep says what the operator should do next about the peer, in one line.
func (p *Peer) NextStep() string { return "" }

// Peers lists the peers in order of id. A peer that cannot be read is listed with Problems.
func (d *Dir) Peers() ([]*Peer, error) { return nil, errTODO }

// Peer reads one peer. An id that is not there is ErrUnknown; a unique prefix of at least 4 digits is accepted.
func (d *Dir) Peer(id string) (*Peer, error) { return nil, errTODO }
