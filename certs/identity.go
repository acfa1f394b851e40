package certs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Organization is the O of every node's name (profile, "Nodes and names").
const Organization = "Swaptacular Nodes Registry"

// NodeType is one of the three types of node. The zero NodeType is not valid.
type NodeType uint8

// The types of node (profile, "Nodes and names").
const (
	// AccountingAuthority nodes keep accounts.
	AccountingAuthority NodeType = iota + 1
	// CreditorsAgent nodes act for those who hold money.
	CreditorsAgent
	// DebtorsAgent nodes act for those who issue it.
	DebtorsAgent
)

var nodeTypes = [...]struct {
	short, unit, words string
	idDigits           int
}{
	AccountingAuthority: {"aa", "Accounting Authorities", "accounting authority", 8},
	CreditorsAgent:      {"ca", "Creditors Agents", "creditors agent", 32},
	DebtorsAgent:        {"da", "Debtors Agents", "debtors agent", 32},
}

// ParseNodeType reads the short form: "aa", "ca" or "da".
func ParseNodeType(short string) (NodeType, error) {
	for t := AccountingAuthority; t <= DebtorsAgent; t++ {
		if short == nodeTypes[t].short {
			return t, nil
		}
	}
	return 0, fmt.Errorf("node type: found %q, expected aa, ca or da", short)
}

// ParseUnit reads the form used as OU in names and in db/nodetype, for example
// "Creditors Agents".
func ParseUnit(unit string) (NodeType, error) {
	for t := AccountingAuthority; t <= DebtorsAgent; t++ {
		if unit == nodeTypes[t].unit {
			return t, nil
		}
	}
	return 0, fmt.Errorf("node type: found %q, expected %q, %q or %q", unit,
		nodeTypes[AccountingAuthority].unit, nodeTypes[CreditorsAgent].unit, nodeTypes[DebtorsAgent].unit)
}

func (t NodeType) valid() bool { return t >= AccountingAuthority && t <= DebtorsAgent }

// String returns the short form, "aa", "ca" or "da".
func (t NodeType) String() string {
	if !t.valid() {
		return fmt.Sprintf("NodeType(%d)", uint8(t))
	}
	return nodeTypes[t].short
}

// MarshalText implements encoding.TextMarshaler with the short form.
func (t NodeType) MarshalText() ([]byte, error) {
	if !t.valid() {
		return nil, fmt.Errorf("certs: invalid node type %d", uint8(t))
	}
	return []byte(t.String()), nil
}

// Unit returns the OU of the type, for example "Creditors Agents".
func (t NodeType) Unit() string {
	if !t.valid() {
		return ""
	}
	return nodeTypes[t].unit
}

// Words returns the type as people say it: "creditors agent".
func (t NodeType) Words() string {
	if !t.valid() {
		return t.String()
	}
	return nodeTypes[t].words
}

// article returns Words with its article: "an accounting authority".
func (t NodeType) article() string {
	if t == AccountingAuthority {
		return "an " + t.Words()
	}
	return "a " + t.Words()
}

// CanPeerWith reports whether nodes of the two types may be each other's peers:
// an accounting authority with an agent of either kind, and nothing else.
func (t NodeType) CanPeerWith(u NodeType) bool {
	if !t.valid() || !u.valid() {
		return false
	}
	return (t == AccountingAuthority) != (u == AccountingAuthority)
}

// Identity is the type and the id of a node: what its name says. An Identity
// that exists is valid; the zero Identity is not and says so with IsZero.
// Identities are comparable with ==.
type Identity struct {
	typ NodeType
	id  string
}

// NewIdentity checks that id has the form that the type demands: exactly 8
// lowercase hex digits for an accounting authority, exactly 32 for an agent
// (profile, "Nodes and names").
func NewIdentity(t NodeType, id string) (Identity, error) {
	if !t.valid() {
		return Identity{}, fmt.Errorf("node type %d is not valid", uint8(t))
	}
	if want := nodeTypes[t].idDigits; !isHex(id, want) {
		return Identity{}, fmt.Errorf("node id of %s: found %q, expected exactly %d lowercase hex digits", t.article(), id, want)
	}
	return Identity{t, id}, nil
}

// ParseNodeID checks that s has the form of a node id of any type: 8 or 32
// lowercase hex digits. It returns s unchanged.
func ParseNodeID(s string) (string, error) {
	if isHex(s, 8) || isHex(s, 32) {
		return s, nil
	}
	return "", fmt.Errorf("node id: found %q, expected 8 lowercase hex digits (accounting authority) or 32 (agent)", s)
}

// AgentIdentity returns the identity that an agent with this root public key
// must have: its id is the first 16 bytes, in hex, of the SHA-256 of the DER
// SubjectPublicKeyInfo (profile, rule name.serial-hash).
func AgentIdentity(t NodeType, spki []byte) (Identity, error) {
	if t != CreditorsAgent && t != DebtorsAgent {
		return Identity{}, fmt.Errorf("the id of %s does not follow from its key", t.article())
	}
	sum := sha256.Sum256(spki)
	return NewIdentity(t, hex.EncodeToString(sum[:16]))
}

// Type returns the node's type.
func (i Identity) Type() NodeType { return i.typ }

// ID returns the node id.
func (i Identity) ID() string { return i.id }

// IsZero reports whether i is the zero Identity.
func (i Identity) IsZero() bool { return i == Identity{} }

// String returns, for example, "creditors agent ae4209290a434d18be5465b3d11257f8".
func (i Identity) String() string {
	if i.IsZero() {
		return "no identity"
	}
	return i.typ.Words() + " " + i.id
}

const hexDigits = "0123456789abcdef"

// isHex reports whether s is exactly n lowercase hex digits.
func isHex(s string, n int) bool {
	return len(s) == n && len(bytes.Trim([]byte(s), hexDigits)) == 0
}
