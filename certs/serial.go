package certs

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
)

// Serial is a certificate serial number: positive, at most 20 octets (RFC 5280
// section 4.1.2.2). The zero Serial is not valid. Serials are comparable with ==.
type Serial struct{ hex string }

const (
	// serialOctets is the size of a serial that is drawn: 128 bits.
	serialOctets = 16
	// maxSerialOctets is the limit of RFC 5280 section 4.1.2.2. It counts the
	// octets of the DER INTEGER: a number whose first bit is set takes one more.
	maxSerialOctets = 20
)

// NewSerial draws a random 128-bit number, the first of a node ("The node
// directory", db/serial). Its first octet is neither 00, so that it always has
// 32 digits, nor FF, so that counting up can never come to an end.
func NewSerial() (Serial, error) {
	b := make([]byte, serialOctets)
	for b[0] == 0x00 || b[0] == 0xff {
		if _, err := rand.Read(b); err != nil {
			return Serial{}, fmt.Errorf("serial number: %w", err)
		}
	}
	return serialOf(new(big.Int).SetBytes(b))
}

// ParseSerial reads what OpenSSL reads in db/serial, without the line end: an
// even number of hex digits. OpenSSL writes upper case and no leading zero
// octets; both other forms are read and String does not return them.
func ParseSerial(s string) (Serial, error) {
	// The longest that can be meant: all octets and a sign octet.
	if len(s)%2 != 0 || len(s) == 0 || len(s) > 2*(maxSerialOctets+1) || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return Serial{}, fmt.Errorf("serial number: found %q, expected an even number of hex digits, at most %d", clip(s), 2*maxSerialOctets)
	}
	b, err := hex.DecodeString(s)
	if err != nil { // not reached
		return Serial{}, fmt.Errorf("serial number: %w", err)
	}
	return serialOf(new(big.Int).SetBytes(b))
}

// SerialOf returns the serial of a certificate.
func SerialOf(c *x509.Certificate) (Serial, error) {
	if c == nil || c.SerialNumber == nil {
		return Serial{}, fmt.Errorf("serial number: found none")
	}
	return serialOf(c.SerialNumber)
}

func serialOf(n *big.Int) (Serial, error) {
	if n.Sign() <= 0 {
		return Serial{}, fmt.Errorf("serial number: found one that is not positive, expected at least 1")
	}
	if octets := n.BitLen()/8 + 1; octets > maxSerialOctets {
		return Serial{}, fmt.Errorf("serial number: found %d octets, expected at most %d", octets, maxSerialOctets)
	}
	return Serial{strings.ToUpper(hex.EncodeToString(n.Bytes()))}, nil
}

// IsZero reports whether s is the zero Serial.
func (s Serial) IsZero() bool { return s.hex == "" }

// String is upper-case hex with an even number of digits and no leading zero
// octets, as OpenSSL writes it.
func (s Serial) String() string { return s.hex }

// Int returns the number; nil for the zero Serial.
func (s Serial) Int() *big.Int {
	n, ok := new(big.Int).SetString(s.hex, 16)
	if !ok {
		return nil
	}
	return n
}

// Compare compares the numbers: -1, 0 or 1.
func (s Serial) Compare(t Serial) int {
	if len(s.hex) != len(t.hex) { // no leading zeros: longer is greater
		if len(s.hex) < len(t.hex) {
			return -1
		}
		return 1
	}
	return strings.Compare(s.hex, t.hex)
}

// Next counts up by one. The last number of 20 octets has none after it.
func (s Serial) Next() (Serial, error) {
	if s.IsZero() {
		return Serial{}, fmt.Errorf("serial number: found none to count up")
	}
	return serialOf(new(big.Int).Add(s.Int(), big.NewInt(1)))
}
