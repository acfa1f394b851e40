package nodedir

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/name"
)

// What was issued is recorded in three places: db/index, certs/ and peers/. Each
// may have been put back to an older state by itself, or edited by hand. Nothing
// is signed unless db/index has whatever the other two have, because it is asked
// whether a node has its certificate already, and whether a serial number was
// used (node directory, "What must hold").
//
// With 10,000 peers this takes two milliseconds if everything adds up: the rows
// are looked at as bytes, and the folders are not read. Serial numbers count up
// from the root certificate's to the one in db/serial: if there is a row for each
// of them, none is missing. Only if there is not (numbers may be left out), the
// names in certs/ are compared one by one.

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
	if len(digits)%2 != 0 || len(digits) > 2*len(key) {
		return key, false
	}
	at := len(key) - len(digits)/2
	for i := 0; i < len(digits); i += 2 {
		high, low := hexValue[digits[i]], hexValue[digits[i+1]]
		if high|low > 0xf {
			return serialKey{}, false
		}
		key[at+i/2] = high<<4 | low
	}
	return key, key != serialKey{}
}

// hexValue is the value of a hex digit; 0xff for what is none.
var hexValue = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
		values[unicode.ToUpper(rune(c))] = byte(i)
	}
	return values
}()

// rowKey is the key of a serial number in a row: what [certs.ParseSerial] refuses
// is none.
func rowKey(digits []byte) (serialKey, error) {
	key, ok := serialKeyOf(digits)
	if !ok || key[0] != 0 || key[1] > 0x7f { // a sign octet comes before it
		_, err := certs.ParseSerial(string(digits))
		return key, fmt.Errorf("found %q: %w", digits, err)
	}
	return key, nil
}

// next is the number that comes after it.
func (k serialKey) next() serialKey {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i]++; k[i] != 0 {
			break
		}
	}
	return k
}

// record is what db/index says, as far as issuing depends on it.
type record struct {
	dir  *Dir
	text []byte
	// alone: nothing but the text and the root certificate was looked at.
	alone bool
	// unbroken: the serial numbers of the rows count up from the root
	// certificate's, in order, and the next one is next.
	unbroken bool
	next     serialKey
	// How many rows are for nodes of each type, and the last ones.
	count  [certs.DebtorsAgent + 1]int
	recent [certs.DebtorsAgent + 1][]issuedTo
}

// issuedTo is a row for the certificate of a node.
type issuedTo struct{ id, serial []byte }

// maxRecent is how many of the last rows of each type are kept at hand: as many
// as there are subnets for debtors agents.
const maxRecent = 256

// subjectHead is how the subject of a node begins in db/index: text, and the
// number of digits of the node id after it. The policy in root-ca.conf lets
// OpenSSL issue no others.
type subjectHead struct {
	text   []byte
	digits int
}

var subjectHeads = func() (heads [certs.DebtorsAgent + 1]subjectHead) {
	for t := certs.AccountingAuthority; t <= certs.DebtorsAgent; t++ {
		heads[t].text = []byte("/O=" + certs.Organization + "/OU=" + t.Unit() + "/serialNumber=")
		for _, digits := range []int{8, 32} {
			if _, err := certs.NewIdentity(t, strings.Repeat("0", digits)); err == nil {
				heads[t].digits = digits
			}
		}
	}
	return heads
}()

// readRecord reads db/index.
func (d *Dir) readRecord() (*record, error) {
	text, err := d.indexText()
	if err != nil {
		return nil, err
	}
	return d.newRecord(text)
}

