package nodedir

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// A subnet whose file was deleted, or put back with its folder, is not given to
// a second node.
func TestProvenSubnets(t *testing.T) {
	const (
		da0 = dirDebtorsSubnets + "/1234abcd00"
		ca1 = dirCreditorsSubnets + "/000001"
		ca2 = dirCreditorsSubnets + "/000002"
		cer = "certs/8E5F9DB19112FEFA4BC420F299571931.pem"
	)
	seqnum := func(folder string) string { return folder + "/" + nameSeqNum }
	for _, tt := range []struct {
		name string
		typ  certs.NodeType
		do   func(t *testing.T, d *Dir)
		want []string // of the error; nil: signed
	}{
		{"debtors: file and SEQNUM gone", certs.DebtorsAgent, func(t *testing.T, d *Dir) { removeRel(t, d, da0); removeRel(t, d, seqnum(dirDebtorsSubnets)) },
			[]string{da0 + " (" + referenceDA + " has it, says peers/" + referenceDA + "/subnet.txt)", "nothing was signed", "restore"}},
		{"debtors: file gone, another wasted", certs.DebtorsAgent, func(t *testing.T, d *Dir) {
			removeRel(t, d, da0)
			writeText(t, d, dirDebtorsSubnets+"/1234abcd01", strings.Repeat("0", 32)+"\n")
			writeText(t, d, seqnum(dirDebtorsSubnets), "1\n")
		}, []string{da0}},
		{"debtors: file and folder of the peer gone", certs.DebtorsAgent, func(t *testing.T, d *Dir) { removeRel(t, d, da0); removeAll(t, d, "peers/"+referenceDA) },
			[]string{da0 + " (" + referenceDA + " has it, says " + cer + ")"}},
		{"debtors: folder gone", certs.DebtorsAgent, func(t *testing.T, d *Dir) { removeAll(t, d, dirDebtorsSubnets) }, []string{da0}},
		{"both folders gone", certs.DebtorsAgent, func(t *testing.T, d *Dir) { removeAll(t, d, dirSubnets) }, []string{da0}},
		{"creditors: both folders gone", certs.CreditorsAgent, func(t *testing.T, d *Dir) { removeAll(t, d, dirSubnets) }, []string{ca1, ca2}},
		{"creditors: put back", certs.CreditorsAgent, func(t *testing.T, d *Dir) { removeRel(t, d, ca2); writeText(t, d, seqnum(dirCreditorsSubnets), "1\n") },
			[]string{ca2 + " (" + referenceCA2}},
		{"creditors: put back, with one wasted", certs.CreditorsAgent, func(t *testing.T, d *Dir) {
			removeRel(t, d, ca2)
			writeText(t, d, dirCreditorsSubnets+"/000003", strings.Repeat("0", 32)+"\n")
			writeText(t, d, seqnum(dirCreditorsSubnets), "3\n")
		}, []string{ca2}},
		{"creditors: SEQNUM gone, with one wasted", certs.CreditorsAgent, func(t *testing.T, d *Dir) {
			removeRel(t, d, ca1)
			writeText(t, d, dirCreditorsSubnets+"/000004", strings.Repeat("0", 32)+"\n")
			removeRel(t, d, seqnum(dirCreditorsSubnets))
		}, []string{ca1}},
		{"creditors: all counted once", certs.CreditorsAgent, func(t *testing.T, d *Dir) {
			removeRel(t, d, ca1)
			writeText(t, d, dirCreditorsSubnets+"/000004", strings.Repeat("0", 32)+"\n")
			writeText(t, d, seqnum(dirCreditorsSubnets), "16777215\n")
		}, []string{ca1}},
		{"the other pool does not matter", certs.CreditorsAgent, func(t *testing.T, d *Dir) { removeRel(t, d, da0) }, nil},
		{"a peer's folder gone", certs.CreditorsAgent, func(t *testing.T, d *Dir) { removeAll(t, d, "peers/"+referenceCA) }, nil},
		{"SEQNUM put back alone", certs.CreditorsAgent, func(t *testing.T, d *Dir) { writeText(t, d, seqnum(dirCreditorsSubnets), "0\n") }, nil},
		{"a wasted subnet", certs.CreditorsAgent, func(t *testing.T, d *Dir) {
			writeText(t, d, dirCreditorsSubnets+"/000003", strings.Repeat("0", 32)+"\n")
			writeText(t, d, seqnum(dirCreditorsSubnets), "3\n")
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "aa")
			b := newStranger(t, tt.typ, "").bundle(t, "2026-11-23", nil)
			tt.do(t, d)
			before := snapshot(t, d.Path())
			if tt.want == nil {
				mustSign(t, d, b)
				return
			}
			_, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, noKey(t))
			wantError(t, err, tt.want...)
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v is not ErrDamaged", err)
			}
			unchanged(t, d.Path(), before)
			// doctor names the missing file as well.
			file := strings.Split(tt.want[0], " ")[0]
			if r := audit(t, d, AuditOptions{}); !slices.ContainsFunc(r.Results, func(res check.Result) bool {
				return res.Rule.ID == "dir.peer-subnet" && res.Outcome == check.Failed && res.Where == file
			}) {
				t.Errorf("doctor does not report %s: %v", file, r.Err())
			}
		})
	}
}

