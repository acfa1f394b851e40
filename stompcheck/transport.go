// Package stompcheck is the transport between peers and what tests it.
package stompcheck

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

var errTODO = errors.New("not implemented")

// ServerTLS returns the TLS configuration of a node's server.
func ServerTLS(own tls.Certificate, ownRoot *x509.Certificate, now func() time.Time) (*tls.Config, error) {
	return nil, errTODO
}

// ClientTLS returns the TLS configuration of a node's client towards one peer.
func ClientTLS(own tls.Certificate, peerRoot *x509.Certificate, now func() time.Time) (*tls.Config, error) {
	return nil, errTODO
}

var _ certs.Identity
