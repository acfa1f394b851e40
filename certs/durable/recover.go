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

// ErrJournal is wrapped by the errors of a journal that cannot be used. Nothing
// below the root can be changed while it is there, because nobody knows what is
// half done.
var ErrJournal = errors.New("the record of an interrupted change cannot be used")

func journalError(file string, err error) error {
	return fmt.Errorf("%s: %w: %w", file, ErrJournal, err)
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
			return Recovery{}, &Interrupted{Journal: name + newSuffix, Cause: err}
		}
		return Recovery{Undone: true}, nil
	}
	if len(found) > 1 && found[1] != newSuffix {
		return Recovery{}, journalError(name+state, fmt.Errorf("found %s%s as well, expected one: a program other than this one was here", name, found[1]))
	}
	p, err := j.read(state)
	if err != nil {
		return Recovery{}, journalError(name+state, err)
	}
	r := &runner{disk: d, journal: j, plan: p}
	if err := r.resume(state); err != nil {
		if i := (*Interrupted)(nil); errors.As(err, &i) {
			return Recovery{}, err
		}
		return Recovery{}, r.interrupted(state == committedState, err, nil)
	}
	return Recovery{Completed: state == committedState, Undone: state != committedState, Paths: p.paths()}, nil
}

// resume goes on from the journal's state. The state was perhaps not synced by
// the process that died: it must be before anything is built on it.
func (r *runner) resume(state string) error {
	if err := r.journal.sync(); err != nil {
		return err
	}
	if err := r.obstacles(state); err != nil {
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

// PendingChange is what is known of an interrupted change without finishing it.
type PendingChange struct {
	// Journal is the path of the journal's file, relative to the root; "" if
	// nothing is pending.
	Journal string
	// Paths are what the change concerns: until Recover, each of them may be in
	// its old state, in its new one, or gone. They are empty if what is pending
	// had not begun to change anything.
	Paths []string
	// Obstacle is what Recover will not get over, as far as it can be seen now:
	// somebody else changed a file meanwhile. It wraps [ErrForeign].
	Obstacle error
}

// LookPending looks at an interrupted change, without changing anything. A
// journal that cannot be used is an error.
func LookPending(root, name string) (PendingChange, error) {
	if err := checkJournalName(name); err != nil {
		return PendingChange{}, err
	}
	d, err := openDisk(root, nil)
	if err != nil {
		return PendingChange{}, err
	}
	defer d.close()
	j := &journal{disk: d, name: name}
	found, err := j.find()
	if err != nil || len(found) == 0 {
		return PendingChange{}, err
	}
	out := PendingChange{Journal: name + found[0]}
	if found[0] == newSuffix {
		return out, nil
	}
	p, err := j.read(found[0])
	if errors.Is(err, fs.ErrNotExist) {
		return PendingChange{}, nil // completed just now by its own process
	}
	if err != nil {
		return out, journalError(out.Journal, err)
	}
	out.Paths = p.paths()
	r := &runner{disk: d, journal: j, plan: p}
	if err := r.obstacles(found[0]); errors.Is(err, ErrForeign) {
		out.Obstacle = err
	}
	return out, nil
}
