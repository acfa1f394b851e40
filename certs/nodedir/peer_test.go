package nodedir

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func TestPeersOfReference(t *testing.T) {
	d := openNode(t, "aa")
	peers, err := d.Peers()
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		id, subnet, deactivated string
		typ                     certs.NodeType
		queues                  int
	}{
		{referenceDA, "1234abcd00", "", certs.DebtorsAgent, 1},
		{referenceCA, "000001", "", certs.CreditorsAgent, 3},
		{referenceCA2, "000002", "2026-11-23", certs.CreditorsAgent, 1},
	}
	if len(peers) != len(want) {
		t.Fatalf("found %d peers, expected %d", len(peers), len(want))
	}
	for i, w := range want {
		p := peers[i]
		if p.Folder != w.id || p.Identity.ID() != w.id || p.Identity.Type() != w.typ || p.Subnet.String() != w.subnet || p.Queues != w.queues || p.Deactivated != w.deactivated {
			t.Errorf("found %+v, expected %+v", p, w)
		}
		if len(p.Problems) > 0 || p.Root == nil || p.PeerCert == nil || p.SubCA == nil || p.UpdatedAt != "2026-11-23" || len(p.Servers) != 1 || p.Active || p.HasManifest || !p.MasqSubnet.IsZero() {
			t.Errorf("found %+v", p)
		}
	}
	for node, masq := range map[string]string{"ca": "000001", "da": ""} {
		p, err := openNode(t, node).Peer(referenceAA)
		if err != nil || len(p.Problems) > 0 || p.MasqSubnet.String() != masq || p.Identity.Type() != certs.AccountingAuthority || p.Servers[0] != "127.0.0.1:21234" {
			t.Errorf("%s: found %+v, %v", node, p, err)
		}
	}
}

func TestPeersOfNone(t *testing.T) {
	d := openNode(t, "da")
	remove(t, d.file("peers"))
	if peers, err := d.Peers(); err != nil || len(peers) != 0 {
		t.Errorf("found %v, %v", peers, err)
	}
	if _, err := d.Peer(referenceAA); !errors.Is(err, ErrUnknown) {
		t.Errorf("found %v", err)
	}
	writeText(t, d, "peers", "")
	if peers, err := d.Peers(); err == nil {
		t.Errorf("found %v, expected an error: peers is a file", peers)
	}
}

