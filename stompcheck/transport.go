package stompcheck

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// ServerTLS returns the configuration with which a node's server accepts its
// peers: TLS 1.3 or higher, a client certificate required, and the client's
// chain judged by [certs.VerifyClient] with ownRoot as the only trust anchor
// (STOMP specification, "Transport").
//
// own is the server certificate with its key. now is the clock that
// certificates are judged by; nil means time.Now.
//
// A client's handshake ends before this judgement is made (RFC 8446, 4.4.2.4
// and appendix E.1.2): a client learns of its refusal on its first read.
func ServerTLS(own tls.Certificate, ownRoot *x509.Certificate, now func() time.Time) (*tls.Config, error) {
	conf, err := base(own, ownRoot)
	if err != nil {
		return nil, err
	}
	clock := clockOrDefault(now)
	conf.ClientAuth = tls.RequireAnyClientCert
	// Named to clients as the issuer that is acceptable; never used to verify.
	conf.ClientCAs = x509.NewCertPool()
	conf.ClientCAs.AddCert(ownRoot)
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		_, err := certs.VerifyClient(cs.PeerCertificates, ownRoot, clock())
		return err
	}
	return conf, nil
}

// ClientTLS returns the configuration with which a node connects to the servers
// of one peer: TLS 1.3 or higher, and what the server presents judged by
// [certs.VerifyServer] with peerRoot as the only trust anchor: its identity
// must be that of peerRoot. Host names are not looked at.
//
// own is presented whatever issuers the server names: the server certificate,
// and after it the peer certificate that this peer issued to the node. now is
// the clock that certificates are judged by; nil means time.Now.
func ClientTLS(own tls.Certificate, peerRoot *x509.Certificate, now func() time.Time) (*tls.Config, error) {
	conf, err := base(own, peerRoot)
	if err != nil {
		return nil, err
	}
	clock := clockOrDefault(now)
	conf.Certificates = nil
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &own, nil
	}
	// The library's own verification is replaced, not dropped: it knows neither
	// directoryName constraints nor identities without host names.
	conf.InsecureSkipVerify = true
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		return certs.VerifyServer(cs.PeerCertificates, peerRoot, clock())
	}
	return conf, nil
}

func base(own tls.Certificate, root *x509.Certificate) (*tls.Config, error) {
	if root == nil {
		return nil, errors.New("no root certificate to trust")
	}
	if len(own.Certificate) == 0 || own.PrivateKey == nil {
		return nil, errors.New("no server certificate with its key to present")
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{own},
		// A resumed session would rest on a judgement made earlier, perhaps
		// before a certificate ended.
		SessionTicketsDisabled: true,
	}, nil
}

func clockOrDefault(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}
