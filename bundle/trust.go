package bundle

import (
	"fmt"

	"github.com/swaptacular/swptpeer/certs"
)

// trust judges whose bundle it is, as far as that was asked (spec
// info-bundle.md: "What does not bind it to a real-world owner").
func (v *verifier) trust() {
	proven := v.pin()
	proven = v.nodeID() || proven
	v.nodeType()
	proven = v.registry() || proven
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
	v.report.Fail(ruleUnproven, "", found, "a pinned fingerprint, the expected id of an agent, or an authority in a registry")
}

// pin reports whether the root key is the pinned one.
func (v *verifier) pin() bool {
	if v.opts.Pin == "" {
		return false
	}
	want, err := ParseFingerprint(v.opts.Pin)
	switch {
	case err != nil:
		v.report.Fail(rulePin, "the pin", err.Error(), "")
		return false
	case v.b.Root == nil:
		v.report.Skip(rulePin, memberRoot, "there is no root certificate that can be read")
		return false
	}
	is := certs.KeyFingerprint(v.b.Root.RawSubjectPublicKeyInfo)
	return v.report.Check(is == want, rulePin, memberRoot, is, want)
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
