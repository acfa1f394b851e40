package nodedir

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

// A directory that we made works with plain OpenSSL, and goes on working with
// us afterwards: nobody is locked in.
func TestOpenSSLInOurDirectory(t *testing.T) {
	requireTool(t, "openssl")
	// A name that a shell or a configuration file might trip over.
	path := filepath.Join(t.TempDir(), "my node's $dir")
	// By the clock of the machine, because OpenSSL has no other.
	res, err := Init(t.Context(), path, adopting(t, certs.AccountingAuthority), Options{}, Change{})
	if err != nil {
		t.Fatal(err)
	}
	d := res.Dir
	first, err := d.readSerial()
	if err != nil {
		t.Fatal(err)
	}

	// A server that has only root-ca.conf makes its key and request.
	server := t.TempDir()
	write(t, filepath.Join(server, "root-ca.conf"), readText(t, d, fileConf))
	openssl(t, server, nil, "req", "-new", "-nodes", "-newkey", "rsa:2048", "-config", "root-ca.conf", "-reqexts", "server_official_ext", "-keyout", "server.key", "-out", "server.csr")
	req, err := certs.ParseRequest(read(t, server, "server.csr"))
	if err != nil {
		t.Fatal(err)
	}
	if err := certs.CheckServerRequest(req, d.Root().Certificate).Err(); err != nil {
		t.Error(err)
	}

	// OpenSSL, we, OpenSSL, we: serial numbers count up through all of it.
	password := []string{"PASS=" + referencePassword}
	inDir := append([]string{"SWPT_CA_DIR=."}, password...)
	openssl(t, path, inDir, "ca", "-batch", "-config", "root-ca.conf", "-extensions", "server_ext", "-days", "365",
		"-in", filepath.Join(server, "server.csr"), "-out", filepath.Join(server, "1.crt"), "-passin", "env:PASS")
	second := issueTestServer(t, d, 365)
	peer := append([]string{"DN_O=" + certs.Organization, "DN_OU=Debtors Agents", "DN_SERIAL_NUMBER=" + referenceDA, "SWPT_SUBNET=Subnet: 1234abcd00"}, password...)
	openssl(t, path, peer, "ca", "-batch", "-notext", "-config", "root-ca.conf", "-extensions", "sub_ca_ext",
		"-in", absolute(t, referenceNodes, "da", fileRequest), "-out", filepath.Join(server, "peer.crt"), "-passin", "env:PASS")
	issueTestServer(t, d, 365)

	rows, problems, err := d.readIndex()
	if err != nil || len(problems) > 0 || len(rows) != 5 {
		t.Fatalf("%d rows, %v, %v", len(rows), problems, err)
	}
	want := first
	for i, r := range rows[1:] {
		if r.Serial != want {
			t.Errorf("row %d: serial number %s, want %s", i+2, r.Serial, want)
		}
		c, err := d.readIssued(r.Serial)
		if err != nil {
			t.Fatal(err)
		}
		row, _ := rowOf(c)
		row.Line = r.Line
		if row != r {
			t.Errorf("row %+v, made from the certificate: %+v", r, row)
		}
		want, _ = want.Next()
	}

	// What OpenSSL issued keeps to the profile, and the other way round.
	one, err := certs.ParseCertificate(read(t, server, "1.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if report := certs.CheckServer(one, d.Root().Certificate, one.NotBefore); !report.OK(true) {
		t.Errorf("OpenSSL's server certificate: %v", report.Results)
	}
	peerCert, err := certs.ParseCertificate(read(t, server, "peer.crt"))
	if err != nil {
		t.Fatal(err)
	}
	peerRoot, err := certs.ParseCertificate(read(t, referenceNodes, "da", fileRootCert))
	if err != nil {
		t.Fatal(err)
	}
	if report := certs.CheckPeer(peerCert, d.Root().Certificate, peerRoot.Certificate, peerCert.NotBefore); !report.OK(true) {
		t.Errorf("OpenSSL's peer certificate: %v", report.Results)
	}
	write(t, filepath.Join(server, "2.crt"), string(second.File))
	openssl(t, server, nil, "verify", "-x509_strict", "-check_ss_sig", "-CAfile", d.file(fileRootCert), "1.crt")
	openssl(t, server, nil, "verify", "-x509_strict", "-CAfile", d.file(fileRootCert), "2.crt")

	// A revocation by OpenSSL, from another folder, is seen; and its list is made.
	env := append([]string{"SWPT_CA_DIR=" + path}, password...)
	openssl(t, server, env, "ca", "-config", d.file(fileConf), "-revoke", "1.crt", "-passin", "env:PASS")
	if crl := openssl(t, server, env, "ca", "-config", d.file(fileConf), "-gencrl", "-passin", "env:PASS"); !strings.Contains(string(crl), "BEGIN X509 CRL") {
		t.Errorf("found %s", crl)
	}
	servers, err := d.Servers()
	if err != nil || len(servers) != 3 {
		t.Fatalf("%d servers, %v", len(servers), err)
	}
	for _, s := range servers {
		if s.Revoked != (s.Serial == first) {
			t.Errorf("%s: revoked %v", s.Serial, s.Revoked)
		}
	}
	if again, err := Init(t.Context(), path, InitRequest{}, testOptions(), Change{}); err != nil || !again.Plan.Nothing {
		t.Errorf("init after OpenSSL: %+v, %v", again, err)
	}
}

// What OpenSSL makes of our extension sections is what certs makes.
func TestConfAgreesWithProfile(t *testing.T) {
	requireTool(t, "openssl")
	d := openNode(t, "ca")
	mustInit(t, d.Path(), InitRequest{})
	env := []string{"PASS=" + referencePassword}
	out := t.TempDir()
	openssl(t, d.Path(), env, "req", "-new", "-config", "root-ca.conf", "-key", "private/root-ca.key", "-reqexts", "ca_official_ext", "-out", filepath.Join(out, "own.csr"), "-passin", "env:PASS")
	req, err := certs.ParseRequest(read(t, out, "own.csr"))
	if err != nil {
		t.Fatal(err)
	}
	if report := certs.CheckRequest(req, d.Root().Certificate); !report.OK(true) {
		t.Errorf("request: %v", report.Results)
	}
	openssl(t, d.Path(), env, "ca", "-batch", "-selfsign", "-notext", "-config", "root-ca.conf", "-extensions", "ca_ext", "-in", filepath.Join(out, "own.csr"), "-out", filepath.Join(out, "root.crt"), "-passin", "env:PASS")
	root, err := certs.ParseCertificate(read(t, out, "root.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if report := certs.CheckRoot(root, root.NotBefore); !report.OK(true) {
		t.Errorf("root: %v", report.Results)
	}
}

// testSSH: the root key is an SSH certificate authority for some operators.
func testSSH(t *testing.T, key, password string) {
	requireTool(t, "ssh-keygen")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
		cmd.Env = append(os.Environ(), "SSH_ASKPASS_REQUIRE=never")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen %q: %v\n%s", args, err, out)
		}
	}
	run("-y", "-P", password, "-f", key)
	user := filepath.Join(dir, "user")
	run("-q", "-t", "ed25519", "-N", "", "-f", user)
	run("-s", key, "-P", password, "-I", "id", "-n", "user", user+".pub")
}

func absolute(t testing.TB, path ...string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
