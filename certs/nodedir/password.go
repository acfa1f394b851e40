package nodedir

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// ChangePassword encrypts private/root-ca.key anew, as PKCS #8. Change.Key
// opens the key with the old password; newPassword is asked for after that, and
// before the lock is taken. The old file stays until the new one, which has been
// read back, is safely on the disk.
func (d *Dir) ChangePassword(ctx context.Context, newPassword func() ([]byte, error), ch Change) (*Plan, error) {
	var file []byte
	var opened keyFile
	var staged *durable.NewFile
	defer func() {
		if staged != nil {
			staged.Discard()
		}
	}()
	if open := ch.Key; open != nil {
		ch.Key = func() (crypto.Signer, error) {
			var err error
			if opened, err = d.keyFile(); err != nil {
				return nil, fmt.Errorf("root key: %w", err)
			}
			key, err := open()
			if err != nil {
				return nil, err
			}
			if err := d.ownKey(key); err != nil {
				return nil, fmt.Errorf("root key: %w", err)
			}
			password, err := askNewPassword(newPassword)
			if err != nil {
				return nil, err
			}
			defer clear(password)
			file, err = certs.EncryptPrivateKey(key, password)
			return key, err
		}
	}
	return d.change(ctx, ch, func(v *view) (*draft, error) {
		there, err := v.exists(fileRootKey)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, fmt.Errorf("%s: it is not there: a key that is kept elsewhere is not changed by this: use openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 on it", v.file(fileRootKey))
		}
		elsewhere, err := v.linkedKey()
		if err != nil {
			return nil, err
		}
		if v.locked {
			if err := v.sameKeyFile(opened); err != nil {
				return nil, err
			}
		}
		dr := &draft{decision: "change the password " + elsewhere, sign: true}
		dr.Title = "change the password of " + fileRootKey
		dr.fact("public key SHA-256", certs.KeyFingerprint(v.root.RawSubjectPublicKeyInfo))
		dr.note("copies of the old file, in backups, still open with the old password")
		if elsewhere != "" {
			dr.fact("file", elsewhere)
		}
		dr.build = func(tx *durable.Tx, s *signer) error {
			switch {
			case elsewhere == "":
				tx.Replace(fileRootKey, file, modeKey)
				return nil
			case s == nil:
				return nil
			}
			staged, err = durable.CreateFile(elsewhere, modeKey, true)
			if err == nil {
				_, err = staged.Write(file)
			}
			return err
		}
		if elsewhere != "" {
			dr.after = func() error { return staged.Commit() }
		}
		return dr, nil
	})
}

// keyFile is which file the root key is in, and what it contains.
type keyFile struct {
	path   string // without links
	digest [sha256.Size]byte
}

func (d *Dir) keyFile() (keyFile, error) {
	real, err := realPath(d.file(fileRootKey))
	if err != nil {
		return keyFile{}, err
	}
	data, err := readBounded(real, maxCertFile)
	if err != nil {
		return keyFile{}, err
	}
	defer clear(data)
	if _, err := certs.KeyEncrypted(data); err != nil {
		return keyFile{}, fmt.Errorf("%s: %w", real, err)
	}
	return keyFile{real, sha256.Sum256(data)}, nil
}

// sameKeyFile refuses to replace another file than the one that was opened:
// while passwords were being asked for, a link may have been made to lead
// somewhere else, or another process may have changed the password.
func (d *Dir) sameKeyFile(opened keyFile) error {
	now, err := d.keyFile()
	switch {
	case err != nil:
		return fmt.Errorf("%w: nothing was done: %s is not the file any more that was opened: %w", ErrChanged, d.file(fileRootKey), err)
	case now.path != opened.path:
		return fmt.Errorf("%w: nothing was done: found that %s leads to %s, expected %s, which was opened: find out who changed that, then run the command again", ErrChanged, d.file(fileRootKey), now.path, opened.path)
	case now.digest != opened.digest:
		return fmt.Errorf("%w: nothing was done: found another file at %s than the one that was opened: its password is perhaps another one now: run the command again", ErrChanged, now.path)
	}
	return nil
}

// linkedKey returns where the root key really is, if links lead out of the
// directory: some operators keep private/ on another volume. Otherwise it
// returns "".
func (d *Dir) linkedKey() (string, error) {
	real, err := realPath(d.file(fileRootKey))
	if err != nil {
		return "", err
	}
	own, err := realPath(d.path)
	if err != nil || real == filepath.Join(own, filepath.FromSlash(fileRootKey)) {
		return "", err
	}
	return real, nil
}
