package certs

import (
	"bytes"
	"encoding/pem"
	"path/filepath"
	"regexp"
	"testing"
)

// blankEnd is what scanPEM, like OpenSSL, does not look at: blanks at the end of a
// line. encoding/pem takes a CR for one only directly before a LF.
var blankEnd = regexp.MustCompile(`[ \t\r]+(\n|\z)`)

// FuzzPEM compares scanPEM with encoding/pem, which skips what it does not
// understand: in a file that scanPEM accepts, the other reader finds the same
// blocks, no more and no fewer, with the same content.
func FuzzPEM(f *testing.F) {
	for _, b := range corpus(f, reference, ".crt", ".csr", "root-ca.key") {
		f.Add(b)
	}
	for _, b := range corpus(f, filepath.Join("testdata", "keys"), ".pem") {
		f.Add(b)
	}
	for _, s := range []string{
		"-----BEGIN A-----\nAAAA\n-----END A-----\n-----BEGIN B-----\nAAAB\n-----END B-----",
		"text -----BEGIN A-----\nAAAA\n-----END A-----\n",
		"\xef\xbb\xbf-----BEGIN A-----\nAAAA\n-----END A-----\n",
		"-----BEGIN A-----\rAAAA\r-----END A-----\r",
		"-----BEGIN A-----\nAAAA\n-----END A-----\r",
		"-----BEGIN A----- \r\r\nAAAA\r\r\n-----END A-----\r \n",
		"-----BEGIN A-----\r\n AA\tAA \r\n-----END A----- \r\n",
		"-----BEGIN A-----\nK: V\n\nAAAA\n-----END A-----\n",
		"-----BEGIN A-----\nK: V\nAAAA\n-----END A-----\n",
		"-----BEGIN A-----\nAAAA\n-----END B-----\n-----END A-----\n",
		"-----BEGIN A-----\nAAAA==\n=AAA\n-----END A-----\n",
		"-----BEGIN -----\nAAAA\n-----END -----\n",
		"----BEGIN A-----\nAAAA\n-----END A-----\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		before := bytes.Clone(file)
		blocks, err := scanPEM(file)
		if !bytes.Equal(file, before) {
			t.Fatal("the caller's bytes were changed")
		}
		if err != nil {
			return
		}
		rest := blankEnd.ReplaceAll(file, []byte("$1"))
		for i, b := range blocks {
			if len(b.der) == 0 || !bytes.Contains(file, b.raw) {
				t.Fatalf("block %d is empty or is not in the file: %+v", i, b)
			}
			// RFC 1421 headers end with an empty line, which the other reader
			// insists on and old key files may lack. Only the reader of keys
			// takes a block that has headers.
			if len(b.headers) > 0 {
				return
			}
			var other *pem.Block
			other, rest = pem.Decode(rest)
			if other == nil {
				t.Fatalf("the other reader does not find block %d, %s on line %d", i, b.label, b.line)
			}
			if other.Type != b.label || !bytes.Equal(other.Bytes, b.der) {
				t.Fatalf("block %d: the other reader finds %s of %d bytes, here %s of %d", i, other.Type, len(other.Bytes), b.label, len(b.der))
			}
		}
		if other, _ := pem.Decode(rest); other != nil {
			t.Fatalf("the other reader finds %s after the %d blocks that are found here", other.Type, len(blocks))
		}
	})
}
