//go:build unix

package nodedir

import (
	"bytes"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// readPlain reads a whole regular file of at most limit bytes, with four system
// calls: an os.File would take ten, and a node with 10,000 peers has 80,000 such
// files. A link at the end of the path is not followed unless follow is set. It
// never waits: O_NONBLOCK opens a pipe at once.
func readPlain(path string, limit int64, follow bool) ([]byte, error) {
	fd, size, err := openPlain(path, follow)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	// One byte more than there is, so that one call also finds the end.
	data := make([]byte, 0, min(max(size, 0), limit)+1)
	for {
		n, err := readSome(fd, path, data[len(data):cap(data)])
		if err != nil {
			return nil, err
		}
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, tooLong(path, limit)
		case n == 0, int64(len(data)) == size && size > 0:
			return data, nil
		case len(data) == cap(data): // it grows, or has no size, as in /proc
			data = append(data, 0)[:len(data)]
		}
	}
}

// isPlain reports whether a regular file, no link, has this content. It keeps
// nothing: new memory for what is read costs more than reading it.
func isPlain(path string, content []byte) (bool, error) {
	fd, _, err := openPlain(path, false)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	piece := make([]byte, 64<<10)
	for {
		n, err := readSome(fd, path, piece)
		if err != nil {
			return false, err
		}
		rest, same := bytes.CutPrefix(content, piece[:n])
		if n == 0 || !same {
			return same && len(content) == 0, nil
		}
		content = rest
	}
}

// openPlain opens a regular file for reading, and returns its size.
func openPlain(path string, follow bool) (fd int, size int64, err error) {
	flags := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	if err := again(func() (err error) { fd, err = unix.Open(path, flags, 0); return err }); err != nil {
		// A socket cannot be opened, and neither can a link that is not
		// followed: say what it is instead of what the system says about it.
		if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) {
			if err := checkRegular(path, follow); err != nil {
				return -1, 0, err
			}
		}
		return -1, 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		unix.Close(fd)
		return -1, 0, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return -1, 0, &fs.PathError{Op: "read", Path: path, Err: &notRegularError{modeOf(uint32(st.Mode))}}
	}
	return fd, st.Size, nil
}

// readSome reads once; 0 bytes are the end.
func readSome(fd int, path string, buf []byte) (n int, err error) {
	if err := again(func() (err error) { n, err = unix.Read(fd, buf); return err }); err != nil {
		return 0, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return max(n, 0), nil
}

// again repeats a system call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// modeOf is the type in a mode of the system, as package fs has it.
func modeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	case unix.S_IFREG:
		return 0
	}
	return fs.ModeIrregular
}
