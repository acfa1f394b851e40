package nodedir

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/name"
)

// What was issued is recorded in three places: db/index, certs/ and peers/. Each
// may have been put back to an older state by itself, or edited by hand. Nothing
// is signed unless db/index has whatever the other two have, because it is asked
// whether a node has its certificate already, and whether a serial number was
// used (node directory, "What must hold"). With 10,000 peers all of it takes a
// few milliseconds: rows are looked at as bytes, and of the folders only the
// names are read.

// ErrDamaged is wrapped by refusals because of what is missing from the
// directory, or does not fit. Nothing was changed.
var ErrDamaged = errors.New("the node directory is damaged")

// damage is an error that is ErrDamaged, without saying so in its text.
type damage struct{ err error }

func (d *damage) Error() string   { return d.err.Error() }
func (d *damage) Unwrap() []error { return []error{ErrDamaged, d.err} }

func damagef(format string, args ...any) error { return &damage{fmt.Errorf(format, args...)} }

// serialKey is a serial number as its octets, with zeros before them: two forms
// of the same number are the same key.
type serialKey [21]byte

// serialKeyOf reads hex digits; false if they are no serial number.
func serialKeyOf[T string | []byte](digits T) (key serialKey, ok bool) {
	if len(digits) == 0 || len(digits)%2 != 0 || len(digits) > 2*len(key) {
		return key, false
	}
	_, err := hex.Decode(key[len(key)-len(digits)/2:], []byte(digits))
	return key, err == nil && key != serialKey{}
}

// record is what db/index says, as far as issuing depends on it.
type record struct {
	lines map[serialKey]int                  // serial number → line
	nodes [certs.DebtorsAgent + 1][]issuedTo // by type, in the order of issuing
	known map[string]struct{}                // node ids
}

// issuedTo is a row for the certificate of a node.
type issuedTo struct{ id, serial string }

// subjectHeads are how a subject in db/index begins, by type of node, up to the
// node id. The policy in root-ca.conf lets OpenSSL issue no others.
var subjectHeads = func() (heads [certs.DebtorsAgent + 1]string) {
	for t := certs.AccountingAuthority; t <= certs.DebtorsAgent; t++ {
		heads[t] = "/O=" + certs.Organization + "/OU=" + t.Unit() + "/serialNumber="
	}
	return heads
}()

// readRecord reads db/index. A row that OpenSSL would refuse, and one that does
// not say which certificate it stands for or whose that is, is an error.
func (d *Dir) readRecord() (*record, error) {
	text, err := d.indexText()
	if err != nil {
		return nil, err
	}
	rows := bytes.Count(text, []byte("\n")) + 1
	r := &record{lines: make(map[serialKey]int, rows), known: make(map[string]struct{}, rows)}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) > 0 && line[0] == '#' {
			continue // a comment for OpenSSL, too
		}
		// Editors leave CR LF; for OpenSSL, the CR is part of the subject.
		if err := r.add(d, n, bytes.TrimSuffix(line, []byte("\r"))); err != nil {
			return nil, damagef("%s:%d: %w: nothing was signed: restore the row from a backup or from git, or remove the line if it is none", d.file(fileIndex), n, err)
		}
	}
	return r, nil
}

// add adds a row.
func (r *record) add(d *Dir, line int, row []byte) error {
	serial, subject, ok := quickRow(row)
	if !ok {
		full, err := parseIndexRow(string(row))
		if err != nil {
			return err
		}
		if i := strings.IndexFunc(full.Subject+full.File+full.Revoked, func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
			return fmt.Errorf("found %q, expected printable ASCII only, as OpenSSL writes it", row)
		}
		serial, subject = []byte(full.Serial.String()), []byte(full.Subject)
	}
	key, ok := serialKeyOf(serial)
	if !ok {
		_, err := certs.ParseSerial(string(serial))
		return fmt.Errorf("found %q: %w", serial, err)
	}
	if first, twice := r.lines[key]; twice {
		return fmt.Errorf("found the serial number %s again, expected it in line %d only", serial, first)
	}
	r.lines[key] = line
	if t, id, ok := nodeOf(subject); ok {
		text := string(id)
		r.nodes[t] = append(r.nodes[t], issuedTo{text, string(serial)})
		r.known[text] = struct{}{}
		return nil
	}
	return d.checkSubject(serial, subject)
}

// quickRow takes the serial number and the subject out of a row as it is written
// by OpenSSL and by us; false if it has to be looked at closely.
func quickRow(row []byte) (serial, subject []byte, ok bool) {
	var fields [6][]byte
	rest := row
	for i := range fields[:5] {
		tab := bytes.IndexByte(rest, '\t')
		if tab < 0 {
			return nil, nil, false
		}
		fields[i], rest = rest[:tab], rest[tab+1:]
	}
	fields[5] = rest
	if len(row) > maxIndexRow || string(fields[0]) != "V" && string(fields[0]) != "E" || !isQuickTime(fields[1]) || len(fields[2]) > 0 || string(fields[4]) != "unknown" {
		return nil, nil, false
	}
	for _, c := range fields[5] {
		if c < ' ' || c > '~' {
			return nil, nil, false
		}
	}
	return fields[3], fields[5], len(fields[5]) > 0 && fields[5][0] == '/'
}

