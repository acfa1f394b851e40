package nodedir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
	"github.com/swaptacular/swptpeer/certs/name"
)

// RegisterResult of RegisterPeer.
type RegisterResult struct {
	Peer    *Peer // after the change; nil when DryRun
	Already bool  // the same certificate was registered before
	Report  *check.Report
	Plan    *Plan
}

const (
	citeRegistering = "node directory, \"Registering checks\""
	citeSubnets     = "certificates, \"Subnets\""
	// adviceAskPeer is for what only the peer can mend.
	adviceAskPeer = "ask the peer's operator for a certificate that was issued to this node; nothing was changed"
)

// The rules of registering a certificate. Those for what the certificate itself
// must be are [certs.CheckPeer]'s.
var (
	ruleRegisterSingle = &check.Rule{
		ID: "register.single", Severity: check.Error,
		Title:    "the file holds exactly one certificate",
		Citation: citeRegistering,
		Advice:   adviceAskPeer,
	}
	ruleRegisterIssuer = &check.Rule{
		ID: "register.issuer", Severity: check.Error,
		Title:    "the issuer is a node of the network",
		Citation: "certificates, \"Nodes and names\"",
		Advice:   adviceAskPeer,
	}
	ruleRegisterPeerType = &check.Rule{
		ID: "register.peer-type", Severity: check.Error,
		Title:    "the issuer's type may be a peer of this node",
		Citation: citeRegistering,
		Advice:   adviceAskPeer,
	}
	ruleRegisterKnown = &check.Rule{
		ID: "register.known", Severity: check.Error,
		Title:    "the issuer is a known peer, with its root certificate in its folder",
		Citation: citeRegistering,
		Advice:   "get the peer's info-bundle and run \"swptpeer peer sign BUNDLE.zip\" first",
	}
	ruleRegisterActive = &check.Rule{
		ID: "register.deactivated", Severity: check.Error,
		Title:    "the peer is not deactivated",
		Citation: "node directory, DEACTIVATED",
		Advice:   "a peer never comes back from its deactivation: nothing can be registered for it",
	}
	ruleRegisterLifetime = &check.Rule{
		ID: "register.lifetime", Severity: check.Error,
		Title:    "the certificate ends 500 calendar years from now, or later",
		Citation: "certificates, peer.lifetime",
		Advice:   "ask the peer's operator for a certificate that is valid for 365,000 days",
	}
	ruleRegisterSubnet = &check.Rule{
		ID: "register.subnet", Severity: check.Error,
		Title:    "the certificate gives this node the subnet that it needs",
		Citation: citeSubnets,
		Advice:   "ask the authority's operator for a certificate with a subnet that fits",
	}
	ruleRegisterDebtors = &check.Rule{
		ID: "register.debtors-subnet", Severity: check.Error,
		Title:    "the subnet agrees with debtors-subnet.txt",
		Citation: citeSubnets,
		Advice:   "a debtors agent has one subnet for all its life: find out which of the two is right before changing anything",
	}
	ruleRegisterSame = &check.Rule{
		ID: "register.same", Severity: check.Error,
		Title:    "no other certificate of this peer is registered",
		Citation: citeRegistering,
		Advice:   "a peer issues one certificate to a node and never another: ask its operator why there are two; nothing was changed",
	}
)

// registerRules is the table of the rules of [Dir.RegisterPeer] that are not
// [certs.CheckPeer]'s, in the order of checking.
var registerRules = []*check.Rule{
	ruleRegisterSingle, ruleRegisterIssuer, ruleRegisterPeerType, ruleRegisterKnown, ruleRegisterActive,
	ruleRegisterLifetime, ruleRegisterSubnet, ruleRegisterDebtors, ruleRegisterSame,
}

// RegisterPeer stores the peer certificate that a peer issued to this node.
//
// All checks are made before anything is written; the report has them all, also
// when the result comes with an error, which then is ErrRejected and a
// [check.Failure]. The certificate that is registered already is nothing to do,
// except for what a stopped run left out.
func (d *Dir) RegisterPeer(ctx context.Context, cert *certs.Certificate, ch Change) (*RegisterResult, error) {
	if cert == nil || cert.Certificate == nil {
		return nil, errors.New("nodedir: RegisterPeer without a certificate")
	}
	var last *registerPlan
	plan, err := d.change(ctx, ch, func(v *view) (*draft, error) {
		last = &registerPlan{view: v, cert: cert}
		if err := last.judge(); err != nil {
			return nil, err
		}
		if err := last.report.Err(); err != nil {
			return nil, &rejection{err}
		}
		return &last.draft, last.write()
	})
	res := &RegisterResult{Plan: plan}
	if last != nil {
		res.Report, res.Already = &last.report, last.already
	}
	if err == nil && !ch.DryRun {
		res.Peer = d.readPeer(last.issuer.ID())
	}
	return res, err
}

