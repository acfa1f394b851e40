package nodedir

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

func identity(t testing.TB, typ certs.NodeType, id string) certs.Identity {
	t.Helper()
	i, err := certs.NewIdentity(typ, id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestFreeSubnet(t *testing.T) {
	newCA := identity(t, certs.CreditorsAgent, strings.Repeat("c", 32))
	newDA := identity(t, certs.DebtorsAgent, strings.Repeat("d", 32))
	creditors := func(p, name string) string { return filepath.Join(p, dirCreditorsSubnets, name) }
	debtors := func(p, name string) string { return filepath.Join(p, dirDebtorsSubnets, name) }
	for _, test := range []struct {
		name   string
		peer   certs.Identity
		change func(t *testing.T, p string)
		want   string // the subnet; or what the error says
		seqnum string // afterwards
		reused bool
	}{
		{"creditors: next", newCA, nil, "000003", "3", false},
		{"debtors: next", newDA, nil, "1234abcd01", "1", false},
		{"creditors: first", newCA, func(t *testing.T, p string) {
			issuedToNobody(t, p)
			remove(t, p, dirCreditorsSubnets)
		}, "000001", "1", false},
		{"debtors: first", newDA, func(t *testing.T, p string) {
			issuedToNobody(t, p)
			remove(t, p, dirDebtorsSubnets)
		}, "1234abcd00", "0", false},
		{"debtors: both folders missing", newDA, func(t *testing.T, p string) {
			issuedToNobody(t, p)
			remove(t, p, dirSubnets)
		}, "1234abcd00", "0", false},
		{"debtors: SEQNUM of a new directory", newDA, func(t *testing.T, p string) {
			issuedToNobody(t, p)
			remove(t, p, dirDebtorsSubnets)
			write(t, debtors(p, "SEQNUM"), "-1\n")
		}, "1234abcd00", "0", false},
		{"creditors: SEQNUM put back", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "SEQNUM"), "0\n")
		}, "000003", "3", false},
		{"debtors: SEQNUM put back", newDA, func(t *testing.T, p string) {
			write(t, debtors(p, "SEQNUM"), "-1\n")
		}, "1234abcd01", "1", false},
		{"creditors: 000000 is never given", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "SEQNUM"), "-1\n")
		}, "000003", "3", false},
		{"creditors: last", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "SEQNUM"), "16777214\n")
		}, "ffffff", "16777215", false},
		{"creditors: after the last, from the start", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "SEQNUM"), "16777215\n")
		}, "000003", "16777215", false},
		{"debtors: a hole is found after the last", newDA, func(t *testing.T, p string) {
			fillDebtors(t, p, 0x7f)
		}, "1234abcd7f", "255", false},
		{"debtors: the existing tool counted past the end", newDA, func(t *testing.T, p string) {
			fillDebtors(t, p, 0x80)
			write(t, debtors(p, "SEQNUM"), "256\n")
		}, "1234abcd80", "256", false},
		{"debtors: all given", newDA, func(t *testing.T, p string) {
			fillDebtors(t, p, -1)
		}, "all 256 subnets for debtors agents have been given", "255", false},
		{"debtors: reserved by an interrupted run", newDA, func(t *testing.T, p string) {
			write(t, debtors(p, "1234abcd01"), newDA.ID()+"\n")
			write(t, debtors(p, "SEQNUM"), "1\n")
		}, "1234abcd01", "1", true},
		{"debtors: reserved before SEQNUM was written", newDA, func(t *testing.T, p string) {
			write(t, debtors(p, "1234abcd01"), newDA.ID()+"\n")
		}, "1234abcd01", "1", true},
		{"creditors: reserved before SEQNUM was written", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "000003"), newCA.ID()+"\n")
		}, "000003", "3", true},
		{"creditors: reserved by an interrupted run", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "000003"), newCA.ID()+"\n")
			write(t, creditors(p, "000004"), strings.Repeat("e", 32)+"\n")
			write(t, creditors(p, "SEQNUM"), "4\n")
		}, "000003", "4", true},
		{"a taken file that cannot be read is taken", newDA, func(t *testing.T, p string) {
			write(t, debtors(p, "1234abcd01"), "")
		}, "1234abcd02", "2", false},
		{"SEQNUM broken", newCA, func(t *testing.T, p string) {
			write(t, creditors(p, "SEQNUM"), "0x3\n")
		}, "000003", "3", false},
		{"an authority gets none", identity(t, certs.AccountingAuthority, "00000001"), nil, "gets no subnet", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := copyNode(t, "aa")
			if test.change != nil {
				test.change(t, path)
			}
			before := snapshot(t, path)
			d := reopen(t, path)
			g, err := (&view{Dir: d, now: testNow}).freeSubnet(test.peer)
			unchanged(t, path, before)
			if strings.Contains(test.want, " ") {
				wantError(t, err, test.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Subnet.String() != test.want || g.Reused != test.reused {
				t.Fatalf("found %s, reused %v, want %s, %v", g.Subnet, g.Reused, test.want, test.reused)
			}
			tx := durable.NewTx(path, fileJournal)
			g.record(tx)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Dir(creditors(path, "x"))
			if test.peer.Type() == certs.DebtorsAgent {
				folder = filepath.Dir(debtors(path, "x"))
			}
			if got := string(read(t, folder, test.want)); got != test.peer.ID()+"\n" {
				t.Errorf("the file says %q", got)
			}
			if got := string(read(t, folder, "SEQNUM")); got != test.seqnum+"\n" {
				t.Errorf("SEQNUM says %q, want %s", got, test.seqnum)
			}
		})
	}
}

// issuedToNobody leaves the authority with nothing but its own certificates.
func issuedToNobody(t testing.TB, path string) {
	t.Helper()
	remove(t, path, dirPeers)
	var own []string
	for row := range strings.Lines(string(read(t, path, fileIndex))) {
		if strings.HasSuffix(row, "="+referenceAA+"\n") {
			own = append(own, row)
		} else {
			remove(t, path, dirCerts, strings.Split(row, "\t")[3]+".pem")
		}
	}
	write(t, filepath.Join(path, fileIndex), strings.Join(own, ""))
}

// fillDebtors gives all 256 subnets away, except the one with this number.
func fillDebtors(t *testing.T, path string, except int) {
	t.Helper()
	for n := range 256 {
		file := filepath.Join(path, dirDebtorsSubnets, fmt.Sprintf("1234abcd%02x", n))
		if n == except {
			remove(t, file)
		} else {
			write(t, file, fmt.Sprintf("%032x\n", n))
		}
	}
	write(t, filepath.Join(path, dirDebtorsSubnets, "SEQNUM"), "255\n")
}

func TestAllGivenIsRejected(t *testing.T) {
	path := copyNode(t, "aa")
	fillDebtors(t, path, -1)
	_, err := (&view{Dir: reopen(t, path)}).freeSubnet(identity(t, certs.DebtorsAgent, strings.Repeat("d", 32)))
	if !errors.Is(err, ErrRejected) {
		t.Errorf("found %v, want ErrRejected", err)
	}
}

func TestAgentsGiveNoSubnets(t *testing.T) {
	_, err := (&view{Dir: openNode(t, "ca")}).freeSubnet(identity(t, certs.AccountingAuthority, "00000001"))
	wantError(t, err, "a creditors agent gives no subnets")
}
