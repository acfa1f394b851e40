package certs

import (
	"bytes"
	"crypto/elliptic"
	"testing"
)

// What is asked for is wiped when it was used, whatever came of it; what the
// caller gave is not touched.
func TestPasswordIsWiped(t *testing.T) {
	encrypted := readReference(t, "nodes", "ca", "private", "root-ca.key")
	for _, text := range []string{"secret-pw", "wrong"} {
		password, file := []byte(text), bytes.Clone(encrypted)
		_, err := ParsePrivateKey(file, func() ([]byte, error) { return password, nil })
		if (err == nil) != (text == "secret-pw") {
			t.Fatal(err)
		}
		if !bytes.Equal(password, make([]byte, len(text))) {
			t.Errorf("found %q afterwards, expected zeros", password)
		}
		if !bytes.Equal(file, encrypted) {
			t.Error("the caller's file was changed")
		}
	}
	plain := must(EncodePrivateKey(newEC(elliptic.P256())))
	before := bytes.Clone(plain)
	for range 2 {
		if _, err := ParsePrivateKey(plain, nil); err != nil || !bytes.Equal(plain, before) {
			t.Errorf("the caller's file was changed, or cannot be read again: %v", err)
		}
	}
	password := []byte("new password")
	if _, err := EncryptPrivateKey(newEC(elliptic.P256()), password); err != nil || string(password) != "new password" {
		t.Errorf("found %q, %v: a password that is given is the caller's", password, err)
	}
}
