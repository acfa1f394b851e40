package nodedir

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

// BundleResult of CreateBundle.
type BundleResult struct {
	UpdatedAt bundle.UpdatedAt
	Changed   bool     // the content differs from what was last published
	Omitted   []string // names that begin with a dot; nil after a dry run
	Plan      *Plan
}

// CreateBundle writes the node's info-bundle to out, which must not exist
// unless overwrite. The line in nodeinfo/updated-at.txt moves on if the content
// differs from what was last published (info-bundle.md, "Writing one");
// otherwise the same line gives the same bytes again. The times in the archive
// are Options.SourceDate, or the line's.
//
// The bundle is verified as a peer would, and written under a temporary name.
// Then the directory is changed, and last the bundle gets its name: whoever has
// a bundle can be sure that the directory knows of it.
func (d *Dir) CreateBundle(ctx context.Context, out string, overwrite bool, ch Change) (*BundleResult, error) {
	p := &publication{out: out, overwrite: overwrite}
	defer p.discard()
	plan, err := d.change(ctx, ch, func(v *view) (*draft, error) { return p.plan(ctx, v) })
	if err != nil {
		return nil, err
	}
	return &BundleResult{UpdatedAt: p.updatedAt, Changed: p.changed, Omitted: p.omitted, Plan: plan}, nil
}

// publication is the making of one bundle.
type publication struct {
	out       string
	overwrite bool
	staged    *durable.NewFile

	updatedAt bundle.UpdatedAt
	changed   bool
	digest    [32]byte
	omitted   []string
}

func (p *publication) discard() {
	if p.staged != nil {
		p.staged.Discard()
	}
}

// plan checks everything that can be checked without the key.
func (p *publication) plan(ctx context.Context, v *view) (*draft, error) {
	if err := v.checkOutput(p.out, p.overwrite); err != nil {
		return nil, err
	}
	if err := v.checkManifest(); err != nil {
		return nil, err
	}
	if err := certs.CheckRoot(v.root, v.now).Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRejected, v.file(fileRootCert), err)
	}
	current, line, err := v.nextUpdatedAt(&p.digest)
	if err != nil {
		return nil, err
	}
	p.updatedAt, p.changed = line, current != line
	req, err := v.ownRequest()
	if err != nil {
		return nil, err
	}
	dr := &draft{decision: fmt.Sprintf("publish, changed: %t", p.changed), sign: true}
	dr.Title = "make the info-bundle of " + v.identity.String()
	dr.fact("file", p.out)
	dr.fact("updated at", line.String())
	if p.changed {
		dr.fact("content", "changed since it was last published")
	} else {
		dr.fact("content", "as it was last published")
	}
	dr.build = func(tx *durable.Tx, s *signer) error {
		own := req
		if own == nil {
			if s != nil {
				if own, err = certs.NewRequest(s.key, v.root.RawSubject); err != nil {
					return fmt.Errorf("%s: %w", fileRequest, err)
				}
				tx.Create(fileRequest, own.File, modeFile)
			} else {
				tx.Create(fileRequest, nil, modeFile)
			}
		}
		if p.changed {
			tx.Replace(fileUpdatedAt, oneLine(line.String()), modeFile)
			tx.Replace(fileNodeInfoDigest, oneLine(hex.EncodeToString(p.digest[:])), modeFile)
		}
		if s == nil {
			return nil
		}
		return p.stage(ctx, v, s, own)
	}
	dr.after = func() error {
		err := p.staged.Commit()
		if err != nil && p.changed {
			return fmt.Errorf("%w: %s and %s are of the new info-bundle; but it could not be put in its place: %w", ErrMade, fileUpdatedAt, fileNodeInfoDigest, err)
		}
		return err
	}
	return dr, nil
}

// stage writes the bundle under a temporary name.
func (p *publication) stage(ctx context.Context, v *view, s *signer, req *certs.Request) (err error) {
	if p.staged, err = durable.CreateFile(p.out, modeFile, p.overwrite); err != nil {
		return err
	}
	modified := v.opts.SourceDate
	if modified.IsZero() {
		modified = p.updatedAt.Time()
	}
	// Create verifies, as a peer would, before it writes the first byte.
	p.omitted, err = bundle.Create(ctx, p.staged, bundle.Source{
		Root:      v.root,
		Request:   req,
		Dir:       v.file(dirNodeInfo),
		Key:       s.key,
		UpdatedAt: p.updatedAt,
		Modified:  modified,
		Content:   p.digest,
	})
	if err != nil {
		return err
	}
	return p.staged.Sync()
}

