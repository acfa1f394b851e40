// Package name parses X.501 distinguished names and compares them as RFC 5280
// section 7.1 demands.
package name

import (
	"encoding/asn1"
	"errors"
)

var errTODO = errors.New("not implemented")

// Name is a parsed distinguished name: a sequence of RDNs. The zero Name is empty.
type Name struct {
	raw  []byte
	rdns [][]Attribute
}

// Attribute is one type and value of an RDN.
type Attribute struct {
	Type  asn1.ObjectIdentifier
	Tag   int    // universal tag of the value
	Value string // decoded to UTF-8 for the string types; "" for others
	Raw   []byte // DER of the value
}

// Parse reads a DER Name strictly.
func Parse(der []byte) (Name, error) { return Name{}, errTODO }

// RDNs returns the relative names, most general first. The caller must not change them.
func (n Name) RDNs() [][]Attribute { return n.rdns }

// Raw returns the DER.
func (n Name) Raw() []byte { return n.raw }

// IsEmpty reports whether there are no RDNs.
func (n Name) IsEmpty() bool { return len(n.rdns) == 0 }

// String is for people: "O=…, OU=…, serialNumber=…", values escaped.
func (n Name) String() string { return "" }

// Slashed is the form of OpenSSL's db/index: "/O=…/OU=…/serialNumber=…".
func (n Name) Slashed() string { return "" }

// Equal compares as RFC 5280 7.1.
func Equal(a, b Name) bool { return false }

// Within reports whether n lies in the subtree (RFC 5280 7.1: subtree's RDNs are the first RDNs of n).
func (n Name) Within(subtree Name) bool { return false }
