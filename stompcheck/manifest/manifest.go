// Package manifest reads and writes stomp.toml, the servers manifest of a node.
package manifest

import (
	"errors"

	"github.com/swaptacular/swptpeer/certs/check"
)

var errTODO = errors.New("not implemented")

// Server is one "host:port" of a manifest.
type Server struct {
	Host string // DNS name or IP address, without brackets
	Port uint16
}

// Manifest is a valid stomp.toml.
type Manifest struct {
	Servers              []Server
	Host                 string
	Login, Passcode      *string
	Destination          string
	AcceptedContentTypes []string
	Unknown              []string // keys that are not known
}

// Parse checks a stomp.toml against every rule; the manifest is nil unless the report is OK(false).
func Parse(data []byte) (*Manifest, *check.Report) { return nil, nil }

// ParseServer reads "host:port" or "[ipv6]:port".
func ParseServer(s string) (Server, error) { return Server{}, errTODO }

// String is the inverse of ParseServer.
func (s Server) String() string { return "" }

// ForClient returns a copy in which ${NODE_ID} is replaced by the client's node id.
func (m *Manifest) ForClient(nodeID string) *Manifest { return nil }

// Encode returns a stomp.toml with these servers, as the existing tool writes it.
func Encode(servers []Server, host, destination string) []byte { return nil }

// Destination in use for a node of the type with this short name (aa, ca, da).
func Destination(short string) string { return "" }

// Rules lists every rule of this package.
func Rules() []*check.Rule { return nil }
