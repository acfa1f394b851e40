package main

import (
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// validity is how a certificate's dates are encoded.
type validity struct{ NotBefore, NotAfter asn1.RawValue }

func validityOf(t *testing.T, der []byte) validity {
	t.Helper()
	var c struct {
		TBS struct {
			Raw       asn1.RawContent
			Version   asn1.RawValue `asn1:"optional,explicit,tag:0"`
			Serial    asn1.RawValue
			Algorithm asn1.RawValue
			Issuer    asn1.RawValue
			Validity  validity
			Subject   asn1.RawValue
			Key       asn1.RawValue
			Rest      asn1.RawValue `asn1:"optional,explicit,tag:3"`
		}
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		t.Fatal(err)
	}
	return c.TBS.Validity
}

// checkDate judges a date as it is written: RFC 5280 section 4.1.2.5 wants
// UTCTime up to 2049, GeneralizedTime from 2050 on.
func checkDate(t *testing.T, what string, is asn1.RawValue, want time.Time) {
	t.Helper()
	tag, layout := asn1.TagUTCTime, "060102150405Z"
	if want.Year() >= 2050 || want.Year() < 1950 {
		tag, layout = asn1.TagGeneralizedTime, "20060102150405Z"
	}
	if text := want.UTC().Format(layout); is.Tag != tag || string(is.Bytes) != text {
		t.Errorf("%s: found tag %d with %q, want tag %d with %q", what, is.Tag, is.Bytes, tag, text)
	}
}

// TestClocks runs the commands that write dates with clocks that are wrong, or
// far ahead: each refuses, says the date and changes nothing, or writes dates
// that are right.
func TestClocks(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	// The reference roots are valid from November 2026 to March 3026.
	clocks := []struct {
		now     time.Time
		refused string // which commands are
	}{
		{at("1970-01-01T00:00:00Z"), "init sign server bundle renew register update deactivate"},
		{at("1970-01-02T00:00:00Z"), "init sign server bundle renew register update deactivate"},
		{at("2026-11-01T00:00:00Z"), "sign server bundle renew register update deactivate"},
		{at("2037-12-31T23:59:59Z"), ""},
		{at("2038-01-19T03:14:08Z"), ""},
		{at("2049-12-31T23:59:59Z"), ""},
		{at("2050-01-01T00:00:00Z"), ""},
		{at("2107-01-01T00:00:00Z"), "bundle"},                       // zip archives know no time after 2106-02-07
		{at("3025-12-31T00:00:00Z"), "server bundle renew register"}, // the certificate would outlive the root, or is to end soon
		{at("3100-01-01T00:00:00Z"), "sign server bundle renew register update deactivate"},
		{at("8999-06-01T00:00:00Z"), "sign server bundle renew register update deactivate"},
		{at("9000-12-31T00:00:00Z"), "init sign server bundle renew register update deactivate"}, // 365,000 days end after the year 9999
		{at("9999-12-31T23:59:59Z"), "init sign server bundle renew register update deactivate"},
	}
	_, noOpenSSL := exec.LookPath("openssl")
	if noOpenSSL != nil && os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
		t.Fatal(noOpenSSL)
	}
	in := t.TempDir()
	if err := os.Mkdir(filepath.Join(in, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	newerBundle(t, "ca", in)
	const agent = "9713c1a6b9b52ce34697c159b56ecfb0"
	for _, clock := range clocks {
		t.Run(clock.now.Format(time.DateOnly), func(t *testing.T) {
			work := t.TempDir()
			node := filepath.Join(work, "node")
			copyNode(t, "aa", node)
			registering := filepath.Join(work, "registering")
			copyNode(t, "ca", registering)
			received := filepath.Join(work, "received.crt")
			if err := os.Rename(registering+"/peers/1234abcd/sub-ca.crt", received); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(registering + "/peers/1234abcd/masq-subnet.txt"); err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string]struct {
				args  string
				cert  string // the new certificate
				until time.Time
				file  string // a file with the day in it, besides
			}{
				"init": {"init --dir {}/new --type aa --prefix 1234abcd --server stomp.example.com:1234 --key " + node + "/private/root-ca.key",
					"{}/new/root-ca.crt", clock.now.AddDate(0, 0, certs.CADays), ""},
				"sign":   {"peer sign " + reference(t, "bundles/da2.zip") + " --dir {}/node --yes --quiet --out {}/peer.crt", "{}/peer.crt", clock.now.AddDate(0, 0, certs.CADays), ""},
				"server": {"csr sign " + reference(t, "servers/aa.csr") + " --dir {}/node --yes --quiet --days 365 --out {}/server.crt", "{}/server.crt", clock.now.AddDate(0, 0, 365), ""},
				"renew": {"server renew " + reference(t, "servers/aa.crt") + " --dir {}/node --yes --quiet --days 365 --out {}/renewed.crt",
					"{}/renewed.crt", clock.now.AddDate(0, 0, 365), ""},
				"register":   {"peer register " + received + " --dir {}/registering --yes --quiet", "", time.Time{}, ""},
				"update":     {"peer sign " + in + "/in/newer.zip --dir {}/node --yes --quiet", "", time.Time{}, ""},
				"set":        {"peer set ae4209290a434d18be5465b3d11257f8 --queues 50 --dir {}/node --yes --quiet", "", time.Time{}, ""},
				"deactivate": {"peer deactivate " + agent + " --dir {}/node --yes --quiet", "", time.Time{}, "{}/node/peers/" + agent + "/DEACTIVATED"},
				"bundle":     {"bundle create {}/out.zip --dir {}/node", "", time.Time{}, ""},
			} {
				before := readFiles(t, work)
				status, text := inProcess(clock.now, []string{"SWPTPEER_PASSWORD=" + oldPassword}, words(c.args, work)...)
				if slices.Contains(strings.Fields(clock.refused), name) {
					if status != statusFailed {
						t.Errorf("%s: exit status %d, want %d: %s", name, status, statusFailed, text)
					}
					if !strings.Contains(text, clock.now.Format("2006")) && !strings.Contains(text, "which ends on 3026") && !strings.Contains(text, "an end in 3026") && !strings.Contains(text, "9999") {
						t.Errorf("%s: the refusal does not name the date: %s", name, text)
					}
					if after := readFiles(t, work); !after.equal(before) {
						t.Errorf("%s: refused, and changed:\n%s", name, after.difference(before))
					}
					continue
				}
				if status != statusDone {
					t.Errorf("%s: exit status %d: %s", name, status, text)
					continue
				}
				if c.file != "" {
					data, err := os.ReadFile(strings.ReplaceAll(c.file, "{}", work))
					if want := clock.now.Format(time.DateOnly) + "\n"; err != nil || string(data) != want {
						t.Errorf("%s: found %q, %v, want %q", name, data, err, want)
					}
				}
				if c.cert == "" {
					continue
				}
				file := strings.ReplaceAll(c.cert, "{}", work)
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				block, _ := pem.Decode(data)
				v := validityOf(t, block.Bytes)
				checkDate(t, name+", begin", v.NotBefore, clock.now)
				checkDate(t, name+", end", v.NotAfter, c.until)
				if noOpenSSL == nil {
					out, err := exec.Command("openssl", "x509", "-in", file, "-noout", "-dates").CombinedOutput()
					want := fmt.Sprintf("notBefore=%s\nnotAfter=%s\n", clock.now.Format("Jan _2 15:04:05 2006 GMT"), c.until.Format("Jan _2 15:04:05 2006 GMT"))
					if err != nil || string(out) != want {
						t.Errorf("%s: openssl: found %q, %v, want %q", name, out, err, want)
					}
				}
			}
		})
	}
}
