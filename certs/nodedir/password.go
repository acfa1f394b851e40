package nodedir

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// ChangePassword encrypts private/root-ca.key anew, as PKCS #8. Change.Key
// opens the key with the old password; newPassword is asked for after that, and
// before the lock is taken. The old file stays until the new one, which has been
// read back, is safely on the disk.
func (d *Dir) ChangePassword(ctx context.Context, newPassword func() ([]byte, error), ch Change) (*Plan, error) {
	var file []byte
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
		dr.build = func(tx *durable.Tx, s *signer) error {
			if s != nil && file == nil {
				return errors.New("the key was not encrypted")
			}
			tx.Replace(fileRootKey, file, modeKey)
			return nil
		}
		return dr, nil
	})
}
