package bundle

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"
)

// fileSum is a file of the content and its digest.
type fileSum struct {
	name string
	sum  [sha256.Size]byte
}

// contentDigest is the digest described in the package comment. updated-at.txt
// is left out here, so that there is one place for it.
func contentDigest(files []fileSum) [sha256.Size]byte {
	files = slices.Clone(files)
	sort.Slice(files, func(i, j int) bool { return files[i].name < files[j].name })
	h := sha256.New()
	for _, f := range files {
		if f.name != fileUpdatedAt {
			fmt.Fprintf(h, "%x  %s\n", f.sum, f.name)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// ContentDigest is the digest of a nodeinfo directory's content that would be
// published, without updated-at.txt. Its exact form is in the package comment.
// What cannot be published (see [Create]) is an error.
func ContentDigest(dir string) ([sha256.Size]byte, error) {
	s, err := openSource(dir)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer s.close()
	sums, err := s.sums()
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("nodeinfo %s: %w", dir, err)
	}
	return contentDigest(sums), nil
}

// ContentDigest is the same for a verified bundle: all of its files count. For
// what [Create] made of a directory, it is [ContentDigest] of the directory.
func (n *NodeInfo) ContentDigest() [sha256.Size]byte {
	var files []fileSum
	for _, e := range n.Archive.Entries() {
		if e.Mode.IsRegular() {
			files = append(files, fileSum{e.Name, e.SHA256})
		}
	}
	return contentDigest(files)
}
