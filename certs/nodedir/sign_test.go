package nodedir

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/name"
)

// The bundle of a debtors agent that the reference authority does not know.
func TestSignReference(t *testing.T) {
	d := openNode(t, "aa")
	before := snapshot(t, d.Path())
	res := mustSign(t, d, refBundle(t, "da2"))
	if res.Action != ActionSigned || res.Certificate == nil || res.Peer == nil {
		t.Fatalf("found %+v", res)
	}
	base := "peers/" + referenceDA2 + "/"
	want := []string{
		"certs/8E5F9DB19112FEFA4BC420F299571934.pem",
		"db/index",
		"db/serial",
		"db/subnets/debtors/1234abcd01",
		"db/subnets/debtors/SEQNUM",
		base + "nodeinfo/stomp.toml",
		base + "nodeinfo/updated-at.txt",
		base + "nodetype.txt",
		base + "peercert.crt",
		base + "queues.txt",
		base + "root-ca.crt",
		base + "subnet.txt",
	}
	after := snapshot(t, d.Path())
	if got := changedFiles(before, after); !slices.Equal(got, want) {
		t.Errorf("changed paths:\n%s", cmp.Diff(want, got))
	}
	for p, mode := range map[string]string{base + "peercert.crt": "-rw-r--r--", base + "root-ca.crt": "-rw-r--r--", "peers/" + referenceDA2: "drwxr-xr-x", base + "nodeinfo": "drwxr-xr-x", base + "nodeinfo/stomp.toml": "-rw-r--r--"} {
		if !strings.HasPrefix(after[p], mode) {
			t.Errorf("%s: found mode %s, expected %s", p, after[p], mode)
		}
	}
	for file, text := range map[string]string{
		"db/serial":                     "8E5F9DB19112FEFA4BC420F299571935\n",
		"db/subnets/debtors/1234abcd01": referenceDA2 + "\n",
		"db/subnets/debtors/SEQNUM":     "1\n",
		base + "subnet.txt":             "1234abcd01\n",
		base + "queues.txt":             "1\n",
		base + "nodetype.txt":           "Debtors Agents\n",
		base + "root-ca.crt":            string(refBundle(t, "da2").Root.File),
		base + "peercert.crt":           readText(t, d, "certs/8E5F9DB19112FEFA4BC420F299571934.pem"),
	} {
		if got := readText(t, d, file); got != text {
			t.Errorf("%s: found %q, expected %q", file, got, text)
		}
	}
	row := regexp.MustCompile(`(?m)^V\t3026\d{10}Z\t\t8E5F9DB19112FEFA4BC420F299571934\tunknown\t/O=Swaptacular Nodes Registry/OU=Debtors Agents/serialNumber=` + referenceDA2 + "\n\\z")
	if got := readText(t, d, "db/index"); !row.MatchString(got) {
		t.Errorf("db/index: found\n%s", got)
	}
	p := res.Peer
	if len(p.Problems) > 0 || p.Identity.ID() != referenceDA2 || p.Subnet.String() != "1234abcd01" || p.Queues != 1 || p.SubCA != nil || p.UpdatedAt != "2026-11-23" || len(p.Servers) != 1 {
		t.Errorf("found peer %+v", p)
	}

	// Again: nothing, without the key.
	before = after
	again, err := d.SignPeer(t.Context(), SignRequest{Bundle: refBundle(t, "da2")}, Change{
		Confirm: func(*Plan) error { t.Error("asked to confirm nothing"); return nil },
		Key:     noKey(t).Key,
	})
	if err != nil || again.Action != ActionNone || !again.Plan.Nothing || !bytes.Equal(again.Certificate.Raw, res.Certificate.Raw) {
		t.Errorf("again: found %+v, %v", again, err)
	}
	unchanged(t, d.Path(), before)

	testOpenSSL(t, d, p)
}

// testOpenSSL shows that OpenSSL takes the certificate, and that it differs from
// one of the existing tool's only where it must.
func testOpenSSL(t *testing.T, d *Dir, p *Peer) {
	file := d.file("peers/" + p.Folder + "/" + peerPeerCert)
	openssl(t, "", nil, "verify", "-check_ss_sig", "-attime", fmt.Sprint(testNow.Unix()), "-trusted", d.file(fileRootCert), file)
	theirs := filepath.Join(referenceNodes, "aa", "peers", referenceDA, peerPeerCert)
	if got, want := asn1Dump(t, file), asn1Dump(t, theirs); got != want {
		t.Errorf("the structure differs from that of the existing tool:\n%s", cmp.Diff(want, got))
	}
}