func TestPeerByPrefix(t *testing.T) {
	d := openNode(t, "aa")
	for _, name := range []string{"ae420000", "fd04da46"} {
		if err := os.Mkdir(d.file("peers/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{
		referenceCA:      referenceCA,
		"ae4209":         referenceCA,
		referenceCA[:31]: referenceCA,
		"9713":           referenceDA,
		"ae420000":       "ae420000",
		"fd04da46":       "fd04da46", // all of one id before the beginning of another
		"fd04da463":      referenceCA2,
	} {
		if p, err := d.Peer(id); err != nil || p.Folder != want {
			t.Errorf("%s: found %+v, %v, expected %s", id, p, err, want)
		}
	}
	for id, want := range map[string]string{
		"ae42":                         "give more digits",
		"971":                          "at least its first 4",
		"":                             "at least its first 4",
		"1234":                         "that begins with 1234",
		"12345678":                     "that begins with 12345678",
		referenceCA + "0":              "expected a node id",
		strings.ToUpper(referenceCA):   "lowercase",
		"../peers/" + referenceCA:      "expected a node id",
		"../../../../../../etc":        "expected a node id",
		referenceCA + "/":              "expected a node id",
		"./" + referenceCA[:20]:        "expected a node id",
		referenceCA[:31] + "\x00":      "expected a node id",
		"ae42*":                        "expected a node id",
		"-ae42":                        "expected a node id",
		"ae42\n":                       "expected a node id",
		"ａｅ４２":                         "expected a node id",
		strings.Repeat("a", 1_000_000): "expected a node id",
	} {
		p, err := d.Peer(id)
		if !errors.Is(err, ErrUnknown) || p != nil {
			t.Errorf("%.40q: found %+v, %v, expected %v", id, p, err, ErrUnknown)
			continue
		}
		wantError(t, err, want)
		if len(err.Error()) > 300 {
			t.Errorf("%.40q: the error has %d bytes", id, len(err.Error()))
		}
	}
}

// What can be wrong with a folder, and that the others are still listed.
func TestPeerProblems(t *testing.T) {
	peer := "peers/" + referenceCA + "/"
	link := func(target string) func(*testing.T, *Dir, string) {
		return func(t *testing.T, d *Dir, rel string) {
			remove(t, d.file(rel))
			if err := os.Symlink(target, d.file(rel)); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := func(s string) func(*testing.T, *Dir, string) {
		return func(t *testing.T, d *Dir, rel string) { writeText(t, d, rel, s) }
	}
	gone := func(t *testing.T, d *Dir, rel string) { remove(t, d.file(rel)) }
	folder := func(t *testing.T, d *Dir, rel string) {
		remove(t, d.file(rel))
		if err := os.Mkdir(d.file(rel), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		rel  string
		do   func(*testing.T, *Dir, string)
		want string
	}{
		{"root gone", peer + "root-ca.crt", gone, "root-ca.crt is missing"},
		{"root damaged", peer + "root-ca.crt", text("x"), "root-ca.crt"},
		{"root is a link", peer + "root-ca.crt", link("../" + referenceDA + "/root-ca.crt"), "found a symbolic link"},
		{"root too long", peer + "root-ca.crt", text(strings.Repeat("x", maxCertFile+1)), "root-ca.crt"},
		{"peercert gone", peer + "peercert.crt", gone, "peercert.crt is missing"},
		{"peercert empty", peer + "peercert.crt", text(""), "peercert.crt is empty"},
		{"sub-ca empty", peer + "sub-ca.crt", text(""), "sub-ca.crt is empty"},
		{"nodetype gone", peer + "nodetype.txt", gone, "nodetype.txt is missing"},
		{"nodetype unknown", peer + "nodetype.txt", text("Bankers\n"), "Bankers"},
		{"nodetype of another", peer + "nodetype.txt", text("Debtors Agents\n"), "root-ca.crt says"},
		{"queues gone", peer + "queues.txt", gone, "queues.txt is missing"},
		{"queues 0", peer + "queues.txt", text("0\n"), "from 1 to 99"},
		{"queues 100", peer + "queues.txt", text("100\n"), "from 1 to 99"},
		{"queues no number", peer + "queues.txt", text("+1\n"), "from 1 to 99"},
		{"queues is a folder", peer + "queues.txt", folder, "found a folder"},
		{"subnet gone", peer + "subnet.txt", gone, "subnet.txt is missing"},
		{"subnet malformed", peer + "subnet.txt", text("00000x\n"), "00000x"},
		{"deactivated on no date", peer + "DEACTIVATED", text("yesterday\n"), "yesterday"},
		{"nodeinfo gone", peer + "nodeinfo", gone, "nodeinfo is missing"},
		{"nodeinfo is a link", peer + "nodeinfo", link("../" + referenceDA + "/nodeinfo"), "found a symbolic link"},
		{"updated-at gone", peer + "nodeinfo/updated-at.txt", gone, "updated-at.txt"},
		{"updated-at malformed", peer + "nodeinfo/updated-at.txt", text("today\n"), "today"},
		{"updated-at is a link", peer + "nodeinfo/updated-at.txt", link("../queues.txt"), "found a symbolic link"},
		{"manifest is a link", peer + "nodeinfo/stomp.toml", link("/etc/passwd"), "found a symbolic link"},
		{"no servers", peer + "nodeinfo/stomp.toml", text("servers = []\n"), "stomp.toml"},
		{"manifest gone", peer + "nodeinfo/stomp.toml", gone, "stomp.toml"},
		{"manifests before registering", "peers/" + referenceCA + "/sub-ca.crt", func(t *testing.T, d *Dir, rel string) {
			remove(t, d.file(rel))
			writeText(t, d, peer+"kustomization.yaml", "")
		}, "not registered"},
		{"folder of another's certificate", "peers/" + referenceDA2, func(t *testing.T, d *Dir, rel string) {
			if err := os.CopyFS(d.file(rel), os.DirFS(d.file(peer))); err != nil {
				t.Fatal(err)
			}
		}, "expected that of " + referenceDA2},
		{"folder is a link", "peers/" + referenceDA2, link(referenceCA), "found a symbolic link"},
		{"link to nothing", "peers/" + referenceDA2, link("nothing"), "found a symbolic link"},
		{"no id", "peers/backup", folder, "no node id"},
		{"empty folder", "peers/" + referenceDA2, folder, "root-ca.crt is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "aa")
			tt.do(t, d, tt.rel)
			bad := strings.Split(tt.rel, "/")[1]
			peers, err := d.Peers()
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, p := range peers {
				if p.Folder != bad {
					if len(p.Problems) > 0 {
						t.Errorf("%s: found problems %q", p.Folder, p.Problems)
					}
					continue
				}
				found = true
				if !strings.Contains(strings.Join(p.Problems, "\n"), tt.want) {
					t.Errorf("found problems %q, expected %q", p.Problems, tt.want)
				}
				if p.NextStep() == "" || strings.Contains(p.NextStep(), "nothing: active") {
					t.Errorf("found next step %q", p.NextStep())
				}
			}
			if !found {
				t.Errorf("%s is not listed", bad)
			}
		})
	}
}

func TestPeersIgnored(t *testing.T) {
	d := openNode(t, "aa")
	for _, rel := range []string{"peers/kustomization.yaml", "peers/create-peer-manifest", "peers/.hidden", "peers/README", "peers/.git/config", "peers/.cafe0000/root-ca.crt"} {
		writeText(t, d, rel, "x")
	}
	if err := os.Symlink("README", d.file("peers/LINK")); err != nil {
		t.Fatal(err)
	}
	if peers, err := d.Peers(); err != nil || len(peers) != 3 {
		t.Errorf("found %d peers, %v, expected 3", len(peers), err)
	}
}

func TestNextStep(t *testing.T) {
	id, err := certs.NewIdentity(certs.AccountingAuthority, referenceAA)
	if err != nil {
		t.Fatal(err)
	}
	c := new(certs.Certificate)
	for _, tt := range []struct {
		peer  Peer
		steps [4]StepState
		want  string
	}{
		{Peer{}, [4]StepState{"open", "open", "unknown", "open"}, "doctor"},
		{Peer{Root: c, Identity: id}, [4]StepState{"done", "open", "unknown", "open"}, "doctor"},
		{Peer{Root: c, Identity: id, PeerCert: c}, [4]StepState{"done", "done", "unknown", "open"}, "peers/1234abcd/peercert.crt"},
		{Peer{Root: c, Identity: id, PeerCert: c, SubCA: c}, [4]StepState{"done", "done", "done", "done"}, "ACTIVE"},
		{Peer{Root: c, Identity: id, PeerCert: c, SubCA: c, Active: true}, [4]StepState{"done", "done", "done", "done"}, "nothing: active"},
		{Peer{Root: c, Identity: id, PeerCert: c, SubCA: c, Active: true, Problems: []string{"x"}}, [4]StepState{"done", "done", "done", "done"}, "doctor"},
		{Peer{Root: c, Identity: id, PeerCert: c, SubCA: c, Active: true, Deactivated: "2026-11-23"}, [4]StepState{"done", "done", "done", "done"}, "2026-11-23"},
	} {
		tt.peer.Folder = referenceAA
		if got := tt.peer.Steps(); got != tt.steps {
			t.Errorf("%+v: found %v, expected %v", tt.peer, got, tt.steps)
		}
		if got := tt.peer.NextStep(); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%+v: found %q, expected %q in one line", tt.peer, got, tt.want)
		}
	}
}
