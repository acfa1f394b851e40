package nodedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// What a new directory says where the node has no say.
const (
	firstCRLNumber    = "1001"
	indexAttributes   = "unique_subject = no"
	manifestHost      = "/" // RabbitMQ's default virtual host
	ownCreditorSubnet = "000001"
)

// maker adds to a Tx what is missing in a directory.
type maker struct {
	in    *initializer
	found *found
	key   *initKey // nil: only the paths are asked for
	typ   certs.NodeType
	id    certs.Identity // zero: not known before the key
	notes []string
}

// put makes a file that is missing. An empty one counts as missing.
func (m *maker) put(tx *durable.Tx, path string, data []byte) {
	switch {
	case m.found.exists[path]:
	case m.found.empty[path]:
		tx.Replace(path, data, modeFile)
	default:
		tx.Create(path, data, modeFile)
	}
}

// mkdir makes a folder that is missing. db/ is there already under the lock,
// which is in it, but it is still this run that makes it.
func (m *maker) mkdir(tx *durable.Tx, path string) error {
	there, err := m.found.d.exists(path)
	if err == nil && (!there || path == dirDB && m.in.madeDB && !m.found.established()) {
		tx.Mkdir(path, modeDir)
	}
	return err
}

// build adds everything that is missing. What keeps secrets out of git comes
// first; what makes the folder a node directory, for Open, comes last.
func (m *maker) build(tx *durable.Tx) error {
	m.notes = nil
	for _, step := range []func(*durable.Tx) error{m.gitignore, m.rootKey, m.folders, m.published, m.conf, m.authority, m.node} {
		if err := step(tx); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) gitignore(tx *durable.Tx) error {
	var existing []byte
	if m.found.exists[fileGitignore] {
		var err error
		if existing, err = m.found.d.readFile(fileGitignore, maxTextFile); err != nil {
			return err
		}
	}
	text := completeGitignore(existing)
	switch {
	case text == nil:
	case existing != nil || m.found.empty[fileGitignore]:
		tx.Replace(fileGitignore, text, modeFile)
	default:
		tx.Create(fileGitignore, text, modeFile)
	}
	return nil
}

// rootKey adds the key, and makes sure that nobody else can read it, unless
// this is an established node, whose operator may have reasons.
func (m *maker) rootKey(tx *durable.Tx) error {
	if m.found.established() && !m.found.adopt {
		return nil
	}
	switch mode, err := m.mode(dirPrivate); {
	case err != nil:
		return err
	case mode == 0 && m.found.adopt:
		tx.Mkdir(dirPrivate, modePrivate)
	case mode != 0 && mode != modePrivate:
		tx.Chmod(dirPrivate, modePrivate)
	}
	if !m.found.adopt {
		mode, err := m.mode(fileRootKey)
		if err == nil && mode&0o077 != 0 {
			tx.Chmod(fileRootKey, modeKey)
		}
		return err
	}
	var file []byte
	if m.key != nil {
		file = m.key.file
	}
	if m.found.empty[fileRootKey] {
		tx.Replace(fileRootKey, file, modeKey)
	} else {
		tx.Create(fileRootKey, file, modeKey)
	}
	return nil
}

// mode returns the permissions of what is at rel; 0 if there is nothing, or if
// modes say nothing on this system.
func (m *maker) mode(rel string) (fs.FileMode, error) {
	fi, err := os.Stat(m.found.d.file(rel))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	case runtime.GOOS == "windows":
		return modePrivate, nil
	}
	return fi.Mode().Perm(), nil
}

func (m *maker) folders(tx *durable.Tx) error {
	folders := []string{dirDB, dirCerts, dirNodeInfo, dirPeers}
	if m.typ == certs.AccountingAuthority {
		folders = append(folders, dirSubnets, dirCreditorsSubnets, dirDebtorsSubnets)
	}
	for _, f := range folders {
		if err := m.mkdir(tx, f); err != nil {
			return err
		}
	}
	if m.typ == certs.AccountingAuthority {
		for _, t := range []certs.NodeType{certs.CreditorsAgent, certs.DebtorsAgent} {
			p := poolOf(m.id, t)
			m.put(tx, p.folder+"/"+nameSeqNum, oneLine(fmt.Sprint(p.start)))
		}
	}
	return nil
}

