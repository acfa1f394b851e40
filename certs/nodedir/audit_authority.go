package nodedir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/name"
)

// Limits of judgement.
const (
	// reachableSerials is how far ahead of db/serial a used number is a danger:
	// counting up would reach it. Numbers farther away are of another random
	// beginning and are never met.
	reachableSerials = 1 << 20
	// serverEndsSoon is when a server certificate has to be renewed: early
	// enough for somebody who looks once a month.
	serverEndsSoon = 30 * 24 * time.Hour
)

// checkIndex reads db/index.
func (a *auditor) checkIndex() {
	rows, problems, err := a.readIndex()
	if err != nil {
		a.report.Fail(ruleDirIndexRows, fileIndex, err.Error(), "a database that can be read")
		return
	}
	a.rows = rows
	for _, p := range problems {
		a.failRow(ruleDirIndexRows, p.Line, p.Text, "a row of six fields with tabs between them")
	}
	if len(problems) == 0 {
		a.report.Pass(ruleDirIndexRows, fileIndex, fmt.Sprintf("%d rows", len(rows)))
	}
	seen := make(map[certs.Serial]int, len(rows))
	twice := false
	for _, row := range rows {
		if first, ok := seen[row.Serial]; ok {
			twice = true
			a.failRow(ruleDirSerialOnce, row.Line, fmt.Sprintf("%s again, as in line %d", row.Serial, first), "a serial number of its own")
		} else {
			seen[row.Serial] = row.Line
		}
	}
	if !twice {
		a.report.Pass(ruleDirSerialOnce, fileIndex, fmt.Sprintf("%d numbers", len(rows)))
	}
}

// checkCertificates reads certs/ and compares it with db/index.
func (a *auditor) checkCertificates() {
	a.issued = make(map[certs.Serial]*issued)
	a.byFile = make(map[[sha256.Size]byte]*certs.Certificate)
	entries, err := os.ReadDir(a.file(dirCerts))
	if err != nil {
		a.report.Fail(ruleDirCertificateRow, dirCerts, err.Error(), "a folder with the certificates issued")
		return
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	found := make([]*issued, len(names))
	problems := make([]error, len(names))
	a.parallel(len(names), func(i int) { found[i], problems[i] = a.readIssuedFile(names[i]) })
	if a.ctx.Err() != nil {
		return
	}
	rows := make(map[certs.Serial]*indexRow, len(a.rows))
	for i := range a.rows {
		rows[a.rows[i].Serial] = &a.rows[i]
	}
	whole := true
	for i, name := range names {
		rel := path.Join(dirCerts, name)
		err := problems[i]
		if err == nil {
			c := found[i]
			if c.row = rows[c.serial]; c.row == nil {
				err = fmt.Errorf("no row in %s for the serial number %s", fileIndex, c.serial)
			}
			a.issued[c.serial] = c
			a.byFile[c.sum] = c.cert
		}
		if err != nil {
			whole = false
			a.report.Fail(ruleDirCertificateRow, rel, err.Error(), "a certificate named by its serial number, with a row in "+fileIndex)
		}
	}
	if whole {
		a.report.Pass(ruleDirCertificateRow, dirCerts, fmt.Sprintf("%d certificates", len(names)))
	}
	a.compareRows()
}

// parallel calls do for 0 to n-1 on all processors.
func (a *auditor) parallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && a.ctx.Err() == nil; i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
}

// readIssuedFile reads a file of certs/, whose name must be its serial number.
func (a *auditor) readIssuedFile(name string) (*issued, error) {
	text, ok := strings.CutSuffix(name, ".pem")
	serial, err := certs.ParseSerial(text)
	if !ok || err != nil || serial.String() != text {
		return nil, errors.New("a file of another name")
	}
	c, err := a.Dir.readIssued(serial)
	if err != nil {
		return nil, err
	}
	is := &issued{rel: path.Join(dirCerts, name), serial: serial, cert: c, kind: certs.KindOf(c.Certificate), sum: sha256.Sum256(c.File)}
	if gives, ok := certificateClaim(c, is.rel); ok {
		is.gives = &gives
	}
	return is, nil
}

