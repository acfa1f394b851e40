package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
)

func bundleCommands() *command {
	return &command{
		name: "bundle", short: "info-bundles: create, verify, look inside, compare",
		description: "An info-bundle is what a node publishes so that others can become its peers: its root certificate, its " +
			"signing request, and its signed information directory.",
		examples: []string{
			"swptpeer bundle create my-bundle.zip",
			"swptpeer bundle verify their-bundle.zip --pin 5f0c…",
		},
		sub: []*command{
			{
				name: "create", args: "OUT.zip", minArgs: 1, maxArgs: 1,
				short: "make the node's info-bundle",
				description: "Packs and signs what is in nodeinfo/. The date in updated-at.txt moves forward if the content changed since the last " +
					"bundle, and stays otherwise; names that begin with a dot are left out. The same directory and key give the same bytes. " +
					"SOURCE_DATE_EPOCH (seconds since 1970) is the time of the files inside; otherwise it follows from updated-at.txt.",
				examples: []string{"swptpeer bundle create my-bundle.zip --password-file pw"},
				fails:    "refused: the file exists, nodeinfo/ holds what may not be published, or the clock is wrong",
				flags:    flags(overwriteFlag(), signFlags()),
				run:      func(c *call) error { return c.bundleCreate(c.args[0]) },
			},
			bundleVerifyCommand(),
			{
				name: "inspect", args: "PATH", minArgs: 1, maxArgs: 1,
				short:       "show what an info-bundle says",
				description: "Verifies a bundle, from a file, standard input (-) or an https address, and shows what it says.",
				examples:    []string{"swptpeer bundle inspect their-bundle.zip"},
				fails:       "the bundle was refused",
				network:     true,
				flags:       flags(trustFlags(), timeoutFlag(), formatFlag(), quietFlag(), noColorFlag()),
				run:         runBundleInspect,
			},
			{
				name: "extract", args: "PATH", minArgs: 1, maxArgs: 1,
				short: "verify an info-bundle and unpack it",
				description: "Verifies a bundle, from a file, standard input (-) or an https address, and writes root-ca.crt, root-ca.csr and " +
					"nodeinfo/ into a new folder, which appears whole or not at all.",
				examples: []string{"swptpeer bundle extract their-bundle.zip --out their-node"},
				fails:    "the bundle was refused, or the folder exists",
				network:  true,
				flags:    flags(outFlag("make the folder `DIR`"), trustFlags(), timeoutFlag(), dryRunFlag(), formatFlag(), quietFlag(), noColorFlag()),
				run:      runBundleExtract,
			},
			diffCommand(),
		},
	}
}

// bundleCreate makes the node's bundle.
func (c *call) bundleCreate(out string) error {
	if err := c.readEpoch(); err != nil {
		return err
	}
	d, err := c.openDir()
	if err != nil {
		return err
	}
	overwrite := c.cli.Bool("overwrite")
	if fi, err := os.Lstat(out); err == nil {
		if !overwrite {
			return existsError(out, true)
		}
		if err := keepsKey(out, fi); err != nil {
			return err
		}
	}
	res, err := d.CreateBundle(c.ctx, out, overwrite, c.change(d, false))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	c.did("the info-bundle is made", "\"swptpeer bundle inspect "+out+"\" shows it")
	if !c.text() {
		return c.emit(struct {
			document
			File      string    `json:"file"`
			Node      *nodeJSON `json:"node"`
			UpdatedAt string    `json:"updatedAt"`
			Changed   bool      `json:"contentChanged"`
			Omitted   []string  `json:"omitted"`
		}{newDocument("bundle-create"), out, nodeOf(d.Identity()), res.UpdatedAt.String(), res.Changed, append([]string{}, res.Omitted...)})
	}
	c.say("%s: info-bundle of %s, updated at %s\n", out, d.Identity(), res.UpdatedAt)
	if len(res.Omitted) > 0 {
		c.note("left out, because the names begin with a dot: " + strings.Join(res.Omitted, ", "))
	}
	if !res.Changed {
		c.note("the content is the same as in the last bundle, and so is its date")
	}
	c.note("next: send it to your peers, and tell them the fingerprint of your key over another channel:")
	c.note(certs.KeyFingerprint(d.Root().RawSubjectPublicKeyInfo))
	return nil
}

func runBundleInspect(c *call) error {
	b, done, err := c.acceptBundle(c.args[0])
	if err != nil {
		return err
	}
	defer done()
	info := b.Info()
	if !c.text() {
		return c.emit(struct {
			document
			bundle.Info
		}{newDocument("bundle"), info})
	}
	m := info.NodeInfo.Manifest
	c.say("%s\n", raw(c.out.paint(strong, safe(c.args[0]))))
	c.field("node", b.Identity.String())
	c.field("fingerprint", "SHA-256 "+info.Fingerprint+" (of the root key)")
	c.field("valid", rfc3339(info.Root.NotBefore)+" to "+rfc3339(info.Root.NotAfter))
	c.field("updated at", info.NodeInfo.UpdatedAt.String())
	for _, s := range m.Servers {
		c.field("server", s)
	}
	c.field("host", m.Host)
	c.field("destination", m.Destination)
	if m.Login != nil {
		c.field("login", *m.Login)
	}
	for _, t := range m.AcceptedContentTypes {
		c.field("content type", t)
	}
	for _, k := range m.UnknownKeys {
		c.field("unknown key", k)
	}
	c.field("bundle", "SHA-256 "+info.SHA256)
	for _, f := range info.NodeInfo.Files {
		c.say("  %-12s %9d  %s\n", raw("file"), f.Size, f.Name)
	}
	return nil
}

func runBundleExtract(c *call) error {
	out := c.cli.String("out")
	if out == "" {
		return withHint(usagef("bundle extract: expected --out DIR"), "the folder is made; it must not exist")
	}
	if _, err := os.Lstat(out); err == nil {
		return existsError(out, false)
	}
	b, done, err := c.acceptBundle(c.args[0])
	if err != nil {
		return err
	}
	defer done()
	if !c.dryRun {
		if err := extractTo(out, b); err != nil {
			return err
		}
		c.did("the info-bundle is extracted", "it is in "+out)
	}
	if !c.text() {
		return c.emit(struct {
			document
			DryRun bool   `json:"dryRun"`
			Dir    string `json:"directory"`
			bundle.Info
		}{newDocument("bundle-extract"), c.dryRun, out, b.Info()})
	}
	verb := "extracted to"
	if c.dryRun {
		verb = "would be extracted to"
	}
	c.say("info-bundle of %s %s %s\n", b.Identity, raw(verb), out)
	return nil
}

// extractTo makes the folder, which appears whole or not at all.
func extractTo(out string, b *bundle.Bundle) error {
	parent, base := filepath.Split(filepath.Clean(out))
	// A journal of its own: others may be extracting in the same place, and
	// what one that was killed has left must not stop the next.
	tx := durable.NewTx(cmp.Or(parent, "."), durable.TempPrefix+"extract-"+rand.Text())
	tx.CreateTree(base, func(stage string) error {
		nodeinfo := filepath.Join(stage, "nodeinfo")
		if err := b.NodeInfo.Extract(nodeinfo); err != nil {
			return err
		}
		for _, file := range []struct {
			name string
			data []byte
		}{{"root-ca.crt", b.Root.File}, {"root-ca.csr", b.Request.File}} {
			if err := os.WriteFile(filepath.Join(stage, file.name), file.data, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	err := tx.Commit()
	if errors.Is(err, fs.ErrExist) {
		return existsError(out, false)
	}
	return err
}
