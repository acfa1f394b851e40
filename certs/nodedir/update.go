package nodedir

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/durable"
)

// update plans for a peer that is known with this root certificate
// (info-bundle, "An update for a peer that is already known").
func (p *signPlan) update(peer *Peer) error {
	id := p.bundle.Identity
	info := p.rel + "/" + peerNodeInfo
	fi, err := os.Lstat(p.file(info))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there := err == nil
	if there && !fi.IsDir() {
		return rejectf("%s: found %s, expected a folder: find out who put it there and remove it", p.file(info), kind(fi.Mode()))
	}
	same := false
	if there {
		if same, err = sameContent(p.file(info), p.bundle.NodeInfo); err != nil {
			return err
		}
	}
	is := p.bundle.NodeInfo.UpdatedAt.String()
	replace, reason := decideUpdate(peer.UpdatedAt, is, same)
	p.Title = "update the nodeinfo of " + id.String()
	p.fact("published before", peer.UpdatedAt)
	p.fact("published now", is)
	for _, s := range p.bundle.NodeInfo.Manifest.Servers {
		p.fact("server", s.String())
	}
	if peer.Deactivated != "" {
		p.note("the peer was deactivated on " + peer.Deactivated + " and stays so: only what it publishes is kept current")
	}
	switch {
	case replace:
	case reason == "":
		p.Title = id.String() + " is signed for already, and its nodeinfo is up to date"
		p.action, p.Nothing = ActionNone, true
		return nil
	case !p.force:
		return rejectf("%s: %s: the bundle may be an old one that somebody kept; if the peer's operator confirms it, it can be forced", id, reason)
	default:
		p.note("forced: " + reason)
	}
	p.action = ActionUpdated
	p.decision = "update " + id.ID() + " from " + peer.UpdatedAt + " to " + is
	var manifests fileChanges
	if peer.SubCA != nil {
		var notes []string
		manifests, notes, err = p.planManifests(manifestState{id: id.ID(), queues: peer.Queues, updatedAt: is, deactivated: peer.Deactivated != ""})
		if err != nil {
			return err
		}
		p.Notes = append(p.Notes, notes...)
	}
	p.build = func(tx *durable.Tx, _ *signer) error {
		if there {
			tx.ReplaceTree(info, p.bundle.NodeInfo.ExtractInto)
		} else {
			tx.CreateTree(info, p.bundle.NodeInfo.ExtractInto)
		}
		manifests.addTo(tx)
		return nil
	}
	return nil
}

// decideUpdate compares the lines of updated-at.txt as text, like every reader
// does. It tells to replace the nodeinfo, or why not; no reason means that it is
// the same. An empty line was means that there is none that can be read.
func decideUpdate(was, is string, same bool) (replace bool, reason string) {
	switch {
	case is > was:
		return true, ""
	case is < was:
		return false, fmt.Sprintf("found an info-bundle published on %s, expected one later than %s, which is here", is, was)
	case !same:
		return false, fmt.Sprintf("found an info-bundle published on %s with other content than the one of %s that is here, expected a later date", is, was)
	}
	return false, ""
}

// sameContent reports whether the folder has exactly the files of the nodeinfo,
// with the same content. updated-at.txt is not compared, as in
// [bundle.ContentDigest], and neither are empty folders.
func sameContent(dir string, info *bundle.NodeInfo) (bool, error) {
	want := make(map[string][sha256.Size]byte)
	for _, e := range info.Archive.Entries() {
		if e.Mode.IsRegular() && e.Name != updatedAtName {
			want[e.Name] = e.SHA256
		}
	}
	same := true
	found := 0
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == updatedAtName {
			return nil
		}
		sum, ok := want[rel]
		if found++; !ok || !e.Type().IsRegular() {
			same = false
			return filepath.SkipAll
		}
		is, err := fileSHA256(file)
		if err != nil {
			return err
		}
		if is != sum {
			same = false
			return filepath.SkipAll
		}
		return nil
	})
	return same && found == len(want), err
}

// updatedAtName is the name of updated-at.txt in nodeinfo/.
var updatedAtName = path.Base(fileUpdatedAt)

func fileSHA256(file string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
