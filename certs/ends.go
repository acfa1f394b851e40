package certs

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
)

// CheckEnds judges by the one rule cert.ends-soon whether a certificate still
// has more than within to run at the moment at. One that has ended already
// breaks it, too. Unlike the rules of [CheckRoot] and the like it depends on what
// the reader wants to be warned of, so it is asked for separately.
func CheckEnds(c *x509.Certificate, at time.Time, within time.Duration) *check.Report {
	r := &check.Report{}
	r.Check(c.NotAfter.After(at.Add(within)), ruleCertEndsSoon, "validity", endsIn(c.NotAfter, at),
		"an end after "+rfc3339(at.Add(within)))
	return r
}

// endsIn counts in seconds: a Duration holds no more than 292 years.
func endsIn(end, at time.Time) string {
	left := end.Unix() - at.Unix()
	if left < 0 {
		return "it ended at " + rfc3339(end)
	}
	return fmt.Sprintf("it ends at %s, in %d days", rfc3339(end), left/secondsADay)
}

const secondsADay = 24 * 60 * 60
