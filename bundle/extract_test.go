package bundle_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
)

// published is a verified bundle with someFiles.
func published(t testing.TB) *bundle.Bundle {
	t.Helper()
	src := sourceOf(t, "ca")
	put(t, src.Dir, someFiles)
	return mustVerify(t, mustCreate(t, src))
}

// Modes are those of public files, whatever the umask and the archive say.
func TestExtractModes(t *testing.T) {
	strange := mustVerify(t, partsOf(t, "aa").sign(t, "aa", goodInfo(
		member{name: "a/", mode: fs.ModeDir | 0o700}, member{name: "a/x", content: "x", mode: 0o777}, member{name: "a/y", content: "y", mode: 0o600},
		member{name: "implied/folders/x", content: "x", mode: 0o400})...).zip(t))
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		for _, b := range []*bundle.Bundle{published(t), strange} {
			dir := filepath.Join(t.TempDir(), "new")
			old := setUmask(umask)
			err := b.NodeInfo.Extract(dir)
			setUmask(old)
			if err != nil {
				t.Fatalf("umask %03o: %v", umask, err)
			}
			err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				info, err := e.Info()
				want := fs.FileMode(0o644)
				if e.IsDir() {
					want = fs.ModeDir | 0o755
				}
				if info.Mode() != want {
					t.Errorf("umask %03o: %s has mode %v, expected %v", umask, path, info.Mode(), want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

func TestExtractNeedsANewFolder(t *testing.T) {
	b := published(t)
	tmp := t.TempDir()
	put(t, tmp, map[string]string{"there/keep": "x", "file": "x"})
	if err := os.Symlink("there", filepath.Join(tmp, "link")); err != nil {
		t.Skip(err)
	}
	before := tree(t, tmp)
	for _, name := range []string{"there", "file", "link", ".", "there/..", ""} {
		if err := b.NodeInfo.Extract(filepath.Join(tmp, name)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%q: found %v, expected that it exists", name, err)
		}
	}
	if err := b.NodeInfo.Extract(filepath.Join(tmp, "no", "parent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found %v, expected that the parent does not exist", err)
	}
	if after := tree(t, tmp); after != before {
		t.Errorf("found\n%s\nexpected nothing to have changed:\n%s", after, before)
	}
	// A slash at the end is how shells complete folders.
	if err := b.NodeInfo.Extract(filepath.Join(tmp, "new") + "/"); err != nil {
		t.Error(err)
	}
}

func TestExtractInto(t *testing.T) {
	b := published(t)
	tmp := t.TempDir()
	put(t, tmp, map[string]string{"empty/": "", "full/.keep": "x", "file": "x"})
	if err := b.NodeInfo.ExtractInto(filepath.Join(tmp, "empty")); err != nil {
		t.Fatal(err)
	}
	if err := b.NodeInfo.Extract(filepath.Join(tmp, "new")); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, filepath.Join(tmp, "empty")), tree(t, filepath.Join(tmp, "new")); got != want {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
	for name, want := range map[string]error{"full": fs.ErrExist, "empty": fs.ErrExist, "none": fs.ErrNotExist} {
		if err := b.NodeInfo.ExtractInto(filepath.Join(tmp, name)); !errors.Is(err, want) {
			t.Errorf("%s: found %v, expected %v", name, err, want)
		}
	}
	if err := b.NodeInfo.ExtractInto(filepath.Join(tmp, "file")); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("found %v, expected that it is not a directory", err)
	}
}

// What is extracted is what was verified, whatever has become of the file.
func TestExtractAfterChanges(t *testing.T) {
	p := partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "a/x", content: "some content"}, member{name: "z", content: "other content"})...)
	data := p.zip(t)
	b := mustVerify(t, data) // reads from data
	clear(data)
	dir := filepath.Join(t.TempDir(), "x")
	if err := b.NodeInfo.Extract(dir); err != nil {
		t.Fatal(err)
	}
	if got := string(readFile(t, dir, "z")); got != "other content" {
		t.Errorf("found %q", got)
	}
}

