package durable

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
)

// prepare checks everything that can be checked without writing, and returns
// the plan with the changes that it needs: changes[i] belongs to plan.Ops[i].
func (t *Tx) prepare(d *disk) (*plan, []change, error) {
	if len(t.changes) > maxOps {
		return nil, nil, fmt.Errorf("found %d changes, expected at most %d", len(t.changes), maxOps)
	}
	p := &plan{ID: newTxID()}
	b := builder{disk: d, plan: p, journal: t.journal, made: make(map[string]string)}
	var todo []change
	for _, c := range t.changes {
		o, needed, err := b.op(c)
		if err != nil {
			return nil, nil, fmt.Errorf("%s %s: %w", c.Action, c.Path, err)
		}
		if !needed {
			continue
		}
		b.made[c.Path] = c.Action
		p.Ops = append(p.Ops, o)
		todo = append(todo, c)
	}
	return p, todo, nil
}

func newTxID() string {
	var b [txDigits / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// builder turns changes into ops, one after the other.
type builder struct {
	*disk
	plan    *plan
	journal string
	made    map[string]string // path → action of the changes so far
}

// op checks one change. needed is false for a folder that is there already.
func (b *builder) op(c change) (o op, needed bool, err error) {
	o = op{Action: c.Action, Path: c.Path}
	if err := b.checkTarget(c); err != nil {
		return o, false, err
	}
	if c.Action == ActionMkdir && b.made[c.Path] == ActionMkdir {
		return o, false, nil
	}
	if prev, twice := b.made[c.Path]; twice {
		return o, false, fmt.Errorf("the same change has a %s of this path already", prev)
	}
	fi, err := b.lstat(c.Path)
	if err != nil {
		return o, false, err
	}
	if err := b.checkFound(c, fi); err != nil {
		return o, false, err
	}
	i := len(b.plan.Ops)
	if o.staged() {
		above, err := b.stagingFolder(c.Path)
		if err != nil {
			return o, false, err
		}
		o.Temp = path.Join(above, b.plan.temp(i))
	}
	if o.addsFile() {
		o.Is = digest(c.Data)
	}
	switch c.Action {
	case ActionReplace, ActionReplaceTree:
		if o.Existed = fi != nil; o.Existed {
			o.Old = b.plan.old(i, c.Path)
		}
		if o.Existed && !o.isTree() {
			o.Was, err = b.contentNow(c.Path)
		}
		return o, true, err
	case ActionRemove:
		o.Old = b.plan.old(i, c.Path)
		o.Was, err = b.contentNow(c.Path)
		return o, true, err
	case ActionAppend:
		o.Offset, o.Size = fi.Size(), int64(len(c.Data))
		return o, o.Size > 0, b.tryAppend(c)
	case ActionMkdir:
		o.Mode = uint32(c.Mode)
		return o, fi == nil, nil
	case ActionChmod:
		o.Mode, o.OldMode = uint32(c.Mode), uint32(fi.Mode().Perm())
		return o, o.Mode != o.OldMode, nil
	}
	return o, true, nil
}

// tryAppend finds out whether the file can be added to. For everything else that
// changes, staging shows that its folder can be written to; a file in such a
// folder may still be read-only, or somebody else's.
func (b *builder) tryAppend(c change) error {
	if len(c.Data) == 0 {
		return nil
	}
	f, err := b.openForAppend(c.Path)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkTarget judges the change itself and its place among the others.
func (b *builder) checkTarget(c change) error {
	if err := checkPath(c.Path); err != nil {
		return err
	}
	if c.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("found mode %v, expected permission bits only", c.Mode)
	}
	if IsTemporary(path.Base(c.Path)) || c.Path == b.journal {
		return fmt.Errorf("the name is reserved for temporary files")
	}
	for dir := path.Dir(c.Path); ; dir = path.Dir(dir) {
		if b.made[dir] == ActionReplaceTree {
			return fmt.Errorf("it lies in %s, which the same change replaces", dir)
		}
		if dir == "." {
			return nil
		}
	}
}

// checkFound judges what is at the destination now; fi is nil for nothing.
func (b *builder) checkFound(c change, fi fs.FileInfo) error {
	switch c.Action {
	case ActionCreate, ActionCreateTree:
		if fi != nil {
			return fs.ErrExist
		}
	case ActionReplace, ActionAppend, ActionRemove:
		if fi != nil && !fi.Mode().IsRegular() {
			return notA("file", c.Path, fi)
		}
	case ActionMkdir, ActionReplaceTree:
		if fi != nil && !fi.IsDir() {
			return notA("folder", c.Path, fi)
		}
	case ActionChmod:
		if fi != nil && !fi.IsDir() && !fi.Mode().IsRegular() {
			return notA("file", c.Path, fi)
		}
	}
	switch c.Action {
	case ActionAppend, ActionRemove, ActionChmod:
		if fi == nil {
			return fs.ErrNotExist
		}
	}
	return b.checkParent(c.Path)
}

// checkParent demands that the folder of name is there or is made by an earlier
// change.
func (b *builder) checkParent(name string) error {
	dir := path.Dir(name)
	if a := b.made[dir]; a == ActionMkdir || a == ActionCreateTree {
		return nil
	}
	for above := dir; above != "."; above = path.Dir(above) {
		if b.made[above] == ActionCreateTree {
			return nil // only its fill knows
		}
	}
	_, err := b.folder(dir)
	return err
}

// stagingFolder is the nearest folder at or above name's that exists now.
func (b *builder) stagingFolder(name string) (string, error) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		fi, err := b.lstat(dir)
		if err != nil {
			return "", err
		}
		if fi != nil {
			return dir, nil
		}
	}
	return ".", nil
}
