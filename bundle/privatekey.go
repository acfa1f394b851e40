package bundle

import (
	"fmt"
	"io"
	"regexp"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// A keyFinder looks for private keys in what is written to it: the first line of
// one in PEM, encrypted or not, of OpenSSL, OpenSSH or OpenPGP. Keys in other
// encodings cannot be told from other bytes.
type keyFinder struct {
	found bool
	tail  []byte // the end of what was written, in which a line may have begun
}

var keyLine = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY( BLOCK)?-----`)

// maxKeyLine is the length of the longest match, in bytes.
const maxKeyLine = len("-----BEGIN ") + 24 + len("PRIVATE KEY BLOCK-----")

// Write implements [io.Writer].
func (k *keyFinder) Write(p []byte) (int, error) {
	if k.found {
		return len(p), nil
	}
	k.tail = append(k.tail, p[:min(len(p), maxKeyLine)]...)
	k.found = keyLine.Match(k.tail) || keyLine.Match(p)
	if len(p) >= maxKeyLine {
		k.tail = append(k.tail[:0], p[len(p)-maxKeyLine:]...)
	} else if n := len(k.tail) - maxKeyLine; n > 0 {
		k.tail = append(k.tail[:0], k.tail[n:]...)
	}
	return len(p), nil
}

// keys looks for private keys. Everything is inflated once more for it, since
// package strictzip keeps nothing of it.
func (v *verifier) keys(archive *strictzip.Archive) {
	found := 0
	err := archive.Walk(func(e strictzip.Entry, content io.Reader) error {
		if content == nil { // a folder
			return nil
		}
		var k keyFinder
		if _, err := io.Copy(&k, content); err != nil {
			return err
		}
		if k.found {
			if found++; found <= maxKeysShown {
				v.report.Fail(rulePrivateKey, memberNodeInfo+": "+quote(e.Name), "a private key", "nothing secret: everybody can read this")
			}
		}
		return nil
	})
	switch {
	case err != nil:
		v.report.Fail(ruleUnchanged, memberNodeInfo, err.Error(), "the bytes that were there before")
		v.report.Skip(rulePrivateKey, memberNodeInfo, "the files could not be read again")
	case found == 0:
		v.report.Pass(rulePrivateKey, memberNodeInfo, "")
	case found > maxKeysShown:
		v.report.Fail(rulePrivateKey, memberNodeInfo, fmt.Sprintf("private keys in %d more files", found-maxKeysShown), "nothing secret")
	}
}

// maxKeysShown is how many files with keys a report names: a stranger may have
// put one into each of thousands.
const maxKeysShown = 8
