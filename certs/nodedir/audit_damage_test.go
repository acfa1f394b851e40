package nodedir

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

const (
	aaPeer  = "peers/" + referenceCA + "/"
	aaPeer2 = "peers/" + referenceCA2 + "/"
	caPeer  = "peers/" + referenceAA + "/"
	aaRoot  = "8E5F9DB19112FEFA4BC420F29957192F"
	aaCert  = "8E5F9DB19112FEFA4BC420F299571930" // of referenceCA
)

// damages are one way at least to break each rule. Every file is named as found
// by the result that is expected.
var damages = []struct {
	rule  string
	node  string
	where string
	says  string // in what was found
	do    func(t *testing.T, d *Dir)
}{
	{"dir.identity", "aa", "root-ca.crt", "expected \"Accounting", func(t *testing.T, d *Dir) { writeText(t, d, fileNodeType, "Nobody\n") }},
	{"dir.identity", "aa", "root-ca.crt", "missing db/nodeid", func(t *testing.T, d *Dir) { removeRel(t, d, fileNodeID) }},
	{"dir.root", "aa", "root-ca.crt", "root.lifetime", nil}, // see TestAuditTime
	{"dir.folder", "aa", "peers", "no such file", func(t *testing.T, d *Dir) { removeAll(t, d, dirPeers) }},
	{"dir.folder", "aa", "certs", "a regular file", func(t *testing.T, d *Dir) { removeAll(t, d, dirCerts); writeText(t, d, dirCerts, "") }},
	{"dir.folder", "aa", "db/subnets/debtors", "no such file", func(t *testing.T, d *Dir) { removeAll(t, d, dirDebtorsSubnets) }},
	{"dir.file", "aa", "db/serial", "nothing", func(t *testing.T, d *Dir) { removeRel(t, d, fileSerial) }},
	{"dir.file", "aa", "db/index", "an empty file", func(t *testing.T, d *Dir) { writeText(t, d, fileIndex, "") }},
	{"dir.file", "ca", "creditors-subnet.txt", "nothing", func(t *testing.T, d *Dir) { removeRel(t, d, fileCreditorsSubnet) }},
	{"dir.file", "aa", "db/index", "a symbolic link", func(t *testing.T, d *Dir) { toLink(t, d, fileIndex) }},
	{"dir.newline", "aa", "db/serial", "934", func(t *testing.T, d *Dir) { writeText(t, d, fileSerial, "8E5F9DB19112FEFA4BC420F299571934") }},
	{"dir.newline", "aa", aaPeer + "queues.txt", "3", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"queues.txt", "3") }},
	{"dir.symlink", "aa", "certs", "a symbolic link", func(t *testing.T, d *Dir) { toLink(t, d, dirCerts) }},
	{"dir.symlink", "aa", "private/root-ca.key", "a symbolic link", func(t *testing.T, d *Dir) { toLink(t, d, fileRootKey) }},
	{"dir.mode-private", "aa", "private", "mode 0755", func(t *testing.T, d *Dir) { chmod(t, d.file(dirPrivate), 0o755) }},
	{"dir.mode-private", "aa", "private/root-ca.key", "mode 0644", func(t *testing.T, d *Dir) { chmod(t, d.file(fileRootKey), 0o644) }},
	{"dir.mode-public", "aa", "root-ca.crt", "mode 0600", func(t *testing.T, d *Dir) { chmod(t, d.file(fileRootCert), 0o600) }},
	{"dir.mode-public", "aa", "db", "mode 0777", func(t *testing.T, d *Dir) { chmod(t, d.file(dirDB), 0o777) }},
	{"dir.mode-public", "aa", "certs/" + aaCert + ".pem", "mode 0666", func(t *testing.T, d *Dir) { chmod(t, d.file("certs/"+aaCert+".pem"), 0o666) }},
	{"dir.mode-public", "aa", aaPeer + "queues.txt", "mode 0640", func(t *testing.T, d *Dir) { chmod(t, d.file(aaPeer+"queues.txt"), 0o640) }},
	{"dir.mode-public", "aa", aaPeer + "nodeinfo", "mode 0700", func(t *testing.T, d *Dir) { chmod(t, d.file(aaPeer+"nodeinfo"), 0o700) }},
	{"dir.gitignore", "aa", ".gitignore", "no peers/*/ACTIVE, .swptpeer*", func(t *testing.T, d *Dir) { writeText(t, d, fileGitignore, "private/\r\n") }},
	{"dir.conf", "aa", "root-ca.conf", "nothing", func(t *testing.T, d *Dir) {}},
	{"dir.conf-identity", "aa", "root-ca.conf", "creditors agent", func(t *testing.T, d *Dir) {
		id, _ := certs.NewIdentity(certs.CreditorsAgent, referenceCA)
		writeText(t, d, fileConf, string(encodeConf(id)))
	}},
	{"dir.conf-identity", "aa", "root-ca.conf", "", func(t *testing.T, d *Dir) { writeText(t, d, fileConf, "[") }},
	{"dir.key-place", "aa", "private/root-ca.key", "nothing", func(t *testing.T, d *Dir) { removeRel(t, d, fileRootKey) }},
	{"dir.key-form", "aa", "private/root-ca.key", "private key", func(t *testing.T, d *Dir) { write(t, d.file(fileRootKey), "garbage") }},
	{"dir.key-encrypted", "aa", "private/root-ca.key", "without a password", func(t *testing.T, d *Dir) {
		file, err := certs.EncodePrivateKey(referenceKey(t, "aa"))
		if err != nil {
			t.Fatal(err)
		}
		write(t, d.file(fileRootKey), string(file))
	}},
	{"dir.key-rounds", "aa", "private/root-ca.key", "2048 rounds", func(t *testing.T, d *Dir) {}},
	{"dir.openssl", "aa", "db/index.attr", "unique_subject = yes", func(t *testing.T, d *Dir) { writeText(t, d, fileIndexAttr, "unique_subject = yes\n") }},
	{"dir.openssl", "aa", "db/crlnumber", "no such file", func(t *testing.T, d *Dir) { removeRel(t, d, fileCRLNumber) }},
	{"dir.request", "aa", "db/root-ca.csr", "csr.single", func(t *testing.T, d *Dir) { writeText(t, d, fileRequest, "garbage") }},
	{"dir.request", "aa", "db/root-ca.csr", "csr.subject", func(t *testing.T, d *Dir) {
		writeText(t, d, fileRequest, string(read(t, referenceNodes, "ca", fileRequest)))
	}},
	{"dir.nodeinfo", "aa", "nodeinfo/stomp.toml", "manifest.syntax", func(t *testing.T, d *Dir) { writeText(t, d, fileManifest, "servers = [") }},
	{"dir.nodeinfo", "aa", "nodeinfo/stomp.toml", "no such file", func(t *testing.T, d *Dir) { removeRel(t, d, fileManifest) }},
	{"dir.nodeinfo", "aa", "nodeinfo", "link", func(t *testing.T, d *Dir) { symlink(t, d, "stomp.toml", "nodeinfo/other") }},
	{"dir.updated-at", "aa", "nodeinfo/updated-at.txt", "yesterday", func(t *testing.T, d *Dir) { writeText(t, d, fileUpdatedAt, "yesterday\n") }},
	{"dir.published", "aa", "nodeinfo", "never published", func(t *testing.T, d *Dir) { removeRel(t, d, fileUpdatedAt) }},
	{"dir.published", "aa", "nodeinfo", "", func(t *testing.T, d *Dir) { writeText(t, d, fileNodeInfoDigest, strings.Repeat("0", 64)+"\n") }},
	{"dir.index-rows", "aa", "db/index:6", "found 1 fields", func(t *testing.T, d *Dir) { appendText(t, d, fileIndex, "garbage\n") }},
	{"dir.index-rows", "aa", "db/index", "no such file", func(t *testing.T, d *Dir) { removeRel(t, d, fileIndex) }},
	{"dir.index-certificate", "aa", "db/index:2", "is not there", func(t *testing.T, d *Dir) { removeRel(t, d, "certs/"+aaCert+".pem") }},
	{"dir.index-certificate", "aa", "db/index:2", "the subject", func(t *testing.T, d *Dir) { edit(t, d, fileIndex, referenceCA, referenceDA2) }},
	{"dir.index-certificate", "aa", "db/index:2", "the expiry", func(t *testing.T, d *Dir) { edit(t, d, fileIndex, "30260326014547Z", "30260326014546Z") }},
	{"dir.certificate-row", "aa", "certs/" + aaCert + ".pem", "no row", func(t *testing.T, d *Dir) {
		lines := strings.SplitAfter(readText(t, d, fileIndex), "\n")
		writeText(t, d, fileIndex, strings.Join(slices.Delete(lines, 1, 2), ""))
	}},
	{"dir.certificate-row", "aa", "certs/README", "another name", func(t *testing.T, d *Dir) { writeText(t, d, "certs/README", "") }},
	{"dir.certificate-row", "aa", "certs/" + aaRoot + ".pem", "", func(t *testing.T, d *Dir) { writeText(t, d, "certs/"+aaRoot+".pem", "garbage") }},
	{"dir.certificate-row", "aa", "certs/" + aaRoot + ".pem", "serial number", func(t *testing.T, d *Dir) {
		writeText(t, d, "certs/"+aaRoot+".pem", readText(t, d, "certs/"+aaCert+".pem"))
	}},
	{"dir.issued", "ca", "certs/" + aaCert + ".pem", "another issuer", func(t *testing.T, d *Dir) {
		writeText(t, d, "certs/"+aaCert+".pem", string(read(t, referenceNodes, "aa/certs", aaCert+".pem")))
	}},
	{"dir.issued", "aa", "certs/8E5F9DB19112FEFA4BC420F299571932.pem", "server.issuer", func(t *testing.T, d *Dir) {
		flipSignature(t, d, "certs/8E5F9DB19112FEFA4BC420F299571932.pem")
	}},
	{"dir.issued", "aa", "certs/" + aaCert + ".pem", "verification", func(t *testing.T, d *Dir) {
		removeAll(t, d, aaPeer)
		flipSignature(t, d, "certs/"+aaCert+".pem")
	}},
	{"dir.serial-once", "aa", "db/index:6", "as in line 2", func(t *testing.T, d *Dir) {
		lines := strings.SplitAfter(readText(t, d, fileIndex), "\n")
		appendText(t, d, fileIndex, lines[1])
	}},
	{"dir.serial-next", "aa", "db/serial", aaCert, func(t *testing.T, d *Dir) { writeText(t, d, fileSerial, aaCert+"\n") }},
	{"dir.serial-next", "aa", "db/serial", "odd", func(t *testing.T, d *Dir) { writeText(t, d, fileSerial, "odd\n") }},
	{"dir.serial-next", "aa", "db/serial", "no such file", func(t *testing.T, d *Dir) { removeRel(t, d, fileSerial) }},
	{"dir.node-once", "aa", "db/index:6", "in line 2", func(t *testing.T, d *Dir) {
		lines := strings.SplitAfter(readText(t, d, fileIndex), "\n")
		appendText(t, d, fileIndex, strings.Replace(lines[1], aaCert, "8E5F9DB19112FEFA4BC420F299571934", 1))
	}},
	{"dir.row-peer", "aa", "db/index:2", "no folder peers/" + referenceCA, func(t *testing.T, d *Dir) { removeAll(t, d, aaPeer) }},
	{"dir.server-ends", "aa", "certs/8E5F9DB19112FEFA4BC420F299571932.pem", "", nil}, // see TestAuditTime
	{"dir.subnet-file", "aa", "db/subnets/creditors/notes", "hex digits", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/notes", "x\n") }},
	{"dir.subnet-file", "aa", "db/subnets/creditors/000000", "cannot give", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/000000", referenceCA+"\n") }},
	{"dir.subnet-file", "aa", "db/subnets/creditors/000001", "node id", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/000001", "garbage\n") }},
	{"dir.subnet-once", "aa", aaPeer2 + "subnet.txt", "000001 for", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer2+"subnet.txt", "000001\n") }},
	{"dir.subnet-once", "aa", aaPeer + "peercert.crt", "000001 for", func(t *testing.T, d *Dir) {
		writeText(t, d, "db/subnets/creditors/000001", referenceDA2+"\n")
	}},
	{"dir.subnet-once", "aa", "db/subnets/debtors/1234abcd00", "1234abcd for", func(t *testing.T, d *Dir) {
		writeText(t, d, "db/subnets/debtors/1234abcd", referenceDA2+"\n")
	}},
	{"dir.subnet-used", "aa", "db/subnets/creditors/000003", "no peer", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/000003", referenceDA2+"\n") }},
	{"dir.subnet-used", "aa", "db/subnets/creditors/000003", "already", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/000003", referenceCA+"\n") }},
	{"dir.seqnum", "aa", "db/subnets/creditors/SEQNUM", "1", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/creditors/SEQNUM", "1\n") }},
	{"dir.seqnum", "aa", "db/subnets/debtors/SEQNUM", "nothing", func(t *testing.T, d *Dir) { removeRel(t, d, "db/subnets/debtors/SEQNUM") }},
	{"dir.seqnum", "aa", "db/subnets/debtors/SEQNUM", "0x", func(t *testing.T, d *Dir) { writeText(t, d, "db/subnets/debtors/SEQNUM", "0x1\n") }},
	{"dir.peer-name", "aa", "peers/notes", "node id", func(t *testing.T, d *Dir) { mkdirRel(t, d, "peers/notes") }},
	{"dir.peer-folder", "aa", strings.TrimSuffix(aaPeer, "/"), "a symbolic link", func(t *testing.T, d *Dir) { toLink(t, d, strings.TrimSuffix(aaPeer, "/")) }},
	{"dir.peer-folder", "aa", strings.TrimSuffix(aaPeer, "/"), "a regular file", func(t *testing.T, d *Dir) {
		removeAll(t, d, aaPeer)
		writeText(t, d, strings.TrimSuffix(aaPeer, "/"), "")
	}},
	{"dir.peer-root", "aa", aaPeer + "root-ca.crt", "missing", func(t *testing.T, d *Dir) { removeRel(t, d, aaPeer+"root-ca.crt") }},
	{"dir.peer-root", "aa", aaPeer + "root-ca.crt", "root.self-signed", func(t *testing.T, d *Dir) { flipSignature(t, d, aaPeer+"root-ca.crt") }},
	{"dir.peer-identity", "aa", strings.TrimSuffix(aaPeer, "/"), "Debtors Agents", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"nodetype.txt", "Debtors Agents\n") }},
	{"dir.peer-identity", "aa", strings.TrimSuffix(aaPeer, "/"), "expected that of", func(t *testing.T, d *Dir) {
		writeText(t, d, aaPeer+"root-ca.crt", readText(t, d, aaPeer2+"root-ca.crt"))
	}},
	{"dir.peer-cert", "aa", aaPeer + "peercert.crt", "missing", func(t *testing.T, d *Dir) { removeRel(t, d, aaPeer+"peercert.crt") }},
	{"dir.peer-cert", "aa", aaPeer + "peercert.crt", "peer.public-key", func(t *testing.T, d *Dir) {
		writeText(t, d, aaPeer+"peercert.crt", readText(t, d, aaPeer2+"peercert.crt"))
	}},
	{"dir.peer-cert", "aa", aaPeer + "peercert.crt", "peer.issuer", func(t *testing.T, d *Dir) { flipSignature(t, d, aaPeer+"peercert.crt") }},
	{"dir.peer-cert", "aa", aaPeer + "peercert.crt", "pem.lf", func(t *testing.T, d *Dir) {
		writeText(t, d, aaPeer+"peercert.crt", strings.ReplaceAll(readText(t, d, aaPeer+"peercert.crt"), "\n", "\r\n"))
	}},
	{"dir.peer-recorded", "aa", aaPeer + "peercert.crt", "no certs/" + aaCert, func(t *testing.T, d *Dir) { removeRel(t, d, "certs/"+aaCert+".pem") }},
	{"dir.peer-recorded", "aa", aaPeer + "peercert.crt", "another certificate", func(t *testing.T, d *Dir) { flipSignature(t, d, aaPeer+"peercert.crt") }},
	{"dir.peer-recorded", "aa", "db/index:2", "status R", func(t *testing.T, d *Dir) {
		edit(t, d, fileIndex, "V\t30260326014547Z\t\t", "R\t30260326014547Z\t261123020000Z\t")
	}},
	{"dir.peer-sub-ca", "aa", aaPeer + "sub-ca.crt", "empty", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"sub-ca.crt", "") }},
	{"dir.peer-sub-ca", "aa", aaPeer + "sub-ca.crt", "peer.issuer", func(t *testing.T, d *Dir) {
		writeText(t, d, aaPeer+"sub-ca.crt", readText(t, d, aaPeer2+"sub-ca.crt"))
	}},
	{"dir.peer-queues", "aa", aaPeer + "queues.txt", "100", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"queues.txt", "100\n") }},
	{"dir.peer-deactivated", "aa", aaPeer2 + "DEACTIVATED", "maybe", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer2+"DEACTIVATED", "maybe\n") }},
	{"dir.peer-nodeinfo", "aa", aaPeer + "nodeinfo", "missing", func(t *testing.T, d *Dir) { removeAll(t, d, aaPeer+"nodeinfo") }},
	{"dir.peer-nodeinfo", "aa", aaPeer + "nodeinfo", "manifest.syntax", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"nodeinfo/stomp.toml", "=") }},
	{"dir.peer-nodeinfo-files", "aa", aaPeer + "nodeinfo/link", "a symbolic link", func(t *testing.T, d *Dir) { symlink(t, d, "/etc/passwd", aaPeer+"nodeinfo/link") }},
	{"dir.peer-subnet", "aa", aaPeer + "subnet.txt", "peercert.crt has the subnet 000001", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"subnet.txt", "000009\n") }},
	{"dir.peer-subnet", "aa", aaPeer + "subnet.txt", "missing", func(t *testing.T, d *Dir) { removeRel(t, d, aaPeer+"subnet.txt") }},
	{"dir.peer-subnet", "aa", "db/subnets/creditors/000001", "subnet.txt has 000001", func(t *testing.T, d *Dir) { removeRel(t, d, "db/subnets/creditors/000001") }},
	{"dir.peer-masq-subnet", "ca", caPeer + "masq-subnet.txt", "sub-ca.crt has the subnet 000001", func(t *testing.T, d *Dir) { writeText(t, d, caPeer+"masq-subnet.txt", "000002\n") }},
	{"dir.peer-masq-subnet", "ca", caPeer + "masq-subnet.txt", "missing", func(t *testing.T, d *Dir) { removeRel(t, d, caPeer+"masq-subnet.txt") }},
	{"dir.peer-masq-subnet", "ca", caPeer + "masq-subnet.txt", "0001 in creditors", func(t *testing.T, d *Dir) { writeText(t, d, fileCreditorsSubnet, "0001\n") }},
	{"dir.peer-foreign", "aa", aaPeer + "run.sh", "a regular file", func(t *testing.T, d *Dir) { writeText(t, d, aaPeer+"run.sh", "") }},
	{"dir.peer-foreign", "ca", caPeer + "subnet.txt", "a regular file", func(t *testing.T, d *Dir) { writeText(t, d, caPeer+"subnet.txt", "000001\n") }},
	{"dir.peer-manifest", "aa", aaPeer + "kustomization.yaml", "a manifest", func(t *testing.T, d *Dir) {
		removeRel(t, d, aaPeer+"sub-ca.crt")
		writeText(t, d, aaPeer+"kustomization.yaml", "resources: [evil.yaml]\n")
	}},
	{"dir.one-peer", "da", "peers", "2: ", func(t *testing.T, d *Dir) { mkdirRel(t, d, "peers/"+referenceCA) }},
	{"dir.creditors-subnet", "ca", "creditors-subnet.txt", "12345", func(t *testing.T, d *Dir) { writeText(t, d, fileCreditorsSubnet, "12345\n") }},
	{"dir.debtors-subnet", "da", "debtors-subnet.txt", "sub-ca.crt has the subnet 1234abcd00", func(t *testing.T, d *Dir) { writeText(t, d, fileDebtorsSubnet, "1234abcd01\n") }},
	{"dir.debtors-subnet", "da", "debtors-subnet.txt", "no such file", func(t *testing.T, d *Dir) { removeRel(t, d, fileDebtorsSubnet) }},
	{"dir.manifests", "aa", aaPeer + "kustomization.yaml", "nothing", func(t *testing.T, d *Dir) { writeText(t, d, filePeersKustomize, "resources: []\n") }},
	{"dir.manifests", "aa", aaPeer + "kustomization.yaml", "something else", func(t *testing.T, d *Dir) {
		withManifests(t, d)
		edit(t, d, aaPeer+"kustomization.yaml", "value: 3", "value: 4")
	}},
	{"dir.manifests", "aa", aaPeer + "resources-patch.yaml", "nothing", func(t *testing.T, d *Dir) { withManifests(t, d); removeRel(t, d, aaPeer+"resources-patch.yaml") }},
	{"dir.manifests", "aa", "peers/kustomization.yaml", "no " + referenceCA, func(t *testing.T, d *Dir) {
		withManifests(t, d)
		edit(t, d, filePeersKustomize, "- "+referenceCA+"/\n", "")
	}},
	{"dir.manifests-list", "aa", "peers/kustomization.yaml", referenceDA2, func(t *testing.T, d *Dir) {
		withManifests(t, d)
		appendText(t, d, filePeersKustomize, "- "+referenceDA2+"/\n")
	}},
	{"dir.temporary", "aa", "db/.swptpeer-0123456789abcdef-0", "temporary", func(t *testing.T, d *Dir) { writeText(t, d, "db/.swptpeer-0123456789abcdef-0", "x") }},
	{"dir.temporary", "aa", aaPeer + ".swptpeer-0123456789abcdef-1.old", "temporary", func(t *testing.T, d *Dir) { mkdirRel(t, d, aaPeer+".swptpeer-0123456789abcdef-1.old") }},
	{"dir.journal", "aa", fileJournal + ".undo", "empty", func(t *testing.T, d *Dir) { writeText(t, d, fileJournal+".undo", "") }},
	{"dir.obstacle", "aa", fileJournal, "found 741 bytes, expected the first 740 of them and nothing more, as it was before the change, or the first 740 and then \"row\\n\", 744 bytes in all",
		func(t *testing.T, d *Dir) { pendingRow(t, d); appendText(t, d, fileIndex, "\n") }},
	{"dir.journal", "aa", fileJournal, "checksum", func(t *testing.T, d *Dir) { writeText(t, d, fileJournal, `{"version":2,"sha256":"","plan":{}}`+"\n") }},
}