// asn1Dump is the structure of a certificate without what is different in each:
// serial, dates, key, key ids, node ids, subnet, signature.
func asn1Dump(t *testing.T, file string) string {
	t.Helper()
	der := filepath.Join(t.TempDir(), "c.der")
	openssl(t, "", nil, "x509", "-in", file, "-outform", "DER", "-out", der)
	s := string(openssl(t, "", nil, "asn1parse", "-inform", "DER", "-in", der))
	for pattern, with := range map[string]string{
		`(INTEGER +):8E5F9DB19112FEFA4BC420F2995719..`: "$1:SERIAL",
		`UTCTIME +:\d{12}Z`:                            "UTCTIME:NOW",
		`GENERALIZEDTIME +:\d{14}Z`:                    "GENERALIZEDTIME:END",
		`(\[HEX DUMP\]:0414)[0-9A-F]{40}`:              "$1:KEYID",
		referenceDA + `|` + referenceDA2:               "PEER",
	} {
		s = regexp.MustCompile(pattern).ReplaceAllString(s, with)
	}
	// Extension values that hold an id or a subnet, as hex.
	for _, v := range []string{referenceDA, referenceDA2} {
		s = strings.ReplaceAll(s, strings.ToUpper(fmt.Sprintf("%x", v)), "PEER")
	}
	for _, v := range []string{"1234abcd00", "1234abcd01"} {
		s = strings.ReplaceAll(s, strings.ToUpper(fmt.Sprintf("%x", v)), "SUBNET")
	}
	return s
}

