package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/swaptacular/swptpeer/certs"
)

// nextSerial returns the serial number that the next certificate takes: what
// db/serial says, as OpenSSL does.
//
// A number that has been used is refused, not skipped: it means that db/serial
// was put back to an older state, or that two copies of the directory were used
// side by side, and then more than the number may be wrong (subnets, peers).
// Used means that certs/<SERIAL>.pem exists, or that the last row of db/index,
// where rows are only ever appended, has this number. Both cost the same
// however many certificates there are; Audit compares all of them.
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
	last, ok, err := v.lastRow()
	if err != nil {
		return certs.Serial{}, err
	}
	if ok && last.Serial == serial {
		return certs.Serial{}, fmt.Errorf("%s: the next serial number %s %s (found in the last row of %s)", v.file(fileSerial), serial, advice, fileIndex)
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

// lastRow returns the last row of db/index; ok is false if there is none.
func (d *Dir) lastRow() (row indexRow, ok bool, err error) {
	line, ok, err := d.lastIndexLine()
	if err != nil || !ok {
		return indexRow{}, false, err
	}
	row, err = parseIndexRow(string(line))
	if err != nil {
		return indexRow{}, false, fmt.Errorf("%s: last row: %w", d.file(fileIndex), err)
	}
	return row, true, nil
}

// lastIndexLine reads the last line of db/index, without its newline. Only the
// end of the file is read.
func (d *Dir) lastIndexLine() (line []byte, ok bool, err error) {
	f, err := os.Open(d.file(fileIndex))
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !fi.Mode().IsRegular() {
		return nil, false, fmt.Errorf("%s: found %s, expected a regular file", d.file(fileIndex), kind(fi.Mode()))
	}
	tail := make([]byte, min(fi.Size(), maxIndexRow))
	if _, err := f.ReadAt(tail, fi.Size()-int64(len(tail))); err != nil {
		return nil, false, err
	}
	text := bytes.TrimRight(tail, "\n")
	if len(text) == 0 {
		return nil, false, nil
	}
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	} else if int64(len(tail)) < fi.Size() {
		return nil, false, fmt.Errorf("%s: last row: found more than %d bytes", d.file(fileIndex), maxIndexRow)
	}
	return text, true, nil
}
