package certs

import (
	"fmt"
	"strings"
)

// Subnet is a prefix of 64-bit ids, in lowercase hex digits. A Subnet that
// exists has 2 to 16 digits, an even number of them. The zero Subnet means
// none. Subnets are comparable with ==.
type Subnet struct{ hex string }

// Widths of subnets, in hex digits (profile, "Subnets").
const (
	minSubnetDigits = 2
	maxSubnetDigits = 16
	// CreditorsSubnetDigits is the width of what an authority gives a
	// creditors agent.
	CreditorsSubnetDigits = 6
	// DebtorsSubnetDigits is the width of what an authority gives a debtors
	// agent: its own 8 digits and 2 more.
	DebtorsSubnetDigits = 10
)

// ParseSubnet reads a subnet. An odd number of digits is refused: it crashes
// servers in the field (profile, rule peer.subnet).
func ParseSubnet(s string) (Subnet, error) {
	if len(s)%2 != 0 || len(s) < minSubnetDigits || len(s) > maxSubnetDigits || !isHex(s, len(s)) {
		return Subnet{}, fmt.Errorf("subnet: found %q, expected %d to %d lowercase hex digits, an even number of them", s, minSubnetDigits, maxSubnetDigits)
	}
	return Subnet{s}, nil
}

// String returns the hex digits.
func (s Subnet) String() string { return s.hex }

// IsZero reports whether there is no subnet.
func (s Subnet) IsZero() bool { return s.hex == "" }

// Digits returns the width in hex digits.
func (s Subnet) Digits() int { return len(s.hex) }

// Unsigned returns the first and the last id of the subnet as unsigned numbers;
// 0, 0 for the zero Subnet, which has none.
func (s Subnet) Unsigned() (first, last uint64) {
	if s.IsZero() {
		return 0, 0
	}
	for i := range maxSubnetDigits {
		d, e := uint64(0), uint64(0xf)
		if i < len(s.hex) {
			d = uint64(strings.IndexByte(hexDigits, s.hex[i]))
			e = d
		}
		first, last = first<<4|d, last<<4|e
	}
	return first, last
}

// Signed returns the two ends of the subnet as signed 64-bit numbers, as
// databases are configured with them. All ids of a subnet have the same sign, so
// first is never greater than last.
func (s Subnet) Signed() (first, last int64) {
	a, b := s.Unsigned()
	return int64(a), int64(b)
}

// Contains reports whether the id lies in the subnet. Nothing lies in the zero
// Subnet.
func (s Subnet) Contains(id int64) bool {
	a, b := s.Unsigned()
	return !s.IsZero() && a <= uint64(id) && uint64(id) <= b
}

// given checks that an accounting authority may give the subnet to a node of
// type t (profile, "Subnets" and rule peer.subnet): 6 digits and not 000000 for a
// creditors agent; for a debtors agent the authority's own id and 0 to 8 digits more.
func (s Subnet) given(authority Identity, t NodeType) error {
	switch {
	case authority.typ != AccountingAuthority:
		return fmt.Errorf("%s gives no subnets", authority.typ.article())
	case t == CreditorsAgent && s.Digits() != CreditorsSubnetDigits:
		return fmt.Errorf("found subnet %q, expected %d hex digits for a creditors agent", s.hex, CreditorsSubnetDigits)
	case t == CreditorsAgent && s.hex == neverGiven:
		return fmt.Errorf("found subnet %q, which is never given", s.hex)
	case t == CreditorsAgent:
		return nil
	case t == DebtorsAgent && !strings.HasPrefix(s.hex, authority.id):
		return fmt.Errorf("found subnet %q, expected one that begins with the authority's own id %s", s.hex, authority.id)
	case t == DebtorsAgent:
		return nil
	}
	return fmt.Errorf("%s gets no subnet", t.article())
}

// neverGiven is the creditors' subnet that is left out (profile, "Subnets").
const neverGiven = "000000"
