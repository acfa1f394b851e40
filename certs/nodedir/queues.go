package nodedir

import (
	"context"
)

// SetQueues raises the number of sending queues, 1 to 99.
func (d *Dir) SetQueues(ctx context.Context, peerID string, queues int, ch Change) (*Plan, error) {
	return nil, errTODO
}

// Deactivate marks a peer as deactivated, for good.
func (d *Dir) Deactivate(ctx context.Context, peerID string, ch Change) (*Plan, error) {
	return nil, errTODO
}
