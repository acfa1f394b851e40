package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// ErrPending is returned by Commit when an earlier change was interrupted:
// [Recover] must come first.
var ErrPending = errors.New("an earlier change was interrupted and has not been recovered")

// Interrupted is returned by Commit when it could neither make the change nor
// take it back, and by Recover when it could not finish. The journal is kept:
// Recover will finish when the cause is gone.
type Interrupted struct {
	Journal string   // path of the journal's file, relative to the root
	Paths   []string // what the change concerns, relative to the root
	Applied bool     // the change counts as made; if not, it counts as not made
	Cause   error    // what stopped it
	Cleanup error    // what stopped the undoing or cleaning up; may be nil
}

// Error says what happened and what will.
func (e *Interrupted) Error() string {
	s := "interrupted, and will be undone by the next change: "
	if e.Applied {
		s = "interrupted, and will be completed by the next change: "
	}
	switch {
	case e.Cause == nil:
		return s + e.Cleanup.Error()
	case e.Cleanup == nil:
		return s + e.Cause.Error()
	}
	return s + e.Cause.Error() + "; then: " + e.Cleanup.Error()
}

// Unwrap returns the causes.
func (e *Interrupted) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Cause, e.Cleanup}, func(err error) bool { return err == nil })
}

// Commit applies the changes in the order they were added. After an error
// everything is as it was before, or, if even that fails, the error is an
// [*Interrupted] that says what Recover will finish. A Tx without changes does
// nothing. Errors wrap their cause, for example [fs.ErrExist] or
// syscall.ENOSPC, and name the action and the path.
func (t *Tx) Commit() error {
	if t.committed {
		return errors.New("this set of changes was committed before")
	}
	t.committed = true
	if len(t.changes) == 0 {
		return nil
	}
	if err := checkJournalName(t.journal); err != nil {
		return err
	}
	d, err := openDisk(t.root, t.hook)
	if err != nil {
		return err
	}
	defer d.close()
	j := &journal{disk: d, name: t.journal}
	if found, err := j.find(); err != nil {
		return err
	} else if len(found) > 0 {
		return ErrPending
	}
	p, changes, err := t.prepare(d)
	if err != nil || len(p.Ops) == 0 {
		return err
	}
	r := &runner{disk: d, journal: j, plan: p}
	return r.commit(changes)
}

// runner makes one change.
type runner struct {
	*disk
	journal *journal
	plan    *plan
}

// interrupted is the error of a change that could not be ended. The journal's
// file is the one that is there now.
func (r *runner) interrupted(applied bool, cause, cleanup error) *Interrupted {
	file := r.journal.name
	if found, err := r.journal.find(); err == nil && len(found) > 0 {
		file += found[0]
	}
	return &Interrupted{Journal: file, Paths: r.plan.paths(), Applied: applied, Cause: cause, Cleanup: cleanup}
}

func (r *runner) commit(changes []change) error {
	if err := r.journal.begin(r.plan); err != nil {
		if cerr := r.journal.end(stagingState); cerr != nil {
			return r.interrupted(false, err, cerr)
		}
		return err
	}
	if err := r.stage(changes); err != nil {
		return r.abandon(err)
	}
	if err := r.journal.move(stagingState, committedState); err != nil {
		return r.takeBack(err)
	}
	if err := r.apply(); err != nil {
		return r.takeBack(err)
	}
	// From here on nothing is undone: every change is in its place and synced.
	if err := r.finish(); err != nil {
		return r.interrupted(true, err, nil)
	}
	return nil
}

// stage writes all new content under temporary names, and syncs it.
func (r *runner) stage(changes []change) error {
	var touched []string
	for i := range r.plan.Ops {
		o := &r.plan.Ops[i]
		if err := r.stageOp(i, o, changes[i]); err != nil {
			return fmt.Errorf("%s %s: %w", o.Action, o.Path, err)
		}
		for _, name := range []string{o.Temp, o.Old} {
			if name != "" {
				touched = append(touched, path.Dir(name))
			}
		}
	}
	return r.syncFolders(touched)
}

func (r *runner) stageOp(i int, o *op, c change) error {
	switch o.Action {
	case ActionCreate, ActionReplace:
		if err := r.writeFile(o.Temp, c.Data, c.Mode); err != nil {
			return err
		}
		if o.Action == ActionReplace && o.Existed {
			return r.keep(o.Path, o.Old)
		}
	case ActionAppend:
		return r.writeFile(o.Temp, c.Data, 0o600)
	case ActionCreateTree, ActionReplaceTree:
		return r.stageTree(i, o, c.fill)
	}
	return nil
}

// apply puts everything in its place and syncs it. It is what Recover does
// after a crash, too, so that each step takes note of what has been done.
func (r *runner) apply() error {
	for i := range r.plan.Ops {
		o := &r.plan.Ops[i]
		if err := r.applyOp(i, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.Action, o.Path, err)
		}
	}
	return r.syncFolders(r.changedFolders())
}

// changedFolders lists the folders in which names change.
func (r *runner) changedFolders() []string {
	var out []string
	for _, o := range r.plan.Ops {
		switch o.Action {
		case ActionAppend:
			// The file's own sync is enough.
		case ActionChmod:
			// So is the sync of what got another mode.
		case ActionMkdir:
			out = append(out, o.Path, path.Dir(o.Path))
		default:
			out = append(out, path.Dir(o.Path))
		}
		if o.Temp != "" && o.Action != ActionAppend {
			out = append(out, path.Dir(o.Temp))
		}
	}
	return out
}

