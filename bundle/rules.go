package bundle

import (
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

const (
	citeMembers = "spec info-bundle.md, The info-bundle"
	citeReading = "spec info-bundle.md, Reading one"
	citeLimits  = "spec info-bundle.md, Limits"
	citeLine    = "spec info-bundle.md, Writing one, updated-at.txt"
	citeUpdate  = "spec info-bundle.md, An update for a peer that is already known"
	citeTrust   = "spec info-bundle.md, What binds it"
)

const adviceTampered = "do not use this bundle; get it again from its publisher, over another way if it happens again"

// Rules for the bundle and its parts.
var (
	ruleMembers = &check.Rule{ID: "bundle.members", Severity: check.Error,
		Title:    "the bundle has exactly the four members root-ca.crt, root-ca.csr, nodeinfo.zip and nodeinfo.signature",
		Citation: citeReading + ", item 1",
		Advice:   "ask the publisher for a bundle made by create-infobundle or by swptpeer bundle create"}
	ruleMemberSize = &check.Rule{ID: "bundle.member-size", Severity: check.Error,
		Title:    "no member of the bundle is empty or larger than allowed",
		Citation: citeLimits,
		Advice:   "ask the publisher to publish less in nodeinfo, or to remove what does not belong in the certificate files"}
	ruleSignature = &check.Rule{ID: "bundle.signature", Severity: check.Error,
		Title:    "nodeinfo.signature is by the root key over nodeinfo.zip",
		Citation: citeReading + ", item 3",
		Advice:   adviceTampered}
	ruleManifest = &check.Rule{ID: "bundle.stomp-toml", Severity: check.Error,
		Title:    "nodeinfo.zip has a stomp.toml of at most 64 KiB at its root",
		Citation: citeMembers,
		Advice:   "ask the publisher to put stomp.toml into nodeinfo and to publish again"}
	ruleUpdatedAt = &check.Rule{ID: "bundle.updated-at", Severity: check.Error,
		Title:    "nodeinfo.zip has an updated-at.txt at its root, with one line: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
		Citation: citeLine,
		Advice:   "ask the publisher to make the bundle anew"}
	ruleFuture = &check.Rule{ID: "bundle.updated-at-future", Severity: check.Warning,
		Title:    "updated-at.txt is not more than a day ahead",
		Citation: citeLine,
		Advice:   "check the clocks of both machines: until that date, the publisher cannot replace this bundle with one of an earlier date"}
	ruleDotNames = &check.Rule{ID: "bundle.dot-names", Severity: check.Warning,
		Title:    "no name at the root of nodeinfo.zip begins with a dot",
		Citation: citeMembers,
		Advice:   "tell the publisher that hidden files are being published, perhaps not on purpose"}
	rulePrivateKey = &check.Rule{ID: "bundle.private-key", Severity: check.Warning,
		Title:    "no file in nodeinfo.zip holds a private key in PEM",
		Citation: citeMembers + " (everything in it is public)",
		Advice:   "tell the publisher at once: whoever has this bundle has the key; the key must be replaced, and bundle create refuses such files"}
	ruleGit = &check.Rule{ID: "bundle.git-repository", Severity: check.Error,
		Title:    "nodeinfo.zip holds no git repository",
		Citation: "package bundle; spec node-directory.md (directories are kept in git)",
		Advice:   "do not extract this bundle by hand: git runs programs that the configuration of a repository names as soon as it is used in that folder; ask the publisher to leave it out"}
)

// Rules of trust: whose bundle it is. A rule is reported only if it was asked for.
var (
	rulePin = &check.Rule{ID: "trust.pin", Severity: check.Error,
		Title:    "the root public key is the pinned one",
		Citation: citeTrust,
		Advice:   "this bundle is not of the node whose fingerprint you have: do not use it; if the node says that it changed its key, have both fingerprints confirmed by its operator"}
	ruleNodeID = &check.Rule{ID: "trust.node-id", Severity: check.Error,
		Title:    "the node id is the expected one",
		Citation: citeTrust,
		Advice:   "this is a bundle of another node: get the right one"}
	ruleNodeType = &check.Rule{ID: "trust.node-type", Severity: check.Error,
		Title:    "the type of node is the expected one",
		Citation: citeTrust,
		Advice:   "this is a bundle of another type of node: get the right one"}
	ruleRegistry = &check.Rule{ID: "trust.registry", Severity: check.Error,
		Title:    "the accounting authority is in the registry, under this public key",
		Citation: citeTrust,
		Advice:   "do not use this bundle before whoever keeps the registry has confirmed id and fingerprint"}
	rulePreviousRoot = &check.Rule{ID: "trust.previous-root", Severity: check.Error,
		Title:    "the root certificate is that of the earlier bundle",
		Citation: citeUpdate,
		Advice:   "do not use this bundle: it is of another node, or somebody is taking the node's identity; compare both fingerprints with its operator over a way that you trust"}
	rulePreviousDate = &check.Rule{ID: "trust.previous-updated-at", Severity: check.Error,
		Title:    "updated-at.txt has not gone back, and has moved on if anything changed",
		Citation: citeUpdate,
		Advice:   "publish a bundle with a later date (swptpeer bundle create takes care of it); if this came from somebody else, it may be an old bundle played back"}
	ruleUnproven = &check.Rule{ID: "trust.unproven", Severity: check.Notice,
		Title:    "it is proven whose bundle this is",
		Citation: citeTrust,
		Advice:   "ask the operator, over a way that you trust, to confirm the fingerprint of the root public key, and pin it"}
)

// ownRules are the rules of this package in the order of a report.
var ownRules = []*check.Rule{ruleMembers, ruleMemberSize, ruleSignature, ruleManifest, ruleUpdatedAt, ruleFuture,
	ruleDotNames, rulePrivateKey, ruleGit, rulePin, ruleNodeID, ruleNodeType, ruleRegistry,
	rulePreviousRoot, rulePreviousDate, ruleUnproven}

// Rules of the other packages that Verify may report.
var (
	rootRules    = withPrefix(certs.Rules(), "root.", "name.", "cert.", "key.", "pem.")
	endsSoon     = slices.DeleteFunc(certs.Rules(), func(rule *check.Rule) bool { return rule.ID != ruleEndsSoon })
	requestRules = withPrefix(certs.Rules(), "csr.")
	innerRules   = slices.Concat(strictzip.Rules(),
		[]*check.Rule{ruleDotNames, rulePrivateKey, ruleGit, ruleManifest}, manifest.Rules(), []*check.Rule{ruleUpdatedAt, ruleFuture})
)

// notForRoots are rules of package certs for other certificates and requests.
var notForRoots = []string{"cert.single", "cert.version", "csr.server-key", ruleEndsSoon}

// ruleEndsSoon is a rule of package certs that is reported if it was asked for.
const ruleEndsSoon = "cert.ends-soon"

func withPrefix(rules []*check.Rule, prefixes ...string) []*check.Rule {
	var out []*check.Rule
	for _, rule := range rules {
		hasPrefix := func(p string) bool { return strings.HasPrefix(rule.ID, p) }
		if slices.ContainsFunc(prefixes, hasPrefix) && !slices.Contains(notForRoots, rule.ID) {
			out = append(out, rule)
		}
	}
	return out
}

// Rules lists every rule that Verify may report, of this package and those it
// uses, each once.
func Rules() []*check.Rule {
	return slices.Concat(strictzip.Rules(), ownRules[:3], rootRules, endsSoon, requestRules, ownRules[3:], manifest.Rules())
}
