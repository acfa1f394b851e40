package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
)

// One node id never has two different peer certificates (node directory, "What
// must hold"). The folder in peers/ is not the only witness: it can be deleted
// by hand, or never be made because the existing tool was stopped between
// signing and moving it into its place. So db/index is asked as well.

// issuedToNode returns the rows of db/index that were issued to the node with
// this id. The rows whose subject has the id somewhere are found by their text;
// the others are searched but not parsed: with 10,000 peers that takes about a
// millisecond.
//
// The text of a row is not the last word, because a stranger chooses part of it:
// a name may have further attributes, and "/serialNumber=<another's id>" may
// stand in the value of one. So a row counts unless its certificate is there and
// is another node's.
func (d *Dir) issuedToNode(id string) ([]indexRow, error) {
	text, err := d.indexText()
	if err != nil {
		return nil, err
	}
	return d.issuedIn(text, id)
}

// issuedIn is issuedToNode in the text of db/index.
func (d *Dir) issuedIn(data []byte, id string) ([]indexRow, error) {
	var rows []indexRow
	want := []byte("/serialNumber=" + id)
	for at := 0; ; {
		i := bytes.Index(data[at:], want)
		if i < 0 {
			return rows, nil
		}
		start := bytes.LastIndexByte(data[:at+i], '\n') + 1
		end := at + i + len(want)
		next := len(data)
		if n := bytes.IndexByte(data[end:], '\n'); n >= 0 {
			next = end + n
		}
		at = next
		if data[start] == '#' || end < next && !bytes.ContainsRune([]byte("/+\r"), rune(data[end])) {
			continue // a comment, or a longer value
		}
		line := 1 + bytes.Count(data[:start], []byte("\n"))
		row, err := parseIndexRow(strings.TrimSuffix(string(data[start:next]), "\r"))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", d.file(fileIndex), line, err)
		}
		row.Line = line
		if other, err := d.issuedToAnother(row, id); err != nil {
			return nil, err
		} else if !other {
			rows = append(rows, row)
		}
	}
}

// issuedToAnother reports whether the row's certificate is there, has the row's
// subject, and is another node's. One that is missing, cannot be read or does not
// fit the row proves nothing.
func (d *Dir) issuedToAnother(row indexRow, id string) (bool, error) {
	data, err := d.readFile(issuedFile(row.Serial), maxCertFile)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		return false, nil
	}
	n, err := name.Parse(c.RawSubject)
	if err != nil || n.Slashed() != row.Subject {
		return false, nil
	}
	in, err := certs.IdentityOf(n)
	return err == nil && in.ID() != id, nil
}

// issuedBefore returns the peer certificate that was issued to the bundle's
// node before, or nil.
func (p *signPlan) issuedBefore() (*certs.Certificate, error) {
	id := p.bundle.Identity
	rows, err := p.issuedToNode(id.ID())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if len(rows) > 1 {
		return nil, fmt.Errorf("%s has %d rows for %s, and %s is not there: it cannot be known which certificate the peer has: restore the folder from a backup",
			p.file(fileIndex), len(rows), id, p.file(p.rel))
	}
	row := rows[0]
	if row.Status == statusRevoked {
		return nil, rejectf("%s says that the certificate %s of %s was revoked: it gets no other", p.file(fileIndex), row.Serial, id)
	}
	rel := path.Join(dirCerts, row.Serial.String()+".pem")
	data, err := p.readFile(rel, maxCertFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s says that %s has the certificate %s already, and %s is not there: a node never gets two: restore the file from a backup",
			p.file(fileIndex), id, row.Serial, p.file(rel))
	}
	if err != nil {
		return nil, err
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.file(rel), err)
	}
	if !bytes.Equal(c.RawSubjectPublicKeyInfo, p.bundle.Root.RawSubjectPublicKeyInfo) {
		return nil, rejectf("%s has a peer certificate for another root key, and this may be a theft of its id: nothing is signed, whatever the options: "+
			"found in the bundle: key SHA-256 %s; expected, as in %s: key SHA-256 %s: %s",
			id, certs.KeyFingerprint(p.bundle.Root.RawSubjectPublicKeyInfo), p.file(rel), certs.KeyFingerprint(c.RawSubjectPublicKeyInfo), adviceTheft)
	}
	if err := certs.CheckPeer(c, p.root.Certificate, p.bundle.Root.Certificate, p.now).Err(); err != nil {
		return nil, fmt.Errorf("%s was issued to %s before and cannot be used again: %w", p.file(rel), id, err)
	}
	return c, nil
}

// signedBefore plans the folder of a node that has its certificate already.
func (p *signPlan) signedBefore(c *certs.Certificate) error {
	id := p.bundle.Identity
	serial, err := certs.SerialOf(c.Certificate)
	if err != nil {
		return err
	}
	p.existing = c
	p.Title = "take " + id.String() + " in again, with the peer certificate that was issued before"
	p.decision = "again " + id.ID() + " " + serial.String()
	p.fact("serial", serial.String()+" (issued before)")
	p.fact("valid until", c.NotAfter.UTC().Format(time.DateOnly))
	p.note("nothing is signed: " + p.rel + " is gone, but " + fileIndex + " says that the peer has a certificate, and a node never gets two")
	var subnet certs.Subnet
	var missing fileChanges
	if p.identity.Type() == certs.AccountingAuthority {
		if subnet, err = certs.PeerSubnet(c.Certificate); err != nil {
			return err
		}
		if missing, err = p.subnetOf(id, subnet); err != nil {
			return err
		}
		p.fact("subnet", subnetWords(subnet))
	}
	p.build = func(tx *durable.Tx, _ *signer) error {
		for _, f := range missing {
			tx.Create(f.path, f.data, modeFile)
		}
		p.addFolder(tx, c, subnet)
		return nil
	}
	return nil
}

// subnetOf checks that the subnet in the peer's certificate is the peer's, and
// returns the file that says so if it is missing.
func (p *signPlan) subnetOf(id certs.Identity, s certs.Subnet) (fileChanges, error) {
	set, err := p.poolFor(id.Type())
	if err != nil {
		return nil, err
	}
	if s.Digits() != len(set.prefix)+set.digits {
		return nil, rejectf("the certificate issued to %s before has the subnet %q, expected %d hex digits", id, s, len(set.prefix)+set.digits)
	}
	rel := path.Join(set.folder, s.String())
	holder, err := p.readLine(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return fileChanges{{rel, oneLine(id.ID())}}, nil
	}
	if err != nil {
		return nil, err
	}
	if holder != id.ID() {
		return nil, rejectf("%s: found %q, and the certificate issued to %s before has this subnet: a subnet never belongs to two nodes: run doctor", p.file(rel), holder, id)
	}
	return nil, nil
}
