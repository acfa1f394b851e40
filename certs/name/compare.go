package name

import (
	"slices"
	"sort"
)

// attrKey is an attribute in the form in which it is compared.
type attrKey struct {
	oid       string // DER of the type
	value     string // 't' and the prepared text, or 'r' and the DER of the value
	undecided bool   // not equal does not mean different: see MayBeWithin
}

// rdnKey is an RDN in the form in which it is compared: its attributes sorted,
// so that two sets are equal if they are equal position by position.
type rdnKey struct {
	attributes []attrKey
	undecided  bool
}

func newAttrKey(oid []byte, a Attribute, kind syntax) attrKey {
	k := attrKey{oid: string(oid)}
	if kind == syntaxText {
		if text, ok := prepare(a.Value); ok {
			k.value = "t" + text
			return k
		}
	}
	k.value = "r" + string(a.Raw)
	k.undecided = kind != syntaxOther
	return k
}

func newRDNKey(keys []attrKey) rdnKey {
	sort.Slice(keys, func(i, j int) bool {
		if keys[i].oid != keys[j].oid {
			return keys[i].oid < keys[j].oid
		}
		return keys[i].value < keys[j].value
	})
	return rdnKey{keys, slices.ContainsFunc(keys, func(k attrKey) bool { return k.undecided })}
}

func (k rdnKey) equal(l rdnKey) bool { return slices.Equal(k.attributes, l.attributes) }

// mayEqual is false only if the two are shown to be different.
func (k rdnKey) mayEqual(l rdnKey) bool {
	if k.equal(l) {
		return true
	}
	if !k.undecided && !l.undecided {
		return false
	}
	// Sets of different types are different whatever the values are. Which of
	// the decided values pair up with each other is not worth working out:
	// undecided values do not occur in multi-valued RDNs of honest names.
	return slices.EqualFunc(k.attributes, l.attributes, func(a, b attrKey) bool { return a.oid == b.oid })
}

// Equal compares as RFC 5280 7.1; see the package comment. It is an equivalence
// relation.
func Equal(a, b Name) bool {
	return len(a.keys) == len(b.keys) && a.Within(b)
}

// Within reports whether n lies in the subtree: subtree's RDNs are equal to the
// first RDNs of n (RFC 5280, 4.2.1.10 and 7.1). Every name lies in the subtree
// of the empty name, and in its own.
func (n Name) Within(subtree Name) bool {
	return len(n.keys) >= len(subtree.keys) &&
		slices.EqualFunc(n.keys[:len(subtree.keys)], subtree.keys, rdnKey.equal)
}

// MayBeWithin reports whether n has not been shown to lie outside the subtree.
// It is what an excluded subtree must be compared with: a name could otherwise
// leave it by writing a value as a TeletexString, whose text nobody can compare.
// It is true wherever [Name.Within] is, and where RDNs differ only in values
// that have no defined comparison.
func (n Name) MayBeWithin(subtree Name) bool {
	return len(n.keys) >= len(subtree.keys) &&
		slices.EqualFunc(n.keys[:len(subtree.keys)], subtree.keys, rdnKey.mayEqual)
}