// newRecord judges the text of db/index. A row that OpenSSL would refuse, and one
// that does not say which certificate it stands for or whose that is, is an error.
func (d *Dir) newRecord(text []byte) (*record, error) {
	first, err := certs.SerialOf(d.root.Certificate)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.file(fileRootCert), err)
	}
	r := &record{dir: d, text: text, alone: true, unbroken: true}
	r.next, _ = serialKeyOf(first.String())
	err = r.rows(func(line int, serial, subject []byte) error {
		key, err := rowKey(serial)
		if err != nil {
			return err
		}
		r.unbroken = r.unbroken && key == r.next
		r.next = r.next.next()
		t, id, ok := nodeOf(subject)
		if !ok {
			r.alone = false
			return d.checkSubject(serial, subject)
		}
		r.count[t]++
		if len(r.recent[t]) == 2*maxRecent {
			r.recent[t] = append(r.recent[t][:0], r.recent[t][maxRecent:]...)
		}
		r.recent[t] = append(r.recent[t], issuedTo{id, serial})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// rows calls do for each row.
func (r *record) rows(do func(line int, serial, subject []byte) error) error {
	n := 0
	for rest := r.text; len(rest) > 0; {
		n++
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if len(line) > 0 && line[0] == '#' {
			continue // a comment for OpenSSL, too
		}
		// Editors leave CR LF; for OpenSSL, the CR is part of the subject.
		row := bytes.TrimSuffix(line, []byte("\r"))
		serial, subject, ok := quickRow(row)
		var err error
		if !ok {
			serial, subject, err = closeRow(row)
		}
		if err == nil {
			err = do(n, serial, subject)
		}
		if err != nil {
			return damagef("%s:%d: %w: nothing was signed: restore the row from a backup or from git, or remove the line if it is none", r.dir.file(fileIndex), n, err)
		}
	}
	return nil
}

// closeRow is quickRow for all rows.
func closeRow(row []byte) (serial, subject []byte, err error) {
	full, err := parseIndexRow(string(row))
	if err != nil {
		return nil, nil, err
	}
	if strings.ContainsFunc(full.Subject+full.File+full.Revoked, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, nil, fmt.Errorf("found %q, expected printable ASCII only, as OpenSSL writes it", row)
	}
	return []byte(full.Serial.String()), []byte(full.Subject), nil
}

// quickRow takes the serial number and the subject out of a row as it is written
// by OpenSSL and by us, for a node; false if it has to be looked at closely.
func quickRow(row []byte) (serial, subject []byte, ok bool) {
	if len(row) > maxIndexRow || len(row) < 2 || row[0] != statusValid && row[0] != statusExpired || row[1] != '\t' {
		return nil, nil, false
	}
	expires, rest, ok := bytes.Cut(row[2:], tabTab)
	if !ok || !isQuickTime(expires) {
		return nil, nil, false
	}
	tab := bytes.IndexByte(rest, '\t')
	if tab < 0 {
		return nil, nil, false
	}
	serial, rest = rest[:tab], rest[tab:]
	if subject, ok = bytes.CutPrefix(rest, unknownFile); !ok {
		return nil, nil, false
	}
	t, id, ok := nodeOf(subject)
	return serial, subject, ok && len(subject) == len(subjectHeads[t].text)+len(id)
}

// What stands before and after the serial number of a row that is not revoked.
var (
	tabTab      = []byte("\t\t")
	unknownFile = []byte("\tunknown\t")
)

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
		rest, is := bytes.CutPrefix(subject, subjectHeads[t].text)
		digits := subjectHeads[t].digits
		if !is || len(rest) < digits || len(rest) > digits && rest[digits] != '/' && rest[digits] != '+' {
			continue
		}
		return t, rest[:digits], isIDText(rest[:digits])
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

// isComplete reports, at a glance, whether db/index has a row for everything in
// certs/ and peers/.
func (r *record) isComplete(next serialKey) bool {
	if !r.unbroken || r.next != next {
		return false
	}
	peers := 0
	for t, n := range r.count {
		if certs.NodeType(t) != r.dir.identity.Type() {
			peers += n
		}
	}
	folders, ok := subfolders(r.dir.file(dirPeers))
	return ok && folders == peers
}

// lookUp compares db/index with what certs/ and peers/ have, and with the number
// that is to be used next. Files of other names are doctor's concern.
//
// The folders are read first: what they have is in db/index a moment later, if
// another process is just now making a change.
func (r *record) lookUp(serial certs.Serial, certFiles, peerFolders []string) error {
	next, _ := serialKeyOf(serial.String())
	rows := bytes.Count(r.text, []byte("\n")) + 1
	lines, nodes := make(map[serialKey]int, rows), make(map[string]bool, rows)
	err := r.rows(func(line int, serial, subject []byte) error {
		key, _ := serialKeyOf(serial)
		if first, twice := lines[key]; twice {
			return fmt.Errorf("found the serial number %s again, expected it in line %d only", serial, first)
		}
		lines[key] = line
		if _, id, ok := nodeOf(subject); ok {
			nodes[string(id)] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	if line := lines[next]; line > 0 {
		return damagef("%s: the next serial number %s %s (found in %s:%d)", r.dir.file(fileSerial), serial, adviceUsed, fileIndex, line)
	}
	var missing []string
	for _, file := range certFiles {
		if digits, ok := strings.CutSuffix(file, ".pem"); ok {
			if key, ok := serialKeyOf(digits); ok && lines[key] == 0 {
				missing = append(missing, dirCerts+"/"+file)
			}
		}
	}
	for _, folder := range peerFolders {
		if _, err := certs.ParseNodeID(folder); err == nil && !nodes[folder] {
			missing = append(missing, dirPeers+"/"+folder)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &unrecorded{damagef("%s: found no row for %s, expected one for every certificate in %s/ and every peer: nothing was signed, because without them a node gets a second certificate, or a serial number a second use: "+
		"%s was edited or put back to an older state: restore it from a backup or from git; what this node did not issue must be moved away", r.dir.file(fileIndex), andMore(missing), dirCerts, fileIndex)}
}

// unrecorded is the error that may come of another process's change.
type unrecorded struct{ error }

func (u *unrecorded) Unwrap() error { return u.error }
