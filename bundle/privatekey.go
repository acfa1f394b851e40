package bundle

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
)

// A keyFinder looks for private keys in what is written to it: the first line of
// one in PEM, encrypted or not, of OpenSSL, OpenSSH or OpenPGP. Keys in other
// encodings cannot be told from other bytes.
type keyFinder struct {
	found bool
	tail  []byte // the end of what was written, in which a line may have begun
}

// A line that is found is
//
//	-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY( BLOCK)?-----
const (
	keyBegin    = "-----BEGIN "
	keyKind     = "PRIVATE KEY"
	keyBlock    = " BLOCK"
	keyEnd      = "-----"
	maxKeyWords = 24 // bytes before keyKind, as in ENCRYPTED or OPENSSH
)

// maxKeyLine is the length of the longest line, in bytes.
const maxKeyLine = len(keyBegin) + maxKeyWords + len(keyKind+keyBlock+keyEnd)

// Write implements [io.Writer].
func (k *keyFinder) Write(p []byte) (int, error) {
	if k.found {
		return len(p), nil
	}
	k.tail = append(k.tail, p[:min(len(p), maxKeyLine)]...)
	k.found = hasKeyLine(k.tail) || hasKeyLine(p)
	if len(p) >= maxKeyLine {
		k.tail = append(k.tail[:0], p[len(p)-maxKeyLine:]...)
	} else if n := len(k.tail) - maxKeyLine; n > 0 {
		k.tail = append(k.tail[:0], k.tail[n:]...)
	}
	return len(p), nil
}

// hasKeyLine reports whether there is a line in b. Everything that is published
// goes through here, so it must not take longer than hashing it.
func hasKeyLine(b []byte) bool {
	for {
		_, after, ok := bytes.Cut(b, []byte(keyBegin))
		if !ok {
			return false
		}
		if isKeyLine(after) {
			return true
		}
		b = after
	}
}

// isKeyLine reports whether what follows keyBegin makes it a line. The words
// before keyKind may be what keyKind begins with, so that every place is tried.
func isKeyLine(b []byte) bool {
	for i := range min(len(b), maxKeyWords+1) {
		if rest, ok := bytes.CutPrefix(b[i:], []byte(keyKind)); ok {
			rest, _ = bytes.CutPrefix(rest, []byte(keyBlock))
			if bytes.HasPrefix(rest, []byte(keyEnd)) {
				return true
			}
		}
		if c := b[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' {
			return false
		}
	}
	return false
}

// A keySearch looks for private keys in all files, while package strictzip
// inflates them.
type keySearch struct {
	mu      sync.Mutex
	finders map[string]*keyFinder // by name
}

// file returns who looks into the file of this name.
func (s *keySearch) file(name string, _ int64) io.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finders == nil {
		s.finders = map[string]*keyFinder{}
	}
	k := &keyFinder{}
	s.finders[name] = k
	return k
}

// keys judges what was found in the files of the archive.
func (v *verifier) keys(search *keySearch) {
	var names []string
	for name, k := range search.finders {
		if k.found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:min(len(names), maxKeysShown)] {
		v.report.Fail(rulePrivateKey, memberNodeInfo+": "+quote(name), "a private key", "nothing secret: everybody can read this")
	}
	switch more := len(names) - maxKeysShown; {
	case len(names) == 0:
		v.report.Pass(rulePrivateKey, memberNodeInfo, "")
	case more > 0:
		v.report.Fail(rulePrivateKey, memberNodeInfo, fmt.Sprintf("private keys in %d more files", more), "nothing secret")
	}
}

// maxKeysShown is how many files with keys a report names: a stranger may have
// put one into each of thousands.
const maxKeysShown = 8
