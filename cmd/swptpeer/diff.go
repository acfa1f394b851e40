package main

import (
	"fmt"

	"github.com/swaptacular/swptpeer/bundle"
)

func diffCommand() *command {
	return &command{
		name: "diff", args: "OLD NEW", minArgs: 2, maxArgs: 2,
		short: "show what changed between two bundles of a node",
		description: "For whoever takes or publishes a newer bundle: what changed in the certificate, the key, the files and the servers. " +
			"Both bundles are verified first. Each is a file, standard input (-) or an https address.",
		examples: []string{"swptpeer bundle diff published.zip new.zip"},
		fails: "a bundle was refused, or something changed that must not: the node, the root certificate, or updated-at moved " +
			"back or stayed while the content changed",
		network: true,
		flags:   flags(timeoutFlag(), formatFlag(), quietFlag(), noColorFlag()),
		run:     runBundleDiff,
	}
}

func runBundleDiff(c *call) error {
	older, doneOld, err := c.acceptBundle(c.args[0])
	if err != nil {
		return err
	}
	defer doneOld()
	newer, doneNew, err := c.acceptBundle(c.args[1])
	if err != nil {
		return err
	}
	defer doneNew()
	diff := bundle.Diff(older, newer)
	forbidden := len(diff.Forbidden())
	if c.text() {
		c.printDiff(diff)
	} else if err := c.emit(struct {
		document
		OK   bool                 `json:"ok"`
		Same bool                 `json:"same"`
		What []bundle.FieldChange `json:"fields"`
		File []bundle.FileChange  `json:"files"`
	}{newDocument("bundle-diff"), forbidden == 0, diff.IsEmpty(), append([]bundle.FieldChange{}, diff.Fields...), append([]bundle.FileChange{}, diff.Files...)}); err != nil {
		return err
	}
	if forbidden > 0 {
		return withHint(refusef("%s: found %s that a newer bundle of the same node may not have", c.args[1], plural(forbidden, "change")),
			"do not take this bundle before its owner has explained it over another channel")
	}
	return nil
}

func (c *call) printDiff(diff bundle.Difference) {
	if diff.IsEmpty() {
		c.say("no difference\n")
		return
	}
	line := func(label, text string) {
		if text != "" {
			c.say("  %-4s %s\n", raw(label), text)
		}
	}
	for _, f := range diff.Fields {
		mark := c.out.paint(good, "changed")
		if f.Forbidden != "" {
			mark = c.out.paint(bad, "FORBIDDEN")
		}
		c.say("%s %s\n", raw(mark), string(f.Field))
		line("old", f.Old)
		line("new", f.New)
		line("why", f.Forbidden)
	}
	for _, f := range diff.Files {
		st := good
		if f.Kind == bundle.Removed {
			st = warned
		}
		c.say("%s nodeinfo/%s\n", raw(c.out.paint(st, string(f.Kind))), f.Name())
		line("old", fileText(f.Old))
		line("new", fileText(f.New))
	}
}

func fileText(f *bundle.FileInfo) string {
	if f == nil || f.SHA256 == "" {
		return ""
	}
	return fmt.Sprintf("%d bytes, SHA-256 %s", f.Size, f.SHA256)
}
