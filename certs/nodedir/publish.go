package nodedir

import (
	"context"

	"github.com/swaptacular/swptpeer/bundle"
)

// BundleResult of CreateBundle.
type BundleResult struct {
	UpdatedAt bundle.UpdatedAt
	Changed   bool     // the content differs from what was last published
	Omitted   []string // names that begin with a dot
	Plan      *Plan
}

// CreateBundle writes the node's info-bundle to out, which must not exist unless overwrite.
func (d *Dir) CreateBundle(ctx context.Context, out string, overwrite bool, ch Change) (*BundleResult, error) {
	return nil, errTODO
}
