package certs

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the files that are read here, in bytes.
const (
	// MaxCertificateFile bounds a certificate or request file. It is the limit
	// of an info-bundle's members ("The info-bundle", "Limits"); the text that
	// the existing tool writes above the block is about 6 KiB.
	MaxCertificateFile = 64 << 10
	// MaxKeyFile bounds a private key file: an encrypted RSA 8192 key is under
	// 8 KiB.
	MaxKeyFile = 64 << 10
)

// Labels of PEM blocks (RFC 7468).
const (
	labelCertificate = "CERTIFICATE"
	labelRequest     = "CERTIFICATE REQUEST"
	labelNewRequest  = "NEW CERTIFICATE REQUEST" // RFC 7468 section 7: written by some tools
)

// pemBlock is a PEM block with the place it was found at.
type pemBlock struct {
	label   string
	line    int      // of the BEGIN line, from 1
	headers []string // RFC 1421 header lines
	der     []byte
	raw     []byte // the lines from BEGIN to END, with their line ends; part of the file
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemDash  = "-----"
)

// scanPEM finds the PEM blocks of a file. Readers differ in what they take for
// a boundary: a line in the middle of a text, one after a byte order mark, one
// with fewer dashes. Here whatever looks like a boundary either is one, or is
// an error: no other reader can find a block that was not seen here.
func scanPEM(file []byte) ([]pemBlock, error) {
	var (
		blocks []pemBlock
		block  *pemBlock
		begun  int    // where the block's first line begins
		body   []byte // the block's base64, without line ends; room for any block
		number int
	)
	for at := 0; at < len(file); {
		start := at
		line := file[start:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		at += len(line)
		number++
		text := bytes.TrimRight(line, " \t\r\n")
		dashes := bytes.Contains(text, []byte(pemDash))
		if block == nil {
			if !dashes {
				continue
			}
			if label, ok := boundaryLabel(text, pemBegin); ok {
				block = &pemBlock{label: label, line: number}
				begun = start
				if body == nil {
					body = make([]byte, 0, len(file)-at)
				}
				body = body[:0]
			} else if bytes.Contains(text, []byte("-----BEGIN")) || bytes.Contains(text, []byte("-----END")) {
				return nil, fmt.Errorf("line %d: found a damaged or misplaced PEM boundary, expected -----BEGIN …----- alone on its line", number)
			}
			continue
		}
		if !dashes && bytes.IndexByte(text, ':') < 0 {
			body = append(body, bytes.TrimLeft(text, " \t")...)
			continue
		}
		if label, ok := boundaryLabel(text, pemEnd); ok && label == block.label {
			block.raw = file[begun:at:at]
			der := make([]byte, strictBase64.DecodedLen(len(body)))
			n, err := strictBase64.Decode(der, body)
			clear(body) // it may be a private key
			if err != nil {
				return nil, fmt.Errorf("line %d: the %s block is not valid base64", block.line, block.label)
			}
			if n == 0 {
				return nil, fmt.Errorf("line %d: the %s block is empty", block.line, block.label)
			}
			block.der = der[:n:n]
			blocks = append(blocks, *block)
			block = nil
			continue
		}
		if dashes {
			return nil, fmt.Errorf("line %d: found another boundary inside the %s block that begins on line %d, expected -----END %[2]s-----", number, block.label, block.line)
		}
		if len(body) > 0 {
			return nil, fmt.Errorf("line %d: found a header after the beginning of the data in the %s block", number, block.label)
		}
		block.headers = append(block.headers, string(text))
	}
	if block != nil {
		return nil, fmt.Errorf("line %d: the %s block has no end, expected a line -----END %[2]s-----", block.line, block.label)
	}
	return blocks, nil
}

// strictBase64 refuses padding bits that are not zero: one form for each value.
var strictBase64 = base64.StdEncoding.Strict()

// boundaryLabel returns the label of a boundary line, which has been stripped of
// trailing blanks.
func boundaryLabel(text []byte, begin string) (string, bool) {
	rest, ok := bytes.CutPrefix(text, []byte(begin))
	if !ok {
		return "", false
	}
	label, ok := bytes.CutSuffix(rest, []byte(pemDash))
	if !ok || len(label) == 0 || len(label) > maxLabel {
		return "", false
	}
	for _, c := range label {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ' {
			return "", false
		}
	}
	return string(label), true
}

// maxLabel bounds a label, so that an error that quotes it stays short; the
// longest in use has 24 characters.
const maxLabel = 40

