package main

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/source"
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

// timeoutFlag is for commands that read info-bundles, which may be on the web.
func timeoutFlag() cli.Flag {
	return &cli.StringFlag{Name: "timeout", Usage: "give each address `DURATION` (default: " + source.DefaultTimeout.String() + ")"}
}

func (c *call) timeout() (time.Duration, error) {
	d, err := c.span("timeout", time.Millisecond)
	return cmp.Or(d, source.DefaultTimeout), err
}

// opener opens info-bundles of at most maxSize bytes; 0 is for the specified
// limit. The bar shows how far addresses have been read, until it is done.
func (c *call) opener(maxSize int64) (*source.Opener, *sharedProgress, error) {
	timeout, err := c.timeout()
	if err != nil {
		return nil, nil, err
	}
	bar := &sharedProgress{bar: newProgress(c.err, c.quiet)}
	return source.NewOpener(source.Options{Stdin: c.std.in, MaxSize: maxSize, Timeout: timeout,
		Progress: func(name string, n int64) { bar.show("%s: %d KiB", name, n>>10) }}), bar, nil
}

// openBundle opens one info-bundle: a file, standard input (-), an address.
func (c *call) openBundle(name string) (*source.File, error) {
	item, err := source.One(name)
	if err != nil {
		return nil, err
	}
	opener, bar, err := c.opener(0)
	if err != nil {
		return nil, err
	}
	defer bar.done()
	return opener.Open(c.ctx, item)
}

// sharedProgress may be used by many goroutines.
type sharedProgress struct {
	mu  sync.Mutex
	bar *progress
}

func (s *sharedProgress) show(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar.show(format, args...)
}

func (s *sharedProgress) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar.done()
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
		if opts.Registry, err = c.readRegistry(path); err != nil {
			return opts, err
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
			in.Close()
		}
	}()
	opts.Name = path
	b, report := bundle.Verify(in, in.Size, opts)
	// What the system failed to read is not a bundle that was refused.
	if err := cmp.Or(in.Err(), report.Err()); err != nil {
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
	return b, in.Close, nil
}
