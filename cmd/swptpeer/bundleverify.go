package main

import (
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/bundle/batch"
	"github.com/swaptacular/swptpeer/bundle/source"
)

// bundle verify: many info-bundles, from anywhere.

func bundleVerifyCommand() *command {
	return &command{
		name: "verify", args: "PATH...", maxArgs: -1,
		short: "judge info-bundles; needs neither key nor directory",
		description: "Judges files, every *.zip below folders, standard input (-) and https addresses. All checks that can run do run, and one " +
			"bad bundle does not stop the others. A bundle that verifies proves that one key signed all of it; it does not prove who owns " +
			"that key. --pin, --registry, --previous, and --expect-node-id for an agent do; without them the report says what is not " +
			"proven.\n\n" +
			"--policy reads pins, registry, waivers with an end date and stricter limits from a file; see \"go doc\" of " +
			"bundle/policy for its keys. The network is used only for addresses, with the proxy of HTTPS_PROXY.",
		examples: []string{
			"swptpeer bundle verify their-bundle.zip --pin 5f0c…",
			"swptpeer bundle verify bundles/ --policy swptpeer.toml --format sarif",
			"swptpeer bundle verify https://example.com/bundle.zip --previous bundle.zip",
			"swptpeer bundle verify --list-rules",
		},
		fails:   "a bundle was refused",
		network: true,
		flags: flags(trustFlags(),
			&cli.StringFlag{Name: "previous", Category: "Trust", Usage: "the bundle must be of the node and the root certificate of `OLD.zip`, and not older"},
			&cli.StringFlag{Name: "from-file", Usage: "judge also what `LIST` names, one file, folder or address on a line (-: standard input)"},
			timeoutFlag(), atFlag(), warnFlag(), listRulesFlag(), verdictFlags()),
		run: runBundleVerify,
	}
}

func runBundleVerify(c *call) error {
	if c.cli.Bool("list-rules") {
		if len(c.args) > 0 {
			return usagef("bundle verify --list-rules takes no arguments: found %q", c.args[0])
		}
		return c.listRules(verifyRules())
	}
	if _, err := c.timeout(); err != nil {
		return err
	}
	items, err := c.bundleItems()
	if err != nil {
		return err
	}
	by, err := c.criteria()
	if err != nil {
		return err
	}
	opts, err := c.verifyOptions()
	if err != nil {
		return err
	}
	if err := by.addTo(c, &opts); err != nil {
		return err
	}
	if path := c.cli.String("previous"); path != "" {
		old, done, err := c.openPrevious(path, by.at)
		if err != nil {
			return err
		}
		defer done()
		opts.Previous = old
	}
	opener, bar, err := c.opener(opts.Limits.Outer())
	if err != nil {
		return err
	}
	// There may be thousands, and nothing can be printed before all are judged: most
	// formats begin with how many were accepted.
	judged, waivers := make([]item, len(items)), by.waiving()
	err = batch.Each(c.ctx, items, batch.Options{Opener: opener, Verify: opts,
		Compact: !c.showsPassed(),
		Done:    func(done int) { bar.show("%d of %d", done, len(items)) }}, func(i int, res batch.Result) {
		waivers.apply(res.Report)
		judged[i] = packedItem(res)
	})
	bar.done()
	if err != nil {
		return err
	}
	return c.printVerdict(by, "bundle-verify", waivers.applied(judged))
}

// packedItem is a bundle that was judged, with a packed report.
func packedItem(res batch.Result) item {
	it := item{name: res.Name, err: res.Err, sha256: res.SHA256}
	if res.Report != nil {
		it.packed, res.Report = res.Report.Pack(), nil
	}
	if !res.Node.IsZero() {
		it.bundle = &res
	}
	return it
}

// bundleItems are those of the arguments, then those of the list.
func (c *call) bundleItems() ([]source.Item, error) {
	list := c.cli.String("from-file")
	if len(c.args) == 0 && list == "" {
		return nil, withHint(usagef("%s: found no argument, expected %s or --from-file LIST", c.command.fullName(), c.command.args), "usage: "+c.command.usage())
	}
	items, err := source.List(c.args)
	if err != nil || list == "" {
		return items, err
	}
	more, err := interruptibly(c.ctx, func() ([]source.Item, error) {
		if list == source.Stdin {
			return source.ReadList("standard input", c.std.in)
		}
		f, err := os.Open(list) // of a named pipe: waits for who writes into it
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return source.ReadList(list, f)
	})
	return slices.Concat(items, more), err
}

// openPrevious opens the bundle that another is to take the place of. It must be
// a good one, as it was when it was taken.
func (c *call) openPrevious(path string, at time.Time) (*bundle.Bundle, func(), error) {
	in, err := c.openBundle(path)
	if err != nil {
		return nil, nil, err
	}
	b, report := bundle.Verify(in, in.Size, bundle.VerifyOptions{Name: "--previous " + path, Time: at})
	if err := in.Err(); err != nil {
		in.Close()
		return nil, nil, err
	}
	if b == nil {
		in.Close()
		return nil, nil, withHint(report.Err(), "give the bundle that was accepted before")
	}
	return b, in.Close, nil
}