// singleBlock returns the only PEM block of a public file. what names the
// content for errors; labels are those that are accepted.
func singleBlock(file []byte, what string, labels ...string) (pemBlock, error) {
	if len(file) > MaxCertificateFile {
		return pemBlock{}, fmt.Errorf("%s file: found %d bytes, expected at most %d", what, len(file), MaxCertificateFile)
	}
	blocks, err := scanPEM(file)
	if err != nil {
		return pemBlock{}, fmt.Errorf("%s file: %w", what, err)
	}
	var wanted []pemBlock
	for _, b := range blocks {
		if strings.HasSuffix(b.label, "PRIVATE KEY") {
			return pemBlock{}, fmt.Errorf("%s file: line %d: found a private key (%s); this file is made to be published, and a private key must never be in it", what, b.line, b.label)
		}
		for _, l := range labels {
			if b.label == l {
				wanted = append(wanted, b)
			}
		}
	}
	switch {
	case len(blocks) == 0 && len(file) > 0 && file[0] == 0x30:
		return pemBlock{}, fmt.Errorf("%s file: found binary (DER) data, expected PEM text with one %s block", what, labels[0])
	case len(blocks) == 0:
		return pemBlock{}, fmt.Errorf("%s file: found no PEM block, expected exactly one %s block", what, labels[0])
	case len(wanted) > 1:
		return pemBlock{}, fmt.Errorf("%s file: found %d %s blocks (lines %s), expected exactly one", what, len(wanted), labels[0], lineNumbers(wanted))
	case len(wanted) == 0:
		return pemBlock{}, fmt.Errorf("%s file: line %d: found a %s block, expected a %s block", what, blocks[0].line, blocks[0].label, labels[0])
	case len(blocks) > 1:
		other := blocks[0]
		if other.line == wanted[0].line {
			other = blocks[1]
		}
		return pemBlock{}, fmt.Errorf("%s file: line %d: found a %s block beside the %s block, expected nothing but text", what, other.line, other.label, labels[0])
	case len(wanted[0].headers) > 0:
		return pemBlock{}, fmt.Errorf("%s file: line %d: found a header inside the %s block, expected only base64", what, wanted[0].line+1, labels[0])
	}
	if err := harmlessText(file); err != nil {
		return pemBlock{}, fmt.Errorf("%s file: %w", what, err)
	}
	return wanted[0], nil
}

// harmlessText refuses control characters but those of lines and tabs. The text
// around the block is signed by nobody and stored as it came: a terminal that
// it is shown on must not obey it. In the block itself there can be none.
func harmlessText(file []byte) error {
	for i := 0; i < len(file); {
		r, size := utf8.DecodeRune(file[i:])
		if r == utf8.RuneError && size == 1 {
			r = rune(file[i]) // a byte of its own, as a terminal that does not take UTF-8 sees it
		}
		if unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r' {
			return fmt.Errorf("line %d: found the control character %U outside of the PEM block, expected nothing but text", 1+bytes.Count(file[:i], []byte("\n")), r)
		}
		i += size
	}
	return nil
}

func lineNumbers(blocks []pemBlock) string {
	var s []string
	for _, b := range blocks {
		s = append(s, fmt.Sprint(b.line))
	}
	return strings.Join(s, ", ")
}

// errLineEnds is wrapped by cleanBlock's errors.
var errLineEnds = errors.New("the servers in the field do not read it")

// cleanBlock checks rule pem.lf: the block's lines end in LF alone and have no
// blanks at either end. The end of the file may stand for the last LF.
func cleanBlock(b pemBlock) error {
	number := b.line - 1
	for line := range bytes.Lines(b.raw) {
		number++
		text := bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case bytes.HasSuffix(text, []byte("\r")):
			return fmt.Errorf("line %d ends in CR LF: %w", number, errLineEnds)
		case bytes.ContainsAny(text, "\r"):
			return fmt.Errorf("line %d has a CR in it: %w", number, errLineEnds)
		case len(text) == 0:
			return fmt.Errorf("line %d is empty: %w", number, errLineEnds)
		case !bytes.Equal(text, bytes.TrimRight(text, " \t")):
			return fmt.Errorf("line %d has blanks at its end: %w", number, errLineEnds)
		case !bytes.Equal(text, bytes.TrimLeft(text, " \t")):
			return fmt.Errorf("line %d has blanks at its beginning: %w", number, errLineEnds)
		}
	}
	return nil
}
