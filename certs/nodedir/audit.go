package nodedir

import (
	"context"
	"errors"

	"github.com/swaptacular/swptpeer/certs/check"
)

var errTODO = errors.New("not implemented")

// AuditOptions of Audit.
type AuditOptions struct {
	Quick bool // no signature is verified
	Fix   bool // repair what is safe
}

// Audit checks the whole directory against the profile and the rules of the node directory.
func (d *Dir) Audit(ctx context.Context, opts AuditOptions) (*check.Report, error) {
	return nil, errTODO
}

// Rules lists every rule that Audit may report, of this package.
func Rules() []*check.Rule { return nil }
