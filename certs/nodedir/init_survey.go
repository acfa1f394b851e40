package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
)

// found is what Init finds in a folder. An empty file counts as missing, as for
// the existing tool: OpenSSL leaves one behind when a password was wrong.
type found struct {
	d       *Dir // not opened: only its path is used
	key     []byte
	root    *certs.Certificate
	restore bool // root is not in root-ca.crt, but was found in certs/
	typ     certs.NodeType
	id      string
	issued  []*certs.Certificate // certs/*.pem, unless db/serial and db/index are there
	exists  map[string]bool      // of the names below, which exist and are not empty
	empty   map[string]bool      // of the names below, which exist and are empty
	sign    bool                 // a certificate or request is to be signed
	adopt   bool                 // a key is to be adopted or made
}

// initFiles are the files that Init makes, as far as they apply.
var initFiles = []string{
	fileGitignore, fileRootKey, fileRootCert, fileConf, fileNodeType, fileNodeID, fileSerial, fileCRLNumber,
	fileIndex, fileIndexAttr, fileRequest, fileManifest, fileCreditorsSubnet, filePeersKustomize,
	dirCreditorsSubnets + "/" + nameSeqNum, dirDebtorsSubnets + "/" + nameSeqNum,
}

// survey looks at what is there, and refuses what Init must not touch.
func survey(path string) (*found, error) {
	f := &found{d: &Dir{path: path}, exists: map[string]bool{}, empty: map[string]bool{}}
	switch fi, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, err
	case !fi.IsDir():
		return nil, fmt.Errorf("%s: found a file, expected a folder", path)
	}
	for _, name := range initFiles {
		switch fi, err := os.Stat(f.d.file(name)); {
		case errors.Is(err, fs.ErrNotExist):
			if linked, err := f.d.exists(name); err != nil || linked {
				return nil, errors.Join(err, fmt.Errorf("%s: found a symbolic link to nothing, expected a file or nothing", f.d.file(name)))
			}
		case err != nil:
			return nil, err
		case !fi.Mode().IsRegular():
			return nil, fmt.Errorf("%s: found %s, expected a file or nothing", f.d.file(name), kind(fi.Mode()))
		default:
			f.exists[name] = fi.Size() > 0
			f.empty[name] = fi.Size() == 0
		}
	}
	if err := f.refuseForeign(); err != nil {
		return nil, err
	}
	return f, f.read()
}

// refuseForeign refuses a folder that has folders with our names but nothing
// else of a node: whatever it is, it is not ours to add to. Other files are
// harmless: a README, the existing tool's scripts, a git repository.
func (f *found) refuseForeign() error {
	for _, name := range []string{fileRootKey, fileRootCert, fileNodeType, fileNodeID, fileIndex, fileSerial} {
		if f.exists[name] {
			return nil
		}
	}
	for _, dir := range []string{dirCerts, dirDB, dirPeers} {
		entries, err := os.ReadDir(f.d.file(dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") || f.empty[dir+"/"+e.Name()] || dir == dirPeers && !e.IsDir() {
				continue
			}
			return fmt.Errorf("%s: found %s in a folder that is not a node directory, expected no such file: choose an empty folder, or move it away",
				f.d.path, dir+"/"+e.Name())
		}
	}
	return nil
}

// read reads what says which node this is.
func (f *found) read() (err error) {
	if f.exists[fileRootKey] {
		if f.key, err = f.d.readFile(fileRootKey, maxCertFile); err != nil {
			return err
		}
	}
	if f.exists[fileNodeType] {
		line, err := f.d.readLine(fileNodeType)
		if err != nil {
			return err
		}
		if f.typ, err = certs.ParseUnit(line); err != nil {
			return fmt.Errorf("%s: %w", f.d.file(fileNodeType), err)
		}
	}
	if f.exists[fileNodeID] {
		if f.id, err = f.d.readLine(fileNodeID); err != nil {
			return err
		}
		if _, err := certs.ParseNodeID(f.id); err != nil {
			return fmt.Errorf("%s: %w", f.d.file(fileNodeID), err)
		}
	}
	if f.exists[fileRootCert] {
		if f.root, err = f.d.readCertificate(fileRootCert); err != nil {
			return err
		}
	}
	if f.root == nil || !f.exists[fileSerial] || !f.exists[fileIndex] {
		if err := f.readIssued(); err != nil {
			return err
		}
	}
	if f.root == nil {
		return f.findRoot()
	}
	return nil
}

// readIssued reads certs/*.pem, in order of serial number.
func (f *found) readIssued() error {
	entries, err := os.ReadDir(f.d.file(dirCerts))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".pem" || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		c, err := f.d.readCertificate(dirCerts + "/" + e.Name())
		if err != nil {
			return err
		}
		f.issued = append(f.issued, c)
	}
	slices.SortFunc(f.issued, func(a, b *certs.Certificate) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return nil
}

// findRoot looks for the root certificate among those issued. A directory that
// has issued certificates never gets a new one: its peers hold the old one.
func (f *found) findRoot() error {
	for _, c := range f.issued {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) || !c.IsCA {
			continue
		}
		if f.root != nil {
			return fmt.Errorf("%s: it is missing, and %s holds several root certificates: restore it from a backup", f.d.file(fileRootCert), f.d.file(dirCerts))
		}
		f.root, f.restore = c, true
	}
	if f.root == nil && (len(f.issued) > 0 || f.exists[fileIndex]) {
		return fmt.Errorf("%s: it is missing, and %s or %s says that certificates were issued: restore it from a backup: a new one would not be the one that the peers have",
			f.d.file(fileRootCert), dirCerts, fileIndex)
	}
	return nil
}

// missing reports that a file does not exist or is empty.
func (f *found) missing(name string) bool { return !f.exists[name] }

// established reports whether this is a node already, and not one that is just
// being made: then what its operator removed on purpose is not added again.
func (f *found) established() bool {
	return f.exists[fileRootCert] && f.exists[fileNodeType] && f.exists[fileNodeID]
}

// needsKey reports whether the root key must be opened.
func (f *found) needsKey() bool { return f.sign || f.adopt }

// decideKey decides whether a key is to be written and whether one is
// needed to sign.
func (f *found) decideKey(adopt []byte) error {
	switch {
	case adopt != nil && f.key != nil && !bytes.Equal(adopt, f.key):
		return fmt.Errorf("%s: it is there already and is not the key file given, and a root key is never replaced: leave --key out, or choose an empty folder", f.d.file(fileRootKey))
	case adopt != nil && f.key == nil:
		f.adopt = true
	case f.key == nil && f.root == nil:
		f.adopt = true
	}
	f.sign = f.root == nil || f.adopt && f.missing(fileRequest)
	return nil
}