// registerPlan is one planning of RegisterPeer.
type registerPlan struct {
	*view
	draft
	cert    *certs.Certificate
	report  check.Report
	issuer  certs.Identity
	peer    *Peer
	subnet  certs.Subnet // to be stored
	already bool
}

// judge fills the report. An error means that something could not be read.
func (r *registerPlan) judge() error {
	r.report.Subject = "peer certificate"
	if r.parseFile(); !r.findIssuer() {
		return nil
	}
	r.report.Subject = "peer certificate from " + r.issuer.String()
	r.checkLifetime()
	if err := r.checkSubnet(); err != nil {
		return err
	}
	if known, err := r.findPeer(); err != nil {
		return err
	} else if !known {
		for _, rule := range certs.Rules() {
			if strings.HasPrefix(rule.ID, "peer.") {
				r.report.Skip(rule, "", "the issuer's root certificate is not here")
			}
		}
		return nil
	}
	r.report.Append("", certs.CheckPeer(r.cert, r.peer.Root.Certificate, r.root.Certificate, r.now))
	r.report.Check(r.peer.Deactivated == "", ruleRegisterActive, path.Join(dirPeers, r.peer.Folder),
		"deactivated on "+r.peer.Deactivated, "a peer that is not deactivated")
	return r.checkSame()
}

// parseFile proves that the file holds the certificate, and only it.
func (r *registerPlan) parseFile() {
	again, err := certs.ParseCertificate(r.cert.File)
	switch {
	case err != nil:
		r.report.Fail(ruleRegisterSingle, "", err.Error(), "one certificate in PEM form")
	default:
		r.report.Check(bytes.Equal(again.Raw, r.cert.Raw), ruleRegisterSingle, "", "", "the certificate that is to be registered")
	}
}

// findIssuer reads who issued the certificate.
func (r *registerPlan) findIssuer() bool {
	id, err := certs.SubjectIdentity(r.cert.RawIssuer)
	if err != nil {
		found := err.Error()
		if n, err := name.Parse(r.cert.RawIssuer); err == nil {
			found = n.String() + ": " + found
		}
		r.report.Fail(ruleRegisterIssuer, "issuer", found, "the name of a node")
		return false
	}
	r.issuer = id
	r.report.Pass(ruleRegisterIssuer, "issuer", id.String())
	own := r.identity
	expected := "an accounting authority"
	if own.Type() == certs.AccountingAuthority {
		expected = "an agent"
	}
	r.report.Check(own.Type().CanPeerWith(id.Type()), ruleRegisterPeerType, "issuer", id.String(), expected+", because this node is "+own.String())
	return true
}

// findPeer reads the issuer's folder.
func (r *registerPlan) findPeer() (bool, error) {
	folder := r.issuer.ID()
	rel := path.Join(dirPeers, folder)
	there, err := r.exists(rel)
	if err != nil {
		return false, err
	}
	if !there {
		r.report.Fail(ruleRegisterKnown, rel, "no such folder", "the folder of a peer whose info-bundle was accepted")
		return false, nil
	}
	if r.peer, err = r.peerToChange(folder); err != nil {
		return false, err
	}
	if r.peer.Root == nil || r.peer.Identity != r.issuer {
		r.report.FailAdvice(ruleRegisterKnown, rel, strings.Join(r.peer.Problems, "; "), "the root certificate of "+r.issuer.String(), "run \"swptpeer doctor\": the peer's folder is damaged")
		return false, nil
	}
	r.report.Pass(ruleRegisterKnown, rel, "root certificate SHA-256 "+certs.CertificateFingerprint(r.peer.Root.Raw))
	return true, nil
}

func (r *registerPlan) checkLifetime() {
	r.report.Check(certs.LivesLongEnough(r.cert.Certificate, r.now), ruleRegisterLifetime, "validity", "an end in "+r.cert.NotAfter.UTC().Format(time.DateOnly),
		"the year "+strconv.Itoa(r.now.UTC().Year()+certs.LifetimeYears)+" or later")
}

