package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// What the tester and the server have to know, read from a node directory.

// peeringOf is what the directory says about connecting to a peer.
func peeringOf(d *nodedir.Dir, p *nodedir.Peer) (stompcheck.Peering, error) {
	if p.Root == nil || p.Identity.IsZero() {
		return stompcheck.Peering{}, &unreadable{fmt.Errorf("%s: %s", within(d, "peers", p.Folder), strings.Join(p.Problems, "; "))}
	}
	out := stompcheck.Peering{
		Own: d.Identity(), Peer: p.Identity, OwnRoot: d.Root().Certificate, PeerRoot: p.Root.Certificate,
		Subnet: givenSubnet(d.Identity(), p), Deactivated: p.Deactivated != "",
	}
	if p.SubCA != nil {
		out.Intermediate = p.SubCA.Certificate
	} else if hasSubCA(d, p) {
		return out, &unreadable{fmt.Errorf("%s: %s", within(d, "peers", p.Folder), strings.Join(p.Problems, "; "))}
	}
	m, err := readManifest(within(d, "peers", p.Folder, "nodeinfo", manifest.FileName))
	if err != nil {
		out.ManifestErr = err
	} else {
		out.Manifest = m.ForClient(d.Identity().ID())
	}
	return out, nil
}

// hasSubCA reports whether there is a certificate from the peer, readable or not.
func hasSubCA(d *nodedir.Dir, p *nodedir.Peer) bool {
	st, err := os.Lstat(within(d, "peers", p.Folder, "sub-ca.crt"))
	return err == nil && st.Size() > 0
}

// givenSubnet is what the authority of a peering gave to the agent; the zero
// Subnet if it is not known. A debtors agent is told only by the certificate
// that it registered.
func givenSubnet(own certs.Identity, p *nodedir.Peer) certs.Subnet {
	switch own.Type() {
	case certs.AccountingAuthority:
		return p.Subnet
	case certs.CreditorsAgent:
		return p.MasqSubnet
	}
	if p.SubCA == nil {
		return certs.Subnet{}
	}
	s, err := certs.PeerSubnet(p.SubCA.Certificate)
	if err != nil {
		return certs.Subnet{}
	}
	return s
}

// readManifest reads a servers manifest. What a stranger published may be a
// link: it is not followed.
func readManifest(path string) (*manifest.Manifest, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: found something that is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readLimited(f, path, manifest.MaxSize)
	if err != nil {
		return nil, err
	}
	m, report := manifest.Parse(data)
	if m == nil {
		return nil, fmt.Errorf("%s: %w", path, report.Err())
	}
	return m, nil
}

// readServerKeyPair reads a server certificate of ours and its key. That they
// belong together, and to this node, is for others to judge. parse reads a key
// that is not encrypted.
func (c *call) readServerKeyPair(parse func(file []byte) (crypto.Signer, error)) (tls.Certificate, error) {
	certPath, keyPath := c.cli.String("cert"), c.cli.String("key")
	cert, err := c.readCertificate(certPath)
	if err != nil {
		return tls.Certificate{}, &unreadable{err}
	}
	data, err := c.readFile(keyPath, certs.MaxKeyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	defer clear(data)
	key, err := parse(data)
	switch {
	case errors.Is(err, certs.ErrPasswordRequired):
		return tls.Certificate{}, withHint(&unreadable{fmt.Errorf("%s: found an encrypted key, expected the key of a server: servers read keys that are not encrypted", keyPath)},
			"--key is the key of the server certificate, not the root key; \"swptpeer csr create\" makes one")
	case err != nil:
		return tls.Certificate{}, &unreadable{fmt.Errorf("%s: %w", keyPath, err)}
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert.Certificate}, nil
}

// checkServerKeyPair refuses a certificate and key that no peer could accept as
// those of a server of this node.
func (c *call) checkServerKeyPair(own tls.Certificate, d *nodedir.Dir) error {
	if err := stompcheck.KeyMatches(own.Leaf, own.PrivateKey); err != nil {
		return withHint(&unreadable{fmt.Errorf("%s and %s: %w", c.cli.String("cert"), c.cli.String("key"), err)},
			"give the key that the certificate's request was made with")
	}
	if err := certs.VerifyServer([]*x509.Certificate{own.Leaf}, d.Root().Certificate, c.sys.now()); err != nil {
		return withHint(&unreadable{fmt.Errorf("%s: peers would not accept it: %w", c.cli.String("cert"), err)},
			"use a server certificate that this node's root key signed and that has not ended: \"swptpeer csr sign\", \"swptpeer server renew\"")
	}
	return nil
}

// ownDestination is where messages to this node are sent: what its own manifest
// says, since that is what peers read.
func (c *call) ownDestination(d *nodedir.Dir) (string, error) {
	path := within(d, "nodeinfo", manifest.FileName)
	m, err := readManifest(path)
	if errors.Is(err, fs.ErrNotExist) {
		destination := manifest.Destination(d.Identity().Type().String())
		c.err.warningLine(path + ": not there; messages are expected at " + destination)
		return destination, nil
	}
	if err != nil {
		return "", &unreadable{err}
	}
	return m.Destination, nil
}
