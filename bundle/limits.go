package bundle

import (
	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// Limits of an info-bundle, the same for reading and writing (spec
// info-bundle.md, "Limits"). Sizes are in bytes.
const (
	// MaxBundle bounds the bundle file: what is published on the web must not
	// fill the disk of whoever fetches it.
	MaxBundle = 80 << 20
	// MaxNodeInfo bounds nodeinfo.zip. It leaves the other members 8 MiB, a
	// hundred times what they need.
	MaxNodeInfo = 72 << 20
	// MaxCertificate bounds root-ca.crt; with the text that the existing tool
	// writes above the block, one takes about 6 KiB.
	MaxCertificate = certs.MaxCertificateFile
	// MaxRequest bounds root-ca.csr; one takes about 1.5 KiB.
	MaxRequest = certs.MaxCertificateFile
	// MaxSignature bounds nodeinfo.signature. It is as long as the modulus of
	// an RSA key; 8,192 bits are the most that are in use anywhere.
	MaxSignature = 1024
	// MaxInflated bounds all files of nodeinfo.zip together, inflated.
	MaxInflated = 256 << 20
	// MaxFile bounds one file of nodeinfo.zip, inflated: half of everything.
	MaxFile = 128 << 20
	// MaxEntries bounds the files and folders of nodeinfo.zip, so that a peer's
	// folder remains something that git and a person can look through.
	MaxEntries = 4096
	// MaxDepth bounds the elements of a name in nodeinfo.zip.
	MaxDepth = 16
	// MaxName bounds a name in nodeinfo.zip; below a node directory it stays
	// within the 4,096 that Linux allows a path.
	MaxName = 1024
	// MaxRatio is how many times larger than the compressed data the inflated
	// data may be, not counting the first RatioFree bytes. Text reaches 20;
	// what goes beyond 200 is made to fill a disk.
	MaxRatio = 200
	// RatioFree is what MaxRatio does not apply to: a small file of blanks is
	// no danger.
	RatioFree = 1 << 20
	// MaxUpdatedAt bounds updated-at.txt: the longest line has 21 bytes.
	MaxUpdatedAt = 64
	// maxOuterEntries is more than the four members that a bundle has: with a
	// few too many, each can still be named.
	maxOuterEntries = 64
)

// outerLimits are for the bundle file. The sizes of its members are judged by
// rule bundle.member-size, which says more.
var outerLimits = strictzip.Limits{
	Archive:   MaxBundle,
	Total:     MaxBundle,
	File:      MaxBundle,
	Entries:   maxOuterEntries,
	Depth:     MaxDepth,
	Name:      MaxName,
	Ratio:     MaxRatio,
	RatioFree: RatioFree,
}

// innerLimits are for nodeinfo.zip.
var innerLimits = strictzip.Limits{
	Archive:   MaxNodeInfo,
	Total:     MaxInflated,
	File:      MaxFile,
	Entries:   MaxEntries,
	Depth:     MaxDepth,
	Name:      MaxName,
	Ratio:     MaxRatio,
	RatioFree: RatioFree,
}

// Names of the members of a bundle.
const (
	memberRoot      = "root-ca.crt"
	memberRequest   = "root-ca.csr"
	memberNodeInfo  = "nodeinfo.zip"
	memberSignature = "nodeinfo.signature"
)

// members lists them with the largest size allowed.
var members = []struct {
	name string
	max  int64
}{
	{memberRoot, MaxCertificate},
	{memberRequest, MaxRequest},
	{memberNodeInfo, MaxNodeInfo},
	{memberSignature, MaxSignature},
}

// Names of the files that must be in nodeinfo.zip.
const (
	fileManifest  = manifest.FileName
	fileUpdatedAt = "updated-at.txt"
)
