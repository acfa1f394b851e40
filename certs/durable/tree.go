package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Modes in a tree: it is for the public (spec node-directory.md, "Public files
// are 0644 and folders 0755").
const (
	treeFileMode fs.FileMode = 0o644
	treeDirMode  fs.FileMode = 0o755
)

// stageTree fills a new folder, gives everything in it its mode, and syncs it
// from the bottom up. If it is going to be exchanged with an old folder, an
// empty file in it, the mark, says which of the two is the new one.
func (r *runner) stageTree(i int, o *op, fill func(stage string) error) error {
	if fill == nil {
		return errors.New("there is nothing that fills the folder")
	}
	if err := r.mkdir(o.Temp, 0o700); err != nil {
		return err
	}
	if err := fill(filepath.Join(r.abs, filepath.FromSlash(o.Temp))); err != nil {
		return err
	}
	if err := r.settleEntries(o.Temp); err != nil {
		return err
	}
	if o.Existed {
		if err := r.writeFile(path.Join(o.Temp, r.plan.mark(i)), nil, treeFileMode); err != nil {
			return err
		}
	}
	return r.settleFolder(o.Temp)
}

// settleEntries sets modes and syncs everything below a folder, each folder
// after what is in it.
func (r *runner) settleEntries(name string) error {
	dir, err := r.root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		child := path.Join(name, e.Name())
		switch {
		case e.IsDir():
			if err = r.settleEntries(child); err == nil {
				err = r.settleFolder(child)
			}
		case e.Type().IsRegular():
			err = r.settleFile(dir, e.Name(), child)
		default:
			err = fmt.Errorf("%s: found %v, expected only files and folders", child, e.Type())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) settleFolder(name string) error {
	f, err := r.root.Open(name)
	if err != nil {
		return err
	}
	return closeAfter(f, func() error {
		if err := r.step("chmod", name); err != nil {
			return err
		}
		if err := f.Chmod(treeDirMode); err != nil {
			return err
		}
		if err := r.step("sync", name); err != nil {
			return err
		}
		return syncDir(f)
	})
}

func (r *runner) settleFile(dir *os.Root, base, name string) error {
	f, err := dir.OpenFile(base, syncFlag|noFollow, 0)
	if err != nil {
		return err
	}
	return closeAfter(f, func() error { return r.finishFile(f, name, treeFileMode) })
}

// Where the new tree is, as its mark says.
type treePlace int

const (
	markGone treePlace = iota // the change is complete, but for what is to be removed
	atTemp
	atDest
)

func (r *runner) whereIsTree(i int, o *op) (treePlace, error) {
	inTemp, inDest, err := r.pair(path.Join(o.Temp, r.plan.mark(i)), path.Join(o.Path, r.plan.mark(i)))
	switch {
	case err != nil:
		return 0, err
	case inTemp != nil:
		return atTemp, nil
	case inDest != nil:
		return atDest, nil
	}
	return markGone, nil
}

// exchangeTree puts a new tree in the place of an old one. The old one is then
// at o.Temp, or at o.Old if the file system cannot exchange.
func (r *runner) exchangeTree(i int, o *op) error {
	place, err := r.whereIsTree(i, o)
	if err != nil {
		return err
	}
	dest, old, err := r.pair(o.Path, o.Old)
	switch {
	case err != nil:
		return err
	case place == atDest:
		return nil
	case place == markGone && dest != nil:
		return nil
	case place == markGone:
		return errLost
	case dest == nil && old == nil:
		return errLost
	case dest != nil:
		if err := r.exchange(o.Temp, o.Path); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		if err := r.rename(o.Path, o.Old); err != nil {
			return err
		}
	}
	return r.place(o.Temp, o.Path)
}

func (r *runner) exchangeTreeBack(i int, o *op) error {
	place, err := r.whereIsTree(i, o)
	if err != nil {
		return err
	}
	if place == markGone {
		return errLost
	}
	temp, old, err := r.pair(o.Temp, o.Old)
	if err != nil {
		return err
	}
	if place == atDest && temp != nil {
		return r.exchange(o.Temp, o.Path)
	}
	if place == atDest {
		if err := r.rename(o.Path, o.Temp); err != nil {
			return err
		}
	}
	if old == nil {
		return nil
	}
	return r.rename(o.Old, o.Path)
}
