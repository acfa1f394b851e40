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
	switch used, err := v.exists(issuedFile(serial)); {
	case err != nil:
		return certs.Serial{}, err
	case used:
		return certs.Serial{}, damagef("%s: the next serial number %s %s (found %s)", v.file(fileSerial), serial, adviceUsed, issuedFile(serial))
	}
	rec, err := v.record()
	if err != nil {
		return certs.Serial{}, err
	}
	if next, ok := serialKeyOf(serial.String()); ok && rec.isComplete(next) {
		err = v.needFolder(dirCerts)
	} else {
		err = v.compareRecord(rec, serial)
	}
	if err != nil {
		return certs.Serial{}, err
	}
	return serial, nil
}

const adviceUsed = "has been used already: the directory was put back to an older state, or another copy of it is in use; nothing was signed; run doctor"

// compareRecord compares db/index with certs/ and peers/.
func (v *view) compareRecord(rec *record, serial certs.Serial) error {
	certFiles, certsErr := v.folderNames(dirCerts)
	peerFolders, err := v.folderNames(dirPeers)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // not made yet: no peers
		return err
	}
	if !v.locked {
		// Another process may be making a change, and had perhaps not come to
		// db/index when that was read.
		if rec, err = v.readRecord(); err != nil {
			return err
		}
	}
	err = rec.lookUp(serial, certFiles, peerFolders)
	if u := (*unrecorded)(nil); errors.As(err, &u) && !v.locked && v.Pending() {
		err = nil // it is looked at again under the lock
	}
	switch {
	case err != nil:
		return err
	case certsErr != nil:
		return errors.Join(v.needFolder(dirCerts), systemError(certsErr))
	}
	return nil
}

// needFolder is an error if a folder of the layout is missing.
func (v *view) needFolder(rel string) error {
	there, err := v.exists(rel)
	if err == nil && !there {
		return damagef("%s is missing, with every certificate that was issued: nothing was signed: restore it from a backup or from git: %w", v.file(rel), fs.ErrNotExist)
	}
	return err
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
