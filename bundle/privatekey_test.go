package bundle

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/check"
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

// Each of the first files with a key is named, in order, and the others are counted.
func TestManyPrivateKeys(t *testing.T) {
	for _, n := range []int{0, 1, maxKeysShown, maxKeysShown + 1, maxKeysShown + 3} {
		var search keySearch
		var want []string
		for i := range n {
			name := fmt.Sprintf("%02d.key", i)
			io.WriteString(search.file(name, 0), "-----BEGIN PRIVATE KEY-----")
			if i < maxKeysShown {
				want = append(want, fmt.Sprintf("nodeinfo.zip: %q: a private key", name))
			}
		}
		search.file("other", 0)
		if more := n - maxKeysShown; more > 0 {
			want = append(want, fmt.Sprintf("nodeinfo.zip: private keys in %d more files", more))
		}
		v := newVerifier(0, VerifyOptions{})
		v.keys(&search)
		var got []string
		for _, res := range v.report.Failed(check.Warning) {
			got = append(got, res.Where+": "+res.Found)
		}
		if !slices.Equal(got, want) || v.report.Has(rulePrivateKey.ID, check.Passed) != (n == 0) {
			t.Errorf("%d keys: found %q, expected %q", n, got, want)
		}
	}
}
