package bundle

import (
	"strings"
	"testing"
)

func TestKeyFinder(t *testing.T) {
	for text, want := range map[string]bool{
		"":                            false,
		"-----BEGIN PRIVATE KEY-----": true,
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII":                       true,
		"x\r\n-----BEGIN RSA PRIVATE KEY-----\r\n":                         true,
		"-----BEGIN EC PRIVATE KEY-----":                                   true,
		"-----BEGIN OPENSSH PRIVATE KEY-----":                              true,
		"-----BEGIN PGP PRIVATE KEY BLOCK-----":                            true,
		"-----BEGIN " + strings.Repeat("A", 24) + "PRIVATE KEY BLOCK-----": true,
		"-----BEGIN PUBLIC KEY-----":                                       false,
		"-----BEGIN CERTIFICATE-----":                                      false,
		"-----END PRIVATE KEY-----":                                        false,
		"keep the PRIVATE KEY to yourself":                                 false,
	} {
		// In one piece, byte by byte, and across the blocks of a large file.
		for _, size := range []int{1, 7, maxKeyLine - 1, maxKeyLine, maxKeyLine + 1, 1 << 10} {
			for _, before := range []int{0, 1, 1<<10 - 20, 1 << 11} {
				var k keyFinder
				for rest := strings.Repeat("-", before) + text + strings.Repeat("\n", before); rest != ""; {
					n := min(size, len(rest))
					if m, err := k.Write([]byte(rest[:n])); m != n || err != nil {
						t.Fatalf("found %d, %v", m, err)
					}
					rest = rest[n:]
				}
				if k.found != want {
					t.Errorf("%q after %d bytes, %d at a time: found %v", text, before, size, k.found)
				}
			}
		}
	}
}
