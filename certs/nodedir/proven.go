package nodedir

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
)

// One subnet never belongs to two nodes (node directory, "What must hold"). The
// files in db/subnets are the record, but not the only proof: what a peer's
// subnet.txt or the certificate issued to it says was given, too. A record that
// was deleted or put back to an older state must not let it be given again.

// checkGiven demands that db/subnets has a file for every subnet that is proven
// to be given. next is the subnet that is about to be taken.
//
// With 16 million subnets for creditors agents, the proof is not read each time.
// Numbers are given upwards, so that the one after SEQNUM is free unless SEQNUM
// has gone back. Then the last nodes' numbers are greater than it, or, if their
// files were put back with it, these are gone. If anything of this does not add
// up, all is read.
func (v *view) checkGiven(p pool, t certs.NodeType, next, seqnum int64) error {
	rec, err := v.record()
	if err != nil {
		return err
	}
	whole, err := v.addsUp(rec.count[t], rec.recent[t], p, next, seqnum)
	if err != nil || whole {
		return err
	}
	claims, err := v.provenSubnets()
	if err != nil {
		return err
	}
	var missing []string
	for _, c := range claims {
		rel := path.Join(p.folder, c.subnet)
		if _, ours := p.number(c.subnet); !ours || slices.ContainsFunc(missing, func(m string) bool { return strings.HasPrefix(m, rel+" ") }) {
			continue
		}
		there, err := v.exists(rel)
		if err != nil {
			return err
		}
		if !there {
			missing = append(missing, rel+" ("+c.node+" has it, says "+c.where+")")
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return damagef("found no file %s, expected one with the node id in it for every subnet that was given: nothing was signed, because the subnet would be given to a second node: "+
		"restore %s from a backup or from git; if there is none, write each node id into its file", andMore(missing), v.file(dirSubnets))
}

// addsUp is the quick look of checkGiven: count is the number of nodes that have
// a certificate, and recent are the last of them.
func (v *view) addsUp(count int, recent []issuedTo, p pool, next, seqnum int64) (bool, error) {
	if next <= seqnum {
		return false, nil // taken from among what was counted already
	}
	if there, err := v.exists(path.Join(p.folder, nameSeqNum)); err != nil || !there {
		// A directory to which nothing was given is in order without it.
		return count == 0, err
	}
	looks := recentSubnets
	if p.small() {
		looks = maxRecent // all
	}
	if int64(count) > seqnum-p.first+1 {
		return false, nil
	}
	for _, n := range recent[max(0, len(recent)-looks):] {
		if ok, err := v.hasItsFile(p, n, seqnum); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// small reports whether the pool is so small that each of its files may be read.
func (p pool) small() bool { return p.last-p.first < 256 }

// hasItsFile reports whether the subnet in the peer's folder, or, without one, in
// its certificate, was counted and has its file.
func (d *Dir) hasItsFile(p pool, n issuedTo, seqnum int64) (bool, error) {
	line, err := d.readLine(path.Join(dirPeers, string(n.id), peerSubnet))
	if errors.Is(err, fs.ErrNotExist) {
		line, err = d.issuedSubnet(n)
	}
	if err != nil {
		return false, systemError(err)
	}
	if number, ok := p.number(line); !ok || number > seqnum {
		return false, nil
	}
	return d.exists(path.Join(p.folder, line))
}

// issuedSubnet returns the subnet in the certificate of a row, or "".
func (d *Dir) issuedSubnet(n issuedTo) (string, error) {
	serial, err := certs.ParseSerial(string(n.serial))
	if err != nil {
		return "", err
	}
	c, err := d.readIssued(serial)
	if err != nil {
		return "", err
	}
	gives, _ := certificateClaim(c, issuedFile(serial))
	return gives.subnet, nil
}

// systemError is the error if the system could not read something that is there;
// what is missing or says nothing of use is none.
func systemError(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// provenSubnets returns every subnet that a peer's folder or a certificate says
// was given. What cannot be understood proves nothing, and is doctor's concern.
func (d *Dir) provenSubnets() ([]claim, error) {
	var claims []claim
	folders, err := d.peerFolders()
	if err != nil {
		return nil, err
	}
	for _, id := range folders {
		rel := path.Join(dirPeers, id, peerSubnet)
		line, err := d.readLine(rel)
		if err := systemError(err); err != nil {
			return nil, err
		}
		if err == nil {
			claims = append(claims, claim{line, id, rel})
		}
	}
	files, err := d.folderNames(dirCerts)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		rel := path.Join(dirCerts, file)
		c, err := d.readCertificate(rel)
		if err := systemError(err); err != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		if claim, ok := certificateClaim(c, rel); ok {
			claims = append(claims, claim)
		}
	}
	return claims, nil
}

// certificateClaim returns the subnet that a certificate gives, if it gives one.
func certificateClaim(c *certs.Certificate, rel string) (claim, bool) {
	s, err := certs.PeerSubnet(c.Certificate)
	if err != nil || s.IsZero() {
		return claim{}, false
	}
	node := "the serial number " + strconv.Quote(c.SerialNumber.Text(16))
	if id, err := certs.SubjectIdentity(c.RawSubject); err == nil {
		node = id.ID()
	}
	return claim{s.String(), node, rel}, true
}
