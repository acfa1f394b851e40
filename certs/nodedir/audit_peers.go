package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// checkPeers audits every folder in peers/, several at a time.
func (a *auditor) checkPeers() {
	folders, err := a.peerFolders()
	if err != nil {
		a.report.Fail(ruleDirPeerFolder, dirPeers, err.Error(), "a folder that can be read")
		return
	}
	if a.identity.Type() == certs.CreditorsAgent {
		a.ownSubnet, _ = a.readLine(fileCreditorsSubnet) // checkOwnSubnets says what is wrong with it
	}
	a.peers = make([]*auditedPeer, len(folders))
	a.parallel(len(folders), func(i int) { a.peers[i] = a.auditPeer(folders[i]) })
	if a.ctx.Err() != nil {
		a.peers = nil
		return
	}
	results := 0
	for _, p := range a.peers {
		results += len(p.report.Results)
	}
	a.report.Results = slices.Grow(a.report.Results, results)
	for _, p := range a.peers {
		a.report.Append("", &p.report)
		p.report.Results = nil
		a.repairs = append(a.repairs, p.repairs...)
		p.repairs = nil
		if c := a.issued[p.judged]; c != nil {
			c.checked = true
			if c.kind != certs.KindServer {
				c.cert = nil // as in forget
			}
		}
	}
	a.byFile = nil
	if a.identity.Type() == certs.DebtorsAgent {
		var ids []string
		for _, p := range a.peers {
			ids = append(ids, p.Folder)
		}
		// None is a new node: the exchange is still to come.
		a.report.Check(len(ids) <= 1, ruleDirOnePeer, dirPeers, fmt.Sprintf("%d: %s", len(ids), strings.Join(ids, ", ")), "one")
	}
}

// forget keeps of the peer's certificates what later parts ask for: 10,000 peers
// have 200 MB of them, which would be looked through again and again for what can
// be freed.
func (p *auditedPeer) forget(own certs.NodeType) {
	p.complete = p.SubCA != nil && p.Root != nil
	if p.PeerCert != nil {
		if s, err := certs.PeerSubnet(p.PeerCert.Certificate); err == nil {
			p.certSubnet = s
		}
	}
	p.Root, p.PeerCert = nil, nil
	if own != certs.DebtorsAgent { // whose only peer gave it its subnet
		p.SubCA = nil
	}
}

// auditPeer audits one folder. The reading is peerReader's; here its problems
// are put to the rules that they breach.
func (a *auditor) auditPeer(folder string) *auditedPeer {
	rel := path.Join(dirPeers, folder)
	p := &auditedPeer{Peer: &Peer{Folder: folder}, rel: rel}
	p.report.Subject = rel
	p.report.Results = make([]check.Result, 0, 32) // what a peer without faults gives
	defer p.forget(a.identity.Type())
	if _, err := certs.ParseNodeID(folder); !passFail(&p.report, ruleDirPeerName, rel, "", err, "a node id") {
		return p
	}
	r := &peerReader{dir: a.Dir, base: rel, peer: p.Peer, known: a.sameFile}
	ok := p.take(ruleDirPeerFolder, rel, "a folder that can be read", func() { r.list() })
	if !ok {
		return p
	}
	// What can be read is judged later.
	p.problems(ruleDirPeerRoot, p.file(peerRootCert), "the peer's root certificate", func() { p.Root = r.certificate(peerRootCert, true) })
	p.problems(ruleDirPeerCert, p.file(peerPeerCert), "the certificate that was issued to the peer", func() { p.PeerCert = r.certificate(peerPeerCert, true) })
	p.problems(ruleDirPeerSubCA, p.file(peerSubCA), "the certificate that the peer issued, or no file", func() { p.SubCA = r.certificate(peerSubCA, false) })
	p.take(ruleDirPeerIdentity, rel, "three names that agree, and a type that may be a peer", r.identity)
	p.take(ruleDirPeerQueues, p.file(peerQueues), "a number from 1 to 99", func() {
		if line, ok := r.line(peerQueues, true); ok {
			var err error
			if p.Queues, err = parseQueues(line); err != nil {
				r.problem("%v", err)
			}
		}
	})
	if _, there := r.names[peerDeactivated]; there {
		p.take(ruleDirPeerDeactivated, p.file(peerDeactivated), "a date as 2026-11-23", func() { p.Deactivated = r.deactivated() })
	}
	p.take(ruleDirPeerNodeInfo, p.file(peerNodeInfo), "what the peer published", r.nodeInfo)
	if r.names[peerNodeInfo].IsDir() {
		a.checkTree(&p.report, ruleDirPeerNodeInfoFiles, p.file(peerNodeInfo))
	}
	a.judgePeer(p)
	a.checkPeerSubnets(p, r)
	a.checkPeerEntries(p, r)
	return p
}

