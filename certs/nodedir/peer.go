package nodedir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
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

// peerReader reads one peer's folder.
type peerReader struct {
	dir        *Dir
	base       string // peers/<folder>
	peer       *Peer
	entries    []fs.DirEntry          // what is in the folder
	names      map[string]fs.FileMode // the same by name, with its type
	unreadable error                  // the first thing that the system could not read
	// known, if not nil, returns the certificate of a file with this content,
	// or nil: one that has been parsed already.
	known func(file []byte) *certs.Certificate
}

// failed notes an error of reading something that is there.
func (r *peerReader) failed(err error) {
	r.problem("%v", err)
	if pe := (*fs.PathError)(nil); r.unreadable == nil && errors.As(err, &pe) && !errors.Is(err, fs.ErrNotExist) {
		r.unreadable = err
	}
}

func (r *peerReader) problem(format string, args ...any) {
	r.peer.Problems = append(r.peer.Problems, fmt.Sprintf(format, args...))
}

func (r *peerReader) read() {
	p := r.peer
	if _, err := certs.ParseNodeID(p.Folder); err != nil {
		r.problem("the folder's name is no node id: %v", err)
		return
	}
	if !r.list() {
		return
	}
	p.Root = r.certificate(peerRootCert, true)
	p.PeerCert = r.certificate(peerPeerCert, true)
	p.SubCA = r.certificate(peerSubCA, false)
	r.identity()
	if line, ok := r.line(peerQueues, true); ok {
		n, err := parseQueues(line)
		if err != nil {
			r.problem("%s: %v", peerQueues, err)
		}
		p.Queues = n
	}
	own := r.dir.identity.Type()
	p.Subnet = r.subnet(peerSubnet, own == certs.AccountingAuthority)
	p.MasqSubnet = r.subnet(peerMasqSubnet, own == certs.CreditorsAgent && p.SubCA != nil)
	_, p.Active = r.names[peerActive]
	if _, ok := r.names[peerDeactivated]; ok {
		p.Deactivated = r.deactivated()
	}
	_, p.HasManifest = r.names[peerKustomize]
	if p.HasManifest && p.SubCA == nil {
		r.problem("%s is there, but the peer is not registered: it may have come from a stranger: delete it", peerKustomize)
	}
	r.nodeInfo()
}

// list reads which names the folder holds.
func (r *peerReader) list() bool {
	fi, err := os.Lstat(r.dir.file(r.base))
	if err != nil {
		r.failed(err)
		return false
	}
	if !fi.IsDir() {
		r.problem("%s: found %s, expected a folder", r.base, kind(fi.Mode()))
		return false
	}
	entries, err := os.ReadDir(r.dir.file(r.base))
	if err != nil {
		r.failed(err)
		return false
	}
	r.entries = entries
	r.names = make(map[string]fs.FileMode, len(entries))
	for _, e := range entries {
		r.names[e.Name()] = e.Type()
	}
	return true
}

// regular reports whether the name is there and a regular file, and adds the
// problem if it is not.
func (r *peerReader) regular(name string, required bool) bool {
	mode, ok := r.names[name]
	switch {
	case !ok && required:
		r.problem("%s is missing", name)
	case ok && !mode.IsRegular():
		r.problem("%s: found %s, expected a file", name, kind(mode))
		return false
	}
	return ok
}

// certificate reads one certificate file. An empty file counts as missing, as
// it does for the existing tool.
func (r *peerReader) certificate(name string, required bool) *certs.Certificate {
	if !r.regular(name, required) {
		return nil
	}
	data, err := r.plain(name, maxCertFile)
	if err != nil {
		r.failed(err)
		return nil
	}
	if len(data) == 0 {
		r.problem("%s is empty", name)
		return nil
	}
	if r.known != nil {
		if c := r.known(data); c != nil {
			return c
		}
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		r.problem("%s: %v", name, err)
		return nil
	}
	return c
}

// line reads a one-line file.
func (r *peerReader) line(name string, required bool) (string, bool) {
	if !r.regular(name, required) {
		return "", false
	}
	data, err := r.plain(name, maxLineFile)
	if err != nil {
		r.failed(err)
		return "", false
	}
	line, err := r.dir.oneLineOf(path.Join(r.base, name), data)
	if err != nil {
		r.failed(err)
		return "", false
	}
	return line, true
}

