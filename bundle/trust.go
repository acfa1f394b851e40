package bundle

import (
	"fmt"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/der"
)

// trust judges whose bundle it is, as far as that was asked (spec
// info-bundle.md: "What does not bind it to a real-world owner").
func (v *verifier) trust() {
	proven := v.pin()
	proven = v.nodeID() || proven
	v.nodeType()
	proven = v.registry() || proven
	proven = v.previous() || proven
	if proven {
		v.report.Pass(ruleUnproven, "", "")
		return
	}
	who := "the node"
	if !v.b.Identity.IsZero() {
		who = v.b.Identity.String()
	}
	found := "nothing that says who is behind " + who + ": anybody can make a bundle for a name of his own"
	if v.b.Root != nil {
		found += "; the SHA-256 of its root public key is " + certs.KeyFingerprint(v.b.Root.RawSubjectPublicKeyInfo)
	}
	v.report.Fail(ruleUnproven, "", found, "a pinned fingerprint, the expected id of an agent, an authority in a registry, or an earlier bundle of the node")
}

// pin reports whether the root key is the pinned one.
func (v *verifier) pin() bool {
	pins := []string{}
	if v.opts.Pin != "" {
		pins = append(pins, v.opts.Pin)
	}
	if len(v.opts.Pins) > 0 {
		pin, ok := v.opts.Pins[v.b.Identity.ID()]
		switch {
		case !v.identified():
			v.report.Skip(rulePin, memberRoot, noIdentity)
			return false
		case !ok:
			v.report.Fail(rulePin, memberRoot, fmt.Sprintf("%s, for which no key is pinned", v.b.Identity), fmt.Sprintf("one of the %d nodes with a pin", len(v.opts.Pins)))
			return false
		}
		pins = append(pins, pin)
	}
	proven := len(pins) > 0
	for _, pin := range pins {
		want, err := ParseFingerprint(pin)
		switch {
		case err != nil:
			v.report.Fail(rulePin, "the pin", err.Error(), "the SHA-256 of a public key")
			proven = false
		case v.b.Root == nil:
			v.report.Skip(rulePin, memberRoot, "there is no root certificate that can be read")
			proven = false
		default:
			is := certs.KeyFingerprint(v.b.Root.RawSubjectPublicKeyInfo)
			proven = v.report.Check(is == want, rulePin, memberRoot, is, want) && proven
		}
	}
	return proven
}

// identified reports whether the bundle says whose it is.
func (v *verifier) identified() bool { return !v.b.Identity.IsZero() }

const noIdentity = "there is no name that can be read"

// nodeID reports whether the id is the expected one and proves something: the
// id of an agent follows from its key, that of an authority does not.
func (v *verifier) nodeID() bool {
	want := v.opts.ExpectNodeID
	if want == "" {
		return false
	}
	if !v.identified() {
		v.report.Skip(ruleNodeID, memberRoot, noIdentity)
		return false
	}
	id := v.b.Identity
	if !v.report.Check(id.ID() == want, ruleNodeID, memberRoot, quote(id.ID()), quote(want)) {
		return false
	}
	derived, err := certs.AgentIdentity(id.Type(), v.b.Root.RawSubjectPublicKeyInfo)
	return err == nil && derived == id
}

func (v *verifier) nodeType() {
	want := v.opts.ExpectType
	switch {
	case want == 0:
	case !v.identified():
		v.report.Skip(ruleNodeType, memberRoot, noIdentity)
	default:
		is := v.b.Identity.Type()
		v.report.Check(is == want, ruleNodeType, memberRoot, is.Words(), want.Words())
	}
}

// registry reports whether the node is an authority of the registry, under its key.
func (v *verifier) registry() bool {
	if v.opts.Registry == nil {
		return false
	}
	if !v.identified() {
		v.report.Skip(ruleRegistry, memberRoot, noIdentity)
		return false
	}
	id := v.b.Identity
	if id.Type() != certs.AccountingAuthority {
		return false // registries list authorities: the rule does not apply
	}
	a, ok := v.opts.Registry.Lookup(id.ID())
	if !ok {
		v.report.Fail(ruleRegistry, memberRoot, fmt.Sprintf("%s, which is not in the registry", id), fmt.Sprintf("one of its %d authorities", v.opts.Registry.Len()))
		return false
	}
	is := certs.KeyFingerprint(v.b.Root.RawSubjectPublicKeyInfo)
	found := "the public key " + is
	if is == a.Fingerprint && a.Name != "" {
		found += " of " + quote(a.Name)
	}
	return v.report.Check(is == a.Fingerprint, ruleRegistry, memberRoot, found, "the public key "+a.Fingerprint)
}

// previous reports whether the bundle may take the place of an earlier one of the
// same node (spec info-bundle.md, "An update for a peer that is already known").
func (v *verifier) previous() bool {
	old := v.opts.Previous
	switch {
	case old == nil:
		return false
	case v.b.Root == nil:
		v.report.Skip(rulePreviousRoot, memberRoot, "there is no root certificate that can be read")
		v.report.Skip(rulePreviousDate, fileUpdatedAt, "it is not known whether it is the same node")
		return false
	}
	is, was := sha256Hex(v.b.Root.Raw), sha256Hex(old.Root.Raw)
	where := memberRoot
	if v.identified() {
		where += " of " + v.b.Identity.String()
	}
	if !v.report.Check(der.SameSigned(v.b.Root.Certificate, old.Root.Certificate), rulePreviousRoot, where,
		fmt.Sprintf("the certificate with SHA-256 %s, public key %s", is, certs.KeyFingerprint(v.b.Root.RawSubjectPublicKeyInfo)),
		fmt.Sprintf("that of %s, SHA-256 %s, public key %s", old.Identity, was, old.Fingerprint())) {
		v.report.Skip(rulePreviousDate, fileUpdatedAt, "it is not of the same node")
		return false
	}
	v.previousDate(old.NodeInfo)
	return true
}

func (v *verifier) previousDate(old *NodeInfo) {
	const where = memberNodeInfo + ": " + fileUpdatedAt
	now := v.b.NodeInfo
	if now == nil || now.UpdatedAt.IsZero() {
		v.report.Skip(rulePreviousDate, where, "there is no date")
		return
	}
	is, was := now.UpdatedAt, old.UpdatedAt
	switch c := is.Compare(was); {
	case c < 0:
		v.report.Fail(rulePreviousDate, where, is.String(), was.String()+", as in the earlier bundle, or later")
	case c == 0 && now.ContentDigest() != old.ContentDigest():
		v.report.Fail(rulePreviousDate, where, is.String()+", the same as in the earlier bundle, with other content", "a later one: peers that have the earlier bundle ignore this one")
	default:
		v.report.Pass(rulePreviousDate, where, is.String()+", the earlier bundle has "+was.String())
	}
}
