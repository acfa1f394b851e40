package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkSecrets looks at every file below a folder, hidden ones too: a private
// key is for its owner alone, and no file has a password in it.
func checkSecrets(t *testing.T, root string, problem func(string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) && info.Mode().Perm() != 0o600 {
			problem(strings.TrimPrefix(name, root) + ": a private key in a file of mode " + info.Mode().String())
		}
		for _, password := range []string{oldPassword, newPassword} {
			if bytes.Contains(data, []byte(password)) {
				problem(strings.TrimPrefix(name, root) + ": a password is in it")
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
