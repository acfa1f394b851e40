package nodedir

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// signedAgent is an authority's directory that has signed for a new agent.
func signedAgent(t testing.TB, typ certs.NodeType) (*Dir, *stranger) {
	t.Helper()
	d := openNode(t, "aa")
	s := newStranger(t, typ, "")
	mustSign(t, d, s.bundle(t, "2026-11-23", nil))
	return d, s
}

// signedAuthority is an agent's directory that has signed for a new authority.
func signedAuthority(t testing.TB, node string) (*Dir, *stranger) {
	t.Helper()
	d := openNode(t, node)
	if node == "da" {
		forgetPeer(t, d)
	}
	s := newStranger(t, certs.AccountingAuthority, "cafe0012")
	mustSign(t, d, s.bundle(t, "2026-11-23", nil))
	return d, s
}

// forgetPeer makes the reference debtors agent one that has no peer yet.
func forgetPeer(t testing.TB, d *Dir) {
	t.Helper()
	remove(t, d.file("peers/"+referenceAA))
	remove(t, d.file(fileDebtorsSubnet))
}

func TestRegister(t *testing.T) {
	t.Run("creditors agent", func(t *testing.T) {
		d, s := signedAuthority(t, "ca")
		before := tree(t, d)
		c := s.certify(t, d, "00abcd")
		res := mustRegister(t, d, c)
		want := []string{"peers/cafe0012/masq-subnet.txt", "peers/cafe0012/sub-ca.crt"}
		if got := changedFiles(before, tree(t, d)); !slices.Equal(got, want) {
			t.Errorf("found changes %v, expected %v", got, want)
		}
		if got := readText(t, d, want[0]); got != "00abcd\n" || readText(t, d, want[1]) != string(c.File) {
			t.Errorf("masq-subnet.txt: found %q", got)
		}
		if res.Already || res.Peer.MasqSubnet.String() != "00abcd" || len(res.Peer.Problems) > 0 || !res.Report.OK(true) {
			t.Errorf("found %+v", res.Peer)
		}
		checkAgain(t, d, c)
	})
	t.Run("debtors agent", func(t *testing.T) {
		d, s := signedAuthority(t, "da")
		before := tree(t, d)
		c := s.certify(t, d, "cafe001207")
		mustRegister(t, d, c)
		want := []string{"debtors-subnet.txt", "peers/cafe0012/sub-ca.crt"}
		if got := changedFiles(before, tree(t, d)); !slices.Equal(got, want) {
			t.Errorf("found changes %v, expected %v", got, want)
		}
		if got := readText(t, d, want[0]); got != "cafe001207\n" {
			t.Errorf("debtors-subnet.txt: found %q", got)
		}
		checkAgain(t, d, c)
	})
	t.Run("accounting authority", func(t *testing.T) {
		d, s := signedAgent(t, certs.DebtorsAgent)
		before := tree(t, d)
		c := s.certify(t, d, "")
		mustRegister(t, d, c)
		want := []string{"peers/" + s.id.ID() + "/sub-ca.crt"}
		if got := changedFiles(before, tree(t, d)); !slices.Equal(got, want) {
			t.Errorf("found changes %v, expected %v", got, want)
		}
		checkAgain(t, d, c)
	})
	t.Run("text around the block", func(t *testing.T) {
		d, s := signedAgent(t, certs.CreditorsAgent)
		c, err := certs.ParseCertificate(append([]byte("Hello\n"), s.certify(t, d, "").File...))
		if err != nil {
			t.Fatal(err)
		}
		mustRegister(t, d, c)
		if got := readText(t, d, "peers/"+s.id.ID()+"/sub-ca.crt"); got != string(c.File) {
			t.Errorf("sub-ca.crt: found %q", got)
		}
	})
}

