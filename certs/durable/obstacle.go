package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// Between a crash and Recover other programs may have worked in the directory:
// people with an editor, openssl, the existing tool. Nothing of theirs may be lost
// by completing or undoing what was interrupted, so that all of it is looked at
// before the first step: a change that cannot be ended is not half ended.

// obstacles returns what keeps the plan from being completed or, in the undo
// state, from being taken back, as far as it can be seen without changing anything.
func (r *runner) obstacles(state string) error {
	var found error
	for i := range r.plan.Ops {
		o := &r.plan.Ops[i]
		err := r.obstacle(o, state)
		if err == nil {
			continue
		}
		if err = fmt.Errorf("%s %s: %w", o.Action, o.Path, err); found != nil {
			err = fmt.Errorf("%w; %w", found, err)
		}
		found = err
	}
	return found
}

func (r *runner) obstacle(o *op, state string) error {
	if state == stagingState {
		return nil // nothing is in its place yet
	}
	undo := state == undoState
	switch {
	case o.Action == ActionAppend:
		a, err := r.openAppended(o)
		if err != nil {
			return err
		}
		a.file.Close()
		_, err = a.is(state, o)
		return err
	case o.Action == ActionRemove && !undo:
		dest, old, err := r.pair(o.Path, o.Old)
		if err != nil || dest == nil || old != nil {
			return err
		}
		return r.mustBe(o, dest, o.Was, "move it away (keep it)")
	case !o.staged() || o.isTree() && o.Existed:
		return nil
	case o.Existed && undo:
		return r.obstacleToRestoring(o)
	case o.Existed:
		return r.obstacleToReplacing(o)
	case undo:
		return r.obstacleToRemoving(o)
	}
	return r.obstacleToMaking(o)
}

// obstacleToMaking is something that others have put where a new file or folder
// is to be.
func (r *runner) obstacleToMaking(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	switch {
	case err != nil:
		return err
	case temp == nil && dest == nil:
		return errLost
	case temp != nil && dest != nil && !os.SameFile(temp, dest):
		return fmt.Errorf("found something that is not of this change: %w", ErrForeign)
	}
	return nil
}

// obstacleToRemoving is what others have written into a new file, which would be
// removed.
func (r *runner) obstacleToRemoving(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	if err != nil || dest == nil || temp != nil || o.isTree() {
		return err
	}
	return r.mustBe(o, dest, o.Is, "move it away (keep it)")
}

func (r *runner) obstacleToReplacing(o *op) error {
	temp, dest, err := r.pair(o.Temp, o.Path)
	if err != nil || dest == nil && temp != nil {
		return err
	}
	old, err := r.lstat(o.Old)
	switch {
	case err != nil:
		return err
	case dest == nil, temp == nil && old != nil && os.SameFile(dest, old):
		return errLost
	case temp == nil:
		return nil // replaced; what others wrote afterwards stays
	}
	return r.mustBe(o, dest, o.Was, "remove "+o.Temp+" to leave it as it is, or move it away (keep it) to have it replaced")
}

func (r *runner) obstacleToRestoring(o *op) error {
	temp, old, err := r.pair(o.Temp, o.Old)
	if err != nil || temp != nil || old == nil {
		return err
	}
	dest, err := r.lstat(o.Path)
	if err != nil || dest == nil || os.SameFile(dest, old) {
		return err
	}
	return r.mustBe(o, dest, o.Is, "remove "+o.Old+" to leave it as it is, or move it away (keep it) to have the former one back")
}

// mustBe demands that the file has the content with this digest, and says what can
// be done otherwise. An empty digest stands for a file that could not be read.
func (r *runner) mustBe(o *op, fi fs.FileInfo, want, otherwise string) error {
	if !fi.Mode().IsRegular() {
		return notA("file", o.Path, fi)
	}
	if want == "" {
		return nil
	}
	is, err := r.digest(o.Path)
	if err != nil || is == want {
		return err
	}
	return fmt.Errorf("%w: %s", ErrForeign, otherwise)
}

// digest returns the SHA-256 of a file, in hex.
func (d *disk) digest(name string) (string, error) {
	dir, err := d.folder(path.Dir(name))
	if err != nil {
		return "", err
	}
	f, err := dir.root.OpenFile(path.Base(name), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contentNow is the digest of a file that is going to be replaced or removed, which
// those may do who may not read it: "" then.
func (d *disk) contentNow(name string) (string, error) {
	sum, err := d.digest(name)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	return sum, err
}

// digest returns the SHA-256 of data, in hex.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func isDigest(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == sha256.Size && s == hex.EncodeToString(sum)
}