func removeRel(t testing.TB, d *Dir, rel string) {
	t.Helper()
	remove(t, d.file(rel))
}

func removeAll(t testing.TB, d *Dir, rel string) {
	t.Helper()
	if err := os.RemoveAll(d.file(rel)); err != nil {
		t.Fatal(err)
	}
}

func mkdirRel(t testing.TB, d *Dir, rel string) {
	t.Helper()
	if err := os.Mkdir(d.file(rel), 0o755); err != nil {
		t.Fatal(err)
	}
}

func symlink(t testing.TB, d *Dir, target, rel string) {
	t.Helper()
	if err := os.Symlink(target, d.file(rel)); err != nil {
		t.Skip("no symbolic links here:", err)
	}
}

// toLink moves a file or folder out of the way and puts a link to it there.
func toLink(t testing.TB, d *Dir, rel string) {
	t.Helper()
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(d.file(rel), moved); err != nil {
		t.Fatal(err)
	}
	symlink(t, d, moved, rel)
}

func appendText(t testing.TB, d *Dir, rel, text string) {
	t.Helper()
	writeText(t, d, rel, readText(t, d, rel)+text)
}

func edit(t testing.TB, d *Dir, rel, old, new string) {
	t.Helper()
	text := readText(t, d, rel)
	if !strings.Contains(text, old) {
		t.Fatalf("%s does not contain %q", rel, old)
	}
	writeText(t, d, rel, strings.Replace(text, old, new, 1))
}

