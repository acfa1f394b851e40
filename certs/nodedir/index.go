package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
)

// Limits of db/index.
const (
	// maxIndexRow bounds one row. A subject here has about 100 bytes; OpenSSL
	// itself reads lines of any length.
	maxIndexRow = 16 << 10
	// maxIndex bounds the whole file: 64 MiB hold 400,000 certificates.
	maxIndex = 64 << 20
)

// Statuses of a row.
const (
	statusValid   = 'V'
	statusRevoked = 'R'
	statusExpired = 'E'
)

// indexRow is one row of db/index, OpenSSL's text database (TXT_DB in its
// sources): six fields with a tab after each but the last.
type indexRow struct {
	Line    int       // 1-based, in the file; 0 for a row that is not from a file
	Status  byte      // statusValid, statusRevoked or statusExpired
	Expires time.Time // notAfter, UTC
	Revoked string    // revocation time, and reason, as written; "" unless revoked
	Serial  certs.Serial
	File    string // "unknown" in practice
	Subject string // slashed: "/O=…/OU=…/serialNumber=…"
}

// rowOf returns the row of a newly issued certificate.
func rowOf(c *certs.Certificate) (indexRow, error) {
	n, err := name.Parse(c.RawSubject)
	if err != nil {
		return indexRow{}, fmt.Errorf("subject: %w", err)
	}
	serial, err := certs.SerialOf(c.Certificate)
	if err != nil {
		return indexRow{}, err
	}
	return indexRow{
		Status:  statusValid,
		Expires: c.NotAfter.UTC(),
		Serial:  serial,
		File:    "unknown",
		Subject: n.Slashed(),
	}, nil
}

// String is the row as OpenSSL writes it, without the newline. A tab inside a
// field gets a backslash before it; nothing else is escaped (TXT_DB_write). No
// field can hold a newline: name.Slashed escapes control characters.
func (r indexRow) String() string {
	fields := []string{string(rune(r.Status)), indexTime(r.Expires), r.Revoked, r.Serial.String(), r.File, r.Subject}
	for i, f := range fields {
		fields[i] = strings.ReplaceAll(f, "\t", "\\\t")
	}
	return strings.Join(fields, "\t")
}

// The two forms of a time: UTCTime before 2050, GeneralizedTime from then on
// (RFC 5280 4.1.2.5), without fractions and always in UTC.
const (
	shortIndexTime = "060102150405Z"
	longIndexTime  = "20060102150405Z"
	firstLongYear  = 2050
)

// indexTime formats the time of a row.
func indexTime(t time.Time) string {
	if t = t.UTC(); t.Year() >= firstLongYear || t.Year() < firstLongYear-100 {
		return t.Format(longIndexTime)
	}
	return t.Format(shortIndexTime)
}

// parseIndexTime is the inverse of indexTime. It also takes the long form of
// years before 2050, which some hand-made files have.
func parseIndexTime(s string) (time.Time, error) {
	for _, c := range s {
		if c != 'Z' && (c < '0' || c > '9') {
			return time.Time{}, fmt.Errorf("expiry: found %q, expected YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ", s)
		}
	}
	switch len(s) {
	case len(shortIndexTime):
		// Go reads the years 69 to 99 as 19xx; here 50 to 99 are (RFC 5280).
		century := "20"
		if s[0] >= '5' {
			century = "19"
		}
		s = century + s
	case len(longIndexTime):
	default:
		return time.Time{}, fmt.Errorf("expiry: found %q, expected YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ", s)
	}
	t, err := time.Parse(longIndexTime, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("expiry: found %q, which is not a time", s)
	}
	return t, nil
}

// indexText returns the text of db/index.
func (d *Dir) indexText() ([]byte, error) {
	data, err := d.readFile(fileIndex, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damagef("%w: %s is missing, and without it nothing can be signed: restore it from a backup, or let init rebuild it from %s/", ErrNotNode, d.file(fileIndex), dirCerts)
	}
	return data, err
}