// A creditors agent from its bundle to its deactivation, and what must not be
// taken from it.
func TestWholeLife(t *testing.T) {
	d := openNode(t, "aa")
	s := newStranger(t, certs.CreditorsAgent, "")
	id := s.id.ID()
	res := mustSign(t, d, s.bundle(t, "2026-11-20", nil))
	if res.Peer.Subnet.String() != "000003" || res.Action != ActionSigned {
		t.Fatalf("found %s with subnet %q", res.Action, res.Peer.Subnet)
	}
	if sub, err := certs.PeerSubnet(res.Certificate.Certificate); err != nil || sub.String() != "000003" {
		t.Errorf("certificate: found subnet %q, %v", sub, err)
	}
	if _, err := d.SetQueues(t.Context(), id, 2, Change{}); true {
		wantRejected(t, err, "not registered", peerSubCA)
	}
	if _, err := d.Deactivate(t.Context(), id, Change{}); true {
		wantRejected(t, err, "not registered", peerSubCA)
	}

	reg := mustRegister(t, d, s.certify(t, d, ""))
	if reg.Already || reg.Peer.SubCA == nil || !reg.Report.OK(true) {
		t.Errorf("found %+v\n%v", reg, reg.Report.Err())
	}
	if plan, err := d.SetQueues(t.Context(), id[:8], 5, Change{}); err != nil || plan.Nothing {
		t.Errorf("found %+v, %v", plan, err)
	}
	if got := readText(t, d, "peers/"+id+"/queues.txt"); got != "5\n" {
		t.Errorf("queues.txt: found %q", got)
	}
	if plan, err := d.Deactivate(t.Context(), id, Change{}); err != nil || plan.Nothing {
		t.Errorf("found %+v, %v", plan, err)
	}
	if got := readText(t, d, "peers/"+id+"/DEACTIVATED"); got != "2026-11-24\n" {
		t.Errorf("DEACTIVATED: found %q", got)
	}

	// What it publishes is kept current all the same.
	newer, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-21", map[string]string{"new.txt": "x"})}, noKey(t))
	if err != nil || newer.Action != ActionUpdated || newer.Peer.UpdatedAt != "2026-11-21" || !bytes.Equal(newer.Certificate.Raw, res.Certificate.Raw) {
		t.Fatalf("found %+v, %v", newer, err)
	}
	if got := readText(t, d, "peers/"+id+"/nodeinfo/new.txt"); got != "x" {
		t.Errorf("new.txt: found %q", got)
	}
	if !strings.Contains(strings.Join(newer.Plan.Notes, "\n"), "deactivated") {
		t.Errorf("notes: found %q", newer.Plan.Notes)
	}

	before := snapshot(t, d.Path())
	older := s.bundle(t, "2026-11-20", nil)
	_, err = d.SignPeer(t.Context(), SignRequest{Bundle: older}, noKey(t))
	wantRejected(t, err, "2026-11-20", "2026-11-21")
	other := s.bundle(t, "2026-11-21", map[string]string{"new.txt": "y"})
	_, err = d.SignPeer(t.Context(), SignRequest{Bundle: other}, noKey(t))
	wantRejected(t, err, "2026-11-21", "other content")
	again := strangerWithKey(t, certs.CreditorsAgent, "", s.key)
	for _, force := range []bool{false, true} {
		_, err = d.SignPeer(t.Context(), SignRequest{Bundle: again.bundle(t, "2026-11-22", nil), Force: force}, noKey(t))
		wantRejected(t, err, "theft", "the same key", certs.CertificateFingerprint(s.root.Raw), certs.CertificateFingerprint(again.root.Raw))
	}
	unchanged(t, d.Path(), before)

	forced, err := d.SignPeer(t.Context(), SignRequest{Bundle: older, Force: true}, noKey(t))
	if err != nil || forced.Action != ActionUpdated || forced.Peer.UpdatedAt != "2026-11-20" {
		t.Fatalf("found %+v, %v", forced, err)
	}
	if _, err := os.Stat(d.file("peers/" + id + "/nodeinfo/new.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("new.txt is still there: %v", err)
	}
}

// An authority's id can be taken by anybody who makes a key; its certificate
// cannot.
func TestTheft(t *testing.T) {
	d := openNode(t, "ca")
	thief := newStranger(t, certs.AccountingAuthority, referenceAA)
	before := snapshot(t, d.Path())
	for _, force := range []bool{false, true} {
		for _, dry := range []bool{false, true} {
			ch := noKey(t)
			ch.DryRun = dry
			res, err := d.SignPeer(t.Context(), SignRequest{Bundle: thief.bundle(t, "2027-01-01", nil), Force: force}, ch)
			if res != nil {
				t.Errorf("found %+v", res)
			}
			was := refStranger(t, "aa")
			wantRejected(t, err, "theft", "another key", certs.CertificateFingerprint(was.root.Raw), certs.CertificateFingerprint(thief.root.Raw),
				certs.KeyFingerprint(was.root.RawSubjectPublicKeyInfo), certs.KeyFingerprint(thief.root.RawSubjectPublicKeyInfo))
		}
	}
	unchanged(t, d.Path(), before)
}

func TestSignRefusals(t *testing.T) {
	agent := newStranger(t, certs.CreditorsAgent, "")
	for _, tt := range []struct {
		name    string
		node    string
		prepare func(t *testing.T, d *Dir)
		bundle  func(t *testing.T) *bundle.Bundle
		want    []string
		system  bool // the directory is at fault: not a rejection
	}{
		{name: "own bundle", node: "aa", bundle: func(t *testing.T) *bundle.Bundle { return refBundle(t, "aa") }, want: []string{"this node itself"}},
		{name: "two authorities", node: "aa", want: []string{"cafe0000", "1234abcd"}, bundle: func(t *testing.T) *bundle.Bundle {
			return newStranger(t, certs.AccountingAuthority, "cafe0000").bundle(t, "2026-11-23", nil)
		}},
		{name: "two agents", node: "ca", bundle: func(t *testing.T) *bundle.Bundle { return refBundle(t, "da2") }, want: []string{"only an accounting authority and an agent"}},
		{name: "second peer of a debtors agent", node: "da", want: []string{"exactly one peer", "1234abcd", "cafe0000"}, bundle: func(t *testing.T) *bundle.Bundle {
			return newStranger(t, certs.AccountingAuthority, "cafe0000").bundle(t, "2026-11-23", nil)
		}},
		{name: "folder is a file", node: "aa", want: []string{"found a regular file", "expected the peer's folder"},
			prepare: func(t *testing.T, d *Dir) { write(t, d.file("peers/"+agent.id.ID()), "x") }},
		{name: "folder is a link", node: "aa", want: []string{"found a symbolic link"}, prepare: func(t *testing.T, d *Dir) {
			if err := os.Symlink(referenceCA, d.file("peers/"+agent.id.ID())); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "nodeinfo is a link", node: "aa", want: []string{"nodeinfo", "found a symbolic link"}, bundle: func(t *testing.T) *bundle.Bundle { return refBundle(t, "ca") },
			prepare: func(t *testing.T, d *Dir) {
				dir := d.file("peers/" + referenceCA + "/nodeinfo")
				if err := errors.Join(os.Rename(dir, dir+".away"), os.Symlink("nodeinfo.away", dir)); err != nil {
					t.Fatal(err)
				}
			}},
		{name: "no peercert.crt", node: "aa", system: true, want: []string{"peercert.crt", "doctor"}, bundle: func(t *testing.T) *bundle.Bundle { return refBundle(t, "ca") },
			prepare: func(t *testing.T, d *Dir) { remove(t, d.file("peers/"+referenceCA+"/peercert.crt")) }},
		{name: "no root-ca.crt", node: "aa", system: true, want: []string{"root-ca.crt", "doctor"}, bundle: func(t *testing.T) *bundle.Bundle { return refBundle(t, "ca") },
			prepare: func(t *testing.T, d *Dir) { remove(t, d.file("peers/"+referenceCA+"/root-ca.crt")) }},
		{name: "empty folder", node: "aa", system: true, want: []string{"doctor"}, prepare: func(t *testing.T, d *Dir) {
			if err := os.Mkdir(d.file("peers/"+agent.id.ID()), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "certificate file with CR LF", node: "aa", want: []string{"pem.lf"}, bundle: func(t *testing.T) *bundle.Bundle {
			b := *agent.bundle(t, "2026-11-23", nil)
			c, err := certs.ParseCertificate(bytes.ReplaceAll(b.Root.File, []byte("\n"), []byte("\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			b.Root = c
			return &b
		}},
		{name: "id is not the key's", node: "aa", want: []string{"id follows from their key", strings.Repeat("ab", 16), agent.id.ID()}, bundle: func(t *testing.T) *bundle.Bundle {
			b := *agent.bundle(t, "2026-11-23", nil)
			id, err := certs.NewIdentity(certs.CreditorsAgent, strings.Repeat("ab", 16))
			if err != nil {
				t.Fatal(err)
			}
			b.Identity = id
			return &b
		}},
		{name: "a damaged index", node: "aa", system: true, want: []string{"db/index:6"}, prepare: func(t *testing.T, d *Dir) {
			write(t, d.file("db/index"), readText(t, d, "db/index")+"V\tx\t\t00\tunknown\t/serialNumber="+agent.id.ID()+"\n")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, tt.node)
			if tt.prepare != nil {
				tt.prepare(t, d)
			}
			b := agent.bundle(t, "2026-11-23", nil)
			if tt.bundle != nil {
				b = tt.bundle(t)
			}
			before := snapshot(t, d.Path())
			_, err := d.SignPeer(t.Context(), SignRequest{Bundle: b, Force: true}, noKey(t))
			if tt.system {
				if errors.Is(err, ErrRejected) {
					t.Errorf("found a rejection, expected another error: %v", err)
				}
				wantError(t, err, tt.want...)
			} else {
				wantRejected(t, err, tt.want...)
			}
			unchanged(t, d.Path(), before)
		})
	}
	if _, err := openNode(t, "aa").SignPeer(t.Context(), SignRequest{}, Change{}); err == nil {
		t.Error("no error without a bundle")
	}
}

// A wrong password, a refusal, a dry run, an interrupt: not one byte changes.
func TestSignRefusedChangesNothing(t *testing.T) {
	wrong := errors.New("wrong password")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	otherKey := newStranger(t, certs.CreditorsAgent, "").key
	for _, tt := range []struct {
		name string
		ctx  context.Context
		ch   Change
		want error // nil: no error
		any  bool  // any error
	}{
		{name: "refused", ch: Change{Confirm: func(*Plan) error { return ErrRefused }, Key: noKey(t).Key}, want: ErrRefused},
		{name: "wrong password", ch: Change{Key: func() (crypto.Signer, error) { return nil, wrong }}, want: wrong},
		{name: "another key", ch: Change{Key: func() (crypto.Signer, error) { return otherKey, nil }}, any: true},
		{name: "no key", ch: Change{}, any: true},
		{name: "dry", ch: Change{DryRun: true, Key: noKey(t).Key}},
		{name: "canceled", ctx: canceled, ch: Change{Key: noKey(t).Key}, want: context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "aa")
			before := snapshot(t, d.Path())
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			res, err := d.SignPeer(ctx, SignRequest{Bundle: refBundle(t, "da2")}, tt.ch)
			switch {
			case tt.any:
				if err == nil {
					t.Error("found no error")
				}
			case !errors.Is(err, tt.want):
				t.Errorf("found error %v, expected %v", err, tt.want)
			case err == nil:
				if res.Action != ActionSigned || res.Peer != nil || res.Certificate != nil || len(res.Plan.Changes) == 0 || len(res.Plan.Facts) == 0 {
					t.Errorf("found %+v", res)
				}
			}
			unchanged(t, d.Path(), before)
			if _, err := os.Stat(d.file(fileLock)); !errors.Is(err, os.ErrNotExist) {
				t.Error("the lock was taken")
			}
		})
	}
}

// Twenty at once, each with its own view of the directory.
func TestSignConcurrently(t *testing.T) {
	const n = 20
	d := openNode(t, "aa")
	bundles := make([]*bundle.Bundle, n)
	for i := range bundles {
		bundles[i] = newStranger(t, []certs.NodeType{certs.CreditorsAgent, certs.DebtorsAgent}[i%2], "").bundle(t, "2026-11-23", nil)
	}
	var wg sync.WaitGroup
	results := make([]*SignResult, n)
	errs := make([]error, n)
	ch := keyOf(t, d)
	for i := range n {
		wg.Go(func() {
			own, err := Open(d.Path(), d.opts)
			if err != nil {
				errs[i] = err
				return
			}
			results[i], errs[i] = own.SignPeer(t.Context(), SignRequest{Bundle: bundles[i]}, ch)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, res := range results {
		serial := res.Certificate.SerialNumber.String()
		if subnet := res.Peer.Subnet.String(); subnet == "" || seen[serial] || seen[subnet] {
			t.Errorf("serial %s or subnet %q was given twice", serial, subnet)
		} else {
			seen[serial], seen[subnet] = true, true
		}
	}
	rows, problems := parseIndex([]byte(readText(t, d, fileIndex)))
	if len(rows) != 5+n || len(problems) > 0 {
		t.Errorf("db/index: found %d rows and %v", len(rows), problems)
	}
	peers, err := d.Peers()
	if err != nil || len(peers) != 3+n {
		t.Fatalf("found %d peers, %v", len(peers), err)
	}
	for _, p := range peers {
		if len(p.Problems) > 0 {
			t.Errorf("%s: %v", p.Folder, p.Problems)
		}
	}
	for i := range 10 {
		for _, f := range []string{fmt.Sprintf("creditors/%06x", 3+i), fmt.Sprintf("debtors/1234abcd%02x", 1+i)} {
			if _, err := os.Stat(d.file("db/subnets/" + f)); err != nil {
				t.Error(err)
			}
		}
	}
}

// The same bundle many times at once: one certificate.
func TestSignSameConcurrently(t *testing.T) {
	const n = 8
	d := openNode(t, "aa")
	b := refBundle(t, "da2")
	ch := keyOf(t, d)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := make(map[string]int)
	for range n {
		wg.Go(func() {
			res, err := reopen(t, d.Path()).SignPeer(t.Context(), SignRequest{Bundle: b}, ch)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			got[string(res.Action)]++
			got[res.Certificate.SerialNumber.String()]++
		})
	}
	wg.Wait()
	if len(got) != 3 && !(len(got) == 2 && got[string(ActionSigned)] == n) || got[string(ActionSigned)] != 1 {
		t.Errorf("found %v, expected one that signed and one serial number", got)
	}
	if rows, _ := parseIndex([]byte(readText(t, d, fileIndex))); len(rows) != 6 {
		t.Errorf("db/index: found %d rows, expected 6", len(rows))
	}
}

// TestSignIsNotMisledByNames: whoever chooses a name chooses part of db/index.
// A further attribute that holds "/serialNumber=" and another node's id must not
// keep that node out.
func TestSignIsNotMisledByNames(t *testing.T) {
	d := openNode(t, "aa")
	victim := newStranger(t, certs.CreditorsAgent, "")
	for _, text := range []string{"x/serialNumber=" + victim.id.ID(), "/serialNumber=" + victim.id.ID() + "/x", `\/serialNumber=` + victim.id.ID()} {
		attacker := newStranger(t, certs.CreditorsAgent, "")
		raw, err := name.Parse(attacker.id.RawName())
		if err != nil {
			t.Fatal(err)
		}
		var all []name.Attribute
		for _, rdn := range raw.RDNs() {
			all = append(all, rdn...)
		}
		n, err := name.Build(append(all, name.Attribute{Type: []int{2, 5, 4, 3}, Tag: name.TagUTF8String, Value: text}))
		if err != nil {
			t.Fatal(err)
		}
		attacker.rename(t, n.Raw())
		if _, err := d.SignPeer(t.Context(), SignRequest{Bundle: attacker.bundle(t, "2026-11-23", nil)}, withKey(t, "aa")); err != nil {
			t.Fatal(err)
		}
	}
	res, err := d.SignPeer(t.Context(), SignRequest{Bundle: victim.bundle(t, "2026-11-23", nil)}, withKey(t, "aa"))
	if err != nil || res.Action != ActionSigned {
		t.Fatalf("the victim: %v, %+v, expected it to be signed", err, res)
	}
}

// TestSignRemembersWithCRLF: line ends that an editor changed do not make the
// index forget who has a certificate.
func TestSignRemembersWithCRLF(t *testing.T) {
	d := openNode(t, "aa")
	s := newStranger(t, certs.CreditorsAgent, "")
	b := s.bundle(t, "2026-11-23", nil)
	first, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, withKey(t, "aa"))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, d, fileIndex, strings.ReplaceAll(readText(t, d, fileIndex), "\n", "\r\n"))
	if err := os.RemoveAll(d.file(dirPeers + "/" + s.id.ID())); err != nil {
		t.Fatal(err)
	}
	second, err := d.SignPeer(t.Context(), SignRequest{Bundle: b}, withKey(t, "aa"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Certificate.Raw, second.Certificate.Raw) {
		t.Error("the node got a second certificate")
	}
}

// TestUsedSerialIsRefused: db/serial was put back, and the certificate of that
// number is gone.
func TestUsedSerialIsRefused(t *testing.T) {
	d := openNode(t, "aa")
	writeText(t, d, fileSerial, "8E5F9DB19112FEFA4BC420F299571931\n")
	if err := os.Remove(d.file("certs/8E5F9DB19112FEFA4BC420F299571931.pem")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, d.Path())
	s := newStranger(t, certs.CreditorsAgent, "")
	_, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-23", nil)}, withKey(t, "aa"))
	if err == nil || !strings.Contains(err.Error(), "used already") || !strings.Contains(err.Error(), "db/index:3") {
		t.Errorf("found error %v, expected one that names the row", err)
	}
	if after := snapshot(t, d.Path()); !maps.Equal(before, after) {
		t.Error("the directory changed")
	}
}

// TestUnreadableSeqNumIsOnlyAHint: the files of the subnets decide.
func TestUnreadableSeqNumIsOnlyAHint(t *testing.T) {
	for _, text := range []string{"xyz\n", "-5\n", "99999999999999999999\n"} {
		d := openNode(t, "aa")
		writeText(t, d, "db/subnets/creditors/SEQNUM", text)
		s := newStranger(t, certs.CreditorsAgent, "")
		res, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-23", nil)}, withKey(t, "aa"))
		if err != nil || res.Peer.Subnet.String() != "000003" {
			t.Errorf("SEQNUM %q: %v, %+v, expected the subnet 000003", text, err, res)
		}
	}
}

func TestMissingIndex(t *testing.T) {
	d := openNode(t, "aa")
	if err := os.Remove(d.file(fileIndex)); err != nil {
		t.Fatal(err)
	}
	s := newStranger(t, certs.CreditorsAgent, "")
	_, err := d.SignPeer(t.Context(), SignRequest{Bundle: s.bundle(t, "2026-11-23", nil)}, withKey(t, "aa"))
	if !errors.Is(err, ErrNotNode) || !strings.Contains(err.Error(), "init") {
		t.Errorf("found error %v, expected advice to rebuild db/index", err)
	}
}
