package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// A type that holds a secret does not show it, however it is printed: by itself,
// or in what holds it.
func TestSecretsAreNotPrinted(t *testing.T) {
	const secret = "xyzzy-plugh"
	kept := []byte(secret)
	source := &passwordSource{flag: "password-file", kept: &kept}
	request := nodedir.InitRequest{AdoptKey: []byte(secret)}
	for _, v := range []any{source, &call{password: source, newPassword: source}, call{password: source}, []*passwordSource{source}, request, &request, []nodedir.InitRequest{request}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, form := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]"), "0x78, 0x79"} {
				if strings.Contains(text, form) {
					t.Errorf("%s of %T: found %s", verb, v, text)
				}
			}
		}
	}
	source.forget()
	if source.kept != nil || strings.Trim(string(kept), "\x00") != "" {
		t.Errorf("not forgotten: %q", kept)
	}
}
