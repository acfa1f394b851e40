package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/der"
)

// Limits of the clock by which is issued.
const (
	// firstIssueYear: no certificate of this profile is older than this
	// software. An earlier clock is a machine without a battery, and what it
	// signs would look valid for ever.
	firstIssueYear = 2024
	// lastYear is the last that GeneralizedTime holds.
	lastYear = 9999
)

// signing is everything that a certificate is going to say.
type signing struct {
	subject, issuer []byte // DER names
	public          crypto.PublicKey
	serial          Serial
	now             time.Time
	days            int
	last            time.Time        // it must not end after this; zero: any end
	extensions      []pkix.Extension // in the order in use
	// judge is the profile's verdict; by is the key that signed.
	judge func(c *Certificate, at time.Time, by crypto.PublicKey) *check.Report
}

// issue signs, in this order: a copy with a throwaway key, which is read back and
// judged by the profile; then, only if that passed, the same with the real key.
// What the real key has signed is then compared with what was judged, byte for
// byte, and judged again.
func (t *signing) issue(key crypto.Signer) (*Certificate, error) {
	template, err := t.template(key.Public())
	if err != nil {
		return nil, err
	}
	trial, err := throwawayKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("throwaway key: %w", err)
	}
	if samePublicKey(trial.Public(), key.Public()) {
		return nil, errors.New("found the test key that RFC 9500 publishes, expected a key of one's own: everybody has its private half, and nothing was signed")
	}
	judged, err := t.sign(template, trial)
	if err != nil {
		return nil, fmt.Errorf("before signing: %w", err)
	}
	if err := t.judge(judged, template.NotBefore, trial.Public()).Err(); err != nil {
		return nil, fmt.Errorf("refused before signing, nothing was signed: %w", err)
	}
	c, err := t.sign(template, key)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(c.RawTBSCertificate, judged.RawTBSCertificate) {
		return nil, errors.New("what was signed is not what was judged before; the certificate is thrown away")
	}
	if err := t.judge(c, template.NotBefore, key.Public()).Err(); err != nil {
		return nil, fmt.Errorf("what was signed does not keep to the profile; the certificate is thrown away: %w", err)
	}
	return c, nil
}

// template is what crypto/x509 makes the certificate of. Only fields that it
// copies as they are may be set: RawSubject rather than Subject, ExtraExtensions
// rather than the fields for each extension, so that it decides nothing.
func (t *signing) template(signer crypto.PublicKey) (*x509.Certificate, error) {
	if t.serial.IsZero() {
		return nil, errors.New("found no serial number")
	}
	if t.days < 1 {
		return nil, fmt.Errorf("found a lifetime of %d days, expected at least 1", t.days)
	}
	from := t.now.UTC().Truncate(time.Second)
	if from.Year() < firstIssueYear {
		return nil, fmt.Errorf("found the clock at %s, expected the year %d or later: set the clock", rfc3339(from), firstIssueYear)
	}
	if t.days > (lastYear+1)*366 {
		return nil, fmt.Errorf("found a lifetime of %d days, expected an end before the year %d", t.days, lastYear+1)
	}
	// In UTC every day has 86,400 seconds, as `openssl -days` counts; a
	// time.Duration cannot hold 365,000 of them.
	to := from.AddDate(0, 0, t.days)
	if to.Year() > lastYear {
		return nil, fmt.Errorf("found an end in the year %d (%d days from %s), expected an end before the year %d: is the clock right", to.Year(), t.days, rfc3339(from), lastYear+1)
	}
	if !t.last.IsZero() && to.After(t.last) {
		return nil, fmt.Errorf("found an end at %s, expected one not after the root certificate's, %s: ask for fewer days", rfc3339(to), rfc3339(t.last))
	}
	return &x509.Certificate{
		SerialNumber:       t.serial.Int(),
		SignatureAlgorithm: signatureAlgorithmFor(signer),
		RawSubject:         t.subject,
		NotBefore:          from,
		NotAfter:           to,
		ExtraExtensions:    t.extensions,
	}, nil
}

func (t *signing) sign(template *x509.Certificate, key crypto.Signer) (*Certificate, error) {
	parent := &x509.Certificate{RawSubject: t.issuer, PublicKey: key.Public()}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, t.public, key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	c, err := der.ParseCertificate(signed)
	if err != nil {
		return nil, fmt.Errorf("what was signed cannot be read back: %w", err)
	}
	return &Certificate{Certificate: c, File: EncodeCertificate(c)}, nil
}

// signatureAlgorithmFor is what a key signs with: SHA-256, or SHA-384 on P-384.
func signatureAlgorithmFor(pub crypto.PublicKey) x509.SignatureAlgorithm {
	if k, ok := pub.(*ecdsa.PublicKey); ok {
		if k.Curve.Params().BitSize > 256 {
			return x509.ECDSAWithSHA384
		}
		return x509.ECDSAWithSHA256
	}
	return x509.SHA256WithRSA
}
