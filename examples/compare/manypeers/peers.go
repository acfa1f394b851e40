package main

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// made is what was made for one peer.
type made struct {
	*node
	peerCert *certs.Certificate // ours for it
	subCA    *certs.Certificate // its for us
	subnet   certs.Subnet
	serial   certs.Serial
}

// addPeers makes the peers and returns their ids, sorted.
func (m *maker) addPeers(count int) ([]string, error) {
	all := make([]*made, count)
	if err := m.first(all); err != nil {
		return nil, err
	}
	serial := all[0].serial
	for i := range all[1:] {
		var err error
		if serial, err = serial.Next(); err != nil {
			return nil, err
		}
		all[i+1] = &made{serial: serial}
	}
	if err := m.parallel(count-1, func(i int) error { return m.another(all[0], all[i+1], i+1) }); err != nil {
		return nil, err
	}
	return m.record(all)
}

// subnetFor is the subnet of the n-th peer: the one that we give, or that we are
// given.
func (m *maker) subnetFor(n int) (certs.Subnet, error) {
	return certs.ParseSubnet(fmt.Sprintf("%06x", n+1))
}

// first makes the first peer as swptpeer does.
func (m *maker) first(all []*made) error {
	s, err := m.stranger(0)
	if err != nil {
		return err
	}
	p := &made{node: s}
	all[0] = p
	file, err := m.publish(s)
	if err != nil {
		return err
	}
	b, report := bundle.Verify(bytes.NewReader(file), int64(len(file)), bundle.VerifyOptions{Name: "first", Time: m.now})
	if b == nil {
		return report.Err()
	}
	res, err := m.dir.SignPeer(m.ctx, nodedir.SignRequest{Bundle: b}, m.change())
	if err != nil {
		return err
	}
	p.peerCert, p.subnet = res.Certificate, res.Peer.Subnet
	if p.serial, err = certs.SerialOf(p.peerCert.Certificate); err != nil {
		return err
	}
	var given certs.Subnet
	if !m.authority() {
		if given, err = m.subnetFor(0); err != nil {
			return err
		}
		p.subnet = given
	}
	if p.subCA, err = m.certify(s, given); err != nil {
		return err
	}
	_, err = m.dir.RegisterPeer(m.ctx, p.subCA, m.change())
	return err
}

// another makes the n-th peer as a copy of the first.
func (m *maker) another(first, p *made, n int) error {
	var err error
	if p.subnet, err = m.subnetFor(n); err != nil {
		return err
	}
	if m.authority() {
		err = m.agent(p)
	} else {
		err = m.likeFirst(first, p, n)
	}
	if err != nil {
		return err
	}
	pattern := filepath.Join(m.dir.Path(), "peers", first.id.ID())
	folder := filepath.Join(m.dir.Path(), "peers", p.id.ID())
	if err := os.CopyFS(folder, os.DirFS(pattern)); err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(pattern, "kustomization.yaml"))
	if err != nil {
		return err
	}
	subnetFile := "masq-subnet.txt"
	if m.authority() {
		subnetFile = "subnet.txt"
		if err := m.write(filepath.Join("db", "subnets", "creditors", p.subnet.String()), p.id.ID()+"\n"); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"root-ca.crt":        string(p.root.File),
		"peercert.crt":       string(p.peerCert.File),
		"sub-ca.crt":         string(p.subCA.File),
		subnetFile:           p.subnet.String() + "\n",
		"kustomization.yaml": strings.ReplaceAll(string(manifest), first.id.ID(), p.id.ID()),
	} {
		if err := m.write(filepath.Join("peers", p.id.ID(), name), content); err != nil {
			return err
		}
	}
	return m.write(filepath.Join("certs", p.serial.String()+".pem"), string(p.peerCert.File))
}