// parseIndexRow reads one row.
func parseIndexRow(line string) (indexRow, error) {
	fields, err := splitIndexRow(line)
	if err != nil {
		return indexRow{}, err
	}
	if len(fields) != 6 {
		return indexRow{}, fmt.Errorf("found %d fields, expected 6 with tabs between them", len(fields))
	}
	r := indexRow{Revoked: fields[2], File: fields[4], Subject: fields[5]}
	if s := fields[0]; s != "V" && s != "R" && s != "E" {
		return indexRow{}, fmt.Errorf("status: found %q, expected V, R or E", s)
	}
	r.Status = fields[0][0]
	if r.Expires, err = parseIndexTime(fields[1]); err != nil {
		return indexRow{}, err
	}
	if (r.Status == statusRevoked) != (r.Revoked != "") {
		return indexRow{}, fmt.Errorf("revocation: found %q in a row of status %c", r.Revoked, r.Status)
	}
	if r.Serial, err = certs.ParseSerial(fields[3]); err != nil {
		return indexRow{}, err
	}
	if !strings.HasPrefix(r.Subject, "/") {
		return indexRow{}, fmt.Errorf("subject: found %q, expected /O=…/OU=…/serialNumber=…", r.Subject)
	}
	return r, nil
}

// splitIndexRow splits at tabs, except those after a backslash (TXT_DB_read).
func splitIndexRow(line string) ([]string, error) {
	if len(line) > maxIndexRow {
		return nil, fmt.Errorf("found a row of %d bytes, expected at most %d", len(line), maxIndexRow)
	}
	fields := strings.Split(line, "\t")
	for i := 0; i+1 < len(fields); {
		if f, ok := strings.CutSuffix(fields[i], "\\"); ok {
			fields[i] = f + "\t" + fields[i+1]
			fields = slices.Delete(fields, i+1, i+2)
		} else {
			i++
		}
	}
	return fields, nil
}

// indexProblem is a line of db/index that could not be read.
type indexProblem struct {
	Line int
	Text string // what is wrong
}

// parseIndex reads a whole db/index. Lines that cannot be read are reported, up
// to maxFindings and then in one, and skipped; the others are still returned. As for OpenSSL, a line that begins
// with # is a comment; an empty line, at which OpenSSL fails, is a problem.
func parseIndex(data []byte) (rows []indexRow, problems []indexProblem) {
	n, skipped, firstMore := 0, 0, 0
	for line := range bytes.Lines(data) {
		n++
		text := string(bytes.TrimSuffix(line, []byte("\n")))
		if strings.HasPrefix(text, "#") {
			continue
		}
		row, err := parseIndexRow(text)
		if err != nil {
			if skipped++; skipped <= maxFindings {
				problems = append(problems, indexProblem{n, err.Error()})
			} else if skipped == maxFindings+1 {
				firstMore = n
			}
			continue
		}
		row.Line = n
		rows = append(rows, row)
	}
	if more := skipped - maxFindings; more > 0 {
		problems = append(problems, indexProblem{firstMore, fmt.Sprintf("%d more lines, from here on, that cannot be read", more)})
	}
	return rows, problems
}

// readIndex reads db/index.
func (d *Dir) readIndex() (rows []indexRow, problems []indexProblem, err error) {
	data, err := d.readFile(fileIndex, maxIndex)
	if err != nil {
		return nil, nil, err
	}
	rows, problems = parseIndex(data)
	return rows, problems, nil
}

// recordIssued adds to tx what every issued certificate leaves: db/serial
// counted up, certs/<SERIAL>.pem, and a row in db/index. serial is what
// nextSerial returned in the same view; cert is nil when only the paths are
// asked for. db/serial comes first: a number that is counted and not used is
// harmless, one that is used and not counted is not.
func (v *view) recordIssued(tx *durable.Tx, serial certs.Serial, cert *certs.Certificate) error {
	next, err := serial.Next()
	if err != nil {
		return err
	}
	tx.Replace(fileSerial, oneLine(next.String()), modeFile)
	if cert == nil {
		tx.Create(issuedFile(serial), nil, modeFile)
		tx.Append(fileIndex, nil)
		return nil
	}
	row, err := rowOf(cert)
	if err != nil {
		return err
	}
	if row.Serial != serial {
		return fmt.Errorf("serial number: the certificate has %s, expected %s", row.Serial, serial)
	}
	tx.Create(issuedFile(serial), cert.File, modeFile)
	text := row.String() + "\n"
	whole, err := v.indexEndsWhole()
	if err != nil {
		return err
	}
	if !whole {
		text = "\n" + text // an editor left the last line without its newline
	}
	tx.Append(fileIndex, []byte(text))
	return nil
}

// indexEndsWhole reports whether db/index is empty or ends in a newline.
func (d *Dir) indexEndsWhole() (bool, error) {
	f, err := os.Open(d.file(fileIndex))
	if err != nil {
		return false, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return err == nil, err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], fi.Size()-1); err != nil {
		return false, err
	}
	return last[0] == '\n', nil
}
