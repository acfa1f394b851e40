package nodedir

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/name"
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
		if inRoot, err = certs.SubjectIdentity(f.root.RawSubject); err != nil {
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

// isEncrypted tells a key file that needs a password. One that cannot be read is
// refused elsewhere.
func isEncrypted(file []byte) bool {
	encrypted, err := certs.KeyEncrypted(file)
	return err == nil && encrypted
}
