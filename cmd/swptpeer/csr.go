package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/name"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func csrCommands() *command {
	return &command{
		name:  "csr",
		short: "signing requests, and certificates for your own servers",
		description: "A server of the node has a key of its own and a certificate that the node's root key signs. The key is " +
			"made on the server and never leaves it: \"csr create\" needs only the node's name, \"csr sign\" only the request.",
		examples: []string{
			"# on the server, and then on the machine with the root key",
			"swptpeer csr create --name-from root-ca.crt \\",
			"    --out-key server.key --out server.csr",
			"swptpeer csr sign server.csr --out server.crt",
		},
		sub: []*command{
			{
				name:  "create",
				short: "make a server key and a request for it",
				description: "Makes a fresh RSA key for a server, not encrypted, readable by its owner alone, and a request for a server " +
					"certificate. It runs on the server: of the node it needs only a file with the node's name, root-ca.crt or " +
					"root-ca.conf.\n\nWith --node the request is the node's own, which every info-bundle has in it.",
				examples: []string{
					"swptpeer csr create --name-from root-ca.crt \\",
					"    --out-key server.key --out server.csr",
				},
				fails: "refused: an output file exists, or the name is not a node's",
				flags: flags(
					&cli.StringFlag{Name: "out-key", Usage: "write the new key to `FILE` (0600, never overwritten)"},
					outFlag("write the request to `FILE`"), overwriteFlag(),
					&cli.StringFlag{Name: "name-from", Usage: "take the node's name from `FILE`: root-ca.crt or root-ca.conf (default: the node directory's)"},
					&cli.BoolFlag{Name: "node", Usage: "the node's own request, for the root key"},
					keyFlag(), passwordFlags(), changeFlags()),
				run: runCSRCreate,
			},
			{
				name: "inspect", args: "FILE...", minArgs: 1, maxArgs: -1,
				short: "show a request, and judge it",
				description: "Shows what a request says: the name, the key, what it asks for. With --root, or in a node directory, it is also " +
					"judged: the signature, the name, and for the node's own request the key.",
				examples: []string{"swptpeer csr inspect server.csr --root root-ca.crt"},
				fails:    "a check failed",
				flags: flags(
					&cli.StringFlag{Name: "root", Usage: "the node's root certificate is in `FILE` (default: the node directory's, if there is one)"},
					dirFlag(), verdictFlags()),
				run: runCSRInspect,
			},
			{
				name: "sign", args: "CSR", minArgs: 1, maxArgs: 1,
				short: "sign a server certificate",
				description: "Signs a certificate for one of your own servers. Of the request, only the key is used, and its signature as the " +
					"proof that the server has it; the name must be the node's.",
				examples: []string{"swptpeer csr sign server.csr --out server.crt --days 365"},
				fails:    "refused: the request is not one of this node's, or an output file exists, or the answer was no",
				flags:    flags(outFlag("write the certificate to `FILE` (default: standard output)"), overwriteFlag(), daysFlag(), signFlags()),
				run:      func(c *call) error { return c.csrSign(c.args[0], c.cli.String("out")) },
			},
		},
	}
}

func runCSRCreate(c *call) error {
	keyPath, csrPath := c.cli.String("out-key"), c.cli.String("out")
	if c.cli.Bool("node") {
		if keyPath != "" || c.cli.String("name-from") != "" {
			return usagef("with --node there is no new key and no other name: found --out-key or --name-from")
		}
		return c.nodeRequest(csrPath)
	}
	if keyPath == "" || csrPath == "" {
		return withHint(usagef("csr create: expected --out-key and --out"), "for example: swptpeer csr create --out-key server.key --out server.csr")
	}
	return c.serverRequest(keyPath, csrPath)
}

