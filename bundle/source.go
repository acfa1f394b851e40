package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// source is what a nodeinfo directory has to be published, as it was when it was
// opened: every file has been read once. Nothing outside of the directory is
// reached, whatever is changed in it meanwhile.
type source struct {
	root    *os.Root
	dir     string // for errors
	files   []sourceFile
	folders []string // relative, without a slash at the end
	omitted []string // names at the top level that begin with a dot
	total   int64
}

type sourceFile struct {
	fileSum
	size int64
}

// openSource reads a directory. updated-at.txt is not part of the result.
func openSource(dir string) (*source, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("nodeinfo: %w", err)
	}
	s := &source{root: root, dir: dir}
	if err := s.folder("."); err != nil {
		s.close()
		return nil, fmt.Errorf("nodeinfo %s: %w", dir, err)
	}
	return s, nil
}

func (s *source) close() { s.root.Close() }

func (s *source) sums() []fileSum {
	sums := make([]fileSum, len(s.files))
	for i, f := range s.files {
		sums[i] = f.fileSum
	}
	return sums
}

// batch is how many names of a folder are read at a time, so that a folder with
// a million of them is refused before they are all in memory.
const batch = 256

// folder adds everything in a folder.
func (s *source) folder(rel string) error {
	f, err := s.root.Open(rel)
	if err != nil {
		return err
	}
	defer f.Close()
	var names []string
	for {
		entries, err := f.ReadDir(batch)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(names) > MaxEntries {
			return tooMany()
		}
	}
	slices.Sort(names)
	for _, n := range names {
		if rel == "." && strings.HasPrefix(n, ".") {
			s.omitted = append(s.omitted, n)
			continue
		}
		if err := s.entry(path.Join(rel, n)); err != nil {
			return err
		}
	}
	return nil
}

func tooMany() error {
	return fmt.Errorf("found more than %d files and folders, expected at most that: publish less", MaxEntries)
}

// entry adds a file, or a folder and everything in it.
func (s *source) entry(rel string) error {
	info, err := s.root.Lstat(rel)
	if err != nil {
		return err
	}
	mode := info.Mode()
	switch {
	case !mode.IsRegular() && !mode.IsDir():
		return fmt.Errorf("%s: found %s, expected a regular file or a folder: nothing else can be published; replace or remove it", quote(rel), kind(mode))
	case rel == fileUpdatedAt && mode.IsRegular():
		return nil // written anew for every bundle
	case rel == fileUpdatedAt:
		return fmt.Errorf("%s: found a folder, expected a file", rel)
	case len(s.files)+len(s.folders) >= MaxEntries-1: // and updated-at.txt
		return tooMany()
	}
	if err := strictzip.CheckName(rel); err != nil {
		return fmt.Errorf("%w: rename it", err)
	}
	if n := strings.Count(rel, "/") + 1; n > MaxDepth || len(rel) > MaxName {
		return fmt.Errorf("%s: found a name of %d bytes and %d elements, expected at most %d and %d", quote(rel), len(rel), n, MaxName, MaxDepth)
	}
	if mode.IsDir() {
		s.folders = append(s.folders, rel)
		return s.folder(rel)
	}
	return s.file(rel, info)
}

func kind(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a named pipe"
	case fs.ModeSocket:
		return "a socket"
	}
	return "a device or other special file"
}

// file reads a file and adds it.
func (s *source) file(rel string, info fs.FileInfo) error {
	size := info.Size()
	if s.total += size; size > MaxFile || s.total > MaxInflated {
		return fmt.Errorf("%s: found %d bytes, and %d with the files before it, expected at most %d and %d: publish less", quote(rel), size, s.total, int64(MaxFile), int64(MaxInflated))
	}
	f, err := s.open(rel, info)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	var key keyFinder
	n, err := io.Copy(io.MultiWriter(h, &key), io.LimitReader(f, size+1))
	switch {
	case err != nil:
		return err
	case key.found:
		return fmt.Errorf("%s: found a private key, expected only what everybody may read: move the file out of nodeinfo", quote(rel))
	case n != size:
		return changed(rel)
	}
	s.files = append(s.files, sourceFile{fileSum{rel, [sha256.Size]byte(h.Sum(nil))}, size})
	return nil
}

func changed(rel string) error {
	return fmt.Errorf("%s: the file was changed while it was being read; try again when nobody writes to it", quote(rel))
}

// open opens a regular file that was seen before. A pipe that has taken its place
// must not block, and a link must not lead elsewhere.
func (s *source) open(rel string, seen fs.FileInfo) (*os.File, error) {
	f, err := s.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || seen != nil && !os.SameFile(info, seen)) {
		err = changed(rel)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readFile returns a small file of the source.
func (s *source) readFile(rel string, max int64) ([]byte, error) {
	i := slices.IndexFunc(s.files, func(f sourceFile) bool { return f.name == rel })
	if i < 0 {
		return nil, fmt.Errorf("found no file %s, expected it in %s: nobody can reach a node without it", rel, s.dir)
	}
	if s.files[i].size > max {
		return nil, fmt.Errorf("%s: found %d bytes, expected at most %d", rel, s.files[i].size, max)
	}
	f, err := s.open(rel, nil)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(content) != s.files[i].sum {
		return nil, changed(rel)
	}
	return content, nil
}

// archiveFiles is what nodeinfo.zip is made of.
func (s *source) archiveFiles(u UpdatedAt) []strictzip.File {
	files := []strictzip.File{memoryFile(fileUpdatedAt, u.File())}
	for _, folder := range s.folders {
		files = append(files, strictzip.File{Name: folder + "/"})
	}
	for _, f := range s.files {
		files = append(files, strictzip.File{Name: f.name, Size: f.size, Open: func() (io.ReadCloser, error) { return s.open(f.name, nil) }})
	}
	return files
}

// compare returns an error unless the archive has the files that were read when
// the source was opened.
func (s *source) compare(a *strictzip.Archive, u UpdatedAt) error {
	is := map[string][sha256.Size]byte{}
	for _, e := range a.Entries() {
		is[e.Name] = e.SHA256
	}
	for _, f := range append(s.sums(), fileSum{fileUpdatedAt, sha256.Sum256(u.File())}) {
		if sum, ok := is[f.name]; !ok || sum != f.sum {
			return changed(f.name)
		}
	}
	if want := len(s.files) + len(s.folders) + 1; len(is) != want {
		return fmt.Errorf("nodeinfo.zip has %d entries, expected %d", len(is), want)
	}
	return nil
}
