package nodedir

import (
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// indexRow is one row of db/index, OpenSSL's text database.
type indexRow struct {
	Line    int       // 1-based, in the file
	Status  byte      // 'V' valid, 'R' revoked, 'E' expired
	Expires time.Time // notAfter, UTC
	Revoked string    // revocation date and reason as written; "" unless Status is 'R'
	Serial  certs.Serial
	File    string // "unknown" in practice
	Subject string // slashed: "/O=…/OU=…/serialNumber=…"
}

// String is the row as OpenSSL writes it, without the newline.
func (r indexRow) String() string { return "" }

// indexProblem is a line of db/index that could not be read.
type indexProblem struct {
	Line int
	Text string // what is wrong
}

// parseIndex reads a whole db/index. Lines that cannot be read are reported and
// skipped; the others are still returned.
func parseIndex(data []byte) (rows []indexRow, problems []indexProblem) { return nil, nil }

// issuedTo returns the rows of db/index with this subject (slashed form), in
// file order. The cost does not depend on what the other rows hold: they are
// not parsed.
func (d *Dir) issuedTo(subject string) ([]indexRow, error) { return nil, errTODO }

// recordIssued adds to tx what every issued certificate leaves: db/serial
// counted up, certs/<SERIAL>.pem, and a row in db/index. serial is what
// nextSerial returned in the same view; cert is nil when only the paths are
// asked for.
func (v *view) recordIssued(tx *durable.Tx, serial certs.Serial, cert *certs.Certificate) error {
	return errTODO
}