// node adds what says which node this is.
func (m *maker) node(tx *durable.Tx) error {
	m.put(tx, fileCRLNumber, oneLine(firstCRLNumber))
	m.put(tx, fileIndexAttr, oneLine(indexAttributes))
	if m.typ == certs.CreditorsAgent {
		if err := m.creditorsSubnet(tx); err != nil {
			return err
		}
	}
	m.put(tx, fileNodeType, oneLine(m.typ.Unit()))
	m.put(tx, fileNodeID, oneLine(m.id.ID()))
	return nil
}

func (m *maker) creditorsSubnet(tx *durable.Tx) error {
	want := m.in.req.CreditorsSubnet
	if m.found.exists[fileCreditorsSubnet] {
		line, err := m.found.d.readLine(fileCreditorsSubnet)
		if err != nil {
			return err
		}
		if !want.IsZero() && line != want.String() {
			return fmt.Errorf("creditors subnet: %s is asked for, but %s says %q, and what is there is never replaced", want, m.found.d.file(fileCreditorsSubnet), line)
		}
		return nil
	}
	line := ownCreditorSubnet
	if !want.IsZero() {
		line = want.String()
	}
	if m.found.established() {
		m.notes = append(m.notes, fileCreditorsSubnet+" was missing: check that "+line+" is the subnet that this node uses")
	}
	m.put(tx, fileCreditorsSubnet, oneLine(line))
	return nil
}

// published adds what the node tells its peers.
func (m *maker) published(tx *durable.Tx) error {
	if err := m.servers(tx); err != nil {
		return err
	}
	if !m.in.req.NoKubernetes && !m.found.established() {
		m.put(tx, filePeersKustomize, encodePeersList(nil))
	}
	return nil
}

func (m *maker) servers(tx *durable.Tx) error {
	var servers []manifest.Server
	for _, s := range m.in.req.Servers {
		server, err := manifest.ParseServer(s)
		if err != nil {
			return fmt.Errorf("server: %w", err)
		}
		servers = append(servers, server)
	}
	file := m.found.d.file(fileManifest)
	if m.found.exists[fileManifest] {
		if len(servers) == 0 {
			return nil
		}
		data, err := m.found.d.readFile(fileManifest, maxTextFile)
		if err != nil {
			return err
		}
		there, report := manifest.Parse(data)
		if there == nil {
			return fmt.Errorf("%w: %s: %w", ErrRejected, file, report.Err())
		}
		if !slices.Equal(there.Servers, servers) {
			return fmt.Errorf("servers: %s has others already, and what is there is never replaced: edit that file", file)
		}
		return nil
	}
	if len(servers) == 0 {
		return fmt.Errorf("servers: %s has to be made and needs at least one host:port; it can be changed later", file)
	}
	m.put(tx, fileManifest, manifest.Encode(servers, manifestHost, manifest.Destination(m.typ.String())))
	return nil
}

func (m *maker) conf(tx *durable.Tx) error {
	if !m.found.exists[fileConf] {
		var text []byte
		if !m.id.IsZero() {
			text = encodeConf(m.id)
		}
		m.put(tx, fileConf, text)
		return nil
	}
	data, err := m.found.d.readFile(fileConf, maxTextFile)
	if err != nil {
		return err
	}
	switch id, err := IdentityFromConf(data); {
	case err != nil:
		m.notes = append(m.notes, fileConf+" is kept as it is, but the node's name could not be found in it: "+err.Error())
	case !m.id.IsZero() && id != m.id:
		return fmt.Errorf("%s: found the name of %s, expected %s: they are of different nodes, and what is there is never replaced", m.found.d.file(fileConf), id, m.id)
	}
	return nil
}
