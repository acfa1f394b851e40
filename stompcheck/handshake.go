package stompcheck

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
)

func (r *run) dial(ctx context.Context) (string, *failure) {
	ctx, cancel := context.WithTimeout(ctx, r.t.o.Timeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", r.rep.Address.String())
	if err != nil {
		return "", failed(classifyDial(err), "%v", err)
	}
	own := r.t.p.chain(r.t.o.Certificate)
	if key, ok := own.PrivateKey.(crypto.Signer); ok {
		own.PrivateKey = notingSigner{key, &r.signErr}
	}
	conf := r.t.clientTLS(own)
	present := conf.GetClientCertificate
	conf.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		r.asked = true // by the goroutine that does the handshake
		return present(info)
	}
	r.tls = tls.Client(nc, conf)
	return "from " + nc.LocalAddr().String(), nil
}

// notingSigner is a key that notes why it did not sign: the TLS library only says
// that something failed.
type notingSigner struct {
	crypto.Signer
	err *error
}

func (n notingSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, err := n.Signer.Sign(rand, digest, opts)
	*n.err = err
	return signature, err
}

// clientTLS is a configuration that judges nothing: the stages after the
// handshake do, before anything but the handshake is sent.
func (t *Tester) clientTLS(own tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &own, nil
		},
	}
}

func (r *run) handshake(ctx context.Context) (string, *failure) {
	limited, cancel := context.WithTimeout(ctx, r.t.o.Timeout)
	defer cancel()
	if err := r.tls.HandshakeContext(limited); err != nil {
		if r.signErr != nil {
			return "", failed(diagnose(CauseOwnKey), "our private key does not sign the handshake: %v", r.signErr)
		}
		d := classifyHandshake(err)
		if d.Cause == CauseOurCertRefused && r.own != nil {
			d = r.own
		}
		return "", failed(d, "%v", err)
	}
	r.state = r.tls.ConnectionState()
	s := &Session{
		Version: tls.VersionName(r.state.Version), Suite: tls.CipherSuiteName(r.state.CipherSuite), Group: r.state.CurveID.String(),
		Ends: r.state.PeerCertificates[0].NotAfter,
	}
	r.rep.Session = s
	return s.Version + ", " + s.Suite + ", " + s.Group, nil
}

func (r *run) chainFound() string {
	leaf := r.state.PeerCertificates[0]
	return fmt.Sprintf("%s, valid until %s", count(len(r.state.PeerCertificates), "certificate"), stamp(leaf.NotAfter))
}

// judgeChain judges the server's certificates by the rules of package certs.
func (r *run) judgeChain() *failure {
	now := r.t.o.Now()
	leaf := r.state.PeerCertificates[0]
	err := certs.VerifyServer(r.state.PeerCertificates, r.t.p.PeerRoot, now)
	if err == nil && !r.asked {
		return failed(diagnose(CauseNotMutual), "found no request for a client certificate in the handshake")
	}
	if err == nil {
		return nil
	}
	id, idErr := certs.SubjectIdentity(leaf.RawSubject)
	switch {
	case idErr != nil:
		return failed(diagnosef(CauseProxy, "it presented a certificate for "+describe(leaf)), "%v", err)
	case id != r.t.p.Peer:
		return failed(diagnosef(CauseOtherNode, "it presents itself as "+id.String()), "%v", err)
	case now.After(leaf.NotAfter):
		return failed(diagnosef(CausePeerEnded, "it ended "+stamp(leaf.NotAfter)), "%v", err)
	case now.Before(leaf.NotBefore):
		return failed(diagnosef(CausePeerNotYet, "it begins "+stamp(leaf.NotBefore)+", the clock says "+stamp(now)), "%v", err)
	case now.Before(r.t.p.PeerRoot.NotBefore):
		return failed(diagnosef(CauseClock, "the clock says "+stamp(now)+", which is before the peer's root certificate begins"), "%v", err)
	}
	return failed(diagnose(CausePeerChain), "%v", err)
}

func (r *run) identity() (string, *failure) {
	leaf := r.state.PeerCertificates[0]
	id, err := certs.SubjectIdentity(leaf.RawSubject)
	if err != nil {
		return "", failed(diagnosef(CauseProxy, "it presented a certificate for "+describe(leaf)), "%v", err)
	}
	if id != r.t.p.Peer {
		return "", failed(diagnosef(CauseOtherNode, "it presents itself as "+id.String()), "found %s, expected %s", id, r.t.p.Peer)
	}
	return id.String(), nil
}

// describe says whose a certificate is that is not of this network.
func describe(c *x509.Certificate) string {
	who := quote(c.Subject.String())
	if len(c.DNSNames) > 0 {
		who += " (" + quote(strings.Join(c.DNSNames, ", ")) + ")"
	}
	return who
}