func (p *auditedPeer) file(name string) string { return path.Join(p.rel, name) }

// problems records under a rule the problems that read adds to the peer, and
// reports whether there were none.
func (p *auditedPeer) problems(rule *check.Rule, where, expected string, read func()) bool {
	before := len(p.Problems)
	read()
	found := p.Problems[before:]
	for _, text := range found {
		p.report.Fail(rule, where, text, expected)
	}
	return len(found) == 0
}

// take is problems, and a pass if there were none.
func (p *auditedPeer) take(rule *check.Rule, where, expected string, read func()) bool {
	ok := p.problems(rule, where, expected, read)
	if ok {
		p.report.Pass(rule, where, "")
	}
	return ok
}

// judgePeer judges the peer's certificates.
func (a *auditor) judgePeer(p *auditedPeer) {
	own := a.root.Certificate
	switch {
	case p.Root == nil:
	case a.quick:
		p.report.Pass(ruleDirPeerRoot, p.file(peerRootCert), "a certificate")
	default:
		profile(&p.report, ruleDirPeerRoot, p.file(peerRootCert), certs.CheckRoot(p.Root, a.now))
	}
	for _, c := range []struct {
		rule            *check.Rule
		name            string
		cert            *certs.Certificate
		issuer, subject *certs.Certificate
	}{
		{ruleDirPeerCert, peerPeerCert, p.PeerCert, a.root, p.Root},
		{ruleDirPeerSubCA, peerSubCA, p.SubCA, p.Root, a.root},
	} {
		switch {
		case c.cert == nil:
		case p.Root == nil:
			p.report.Skip(c.rule, p.file(c.name), peerRootCert+" cannot be read")
		default:
			a.judgePeerCert(&p.report, c.rule, p.file(c.name), c.cert, c.issuer, c.subject)
		}
	}
	if p.PeerCert == nil {
		return
	}
	serial, err := certs.SerialOf(p.PeerCert.Certificate)
	if err != nil {
		p.report.Fail(ruleDirPeerRecorded, p.file(peerPeerCert), err.Error(), "a serial number")
		return
	}
	c := a.issued[serial]
	switch {
	case c == nil:
		p.report.Fail(ruleDirPeerRecorded, p.file(peerPeerCert), fmt.Sprintf("serial number %s, and no %s", serial, issuedFile(serial)), "the same certificate there")
	case !bytes.Equal(c.cert.Raw, p.PeerCert.Raw):
		p.report.Fail(ruleDirPeerRecorded, p.file(peerPeerCert), "another certificate than "+c.rel, "the same certificate")
	case c.row != nil && c.row.Status == statusRevoked:
		p.report.FailAdvice(ruleDirPeerRecorded, fmt.Sprintf("%s:%d", fileIndex, c.row.Line), "status R for the certificate of "+p.Folder, "status V",
			"the network has no revocation, and the servers do not look at it: deactivate the peer if it is not to come back")
	default:
		p.report.Pass(ruleDirPeerRecorded, p.file(peerPeerCert), serial.String())
		if p.Root != nil && bytes.Equal(p.PeerCert.RawIssuer, own.RawSubject) {
			p.judged = serial
		}
	}
}

// judgePeerCert judges a peer certificate by the whole profile, or, quick, by
// names and keys.
func (a *auditor) judgePeerCert(r *check.Report, rule *check.Rule, where string, c, issuer, subject *certs.Certificate) {
	if !a.quick {
		profile(r, rule, where, certs.CheckPeer(c, issuer.Certificate, subject.Certificate, a.now))
		return
	}
	var err error
	switch {
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject):
		err = errors.New("another issuer")
	case !bytes.Equal(c.RawSubject, subject.RawSubject):
		err = errors.New("another subject")
	case !bytes.Equal(c.RawSubjectPublicKeyInfo, subject.RawSubjectPublicKeyInfo):
		err = errors.New("another public key")
	}
	passFail(r, rule, where, "names and key", err, "the issuer's name, and the subject's name and key")
}