// plain reads a file of the folder, and no link: what is there may have come in
// a stranger's archive, whose links the existing tool unpacks as well.
func (r *peerReader) plain(name string, limit int64) ([]byte, error) {
	return readPlain(r.dir.file(path.Join(r.base, name)), limit, false)
}

// identity reads who the peer is: its root certificate says, and the folder's
// name and nodetype.txt must agree.
func (r *peerReader) identity() {
	p := r.peer
	unit, ok := r.line(peerNodeType, true)
	var typ certs.NodeType
	if ok {
		var err error
		if typ, err = certs.ParseUnit(unit); err != nil {
			r.problem("%s: %v", peerNodeType, err)
		}
	}
	if p.Root == nil {
		p.Identity, _ = certs.NewIdentity(typ, p.Folder) // the best there is; the problem is noted
		return
	}
	id, err := certs.SubjectIdentity(p.Root.RawSubject)
	switch {
	case err != nil:
		r.problem("%s: %v", peerRootCert, err)
		return
	case id.ID() != p.Folder:
		r.problem("%s: found the certificate of %s, expected that of %s", peerRootCert, id, p.Folder)
		return
	case typ != 0 && typ != id.Type():
		r.problem("%s: found %q, and %s says %q", peerNodeType, unit, peerRootCert, id.Type().Unit())
	}
	p.Identity = id
	if own := r.dir.identity; !own.Type().CanPeerWith(id.Type()) {
		r.problem("%s cannot be the peer of %s: their types do not fit", id, own)
	}
}

func (r *peerReader) subnet(name string, required bool) certs.Subnet {
	line, ok := r.line(name, required)
	if !ok {
		return certs.Subnet{}
	}
	s, err := certs.ParseSubnet(line)
	if err != nil {
		r.problem("%s: %v", name, err)
	}
	return s
}

// deactivated reads the date. A peer with a marker that cannot be read is
// deactivated all the same, as it is for the existing tool.
func (r *peerReader) deactivated() string {
	line, ok := r.line(peerDeactivated, true)
	if _, err := time.Parse(time.DateOnly, line); ok && err != nil {
		r.problem("%s: found %q, expected a date such as 2026-11-23", peerDeactivated, line)
		ok = false
	}
	if !ok {
		return "an unknown date"
	}
	return line
}

// nodeInfo reads what the peer published.
func (r *peerReader) nodeInfo() {
	mode, ok := r.names[peerNodeInfo]
	if !ok || !mode.IsDir() {
		if !ok {
			r.problem("%s is missing", peerNodeInfo)
		} else {
			r.problem("%s: found %s, expected a folder", peerNodeInfo, kind(mode))
		}
		return
	}
	p := r.peer
	if data, ok := r.published(fileUpdatedAt, maxLineFile); ok {
		if line, err := r.dir.oneLineOf(path.Join(r.base, fileUpdatedAt), data); err != nil {
			r.failed(err)
		} else {
			p.UpdatedAt = line
			if _, err := bundle.ParseUpdatedAt(line); err != nil {
				r.problem("%s: %v", fileUpdatedAt, err)
			}
		}
	}
	data, ok := r.published(fileManifest, maxTextFile)
	if !ok {
		return
	}
	m, report := manifest.Parse(data)
	if m == nil {
		r.problem("%s: %v", fileManifest, cmp.Or(report.Err(), errors.New("not a servers manifest")))
		return
	}
	for _, s := range m.Servers {
		p.Servers = append(p.Servers, s.String())
	}
}

// published reads a file in nodeinfo/, and notes what is wrong with it.
func (r *peerReader) published(rel string, limit int64) ([]byte, bool) {
	data, err := r.plain(rel, limit)
	other := (*notRegularError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.problem("%s is missing", rel)
	case errors.As(err, &other):
		r.problem("%s: found %s, expected a file", rel, kind(other.mode))
	case err != nil:
		r.failed(err)
	}
	return data, err == nil
}

// parseQueues reads the line of queues.txt.
func parseQueues(line string) (int, error) {
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 || n > MaxQueues || strings.Trim(line, "0123456789") != "" {
		return 0, fmt.Errorf("number of queues: found %q, expected a number from 1 to %d", line, MaxQueues)
	}
	return n, nil
}
