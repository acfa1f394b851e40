package nodedir

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// InitRequest says what node to make. A half-made directory is completed: what
// is there is kept and must agree with the request.
type InitRequest struct {
	Type            certs.NodeType // required unless the directory already says
	Prefix          string         // accounting authority: its id; required unless the directory already says
	Servers         []string       // host:port for the first stomp.toml; required unless there is one
	CreditorsSubnet certs.Subnet   // creditors agent: zero means 000001
	AdoptKey        []byte         // PEM file of an existing key to adopt; nil: use private/root-ca.key or make one
	// NewPassword is asked for when a key has to be encrypted, Password when an
	// encrypted one has to be read; each at most once, after Change.Confirm.
	Password, NewPassword func() ([]byte, error)
	Reencrypt             bool // encrypt an adopted key with NewPassword, instead of keeping its file or password
	NoKubernetes          bool // a new node gets no peers/kustomization.yaml
}

// Format implements fmt.Formatter: whoever prints a request, in whatever way,
// does not print the key in it.
func (r InitRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "InitRequest(%v %s, servers %q)", r.Type, r.Prefix, r.Servers)
}

// InitResult of Init.
type InitResult struct {
	Dir     *Dir // nil after a dry run that would make something
	Plan    *Plan
	Created []string // paths made or completed by this run, relative, in order
}

// Init makes a node directory at path, or completes a half-made one: one that
// has only a key, one whose creation the existing tool did not finish, or a
// complete one of that tool, which lacks root-ca.conf or .gitignore. What is
// there is never replaced. If nothing is missing, Plan.Nothing is true.
//
// The id of an agent follows from its key; an authority's is Prefix. A root
// certificate that is there is adopted with its name.
//
// Everything appears at once. After an error nothing is left behind, not even
// the folder itself. Change.Key is not used.
func Init(ctx context.Context, path string, req InitRequest, opts Options, ch Change) (*InitResult, error) {
	if path == "" {
		path = "."
	}
	in := &initializer{path: path, req: req, opts: opts.withDefaults()}
	if err := in.checkRequest(); err != nil {
		return nil, err
	}
	if !ch.DryRun {
		if pending, err := durable.Pending(path, fileJournal); err == nil && pending {
			if err := withLock(ctx, path, in.opts, func() error { return nil }); err != nil {
				return nil, err
			}
		}
	}
	shown, err := in.plan(nil)
	if err != nil {
		return nil, err
	}
	if shown.Nothing {
		d, err := Open(path, opts)
		return &InitResult{Dir: d, Plan: &shown.Plan}, err
	}
	if ch.Confirm != nil {
		if err := ch.Confirm(&shown.Plan); err != nil {
			return nil, err
		}
	}
	if ch.DryRun {
		return &InitResult{Plan: &shown.Plan}, nil
	}
	key, err := in.openKey(shown.found)
	if err != nil {
		return nil, err
	}
	done, err := in.carryOut(ctx, shown, key)
	if err != nil {
		return nil, err
	}
	d, err := Open(path, opts)
	if err != nil {
		return nil, err
	}
	res := &InitResult{Dir: d, Plan: &done.Plan}
	for _, c := range done.Changes {
		if c.Action != durable.ActionChmod {
			res.Created = append(res.Created, c.Path)
		}
	}
	return res, nil
}

// initializer makes or completes one directory.
type initializer struct {
	path string
	req  InitRequest
	opts Options
	// madeDB: db/ was made by this run, for the lock in it.
	madeDB bool
}

// initDraft is a plan of Init with what it was made from.
type initDraft struct {
	draft
	found *found
}

// checkRequest refuses what cannot be right whatever the directory says.
func (in *initializer) checkRequest() error {
	r := in.req
	if r.Prefix != "" {
		if r.Type != 0 && r.Type != certs.AccountingAuthority {
			return fmt.Errorf("prefix: found %q for a %s, expected none: only accounting authorities have one, the id of an agent follows from its key", r.Prefix, r.Type.Words())
		}
		if _, err := certs.NewIdentity(certs.AccountingAuthority, r.Prefix); err != nil {
			return fmt.Errorf("prefix: %w", err)
		}
	}
	if s := r.CreditorsSubnet; !s.IsZero() && s.Digits() != certs.CreditorsSubnetDigits {
		return fmt.Errorf("creditors subnet: found %q, expected %d hex digits, as many as authorities give", s, certs.CreditorsSubnetDigits)
	}
	if s := r.CreditorsSubnet; !s.IsZero() && r.Type != 0 && r.Type != certs.CreditorsAgent {
		return fmt.Errorf("creditors subnet: found %q for an %s, expected none: only creditors agents have one", s, r.Type.Words())
	}
	return nil
}

// initKey is the root key for a new directory.
type initKey struct {
	signer crypto.Signer // nil: the key was not needed
	file   []byte        // private/root-ca.key to be written; nil: it is there
}

// openKey opens, adopts or makes the root key, if it is needed.
func (in *initializer) openKey(f *found) (*initKey, error) {
	switch {
	case !f.needsKey():
		return &initKey{}, nil
	case in.req.AdoptKey != nil:
		return in.adoptKey()
	case f.key != nil:
		signer, err := certs.ParsePrivateKey(f.key, onlyOnce(in.req.Password))
		if err != nil {
			return nil, fmt.Errorf("root key %s: %w", f.d.file(fileRootKey), err)
		}
		return &initKey{signer: signer}, nil
	}
	password, err := in.newPassword()
	if err != nil {
		return nil, err
	}
	defer clear(password)
	signer, err := certs.GenerateKey()
	if err != nil {
		return nil, err
	}
	file, err := certs.EncryptPrivateKey(signer, password)
	if err != nil {
		return nil, err
	}
	return &initKey{signer, file}, nil
}