// checkPeerSubnets compares the peer's subnet files with the certificates.
func (a *auditor) checkPeerSubnets(p *auditedPeer, r *peerReader) {
	switch a.identity.Type() {
	case certs.AccountingAuthority:
		if !p.problems(ruleDirPeerSubnet, p.file(peerSubnet), "the subnet given to the peer", func() { p.Subnet = r.subnet(peerSubnet, true) }) {
			return
		}
		if p.PeerCert == nil {
			return
		}
		in, err := certs.PeerSubnet(p.PeerCert.Certificate)
		if err == nil && in != p.Subnet {
			err = fmt.Errorf("the subnet %s, and %s has %s", p.Subnet, peerPeerCert, subnetFound(in))
		}
		passFail(&p.report, ruleDirPeerSubnet, p.file(peerSubnet), p.Subnet.String(), err, "one subnet")
	case certs.CreditorsAgent:
		if p.SubCA == nil {
			return
		}
		if !p.problems(ruleDirPeerMasqSubnet, p.file(peerMasqSubnet), "the subnet that the peer gave", func() { p.MasqSubnet = r.subnet(peerMasqSubnet, true) }) {
			return
		}
		in, err := certs.PeerSubnet(p.SubCA.Certificate)
		if err == nil && in != p.MasqSubnet {
			err = fmt.Errorf("the subnet %s, and %s has %s", p.MasqSubnet, peerSubCA, subnetFound(in))
		}
		if own := a.ownSubnet; err == nil && own != "" && len(own) != in.Digits() {
			err = fmt.Errorf("%s of %d digits, and %s in %s", in, in.Digits(), own, fileCreditorsSubnet)
		}
		passFail(&p.report, ruleDirPeerMasqSubnet, p.file(peerMasqSubnet), in.String(), err, "one subnet, as wide as this node's own")
	}
}

// checkPeerEntries looks at the names and modes in a peer's folder.
func (a *auditor) checkPeerEntries(p *auditedPeer, r *peerReader) {
	entries := r.entries
	right := a.checkPeerMode(p, p.rel, modeDir)
	foreign := false
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		if !a.belongs(name) {
			foreign = true
			p.report.Fail(ruleDirPeerForeign, p.file(name), kind(e.Type()), "nothing of this name")
			continue
		}
		switch {
		case name == peerNodeInfo && e.IsDir():
			right = a.checkPeerMode(p, p.file(name), modeDir) && right
		case e.Type().IsRegular() && name != peerActive:
			fi, err := e.Info()
			if err != nil || fi.Mode()&fs.ModeSymlink != 0 {
				continue // gone, or another thing meanwhile
			}
			right = a.checkModeOf(&p.report, &p.repairs, p.file(name), fi, modeFile) && right
			p.checkNewline(name, fi.Size())
		}
	}
	for _, name := range []string{path.Base(fileManifest), updatedAtName} {
		right = a.checkPeerMode(p, path.Join(p.rel, peerNodeInfo, name), modeFile) && right
	}
	if right {
		p.report.Pass(ruleDirModePublic, p.rel, fmt.Sprintf("%d names", len(entries)))
	}
	if !foreign {
		p.report.Pass(ruleDirPeerForeign, p.rel, fmt.Sprintf("%d names", len(entries)))
	}
	_, p.HasManifest = r.names[peerKustomize]
	_, p.Active = r.names[peerActive]
	p.repairs = append(p.repairs, a.findTemporaries(&p.report, p.rel, entries)...)
	if _, registered := r.names[peerSubCA]; registered {
		return
	}
	clean := true
	for _, name := range []string{peerKustomize, peerResources} {
		if _, there := r.names[name]; there {
			clean = false
			p.report.Fail(ruleDirPeerManifest, p.file(name), "a manifest", "none before the peer is registered")
		}
	}
	if clean {
		p.report.Pass(ruleDirPeerManifest, p.rel, "")
	}
}

// checkNewline demands that a one-line file is longer than its line. The size
// says it without reading the file once more.
func (p *auditedPeer) checkNewline(name string, size int64) {
	line := ""
	switch name {
	case peerNodeType:
		line = p.Identity.Type().Unit()
	case peerQueues:
		line = strconv.Itoa(p.Queues)
	case peerSubnet:
		line = p.Subnet.String()
	case peerMasqSubnet:
		line = p.MasqSubnet.String()
	case peerDeactivated:
		line = p.Deactivated
	}
	if line != "" && size == int64(len(line)) {
		p.report.Fail(ruleDirNewline, p.file(name), strconv.Quote(line), "a newline at the end")
	}
}

func (a *auditor) checkPeerMode(p *auditedPeer, rel string, want fs.FileMode) bool {
	fi, err := os.Lstat(a.file(rel))
	if err != nil || fi.Mode()&fs.ModeSymlink != 0 {
		return true // reported by others
	}
	return a.checkModeOf(&p.report, &p.repairs, rel, fi, want)
}

// peerNames is what belongs in a peer's folder, whatever the type of this node.
var peerNames = []string{
	peerRootCert, peerNodeInfo, peerNodeType, peerPeerCert, peerSubCA, peerQueues, peerActive, peerDeactivated,
	peerKustomize, peerResources,
}

// belongs reports whether a name belongs in a peer's folder.
func (a *auditor) belongs(name string) bool {
	switch name {
	case peerSubnet:
		return a.identity.Type() == certs.AccountingAuthority
	case peerMasqSubnet:
		return a.identity.Type() == certs.CreditorsAgent
	}
	return slices.Contains(peerNames, name)
}