// Where everything adds up, the peers are not read: it costs the same with any
// number of them.
func TestProvenSubnetsAreNotReadEachTime(t *testing.T) {
	d := openNode(t, "aa")
	// Only the last nodes are looked at; a folder that cannot be read shows it.
	for i := range recentSubnets {
		s := newStranger(t, certs.CreditorsAgent, "")
		if res := mustSign(t, d, s.bundle(t, "2026-11-23", nil)); i == 0 && res.Peer == nil {
			t.Fatal("not signed")
		}
	}
	file := d.file("peers/" + referenceCA + "/" + peerSubnet)
	removeRel(t, d, "peers/"+referenceCA+"/"+peerSubnet)
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	v := &view{Dir: d, now: testNow, locked: true}
	peer := identity(t, certs.CreditorsAgent, strings.Repeat("c", 32))
	if _, err := v.freeSubnet(peer); err != nil {
		t.Error(err)
	}
	// Nor if one of the last has no folder, and its row another form of the number.
	rec, err := v.readRecord()
	if err != nil {
		t.Fatal(err)
	}
	recent := rec.recent[certs.CreditorsAgent]
	last := recent[len(recent)-1]
	removeAll(t, d, "peers/"+string(last.id))
	edit(t, d, fileIndex, "\t"+string(last.serial)+"\t", "\t00"+strings.ToLower(string(last.serial))+"\t")
	v = &view{Dir: d, now: testNow, locked: true}
	if _, err := v.freeSubnet(peer); err != nil {
		t.Error(err)
	}
	// And if something does not add up, all are.
	removeRel(t, d, dirCreditorsSubnets+"/"+nameSeqNum)
	_, err = v.freeSubnet(peer)
	wantError(t, err, file, "a folder")
}

// Where a subnet comes from among those that were counted, the last nodes prove
// nothing: everything is read.
func TestProvenSubnetsWhenAllAreCounted(t *testing.T) {
	d := openNode(t, "aa")
	for range recentSubnets {
		mustSign(t, d, newStranger(t, certs.CreditorsAgent, "").bundle(t, "2026-11-23", nil))
	}
	removeRel(t, d, dirCreditorsSubnets+"/000001")
	writeText(t, d, dirCreditorsSubnets+"/"+nameSeqNum, "16777215\n")
	_, err := (&view{Dir: d, now: testNow, locked: true}).freeSubnet(identity(t, certs.CreditorsAgent, strings.Repeat("c", 32)))
	wantError(t, err, dirCreditorsSubnets+"/000001 ("+referenceCA+" has it")
}

// Of the debtors agents, of whom there are few, every one is looked at.
func TestProvenSubnetsOfSmallPool(t *testing.T) {
	d := openNode(t, "aa")
	for range recentSubnets {
		mustSign(t, d, newStranger(t, certs.DebtorsAgent, "").bundle(t, "2026-11-23", nil))
	}
	removeRel(t, d, dirDebtorsSubnets+"/1234abcd00")
	_, err := (&view{Dir: d, now: testNow, locked: true}).freeSubnet(identity(t, certs.DebtorsAgent, strings.Repeat("c", 32)))
	wantError(t, err, dirDebtorsSubnets+"/1234abcd00 ("+referenceDA+" has it")
}

// More certificates than numbers that were counted: SEQNUM has gone back, even if
// the last nodes have numbers below it.
func TestAddsUp(t *testing.T) {
	d := openNode(t, "aa")
	v := &view{Dir: d, now: testNow, locked: true}
	rec, err := v.record()
	if err != nil {
		t.Fatal(err)
	}
	const seqnum = 2
	p, recent := poolOf(d.identity, certs.CreditorsAgent), rec.recent[certs.CreditorsAgent]
	for count, want := range map[int]bool{seqnum: true, seqnum + 1: false} {
		if got, err := v.addsUp(count, recent, p, seqnum+1, seqnum); err != nil || got != want {
			t.Errorf("%d certificates: found %t, %v, expected %t", count, got, err, want)
		}
	}
}
