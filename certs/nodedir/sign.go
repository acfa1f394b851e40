package nodedir

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/der"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
)

// SignRequest of SignPeer.
type SignRequest struct {
	Bundle *bundle.Bundle
	Force  bool // take an older nodeinfo, or a different one of the same date
}

// Action says what SignPeer did (or, dry, would do).
type Action string

const (
	ActionSigned  Action = "signed"  // a peer certificate was issued
	ActionUpdated Action = "updated" // the peer was known; its nodeinfo was replaced
	ActionNone    Action = "none"    // nothing to do
)

// SignResult of SignPeer.
type SignResult struct {
	Action      Action
	Peer        *Peer              // after the change; nil when DryRun
	Certificate *certs.Certificate // the peer certificate to be sent; nil when DryRun and not yet signed
	Plan        *Plan
}

// SignPeer is step 2 of the exchange (and step 4, seen from the other side):
// issue a peer certificate for the node of a verified bundle, or update the
// nodeinfo of a peer that is known.
//
// A node never gets a second certificate. If its folder in peers/ is gone but
// db/index says that one was issued, that one is used again (ActionSigned, but
// without a signature; the Plan says so). Refusals are ErrRejected: the
// bundle of the node itself, a pair of types that cannot be peers, a second
// peer of a debtors agent, an agent whose id is not its key's when this node is
// an authority, a certificate file that servers cannot read, and, with or
// without Force, a root certificate other than the one that was signed for.
//
// A deactivated peer never comes back. Its nodeinfo is still kept current:
// that decides nothing, and the directory says what is published.
func (d *Dir) SignPeer(ctx context.Context, req SignRequest, ch Change) (*SignResult, error) {
	if req.Bundle == nil {
		return nil, errors.New("nodedir: SignPeer without a bundle")
	}
	var last *signPlan
	plan, err := d.change(ctx, ch, func(v *view) (*draft, error) {
		p := &signPlan{view: v, bundle: req.Bundle, force: req.Force}
		p.rel = path.Join(dirPeers, p.bundle.Identity.ID())
		if err := p.make(); err != nil {
			return nil, err
		}
		last = p
		return &p.draft, nil
	})
	if err != nil {
		return nil, err
	}
	res := &SignResult{Action: last.action, Certificate: last.existing, Plan: plan}
	if ch.DryRun {
		return res, nil
	}
	const unread = "and it cannot be read back"
	if res.Peer, err = d.peerToChange(req.Bundle.Identity.ID()); err != nil {
		return nil, fmt.Errorf("%s: %w, %s: %w", d.file(last.rel), ErrMade, unread, err)
	}
	if res.Certificate = res.Peer.PeerCert; res.Certificate == nil {
		return nil, fmt.Errorf("%s: %w, %s: %s", d.file(last.rel), ErrMade, unread, strings.Join(res.Peer.Problems, "; "))
	}
	return res, nil
}

// rejection is an error that is ErrRejected, without saying so in its text.
type rejection struct{ err error }

func (r *rejection) Error() string   { return r.err.Error() }
func (r *rejection) Unwrap() []error { return []error{ErrRejected, r.err} }

func rejectf(format string, args ...any) error {
	return &rejection{fmt.Errorf(format, args...)}
}

// signPlan is one planning of SignPeer.
type signPlan struct {
	*view
	draft
	bundle   *bundle.Bundle
	force    bool
	rel      string // peers/<id>
	action   Action
	existing *certs.Certificate // what was issued to the peer before
}

// make makes the plan.
func (p *signPlan) make() error {
	if err := p.admit(); err != nil {
		return err
	}
	fi, err := os.Lstat(p.file(p.rel))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.signNew()
	case err != nil:
		return err
	case !fi.IsDir():
		return rejectf("%s: found %s, expected the peer's folder or nothing: find out who put it there and remove it", p.file(p.rel), kind(fi.Mode()))
	}
	return p.known()
}

// admit decides whether the bundle's node may be a peer of this node.
func (p *signPlan) admit() error {
	b, own := p.bundle, p.identity
	if b.Identity.ID() == own.ID() {
		return rejectf("found the info-bundle of this node itself, %s, expected another node's", own)
	}
	if !own.Type().CanPeerWith(b.Identity.Type()) {
		return rejectf("found the info-bundle of %s; this node is %s: only an accounting authority and an agent can be peers", b.Identity, own)
	}
	if own.Type() == certs.AccountingAuthority {
		// What stops one agent from taking another's id (name.serial-hash).
		want, err := certs.AgentIdentity(b.Identity.Type(), b.Root.RawSubjectPublicKeyInfo)
		if err != nil {
			return err
		}
		if want != b.Identity {
			return rejectf("found an agent with the id %s and a root key whose id is %s: an accounting authority takes only agents whose id follows from their key; the agent must make its node anew", b.Identity.ID(), want.ID())
		}
	}
	// The bundle was judged when it was read; the clock has gone on since.
	if err := certs.CheckRoot(b.Root, p.now).Err(); err != nil {
		return &rejection{err}
	}
	return nil
}

