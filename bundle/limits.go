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

// Limits are stricter limits for who wants them. A field that is 0 stands for
// the constant of this package, and so does one that is greater: no limit can be
// raised. Negative values refuse everything.
type Limits struct {
	Bundle   int64 // bytes, see [MaxBundle]
	NodeInfo int64 // bytes, see [MaxNodeInfo]
	Inflated int64 // bytes, see [MaxInflated]
	File     int64 // bytes, see [MaxFile]
	Entries  int   // see [MaxEntries]
	Depth    int   // see [MaxDepth]
	Name     int   // bytes, see [MaxName]
	Ratio    int64 // see [MaxRatio]
}

// Outer returns how many bytes a bundle file may have.
func (l Limits) Outer() int64 { return tighter(l.Bundle, MaxBundle) }

// tighter is the limit that is in force.
func tighter[N int | int64](asked, max N) N {
	if asked == 0 {
		return max
	}
	return min(asked, max)
}

// outer limits are for the bundle file. The sizes of its members are judged by
// rule bundle.member-size, which says more. How many entries there are, and what
// they are called, is not for anybody to choose.
func (l Limits) outer() strictzip.Limits {
	size := l.Outer()
	return strictzip.Limits{
		Archive:   size,
		Total:     MaxBundle,
		File:      MaxBundle,
		Entries:   maxOuterEntries,
		Depth:     MaxDepth,
		Name:      MaxName,
		Ratio:     MaxRatio,
		RatioFree: RatioFree,
	}
}

// inner limits are for nodeinfo.zip.
func (l Limits) inner() strictzip.Limits {
	return strictzip.Limits{
		Archive:   tighter(l.NodeInfo, MaxNodeInfo),
		Total:     tighter(l.Inflated, MaxInflated),
		File:      tighter(l.File, MaxFile),
		Entries:   tighter(l.Entries, MaxEntries),
		Depth:     tighter(l.Depth, MaxDepth),
		Name:      tighter(l.Name, MaxName),
		Ratio:     tighter(l.Ratio, MaxRatio),
		RatioFree: RatioFree,
	}
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
