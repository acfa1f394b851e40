package nodedir

import (
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
// number, however it is written. For the same reason everything that was issued
// must be in db/index ([record]).
func (v *view) nextSerial() (certs.Serial, error) {
	serial, err := v.readSerial()
	if errors.Is(err, fs.ErrNotExist) {
		return certs.Serial{}, damagef("next serial number: %w: init completes a directory without it", err)
	}
	if err != nil {
		return certs.Serial{}, err
	}
	const advice = "has been used already: the directory was put back to an older state, or another copy of it is in use; nothing was signed; run doctor"
	switch used, err := v.exists(issuedFile(serial)); {
	case err != nil:
		return certs.Serial{}, err
	case used:
		return certs.Serial{}, damagef("%s: the next serial number %s %s (found %s)", v.file(fileSerial), serial, advice, issuedFile(serial))
	}
	// The names first: what they have is in db/index a moment later, if another
	// process is just now making a change.
	names, namesErr := v.readNames()
	rec, err := v.record()
	if err != nil {
		return certs.Serial{}, err
	}
	if key, ok := serialKeyOf(serial.String()); !ok || rec.lines[key] > 0 {
		return certs.Serial{}, damagef("%s: the next serial number %s %s (found in %s:%d)", v.file(fileSerial), serial, advice, fileIndex, rec.lines[key])
	}
	if namesErr != nil {
		return certs.Serial{}, namesErr
	}
	if err := rec.checkRecorded(v.Dir, names); err != nil && (v.locked || !v.Pending()) {
		// While another process makes its change, this is not for long; under
		// the lock it is looked at again.
		return certs.Serial{}, err
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
