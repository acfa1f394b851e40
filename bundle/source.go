package bundle

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
)

// source is what a nodeinfo directory has to be published, as it was when it was
// opened. Of the files nothing has been read. Nothing outside of the directory is
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
	name string
	info fs.FileInfo
}

// openSource lists a directory. updated-at.txt is not part of the result.
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

// sums reads every file.
func (s *source) sums() ([]fileSum, error) {
	sums, errs := make([]fileSum, len(s.files)), make([]error, len(s.files))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), maxReaders, len(s.files)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(s.files)); i = next.Add(1) - 1 {
				if sums[i], errs[i] = s.sum(s.files[i]); errs[i] != nil {
					next.Add(int64(len(s.files))) // that is enough
				}
			}
		})
	}
	wg.Wait()
	return sums, cmp.Or(errs...)
}

// maxReaders is how many files are hashed at a time, on a machine with so many
// processors: with more, reading is what takes the time.
const maxReaders = 4

// sum reads a file.
func (s *source) sum(f sourceFile) (fileSum, error) {
	r, err := s.open(f)
	if err != nil {
		return fileSum{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.CopyBuffer(h, io.LimitReader(r, f.info.Size()+1), make([]byte, readSize))
	switch {
	case err != nil:
		return fileSum{}, fmt.Errorf("%s: %w", quote(f.name), err)
	case n != f.info.Size():
		return fileSum{}, changed(f.name)
	}
	return fileSum{f.name, [sha256.Size]byte(h.Sum(nil))}, nil
}

// readSize is how much of a file is read at a time.
const readSize = 256 << 10

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

// file adds a file.
func (s *source) file(rel string, info fs.FileInfo) error {
	size := info.Size()
	if s.total += size; size > MaxFile || s.total > MaxInflated {
		return fmt.Errorf("%s: found %d bytes, and %d with the files before it, expected at most %d and %d: publish less", quote(rel), size, s.total, int64(MaxFile), int64(MaxInflated))
	}
	s.files = append(s.files, sourceFile{rel, info})
	return nil
}

func changed(rel string) error {
	return fmt.Errorf("%s: the file was changed while it was being read; try again when nobody writes to it", quote(rel))
}

// open opens a file that was seen before. A pipe that has taken its place must
// not block, and a link must not lead elsewhere.
func (s *source) open(file sourceFile) (io.ReadCloser, error) {
	f, err := s.root.OpenFile(file.name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !os.SameFile(info, file.info)) {
		err = changed(file.name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &publicReader{ReadCloser: f}, nil
}

// publicReader reads a file that is to be published, in which no private key may
// be.
type publicReader struct {
	io.ReadCloser // nothing else of the file, such as WriteTo, which would not be seen
	key           keyFinder
}

var errPrivateKey = errors.New("found a private key, expected only what everybody may read: move the file out of nodeinfo")

func (r *publicReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.key.Write(p[:n])
	if r.key.found {
		return 0, errPrivateKey
	}
	return n, err
}

// readFile returns a small file of the source.
func (s *source) readFile(rel string, max int64) ([]byte, error) {
	i := slices.IndexFunc(s.files, func(f sourceFile) bool { return f.name == rel })
	if i < 0 {
		return nil, fmt.Errorf("found no file %s, expected it in %s: nobody can reach a node without it", rel, s.dir)
	}
	size := s.files[i].info.Size()
	if size > max {
		return nil, fmt.Errorf("%s: found %d bytes, expected at most %d", rel, size, max)
	}
	f, err := s.open(s.files[i])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(rel), err)
	}
	if int64(len(content)) != size {
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
		files = append(files, strictzip.File{Name: f.name, Size: f.info.Size(), Open: func() (io.ReadCloser, error) { return s.open(f) }})
	}
	return files
}
