package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// trustFlags say who a bundle must come from.
func trustFlags() []cli.Flag {
	const category = "Trust"
	return []cli.Flag{
		&cli.StringFlag{Name: "pin", Category: category, Usage: "the root key's fingerprint is `SHA256`, had from the owner over another channel"},
		&cli.StringFlag{Name: "registry", Category: category, Usage: "accounting authorities and their keys are listed in `FILE` (TOML)"},
		&cli.StringFlag{Name: "expect-node-id", Category: category, Usage: "the bundle must be of the node `ID`"},
		&cli.StringFlag{Name: "expect-type", Category: category, Usage: "the bundle must be of a node of type `aa|ca|da`"},
	}
}

func bundleCommands() *command {
	at := &cli.StringFlag{Name: "at", Usage: "judge as of `TIME` (RFC 3339, or a date; default: now)"}
	return &command{
		name: "bundle", short: "info-bundles: create, verify, look inside, compare",
		description: "An info-bundle is what a node publishes so that others can become its peers: its root certificate, its " +
			"signing request, and its signed information directory.",
		sub: []*command{
			{
				name: "create", args: "OUT.zip", minArgs: 1, maxArgs: 1,
				short: "make the node's info-bundle",
				description: "Packs and signs what is in nodeinfo/. The date in updated-at.txt moves forward if the content changed since the last " +
					"bundle, and stays otherwise; names that begin with a dot are left out. The same directory and key give the same bytes. " +
					"SOURCE_DATE_EPOCH (seconds since 1970) sets the clock.",
				examples: []string{"swptpeer bundle create my-bundle.zip --password-file pw"},
				fails:    "refused: the file exists, nodeinfo/ holds what may not be published, or the clock is wrong",
				flags:    flags(overwriteFlag(), signFlags()),
				run:      func(c *call) error { return c.bundleCreate(c.args[0]) },
			},
			{
				name: "verify", args: "PATH...", minArgs: 1, maxArgs: -1,
				short: "judge info-bundles; needs neither key nor directory",
				description: "Judges files, every *.zip below folders, and standard input (-). All checks that can run do run. A bundle that " +
					"verifies proves that one key signed all of it; it does not prove who owns that key. --pin and --registry do; without " +
					"them the report says what is not proven.",
				examples: []string{
					"swptpeer bundle verify their-bundle.zip --pin 5f0c…",
					"swptpeer bundle verify bundles/ --registry authorities.toml --format junit",
				},
				fails: "a bundle was refused",
				flags: flags(trustFlags(), at, verdictFlags()),
				run:   runBundleVerify,
			},
			{
				name: "inspect", args: "FILE", minArgs: 1, maxArgs: 1,
				short:    "show what an info-bundle says",
				examples: []string{"swptpeer bundle inspect their-bundle.zip"},
				fails:    "the bundle was refused",
				flags:    flags(trustFlags(), formatFlag(), quietFlag(), noColorFlag()),
				run:      runBundleInspect,
			},
			{
				name: "extract", args: "FILE", minArgs: 1, maxArgs: 1,
				short: "verify an info-bundle and unpack it",
				description: "Verifies a bundle and writes root-ca.crt, root-ca.csr and nodeinfo/ into a new folder, which appears whole or not " +
					"at all.",
				examples: []string{"swptpeer bundle extract their-bundle.zip --out their-node"},
				fails:    "the bundle was refused, or the folder exists",
				flags:    flags(outFlag("make the folder `DIR`"), trustFlags(), dryRunFlag(), formatFlag(), quietFlag(), noColorFlag()),
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
	if _, err := os.Lstat(out); err == nil && !overwrite {
		return existsError(out, true)
	}
	res, err := d.CreateBundle(c.ctx, out, overwrite, c.change(d, false))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
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

// bundleInput is an info-bundle that can be read anywhere in it.
type bundleInput struct {
	name  string
	r     io.ReaderAt
	size  int64
	close func()
}

// openBundle opens a bundle file; "-" is standard input.
func (c *call) openBundle(path string) (*bundleInput, error) {
	if isAddress(path) {
		return nil, withHint(usagef("%s: bundles are not read from addresses yet", path), "download it first, for example with curl, and give the file")
	}
	if path == "-" {
		data, err := readLimited(c.std.in, "standard input", bundle.MaxBundle)
		if err != nil {
			return nil, err
		}
		return &bundleInput{"standard input", bytes.NewReader(data), int64(len(data)), func() {}}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = &unreadable{fmt.Errorf("%s: found a folder, expected an info-bundle", path)}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	if !st.Mode().IsRegular() { // a pipe, as of <(…) in a shell
		defer f.Close()
		data, err := readLimited(f, path, bundle.MaxBundle)
		if err != nil {
			return nil, err
		}
		return &bundleInput{path, bytes.NewReader(data), int64(len(data)), func() {}}, nil
	}
	return &bundleInput{path, f, st.Size(), func() { f.Close() }}, nil
}

func isAddress(path string) bool {
	return strings.HasPrefix(path, "https://") || strings.HasPrefix(path, "http://")
}

// verifyOptions are what the trust flags say.
func (c *call) verifyOptions() (bundle.VerifyOptions, error) {
	at, err := c.at()
	if err != nil {
		return bundle.VerifyOptions{}, err
	}
	opts := bundle.VerifyOptions{Time: at}
	if s := c.cli.String("pin"); s != "" {
		pin, err := bundle.ParseFingerprint(s)
		if err != nil {
			return opts, withHint(usagef("flag --pin: %v", err), "\"swptpeer key public --fingerprint\" prints it on the other side")
		}
		opts.Pin = pin
	}
	if s := c.cli.String("expect-node-id"); s != "" {
		if opts.ExpectNodeID, err = certs.ParseNodeID(s); err != nil {
			return opts, usagef("flag --expect-node-id: %v", err)
		}
	}
	if s := c.cli.String("expect-type"); s != "" {
		if opts.ExpectType, err = certs.ParseNodeType(s); err != nil {
			return opts, usagef("flag --expect-type: %v", err)
		}
	}
	if path := c.cli.String("registry"); path != "" {
		data, err := c.readFile(path, bundle.MaxRegistry)
		if err != nil {
			return opts, err
		}
		if opts.Registry, err = bundle.ParseRegistry(data); err != nil {
			return opts, &unreadable{fmt.Errorf("%s: %w", path, err)}
		}
	}
	return opts, nil
}

// verifyBundle reads and judges one bundle.
func (c *call) verifyBundle(path string, opts bundle.VerifyOptions) (*check.Report, *[32]byte, error) {
	in, err := c.openBundle(path)
	if err != nil {
		return nil, nil, err
	}
	defer in.close()
	opts.Name = in.name
	_, report := bundle.Verify(in.r, in.size, opts)
	sum, err := fileDigest(in)
	return report, sum, err
}

// fileDigest is the SHA-256 of a bundle as it was read, unless it is too long
// to be one.
func fileDigest(in *bundleInput) (*[32]byte, error) {
	if in.size > bundle.MaxBundle {
		return nil, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(in.r, 0, in.size)); err != nil {
		return nil, fmt.Errorf("%s: %w", in.name, err)
	}
	sum := [32]byte(h.Sum(nil))
	return &sum, nil
}

// acceptBundle reads a bundle that a command is going to work with; one that is
// refused is an error with its report. What is accepted but not proven is said.
// The bundle's content is read from its file until done is called.
func (c *call) acceptBundle(path string) (b *bundle.Bundle, done func(), err error) {
	opts, err := c.verifyOptions()
	if err != nil {
		return nil, nil, err
	}
	in, err := c.openBundle(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			in.close()
		}
	}()
	opts.Name = in.name
	b, report := bundle.Verify(in.r, in.size, opts)
	if err := report.Err(); err != nil {
		return nil, nil, err
	}
	if b == nil {
		return nil, nil, errors.New(path + ": the bundle was accepted and is not there")
	}
	if !c.quiet {
		for _, res := range report.Results {
			if res.Outcome != check.Passed {
				printResult(c.err, res)
			}
		}
	}
	return b, in.close, nil
}

func runBundleVerify(c *call) error {
	opts, err := c.verifyOptions()
	if err != nil {
		return err
	}
	paths, err := c.bundlePaths()
	if err != nil {
		return err
	}
	bar := newProgress(c.err, c.quiet)
	items := judgeAll(c.ctx, paths, func(done int) { bar.show("%d of %d", done, len(paths)) }, func(p foundPath) item {
		if p.err != nil {
			return item{name: p.name, err: p.err}
		}
		report, sum, err := c.verifyBundle(p.name, opts)
		return item{name: p.name, report: report, err: err, sha256: sum}
	})
	bar.done()
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return c.verdict("bundle-verify", items)
}

// foundPath is a bundle to be judged, or why it cannot be.
type foundPath struct {
	name string
	err  error
}

// bundlePaths expands folders to the *.zip files below them, in order of name.
func (c *call) bundlePaths() ([]foundPath, error) {
	var out []foundPath
	for _, arg := range c.args {
		if isAddress(arg) {
			_, err := c.openBundle(arg)
			return nil, err
		}
		st, err := os.Stat(arg)
		if arg == "-" || err != nil || !st.IsDir() {
			out = append(out, foundPath{name: arg})
			continue
		}
		before := len(out)
		err = filepath.WalkDir(arg, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				out = append(out, foundPath{path, err})
			case !entry.IsDir() && strings.EqualFold(filepath.Ext(path), ".zip"):
				out = append(out, foundPath{name: path})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(out) == before {
			// A folder in which nothing was found must not pass for one in which
			// everything is in order.
			out = append(out, foundPath{arg, &unreadable{fmt.Errorf("%s: found no *.zip below the folder, expected info-bundles", arg)}})
		}
	}
	return out, nil
}

// judgeAll judges several at once and returns the outcomes in the order of the
// input. show is called with the number that is done.
func judgeAll(ctx context.Context, paths []foundPath, show func(done int), judge func(foundPath) item) []item {
	items := make([]item, len(paths))
	next := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		wg.Go(func() {
			for i := range next {
				items[i] = judge(paths[i])
				mu.Lock()
				done++
				show(done)
				mu.Unlock()
			}
		})
	}
	for i := range paths {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return items
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

// extractTo builds the folder beside its place and then renames it.
func extractTo(out string, b *bundle.Bundle) error {
	out = filepath.Clean(out)
	stage, err := os.MkdirTemp(filepath.Dir(out), ".swptpeer-extract-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	if err := os.Chmod(stage, 0o755); err != nil {
		return err
	}
	if err := b.NodeInfo.Extract(filepath.Join(stage, "nodeinfo")); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{"root-ca.crt", b.Root.File}, {"root-ca.csr", b.Request.File}} {
		f, err := createNew(filepath.Join(stage, file.name), 0o644)
		if err != nil {
			return err
		}
		if err := finish(f, file.data); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(out); err == nil {
		return existsError(out, false)
	}
	return os.Rename(stage, out)
}
