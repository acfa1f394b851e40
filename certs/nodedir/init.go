package nodedir

import (
	"context"

	"github.com/swaptacular/swptpeer/certs"
)

// InitRequest says what node to make. A half-made directory is completed: what is there is kept and must agree.
type InitRequest struct {
	Type            certs.NodeType // required unless the directory already says
	Prefix          string         // accounting authority: its id; required unless the directory already says
	Servers         []string       // host:port for the first stomp.toml
	CreditorsSubnet certs.Subnet   // creditors agent: zero means 000001
	AdoptKey        []byte         // PEM file of an existing key to adopt; nil: use private/root-ca.key or make one
	// NewPassword is asked for when a key has to be written; Password when an existing one has to be read.
	Password, NewPassword func() ([]byte, error)
	NoKubernetes          bool
}

// InitResult of Init.
type InitResult struct {
	Dir     *Dir
	Plan    *Plan
	Created []string // paths made by this run, relative
}

// Init makes a node directory, or completes a half-made one. Change.Key is not used.
func Init(ctx context.Context, path string, req InitRequest, opts Options, ch Change) (*InitResult, error) {
	return nil, errTODO
}