// agent makes the certificates of an agent, whose key is its own.
func (m *maker) agent(p *made) error {
	var err error
	if p.node, err = m.stranger(0); err != nil {
		return err
	}
	issuer, err := certs.NewIssuer(m.dir.Root().Certificate, m.key)
	if err != nil {
		return err
	}
	if p.peerCert, err = issuer.IssuePeer(p.root, p.req, p.subnet, p.serial, m.now); err != nil {
		return err
	}
	p.subCA, err = m.certify(p.node, certs.Subnet{})
	return err
}

// likeFirst makes the certificates of the n-th authority. They differ from the
// first's in texts of the same length, so they are its with other texts, signed
// anew: half the work of issuing them, which would judge each many times.
func (m *maker) likeFirst(first, p *made, n int) error {
	id, err := authorityID(n)
	if err != nil {
		return err
	}
	p.node = &node{id: id, key: m.shared}
	serial := func(s certs.Serial) string { return string(s.Int().Bytes()) }
	texts := strings.NewReplacer(serial(first.serial), serial(p.serial), first.id.ID(), id.ID(), first.subnet.String(), p.subnet.String())
	if p.root, err = resign(first.root, m.shared, texts); err != nil {
		return err
	}
	if p.peerCert, err = resign(first.peerCert, m.key, texts); err != nil {
		return err
	}
	p.subCA, err = resign(first.subCA, m.shared, texts)
	return err
}

// resign returns the certificate with other texts of the same length, signed by
// the same kind of key: RSA, whose signatures all have the same length.
func resign(c *certs.Certificate, key crypto.Signer, texts *strings.Replacer) (*certs.Certificate, error) {
	at := bytes.Index(c.Raw, c.RawTBSCertificate)
	tbs := []byte(texts.Replace(string(c.RawTBSCertificate)))
	digest := sha256.Sum256(tbs)
	signature, err := certs.SignDigest(key, digest)
	if err != nil {
		return nil, err
	}
	if len(tbs) != len(c.RawTBSCertificate) || len(signature) != len(c.Signature) {
		return nil, errors.New("found another length than the first certificate's")
	}
	der := slices.Concat(c.Raw[:at], tbs, c.Raw[at+len(tbs):len(c.Raw)-len(signature)], signature)
	again, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &certs.Certificate{Certificate: again, File: certs.EncodeCertificate(again)}, nil
}

// write writes a public file of the node directory.
func (m *maker) write(name, content string) error {
	return os.WriteFile(filepath.Join(m.dir.Path(), name), []byte(content), 0o644)
}

func (m *maker) read(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join(m.dir.Path(), name))
	return string(data), err
}

