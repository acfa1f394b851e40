package nodedir

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// What a new directory says where the node has no say.
const (
	firstCRLNumber    = "1001"
	indexAttributes   = "unique_subject = no"
	manifestHost      = "/" // RabbitMQ's default virtual host
	ownCreditorSubnet = "000001"
)

// plan surveys the folder and decides what to make. key is nil before the root
// key was opened; then what follows from it is left open.
func (in *initializer) plan(key *initKey) (*initDraft, error) {
	f, err := survey(in.path)
	if err != nil {
		return nil, err
	}
	if err := f.decideKey(in.req.AdoptKey); err != nil {
		return nil, err
	}
	typ, id, err := in.identity(f, key)
	if err != nil {
		return nil, err
	}
	if err := in.checkRoot(f, key); err != nil {
		return nil, err
	}
	m := &maker{in: in, found: f, key: key, typ: typ, id: id}
	dr := &initDraft{found: f}
	dr.build = func(tx *durable.Tx, _ *signer) error { return m.build(tx) }
	tx := durable.NewTx(in.path, fileJournal)
	if err := m.build(tx); err != nil {
		return nil, err
	}
	dr.Changes = withoutKeys(tx.Changes())
	dr.Nothing = len(dr.Changes) == 0
	dr.decision = typ.Words() + ": make " + strings.Join(filesOf(dr.Changes), ", ")
	in.describe(dr, m)
	return dr, nil
}

// filesOf lists the files that are made, for comparing two plans: without the
// root certificate's in certs/, whose name is its serial number.
func filesOf(changes []durable.Change) []string {
	var out []string
	for _, c := range changes {
		if c.Action != durable.ActionMkdir && !strings.HasPrefix(c.Path, dirCerts+"/") {
			out = append(out, c.Path)
		}
	}
	return out
}

// identity decides which node this is. Everything that says so must agree. The
// id of an agent is empty as long as its key is not known.
func (in *initializer) identity(f *found, key *initKey) (typ certs.NodeType, id certs.Identity, err error) {
	type source struct{ what, value string }
	agree := func(sources ...source) (string, error) {
		var first source
		for _, s := range sources {
			switch {
			case s.value == "":
			case first.value == "":
				first = s
			case s.value != first.value:
				return "", fmt.Errorf("%s: found %s, expected %s, as %s says: they are of different nodes, and what is there is never replaced",
					s.what, s.value, first.value, first.what)
			}
		}
		return first.value, nil
	}
	var inRoot certs.Identity
	if f.root != nil {
		if inRoot, err = identityOfSubject(f.root.RawSubject); err != nil {
			return 0, id, fmt.Errorf("%s: subject: %w", f.d.file(fileRootCert), err)
		}
	}
	short := func(t certs.NodeType) string {
		if t == 0 {
			return ""
		}
		return t.String()
	}
	asked := in.req.Type
	if asked == 0 && in.req.Prefix != "" {
		asked = certs.AccountingAuthority
	}
	s, err := agree(source{fileRootCert, short(inRoot.Type())}, source{fileNodeType, short(f.typ)}, source{"the type asked for", short(asked)})
	if err != nil {
		return 0, id, err
	}
	if s == "" {
		return 0, id, errors.New("node type: it is needed to make a new node: give aa, ca or da")
	}
	if typ, err = certs.ParseNodeType(s); err != nil {
		return 0, id, err
	}
	if c := in.req.CreditorsSubnet; !c.IsZero() && typ != certs.CreditorsAgent {
		return 0, id, fmt.Errorf("creditors subnet: found %q for a node of type %s, expected none", c, typ)
	}
	fromKey := ""
	if typ != certs.AccountingAuthority && f.root == nil && key != nil && key.signer != nil {
		spki, err := x509.MarshalPKIXPublicKey(key.signer.Public())
		if err != nil {
			return 0, id, err
		}
		of, err := certs.AgentIdentity(typ, spki)
		if err != nil {
			return 0, id, err
		}
		fromKey = of.ID()
	}
	s, err = agree(source{fileRootCert, inRoot.ID()}, source{"the root key", fromKey}, source{fileNodeID, f.id}, source{"the prefix asked for", in.req.Prefix})
	switch {
	case err != nil:
		return 0, id, err
	case s == "" && typ == certs.AccountingAuthority:
		return 0, id, errors.New("prefix: it is needed to make a new accounting authority: give its 8 hex digits")
	case s == "":
		return typ, certs.Identity{}, nil
	}
	id, err = certs.NewIdentity(typ, s)
	return typ, id, err
}

// checkRoot judges a root certificate that is adopted, and that the key is its.
func (in *initializer) checkRoot(f *found, key *initKey) error {
	if f.root == nil {
		return nil
	}
	if !f.established() {
		if err := certs.CheckRoot(f.root, in.opts.Now()).Err(); err != nil {
			return fmt.Errorf("%w: root certificate %s: %w", ErrRejected, f.d.file(fileRootCert), err)
		}
	}
	if key != nil && key.signer != nil {
		if err := sameKey(key.signer, f.root.Certificate); err != nil {
			return fmt.Errorf("root key: %w", err)
		}
	}
	return nil
}

// describe says what will be made, for the operator.
func (in *initializer) describe(dr *initDraft, m *maker) {
	f := m.found
	switch {
	case dr.Nothing:
		dr.Title = fmt.Sprintf("%s is complete", in.path)
	case f.established():
		dr.Title = fmt.Sprintf("complete the directory of %s in %s", m.id, in.path)
	default:
		dr.Title = fmt.Sprintf("make a new %s in %s", m.typ.Words(), in.path)
	}
	dr.fact("type", m.typ.Words())
	switch {
	case !m.id.IsZero():
		dr.fact("node id", m.id.ID())
		if n, err := name.Parse(m.id.RawName()); err == nil {
			dr.fact("name", n.String())
		}
	default:
		dr.fact("node id", "follows from the root key")
	}
	switch {
	case in.req.AdoptKey != nil && f.adopt:
		dr.fact("root key", "the one given, to be kept in "+fileRootKey)
	case f.adopt:
		dr.fact("root key", "a new one, RSA 3072, to be kept in "+fileRootKey)
	case f.key != nil:
		dr.fact("root key", "the one in "+fileRootKey)
	default:
		dr.fact("root key", "not here")
		dr.note(fileRootKey + " is not there: commands that sign need --key")
	}
	switch {
	case f.root == nil:
		dr.fact("root certificate", "a new one, signed by the root key")
	case f.restore:
		dr.fact("root certificate", "the one found in "+dirCerts)
	default:
		dr.fact("root certificate", "the one in "+fileRootCert)
	}
	if len(in.req.Servers) > 0 {
		dr.fact("servers", strings.Join(in.req.Servers, ", "))
	}
	if f.key != nil && !isEncrypted(f.key) {
		dr.note(fileRootKey + " is not encrypted: change its password to have it encrypted")
	}
	dr.Notes = append(dr.Notes, m.notes...)
}

// isEncrypted tells a key file that needs a password.
func isEncrypted(file []byte) bool {
	return isEncryptedPKCS8(file) || strings.Contains(string(file), "Proc-Type: 4,ENCRYPTED")
}

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
