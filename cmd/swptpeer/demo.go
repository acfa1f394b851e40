package main

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/source"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func demoCommand() *command {
	return &command{
		name:  "demo",
		short: "two throwaway nodes, from nothing to peers",
		description: "Makes an accounting authority and a creditors agent in a temporary folder, takes them through the four steps of the " +
			"exchange, makes a server certificate for each, runs their servers on loopback and has each test the other's. It shows the " +
			"commands that do the same, asks nothing and leaves nothing behind.",
		examples: []string{"swptpeer demo", "swptpeer demo --keep"},
		fails:    "a step did not do what it should",
		network:  true,
		flags: flags(
			&cli.BoolFlag{Name: "keep", Usage: "keep the folder, to look around in"},
			formatFlag(), quietFlag(), noColorFlag()),
		run: runDemo,
	}
}

// demoNode is one of the two nodes.
type demoNode struct {
	name     string
	request  nodedir.InitRequest
	password []byte
	dir      *nodedir.Dir
	bundle   *bundle.Bundle
	file     *source.File // of the bundle, open as long as the bundle is used
	received []byte       // the peer certificate that the other node signed
	server   tls.Certificate
	listener net.Listener // on loopback
}

// demo is one run.
type demo struct {
	c      *call
	base   string
	alice  *demoNode
	bob    *demoNode
	steps  int
	shown  []demoStep
	checks []*peerCheck
}

type demoStep struct {
	Title    string   `json:"title"`
	Commands []string `json:"commands"`
	Result   []string `json:"result"`
}