// checkManifest judges nodeinfo/stomp.toml.
func (d *Dir) checkManifest() error {
	data, err := d.readFile(fileManifest, maxTextFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing, and an info-bundle must have it: init makes one", ErrRejected, d.file(fileManifest))
	}
	if err != nil {
		return err
	}
	if m, report := manifest.Parse(data); m == nil {
		return fmt.Errorf("%w: %s: %w", ErrRejected, d.file(fileManifest), report.Err())
	}
	return nil
}

// nextUpdatedAt returns the line that was last published, which is the zero
// value if none was, and the one to be published: the same if the content is.
func (v *view) nextUpdatedAt(digest *[32]byte) (current, next bundle.UpdatedAt, err error) {
	if *digest, err = bundle.ContentDigest(v.file(dirNodeInfo)); err != nil {
		return current, next, fmt.Errorf("%s: %w", v.file(dirNodeInfo), err)
	}
	data, err := v.readFile(fileUpdatedAt, maxLineFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return current, next, err
	default:
		if current, err = bundle.ParseUpdatedAt(string(data)); err != nil {
			return current, next, fmt.Errorf("%s: %w", v.file(fileUpdatedAt), err)
		}
		published, err := v.readLine(fileNodeInfoDigest)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return current, next, err
		}
		if published == hex.EncodeToString(digest[:]) {
			return current, current, nil
		}
	}
	next, err = bundle.NextUpdatedAt(current, v.now)
	if err != nil {
		return current, next, fmt.Errorf("%s: %w", v.file(fileUpdatedAt), err)
	}
	return current, next, nil
}

// ownRequest reads db/root-ca.csr; nil if there is none yet.
func (d *Dir) ownRequest() (*certs.Request, error) {
	data, err := d.readFile(fileRequest, maxCertFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	req, err := certs.ParseRequest(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: remove it, and a new one is made", d.file(fileRequest), err)
	}
	if err := certs.CheckRequest(req, d.root.Certificate).Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w: remove it, and a new one is made", ErrRejected, d.file(fileRequest), err)
	}
	return req, nil
}

// checkOutput refuses an output that could not be made in the end, or that
// would itself be published: one inside nodeinfo/.
func (d *Dir) checkOutput(out string, overwrite bool) error {
	switch fi, err := os.Lstat(out); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%s: found a folder, expected the name of a new file", out)
	case !overwrite:
		return &fs.PathError{Op: "create", Path: out, Err: fs.ErrExist}
	}
	return d.CheckOutput(out)
}

// CheckOutput refuses (ErrRejected) the path of an output file that the directory
// keeps for itself: anything inside private/, certs/, db/, peers/ or nodeinfo/,
// and the files that have a meaning at its root. Other names at the root are
// free. Symbolic links to folders are followed.
func (d *Dir) CheckOutput(path string) error {
	folder, err := realPath(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, dir := range []string{dirPrivate, dirCerts, dirDB, dirPeers, dirNodeInfo} {
		own, err := realPath(d.file(dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if rel, err := filepath.Rel(own, folder); err == nil && filepath.IsLocal(rel) {
			why := "which this program keeps"
			if dir == dirNodeInfo {
				why = "whose content is published"
			}
			return rejectf("%s: it is inside %s, %s: choose another folder", path, d.file(dir), why)
		}
	}
	root, err := realPath(d.path)
	if err != nil {
		return err
	}
	if folder != root {
		return nil
	}
	name := filepath.Base(path)
	for _, own := range []string{
		fileRootCert, fileConf, fileGitignore, fileCreditorsSubnet, fileDebtorsSubnet, dirPrivate, dirCerts, dirDB, dirPeers, dirNodeInfo,
	} {
		if strings.EqualFold(name, own) { // file systems that fold case take them for one
			return rejectf("%s: the node directory keeps something else under this name: choose another", path)
		}
	}
	return nil
}

// realPath returns the absolute path without symbolic links.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}
