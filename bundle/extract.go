package bundle

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// Modes of what is extracted: public, because the servers read it as another
// user (spec node-directory.md).
const (
	modeFile   = 0o644
	modeFolder = 0o755
)

// Extract writes the nodeinfo into a new folder dir, which must not exist (the
// error is fs.ErrExist if it does) while its parent must. Files get mode 0644 and
// folders 0755, whatever the umask and the archive say; everything is synced,
// the parent of dir included. Every byte is what was verified.
// Nothing is written outside of dir, and symbolic links in it are not followed.
// After an error dir is gone again.
func (n *NodeInfo) Extract(dir string) (err error) {
	if err := n.extract(filepath.Clean(dir), (*os.File).Sync); err != nil {
		return fmt.Errorf("extract: %w", shortPath(err))
	}
	return nil
}

// shortPath bounds the name that an error begins with, which a stranger chose:
// the cause comes after it and must not be cut off.
func shortPath(err error) error {
	e, ok := errors.AsType[*fs.PathError](err)
	if !ok || len(e.Path) <= maxShownName {
		return err
	}
	return &fs.PathError{Op: e.Op, Path: strings.ToValidUTF8(e.Path[:maxShownName], "") + "…", Err: e.Err}
}

// maxShownName is how many bytes of a name are shown: one element, or more.
const maxShownName = strictzip.MaxElement

// syncer makes a file or a folder durable: (*os.File).Sync, but for tests that
// prove what is synced, and when.
type syncer func(*os.File) error

func (n *NodeInfo) extract(dir string, sync syncer) (err error) {
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	base := filepath.Base(dir)
	if err := parent.Mkdir(base, modeFolder); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if e := parent.RemoveAll(base); e != nil {
				err = fmt.Errorf("%w; and what was written could not be removed: %w", err, e)
			}
		}
	}()
	if err := parent.Chmod(base, modeFolder); err != nil {
		return err
	}
	root, err := parent.OpenRoot(base)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := n.extractInto(root, sync); err != nil {
		return err
	}
	return syncFolder(parent, ".", sync)
}

// ExtractInto is [NodeInfo.Extract] for a folder that exists, such as one in
// which a change is staged. It must be empty (the error is fs.ErrExist if it is
// not) and keeps its mode; its parent is not synced. After an error, what was
// written so far is still there.
func (n *NodeInfo) ExtractInto(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	defer root.Close()
	if err = mustBeEmpty(root, dir); err == nil {
		err = n.extractInto(root, (*os.File).Sync)
	}
	if err != nil {
		return fmt.Errorf("extract: %w", shortPath(err))
	}
	return nil
}

func mustBeEmpty(root *os.Root, dir string) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	switch names, err := f.Readdirnames(1); {
	case len(names) > 0:
		return &fs.PathError{Op: "extract into", Path: dir, Err: fmt.Errorf("%w: the folder is not empty", fs.ErrExist)}
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (n *NodeInfo) extractInto(root *os.Root, sync syncer) error {
	x := &extractor{root: root, sync: sync, made: map[string]bool{".": true}}
	if err := n.Archive.Walk(x.entry); err != nil {
		return err
	}
	// The innermost first, and always in the same order.
	for _, folder := range slices.Backward(slices.Sorted(maps.Keys(x.made))) {
		if err := syncFolder(root, folder, sync); err != nil {
			return err
		}
	}
	return nil
}

type extractor struct {
	root *os.Root
	sync syncer
	made map[string]bool // folders, relative
}

// entry writes one entry.
func (x *extractor) entry(e strictzip.Entry, content io.Reader) error {
	if folder, ok := strings.CutSuffix(e.Name, "/"); ok {
		return x.folder(folder)
	}
	if err := x.folder(path.Dir(e.Name)); err != nil {
		return err
	}
	f, err := x.root.OpenFile(e.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, modeFile)
	if err != nil {
		return err
	}
	// Read to the end: only there does the reader say that all was right.
	_, err = io.Copy(f, content)
	if err == nil {
		err = cmp.Or(f.Chmod(modeFile), x.sync(f))
	}
	return cmp.Or(err, f.Close())
}

// folder makes a folder and those above it.
func (x *extractor) folder(rel string) error {
	if x.made[rel] {
		return nil
	}
	if err := x.folder(path.Dir(rel)); err != nil {
		return err
	}
	if err := x.root.Mkdir(rel, modeFolder); err != nil {
		return err
	}
	x.made[rel] = true
	return x.root.Chmod(rel, modeFolder) // undo what the umask did
}

func syncFolder(root *os.Root, rel string, sync syncer) error {
	f, err := root.Open(rel)
	if err != nil {
		return err
	}
	return cmp.Or(sync(f), f.Close())
}
