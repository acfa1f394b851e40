package nodedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RootKeyFile is the path of the root key below a node directory, as changes and
// results name it.
const RootKeyFile = fileRootKey

// Names in a node directory, relative and slash-separated
// (node-directory.md).
const (
	fileRootCert        = "root-ca.crt"
	fileConf            = "root-ca.conf"
	fileRootKey         = "private/root-ca.key"
	fileIndex           = "db/index"
	fileIndexAttr       = "db/index.attr"
	fileSerial          = "db/serial"
	fileCRLNumber       = "db/crlnumber"
	fileNodeType        = "db/nodetype"
	fileNodeID          = "db/nodeid"
	fileRequest         = "db/root-ca.csr"
	fileNodeInfoDigest  = "db/nodeinfo.sha256"
	fileGitignore       = ".gitignore"
	fileCreditorsSubnet = "creditors-subnet.txt"
	fileDebtorsSubnet   = "debtors-subnet.txt"
	fileManifest        = "nodeinfo/stomp.toml"
	fileUpdatedAt       = "nodeinfo/updated-at.txt"
	filePeersKustomize  = "peers/kustomization.yaml"

	dirPrivate          = "private"
	dirCerts            = "certs"
	dirDB               = "db"
	dirNodeInfo         = "nodeinfo"
	dirPeers            = "peers"
	dirSubnets          = "db/subnets"
	dirCreditorsSubnets = "db/subnets/creditors"
	dirDebtorsSubnets   = "db/subnets/debtors"

	// nameSeqNum, in each folder of subnets, holds the last number used.
	nameSeqNum = "SEQNUM"

	// Ours; the names begin with a dot because the existing tool deletes
	// visible names that it does not know.
	fileLock    = "db/.swptpeer.lock"
	fileJournal = "db/.swptpeer-journal"
)

// Names inside peers/<node id>/.
const (
	peerRootCert    = "root-ca.crt"
	peerNodeInfo    = "nodeinfo"
	peerNodeType    = "nodetype.txt"
	peerPeerCert    = "peercert.crt"
	peerSubCA       = "sub-ca.crt"
	peerSubnet      = "subnet.txt"
	peerMasqSubnet  = "masq-subnet.txt"
	peerQueues      = "queues.txt"
	peerActive      = "ACTIVE"
	peerDeactivated = "DEACTIVATED"
	peerKustomize   = "kustomization.yaml"
	peerResources   = "resources-patch.yaml"
)

// Modes, whatever the umask: the servers read public files as another user.
const (
	modeFile    fs.FileMode = 0o644
	modeDir     fs.FileMode = 0o755
	modeKey     fs.FileMode = 0o600
	modePrivate fs.FileMode = 0o700
)

// Limits of files that are read, far above what is ever written there.
const (
	// maxLineFile bounds one-line files. The longest line in use has 46 bytes.
	maxLineFile = 4 << 10
	// maxCertFile bounds certificate, request and key files: 64 KiB, as in
	// info-bundle.md for the files that come from strangers.
	maxCertFile = 64 << 10
	// maxTextFile bounds manifests and configuration.
	maxTextFile = 1 << 20
)

// file returns the path of a name in the directory, for the operating system.
func (d *Dir) file(rel string) string { return filepath.Join(d.path, filepath.FromSlash(rel)) }

// readFile reads a whole regular file of at most limit bytes. The error names
// the file; a missing one is fs.ErrNotExist.
func (d *Dir) readFile(rel string, limit int64) ([]byte, error) {
	path := d.file(rel)
	data, err := readPlain(path, limit, false)
	if other := (*notRegularError)(nil); errors.As(err, &other) && other.mode&fs.ModeSymlink != 0 {
		return readBounded(path, limit)
	}
	return data, err
}

// readBounded reads a whole regular file, or a link to one, of at most limit
// bytes. It never waits for a pipe or a device: what cannot be read is an
// *fs.PathError, also if the system had no complaint.
func readBounded(path string, limit int64) ([]byte, error) {
	// Looked at before it is opened: opening alone makes some devices act, and
	// anything can be at the end of a link.
	if err := checkRegular(path, true); err != nil {
		return nil, err
	}
	return readPlain(path, limit, true)
}

// checkRegular returns an error if what is at path cannot be looked at or is no
// regular file.
func checkRegular(path string, follow bool) error {
	look := os.Lstat
	if follow {
		look = os.Stat
	}
	fi, err := look(path)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: path, Err: &notRegularError{fi.Mode()}}
	}
	return nil
}

// tooLong is the error for a file of more than limit bytes.
func tooLong(path string, limit int64) error {
	return fmt.Errorf("%s: found more than %d bytes, which is more than such a file may have", path, limit)
}

// notRegularError says that something is there that is no regular file.
type notRegularError struct{ mode fs.FileMode }

func (e *notRegularError) Error() string {
	return fmt.Sprintf("found %s, expected a regular file", kind(e.mode))
}

// kind says what a file is that is not a regular one.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsRegular():
		return "a regular file"
	}
	return "a device, pipe or socket"
}

// readLine reads a one-line file and returns the line. The newline at its end
// may be missing, or doubled by an editor; anything else is refused.
func (d *Dir) readLine(rel string) (string, error) {
	data, err := d.readFile(rel, maxLineFile)
	if err != nil {
		return "", err
	}
	return d.oneLineOf(rel, data)
}

// oneLineOf returns the line of a one-line file.
func (d *Dir) oneLineOf(rel string, data []byte) (string, error) {
	line := strings.TrimRight(string(data), "\n")
	switch {
	case line == "":
		return "", fmt.Errorf("%s: found an empty file, expected one line", d.file(rel))
	case strings.Contains(line, "\r"):
		return "", fmt.Errorf("%s: found CR LF line ends, expected LF", d.file(rel))
	case strings.Contains(line, "\n"):
		return "", fmt.Errorf("%s: found several lines, expected one", d.file(rel))
	}
	return line, nil
}

// exists reports whether there is anything at rel, also a dangling link.
func (d *Dir) exists(rel string) (bool, error) {
	switch _, err := os.Lstat(d.file(rel)); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}

// oneLine is the content of a one-line file.
func oneLine(s string) []byte { return []byte(s + "\n") }