// compareRows compares each row with its certificate.
func (a *auditor) compareRows() {
	agree := true
	problems := make([]error, len(a.rows))
	a.parallel(len(a.rows), func(i int) { problems[i] = a.compareRow(a.rows[i]) })
	for i, row := range a.rows {
		if err := problems[i]; err != nil {
			agree = false
			a.failRow(ruleDirIndexCertificate, row.Line, err.Error(), "what the certificate says")
		}
	}
	if agree {
		a.report.Pass(ruleDirIndexCertificate, fileIndex, fmt.Sprintf("%d rows", len(a.rows)))
	}
}

func (a *auditor) compareRow(row indexRow) error {
	c := a.issued[row.Serial]
	if c == nil {
		return fmt.Errorf("the serial number %s, and %s is not there or cannot be read", row.Serial, issuedFile(row.Serial))
	}
	subject, err := name.Parse(c.cert.RawSubject)
	if err != nil {
		return fmt.Errorf("%s: subject: %w", c.rel, err)
	}
	if s := subject.Slashed(); s != row.Subject {
		return fmt.Errorf("the subject %s, and %s has %s", row.Subject, c.rel, s)
	}
	if end := c.cert.NotAfter.UTC(); !end.Equal(row.Expires) {
		return fmt.Errorf("the expiry %s, and %s has %s", indexTime(row.Expires), c.rel, indexTime(end))
	}
	return nil
}

// sortedIssued returns what is in certs/ in order of its names.
func (a *auditor) sortedIssued() []*issued {
	out := make([]*issued, 0, len(a.issued))
	for _, c := range a.issued {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *issued) int { return strings.Compare(x.rel, y.rel) })
	return out
}

// checkIssued judges the certificates in certs/ that were not judged as the
// peers' already.
func (a *auditor) checkIssued() {
	all := a.sortedIssued()
	problems := make([]error, len(all))
	a.parallel(len(all), func(i int) {
		if !all[i].checked {
			problems[i] = a.judgeIssued(all[i])
		}
	})
	sound := true
	for i, err := range problems {
		if err != nil {
			sound = false
			a.report.Fail(ruleDirIssued, all[i].rel, err.Error(), "a certificate from "+fileRootCert)
		}
	}
	if sound {
		a.report.Pass(ruleDirIssued, dirCerts, fmt.Sprintf("%d certificates", len(all)))
	}
}

func (a *auditor) judgeIssued(c *issued) error {
	own := a.root.Certificate
	switch {
	case bytes.Equal(c.cert.Raw, own.Raw):
		return nil
	case !bytes.Equal(c.cert.RawIssuer, own.RawSubject):
		return errors.New("another issuer")
	case a.quick:
		return nil
	case c.row != nil && c.row.Status == statusRevoked:
		return c.cert.CheckSignatureFrom(own) // what was wrong with it is why
	case c.kind == certs.KindServer:
		// A certificate that has ended was right in its time.
		at := a.now
		if at.After(c.cert.NotAfter) {
			at = c.cert.NotAfter
		}
		return certs.CheckServer(c.cert, own, at).Err()
	}
	// A peer certificate whose peer is not here, or one that OpenSSL was asked
	// for: that it is ours is all that can be said.
	return c.cert.CheckSignatureFrom(own)
}