// serverRequest makes a server's key and request.
func (c *call) serverRequest(keyPath, csrPath string) error {
	if same, err := samePath(keyPath, csrPath); err != nil || same {
		return usagef("the key and the request need two files: found %s twice", keyPath)
	}
	rawName, id, err := c.nodeName()
	if err != nil {
		return err
	}
	// A key is never overwritten, whatever the flags say.
	if _, err := os.Lstat(keyPath); err == nil {
		return existsError(keyPath, false)
	}
	if c.dryRun {
		if _, err := c.output(nil, csrPath, 0o644); err != nil {
			return err
		}
		return c.showPlan(&nodedir.Plan{Title: "make a server key and a request", Facts: []nodedir.Fact{
			{Name: "node", Value: id.String()}, {Name: "key", Value: keyPath}, {Name: "request", Value: csrPath}}})
	}
	csrFile, err := c.output(nil, csrPath, 0o644)
	if err != nil {
		return err
	}
	defer csrFile.Discard()
	key, err := certs.GenerateKey()
	if err != nil {
		return err
	}
	req, err := certs.NewServerRequest(key, rawName)
	if err != nil {
		return err
	}
	if err := c.writeKey(keyPath, key); err != nil {
		return err
	}
	if err := finish(csrFile, req.File); err != nil {
		// Without its request the key is of no use; it was made a moment ago.
		os.Remove(keyPath)
		return err
	}
	c.did("the key "+keyPath+" and its request are made", "\"swptpeer csr inspect "+csrPath+"\" shows the request")
	fingerprint := certs.KeyFingerprint(req.RawSubjectPublicKeyInfo)
	if !c.text() {
		return c.emit(struct {
			document
			Node    *nodeJSON `json:"node"`
			Key     string    `json:"key"`
			Request string    `json:"request"`
			SHA256  string    `json:"keyFingerprint"`
		}{newDocument("csr-create"), nodeOf(id), keyPath, csrPath, fingerprint})
	}
	c.say("key      %s\nrequest  %s\nfor      %s\n", keyPath, csrPath, id)
	c.say("key fingerprint  %s\n", fingerprint)
	c.note("next: on the machine with the root key, \"swptpeer csr sign " + csrPath + " --out FILE.crt\"")
	return nil
}

func (c *call) writeKey(path string, key crypto.Signer) error {
	data, err := certs.EncodePrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(data)
	f, err := createNew(path, 0o600)
	if err != nil {
		return err
	}
	return finish(f, data)
}

// nodeRequest writes the node's own request to a file or standard output.
func (c *call) nodeRequest(path string) error {
	d, err := c.openDir()
	if err != nil {
		return err
	}
	req, err := c.readRequest(filepath.Join(d.Path(), "db", "root-ca.csr"))
	if errors.Is(err, fs.ErrNotExist) {
		if c.dryRun {
			return c.showPlan(&nodedir.Plan{Title: "make the node's signing request", Facts: []nodedir.Fact{{Name: "node", Value: d.Identity().String()}}})
		}
		key, kerr := c.openKey(d)
		if kerr != nil {
			return kerr
		}
		req, err = certs.NewRequest(key, d.Root().RawSubject)
	}
	if err != nil {
		return err
	}
	if err := certs.CheckRequest(req, d.Root().Certificate).Err(); err != nil {
		return err
	}
	f, err := c.output(d, path, 0o644)
	if err != nil {
		return err
	}
	if path == "" {
		_, err := c.out.Write(req.File)
		return err
	}
	if c.dryRun {
		return c.showPlan(&nodedir.Plan{Title: "write the node's signing request", Facts: []nodedir.Fact{{Name: "request", Value: path}}})
	}
	if err := finish(f, req.File); err != nil {
		return err
	}
	c.did("the request is written", "it is in "+path)
	if !c.text() {
		return c.emit(struct {
			document
			Node    *nodeJSON `json:"node"`
			Request string    `json:"request"`
			SHA256  string    `json:"keyFingerprint"`
		}{newDocument("csr-create"), nodeOf(d.Identity()), path, certs.KeyFingerprint(req.RawSubjectPublicKeyInfo)})
	}
	c.say("request  %s\nfor      %s\n", path, d.Identity())
	return nil
}