// After an error nothing is left.
func TestExtractFails(t *testing.T) {
	b := mustVerify(t, readBundle(t, "aa"))
	tmp := t.TempDir()
	if err := b.NodeInfo.ExtractSyncing(filepath.Join(tmp, "x"), func(*os.File) error { return errFull }); !errors.Is(err, errFull) {
		t.Errorf("found %v, expected %v", err, errFull)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("found %v left behind, %v", left, err)
	}
}

func TestInfo(t *testing.T) {
	data := readBundle(t, "ca")
	info := mustVerify(t, data).Info()
	if info.NodeType.String() != "ca" || info.NodeID != "ae4209290a434d18be5465b3d11257f8" || !strings.HasPrefix(info.Fingerprint, info.NodeID) ||
		info.Size != int64(len(data)) || len(info.SHA256) != 64 {
		t.Errorf("found %+v", info)
	}
	if info.Root.Serial != "7BBF3CEA05F019DB7F88E668B86E6B64" || info.Root.NotAfter.Year() != 3026 || len(info.Root.SHA256) != 64 {
		t.Errorf("found %+v", info.Root)
	}
	n := info.NodeInfo
	if n.UpdatedAt.String() != "2026-11-23" || !slices.Equal(n.Manifest.Servers, []string{"127.0.0.1:21235"}) || n.Manifest.Destination != "/exchange/creditors_in" ||
		n.Manifest.HasPasscode || n.Manifest.Login != nil {
		t.Errorf("found %+v", n)
	}
	var names []string
	for _, f := range n.Files {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"stomp.toml", "updated-at.txt"}) || n.Files[1].Size != 11 || len(n.Files[1].SHA256) != 64 {
		t.Errorf("found %+v", n.Files)
	}
}

// Every file is synced when it is complete, and so is every folder, after
// everything in it has its name; the parent comes last.
func TestExtractSyncs(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "new")
	b := published(t)
	synced := make(map[string]int64) // size of a file, names in a folder
	last := ""
	defer setUmask(setUmask(0o077)) // modes are right only when they have been set
	err := b.NodeInfo.ExtractSyncing(dir, func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		last = filepath.Clean(f.Name())
		synced[last] = info.Size()
		want := fs.FileMode(0o644)
		if info.IsDir() {
			want = 0o755
			names, err := os.ReadDir(f.Name())
			if err != nil {
				return err
			}
			synced[last] = int64(len(names))
		}
		if last != parent && info.Mode().Perm() != want {
			t.Errorf("%s is synced with mode %v, expected %v", last, info.Mode(), want)
		}
		return f.Sync()
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != parent {
		t.Errorf("the last to be synced is %s, expected the parent folder", last)
	}
	count := 1 // the parent
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		count++
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := info.Size()
		if e.IsDir() {
			names, err := os.ReadDir(path)
			if err != nil {
				return err
			}
			want = int64(len(names))
		}
		if is, ok := synced[path]; !ok || is != want {
			t.Errorf("%s: synced %v with size %d, expected it with %d", path, ok, is, want)
		}
		return nil
	})
	if err != nil || count != len(synced) || count < 6 {
		t.Errorf("%d names, %d synced, %v", count, len(synced), err)
	}
}

// A file that cannot be synced is an error, and nothing is left.
func TestExtractSyncFails(t *testing.T) {
	b := published(t)
	for _, folders := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "new")
		err := b.NodeInfo.ExtractSyncing(dir, func(f *os.File) error {
			if info, err := f.Stat(); err != nil || info.IsDir() != folders {
				return err
			}
			return syscall.EIO
		})
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("folders %v: found %v, expected EIO", folders, err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("folders %v: found %v, expected that nothing is left", folders, err)
		}
	}
}
