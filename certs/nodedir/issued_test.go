package nodedir

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// The subnet that a stopped run of the existing tool reserved is the one that
// is used.
func TestReservedSubnet(t *testing.T) {
	d := openNode(t, "aa")
	write(t, d.file("db/subnets/debtors/1234abcd01"), "00000000000000000000000000000000\n")
	write(t, d.file("db/subnets/debtors/1234abcd02"), referenceDA2+"\n")
	write(t, d.file("db/subnets/debtors/SEQNUM"), "2\n")
	res := mustSign(t, d, refBundle(t, "da2"))
	if got := res.Peer.Subnet.String(); got != "1234abcd02" {
		t.Errorf("found subnet %s, expected 1234abcd02", got)
	}
	if _, err := os.Stat(d.file("db/subnets/debtors/1234abcd03")); err == nil {
		t.Error("another subnet was taken too")
	}
}

// A peer whose folder is gone keeps its certificate and subnet.
func TestFolderGone(t *testing.T) {
	d := openNode(t, "aa")
	old := readText(t, d, "peers/"+referenceCA+"/peercert.crt")
	remove(t, d.file("peers/"+referenceCA))
	before := snapshot(t, d.Path())

	ch := noKey(t)
	ch.DryRun = true
	dry, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "ca")}, ch)
	if err != nil || dry.Certificate == nil || !strings.Contains(strings.Join(dry.Plan.Notes, " "), "nothing is signed") {
		t.Errorf("found %+v, %v", dry, err)
	}
	unchanged(t, d.Path(), before)

	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "ca")}, noKey(t))
	if err != nil {
		t.Fatal(err)
	}
	if res.Action != ActionSigned || string(res.Certificate.File) != old || res.Peer.Subnet.String() != "000001" || len(res.Peer.Problems) > 0 {
		t.Errorf("found %+v", res.Peer)
	}
	for _, p := range changedFiles(before, snapshot(t, d.Path())) {
		if !strings.HasPrefix(p, "peers/"+referenceCA+"/") {
			t.Errorf("%s was changed", p)
		}
	}
}

func TestFolderGoneRefusals(t *testing.T) {
	const pem = "certs/8E5F9DB19112FEFA4BC420F299571930.pem"
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, d *Dir)
		want    []string
		ok      bool
		check   func(t *testing.T, d *Dir)
	}{
		{name: "certificate gone too", prepare: func(t *testing.T, d *Dir) { remove(t, d.file(pem)) }, want: []string{pem, "restore"}},
		{name: "certificate damaged", prepare: func(t *testing.T, d *Dir) { write(t, d.file(pem), "x") }, want: []string{pem}},
		{name: "certificate for another key", prepare: func(t *testing.T, d *Dir) {
			write(t, d.file(pem), readText(t, d, "certs/8E5F9DB19112FEFA4BC420F299571931.pem"))
		}, want: []string{"theft"}},
		{name: "revoked", prepare: func(t *testing.T, d *Dir) {
			rows := strings.Split(readText(t, d, "db/index"), "\n")
			rows[1] = strings.Replace(strings.Replace(rows[1], "V", "R", 1), "\t\t", "\t261123020000Z\t", 1)
			write(t, d.file("db/index"), strings.Join(rows, "\n"))
		}, want: []string{"revoked"}},
		{name: "two rows", prepare: func(t *testing.T, d *Dir) {
			index := readText(t, d, "db/index")
			write(t, d.file("db/index"), index+strings.Replace(strings.Split(index, "\n")[1], "71930", "71999", 1)+"\n")
		}, want: []string{"2 rows"}},
		{name: "subnet given to another", prepare: func(t *testing.T, d *Dir) {
			write(t, d.file("db/subnets/creditors/000001"), referenceCA2+"\n")
		}, want: []string{"db/subnets/creditors/000001", referenceCA2, "never belongs to two"}},
		{name: "subnet file gone", ok: true, prepare: func(t *testing.T, d *Dir) { remove(t, d.file("db/subnets/creditors/000001")) }, check: func(t *testing.T, d *Dir) {
			if got := readText(t, d, "db/subnets/creditors/000001"); got != referenceCA+"\n" {
				t.Errorf("found %q", got)
			}
		}},
		{name: "a longer id in the index", ok: true, prepare: func(t *testing.T, d *Dir) {
			write(t, d.file("db/index"), readText(t, d, "db/index")+"V\t30260326014547Z\t\tAA\tunknown\t/serialNumber="+referenceCA+"0\n")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "aa")
			remove(t, d.file("peers/"+referenceCA))
			tt.prepare(t, d)
			before := snapshot(t, d.Path())
			_, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "ca"), Force: true}, noKey(t))
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				if tt.check != nil {
					tt.check(t, d)
				}
				return
			}
			wantError(t, err, tt.want...)
			unchanged(t, d.Path(), before)
		})
	}
}

// A thief whose victim's folder was deleted.
func TestFolderGoneTheft(t *testing.T) {
	d := openNode(t, "ca")
	remove(t, d.file("peers/"+referenceAA))
	before := snapshot(t, d.Path())
	thief := newStranger(t, certs.AccountingAuthority, referenceAA)
	_, err := d.SignPeer(t.Context(), SignRequest{Bundle: thief.bundle(t, "2027-01-01", nil), Force: true}, noKey(t))
	wantRejected(t, err, "theft", certs.KeyFingerprint(thief.root.RawSubjectPublicKeyInfo))
	unchanged(t, d.Path(), before)

	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "aa")}, noKey(t))
	if err != nil || !bytes.Equal(res.Certificate.File, []byte(readText(t, d, "certs/7BBF3CEA05F019DB7F88E668B86E6B65.pem"))) {
		t.Errorf("found %+v, %v", res, err)
	}
}
