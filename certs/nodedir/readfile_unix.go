//go:build unix

package nodedir

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// readPlain reads a whole regular file of at most limit bytes, with four system
// calls: an os.File would take ten, and a node with 10,000 peers has 80,000 such
// files. A link at the end of the path is not followed unless follow is set. It
// never waits: O_NONBLOCK opens a pipe at once.
func readPlain(path string, limit int64, follow bool) ([]byte, error) {
	failed := func(op string, err error) ([]byte, error) {
		return nil, &fs.PathError{Op: op, Path: path, Err: err}
	}
	flags := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	var fd int
	if err := again(func() (err error) { fd, err = unix.Open(path, flags, 0); return err }); err != nil {
		// A socket cannot be opened, and neither can a link that is not
		// followed: say what it is instead of what the system says about it.
		if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) {
			if err := checkRegular(path, follow); err != nil {
				return nil, err
			}
		}
		return failed("open", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := again(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return failed("stat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return failed("read", &notRegularError{modeOf(uint32(st.Mode))})
	}
	// One byte more than there is, so that one call also finds the end.
	data := make([]byte, 0, min(max(st.Size, 0), limit)+1)
	for {
		n := 0
		if err := again(func() (err error) { n, err = unix.Read(fd, data[len(data):cap(data)]); return err }); err != nil {
			return failed("read", err)
		}
		data = data[:len(data)+max(n, 0)]
		switch {
		case int64(len(data)) > limit:
			return nil, tooLong(path, limit)
		case n <= 0, int64(len(data)) == st.Size && st.Size > 0:
			return data, nil
		case len(data) == cap(data): // it grows, or has no size, as in /proc
			data = append(data, 0)[:len(data)]
		}
	}
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