// The reference nodes' own certificates are registered already.
func TestRegisterReference(t *testing.T) {
	for node, peers := range map[string][]string{"aa": {referenceCA, referenceDA}, "ca": {referenceAA}, "da": {referenceAA}} {
		for _, id := range peers {
			d := openNode(t, node)
			rel := "peers/" + id + "/sub-ca.crt"
			c, err := certs.ParseCertificate(read(t, d.file(rel)))
			if err != nil {
				t.Fatal(err)
			}
			checkAgain(t, d, c)
			// And they pass when they are new.
			remove(t, d.file(rel))
			before := tree(t, d)
			if node == "ca" {
				remove(t, d.file("peers/"+id+"/masq-subnet.txt"))
			}
			if node == "da" {
				remove(t, d.file(fileDebtorsSubnet))
			}
			if res := mustRegister(t, d, c); res.Already {
				t.Errorf("%s: found already registered", node)
			}
			if got := changedFiles(before, tree(t, d)); !slices.Equal(got, []string{rel}) {
				t.Errorf("%s: found changes %v", node, got)
			}
		}
	}
}

// tree is a snapshot of the directory.
func tree(t testing.TB, d *Dir) map[string]string { return snapshot(t, d.Path()) }

// checkAgain registers what is registered.
func checkAgain(t testing.TB, d *Dir, c *certs.Certificate) {
	t.Helper()
	before := tree(t, d)
	ch := noKey(t)
	ch.Confirm = func(*Plan) error { t.Error("asked to confirm nothing"); return nil }
	res, err := d.RegisterPeer(t.Context(), c, ch)
	if err != nil || !res.Already || !res.Plan.Nothing {
		t.Errorf("again: found %+v, %v", res, err)
	}
	unchanged(t, d.Path(), before)
}

