package stompcheck

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// Peering is what a node's directory says about one peer, as far as connecting
// to it goes.
type Peering struct {
	Own, Peer certs.Identity
	OwnRoot   *x509.Certificate
	PeerRoot  *x509.Certificate // as it came in the peer's info-bundle
	// Intermediate is the peer certificate that the peer issued to us
	// (sub-ca.crt). Nil: the peer is not registered.
	Intermediate *x509.Certificate
	// Manifest is the peer's stomp.toml with our node id put in. Nil if it
	// cannot be used, and ManifestErr says why.
	Manifest    *manifest.Manifest
	ManifestErr error
	// Subnet is what the authority of the two gave to the agent.
	Subnet certs.Subnet
	// Deactivated says that we have deactivated the peer.
	Deactivated bool
}

// link is the direction from us to the peer.
func (p *Peering) link() (smp.Link, error) { return smp.NewLink(p.Own, p.Peer, p.Subnet) }

// chain is what we present: the server certificate and, if the peer is
// registered, the peer certificate. If own has further certificates of its own
// they are not sent.
func (p *Peering) chain(own tls.Certificate) tls.Certificate {
	out := tls.Certificate{Certificate: own.Certificate[:1:1], PrivateKey: own.PrivateKey}
	if p.Intermediate != nil {
		out.Certificate = append(out.Certificate, p.Intermediate.Raw)
	}
	return out
}

// judgeOwn judges what we present as the peer's server will: with the peer's
// root as trust anchor. It returns what is wrong, or nil.
func (p *Peering) judgeOwn(own tls.Certificate, at time.Time) (*Diagnosis, error) {
	if len(own.Certificate) == 0 {
		return diagnose(CauseOwnKey), errors.New("found no certificate, expected a server certificate of ours")
	}
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		return diagnose(CauseOwnChain), fmt.Errorf("our server certificate: %w", err)
	}
	if err := KeyMatches(leaf, own.PrivateKey); err != nil {
		return diagnose(CauseOwnKey), err
	}
	switch {
	case at.Before(p.OwnRoot.NotBefore):
		return diagnose(CauseClock), fmt.Errorf("found the time %s, which is before our own root certificate begins (%s)", stamp(at), stamp(p.OwnRoot.NotBefore))
	case at.After(leaf.NotAfter):
		return diagnose(CauseOwnEnded), fmt.Errorf("our server certificate ended %s", stamp(leaf.NotAfter))
	case at.Before(leaf.NotBefore):
		return diagnose(CauseOwnNotYet), fmt.Errorf("our server certificate begins %s, the clock says %s", stamp(leaf.NotBefore), stamp(at))
	}
	if p.Intermediate == nil {
		return diagnose(CauseOwnNoIntermediate), errors.New("found no sub-ca.crt for this peer, expected the peer certificate that it issued to us")
	}
	id, err := certs.VerifyClient([]*x509.Certificate{leaf, p.Intermediate}, p.PeerRoot, at)
	if err != nil {
		return diagnose(CauseOwnChain), fmt.Errorf("the chain that we present: %w", err)
	}
	if id != p.Own {
		return diagnose(CauseOwnChain), fmt.Errorf("the certificate is that of %s, expected %s", id, p.Own)
	}
	return nil, nil
}

// KeyMatches reports, as an error, a private key that is not the certificate's.
func KeyMatches(leaf *x509.Certificate, key crypto.PrivateKey) error {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return errors.New("found no private key for our server certificate")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("the private key does not belong to our server certificate")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
