package nodedir

import "github.com/swaptacular/swptpeer/certs/check"

// Where the rules of a directory come from (node-directory.md, by heading).
const (
	citeLayout    = "node directory, the layout"
	citeModes     = "node directory, \"Public files are 0644 and folders 0755\""
	citeIndex     = "node directory, \"db/index rows\""
	citeMustHold  = "node directory, \"What must hold, whatever happens\""
	citeManifests = "node directory, \"Kubernetes manifests (Kustomize)\""
	citeConf      = "node directory, \"root-ca.conf\""
	citeOwnSubnet = "certificates, \"Subnets\""
)

// Advice that several rules give.
const (
	adviceRestore = "restore it from a backup or from git; if there is none, \"swptpeer init\" completes what it can"
	adviceModes   = "run \"swptpeer doctor --fix\", which sets the mode"
	adviceFindOut = "find out which of the two is right, from a backup or from git, before anything is signed or registered"
	adviceSignNo  = "sign nothing until it is understood: another copy of the directory may be in use, or it was put back to an older state; restore the newest copy"
	adviceResign  = "take the peer's info-bundle once more: \"swptpeer peer sign BUNDLE.zip\" signs nothing twice and mends the folder"
	adviceFix     = "run \"swptpeer doctor --fix\""
)

// The rules of a node directory. What certificates must be is judged by the
// rules of package certs; the ones here say that it was done.
var (
	ruleDirIdentity = &check.Rule{ID: "dir.identity", Severity: check.Error, Title: "db/nodetype, db/nodeid and root-ca.crt name the same node",
		Citation: citeLayout, Advice: adviceRestore}
	ruleDirRoot = &check.Rule{ID: "dir.root", Severity: check.Error, Title: "the root certificate meets the profile",
		Citation: "certificates, \"Root certificate\"", Advice: adviceRestore}
	ruleDirSignatures = &check.Rule{ID: "dir.signatures", Severity: check.Notice, Title: "every signature is verified",
		Citation: "commands, doctor", Advice: "run \"swptpeer doctor\" without --quick"}
	ruleDirJournal = &check.Rule{ID: "dir.journal", Severity: check.Error, Title: "the record of an interrupted change, if there is one, can be read",
		Citation: citeMustHold, Advice: "nothing can be changed until it is gone: restore it from a backup; if there is none, mend what doctor reports besides, move it out of the directory (keep it), and run doctor again"}
	ruleDirPending = &check.Rule{ID: "dir.pending", Severity: check.Warning, Title: "no change was interrupted",
		Citation: citeMustHold, Advice: "nothing is lost: the next change completes or undoes it first; " + adviceFix + " to do it now"}
	ruleDirObstacle = &check.Rule{ID: "dir.obstacle", Severity: check.Error, Title: "nothing keeps an interrupted change from being completed or undone",
		Citation: citeMustHold, Advice: "put each file right as it says (keep a copy of what is there), then " + adviceFix + "; to give the change up instead, move the journal out of the directory (keep it): what it concerns is then partly old and partly new, and doctor says what does not fit"}
	ruleDirTemporary = &check.Rule{ID: "dir.temporary", Severity: check.Warning, Title: "no temporary files are left over",
		Citation: citeLayout, Advice: adviceFix + ", which removes them: nothing refers to them"}
	ruleDirRepaired = &check.Rule{ID: "dir.repaired", Severity: check.Notice, Title: "what is safe to repair has been repaired",
		Citation: "commands, doctor --fix", Advice: "see the finding itself"}

	ruleDirFolder = &check.Rule{ID: "dir.folder", Severity: check.Error, Title: "the folders of the layout are there",
		Citation: citeLayout, Advice: adviceRestore}
	ruleDirFile = &check.Rule{ID: "dir.file", Severity: check.Error, Title: "the files of the layout are there, are files and are not empty",
		Citation: citeLayout, Advice: adviceRestore}
	ruleDirNewline = &check.Rule{ID: "dir.newline", Severity: check.Warning, Title: "one-line files end in a newline",
		Citation: citeIndex, Advice: "if the line is whole (compare with a backup or git), add the newline"}
	ruleDirSymlink = &check.Rule{ID: "dir.symlink", Severity: check.Warning, Title: "no folder of the layout, and not the root key, is a symbolic link",
		Citation: citeLayout, Advice: "put the real one in its place: changes are refused wherever a link leads out of the directory"}
	ruleDirModePrivate = &check.Rule{ID: "dir.mode-private", Severity: check.Error, Title: "private/ is 0700 and the root key 0600",
		Citation: citeModes, Advice: adviceModes + "; if others have accounts on this machine, consider whether they may have copied the key"}
	ruleDirModePublic = &check.Rule{ID: "dir.mode-public", Severity: check.Warning, Title: "public files are 0644 and folders 0755",
		Citation: citeModes, Advice: adviceModes + ": the servers read these files as another user, and nobody else may change them"}
	ruleDirGitignore = &check.Rule{ID: "dir.gitignore", Severity: check.Warning, Title: ".gitignore keeps the root key and what belongs to one machine out of git",
		Citation: citeLayout, Advice: adviceFix + ", which adds the lines; if the directory is in git already, make sure that private/ was never committed"}
	ruleDirConf = &check.Rule{ID: "dir.conf", Severity: check.Notice, Title: "root-ca.conf is there, so that plain OpenSSL works here",
		Citation: citeConf, Advice: "\"swptpeer init\" completes it"}
	ruleDirConfIdentity = &check.Rule{ID: "dir.conf-identity", Severity: check.Warning, Title: "root-ca.conf names this node",
		Citation: citeConf, Advice: "if it was not edited on purpose, remove it and let \"swptpeer init\" write it anew"}
	ruleDirKeyPlace = &check.Rule{ID: "dir.key-place", Severity: check.Notice, Title: "the root key is in private/root-ca.key",
		Citation: citeLayout, Advice: "nothing need be done if it is kept elsewhere: give it with --key; otherwise restore it from a backup: it cannot be made again"}
	ruleDirKeyForm = &check.Rule{ID: "dir.key-form", Severity: check.Error, Title: "the root key file holds one private key in a form that is read",
		Citation: citeLayout, Advice: "if OpenSSL reads it, let that write it anew; if the key is beside something else, take that out (keep a copy of the file); otherwise restore it from a backup: it cannot be made again"}
	ruleDirKeyEncrypted = &check.Rule{ID: "dir.key-encrypted", Severity: check.Warning, Title: "the root key is encrypted",
		Citation: citeLayout, Advice: "run \"swptpeer key passwd\", and think of the copies that were made before"}
	ruleDirKeyRounds = &check.Rule{ID: "dir.key-rounds", Severity: check.Notice, Title: "a guess of the root key's password is expensive",
		Citation: "node directory, the layout; RFC 8018, section 4.2",
		Advice:   "run \"swptpeer key passwd\": it writes the key with more rounds, also for the same password; copies from before stay as they are"}
	ruleDirOpenSSL = &check.Rule{ID: "dir.openssl", Severity: check.Warning, Title: "db/index.attr and db/crlnumber say what OpenSSL expects",
		Citation: citeLayout, Advice: "\"swptpeer init\" makes the files that are missing; correct others by hand"}

	ruleDirRequest = &check.Rule{ID: "dir.request", Severity: check.Error, Title: "db/root-ca.csr is the node's own signing request",
		Citation: "certificates, \"Signing requests\"", Advice: "remove it: the next \"swptpeer bundle create\" makes a new one"}
	ruleDirNodeInfo = &check.Rule{ID: "dir.nodeinfo", Severity: check.Error, Title: "nodeinfo/ can be published",
		Citation: "info-bundle", Advice: "mend it before the next \"swptpeer bundle create\", which would refuse it"}
	ruleDirUpdatedAt = &check.Rule{ID: "dir.updated-at", Severity: check.Error, Title: "nodeinfo/updated-at.txt is a date that peers can compare",
		Citation: "info-bundle, updated-at.txt", Advice: "write the date of the last published info-bundle into it, as 2026-11-23"}
	ruleDirPublished = &check.Rule{ID: "dir.published", Severity: check.Notice, Title: "what nodeinfo/ says has been published",
		Citation: "info-bundle", Advice: "run \"swptpeer bundle create OUT.zip\" and send the bundle to the peers"}

	ruleDirIndexRows = &check.Rule{ID: "dir.index-rows", Severity: check.Error, Title: "every row of db/index is well-formed",
		Citation: citeIndex, Advice: "restore the row from a backup or from git; certs/ has the certificate that it stands for"}
	ruleDirIndexCertificate = &check.Rule{ID: "dir.index-certificate", Severity: check.Error, Title: "every row of db/index agrees with its certificate in certs/",
		Citation: citeLayout, Advice: adviceFindOut}
	ruleDirCertificateRow = &check.Rule{ID: "dir.certificate-row", Severity: check.Error, Title: "certs/ holds certificates named by their serial numbers, each with a row in db/index",
		Citation: citeLayout, Advice: "restore db/index from a backup, or move away what this node did not issue"}
	ruleDirIssued = &check.Rule{ID: "dir.issued", Severity: check.Error, Title: "every certificate in certs/ was issued by this node and meets the profile of its kind",
		Citation: "certificates", Advice: "find out who put it there; a certificate that this node did sign and that breaks a rule must not be used"}
	ruleDirSerialOnce = &check.Rule{ID: "dir.serial-once", Severity: check.Error, Title: "one serial never signs twice",
		Citation: citeMustHold, Advice: adviceSignNo}
	ruleDirSerialNext = &check.Rule{ID: "dir.serial-next", Severity: check.Error, Title: "db/serial is a number that has not been used, and none that was used lies shortly ahead of it",
		Citation: citeLayout, Advice: adviceSignNo + "; then set db/serial to the greatest number in db/index plus one"}
	ruleDirNodeOnce = &check.Rule{ID: "dir.node-once", Severity: check.Error, Title: "one node id never has two different peer certificates",
		Citation: citeMustHold, Advice: "ask the peer's operator which of the two is in use; it is the one to keep in peers/"}
	ruleDirRowPeer = &check.Rule{ID: "dir.row-peer", Severity: check.Warning, Title: "every node that has a peer certificate has its folder in peers/",
		Citation: citeLayout, Advice: adviceResign}
	ruleDirServerEnds = &check.Rule{ID: "dir.server-ends", Severity: check.Warning, Title: "no server certificate in use ends soon",
		Citation: "certificates, server.lifetime", Advice: "run \"swptpeer server renew\" and install the new certificate on the server; nothing need be done for a server that is gone"}

	ruleDirSubnetFile = &check.Rule{ID: "dir.subnet-file", Severity: check.Error, Title: "every file in db/subnets is named by a subnet that may be given, and contains a node id",
		Citation: citeLayout, Advice: "restore it from a backup; a subnet whose file exists counts as given, whatever is in it"}
	ruleDirSubnetOnce = &check.Rule{ID: "dir.subnet-once", Severity: check.Error, Title: "one subnet never belongs to two nodes",
		Citation: citeMustHold, Advice: "stop both peers' queues: two nodes manage the same accounts; find out from the certificates who had the subnet first"}
	ruleDirSubnetUsed = &check.Rule{ID: "dir.subnet-used", Severity: check.Warning, Title: "every subnet given belongs to a peer, and every peer has one",
		Citation: citeOwnSubnet, Advice: "if the node is to become a peer, sign its info-bundle: the subnet is used then; if never, remove the file, and the subnet is free again"}
	ruleDirSeqNum = &check.Rule{ID: "dir.seqnum", Severity: check.Warning, Title: "SEQNUM is the number of the last subnet given",
		Citation: citeLayout, Advice: adviceFix + ": the files say which subnets are taken, SEQNUM is only a hint"}

	ruleDirPeerName = &check.Rule{ID: "dir.peer-name", Severity: check.Error, Title: "the visible folders in peers/ are named by node ids",
		Citation: citeLayout, Advice: "move it away: the servers take every visible folder there for a peer"}
	ruleDirPeerFolder = &check.Rule{ID: "dir.peer-folder", Severity: check.Error, Title: "a peer's folder is a real folder and can be read",
		Citation: citeLayout, Advice: "find out who put it there, and restore the folder from a backup"}
	ruleDirPeerRoot = &check.Rule{ID: "dir.peer-root", Severity: check.Error, Title: "the peer's root certificate is there and meets the profile",
		Citation: "certificates, \"Root certificate\"", Advice: adviceRestore}
	ruleDirPeerIdentity = &check.Rule{ID: "dir.peer-identity", Severity: check.Error, Title: "the folder's name, nodetype.txt and the root certificate name the same node, whose type may be a peer of this one",
		Citation: citeLayout, Advice: adviceFindOut}
	ruleDirPeerCert = &check.Rule{ID: "dir.peer-cert", Severity: check.Error, Title: "peercert.crt is there and is a peer certificate from this node's root for the peer's root",
		Citation: "certificates, \"Peer certificate\"", Advice: "restore it from certs/, where every certificate issued is kept"}
	ruleDirPeerRecorded = &check.Rule{ID: "dir.peer-recorded", Severity: check.Error, Title: "peercert.crt is the certificate that certs/ and db/index have",
		Citation: citeLayout, Advice: adviceFindOut}
	ruleDirPeerSubCA = &check.Rule{ID: "dir.peer-sub-ca", Severity: check.Error, Title: "sub-ca.crt is a peer certificate from the peer's root for this node's root",
		Citation: "certificates, \"Peer certificate\"", Advice: "ask the peer's operator for the certificate that was issued to this node, and compare"}
	ruleDirPeerQueues = &check.Rule{ID: "dir.peer-queues", Severity: check.Error, Title: "queues.txt is a number from 1 to 99",
		Citation: citeLayout, Advice: "write the number of queues that the deployment really has: it must never be less"}
	ruleDirPeerDeactivated = &check.Rule{ID: "dir.peer-deactivated", Severity: check.Error, Title: "DEACTIVATED contains a date",
		Citation: citeLayout, Advice: "write the date into it, as 2026-11-23; the peer counts as deactivated all the same"}
	ruleDirPeerNodeInfo = &check.Rule{ID: "dir.peer-nodeinfo", Severity: check.Error, Title: "the peer's nodeinfo/ is there, with a valid stomp.toml and updated-at.txt",
		Citation: citeLayout, Advice: adviceResign}
	ruleDirPeerNodeInfoFiles = &check.Rule{ID: "dir.peer-nodeinfo-files", Severity: check.Error, Title: "the peer's nodeinfo/ holds only files and folders",
		Citation: "info-bundle, \"Reading one\"", Advice: "remove it: it came from a stranger; no info-bundle that is accepted has one"}
	ruleDirPeerSubnet = &check.Rule{ID: "dir.peer-subnet", Severity: check.Error, Title: "subnet.txt, the subnet in the peer's certificate and db/subnets agree",
		Citation: citeOwnSubnet, Advice: "the certificate is what the peer has: make the other two agree with it, after comparing with a backup"}
	ruleDirPeerMasqSubnet = &check.Rule{ID: "dir.peer-masq-subnet", Severity: check.Error, Title: "masq-subnet.txt is the subnet in sub-ca.crt, as wide as creditors-subnet.txt",
		Citation: citeOwnSubnet, Advice: "the certificate is right: write its subnet into the file, and tell the servers"}
	ruleDirPeerForeign = &check.Rule{ID: "dir.peer-foreign", Severity: check.Warning, Title: "a peer's folder holds nothing but what belongs there",
		Citation: citeLayout, Advice: "remove it unless you put it there: the existing tool unpacked whatever a stranger's bundle had"}
	ruleDirPeerManifest = &check.Rule{ID: "dir.peer-manifest", Severity: check.Error, Title: "a peer that is not registered has no Kubernetes manifests",
		Citation: citeManifests, Advice: "delete it: it may have come in a bundle, and would be applied to the cluster"}
	ruleDirOnePeer = &check.Rule{ID: "dir.one-peer", Severity: check.Error, Title: "a debtors agent has exactly one peer",
		Citation: "certificates, \"Nodes and names\"", Advice: "find out which authority this node belongs to, and move the other folder away"}

	ruleDirCreditorsSubnet = &check.Rule{ID: "dir.creditors-subnet", Severity: check.Error, Title: "creditors-subnet.txt is a subnet",
		Citation: citeOwnSubnet, Advice: "write the subnet that the servers use into it; it is 000001 unless chosen otherwise"}
	ruleDirDebtorsSubnet = &check.Rule{ID: "dir.debtors-subnet", Severity: check.Error, Title: "debtors-subnet.txt is the subnet in the registered peer's certificate",
		Citation: citeOwnSubnet, Advice: adviceFindOut}

	ruleDirManifests = &check.Rule{ID: "dir.manifests", Severity: check.Warning, Title: "the Kubernetes manifests of registered peers are up to date",
		Citation: citeManifests, Advice: adviceFix + ", which writes them anew"}
	ruleDirManifestsList = &check.Rule{ID: "dir.manifests-list", Severity: check.Warning, Title: "peers/kustomization.yaml lists registered peers only",
		Citation: citeManifests, Advice: "remove the line: Kustomize cannot build it, or would build a stranger's manifest"}
)

