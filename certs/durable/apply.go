package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Whether an op has been applied is always seen from which names exist, never
// remembered, so that apply and undo can be interrupted and repeated. While the
// journal says "committed" or "undo", temporary files are not removed until
// every op is applied; so a temporary file that is gone has been put in place.

// errLost is reported when neither the destination nor what was to be put there
// is found: somebody else removed files.
var errLost = fmt.Errorf("what was to be put there has disappeared: %w", ErrForeign)

// ErrForeign is wrapped by the errors of Recover, and of a Commit that is being
// undone, that say what somebody else did since the change began. No repetition
// gets over it: people must look at the file.
var ErrForeign = errors.New("it was changed by another program meanwhile")

// applyOp puts one change in its place, if it is not.
func (r *runner) applyOp(i int, o *op) error {
	switch o.Action {
	case ActionCreate:
		return r.applyNew(o)
	case ActionReplace:
		if !o.Existed {
			return r.applyNew(o)
		}
		return r.applyReplace(o)
	case ActionCreateTree:
		return r.applyNew(o)
	case ActionReplaceTree:
		if !o.Existed {
			return r.applyNew(o)
		}
		return r.exchangeTree(i, o)
	case ActionAppend:
		return r.applyAppend(o)
	case ActionMkdir:
		return r.mkdir(o.Path, fs.FileMode(o.Mode))
	case ActionChmod:
		return r.chmod(o.Path, fs.FileMode(o.Mode))
	case ActionRemove:
		return r.applyRemove(o)
	}
	return fmt.Errorf("unknown action %q", o.Action)
}

// undoOp takes one change back, if it was made.
func (r *runner) undoOp(i int, o *op) error {
	switch o.Action {
	case ActionCreate, ActionCreateTree:
		return r.undoNew(o)
	case ActionReplace:
		if !o.Existed {
			return r.undoNew(o)
		}
		return r.undoReplace(o)
	case ActionReplaceTree:
		if !o.Existed {
			return r.undoNew(o)
		}
		return r.exchangeTreeBack(i, o)
	case ActionAppend:
		return r.undoAppend(o)
	case ActionMkdir:
		return r.undoMkdir(o)
	case ActionChmod:
		return r.undoChmod(o)
	case ActionRemove:
		return r.undoRemove(o)
	}
	return fmt.Errorf("unknown action %q", o.Action)
}

// pair looks at two names at once.
func (r *runner) pair(x, y string) (a, b fs.FileInfo, err error) {
	if a, err = r.lstat(x); err == nil {
		b, err = r.lstat(y)
	}
	return a, b, err
}

func (r *runner) applyNew(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	switch {
	case err != nil:
		return err
	case temp != nil:
		return r.place(o.Temp, o.Path)
	case dest == nil:
		return errLost
	}
	return nil
}

func (r *runner) undoNew(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	switch {
	case err != nil || dest == nil:
		return err
	case temp == nil:
		return r.rename(o.Path, o.Temp)
	case os.SameFile(temp, dest): // linked, not yet unlinked
		return r.remove(o.Path)
	}
	return nil // not put in place: what is there is somebody else's
}

func (r *runner) applyReplace(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	switch {
	case err != nil:
		return err
	case temp != nil && dest != nil && !dest.Mode().IsRegular():
		return notA("file", o.Path, dest)
	case temp != nil:
		return r.rename(o.Temp, o.Path)
	case dest == nil:
		return errLost
	}
	return nil
}

func (r *runner) undoReplace(o *op) error {
	temp, old, err := r.pair(o.Temp, o.Old)
	if err != nil || temp != nil || old == nil {
		return err
	}
	return r.rename(o.Old, o.Path)
}

func (r *runner) applyRemove(o *op) error {
	dest, old, err := r.pair(o.Path, o.Old)
	if err != nil || dest == nil || old != nil {
		return err
	}
	return r.rename(o.Path, o.Old)
}

func (r *runner) undoRemove(o *op) error {
	dest, old, err := r.pair(o.Path, o.Old)
	if err != nil || old == nil || dest != nil {
		return err
	}
	return r.rename(o.Old, o.Path)
}

func (r *runner) undoMkdir(o *op) error {
	r.forget(o.Path)
	err := r.remove(o.Path)
	// Somebody else's files in it are not ours to remove.
	if fi, lerr := r.lstat(o.Path); err != nil && lerr == nil && fi != nil && fi.IsDir() && !r.isEmpty(o.Path) {
		return nil
	}
	return err
}

func (r *runner) isEmpty(dir string) bool {
	f, err := r.root.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	return len(names) == 0 && errors.Is(err, io.EOF)
}

func (r *runner) undoChmod(o *op) error {
	fi, err := r.lstat(o.Path)
	if err != nil || fi == nil {
		return err
	}
	return r.chmod(o.Path, fs.FileMode(o.OldMode))
}

