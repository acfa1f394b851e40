package nodedir

import (
	"context"

	"github.com/swaptacular/swptpeer/certs"
)

// IssuedServer is a server certificate found in certs/.
type IssuedServer struct {
	Serial      certs.Serial
	Certificate *certs.Certificate
	Revoked     bool // db/index says R
}

// Servers lists the certificates issued to own servers, oldest first.
func (d *Dir) Servers() ([]IssuedServer, error) { return nil, errTODO }

// IssueResult of IssueServer and RenewServer.
type IssueResult struct {
	Certificate *certs.Certificate
	Plan        *Plan
}

// IssueServer signs a server certificate.
func (d *Dir) IssueServer(ctx context.Context, req *certs.Request, days int, ch Change) (*IssueResult, error) {
	return nil, errTODO
}

// RenewServer signs a new certificate for the key of one issued before.
func (d *Dir) RenewServer(ctx context.Context, serial certs.Serial, days int, ch Change) (*IssueResult, error) {
	return nil, errTODO
}
