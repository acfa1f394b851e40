package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

// Info-bundles of others: how they are read, and what makes them trusted.

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
	return interruptibly(c.ctx, func() (*bundleInput, error) { return c.openBundleFile(path) })
}

func (c *call) openBundleFile(path string) (*bundleInput, error) {
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
	return &bundleInput{path, &failureReader{r: f}, st.Size(), func() { f.Close() }}, nil
}

// failureReader remembers that the system failed to read: what nobody could
// read is not a bundle that was refused. It may be read by several goroutines.
type failureReader struct {
	r      io.ReaderAt
	failed atomic.Pointer[error]
}

func (f *failureReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		f.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// readError is what the system said when the bundle could not be read.
func (in *bundleInput) readError() error {
	if f, ok := in.r.(*failureReader); ok {
		if err := f.failed.Load(); err != nil {
			return &unreadable{*err}
		}
	}
	return nil
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
	if err := cmp.Or(in.readError(), report.Err()); err != nil {
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