func runDemo(c *call) (err error) {
	base, err := os.MkdirTemp("", "swptpeer-demo-")
	if err != nil {
		return err
	}
	if !c.cli.Bool("keep") {
		defer func() {
			if rerr := os.RemoveAll(base); err == nil {
				err = rerr
			}
		}()
	}
	d := &demo{c: c, base: base,
		alice: &demoNode{name: "alice", request: nodedir.InitRequest{Type: certs.AccountingAuthority, Prefix: "1234abcd"}},
		bob:   &demoNode{name: "bob", request: nodedir.InitRequest{Type: certs.CreditorsAgent}},
	}
	defer func() {
		for _, n := range d.nodes() {
			if n.file != nil {
				n.file.Close()
			}
			if n.listener != nil {
				n.listener.Close()
			}
		}
	}()
	begin := c.sys.now()
	for _, step := range []func() error{d.listen, d.makeNodes, d.makeBundles, d.exchange, d.makeServers, d.check} {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	took := c.sys.now().Sub(begin)
	if !c.text() {
		kept := ""
		if c.cli.Bool("keep") {
			kept = base
		}
		return c.emit(struct {
			document
			OK    bool       `json:"ok"`
			Steps []demoStep `json:"steps"`
			Took  float64    `json:"seconds"`
			Kept  string     `json:"kept,omitempty"`
			// Alice's test of Bob, and Bob's of Alice.
			Checks []checkJSON `json:"checks"`
		}{newDocument("demo"), true, d.shown, took.Seconds(), kept, []checkJSON{checkOf(d.checks[0]), checkOf(d.checks[1])}})
	}
	c.say("\n%s in %.1f s: two nodes, registered with each other, both directions proven.\n", raw(c.out.paint(good, "Done")), took.Seconds())
	if c.cli.Bool("keep") {
		c.say("The nodes, and their passwords, are in %s\n", base)
	}
	return nil
}

// step shows what was done: a title, the commands that do it, what came of it.
func (d *demo) step(title string, commands, result []string) {
	d.steps++
	d.shown = append(d.shown, demoStep{title, commands, result})
	if d.c.quiet {
		return
	}
	d.c.say("\n%s\n", raw(d.c.out.paint(strong, fmt.Sprintf("%d. %s", d.steps, title))))
	for _, line := range commands {
		if strings.HasPrefix(line, " ") { // goes on from the line before
			d.c.say("  %s\n", line)
		} else {
			d.c.say("  $ %s\n", line)
		}
	}
	for _, line := range result {
		d.c.say("  %s\n", line)
	}
}

func (d *demo) path(name string) string { return filepath.Join(d.base, name) }

func (d *demo) nodes() []*demoNode { return []*demoNode{d.alice, d.bob} }

// both does something for the two nodes at the same time.
func (d *demo) both(do func(n *demoNode) error) error {
	var errs [2]error
	var wg sync.WaitGroup
	for i, n := range d.nodes() {
		wg.Go(func() { errs[i] = do(n) })
	}
	wg.Wait()
	for i, n := range d.nodes() {
		if errs[i] != nil {
			return fmt.Errorf("%s: %w", n.name, errs[i])
		}
	}
	return nil
}

// change uses the node's password, and asks nothing.
func (n *demoNode) change() nodedir.Change {
	return nodedir.Change{Key: func() (crypto.Signer, error) {
		return n.dir.OpenKey("", func() ([]byte, error) { return slices.Clone(n.password), nil })
	}}
}

func (d *demo) makeNodes() error {
	err := d.both(func(n *demoNode) error {
		random := make([]byte, 18)
		rand.Read(random)
		n.password = []byte(base64.RawURLEncoding.EncodeToString(random))
		if err := os.WriteFile(d.path(n.name+".pw"), append(n.password, '\n'), 0o600); err != nil {
			return err
		}
		n.request.Password = func() ([]byte, error) { return slices.Clone(n.password), nil }
		n.request.NewPassword = n.request.Password
		res, err := nodedir.Init(d.c.ctx, d.path(n.name), n.request, d.c.options(), nodedir.Change{})
		if err != nil {
			return err
		}
		n.dir = res.Dir
		return nil
	})
	if err != nil {
		return err
	}
	d.step("Alice makes an accounting authority, Bob a creditors agent.", []string{
		"swptpeer init --dir alice --type aa --prefix 1234abcd \\",
		fmt.Sprintf("    --server %s --password-file alice.pw", d.alice.listener.Addr()),
		"swptpeer init --dir bob --type ca \\",
		fmt.Sprintf("    --server %s --password-file bob.pw", d.bob.listener.Addr()),
	}, []string{d.alice.dir.Identity().String(), d.bob.dir.Identity().String()})
	return nil
}

func (d *demo) makeBundles() error {
	err := d.both(func(n *demoNode) error {
		_, err := n.dir.CreateBundle(d.c.ctx, d.path(n.name+".zip"), false, n.change())
		return err
	})
	if err != nil {
		return err
	}
	var pins, commands []string
	for _, n := range d.nodes() {
		pin := certs.KeyFingerprint(n.dir.Root().RawSubjectPublicKeyInfo)
		pins = append(pins, n.name+".zip  "+pin)
		commands = append(commands, fmt.Sprintf("swptpeer bundle create %s.zip --dir %s --password-file %s.pw", n.name, n.name, n.name))
		if err := d.verify(n, pin); err != nil {
			return err
		}
	}
	d.step("Each makes an info-bundle, and tells the fingerprint of the key.", commands, pins)
	return nil
}

// verify judges a node's bundle as its peer does, with the fingerprint that
// the owner told.
func (d *demo) verify(n *demoNode, pin string) error {
	in, err := d.c.openBundle(d.path(n.name + ".zip"))
	if err != nil {
		return err
	}
	n.file = in
	b, report := bundle.Verify(in, in.Size, bundle.VerifyOptions{Name: n.name + ".zip", Time: d.c.sys.now(), Pin: pin})
	n.bundle = b
	return report.Err()
}

// exchange signs on both sides, and registers on both sides.
func (d *demo) exchange() error {
	for _, side := range []struct {
		own, peer *demoNode
		title     string
	}{
		{d.alice, d.bob, "Alice has Bob's bundle (step 1) and signs for him (step 2)."},
		{d.bob, d.alice, "Bob has Alice's bundle (step 3) and signs for her (step 4)."},
	} {
		res, err := side.own.dir.SignPeer(d.c.ctx, nodedir.SignRequest{Bundle: side.peer.bundle}, side.own.change())
		if err != nil {
			return fmt.Errorf("%s signs for %s: %w", side.own.name, side.peer.name, err)
		}
		side.peer.received = res.Certificate.File
		result := []string{"signed for " + res.Peer.Identity.String()}
		if !res.Peer.Subnet.IsZero() {
			result = append(result, "subnet "+subnetText(res.Peer.Subnet))
		}
		file := "for-" + side.peer.name + ".crt"
		if err := os.WriteFile(d.path(file), res.Certificate.File, 0o644); err != nil {
			return err
		}
		d.step(side.title, []string{
			fmt.Sprintf("swptpeer bundle verify %s.zip --pin …", side.peer.name),
			fmt.Sprintf("swptpeer peer sign %s.zip --dir %s --pin … \\", side.peer.name, side.own.name),
			fmt.Sprintf("    --out %s --password-file %s.pw", file, side.own.name),
		}, result)
	}
	var commands, result []string
	for _, n := range d.nodes() {
		cert, err := certs.ParseCertificate(n.received)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		res, err := n.dir.RegisterPeer(d.c.ctx, cert, n.change())
		if err != nil {
			return fmt.Errorf("%s registers: %w", n.name, err)
		}
		commands = append(commands, fmt.Sprintf("swptpeer peer register for-%s.crt --dir %s", n.name, n.name))
		result = append(result, fmt.Sprintf("%s is registered with %s", n.name, res.Peer.Identity))
	}
	d.step("Each registers the certificate that came back.", commands, result)
	return nil
}

func (d *demo) makeServers() error {
	err := d.both(func(n *demoNode) error {
		key, err := certs.GenerateKey()
		if err != nil {
			return err
		}
		keyFile, err := certs.EncodePrivateKey(key)
		if err != nil {
			return err
		}
		if err := os.WriteFile(d.path(n.name+"-server.key"), keyFile, 0o600); err != nil {
			return err
		}
		req, err := certs.NewServerRequest(key, n.dir.Root().RawSubject)
		if err != nil {
			return err
		}
		const days = 365
		res, err := n.dir.IssueServer(d.c.ctx, req, days, n.change())
		if err != nil {
			return err
		}
		if err := os.WriteFile(d.path(n.name+"-server.crt"), res.Certificate.File, 0o644); err != nil {
			return err
		}
		n.server = tls.Certificate{Certificate: [][]byte{res.Certificate.Raw}, PrivateKey: key}
		return nil
	})
	if err != nil {
		return err
	}
	var commands []string
	for _, n := range d.nodes() {
		commands = append(commands,
			fmt.Sprintf("swptpeer csr create --name-from %s/root-ca.crt \\", n.name),
			fmt.Sprintf("    --out-key %s-server.key --out %s-server.csr", n.name, n.name),
			fmt.Sprintf("swptpeer csr sign %s-server.csr --dir %s --out %s-server.crt \\", n.name, n.name, n.name),
			fmt.Sprintf("    --password-file %s.pw", n.name))
	}
	d.step("A key and a certificate for a server of each.", commands, nil)
	return nil
}
