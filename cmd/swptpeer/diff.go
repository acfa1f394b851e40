package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
)

func diffCommand() *command {
	return &command{
		name: "diff", args: "OLD NEW", minArgs: 2, maxArgs: 2,
		short: "show what changed between two bundles of a node",
		description: "For whoever takes or publishes a newer bundle: what changed in the certificate, the key, the files and the servers. " +
			"Both bundles are verified first.",
		examples: []string{"swptpeer bundle diff published.zip new.zip"},
		fails: "a bundle was refused, or something changed that must not: the node, the root certificate, or updated-at moved " +
			"back or stayed while the content changed",
		flags: flags(formatFlag(), quietFlag(), noColorFlag()),
		run:   runBundleDiff,
	}
}

// difference is one line of a comparison.
type difference struct {
	What    string `json:"what"`
	Old     string `json:"old,omitempty"`
	New     string `json:"new,omitempty"`
	Allowed bool   `json:"allowed"`
	Why     string `json:"why,omitempty"`
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
	diffs := compareBundles(older, newer)
	forbidden := 0
	for _, d := range diffs {
		if !d.Allowed {
			forbidden++
		}
	}
	if !c.text() {
		if err := c.emit(struct {
			document
			OK          bool         `json:"ok"`
			Differences []difference `json:"differences"`
		}{newDocument("bundle-diff"), forbidden == 0, append([]difference{}, diffs...)}); err != nil {
			return err
		}
	} else {
		c.printDiff(diffs)
	}
	if forbidden > 0 {
		return withHint(refusef("%s: found %s that a newer bundle of the same node may not have", c.args[1], plural(forbidden, "change")),
			"do not take this bundle before its owner has explained it over another channel")
	}
	return nil
}

func (c *call) printDiff(diffs []difference) {
	if len(diffs) == 0 {
		c.say("no difference\n")
	}
	for _, d := range diffs {
		mark := c.out.paint(good, "changed")
		switch {
		case !d.Allowed:
			mark = c.out.paint(bad, "FORBIDDEN")
		case d.Old == "":
			mark = c.out.paint(good, "added")
		case d.New == "":
			mark = c.out.paint(warned, "removed")
		}
		c.say("%s %s\n", raw(mark), d.What)
		if d.Old != "" {
			c.say("  old  %s\n", d.Old)
		}
		if d.New != "" {
			c.say("  new  %s\n", d.New)
		}
		if d.Why != "" {
			c.say("  why  %s\n", d.Why)
		}
	}
}

// compareBundles lists the differences between two bundles; what may not
// change follows from "An update for a peer that is already known".
func compareBundles(a, b *bundle.Bundle) []difference {
	var out []difference
	add := func(allowed bool, what, older, newer, why string) {
		if older != newer {
			if allowed {
				why = ""
			}
			out = append(out, difference{what, older, newer, allowed, why})
		}
	}
	add(false, "node", a.Identity.String(), b.Identity.String(), "the two bundles are of different nodes")
	keyA, keyB := certs.KeyFingerprint(a.Root.RawSubjectPublicKeyInfo), certs.KeyFingerprint(b.Root.RawSubjectPublicKeyInfo)
	add(false, "root key (SHA-256)", keyA, keyB, "another root key for the same node is a possible theft")
	if keyA == keyB && !bytes.Equal(a.Root.File, b.Root.File) {
		out = append(out, difference{"root certificate", "serial " + serialText(a.Root.Certificate), "serial " + serialText(b.Root.Certificate),
			false, "peers refuse every root certificate but the first, byte for byte"})
	}
	if keyA == keyB && !bytes.Equal(a.Request.Raw, b.Request.Raw) {
		out = append(out, difference{"signing request", "the request", "another request for the same key", true, ""})
	}
	sameContent := a.NodeInfo.ContentDigest() == b.NodeInfo.ContentDigest()
	order := a.NodeInfo.UpdatedAt.Compare(b.NodeInfo.UpdatedAt)
	switch {
	case order > 0:
		add(false, "updated at", a.NodeInfo.UpdatedAt.String(), b.NodeInfo.UpdatedAt.String(), "the date moved back")
	case order < 0:
		add(true, "updated at", a.NodeInfo.UpdatedAt.String(), b.NodeInfo.UpdatedAt.String(), "")
	case !sameContent:
		out = append(out, difference{"updated at", a.NodeInfo.UpdatedAt.String(), b.NodeInfo.UpdatedAt.String(), false,
			"the content changed and the date did not: peers would silently keep the old content"})
	}
	add(true, "servers", strings.Join(serverNames(a), ", "), strings.Join(serverNames(b), ", "), "")
	ma, mb := a.NodeInfo.Manifest, b.NodeInfo.Manifest
	add(true, "host", ma.Host, mb.Host, "")
	add(true, "destination", ma.Destination, mb.Destination, "")
	return append(out, compareFiles(a, b)...)
}

func compareFiles(a, b *bundle.Bundle) []difference {
	files := func(x *bundle.Bundle) map[string]string {
		m := map[string]string{}
		for _, e := range x.NodeInfo.Archive.Entries() {
			// updated-at.txt has its own line.
			if !strings.HasSuffix(e.Name, "/") && e.Name != "updated-at.txt" {
				m[e.Name] = fmt.Sprintf("%d bytes, SHA-256 %x", e.Size, e.SHA256)
			}
		}
		return m
	}
	fa, fb := files(a), files(b)
	var names []string
	for n := range fa {
		names = append(names, n)
	}
	for n := range fb {
		if _, ok := fa[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var out []difference
	for _, n := range names {
		if fa[n] != fb[n] {
			out = append(out, difference{"file nodeinfo/" + n, fa[n], fb[n], true, ""})
		}
	}
	return out
}