// Every rule of registering has a certificate that keeps it and one that does
// not.
func TestRegisterRules(t *testing.T) {
	seen := make(map[string]bool)
	for _, tt := range []struct {
		name string
		rule string // fails
		make func(t *testing.T) (*Dir, *certs.Certificate)
		want []string
	}{
		{"two certificates", "register.single", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			c := s.certify(t, d, "")
			c.File = append(bytes.Clone(c.File), c.File...)
			return d, c
		}, []string{"2 CERTIFICATE blocks"}},
		{"another certificate in the file", "register.single", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			c := s.certify(t, d, "")
			c.File = s.root.File
			return d, c
		}, nil},
		{"CR LF", "pem.lf", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			c := s.certify(t, d, "")
			c.File = bytes.ReplaceAll(c.File, []byte("\n"), []byte("\r\n"))
			return d, c
		}, []string{"CR LF"}},
		{"no node", "register.issuer", func(t *testing.T) (*Dir, *certs.Certificate) {
			d := openNode(t, "aa")
			s := newStranger(t, certs.CreditorsAgent, "")
			return d, foreign(t, s.key, pkix.Name{CommonName: "Evil CA"}, testNow.AddDate(600, 0, 0))
		}, []string{"Evil CA"}},
		{"wrong pair", "register.peer-type", func(t *testing.T) (*Dir, *certs.Certificate) {
			d := openNode(t, "ca")
			s := newStranger(t, certs.DebtorsAgent, "")
			return d, foreign(t, s.key, nodeName(s.id), testNow.AddDate(600, 0, 0))
		}, []string{"debtors agent", "expected an accounting authority"}},
		{"own root certificate", "register.peer-type", func(t *testing.T) (*Dir, *certs.Certificate) {
			d := openNode(t, "ca")
			return d, d.Root()
		}, nil},
		{"unknown", "register.known", func(t *testing.T) (*Dir, *certs.Certificate) {
			d := openNode(t, "aa")
			return d, newStranger(t, certs.CreditorsAgent, "").certify(t, d, "")
		}, []string{"no such folder"}},
		{"damaged folder", "register.known", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			writeText(t, d, "peers/"+s.id.ID()+"/root-ca.crt", "x")
			return d, s.certify(t, d, "")
		}, []string{"root-ca.crt"}},
		{"somebody else's root in the folder", "register.known", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			writeText(t, d, "peers/"+s.id.ID()+"/root-ca.crt", string(newStranger(t, certs.CreditorsAgent, "").root.File))
			return d, s.certify(t, d, "")
		}, []string{"root-ca.crt"}},
		{"folder is a link", "register.known", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			dir := d.file("peers/" + s.id.ID())
			if err := errors.Join(os.Rename(dir, d.file("away")), os.Symlink("../away", dir)); err != nil {
				t.Fatal(err)
			}
			return d, s.certify(t, d, "")
		}, []string{"symbolic link"}},
		{"deactivated", "register.deactivated", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			c := s.certify(t, d, "")
			mustRegister(t, d, c)
			if _, err := d.Deactivate(t.Context(), s.id.ID(), noKey(t)); err != nil {
				t.Fatal(err)
			}
			return d, c
		}, []string{"2026-11-24"}},
		{"ends too soon", "register.lifetime", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			return d, foreign(t, s.key, nodeName(s.id), time.Date(testNow.Year()+certs.LifetimeYears-1, 12, 31, 23, 59, 59, 0, time.UTC))
		}, []string{"2525-12-31", "2526"}},
		{"no subnet", "register.subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "ca")
			return d, foreign(t, s.key, nodeName(s.id), testNow.AddDate(600, 0, 0))
		}, []string{"no subnet", "6 hex digits", "000001"}},
		{"width differs from ours", "register.subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "ca")
			writeText(t, d, fileCreditorsSubnet, "0001\n")
			return d, s.certify(t, d, "000007")
		}, []string{"000007", "4 hex digits"}},
		{"another authority's subnet", "register.subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "da")
			return d, withComment(t, s, d, "Subnet: 1234abcd07")
		}, []string{"1234abcd07", "cafe0012"}},
		{"odd width", "register.subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "da")
			return d, withComment(t, s, d, "Subnet: cafe00127")
		}, nil},
		{"shorter than the authority's id", "register.subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "da")
			return d, withComment(t, s, d, "Subnet: cafe00")
		}, []string{"cafe00"}},
		{"another subnet than before", "register.debtors-subnet", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "da")
			writeText(t, d, fileDebtorsSubnet, "cafe001206\n")
			return d, s.certify(t, d, "cafe001207")
		}, []string{"cafe001206", "cafe001207"}},
		{"another certificate", "register.same", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			mustRegister(t, d, s.certify(t, d, ""))
			return d, s.certify(t, d, "")
		}, []string{"SHA-256", "serial"}},
		{"registered file is damaged", "register.same", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAgent(t, certs.CreditorsAgent)
			writeText(t, d, "peers/"+s.id.ID()+"/sub-ca.crt", "x")
			return d, s.certify(t, d, "")
		}, nil},
		{"issued to another node", "peer.subject", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, s := signedAuthority(t, "ca")
			return d, s.certify(t, openNode(t, "da"), "cafe001200")
		}, nil},
		{"same name, another issuer's key", "peer.issuer", func(t *testing.T) (*Dir, *certs.Certificate) {
			d, _ := signedAuthority(t, "ca")
			return d, newStranger(t, certs.AccountingAuthority, "cafe0012").certify(t, d, "000007")
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, c := tt.make(t)
			before := tree(t, d)
			res, err := d.RegisterPeer(t.Context(), c, noKey(t))
			wantRejected(t, err, append(tt.want, tt.rule)...)
			var failure *check.Failure
			if !errors.As(err, &failure) || res == nil || res.Report == nil || !res.Report.Has(tt.rule, check.Failed) {
				t.Fatalf("found %+v, %v", res, err)
			}
			for _, r := range res.Report.Results {
				if strings.HasPrefix(r.Rule.ID, "register.") {
					seen[r.Rule.ID+" "+r.Outcome.String()] = true
				}
			}
			if res.Peer != nil || res.Plan != nil {
				t.Errorf("found %+v", res)
			}
			unchanged(t, d.Path(), before)
		})
	}
	d, s := signedAuthority(t, "da")
	for _, r := range mustRegister(t, d, s.certify(t, d, "cafe001207")).Report.Results {
		seen[r.Rule.ID+" "+r.Outcome.String()] = true
	}
	ids := make(map[string]bool)
	for _, r := range registerRules {
		if ids[r.ID] || r.Severity != check.Error || r.Title == "" || r.Citation == "" || r.Advice == "" {
			t.Errorf("rule %+v is not complete", r)
		}
		ids[r.ID] = true
		for _, outcome := range []string{" passed", " failed"} {
			if !seen[r.ID+outcome] {
				t.Errorf("no certificate for which %s is%s", r.ID, outcome)
			}
		}
	}
}

