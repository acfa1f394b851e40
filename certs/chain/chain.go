// Package chain judges certification paths as RFC 5280 section 6 demands,
// including directoryName constraints, which crypto/x509 does not enforce.
package chain

import (
	"crypto/x509"
	"errors"
	"time"
)

var errTODO = errors.New("not implemented")

// Options of Verify. Roots must not be empty; there is no default.
type Options struct {
	Roots         []*x509.Certificate
	Intermediates []*x509.Certificate
	Time          time.Time          // required
	KeyUsages     []x509.ExtKeyUsage // every one of these must be allowed by the path; empty: not checked
}

// Verify finds a path from leaf to one of the roots and returns it, leaf first, root last.
func Verify(leaf *x509.Certificate, opts Options) ([]*x509.Certificate, error) { return nil, errTODO }