// adoptKey reads the key to be adopted. An encrypted PKCS #8 file is kept byte
// for byte, unless Reencrypt. Any other form, which not all programs read, is
// encrypted anew: with the same password, or a new one if it had none.
func (in *initializer) adoptKey() (*initKey, error) {
	var password []byte
	defer func() { clear(password) }()
	asked := onlyOnce(in.req.Password)
	signer, err := certs.ParsePrivateKey(in.req.AdoptKey, func() ([]byte, error) {
		p, err := asked()
		password = bytes.Clone(p)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("key to adopt: %w", err)
	}
	if isEncryptedPKCS8(in.req.AdoptKey) && !in.req.Reencrypt {
		return &initKey{signer, bytes.Clone(in.req.AdoptKey)}, nil
	}
	if password == nil || in.req.Reencrypt {
		clear(password)
		if password, err = in.newPassword(); err != nil {
			return nil, err
		}
	}
	file, err := certs.EncryptPrivateKey(signer, password)
	if err != nil {
		return nil, err
	}
	return &initKey{signer, file}, nil
}

// isEncryptedPKCS8 tells a PKCS #8 file that is encrypted from other key files.
// Text around the key may say anything, so that whether it is encrypted is
// asked of the key itself; the label only tells the two encrypted forms apart.
func isEncryptedPKCS8(file []byte) bool {
	return isEncrypted(file) && bytes.Contains(file, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
}

// newPassword asks for the password of a key that is to be written.
func (in *initializer) newPassword() ([]byte, error) {
	return askNewPassword(in.req.NewPassword)
}

// askNewPassword asks for a password that is to be set.
func askNewPassword(ask func() ([]byte, error)) ([]byte, error) {
	if ask == nil {
		return nil, errors.New("a password for the root key is needed, and none was given")
	}
	password, err := ask()
	if err != nil {
		return nil, err
	}
	if len(password) == 0 {
		return nil, errors.New("password for the root key: found an empty one, expected at least one character: the root key is never kept without")
	}
	return password, nil
}

// onlyOnce makes a missing password function an error.
func onlyOnce(ask func() ([]byte, error)) func() ([]byte, error) {
	if ask != nil {
		return ask
	}
	return func() ([]byte, error) { return nil, certs.ErrPasswordRequired }
}

// carryOut makes the folder, plans again under the lock, and commits.
func (in *initializer) carryOut(ctx context.Context, shown *initDraft, key *initKey) (done *initDraft, err error) {
	made, undo, err := makeFolders(in.path, filepath.Join(in.path, dirDB))
	if err != nil {
		return nil, err
	}
	in.madeDB = len(made) > 0
	err = withLock(ctx, in.path, in.opts, func() (err error) {
		if done, err = in.plan(key); err != nil || done.Nothing {
			return err // nothing: another process did the same
		}
		if done.decision != shown.decision {
			return fmt.Errorf("%w: nothing was done; found now: %s; expected: %s; run the command again", ErrChanged, done.decision, shown.decision)
		}
		tx := durable.NewTx(in.path, fileJournal)
		if err := done.build(tx, nil); err != nil {
			return err
		}
		done.Changes = withoutKeys(tx.Changes())
		if err := ctx.Err(); err != nil {
			return err
		}
		return tx.Commit()
	})
	if err != nil {
		undo() // folders that another process uses by now are not empty
		return nil, err
	}
	return done, nil
}

// makeFolders makes the folders that do not exist, with their parents. It
// returns those that it made, and a function that removes them again as far as
// they are empty.
func makeFolders(paths ...string) (made []string, undo func(), err error) {
	undo = func() {
		for _, p := range slices.Backward(made) {
			if os.Remove(p) != nil {
				return
			}
		}
	}
	for _, p := range paths {
		missing, err := missingFolders(p)
		for _, p := range slices.Backward(missing) {
			if err == nil {
				err = os.Mkdir(p, modeDir)
			}
			if errors.Is(err, fs.ErrExist) {
				err = nil // another process was faster
				continue
			}
			if err == nil {
				made = append(made, p)
				err = os.Chmod(p, modeDir) // whatever the umask
			}
			if err == nil {
				err = syncFolder(filepath.Dir(p))
			}
		}
		if err != nil {
			undo()
			return nil, nil, err
		}
	}
	return made, undo, nil
}

// missingFolders lists what has to be made for path to be a folder, the path
// itself first.
func missingFolders(path string) (missing []string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	for ; ; path = filepath.Dir(path) {
		fi, err := os.Stat(path)
		switch {
		case err == nil && !fi.IsDir():
			return nil, fmt.Errorf("%s: found a file, expected a folder", path)
		case err == nil:
			return missing, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		missing = append(missing, path)
	}
}

// syncFolder makes a new entry of a folder survive a power loss, as far as the
// system lets us: a parent may be closed to reading.
func syncFolder(path string) error {
	if err := durable.SyncFolder(path); !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