// finish removes what is left of the temporary files, and the journal. Before
// the journal goes, the removals are synced, so that a power loss leaves no
// stray copy of what was replaced.
func (r *runner) finish() error {
	var touched []string
	for i := range r.plan.Ops {
		o := &r.plan.Ops[i]
		var err error
		switch {
		case o.isTree() && o.Existed:
			err = errors.Join(r.remove(path.Join(o.Path, r.plan.mark(i))), r.removeTree(o.Temp), r.removeTree(o.Old))
			touched = append(touched, o.Path)
		case o.Action == ActionAppend:
			err = r.remove(o.Temp)
			touched = append(touched, path.Dir(o.Temp))
		case o.Old != "":
			err = r.remove(o.Old)
		}
		if err != nil {
			return fmt.Errorf("%s %s: clean up: %w", o.Action, o.Path, err)
		}
		if o.Old != "" {
			touched = append(touched, path.Dir(o.Path))
		}
	}
	if err := r.syncFolders(touched); err != nil {
		return err
	}
	return r.journal.end(committedState)
}

// takeBack undoes what was made after the journal was (perhaps) committed, and
// returns cause if that succeeds.
func (r *runner) takeBack(cause error) error {
	found, err := r.journal.find()
	if err == nil && slices.Contains(found, stagingState) {
		return r.abandon(cause)
	}
	// The new state must be on disk before the first step is undone: a journal
	// that says "committed" promises that what is staged is complete.
	if err == nil {
		err = r.journal.move(committedState, undoState)
	}
	if err != nil {
		found, _ = r.journal.find()
		return r.interrupted(slices.Contains(found, committedState), cause, err)
	}
	return r.finishUndo(cause)
}

// finishUndo goes on from the undo state.
func (r *runner) finishUndo(cause error) error {
	if err := r.undo(); err != nil {
		return r.interrupted(false, cause, err)
	}
	if err := r.journal.move(undoState, stagingState); err != nil {
		return r.interrupted(false, cause, err)
	}
	return r.abandon(cause)
}

func (r *runner) undo() error {
	var failed error
	for i := len(r.plan.Ops) - 1; i >= 0; i-- {
		o := &r.plan.Ops[i]
		if err := r.undoOp(i, o); err != nil {
			failed = errors.Join(failed, fmt.Errorf("undo %s %s: %w", o.Action, o.Path, err))
		}
	}
	if failed != nil {
		return failed
	}
	return r.syncFolders(r.changedFolders())
}

// abandon removes everything that was staged, and the journal, and returns
// cause if that succeeds.
func (r *runner) abandon(cause error) error {
	if err := r.cleanUp(); err != nil {
		return r.interrupted(false, cause, err)
	}
	return cause
}

func (r *runner) cleanUp() error {
	var touched []string
	for i := range r.plan.Ops {
		o := &r.plan.Ops[i]
		if o.Temp != "" {
			remove := r.remove
			if o.isTree() {
				remove = r.removeTree
			}
			if err := remove(o.Temp); err != nil {
				return err
			}
			touched = append(touched, path.Dir(o.Temp))
		}
		// Only a replaced file has a second name at this stage. It is never
		// removed when it is the only one.
		if o.Action == ActionReplace && o.Existed {
			fi, err := r.lstat(o.Path)
			if err != nil {
				return err
			}
			if fi == nil {
				return fmt.Errorf("%s is gone; what it contained is in %s", o.Path, o.Old)
			}
			if err := r.remove(o.Old); err != nil {
				return err
			}
			touched = append(touched, path.Dir(o.Old))
		}
	}
	if err := r.syncFolders(touched); err != nil {
		return err
	}
	return r.journal.end(stagingState)
}

// journal is the record of a change on disk.
type journal struct {
	*disk
	name string
}

// find returns the states whose file is there, and newSuffix.
func (j *journal) find() ([]string, error) {
	var found []string
	for _, s := range []string{committedState, stagingState, undoState, newSuffix} {
		fi, err := j.lstat(j.name + s)
		if err != nil {
			return nil, err
		}
		if fi != nil {
			found = append(found, s)
		}
	}
	return found, nil
}

// begin records the plan in the state "staging".
func (j *journal) begin(p *plan) error {
	file, err := p.encode()
	if err != nil {
		return err
	}
	if err := j.writeFile(j.name+newSuffix, file, 0o600); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return j.move(newSuffix, stagingState)
}

// move changes the state and makes that durable.
func (j *journal) move(from, to string) error {
	if err := j.rename(j.name+from, j.name+to); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return j.sync()
}

func (j *journal) sync() error { return j.syncFolders([]string{path.Dir(j.name)}) }

// end removes the journal.
func (j *journal) end(state string) error {
	for _, s := range []string{state, newSuffix} {
		if fi, err := j.lstat(j.name + s); err != nil {
			return err
		} else if fi == nil {
			continue
		}
		if err := j.remove(j.name + s); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	return j.sync()
}

// read reads the journal in this state.
func (j *journal) read(state string) (*plan, error) {
	name := j.name + state
	fi, err := j.lstat(name)
	if err != nil {
		return nil, err
	}
	if fi == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if !fi.Mode().IsRegular() {
		return nil, notA("file", name, fi)
	}
	if fi.Size() == 0 {
		return nil, errors.New("found an empty file, expected what was going to be changed")
	}
	if fi.Size() > maxJournalBytes {
		return nil, fmt.Errorf("found %d bytes, expected at most %d", fi.Size(), maxJournalBytes)
	}
	dir, err := j.folder(path.Dir(name))
	if err != nil {
		return nil, err
	}
	f, err := dir.root.OpenFile(path.Base(name), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readAtMost(f, maxJournalBytes)
	if err != nil {
		return nil, err
	}
	return parsePlan(data)
}
