package nodedir

import (
	"context"
)

// ChangePassword encrypts the root key anew; Change.Key opens the old one.
func (d *Dir) ChangePassword(ctx context.Context, newPassword func() ([]byte, error), ch Change) (*Plan, error) {
	return nil, errTODO
}