// flipSignature changes the last bit of a certificate.
func flipSignature(t testing.TB, d *Dir, rel string) {
	t.Helper()
	block, _ := pem.Decode([]byte(readText(t, d, rel)))
	block.Bytes[len(block.Bytes)-1] ^= 1
	writeText(t, d, rel, string(pem.EncodeToMemory(block)))
}

// withManifests gives a directory Kubernetes manifests.
func withManifests(t testing.TB, d *Dir) {
	t.Helper()
	writeText(t, d, filePeersKustomize, "resources: []\n")
	audit(t, d, AuditOptions{Fix: true})
}

// A peer that is not registered yet has no manifest and needs none.
func TestAuditOfManifestsBeforeRegistering(t *testing.T) {
	d := openNode(t, "aa")
	withManifests(t, d)
	mustSign(t, d, refBundle(t, "da2"))
	if r := audit(t, d, AuditOptions{}); !r.Has("dir.manifests", check.Passed) || r.Has("dir.manifests", check.Failed) {
		t.Errorf("found %v, expected manifests in order", r.Err())
	}
}

// pendingRow leaves a change that was interrupted before a row was added to
// db/index.
func pendingRow(t *testing.T, d *Dir) {
	t.Helper()
	const id, row = "0123456789abcdef", "row\n"
	temp := "db/.swptpeer-" + id + "-0"
	writeText(t, d, temp, row)
	plan := fmt.Sprintf(`{"id":%q,"ops":[{"action":"append","path":"db/index","temp":%q,"offset":%d,"size":%d,"is":"%x"}]}`, id, temp, len(readText(t, d, fileIndex)), len(row), sha256.Sum256([]byte(row)))
	sum := sha256.Sum256([]byte(plan))
	writeText(t, d, fileJournal, fmt.Sprintf(`{"version":2,"sha256":"%x","plan":%s}`+"\n", sum, plan))
}