// isQuickTime reports whether it is YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ without a
// number that is never right.
func isQuickTime(s []byte) bool {
	if len(s) != len(shortIndexTime) && len(s) != len(longIndexTime) || s[len(s)-1] != 'Z' {
		return false
	}
	s = s[:len(s)-1]
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	s = s[len(s)-10:] // MMDDHHMMSS
	for i, last := range [...]byte{12, 28, 23, 59, 59} {
		n := (s[2*i]-'0')*10 + s[2*i+1] - '0'
		if n > last || n == 0 && i < 2 {
			return false // or one that parseIndexTime must judge
		}
	}
	return true
}

// nodeOf returns the node in a slashed subject that begins as it must.
func nodeOf(subject []byte) (t certs.NodeType, id []byte, ok bool) {
	for t = certs.AccountingAuthority; t <= certs.DebtorsAgent; t++ {
		rest, is := bytes.CutPrefix(subject, []byte(subjectHeads[t]))
		if !is {
			continue
		}
		id = rest
		if end := bytes.IndexAny(rest, "/+"); end >= 0 {
			id = rest[:end]
		}
		_, err := certs.NewIdentity(t, string(id))
		return t, id, err == nil
	}
	return 0, nil, false
}

// checkSubject decides about a subject that does not say whose certificate it is:
// it must be the subject of the certificate.
func (d *Dir) checkSubject(serial, subject []byte) error {
	s, err := certs.ParseSerial(string(serial))
	if err != nil {
		return err
	}
	c, err := d.readIssued(s)
	if err != nil {
		return fmt.Errorf("subject: found %q, expected /O=…/OU=…/serialNumber=… with a node id, or what its certificate has: %w", subject, err)
	}
	n, err := name.Parse(c.RawSubject)
	if err != nil || n.Slashed() != string(subject) {
		return fmt.Errorf("subject: found %q, expected %q, as %s has it", subject, n.Slashed(), issuedFile(s))
	}
	return nil
}

// names are what certs/ and peers/ have, without opening a file.
type names struct{ certs, peers []string }

// readNames reads them. Another process may be issuing meanwhile; what it
// records in db/index comes after certs/ and before peers/.
func (d *Dir) readNames() (n names, err error) {
	if n.certs, err = d.folderNames(dirCerts); errors.Is(err, fs.ErrNotExist) {
		return n, damagef("nothing was signed: %s is missing, with every certificate that was issued: restore it from a backup or from git: %w", d.file(dirCerts), err)
	}
	if err != nil {
		return n, err
	}
	if n.peers, err = d.folderNames(dirPeers); errors.Is(err, fs.ErrNotExist) {
		err = nil // not made yet: no peers
	}
	return n, err
}

// folderNames returns the visible names in a folder, in no order.
func (d *Dir) folderNames(rel string) ([]string, error) {
	f, err := os.Open(d.file(rel))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(-1)
	return slices.DeleteFunc(all, func(s string) bool { return strings.HasPrefix(s, ".") }), err
}

// maxNamed is how many names an error lists: enough to see what they have in
// common. doctor lists more.
const maxNamed = 3

// andMore lists the first names.
func andMore(all []string) string {
	slices.Sort(all)
	text := strings.Join(all[:min(len(all), maxNamed)], ", ")
	if n := len(all) - maxNamed; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// checkRecorded demands that db/index has a row for each certificate in certs/
// and each peer in peers/. Files of other names are doctor's concern.
func (r *record) checkRecorded(d *Dir, n names) error {
	var missing []string
	for _, file := range n.certs {
		if digits, ok := strings.CutSuffix(file, ".pem"); ok {
			if key, ok := serialKeyOf(digits); ok && r.lines[key] == 0 {
				missing = append(missing, dirCerts+"/"+file)
			}
		}
	}
	for _, folder := range n.peers {
		if _, err := certs.ParseNodeID(folder); err != nil {
			continue
		}
		if _, ok := r.known[folder]; !ok {
			missing = append(missing, dirPeers+"/"+folder)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return damagef("%s: found no row for %s, expected one for every certificate in %s/ and every peer: nothing was signed, because without them a node gets a second certificate, or a serial number a second use: "+
		"%s was edited or put back to an older state: restore it from a backup or from git; what this node did not issue must be moved away", d.file(fileIndex), andMore(missing), dirCerts, fileIndex)
}
