package nodedir

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// authority adds what the certificate authority keeps: the root certificate,
// which takes the first serial number, the database and the request.
func (m *maker) authority(tx *durable.Tx) error {
	f := m.found
	if f.root != nil {
		return m.adoptRoot(tx)
	}
	if m.key == nil { // only the paths are asked for
		m.replace(tx, fileSerial, nil)
		tx.Create(dirCerts+"/<SERIAL>.pem", nil, modeFile)
		for _, name := range []string{fileIndex, fileRequest, fileRootCert} {
			m.put(tx, name, nil)
		}
		return nil
	}
	serial, err := m.firstSerial()
	if err != nil {
		return err
	}
	next, err := serial.Next()
	if err != nil {
		return err
	}
	root, err := certs.IssueRoot(m.key.signer, m.id, serial, m.in.opts.Now())
	if err != nil {
		return fmt.Errorf("root certificate: %w", err)
	}
	m.replace(tx, fileSerial, oneLine(next.String()))
	tx.Create(issuedFile(serial), root.File, modeFile)
	if err := m.index(tx, root); err != nil {
		return err
	}
	if err := m.request(tx, root); err != nil {
		return err
	}
	m.put(tx, fileRootCert, root.File)
	return nil
}

// replace makes a file, or replaces the one that is there.
func (m *maker) replace(tx *durable.Tx, path string, data []byte) {
	if m.found.exists[path] {
		tx.Replace(path, data, modeFile)
	} else {
		m.put(tx, path, data)
	}
}

// firstSerial returns the number of a new root certificate: what db/serial
// says, if an interrupted run of the existing tool got that far.
func (m *maker) firstSerial() (certs.Serial, error) {
	if !m.found.exists[fileSerial] {
		return certs.NewSerial()
	}
	return m.found.d.readSerial()
}

// adoptRoot completes a directory around the root certificate that is there.
func (m *maker) adoptRoot(tx *durable.Tx) error {
	f := m.found
	serial, err := certs.SerialOf(f.root.Certificate)
	if err != nil {
		return fmt.Errorf("%s: %w", f.d.file(fileRootCert), err)
	}
	if !f.exists[fileSerial] {
		next, err := m.nextOfIssued(serial)
		if err != nil {
			return err
		}
		m.put(tx, fileSerial, oneLine(next.String()))
	}
	if !f.established() {
		there, err := f.d.exists(issuedFile(serial))
		if err != nil {
			return err
		}
		if !there {
			tx.Create(issuedFile(serial), f.root.File, modeFile)
		}
	}
	if err := m.index(tx, f.root); err != nil {
		return err
	}
	if err := m.request(tx, f.root); err != nil {
		return err
	}
	if f.restore {
		m.put(tx, fileRootCert, f.root.File)
	}
	return nil
}

// nextOfIssued returns the number after the greatest that is known to have been
// used. If only the root certificate is known, that is not enough: its node may
// have signed much that is not here. Then it is a new random number, which
// meets none of them.
func (m *maker) nextOfIssued(root certs.Serial) (certs.Serial, error) {
	greatest := root
	known := false
	add := func(s certs.Serial) {
		if s != root {
			known = true
		}
		if s.Compare(greatest) > 0 {
			greatest = s
		}
	}
	for _, c := range m.found.issued {
		s, err := certs.SerialOf(c.Certificate)
		if err != nil {
			return certs.Serial{}, err
		}
		add(s)
	}
	if m.found.exists[fileIndex] {
		rows, problems, err := m.found.d.readIndex()
		if err != nil {
			return certs.Serial{}, err
		}
		if len(problems) > 0 {
			return certs.Serial{}, fmt.Errorf("%s:%d: %s: mend it first: the next serial number depends on it", m.found.d.file(fileIndex), problems[0].Line, problems[0].Text)
		}
		for _, r := range rows {
			add(r.Serial)
		}
	}
	if !known {
		return certs.NewSerial()
	}
	return greatest.Next()
}

// index makes db/index, if it is missing, from the certificates that are there.
func (m *maker) index(tx *durable.Tx, root *certs.Certificate) error {
	if m.found.exists[fileIndex] {
		return nil
	}
	issued := slices.Clone(m.found.issued)
	if !slices.ContainsFunc(issued, func(c *certs.Certificate) bool { return bytes.Equal(c.Raw, root.Raw) }) {
		issued = slices.Insert(issued, 0, root)
	}
	var text []byte
	for _, c := range issued {
		if !bytes.Equal(c.RawIssuer, root.RawSubject) || c.CheckSignatureFrom(root.Certificate) != nil {
			return fmt.Errorf("%s: found the certificate with the serial number %X in it, which this node did not issue: move it away", m.found.d.file(dirCerts), c.SerialNumber)
		}
		row, err := rowOf(c)
		if err != nil {
			return err
		}
		text = append(append(text, row.String()...), '\n')
	}
	m.put(tx, fileIndex, text)
	return nil
}

// request makes db/root-ca.csr if the key is open anyhow. Otherwise it is made
// with the first info-bundle.
func (m *maker) request(tx *durable.Tx, root *certs.Certificate) error {
	switch {
	case m.found.exists[fileRequest] || !m.found.sign:
		return nil
	case m.key == nil:
		m.put(tx, fileRequest, nil)
		return nil
	}
	req, err := certs.NewRequest(m.key.signer, root.RawSubject)
	if err != nil {
		return fmt.Errorf("%s: %w", fileRequest, err)
	}
	m.put(tx, fileRequest, req.File)
	return nil
}