// checkSerials judges the next serial number.
func (a *auditor) checkSerials() {
	next, err := a.readSerial()
	if err != nil {
		advice := ruleDirSerialNext.Advice
		if errors.Is(err, fs.ErrNotExist) {
			advice = "\"swptpeer init\" completes it, after looking at every certificate that is there"
		}
		a.report.FailAdvice(ruleDirSerialNext, fileSerial, err.Error(), "the next serial number", advice)
		return
	}
	limit := big.NewInt(reachableSerials)
	ahead := func(s certs.Serial) bool {
		diff := new(big.Int).Sub(s.Int(), next.Int())
		return diff.Sign() >= 0 && diff.Cmp(limit) < 0
	}
	var used []string
	for _, row := range a.rows {
		if ahead(row.Serial) {
			used = append(used, fmt.Sprintf("%s (%s:%d)", row.Serial, fileIndex, row.Line))
		}
	}
	for _, c := range a.sortedIssued() {
		if c.row == nil && ahead(c.serial) {
			used = append(used, fmt.Sprintf("%s (%s)", c.serial, c.rel))
		}
	}
	if len(used) > 0 {
		found := used[0]
		if len(used) > 1 {
			found += fmt.Sprintf(" and %d more", len(used)-1)
		}
		a.report.Fail(ruleDirSerialNext, fileSerial, next.String()+", and used was "+found, "a number greater than every one that was used")
		return
	}
	a.report.Pass(ruleDirSerialNext, fileSerial, next.String())
}

// checkNodesOnce looks for nodes with two peer certificates, and for such
// without a folder.
func (a *auditor) checkNodesOnce() {
	folders := make(map[string]bool, len(a.peers))
	for _, p := range a.peers {
		folders[p.Folder] = true
	}
	first := make(map[string]indexRow)
	once, all := true, true
	for _, row := range a.rows {
		id := nodeOfSubject(row.Subject)
		if id == "" || id == a.identity.ID() {
			continue
		}
		if was, ok := first[id]; ok && was.Serial != row.Serial {
			once = false
			a.failRow(ruleDirNodeOnce, row.Line, fmt.Sprintf("a second certificate for %s: %s, and %s in line %d", id, row.Serial, was.Serial, was.Line), "one certificate for each node")
			continue
		}
		first[id] = row
		if !folders[id] {
			all = false
			a.failRow(ruleDirRowPeer, row.Line, "a certificate for "+id+", and no folder "+path.Join(dirPeers, id), "the peer's folder")
		}
	}
	if once {
		a.report.Pass(ruleDirNodeOnce, fileIndex, fmt.Sprintf("%d nodes", len(first)))
	}
	if all {
		a.report.Pass(ruleDirRowPeer, fileIndex, fmt.Sprintf("%d nodes", len(first)))
	}
}

// nodeOfSubject returns the node id in a slashed subject, or "".
func nodeOfSubject(slashed string) string {
	_, id, ok := strings.Cut(slashed, "/serialNumber=")
	if !ok {
		return ""
	}
	id, _, _ = strings.Cut(id, "/")
	return id
}

// checkServers looks for server certificates that end soon. One whose key has a
// later certificate was renewed, and one that ended long ago belongs to a
// server that is gone.
func (a *auditor) checkServers() {
	latest := make(map[string]*issued)
	for _, c := range a.sortedIssued() {
		if c.kind != certs.KindServer || c.row == nil || c.row.Status == statusRevoked {
			continue
		}
		key := string(c.cert.RawSubjectPublicKeyInfo)
		if was := latest[key]; was == nil || c.cert.NotAfter.After(was.cert.NotAfter) {
			latest[key] = c
		}
	}
	for _, c := range a.sortedIssued() {
		if c.kind != certs.KindServer || latest[string(c.cert.RawSubjectPublicKeyInfo)] != c {
			continue
		}
		left := c.cert.NotAfter.Sub(a.now)
		if left < -serverEndsSoon {
			continue
		}
		words := "ends on "
		if left < 0 {
			words = "ended on "
		}
		a.report.Check(left > a.endsWithin, ruleDirServerEnds, c.rel, words+c.cert.NotAfter.UTC().Format(time.DateOnly),
			fmt.Sprintf("an end more than %d days ahead", a.endsWithin/(24*time.Hour)))
	}
}
