package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// Limits of what make makes.
const (
	// minPeers: the first is the pattern, and the last is not registered.
	minPeers = 2
	// maxPeers is what fits into the one file that lists them all.
	maxPeers = 100_000
)

// password of the root key. It protects nothing: root.key lies beside it.
const password = "measure"

// maker makes one node directory.
type maker struct {
	ctx    context.Context
	work   string
	dir    *nodedir.Dir
	key    crypto.Signer // the node's
	shared crypto.Signer // that of all accounting authorities
	req    *certs.Request
	now    time.Time
}

// node is a node that exists only in memory.
type node struct {
	id   certs.Identity
	key  crypto.Signer
	root *certs.Certificate
	req  *certs.Request
}

func makeNode(ctx context.Context, kind string, peers int, work string) error {
	if peers < minPeers || peers > maxPeers {
		return fmt.Errorf("found %d peers, expected %d to %d", peers, minPeers, maxPeers)
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	m := &maker{ctx: ctx, work: work}
	if err := m.init(kind); err != nil {
		return err
	}
	ids, err := m.addPeers(peers)
	if err != nil {
		return err
	}
	if err := m.leaveFiles(ids); err != nil {
		return err
	}
	if err := m.setModes(); err != nil {
		return err
	}
	return m.audit()
}

// init makes the node, without peers.
func (m *maker) init(kind string) error {
	req := nodedir.InitRequest{Servers: []string{"stomp.example.com:1234"}, NewPassword: m.password}
	switch kind {
	case "ca":
		req.Type = certs.CreditorsAgent
	case "aa":
		req.Type, req.Prefix = certs.AccountingAuthority, "1234abcd"
	default:
		return fmt.Errorf("found type %q, expected ca or aa", kind)
	}
	path := filepath.Join(m.work, "apps", "node")
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	res, err := nodedir.Init(m.ctx, path, req, nodedir.Options{}, nodedir.Change{})
	if err != nil {
		return err
	}
	m.dir = res.Dir
	if m.key, err = m.dir.OpenKey("", m.password); err != nil {
		return err
	}
	// Published once: otherwise doctor says that it never was.
	if _, err := m.dir.CreateBundle(m.ctx, filepath.Join(m.work, "own.zip"), false, m.change()); err != nil {
		return err
	}
	file, err := os.ReadFile(filepath.Join(path, "db", "root-ca.csr"))
	if err != nil {
		return err
	}
	if m.req, err = certs.ParseRequest(file); err != nil {
		return err
	}
	if m.shared, err = certs.GenerateKey(); err != nil {
		return err
	}
	m.now = time.Now() // not before the node's own beginning
	return nil
}

func (m *maker) password() ([]byte, error) { return []byte(password), nil }

// change is a change that asks nobody.
func (m *maker) change() nodedir.Change {
	return nodedir.Change{Key: func() (crypto.Signer, error) { return m.key, nil }}
}

func (m *maker) authority() bool { return m.dir.Identity().Type() == certs.AccountingAuthority }

// authorityID is the id of the n-th accounting authority.
func authorityID(n int) (certs.Identity, error) {
	return certs.NewIdentity(certs.AccountingAuthority, fmt.Sprintf("%08x", 0x20000000+n))
}

// stranger makes the n-th node that may be a peer.
func (m *maker) stranger(n int) (*node, error) {
	var (
		s   = &node{key: m.shared}
		err error
	)
	if m.authority() {
		if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
		spki, err := certs.PublicKeyInfo(s.key.Public())
		if err != nil {
			return nil, err
		}
		if s.id, err = certs.AgentIdentity(certs.CreditorsAgent, spki); err != nil {
			return nil, err
		}
	} else if s.id, err = authorityID(n); err != nil {
		return nil, err
	}
	serial, err := certs.NewSerial()
	if err != nil {
		return nil, err
	}
	if s.root, err = certs.IssueRoot(s.key, s.id, serial, m.now); err != nil {
		return nil, err
	}
	s.req, err = certs.NewRequest(s.key, s.id.RawName())
	return s, err
}

// certify is the stranger's side of the exchange: a peer certificate for our
// node.
func (m *maker) certify(s *node, subnet certs.Subnet) (*certs.Certificate, error) {
	issuer, err := certs.NewIssuer(s.root.Certificate, s.key)
	if err != nil {
		return nil, err
	}
	serial, err := certs.NewSerial()
	if err != nil {
		return nil, err
	}
	return issuer.IssuePeer(m.dir.Root(), m.req, subnet, serial, m.now)
}

// publish makes the stranger's info-bundle.
func (m *maker) publish(s *node) ([]byte, error) {
	info := filepath.Join(m.work, "nodeinfo")
	if err := os.MkdirAll(info, 0o755); err != nil {
		return nil, err
	}
	defer os.RemoveAll(info)
	const manifest = "servers = [\"stomp.example.net:1234\"]\nhost = \"/\"\ndestination = \"/exchange/accounts_in\"\n"
	if err := os.WriteFile(filepath.Join(info, "stomp.toml"), []byte(manifest), 0o644); err != nil {
		return nil, err
	}
	at, err := bundle.NextUpdatedAt(bundle.UpdatedAt{}, m.now)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	_, err = bundle.Create(m.ctx, &file, bundle.Source{Root: s.root, Request: s.req, Dir: info, Key: s.key, UpdatedAt: at, Modified: at.Time()})
	return file.Bytes(), err
}

// setModes gives what is public in the node directory its mode, whatever the umask.
func (m *maker) setModes() error {
	return filepath.WalkDir(m.dir.Path(), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "private":
			return fs.SkipDir
		case e.IsDir():
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
}

// audit demands that doctor finds nothing wrong, and nothing to complain about.
func (m *maker) audit() error {
	d, err := nodedir.Open(m.dir.Path(), nodedir.Options{})
	if err != nil {
		return err
	}
	report, err := d.Audit(m.ctx, nodedir.AuditOptions{})
	if err != nil {
		return err
	}
	if report.OK(true) {
		return nil
	}
	fault := errors.New("the directory that was made has faults")
	if warnings := report.Failed(check.Warning); len(warnings) > 0 {
		w := warnings[0]
		fault = fmt.Errorf("%w: %d warnings, the first at %s: found %s, expected %s", fault, len(warnings), w.Where, w.Found, w.Expected)
	}
	return errors.Join(fault, report.Err())
}
