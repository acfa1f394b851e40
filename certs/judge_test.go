package certs

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2.
func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		tag  cbasn1.Tag
		text string
		ok   bool
	}{
		{cbasn1.UTCTime, "261201120000Z", true},
		{cbasn1.UTCTime, "491231235959Z", true},
		{cbasn1.UTCTime, "500101000000Z", true}, // 1950
		{cbasn1.UTCTime, "2612011200Z", false},
		{cbasn1.UTCTime, "261201120000+0000", false},
		{cbasn1.UTCTime, "261201120000", false},
		{cbasn1.UTCTime, "20261201120000Z", false},
		{cbasn1.UTCTime, "261301120000Z", false},
		{cbasn1.GeneralizedTime, "20500101000000Z", true},
		{cbasn1.GeneralizedTime, "99991231235959Z", true},
		{cbasn1.GeneralizedTime, "20491231235959Z", false},
		{cbasn1.GeneralizedTime, "20500101000000.5Z", false},
		{cbasn1.GeneralizedTime, "205001010000Z", false},
		{cbasn1.GeneralizedTime, "20500101000000+0100", false},
		{cbasn1.GeneralizedTime, "20500230000000Z", false},
		{cbasn1.PrintableString, "20500101000000Z", false},
		{cbasn1.UTCTime, "", false},
	} {
		if err := checkTime([]byte(tt.text), tt.tag); (err == nil) != tt.ok {
			t.Errorf("tag %d %q: found %v, expected accepted %v", tt.tag, tt.text, err, tt.ok)
		}
	}
	if checkValidityEncoding([]byte{0x30, 0}) == nil {
		t.Error("a certificate without dates has well-formed ones")
	}
}

// The forms of extensions that are read and those that are not.
func TestExtensionForms(t *testing.T) {
	for _, tt := range []struct {
		der  string
		want basicConstraints
		ok   bool
	}{
		{"\x30\x00", basicConstraints{false, -1}, true},
		{"\x30\x03\x01\x01\x00", basicConstraints{false, -1}, true},
		{"\x30\x03\x01\x01\xff", basicConstraints{true, -1}, true},
		{"\x30\x06\x01\x01\xff\x02\x01\x01", basicConstraints{true, 1}, true},
		{"\x30\x07\x01\x01\xff\x02\x02\x7f\xff", basicConstraints{true, 1<<15 - 1}, true},
		{"\x30\x08\x01\x01\xff\x02\x03\x00\x80\x00", basicConstraints{true, maxPathLen}, true},
		{"\x30\x08\x01\x01\xff\x02\x03\x00\x80\x01", basicConstraints{}, false},
		{"\x30\x06\x01\x01\xff\x02\x01\xff", basicConstraints{}, false},
		{"\x30\x03\x01\x01\x01", basicConstraints{}, false},
		{"\x30\x03\x01\x01\xff\x00", basicConstraints{}, false},
		{"\x30\x05\x01\x01\xff\x05\x00", basicConstraints{}, false},
		{"\x31\x00", basicConstraints{}, false},
		{"", basicConstraints{}, false},
	} {
		got, err := parseBasicConstraints([]byte(tt.der))
		if (err == nil) != tt.ok || tt.ok && got != tt.want {
			t.Errorf("%x: found %v, %v, expected %v, accepted %v", tt.der, got, err, tt.want, tt.ok)
		}
	}
	list := func(n int) []byte {
		var oids []byte
		for range n {
			oids = append(oids, "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"...)
		}
		return wrapSequence(oids)
	}
	for n, ok := range map[int]bool{0: false, 1: true, maxExtendedKeyUsages: true, maxExtendedKeyUsages + 1: false} {
		if _, err := parseExtKeyUsage(list(n)); (err == nil) != ok {
			t.Errorf("%d purposes: found %v, expected accepted %v", n, err, ok)
		}
	}
	for u := range 1 << len(keyUsages) {
		var usage x509.KeyUsage
		for i, k := range keyUsages {
			if u>>i&1 == 1 {
				usage |= k.bit
			}
		}
		got, err := parseKeyUsage(keyUsageDER(usage))
		if err != nil || got != usage {
			t.Errorf("%s: found %s, %v", keyUsageWords(usage), keyUsageWords(got), err)
		}
	}
}

// A report stays short, whatever a stranger wrote.
func TestReportsAreShort(t *testing.T) {
	w := theWorld()
	l := retell(w.ca.root, w.ca.key)
	var parts []rdn
	for range 200 {
		parts = append(parts, part(oidCommonName, strings.Repeat("x", 60)))
	}
	parts = append(parts, part(name.OrganizationalUnit, strings.Repeat("é", 1000)))
	l.subject = simpleName(parts...)
	for i := range 1000 {
		l.add(asn1.ObjectIdentifier{1, 2, 3, i}, true, nil)
	}
	for _, res := range CheckRoot(l.tell(t), at).Results {
		if n := len(res.String()); n > 1000 || !utf8.ValidString(res.String()) {
			t.Errorf("%s: a result of %d bytes", res.Rule.ID, n)
		}
	}
}

// Without the root of the node that a peer certificate is for, everything is
// judged but what compares with that root.
func TestCheckIntermediate(t *testing.T) {
	w := theWorld()
	whole := CheckPeer(w.aaToCA, w.aa.root.Certificate, w.ca.root.Certificate, at)
	r := CheckIntermediate(w.aaToCA, w.aa.root.Certificate, at)
	if !r.OK(true) {
		t.Error(r.Err())
	}
	want := slices.DeleteFunc(slices.Clone(whole.Results), func(res check.Result) bool {
		return res.Rule == rulePeerSubject || res.Rule == rulePeerPublicKey
	})
	if len(want) != len(whole.Results)-2 || !slices.Equal(r.Results, want) {
		t.Errorf("found %v, want %v", r.Results, want)
	}
	if other := CheckIntermediate(w.aaToCA, w.ca.root.Certificate, at); !other.Has(rulePeerIssuer.ID, check.Failed) {
		t.Errorf("with another issuer: %v", other.Err())
	}
	if none := CheckIntermediate(w.aaToCA, nil, at); none.OK(false) {
		t.Error("accepted without an issuer")
	}
}

// A key over the limit is not calculated with.
func TestVerifySignatureBoundsTheKey(t *testing.T) {
	for bits, want := range map[int]string{MaxRSABits: "verification error", MaxRSABits + 1: "not looked at"} {
		key := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), bits-1, 1), E: 65537}
		err := verifySignature(x509.SHA256WithRSA, []byte("x"), make([]byte, (bits+7)/8), key)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bits: found %v, want %q", bits, err, want)
		}
	}
}