// signNew plans for a node without a folder in peers/.
func (p *signPlan) signNew() error {
	id := p.bundle.Identity
	if p.identity.Type() == certs.DebtorsAgent {
		others, err := p.peerFolders()
		if err != nil {
			return err
		}
		if len(others) > 0 {
			return rejectf("found the peer %s already; a debtors agent has exactly one peer, so that %s cannot be another", others[0], id)
		}
	}
	p.action = ActionSigned
	p.facts()
	before, err := p.issuedBefore()
	if err != nil {
		return err
	}
	if before != nil {
		return p.signedBefore(before)
	}

	p.Title = "sign a peer certificate for " + id.String()
	p.decision = "sign " + id.ID()
	p.sign = true
	serial, err := p.nextSerial()
	if err != nil {
		return err
	}
	p.fact("serial", serial.String())
	p.fact("valid until", p.now.UTC().AddDate(0, 0, certs.CADays).Format(time.DateOnly))
	var g grant
	if p.identity.Type() == certs.AccountingAuthority {
		if g, err = p.freeSubnet(id); err != nil {
			return err
		}
		p.fact("subnet", subnetWords(g.Subnet))
		if g.Reused {
			p.note("the subnet " + g.Subnet.String() + " was reserved for this peer before, by a run that did not end")
		}
	}
	p.build = func(tx *durable.Tx, s *signer) error {
		if !g.Subnet.IsZero() {
			g.record(tx)
		}
		var cert *certs.Certificate
		if s != nil {
			var err error
			if cert, err = s.issuer.IssuePeer(p.bundle.Root, p.bundle.Request, g.Subnet, serial, p.now); err != nil {
				return err
			}
		}
		if err := p.recordIssued(tx, serial, cert); err != nil {
			return err
		}
		p.addFolder(tx, cert, g.Subnet)
		return nil
	}
	return nil
}

// facts tells who the peer is.
func (p *signPlan) facts() {
	b := p.bundle
	if n, err := name.Parse(b.Root.RawSubject); err == nil {
		p.fact("subject", n.String())
	}
	p.fact("root key SHA-256", certs.KeyFingerprint(b.Root.RawSubjectPublicKeyInfo))
	p.fact("root certificate SHA-256", certs.CertificateFingerprint(b.Root.Raw))
	p.fact("published", b.NodeInfo.UpdatedAt.String())
	for _, s := range b.NodeInfo.Manifest.Servers {
		p.fact("server", s.String())
	}
}

// subnetWords shows a subnet with the ends of its range, which operators need
// for their databases.
func subnetWords(s certs.Subnet) string {
	first, last := s.Signed()
	return fmt.Sprintf("%s (ids %d to %d)", s, first, last)
}

// addFolder adds the peer's new folder to tx. It appears whole, by one rename.
// What came from the stranger goes into nodeinfo/ and nowhere else, except the
// root certificate, which was checked.
func (p *signPlan) addFolder(tx *durable.Tx, cert *certs.Certificate, subnet certs.Subnet) {
	b := p.bundle
	tx.Mkdir(dirPeers, modeDir)
	tx.CreateTree(p.rel, func(stage string) error {
		files := []struct {
			name string
			data []byte
		}{
			{peerRootCert, b.Root.File},
			{peerNodeType, oneLine(b.Identity.Type().Unit())},
			{peerQueues, oneLine("1")},
			{peerPeerCert, cert.File},
		}
		if !subnet.IsZero() {
			files = append(files, struct {
				name string
				data []byte
			}{peerSubnet, oneLine(subnet.String())})
		}
		for _, f := range files {
			if err := writeNew(filepath.Join(stage, f.name), f.data); err != nil {
				return err
			}
		}
		return b.NodeInfo.Extract(filepath.Join(stage, peerNodeInfo))
	})
}

// writeNew writes a public file that must not exist, whatever the umask. The
// transaction syncs it.
func writeNew(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modeFile)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return cmp.Or(err, f.Chmod(modeFile), f.Close())
}

// known plans for a node that has a folder in peers/.
func (p *signPlan) known() error {
	peer, err := p.peerToChange(p.bundle.Identity.ID())
	if err != nil {
		return err
	}
	damaged := func(what string) error {
		return fmt.Errorf("%s: %s: the folder is damaged, so that nothing can be signed or updated: restore it, or run doctor for what to do (%s)", p.file(p.rel), what, strings.Join(peer.Problems, "; "))
	}
	if peer.Root == nil {
		return damaged(peerRootCert + " cannot be read")
	}
	// The one was judged when it was stored, the other in its bundle.
	if was, is := peer.Root, p.bundle.Root; !der.SameSigned(was.Certificate, is.Certificate) {
		return p.theft(p.rel+"/"+peerRootCert, was, is)
	}
	if p.existing = peer.PeerCert; p.existing == nil {
		return damaged(peerPeerCert + " cannot be read")
	}
	if !bytes.Equal(p.existing.RawSubjectPublicKeyInfo, p.bundle.Root.RawSubjectPublicKeyInfo) {
		return damaged(peerPeerCert + " is not for the key of " + peerRootCert)
	}
	return p.update(peer)
}

// theft is the refusal of another root certificate for a known id. It is the
// same whether Force is set or not.
func (p *signPlan) theft(where string, was, is *certs.Certificate) error {
	key := "another key"
	if bytes.Equal(was.RawSubjectPublicKeyInfo, is.RawSubjectPublicKeyInfo) {
		key = "the same key"
	}
	return rejectf("%s is known with another root certificate, and this may be a theft of its id: nothing is signed or updated, whatever the options: "+
		"found in the bundle: certificate SHA-256 %s with %s, SHA-256 %s; expected, as in %s: certificate SHA-256 %s with key SHA-256 %s: %s",
		p.bundle.Identity, certs.CertificateFingerprint(is.Raw), key, certs.KeyFingerprint(is.RawSubjectPublicKeyInfo),
		p.file(where), certs.CertificateFingerprint(was.Raw), certs.KeyFingerprint(was.RawSubjectPublicKeyInfo), adviceTheft)
}

const adviceTheft = "ask the peer's operator, over another channel than the one by which the bundle came, which of the two is theirs"