// appended is the file of an append op, and what was to be added to it.
type appended struct {
	file *os.File // for reading and syncing, so that nothing more is asked for than is needed
	size int64
	tail []byte // what comes after the recorded size, at most one byte more than was to be added
	data []byte // nil if its temporary file is gone
}

func (r *runner) openAppended(o *op) (*appended, error) {
	data, err := r.readTemp(o.Temp, o.Size)
	if err != nil {
		return nil, err
	}
	dir, err := r.folder(path.Dir(o.Path))
	if err != nil {
		return nil, err
	}
	fi, err := dir.root.Lstat(path.Base(o.Path))
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, notA("file", o.Path, fi)
	}
	a := &appended{size: fi.Size(), data: data}
	if a.size < o.Offset {
		return nil, a.foreign(o)
	}
	if a.file, err = dir.root.OpenFile(path.Base(o.Path), syncFlag|noFollow, 0); err != nil {
		return nil, err
	}
	a.tail = make([]byte, min(a.size-o.Offset, o.Size+1))
	if _, err := a.file.ReadAt(a.tail, o.Offset); err != nil {
		a.file.Close()
		return nil, err
	}
	return a, nil
}

// maxShownData is how much of what was to be added an error shows: a row of an
// index is shorter, and it is what people need in order to put it right.
const maxShownData = 512

// foreign says what the file must be, so that people can make it so.
func (a *appended) foreign(o *op) error {
	with := "what the change adds"
	if len(a.data) > 0 && len(a.data) <= maxShownData {
		with = fmt.Sprintf("%q", a.data)
	}
	return fmt.Errorf("found %d bytes, expected the first %d of them and nothing more, as it was before the change, or the first %d and then %s, %d bytes in all: %w",
		a.size, o.Offset, o.Offset, with, o.Offset+o.Size, ErrForeign)
}

// is reports whether the file is as this state demands it: with all of the data
// or, in the undo state, with none. If it is not, the error says why it cannot be
// made so.
func (a *appended) is(state string, o *op) (bool, error) {
	whole := int64(len(a.tail)) >= o.Size && digest(a.tail[:o.Size]) == o.Is
	if state == undoState {
		whole = len(a.tail) == 0
	}
	switch {
	case whole:
		return true, nil
	case a.data == nil && len(a.tail) == 0:
		return false, errLost
	case !isTorn(a.tail, a.data):
		return false, a.foreign(o)
	}
	return false, nil
}

func (r *runner) applyAppend(o *op) error {
	return r.endAppend(o, committedState, func(f *os.File, data []byte) error {
		// Not WriteAt: seek and write are what the other files are written with.
		if _, err := f.Seek(o.Offset, io.SeekStart); err != nil {
			return err
		}
		if err := r.step("write", o.Path); err != nil {
			return err
		}
		_, err := f.Write(data)
		return err
	})
}

func (r *runner) undoAppend(o *op) error {
	return r.endAppend(o, undoState, func(f *os.File, _ []byte) error {
		if err := r.step("truncate", o.Path); err != nil {
			return err
		}
		return f.Truncate(o.Offset)
	})
}

// endAppend makes the file of an append op what the state demands, and syncs it.
func (r *runner) endAppend(o *op, state string, do func(f *os.File, data []byte) error) error {
	a, err := r.openAppended(o)
	if err != nil {
		return err
	}
	return closeAfter(a.file, func() error {
		done, err := a.is(state, o)
		if err != nil {
			return err
		}
		if done { // but perhaps by a process that died before the sync
			return r.syncFile(a.file, o.Path)
		}
		f, err := r.openForAppend(o.Path)
		if err != nil {
			return err
		}
		return closeAfter(f, func() error {
			if err := do(f, a.data); err != nil {
				return err
			}
			return r.syncFile(f, o.Path)
		})
	})
}

// openForAppend opens a file that is to be added to.
func (d *disk) openForAppend(name string) (*os.File, error) {
	dir, err := d.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	return dir.root.OpenFile(path.Base(name), os.O_RDWR|noFollow, 0)
}

// isTorn reports whether tail can be what a crash left of writing data: no
// longer than data, and each byte is data's, or zero where the size reached the
// disk before the content.
func isTorn(tail, data []byte) bool {
	if len(tail) > len(data) {
		return false
	}
	for i, b := range tail {
		if b != data[i] && b != 0 {
			return false
		}
	}
	return true
}

// readTemp reads a staged file of this size; nil if it is not there.
func (r *runner) readTemp(name string, size int64) ([]byte, error) {
	fi, err := r.lstat(name)
	if err != nil || fi == nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() != size {
		return nil, fmt.Errorf("%s: found %v of %d bytes, expected a file of %d", name, fi.Mode().Type(), fi.Size(), size)
	}
	f, err := r.root.OpenFile(name, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, size)
}

// readAtMost reads a whole file and fails if it is longer than limit.
func readAtMost(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: found more than %d bytes", f.Name(), limit)
	}
	return data, nil
}
