package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// hook is called before every call that changes files, with the call's name
// and path; an error from it takes the place of the call. Only tests set one.
type hook func(call, path string) error

// disk is a root folder and the only place from which this package changes
// files below it. All paths go through [os.Root], so that no symbolic link
// leads out of the root.
type disk struct {
	root    *os.Root
	abs     string
	folders map[string]*folder
	hook    hook
}

// folder is an open folder: its handle is for syncing and for renames that
// os.Root does not have.
type folder struct {
	root *os.Root
	file *os.File
}

func openDisk(root string, h hook) (*disk, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	r, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &disk{root: r, abs: abs, folders: make(map[string]*folder), hook: h}, nil
}

func (d *disk) close() {
	for name := range d.folders {
		d.forget(name)
	}
	d.root.Close()
}

// forget closes a folder that is about to be moved or removed.
func (d *disk) forget(name string) {
	if f := d.folders[name]; f != nil {
		f.file.Close()
		f.root.Close()
		delete(d.folders, name)
	}
}

func (d *disk) step(call, name string) error {
	if d.hook == nil {
		return nil
	}
	return d.hook(call, name)
}

// folder opens a folder once.
func (d *disk) folder(name string) (*folder, error) {
	if f := d.folders[name]; f != nil {
		return f, nil
	}
	r, err := d.root.OpenRoot(name)
	if err != nil {
		return nil, d.explainLink(name, err)
	}
	file, err := r.Open(".")
	if err != nil {
		r.Close()
		return nil, err
	}
	f := &folder{r, file}
	d.folders[name] = f
	return f, nil
}

// ErrLink is wrapped by the error of a path that is, or leads out of the root
// through, a symbolic link.
var ErrLink = errors.New("found a symbolic link")

// explainLink names the link if that is why a folder cannot be opened: os.Root
// says only that a path leads out.
func (d *disk) explainLink(name string, err error) error {
	if no := syscall.Errno(0); errors.As(err, &no) {
		return err // the system's own reason
	}
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		if fi, lerr := d.root.Lstat(name[:i]); lerr != nil {
			break
		} else if fi.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: %w that leads out of the directory, expected a folder", name[:i], ErrLink)
		}
	}
	return err
}

// lstat returns nil and no error if there is nothing at name.
func (d *disk) lstat(name string) (fs.FileInfo, error) {
	f, err := d.folder(path.Dir(name))
	if err == nil {
		var fi fs.FileInfo
		if fi, err = f.root.Lstat(path.Base(name)); err == nil {
			return fi, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, err
}

// writeFile makes a new file with exactly this mode and syncs it. It is 0600
// until it is complete, so that a secret is never readable by others.
func (d *disk) writeFile(name string, data []byte, mode fs.FileMode) error {
	dir, err := d.folder(path.Dir(name))
	if err != nil {
		return err
	}
	if err := d.step("create", name); err != nil {
		return err
	}
	f, err := dir.root.OpenFile(path.Base(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return closeAfter(f, func() error {
		if len(data) > 0 {
			if err := d.step("write", name); err != nil {
				return err
			}
			if _, err := f.Write(data); err != nil {
				return err
			}
		}
		return d.finishFile(f, name, mode)
	})
}

// finishFile sets a new file's mode and syncs it.
func (d *disk) finishFile(f *os.File, name string, mode fs.FileMode) error {
	if err := d.step("chmod", name); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return d.syncFile(f, name)
}

func (d *disk) syncFile(f *os.File, name string) error {
	if err := d.step("sync", name); err != nil {
		return err
	}
	return f.Sync()
}

func closeAfter(f *os.File, do func() error) error {
	err := do()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// syncFolders syncs each of the folders once. Folders that are gone are passed
// over: what was in them is gone on purpose.
func (d *disk) syncFolders(names []string) error {
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		f, err := d.folder(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = d.syncFolder(f, name)
		}
		if err != nil {
			return fmt.Errorf("sync folder %s: %w", name, err)
		}
	}
	return nil
}

func (d *disk) syncFolder(f *folder, name string) error {
	if err := d.step("sync", name); err != nil {
		return err
	}
	return syncDir(f.file)
}

// remove removes a file; one that is not there is fine.
func (d *disk) remove(name string) error {
	f, err := d.folder(path.Dir(name))
	if err == nil {
		if err = d.step("remove", name); err != nil {
			return err
		}
		err = f.root.Remove(path.Base(name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeTree removes a folder and what is in it; one that is not there is fine.
func (d *disk) removeTree(name string) error {
	d.forget(name)
	if fi, err := d.lstat(name); err != nil || fi == nil {
		return err
	}
	f, err := d.folder(path.Dir(name))
	if err == nil {
		if err = d.step("remove-tree", name); err != nil {
			return err
		}
		err = f.root.RemoveAll(path.Base(name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// mkdir makes a folder, or takes one that is there, with exactly this mode.
func (d *disk) mkdir(name string, mode fs.FileMode) error {
	parent, err := d.folder(path.Dir(name))
	if err != nil {
		return err
	}
	if err := d.step("mkdir", name); err != nil {
		return err
	}
	if err := parent.root.Mkdir(path.Base(name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := parent.root.Lstat(path.Base(name))
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		return notA("folder", name, fi)
	}
	f, err := d.folder(name)
	if err != nil {
		return err
	}
	if err := d.step("chmod", name); err != nil {
		return err
	}
	return f.file.Chmod(mode)
}

// chmod gives a file or folder this mode and syncs it. Where it is the mode
// already there is nothing to set, because it may be one whose mode we may not
// set at all; it is synced, because whoever set it may have died before that.
func (d *disk) chmod(name string, mode fs.FileMode) error {
	dir, err := d.folder(path.Dir(name))
	if err != nil {
		return err
	}
	fi, err := dir.root.Lstat(path.Base(name))
	if err != nil {
		return err
	}
	isSet := fi.Mode().Perm() == mode
	if !isSet {
		if err := d.step("chmod", name); err != nil {
			return err
		}
	}
	f, err := dir.root.OpenFile(path.Base(name), syncFlag|noFollow, 0)
	if errors.Is(err, fs.ErrPermission) {
		// Ours, but not readable: the mode can be set, not synced.
		if isSet {
			return nil
		}
		return dir.root.Chmod(path.Base(name), mode)
	}
	if err != nil {
		return err
	}
	return closeAfter(f, func() error {
		if !isSet {
			if err := f.Chmod(mode); err != nil {
				return err
			}
		}
		return d.syncFile(f, name)
	})
}

// notA describes something that is of the wrong kind.
func notA(want, name string, fi fs.FileInfo) error {
	found := "a special file"
	switch m := fi.Mode(); {
	case m&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: %w, expected a %s", name, ErrLink, want)
	case m.IsDir():
		found = "a folder"
	case m.IsRegular():
		found = "a file"
	}
	return fmt.Errorf("%s: found %s, expected a %s", name, found, want)
}
