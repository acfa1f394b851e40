package bundle

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Info is what a bundle says, for people and for JSON. Strings may come from
// strangers and are not escaped.
type Info struct {
	SHA256      string         `json:"sha256"` // of the bundle file
	Size        int64          `json:"size"`   // of the bundle file, in bytes
	NodeType    certs.NodeType `json:"nodeType"`
	NodeID      string         `json:"nodeId"`
	Fingerprint string         `json:"publicKeySha256"` // of the root public key
	Root        RootInfo       `json:"root"`
	NodeInfo    NodeInfoInfo   `json:"nodeinfo"`
}

// RootInfo is what the root certificate says.
type RootInfo struct {
	SHA256    string    `json:"sha256"` // of the certificate, in DER
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
}

// NodeInfoInfo is what nodeinfo.zip says and holds.
type NodeInfoInfo struct {
	SHA256        string       `json:"sha256"`        // of nodeinfo.zip
	ContentSHA256 string       `json:"contentSha256"` // [NodeInfo.ContentDigest]
	UpdatedAt     UpdatedAt    `json:"updatedAt"`
	Manifest      ManifestInfo `json:"manifest"`
	Files         []FileInfo   `json:"files"` // and folders, in the order of the archive
}

// ManifestInfo is what stomp.toml says. Whether there is a passcode is told,
// not what it is.
type ManifestInfo struct {
	Servers              []string `json:"servers"`
	Host                 string   `json:"host"`
	Destination          string   `json:"destination"`
	Login                *string  `json:"login,omitempty"`
	HasPasscode          bool     `json:"hasPasscode"`
	AcceptedContentTypes []string `json:"acceptedContentTypes,omitempty"`
	UnknownKeys          []string `json:"unknownKeys,omitempty"`
}

// FileInfo is a file of nodeinfo.zip, or a folder, whose name ends in a slash.
type FileInfo struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"` // empty for folders
}

// Info returns what the bundle says.
func (b *Bundle) Info() Info {
	info := Info{
		SHA256:      hex.EncodeToString(b.SHA256[:]),
		Size:        b.Size,
		NodeType:    b.Identity.Type(),
		NodeID:      b.Identity.ID(),
		Fingerprint: b.Fingerprint(),
		Root:        rootInfo(b.Root),
	}
	content := b.NodeInfo.ContentDigest()
	info.NodeInfo = NodeInfoInfo{
		SHA256:        hex.EncodeToString(b.NodeInfo.SHA256[:]),
		ContentSHA256: hex.EncodeToString(content[:]),
		UpdatedAt:     b.NodeInfo.UpdatedAt,
		Manifest:      manifestInfo(b.NodeInfo.Manifest),
		Files:         b.NodeInfo.files(),
	}
	return info
}

func rootInfo(c *certs.Certificate) RootInfo {
	info := RootInfo{SHA256: sha256Hex(c.Raw), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()}
	if serial, err := certs.SerialOf(c.Certificate); err == nil {
		info.Serial = serial.String()
	}
	return info
}

func manifestInfo(m *manifest.Manifest) ManifestInfo {
	return ManifestInfo{
		Servers:              serverTexts(m),
		Host:                 m.Host,
		Destination:          m.Destination,
		Login:                m.Login,
		HasPasscode:          m.Passcode != nil,
		AcceptedContentTypes: m.AcceptedContentTypes,
		UnknownKeys:          m.Unknown,
	}
}

func serverTexts(m *manifest.Manifest) []string {
	texts := make([]string, len(m.Servers))
	for i, s := range m.Servers {
		texts[i] = s.String()
	}
	return texts
}

// files lists what is in the archive.
func (n *NodeInfo) files() []FileInfo {
	entries := n.Archive.Entries()
	files := make([]FileInfo, len(entries))
	for i, e := range entries {
		files[i] = FileInfo{Name: e.Name, Size: e.Size}
		if !strings.HasSuffix(e.Name, "/") {
			files[i].SHA256 = hex.EncodeToString(e.SHA256[:])
		}
	}
	return files
}
