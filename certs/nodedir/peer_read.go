package nodedir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

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
