// Package manifest reads and writes stomp.toml, the servers manifest: the file
// at the root of a node's nodeinfo folder that tells its peers where its STOMP
// servers are and what to say to them. It is for whoever makes, judges or uses
// one: info-bundles, the node directory, the connectivity tester.
//
// The format (spec stomp.md, "The servers manifest") is TOML 1.0:
//
//	servers = ["stomp.example.com:1234", "192.0.2.7:1234"]  # required, not empty
//	host = "/"                                # required: CONNECT's host header
//	destination = "/exchange/accounts_in"     # required: SEND's destination header
//	login = "${NODE_ID}"                      # optional: CONNECT's login header
//	passcode = "…"                            # optional: CONNECT's passcode header
//	accepted-content-types = ["text/plain"]   # optional: preferred first
//
// ${NODE_ID} in host, login and destination stands for the node id of the
// client (see [Manifest.ForClient]). Other keys are allowed and ignored.
//
// [Parse] judges a file against one rule after another and reports on all of
// them. It also warns of what is legal but unreadable for the Python servers
// that most nodes run: they refuse the whole manifest for one IPv6 address or
// one underscore.
//
// Not checked: that names resolve, that a server answers, that the values are
// those its operator meant.
package manifest

import (
	"slices"
	"strings"
)

// FileName is where the manifest lies in nodeinfo.
const FileName = "stomp.toml"

// MaxSize is the size of the largest manifest that is read, in bytes. It has
// room for more than a thousand servers with the longest of names in use; what
// is larger is not a manifest but an attempt to keep the reader busy.
const MaxSize = 64 << 10

// NodeIDVariable stands for the client's node id in host, login and
// destination.
const NodeIDVariable = "${NODE_ID}"

// ImpliedContentType is accepted by every node, whether listed or not.
const ImpliedContentType = "application/json"

// Server is one "host:port" of a manifest.
type Server struct {
	Host string // DNS name or IP address, without brackets
	Port uint16
}

// Manifest is a valid stomp.toml. Login and Passcode are nil when absent.
type Manifest struct {
	Servers              []Server
	Host                 string
	Login, Passcode      *string
	Destination          string
	AcceptedContentTypes []string // as listed; [ImpliedContentType] may be missing
	Unknown              []string // keys that are not known, in the order of the file
}

// ForClient returns a copy in which ${NODE_ID} is replaced by the client's node
// id in host, login and destination, and nowhere else (spec stomp.md, "The
// servers manifest"). The id must be a valid one: it is not checked here.
func (m *Manifest) ForClient(nodeID string) *Manifest {
	expand := func(s string) string { return strings.ReplaceAll(s, NodeIDVariable, nodeID) }
	c := *m
	c.Servers = slices.Clone(m.Servers)
	c.AcceptedContentTypes = slices.Clone(m.AcceptedContentTypes)
	c.Unknown = slices.Clone(m.Unknown)
	c.Host = expand(m.Host)
	c.Destination = expand(m.Destination)
	if m.Login != nil {
		c.Login = new(expand(*m.Login))
	}
	if m.Passcode != nil {
		c.Passcode = new(*m.Passcode)
	}
	return &c
}

// Destination returns the destination in use for messages to a node of the type
// with this short name: "aa", "ca" or "da"; "" for any other.
func Destination(short string) string {
	switch short {
	case "aa":
		return "/exchange/accounts_in"
	case "ca":
		return "/exchange/creditors_in"
	case "da":
		return "/exchange/debtors_in"
	}
	return ""
}
