package nodedir

import "github.com/swaptacular/swptpeer/certs"

// nextSerial returns the serial number that the next certificate must take:
// what db/serial says. It refuses a number that has been used already
// (certs/<SERIAL>.pem exists, or the last row of db/index has it or a later
// one).
func (v *view) nextSerial() (certs.Serial, error) { return certs.Serial{}, errTODO }