// dirRules is the table of them, in the order of checking.
var dirRules = []*check.Rule{
	ruleDirRepaired, ruleDirJournal, ruleDirPending, ruleDirObstacle, ruleDirTemporary, ruleDirSignatures,
	ruleDirIdentity, ruleDirRoot,
	ruleDirFolder, ruleDirFile, ruleDirNewline, ruleDirSymlink, ruleDirModePrivate, ruleDirModePublic, ruleDirGitignore,
	ruleDirConf, ruleDirConfIdentity, ruleDirKeyPlace, ruleDirKeyForm, ruleDirKeyEncrypted, ruleDirKeyRounds, ruleDirOpenSSL,
	ruleDirRequest, ruleDirNodeInfo, ruleDirUpdatedAt, ruleDirPublished,
	ruleDirIndexRows, ruleDirIndexCertificate, ruleDirCertificateRow, ruleDirIssued,
	ruleDirSerialOnce, ruleDirSerialNext, ruleDirNodeOnce, ruleDirRowPeer, ruleDirServerEnds,
	ruleDirPeerName, ruleDirPeerFolder, ruleDirPeerRoot, ruleDirPeerIdentity, ruleDirPeerCert, ruleDirPeerRecorded,
	ruleDirPeerSubCA, ruleDirPeerQueues, ruleDirPeerDeactivated, ruleDirPeerNodeInfo, ruleDirPeerNodeInfoFiles,
	ruleDirPeerSubnet, ruleDirPeerMasqSubnet, ruleDirPeerForeign, ruleDirPeerManifest, ruleDirOnePeer,
	ruleDirCreditorsSubnet, ruleDirDebtorsSubnet,
	ruleDirSubnetFile, ruleDirSubnetOnce, ruleDirSubnetUsed, ruleDirSeqNum,
	ruleDirManifests, ruleDirManifestsList,
}

// Rules lists the rules of this package: first those of a whole directory, which
// [Dir.Audit] reports, then those of registering a certificate. Audit reports
// breaches of the rules of the packages certs and manifest, too.
func Rules() []*check.Rule {
	return append(append([]*check.Rule(nil), dirRules...), registerRules...)
}
