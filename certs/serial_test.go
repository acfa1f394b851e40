package certs

import (
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
)

func TestParseSerial(t *testing.T) {
	last := "7F" + strings.Repeat("FF", 19)
	for _, tt := range []struct{ in, out string }{ // out "" is refused
		{"8E5F9DB19112FEFA4BC420F299571934", "8E5F9DB19112FEFA4BC420F299571934"},
		{"8e5f9db19112fefa4bc420f299571934", "8E5F9DB19112FEFA4BC420F299571934"},
		{"01", "01"}, {"1001", "1001"}, {"0001", "01"}, {"00FF", "FF"},
		{last, last}, {"00" + last, last},
		{"80" + strings.Repeat("00", 19), ""}, {strings.Repeat("FF", 20), ""}, {strings.Repeat("00", 30) + "01", ""},
		{"", ""}, {"00", ""}, {"1", ""}, {"101", ""}, {"-1", ""}, {"0x01", ""}, {" 01", ""}, {"01\n", ""}, {"0G", ""},
	} {
		s, err := ParseSerial(tt.in)
		if (err == nil) != (tt.out != "") || s.String() != tt.out {
			t.Errorf("%q: found %q, %v, expected %q", tt.in, s, err, tt.out)
		}
		if err == nil && must(ParseSerial(s.String())) != s {
			t.Errorf("%q: %q reads as another", tt.in, s)
		}
	}
}

func TestSerialNext(t *testing.T) {
	last := "7F" + strings.Repeat("FF", 19)
	for _, tt := range []struct{ in, out string }{
		{"01", "02"}, {"FF", "0100"}, {"FFFF", "010000"}, {"7BBF3CEA05F019DB7F88E668B86E6BFF", "7BBF3CEA05F019DB7F88E668B86E6C00"},
		{last[:38] + "FE", last}, {last, ""},
	} {
		s := must(ParseSerial(tt.in))
		n, err := s.Next()
		if (err == nil) != (tt.out != "") || n.String() != tt.out {
			t.Errorf("%s: found %q, %v, expected %q", tt.in, n, err, tt.out)
		}
		if err == nil && (s.Compare(n) != -1 || n.Compare(s) != 1 || n.Compare(n) != 0) {
			t.Errorf("%s does not come before %s", s, n)
		}
	}
	if _, err := (Serial{}).Next(); err == nil {
		t.Error("the zero Serial counts up")
	}
}

func TestNewSerial(t *testing.T) {
	seen := map[Serial]bool{}
	for range 1000 {
		s := must(NewSerial())
		if len(s.String()) != 32 || strings.HasPrefix(s.String(), "FF") || seen[s] {
			t.Errorf("found %s", s)
		}
		seen[s] = true
	}
}

func TestSerialOf(t *testing.T) {
	for _, tt := range []struct {
		n  *big.Int
		ok bool
	}{
		{nil, false}, {big.NewInt(0), false}, {big.NewInt(-1), false}, {big.NewInt(1), true},
		{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 159), big.NewInt(1)), true}, {new(big.Int).Lsh(big.NewInt(1), 159), false},
	} {
		if s, err := SerialOf(&x509.Certificate{SerialNumber: tt.n}); (err == nil) != tt.ok || tt.ok && s.Int().Cmp(tt.n) != 0 {
			t.Errorf("%v: found %v, %v", tt.n, s, err)
		}
	}
	if _, err := SerialOf(nil); err == nil {
		t.Error("no certificate has a serial number")
	}
}
