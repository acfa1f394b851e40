package nodedir

import (
	"crypto"

	"github.com/swaptacular/swptpeer/certs"
)

// Dir is a node directory. Reading never locks and never writes.
type Dir struct {
	path     string // as given to Open
	opts     Options
	identity certs.Identity
	root     *certs.Certificate
	warnings []string
}

// Open reads what a directory is: its node type, id and root certificate.
func Open(path string, opts Options) (*Dir, error) { return nil, errTODO }

func (d *Dir) Path() string             { return d.path }
func (d *Dir) Identity() certs.Identity { return d.identity }
func (d *Dir) Root() *certs.Certificate { return d.root }
func (d *Dir) Pending() bool            { return false } // an interrupted change awaits the next writer

// OpenKey reads the root key (file "" means private/root-ca.key; any other path is as the operator gave it) and refuses one that is not this node's.
func (d *Dir) OpenKey(file string, password func() ([]byte, error)) (crypto.Signer, error) {
	return nil, errTODO
}