func nodeName(id certs.Identity) pkix.Name {
	return pkix.Name{Organization: []string{certs.Organization}, OrganizationalUnit: []string{id.Type().Unit()}, SerialNumber: id.ID()}
}

// foreign is a certificate that follows no profile.
func foreign(t testing.TB, key crypto.Signer, issuer pkix.Name, notAfter time.Time, extra ...pkix.Extension) *certs.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: issuer, NotBefore: testNow.Add(-time.Hour), NotAfter: notAfter,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, ExtraExtensions: extra,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	c, err := certs.ParseCertificate(certs.EncodeCertificate(x))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// withComment is a certificate with a comment that our own issuer would refuse.
func withComment(t testing.TB, s *stranger, d *Dir, comment string) *certs.Certificate {
	t.Helper()
	der, err := asn1.MarshalWithParams(comment, "ia5")
	if err != nil {
		t.Fatal(err)
	}
	return foreign(t, s.key, nodeName(s.id), testNow.AddDate(600, 0, 0), pkix.Extension{Id: asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 13}, Value: der})
}

// What a stopped run of the existing tool leaves is completed.
func TestRegisterCompletes(t *testing.T) {
	t.Run("empty sub-ca.crt and another subnet", func(t *testing.T) {
		d, s := signedAuthority(t, "ca")
		writeText(t, d, "peers/cafe0012/sub-ca.crt", "")
		writeText(t, d, "peers/cafe0012/masq-subnet.txt", "000009\n")
		res := mustRegister(t, d, s.certify(t, d, "000007"))
		if res.Already || res.Peer.MasqSubnet.String() != "000007" || len(res.Peer.Problems) > 0 {
			t.Errorf("found %+v", res.Peer)
		}
	})
	t.Run("registered, subnet missing", func(t *testing.T) {
		d, s := signedAuthority(t, "ca")
		c := s.certify(t, d, "000007")
		mustRegister(t, d, c)
		remove(t, d.file("peers/cafe0012/masq-subnet.txt"))
		res := mustRegister(t, d, c)
		if !res.Already || res.Plan.Nothing || res.Peer.MasqSubnet.String() != "000007" {
			t.Errorf("found %+v, %+v", res, res.Peer)
		}
	})
	t.Run("registered, another subnet", func(t *testing.T) {
		d, s := signedAuthority(t, "ca")
		c := s.certify(t, d, "000007")
		mustRegister(t, d, c)
		writeText(t, d, "peers/cafe0012/masq-subnet.txt", "000009\n")
		_, err := d.RegisterPeer(t.Context(), c, noKey(t))
		wantRejected(t, err, "000009", "000007")
	})
}

func TestRegisterChangesNothing(t *testing.T) {
	for name, ch := range map[string]Change{
		"refused": {Confirm: func(*Plan) error { return ErrRefused }},
		"dry":     {DryRun: true},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := signedAuthority(t, "ca")
			before := tree(t, d)
			res, err := d.RegisterPeer(t.Context(), s.certify(t, d, "000007"), ch)
			if ch.DryRun && (err != nil || res.Peer != nil || len(res.Plan.Changes) != 2) {
				t.Errorf("found %+v, %v", res, err)
			}
			if !ch.DryRun && !errors.Is(err, ErrRefused) {
				t.Errorf("found %v", err)
			}
			if !res.Report.OK(true) {
				t.Error(res.Report.Err())
			}
			unchanged(t, d.Path(), before)
		})
	}
	if _, err := openNode(t, "aa").RegisterPeer(t.Context(), nil, Change{}); err == nil {
		t.Error("no error without a certificate")
	}
}