// nodeName returns the node's name from --name-from, or from the node
// directory: its root certificate or, on a server that has only that file, its
// OpenSSL configuration.
func (c *call) nodeName() ([]byte, certs.Identity, error) {
	path := c.cli.String("name-from")
	if path == "" {
		for _, base := range []string{"root-ca.crt", "root-ca.conf"} {
			path = filepath.Join(c.dir(), base)
			if _, err := os.Stat(path); err == nil {
				break
			}
		}
	}
	data, err := c.readPEM(path)
	if err != nil {
		return nil, certs.Identity{}, withHint(err, "name the file that has the node's name with --name-from: root-ca.crt or root-ca.conf")
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		id, err := nodedir.IdentityFromConf(data)
		if err != nil {
			return nil, id, fmt.Errorf("%s: %w", path, err)
		}
		return id.RawName(), id, nil
	}
	cert, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, certs.Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	id, err := identityOf(cert.RawSubject)
	if err != nil {
		return nil, id, fmt.Errorf("%s: %w", path, err)
	}
	return cert.RawSubject, id, nil
}

// identityOf reads the node's identity out of a DER name.
func identityOf(rawName []byte) (certs.Identity, error) {
	n, err := name.Parse(rawName)
	if err != nil {
		return certs.Identity{}, err
	}
	return certs.IdentityOf(n)
}

func runCSRInspect(c *call) error {
	root, err := c.ownRoot()
	if err != nil {
		return err
	}
	var items []item
	for _, path := range c.args {
		it := item{name: path}
		req, err := c.readRequest(path)
		if err != nil {
			it.err = err
			items = append(items, it)
			continue
		}
		if c.text() {
			c.describeRequest(path, req)
		}
		it.report = judgeRequest(req, root)
		items = append(items, it)
	}
	if root == nil {
		c.note("the requests were only read: without --root or a node directory there is nothing to compare them with")
		return c.requestsWithoutRoot(items)
	}
	return c.verdict("csr-inspect", items)
}

// judgeRequest applies the rules of the node's own request if it is for the
// root key, and otherwise those of a server's.
func judgeRequest(req *certs.Request, root *x509.Certificate) *check.Report {
	switch {
	case root == nil:
		return nil
	case bytes.Equal(req.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo):
		return certs.CheckRequest(req, root)
	}
	return certs.CheckServerRequest(req, root)
}

// requestsWithoutRoot ends an inspection that could judge nothing but whether
// the files can be read and their signatures hold.
func (c *call) requestsWithoutRoot(items []item) error {
	var failed severalErrors
	for _, it := range items {
		if it.err != nil {
			failed = append(failed, it.err)
		}
	}
	if !c.text() {
		if err := c.emitItems("csr-inspect", items, false); err != nil {
			return err
		}
	}
	switch len(failed) {
	case 0:
		return nil
	case 1:
		return failed[0]
	}
	return failed
}

// ownRoot is the root certificate that --root names, or the node directory's;
// nil if there is none.
func (c *call) ownRoot() (*x509.Certificate, error) {
	if path := c.cli.String("root"); path != "" {
		cert, err := c.readCertificate(path)
		if err != nil {
			return nil, err
		}
		return cert.Certificate, nil
	}
	d, err := c.openDir()
	if errors.Is(err, nodedir.ErrNotNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.Root().Certificate, nil
}

func (c *call) describeRequest(path string, req *certs.Request) {
	c.say("%s\n", raw(c.out.paint(strong, safe(path))))
	f := certs.DescribeRequest(req.CertificateRequest)
	c.field("subject", f.Subject)
	if id, err := identityOf(req.RawSubject); err == nil {
		c.field("node", id.String())
	}
	c.field("public key", keyText(f.Key))
	c.field("fingerprint", "SHA-256 "+f.Key.Fingerprint)
	if err := req.CheckSignature(); err != nil {
		c.field("signature", "does not verify: "+err.Error())
	} else {
		c.field("signature", "verifies: whoever made it has the key")
	}
	for _, ext := range f.Extensions {
		c.field("asks for", extensionText(ext))
	}
}

// csrSign signs a server certificate and writes it.
func (c *call) csrSign(csrPath, outPath string) error {
	days, err := c.days()
	if err != nil {
		return err
	}
	req, err := c.readRequest(csrPath)
	if err != nil {
		return err
	}
	d, err := c.openDir()
	if err != nil {
		return err
	}
	out, err := c.output(d, outPath, 0o644)
	if err != nil {
		return err
	}
	if out != nil {
		defer out.Discard()
	}
	res, err := d.IssueServer(c.ctx, req, days, c.change(d, true))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	return c.showIssued("server-certificate", d, res.Certificate, out, outPath)
}
