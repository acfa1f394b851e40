package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/swaptacular/swptpeer/certs"
)

// nextSerial returns the serial number that the next certificate takes: what
// db/serial says, as OpenSSL does.
//
// A number that has been used is refused, not skipped: it means that db/serial
// was put back to an older state, or that two copies of the directory were used
// side by side, and then more than the number may be wrong (subnets, peers).
// Used means that certs/<SERIAL>.pem exists, or that a row of db/index has this
// number. The rows are searched as text: with 10,000 certificates that takes less
// than a millisecond.
func (v *view) nextSerial() (certs.Serial, error) {
	serial, err := v.readSerial()
	if errors.Is(err, fs.ErrNotExist) {
		return certs.Serial{}, fmt.Errorf("next serial number: %w: init completes a directory without it", err)
	}
	if err != nil {
		return certs.Serial{}, err
	}
	const advice = "has been used already: the directory was put back to an older state, or another copy of it is in use; nothing was signed; run doctor"
	switch used, err := v.exists(issuedFile(serial)); {
	case err != nil:
		return certs.Serial{}, err
	case used:
		return certs.Serial{}, fmt.Errorf("%s: the next serial number %s %s (found %s)", v.file(fileSerial), serial, advice, issuedFile(serial))
	}
	index, err := v.indexText()
	if err != nil {
		return certs.Serial{}, err
	}
	if i := bytes.Index(index, []byte("\t"+serial.String()+"\t")); i >= 0 {
		return certs.Serial{}, fmt.Errorf("%s: the next serial number %s %s (found in %s:%d)", v.file(fileSerial), serial, advice, fileIndex, 1+bytes.Count(index[:i], []byte("\n")))
	}
	// A row is about to be appended: not to a file whose end is broken.
	text := bytes.TrimRight(index, "\r\n")
	if last := text[bytes.LastIndexByte(text, '\n')+1:]; len(last) > 0 && last[0] != '#' {
		if _, err := parseIndexRow(string(last)); err != nil {
			return certs.Serial{}, fmt.Errorf("%s:%d: last row: %w: nothing was signed; run doctor", v.file(fileIndex), 1+bytes.Count(text, []byte("\n")), err)
		}
	}
	return serial, nil
}

// readSerial reads db/serial.
func (d *Dir) readSerial() (certs.Serial, error) {
	line, err := d.readLine(fileSerial)
	if err != nil {
		return certs.Serial{}, err
	}
	serial, err := certs.ParseSerial(line)
	if err != nil {
		return certs.Serial{}, fmt.Errorf("%s: %w", d.file(fileSerial), err)
	}
	return serial, nil
}

// issuedFile returns the path of an issued certificate.
func issuedFile(s certs.Serial) string { return dirCerts + "/" + s.String() + ".pem" }
