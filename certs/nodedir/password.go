package nodedir

import (
	"context"
	"crypto"
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
	var staged *durable.NewFile
	defer func() {
		if staged != nil {
			staged.Discard()
		}
	}()
	if open := ch.Key; open != nil {
		ch.Key = func() (crypto.Signer, error) {
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
			return nil, fmt.Errorf("%s: it is not there: a key that is kept elsewhere is not changed by this: use openssl pkcs8 -topk8 -v2 aes-256-cbc on it", v.file(fileRootKey))
		}
		dr := &draft{decision: "change the password", sign: true}
		dr.Title = "change the password of " + fileRootKey
		dr.fact("public key SHA-256", certs.KeyFingerprint(v.root.RawSubjectPublicKeyInfo))
		dr.note("copies of the old file, in backups, still open with the old password")
		elsewhere, err := v.linkedKey()
		if err != nil {
			return nil, err
		}
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