// TestAuditKeyForms: a key that is there in another form is to be converted, not
// given up, and the rounds of a weak one are said in words that fit.
func TestAuditKeyForms(t *testing.T) {
	keys := filepath.Join("..", "testdata", "keys")
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(keys, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	const backup = "otherwise restore it from a backup"
	for _, tt := range []struct {
		name          string
		file          []byte
		rule          string
		found, advice string
	}{
		{"scrypt", read("scrypt.pem"), "dir.key-form", "scrypt", "convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000 -in OLDKEY"},
		{"PKCS #12 encryption", read("pbe-sha1-3des.pem"), "dir.key-form", "TripleDES", "convert it with openssl pkcs8 "},
		{"OpenSSH", read("openssh.pem"), "dir.key-form", "OpenSSH", "convert it with ssh-keygen "},
		{"two keys", slices.Concat(read("aes128.pem"), read("aes128.pem")), "dir.key-form", "exactly one block", "take that out"},
		{"garbage", []byte("garbage"), "dir.key-form", "no PEM block", backup},
		{"traditional", read("legacy-ec-aes128.pem"), "dir.key-rounds", "one round of MD5 (the traditional encryption has no more) for each guess", "swptpeer key passwd"},
		{"2048 rounds", read("aes128.pem"), "dir.key-rounds", "2048 rounds for each guess", "swptpeer key passwd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := openNode(t, "aa")
			write(t, d.file(fileRootKey), string(tt.file))
			r := audit(t, d, AuditOptions{})
			for _, res := range r.Results {
				if res.Rule.ID != tt.rule || res.Outcome != check.Failed {
					continue
				}
				if !strings.Contains(res.Found, tt.found) || !strings.Contains(res.Advice, tt.advice) || strings.Contains(res.Advice, backup) && strings.Contains(res.Found, "convert") {
					t.Errorf("found %q and the advice %q, expected %q and %q", res.Found, res.Advice, tt.found, tt.advice)
				}
				return
			}
			t.Errorf("%s was not broken: %v", tt.rule, r.Failed(check.Notice))
		})
	}
	if got := guessEffort([]byte("-----BEGIN ENCRYPTED PRIVATE KEY-----"), 1); got != "one round" {
		t.Errorf("found %q", got)
	}
}