// checkSubnet judges the subnet that the certificate gives to this node.
func (r *registerPlan) checkSubnet() error {
	own := r.identity.Type()
	if own == certs.AccountingAuthority {
		// The authority chooses; what an agent writes there means nothing.
		r.report.Pass(ruleRegisterSubnet, "comment", "not looked at: this node is an accounting authority")
		return nil
	}
	s, err := certs.PeerSubnet(r.cert.Certificate)
	if err != nil {
		r.report.Fail(ruleRegisterSubnet, "comment", err.Error(), "a subnet")
		return nil
	}
	if own == certs.CreditorsAgent {
		line, err := r.readLine(fileCreditorsSubnet)
		if err != nil {
			return err
		}
		mine, err := certs.ParseSubnet(line)
		if err != nil {
			return fmt.Errorf("%s: %w", r.file(fileCreditorsSubnet), err)
		}
		if r.report.Check(s.Digits() == mine.Digits(), ruleRegisterSubnet, "comment", subnetFound(s),
			fmt.Sprintf("a subnet of %d hex digits, as wide as %s in %s", mine.Digits(), mine, fileCreditorsSubnet)) {
			r.subnet = s
		}
		return nil
	}
	ok := strings.HasPrefix(s.String(), r.issuer.ID()) && s.Digits() >= minDebtorsDigits
	if !r.report.Check(ok, ruleRegisterSubnet, "comment", subnetFound(s), "a subnet that begins with the authority's id "+r.issuer.ID()) {
		return nil
	}
	r.subnet = s
	line, err := r.readLine(fileDebtorsSubnet)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r.report.Check(err != nil || line == s.String(), ruleRegisterDebtors, fileDebtorsSubnet, strconv.Quote(line), s.String()+", as in the certificate")
	return nil
}

// minDebtorsDigits is the least width of what a debtors agent is given: all of
// its authority's ids (certificates.md, peer.subnet).
const minDebtorsDigits = 8

func subnetFound(s certs.Subnet) string {
	if s.IsZero() {
		return "no subnet"
	}
	return "the subnet " + s.String()
}

// checkSame compares with what is registered.
func (r *registerPlan) checkSame() error {
	rel := path.Join(dirPeers, r.peer.Folder, peerSubCA)
	data, err := r.readFile(rel, maxCertFile)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 {
		// A run of the existing tool that was stopped leaves an empty file.
		r.report.Pass(ruleRegisterSame, rel, "not registered yet")
		return nil
	}
	if err != nil {
		return err
	}
	was := r.peer.SubCA
	if was == nil {
		r.report.FailAdvice(ruleRegisterSame, rel, "a file that is no certificate", "this certificate, or none",
			"restore the file, or remove it and register again")
		return nil
	}
	r.already = der.SameSigned(was.Certificate, r.cert.Certificate)
	r.report.Check(r.already, ruleRegisterSame, rel, describe(r.cert), "the one that is registered: "+describe(was))
	return nil
}

// describe tells two certificates of the same names apart.
func describe(c *certs.Certificate) string {
	return fmt.Sprintf("serial %X, issued %s, SHA-256 %s", c.SerialNumber, c.NotBefore.UTC().Format(time.RFC3339), certs.CertificateFingerprint(c.Raw))
}

// write drafts what is stored. The certificate comes last: a reader that sees
// it sees all that belongs to it.
func (r *registerPlan) write() error {
	base := path.Join(dirPeers, r.peer.Folder)
	var files fileChanges
	var subnetFile string
	switch r.identity.Type() {
	case certs.CreditorsAgent:
		subnetFile = path.Join(base, peerMasqSubnet)
	case certs.DebtorsAgent:
		subnetFile = fileDebtorsSubnet
	}
	if was := r.peer.MasqSubnet; r.already && !was.IsZero() && was != r.subnet {
		return rejectf("%s: found %s, and the registered certificate says %s: find out which of the two the servers use, and run doctor", r.file(subnetFile), was, r.subnet)
	}
	if subnetFile != "" {
		if _, err := files.write(r.view, subnetFile, oneLine(r.subnet.String()), maxLineFile); err != nil {
			return err
		}
		r.fact("subnet", subnetWords(r.subnet))
	}
	manifests, notes, err := r.planManifests(manifestState{
		id: r.peer.Folder, queues: r.peer.Queues, updatedAt: r.peer.UpdatedAt, registering: !r.already,
	})
	if err != nil {
		return err
	}
	if !r.already || !r.peer.HasManifest {
		files = append(files, manifests...)
		r.Notes = append(r.Notes, notes...)
	}
	if !r.already {
		files = append(files, fileChange{path.Join(base, peerSubCA), r.cert.File})
	}
	r.Title = "register the peer certificate from " + r.issuer.String()
	r.decision = "register " + certs.CertificateFingerprint(r.cert.Raw)
	r.fact("serial", fmt.Sprintf("%X", r.cert.SerialNumber))
	r.fact("valid until", r.cert.NotAfter.UTC().Format(time.DateOnly))
	r.fact("certificate SHA-256", certs.CertificateFingerprint(r.cert.Raw))
	if r.already {
		r.Title = "the peer certificate from " + r.issuer.String() + " is registered already"
		if len(files) > 0 {
			r.Title += ", but not everything that belongs to it: complete it"
		}
	}
	r.Nothing = len(files) == 0
	r.build = files.build
	return nil
}
