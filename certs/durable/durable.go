// Package durable changes files so that a crash, a kill, a power loss or a full
// disk leaves either the old state or the new one, and never a mixture that
// [Recover] cannot resolve. It is for the node directory (spec
// node-directory.md, "What must hold") and for single output files.
//
// # A set of changes
//
// A [Tx] collects changes below one root folder; [Tx.Commit] makes them all or
// none:
//
//  1. Everything is checked that can be checked without writing. Then a
//     journal that names every temporary file is written and synced.
//  2. New content is written to temporary siblings of what it replaces, whose
//     names begin with [TempPrefix]. Each one is synced, then the folders. What
//     is needed to undo a replacement is kept under such a name, too.
//  3. The journal is renamed, and its folder synced: this is the commit point.
//  4. The changes are made in order: renames that refuse to overwrite, renames
//     that replace, exchanges of folders, appends at a recorded offset. The
//     folders are synced.
//  5. What is left of the temporary files is removed, then the journal.
//
// An error in steps 1 to 3 removes what was staged. An error in step 4 undoes
// what was made, by renames and truncation only, so that a full disk does not
// stop it. If a process dies on the way, its journal stays, and [Recover]
// finishes the work: it cleans up before the commit point, and completes the
// change after it. Recover may itself be interrupted at any point and repeated.
//
// Files get exactly the mode that was asked for, whatever the umask. The
// content of files is never in the journal.
//
// # What is not done here
//
// Commit and Recover do not lock: the caller holds a [Lock] around both.
// Readers that do not lock see each file whole, either old or new, but may see
// one file new and another still old. Owners of files are not preserved. On
// file systems without RENAME_EXCHANGE, a replaced folder is absent for a
// moment. On Windows folders cannot be synced, so that the promise about power
// loss does not hold there; the one about kills does.
package durable

import (
	"io/fs"
	"slices"
)

// Tx is a set of changes below one root folder that are applied all or nothing.
// Paths are slash-separated and relative to the root. Nothing happens before
// Commit: what is wrong with a path or its destination is reported there.
// A Tx is for one goroutine and is committed once.
type Tx struct {
	root, journal string
	changes       []change
	committed     bool
	hook          hook
}

// change is a Change with what Commit needs to make it.
type change struct {
	Change
	fill func(stage string) error
}

// Actions of a [Change].
const (
	ActionCreate      = "create"
	ActionReplace     = "replace"
	ActionAppend      = "append"
	ActionMkdir       = "mkdir"
	ActionCreateTree  = "create-tree"
	ActionReplaceTree = "replace-tree"
	ActionRemove      = "remove"
	ActionChmod       = "chmod"
)

// NewTx begins a set of changes below root. The journal is where a Tx of a
// directory keeps its record: a path relative to root whose last element begins
// with a dot; its folder must exist. NewTx does no I/O.
func NewTx(root, journal string) *Tx { return &Tx{root: root, journal: journal} }

func (t *Tx) add(action, path string, data []byte, mode fs.FileMode, fill func(string) error) {
	t.changes = append(t.changes, change{Change{Action: action, Path: path, Data: data, Mode: mode}, fill})
}

// Create makes a new file; Commit fails with [fs.ErrExist] if the path exists.
func (t *Tx) Create(path string, data []byte, mode fs.FileMode) {
	t.add(ActionCreate, path, slices.Clone(data), mode, nil)
}

// Replace makes a file or replaces it. A destination that is a symbolic link or
// a folder is an error. Old and new content never mix: readers see one or the
// other.
func (t *Tx) Replace(path string, data []byte, mode fs.FileMode) {
	t.add(ActionReplace, path, slices.Clone(data), mode, nil)
}

// Append adds data to the end of an existing file, in place: what is there is
// neither read nor written again. Appending to the same file once more adds to
// the same change.
func (t *Tx) Append(path string, data []byte) {
	for i := range t.changes {
		if c := &t.changes[i]; c.Action == ActionAppend && c.Path == path {
			c.Data = append(c.Data, data...)
			return
		}
	}
	t.add(ActionAppend, path, slices.Clone(data), 0, nil)
}

// Mkdir makes a folder if it is not there. A folder that is there keeps its
// mode. Parents are not made.
func (t *Tx) Mkdir(path string, mode fs.FileMode) { t.add(ActionMkdir, path, nil, mode, nil) }

// CreateTree makes a new folder at path that appears whole: fill writes into an
// empty staging folder (an absolute path) during Commit. Only files and folders
// may be put there, for the public: after fill, files get the mode 0644 and
// folders 0755. Commit fails with [fs.ErrExist] if the path exists.
func (t *Tx) CreateTree(path string, fill func(stage string) error) {
	t.add(ActionCreateTree, path, nil, treeDirMode, fill)
}

// ReplaceTree is CreateTree over an existing folder, which is exchanged in one
// step and then removed. If there is none, it is CreateTree.
func (t *Tx) ReplaceTree(path string, fill func(stage string) error) {
	t.add(ActionReplaceTree, path, nil, treeDirMode, fill)
}

// Remove removes a file. Commit fails with [fs.ErrNotExist] if there is none.
func (t *Tx) Remove(path string) { t.add(ActionRemove, path, nil, 0, nil) }

// Chmod sets the mode of an existing file or folder.
func (t *Tx) Chmod(path string, mode fs.FileMode) { t.add(ActionChmod, path, nil, mode, nil) }

// Change describes one change of a Tx, for people and --dry-run.
type Change struct {
	Action string // one of the Action constants
	Path   string
	Data   []byte // for create, replace, append
	Mode   fs.FileMode
}

// Changes lists what Commit would do, in order. The caller must not change Data.
func (t *Tx) Changes() []Change {
	out := make([]Change, len(t.changes))
	for i, c := range t.changes {
		out[i] = c.Change
	}
	return out
}
