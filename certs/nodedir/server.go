package nodedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
)

// MaxServerDays is the longest life of a server certificate: ten years. The
// profile says about a year. There is no revocation in the network: a key that
// is lost stays good until its certificate ends, so there has to be an end.
const MaxServerDays = 3650

// IssuedServer is a server certificate found in certs/.
type IssuedServer struct {
	Serial      certs.Serial
	Certificate *certs.Certificate
	Revoked     bool // db/index says R
}

// Servers lists the certificates issued to own servers, oldest first: those in
// db/index that have the node's own name and are not its root. If some of their
// files in certs/ cannot be read, the error says which, and the others are still
// returned.
func (d *Dir) Servers() ([]IssuedServer, error) {
	rows, err := d.issuedToNode(d.identity.ID())
	if err != nil {
		return nil, err
	}
	var out []IssuedServer
	var errs []error
	for _, row := range rows {
		c, err := d.readIssued(row.Serial)
		switch {
		case err != nil:
			errs = append(errs, err)
		case !c.IsCA && certs.EqualNames(c.RawSubject, d.root.RawSubject):
			out = append(out, IssuedServer{row.Serial, c, row.Status == statusRevoked})
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if n := out[i].Certificate.NotBefore.Compare(out[j].Certificate.NotBefore); n != 0 {
			return n < 0
		}
		return out[i].Serial.Compare(out[j].Serial) < 0
	})
	return out, errors.Join(errs...)
}

// readIssued reads certs/<SERIAL>.pem and makes sure that it is that one.
func (d *Dir) readIssued(serial certs.Serial) (*certs.Certificate, error) {
	rel := issuedFile(serial)
	c, err := d.readCertificate(rel)
	if err != nil {
		return nil, err
	}
	if in, err := certs.SerialOf(c.Certificate); err != nil || in != serial {
		return nil, fmt.Errorf("%s: found the certificate with the serial number %X, expected %s", d.file(rel), c.SerialNumber, serial)
	}
	return c, nil
}

// IssueResult of IssueServer and RenewServer.
type IssueResult struct {
	Certificate *certs.Certificate // nil after a dry run
	Plan        *Plan
}

// IssueServer signs a server certificate for a request of one of the node's own
// servers, for 1 to [MaxServerDays] days. A request that breaks a rule is
// ErrRejected, wrapped together with the *check.Failure.
func (d *Dir) IssueServer(ctx context.Context, req *certs.Request, days int, ch Change) (*IssueResult, error) {
	if err := checkDays(days); err != nil {
		return nil, err
	}
	res := &IssueResult{}
	var err error
	res.Plan, err = d.change(ctx, ch, func(v *view) (*draft, error) {
		if err := certs.CheckServerRequest(req, v.root.Certificate).Err(); err != nil {
			return nil, fmt.Errorf("%w: request: %w", ErrRejected, err)
		}
		dr := &draft{decision: "issue a server certificate", sign: true}
		dr.Title = "sign a server certificate"
		return dr, v.planServer(dr, req.RawSubjectPublicKeyInfo, days, func(s *signer, serial certs.Serial) (*certs.Certificate, error) {
			c, err := s.issuer.IssueServer(req, days, serial, v.now)
			res.Certificate = c
			return c, err
		})
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// RenewServer signs a new certificate for the same key as one issued before,
// which must be of an own server and not revoked. Whoever holds the key needs
// to do nothing but take the new file.
func (d *Dir) RenewServer(ctx context.Context, serial certs.Serial, days int, ch Change) (*IssueResult, error) {
	if err := checkDays(days); err != nil {
		return nil, err
	}
	res := &IssueResult{}
	var err error
	res.Plan, err = d.change(ctx, ch, func(v *view) (*draft, error) {
		old, err := v.renewable(serial)
		if err != nil {
			return nil, err
		}
		dr := &draft{decision: "renew " + serial.String(), sign: true}
		dr.Title = "renew the server certificate " + serial.String()
		dr.fact("old one ends", formatTime(old.NotAfter))
		if old.NotAfter.Before(v.now) {
			dr.note("the old certificate has ended already")
		}
		return dr, v.planServer(dr, old.RawSubjectPublicKeyInfo, days, func(s *signer, serial certs.Serial) (*certs.Certificate, error) {
			c, err := s.issuer.RenewServer(old, days, serial, v.now)
			res.Certificate = c
			return c, err
		})
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// renewable returns the server certificate with this serial number.
func (v *view) renewable(serial certs.Serial) (*certs.Certificate, error) {
	old, err := v.readIssued(serial)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("serial number %s: no such certificate was issued: %w", serial, err)
	}
	if err != nil {
		return nil, err
	}
	file := v.file(issuedFile(serial))
	if old.IsCA || !certs.EqualNames(old.RawSubject, v.root.RawSubject) {
		return nil, fmt.Errorf("%w: %s: found a certificate that is not of one of the node's own servers, expected one that is", ErrRejected, file)
	}
	if err := certs.CheckServer(old, v.root.Certificate, old.NotBefore).Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRejected, file, err)
	}
	rows, err := v.issuedToNode(v.identity.ID())
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(rows, func(r indexRow) bool { return r.Serial == serial })
	switch {
	case i < 0:
		return nil, fmt.Errorf("%w: %s has no row for %s, so it cannot be known whether it was revoked: run doctor", ErrRejected, v.file(fileIndex), serial)
	case rows[i].Status == statusRevoked:
		return nil, fmt.Errorf("%w: the certificate %s was revoked (%s:%d): make a new key and request for that server", ErrRejected, serial, v.file(fileIndex), rows[i].Line)
	}
	return old, nil
}

// planServer adds to the draft what is the same for a new and a renewed
// certificate.
func (v *view) planServer(dr *draft, spki []byte, days int, issue func(*signer, certs.Serial) (*certs.Certificate, error)) error {
	serial, err := v.nextSerial()
	if err != nil {
		return err
	}
	ends := v.now.UTC().AddDate(0, 0, days)
	if ends.After(v.root.NotAfter) {
		return fmt.Errorf("%w: the certificate would end on %s, after the root certificate, which ends on %s", ErrRejected, formatTime(ends), formatTime(v.root.NotAfter))
	}
	if n, err := name.Parse(v.root.RawSubject); err == nil {
		dr.fact("subject", n.String())
	}
	dr.fact("public key SHA-256", certs.KeyFingerprint(spki))
	dr.fact("serial number", serial.String())
	dr.fact("days", strconv.Itoa(days))
	dr.fact("ends", formatTime(ends))
	dr.build = func(tx *durable.Tx, s *signer) error {
		var c *certs.Certificate
		if s != nil {
			if c, err = issue(s, serial); err != nil {
				return fmt.Errorf("server certificate: %w", err)
			}
		}
		return v.recordIssued(tx, serial, c)
	}
	return nil
}

// checkDays checks the life of a server certificate.
func checkDays(days int) error {
	if days < 1 || days > MaxServerDays {
		return fmt.Errorf("days: found %d, expected 1 to %d", days, MaxServerDays)
	}
	return nil
}

// formatTime is how times are shown in plans.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