// record writes what is kept for all peers together: the database, the next
// serial number, the last subnet, the list of manifests. The last peer is made
// one that is not registered.
func (m *maker) record(all []*made) ([]string, error) {
	before, err := m.read(filepath.Join("db", "index"))
	if err != nil {
		return nil, err
	}
	first := all[0]
	// The last row is the first peer's; the one before it is the node's own.
	at := strings.LastIndex(strings.TrimSuffix(before, "\n"), "\n") + 1
	row := before[at:]
	var index strings.Builder
	index.WriteString(before[:at])
	ids := make([]string, len(all))
	for i, p := range all {
		index.WriteString(strings.NewReplacer(first.serial.String(), p.serial.String(), first.id.ID(), p.id.ID()).Replace(row))
		ids[i] = p.id.ID()
	}
	last := all[len(all)-1]
	next, err := last.serial.Next()
	if err != nil {
		return nil, err
	}
	list, err := m.read(filepath.Join("peers", "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	line := "- " + first.id.ID() + "/\n"
	lines := make([]string, 0, len(ids)-1)
	for _, id := range ids[:len(ids)-1] {
		lines = append(lines, "- "+id+"/\n")
	}
	slices.Sort(lines)
	files := map[string]string{
		filepath.Join("db", "index"):                 index.String(),
		filepath.Join("db", "serial"):                next.String() + "\n",
		filepath.Join("peers", "kustomization.yaml"): strings.Replace(list, line, strings.Join(lines, ""), 1),
	}
	if m.authority() {
		files[filepath.Join("db", "subnets", "creditors", "SEQNUM")] = fmt.Sprintf("%d\n", len(all))
	}
	for name, content := range files {
		if err := m.write(name, content); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(m.work, "register.crt"), last.subCA.File, 0o644); err != nil {
		return nil, err
	}
	if err := m.unregister(last.id.ID()); err != nil {
		return nil, err
	}
	// In the order of the list, which is that of the folders; the last stays.
	slices.Sort(ids[:len(ids)-1])
	return ids, nil
}

// registeredFiles are what "peer register" makes in a peer's folder.
var registeredFiles = []string{"sub-ca.crt", "masq-subnet.txt", "kustomization.yaml", "resources-patch.yaml"}

func (m *maker) unregister(id string) error {
	for _, name := range registeredFiles {
		if err := os.Remove(filepath.Join(m.dir.Path(), "peers", id, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// leaveFiles writes what lies beside the node directory.
func (m *maker) leaveFiles(ids []string) error {
	key, err := certs.EncodePrivateKey(m.key)
	if err != nil {
		return err
	}
	s, err := m.stranger(len(ids))
	if err != nil {
		return err
	}
	zip, err := m.publish(s)
	if err != nil {
		return err
	}
	serial, err := m.read(filepath.Join("db", "serial"))
	if err != nil {
		return err
	}
	last := ids[len(ids)-1]
	// What a command replaces is kept under another name, and put back.
	kept := []string{"db/index", "db/serial", "peers/kustomization.yaml"}
	if m.authority() {
		kept = append(kept, "db/subnets/creditors/SEQNUM")
	}
	var reset strings.Builder
	reset.WriteString("#!/bin/sh\n# Undoes \"peer sign sign.zip\" and \"peer register register.crt\".\nset -e\ncd \"$(dirname \"$0\")\"\n")
	fmt.Fprintf(&reset, "rm -rf apps/node/peers/%s\nrm -f apps/node/certs/%s.pem\n", s.id.ID(), strings.TrimSpace(serial))
	for _, name := range registeredFiles {
		fmt.Fprintf(&reset, "rm -f apps/node/peers/%s/%s\n", last, name)
	}
	if m.authority() {
		next, err := m.subnetFor(len(ids))
		if err != nil {
			return err
		}
		fmt.Fprintf(&reset, "rm -f apps/node/db/subnets/creditors/%s\n", next)
	}
	if err := os.Mkdir(filepath.Join(m.work, "kept"), 0o755); err != nil {
		return err
	}
	for _, name := range kept {
		content, err := m.read(filepath.FromSlash(name))
		if err != nil {
			return err
		}
		copyName := strings.ReplaceAll(name, "/", "-")
		if err := os.WriteFile(filepath.Join(m.work, "kept", copyName), []byte(content), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&reset, "cp kept/%s apps/node/%s\n", copyName, name)
	}
	for _, f := range []struct {
		name string
		data []byte
		mode os.FileMode
	}{
		{"root.key", key, 0o600},
		{"password", []byte(password + "\n"), 0o600},
		{"peer", []byte(ids[(len(ids)-1)/2] + "\n"), 0o644},
		{"sign.zip", zip, 0o644},
		{"reset", []byte(reset.String()), 0o755},
	} {
		if err := os.WriteFile(filepath.Join(m.work, f.name), f.data, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// parallel calls do for 0 to n-1 on all processors, and says from time to time
// how far it is.
func (m *maker) parallel(n int, do func(i int) error) error {
	work := make(chan int)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
	)
	failed := func(err error) bool {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
		return first != nil
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				if !failed(nil) {
					failed(do(i))
				}
			}
		})
	}
	said := time.Now()
	for i := range n {
		if failed(m.ctx.Err()) {
			break
		}
		work <- i
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			fmt.Fprintf(os.Stderr, "%d of %d peers\n", i+1, n)
		}
	}
	close(work)
	wg.Wait()
	return first
}
