package nodedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/swaptacular/swptpeer/certs"
)

// Peer is what peers/<id>/ says (node directory, the layout).
//
// A Peer is what could be read: Problems says what could not, and the fields
// that it concerns have their zero values. Signatures are not verified: that is
// Audit's.
type Peer struct {
	Folder      string // name of the folder in peers/: the node id, unless Problems says otherwise
	Identity    certs.Identity
	Root        *certs.Certificate
	PeerCert    *certs.Certificate // we issued it to the peer
	SubCA       *certs.Certificate // the peer issued it to us; nil: not registered
	Subnet      certs.Subnet       // authority: what we gave the peer
	MasqSubnet  certs.Subnet       // creditors agent: what the peer gave us
	Queues      int                // 1 to MaxQueues
	Active      bool
	Deactivated string // the date, YYYY-MM-DD; "" if it is not
	UpdatedAt   string // line of nodeinfo/updated-at.txt
	Servers     []string
	HasManifest bool     // Kubernetes manifests are there
	Problems    []string // what could not be read or must not be so, for people
}

// MaxQueues is the greatest number of sending queues of a peer (node directory,
// queues.txt).
const MaxQueues = 99

// minPrefix is the least number of digits by which a peer can be called: with
// fewer, a slip of the finger names another peer.
const minPrefix = 4

// Peers lists the peers in order of the names of their folders. A folder that
// cannot be read as a peer is listed with Problems. Files and names that begin
// with a dot are no peers.
func (d *Dir) Peers() ([]*Peer, error) {
	folders, err := d.peerFolders()
	if err != nil {
		return nil, err
	}
	peers := make([]*Peer, len(folders))
	// Parsing three certificates and a manifest for each peer is what takes the
	// time, so it is worth all processors.
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(folders)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(folders)); i = next.Add(1) - 1 {
				peers[i] = d.readPeer(folders[i])
			}
		})
	}
	wg.Wait()
	return peers, nil
}

// peerFolders returns the visible names in peers/ that are not plain files, and
// those that are but have the name of a peer's folder: something is wrong with
// them. They are sorted.
func (d *Dir) peerFolders() ([]string, error) {
	entries, err := os.ReadDir(d.file(dirPeers))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // not made yet: no peers
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if _, err := certs.ParseNodeID(e.Name()); err == nil {
			names = append(names, e.Name())
			continue
		}
		if e.Type().IsRegular() {
			continue
		}
		if e.Type()&fs.ModeSymlink != 0 {
			// The existing tool has no links of its own here; one to a file is
			// an operator's and no peer.
			if fi, err := os.Stat(d.file(path.Join(dirPeers, e.Name()))); err == nil && !fi.IsDir() {
				continue
			}
		}
		names = append(names, e.Name())
	}
	return names, nil
}

// Peer reads one peer. The id may be shortened to a prefix of at least four
// digits that no other peer shares. An id that is malformed, not there, or
// shared is ErrUnknown.
func (d *Dir) Peer(id string) (*Peer, error) {
	folder, err := d.resolvePeer(id)
	if err != nil {
		return nil, err
	}
	return d.readPeer(folder), nil
}

// resolvePeer returns the name of the peer's folder. Text that is not hex digits never
// becomes a path.
func (d *Dir) resolvePeer(id string) (string, error) {
	if len(id) < minPrefix || len(id) > 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%w: found %.40q, expected a node id, or at least its first %d digits, in lowercase hex", ErrUnknown, id, minPrefix)
	}
	if _, err := certs.ParseNodeID(id); err == nil {
		if ok, err := d.exists(path.Join(dirPeers, id)); err != nil {
			return "", err
		} else if ok {
			return id, nil
		}
	}
	folders, err := d.peerFolders()
	if err != nil {
		return "", err
	}
	var found []string
	for _, f := range folders {
		if _, err := certs.ParseNodeID(f); err == nil && strings.HasPrefix(f, id) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no peer's folder in %s has a name that begins with %s", ErrUnknown, d.file(dirPeers), id)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%w: %s is the beginning of %d ids, %s and %s among them: give more digits", ErrUnknown, id, len(found), found[0], found[1])
}

// readPeer reads peers/<folder>/. It does not fail: what is wrong becomes a
// problem of the peer.
func (d *Dir) readPeer(folder string) *Peer {
	r := peerReader{dir: d, base: path.Join(dirPeers, folder), peer: &Peer{Folder: folder}}
	r.read()
	return r.peer
}

// peerToChange is readPeer for whoever decides something by it: what the system
// could not read is an error, so that it is never taken for something that is
// not there.
func (d *Dir) peerToChange(folder string) (*Peer, error) {
	r := peerReader{dir: d, base: path.Join(dirPeers, folder), peer: &Peer{Folder: folder}}
	r.read()
	return r.peer, r.unreadable
}
