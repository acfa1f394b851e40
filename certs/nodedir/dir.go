package nodedir

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// Dir is a node directory. Reading never locks and never writes.
//
// A Dir may be used by several goroutines at once.
type Dir struct {
	path     string // as given to Open
	opts     Options
	identity certs.Identity
	root     *certs.Certificate
	warnings []string
}

// Open reads what a directory is: its node type, its id and its root
// certificate, which must agree. It does not judge the certificate and does not
// look at the rest; Audit does.
//
// An error that wraps [ErrNotNode] says which of the files that make a folder a
// node directory are missing. The folder may be a symbolic link.
func Open(path string, opts Options) (*Dir, error) {
	if path == "" {
		path = "."
	}
	d := &Dir{path: path, opts: opts.withDefaults()}
	switch fi, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w: there is no such folder: init makes one", path, ErrNotNode)
	case err != nil:
		return nil, fmt.Errorf("node directory: %w", err)
	case !fi.IsDir():
		return nil, fmt.Errorf("%s: %w: it is a file, expected a folder", path, ErrNotNode)
	}
	if err := d.identify(); err != nil {
		return nil, err
	}
	d.warnings = d.permissionWarnings()
	return d, nil
}

// identify reads db/nodetype, db/nodeid and root-ca.crt.
func (d *Dir) identify() error {
	var missing []string
	for _, f := range []string{fileNodeType, fileNodeID, fileRootCert} {
		// An empty file counts as missing: OpenSSL leaves one behind when a
		// password was wrong.
		switch fi, err := os.Stat(d.file(f)); {
		case errors.Is(err, fs.ErrNotExist) || err == nil && fi.Mode().IsRegular() && fi.Size() == 0:
			missing = append(missing, f)
		case err != nil:
			return err
		}
	}
	if len(missing) > 0 {
		return d.notNode(missing)
	}
	unit, err := d.readLine(fileNodeType)
	if err != nil {
		return err
	}
	typ, err := certs.ParseUnit(unit)
	if err != nil {
		return fmt.Errorf("%s: %w", d.file(fileNodeType), err)
	}
	line, err := d.readLine(fileNodeID)
	if err != nil {
		return err
	}
	if d.identity, err = certs.NewIdentity(typ, line); err != nil {
		return fmt.Errorf("%s: %w", d.file(fileNodeID), err)
	}
	if d.root, err = d.readCertificate(fileRootCert); err != nil {
		return err
	}
	in, err := certs.SubjectIdentity(d.root.RawSubject)
	if err != nil {
		return fmt.Errorf("%s: subject: %w", d.file(fileRootCert), err)
	}
	if in != d.identity {
		return fmt.Errorf("%s: found the certificate of %s, expected %s as %s and %s say: the files are of different nodes",
			d.file(fileRootCert), in, d.identity, fileNodeType, fileNodeID)
	}
	return nil
}

// notNode says what is missing and what it probably is.
func (d *Dir) notNode(missing []string) error {
	why := "init makes a new node there, or completes one that was begun"
	if d.Pending() {
		why = "an interrupted init left it: run init again to complete it"
	}
	return fmt.Errorf("%s: %w: missing %s: %s", d.path, ErrNotNode, strings.Join(missing, ", "), why)
}

// permissionWarnings looks at who may read the root key.
func (d *Dir) permissionWarnings() []string {
	if runtime.GOOS == "windows" {
		return nil // file modes say nothing there
	}
	var out []string
	if fi, err := os.Stat(d.file(dirPrivate)); err == nil && fi.Mode().Perm()&0o077 != 0 {
		out = append(out, fmt.Sprintf("%s: others may look into it (mode %04o, expected %04o): chmod %o it",
			d.file(dirPrivate), fi.Mode().Perm(), modePrivate, modePrivate))
	}
	if fi, err := os.Stat(d.file(fileRootKey)); err == nil && fi.Mode().Perm()&0o077 != 0 {
		out = append(out, fmt.Sprintf("%s: others may read it (mode %04o, expected %04o): chmod %o it",
			d.file(fileRootKey), fi.Mode().Perm(), modeKey, modeKey))
	}
	return out
}

// Path returns the path that was given to Open or Init.
func (d *Dir) Path() string { return d.path }

// Identity returns the type and id of the node.
func (d *Dir) Identity() certs.Identity { return d.identity }

// Root returns the node's root certificate. It must not be changed.
func (d *Dir) Root() *certs.Certificate { return d.root }

// Warnings returns what Open noticed and the operator should know, one line
// each: so far, that others may read the root key.
func (d *Dir) Warnings() []string { return append([]string(nil), d.warnings...) }

// Pending reports whether a change was interrupted (or is being made by another
// process just now). The next change, whichever it is, completes or undoes it
// before it does anything else.
func (d *Dir) Pending() bool {
	pending, err := durable.Pending(d.path, fileJournal)
	return err == nil && pending
}

// OpenKey reads the root key and refuses one that is not this node's. An empty
// file means private/root-ca.key; any other path is taken as the operator gave
// it. password is called at most once, and only for an encrypted key.
//
// Errors wrap fs.ErrNotExist if there is no file, certs.ErrWrongPassword and
// certs.ErrPasswordRequired.
func (d *Dir) OpenKey(file string, password func() ([]byte, error)) (crypto.Signer, error) {
	where := file
	if file == "" {
		where = d.file(fileRootKey)
	}
	data, err := readBounded(where, maxCertFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == "":
		return nil, fmt.Errorf("root key: %w: if it is kept elsewhere, give its file with --key", err)
	case err != nil:
		return nil, fmt.Errorf("root key: %w", err)
	}
	defer clear(data)
	key, err := certs.ParsePrivateKey(data, password)
	if err != nil {
		return nil, fmt.Errorf("root key %s: %w", where, err)
	}
	if err := d.ownKey(key); err != nil {
		return nil, fmt.Errorf("root key %s: %w", where, err)
	}
	return key, nil
}

// ownKey refuses a key that is not the root certificate's.
func (d *Dir) ownKey(key crypto.Signer) error {
	return sameKey(key, d.root.Certificate)
}

// sameKey reports, as an error with both fingerprints, a key that is not the
// certificate's.
func sameKey(key crypto.Signer, root *x509.Certificate) error {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if !bytes.Equal(spki, root.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("it is the key of another node: found public key SHA-256 %s, expected %s as in %s",
			certs.KeyFingerprint(spki), certs.KeyFingerprint(root.RawSubjectPublicKeyInfo), fileRootCert)
	}
	return nil
}

// readCertificate reads a certificate file of the directory.
func (d *Dir) readCertificate(rel string) (*certs.Certificate, error) {
	data, err := d.readFile(rel, maxCertFile)
	if err != nil {
		return nil, err
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(rel), err)
	}
	return c, nil
}
