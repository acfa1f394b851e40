package durable

import (
	"errors"
	"fmt"
	"io/fs"
)

// Recovery says what Recover found. The zero Recovery means that there was
// nothing to do.
type Recovery struct {
	Completed bool // a committed change was completed
	Undone    bool // a change that had not been committed was cleaned up
	Paths     []string
}

// Recover finishes or cleans up what an interrupted Commit left below root. The
// caller holds the lock. It may be interrupted itself, and repeated. A journal
// that cannot be read, or that names anything but what a Tx may have named, is
// an error, and nothing is touched. If the work cannot be finished the error is
// an [*Interrupted].
func Recover(root, journal string) (Recovery, error) { return recoverWith(root, journal, nil) }

func recoverWith(root, name string, h hook) (Recovery, error) {
	if err := checkJournalName(name); err != nil {
		return Recovery{}, err
	}
	d, err := openDisk(root, h)
	if err != nil {
		return Recovery{}, err
	}
	defer d.close()
	j := &journal{disk: d, name: name}
	found, err := j.find()
	if err != nil || len(found) == 0 {
		return Recovery{}, err
	}
	state := found[0]
	if state == newSuffix {
		// It had not begun.
		if err := j.end(newSuffix); err != nil {
			return Recovery{}, &Interrupted{Journal: name, Cause: err}
		}
		return Recovery{Undone: true}, nil
	}
	if len(found) > 1 && found[1] != newSuffix {
		return Recovery{}, fmt.Errorf("journal: found both %s%s and %s%s, expected one: a program other than this one was here", name, state, name, found[1])
	}
	p, err := j.read(state)
	if err != nil {
		return Recovery{}, fmt.Errorf("journal of an interrupted change, %s%s: %w", name, state, err)
	}
	r := &runner{disk: d, journal: j, plan: p}
	if err := r.resume(state); err != nil {
		if i := (*Interrupted)(nil); errors.As(err, &i) {
			return Recovery{}, err
		}
		return Recovery{}, &Interrupted{Journal: name, Applied: state == committedState, Cause: err}
	}
	return Recovery{Completed: state == committedState, Undone: state != committedState, Paths: p.paths()}, nil
}

// resume goes on from the journal's state. The state was perhaps not synced by
// the process that died: it must be before anything is built on it.
func (r *runner) resume(state string) error {
	if err := r.journal.sync(); err != nil {
		return err
	}
	switch state {
	case committedState:
		if err := r.apply(); err != nil {
			return err
		}
		return r.finish()
	case undoState:
		return r.finishUndo(nil)
	}
	return r.abandon(nil)
}

// Pending reports, without changing anything, whether Recover has something to
// do.
func Pending(root, name string) (bool, error) {
	if err := checkJournalName(name); err != nil {
		return false, err
	}
	d, err := openDisk(root, nil)
	if err != nil {
		return false, err
	}
	defer d.close()
	found, err := (&journal{disk: d, name: name}).find()
	return len(found) > 0, err
}

// PendingPaths lists, without changing anything, the paths that the interrupted
// change concerns: until Recover, each of them may be in its old state, in its
// new one, or gone. It is empty if nothing is pending, or if what is pending had
// not begun to change anything. A journal that cannot be read is an error.
func PendingPaths(root, name string) ([]string, error) {
	if err := checkJournalName(name); err != nil {
		return nil, err
	}
	d, err := openDisk(root, nil)
	if err != nil {
		return nil, err
	}
	defer d.close()
	j := &journal{disk: d, name: name}
	found, err := j.find()
	if err != nil || len(found) == 0 || found[0] == newSuffix {
		return nil, err
	}
	p, err := j.read(found[0])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // completed just now by its own process
	}
	if err != nil {
		return nil, fmt.Errorf("journal of an interrupted change, %s%s: %w", name, found[0], err)
	}
	return p.paths(), nil
}
