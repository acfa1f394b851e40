package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Lock is held by one process at a time and released by the kernel when the
// process ends, however it ends. Nothing is written to the lock file, so that
// a lock can be taken on a full disk and never names a process that is gone.
type Lock struct{ flock *flock.Flock }

// ErrLockTimeout is returned by Acquire when the time limit passed.
var ErrLockTimeout = errors.New("timed out waiting for the lock")

// How often a waiting process tries again: quickly at first, because most
// changes take some hundredths of a second.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 100 * time.Millisecond
)

// Acquire takes the lock at path (created 0644 if absent; its folder must
// exist), waiting at most limit; 0 is to try once. If it has to wait, onWait is
// called once with who holds the lock, as "process 4711 (swptpeer)"; the text
// is empty where the system does not tell. Locks on one path exclude each other
// within a process, too.
//
// Errors: the context's; [ErrLockTimeout], wrapped with the holder;
// syscall.EROFS on a read-only file system and [fs.ErrPermission], wrapped with
// the path.
func Acquire(ctx context.Context, path string, limit time.Duration, onWait func(holder string)) (*Lock, error) {
	deadline := time.Now().Add(limit)
	waited := false
	for retry := firstRetry; ; retry = min(2*retry, lastRetry) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, context.Cause(ctx))
		}
		l, err := try(path)
		if err != nil {
			return nil, lockError(path, err)
		}
		if l != nil {
			return l, nil
		}
		if !waited && limit > 0 && onWait != nil {
			waited = true
			onWait(lockHolder(path))
		}
		left := time.Until(deadline)
		if left <= 0 {
			holder := lockHolder(path)
			if holder == "" {
				holder = "another process"
			}
			return nil, fmt.Errorf("%w %s after %v: it is held by %s", ErrLockTimeout, path, limit, holder)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(retry, left)):
		}
	}
}

// try returns nil and no error if somebody else holds the lock.
func try(path string) (*Lock, error) {
	// Read and write: on NFS, an exclusive lock needs a file open for writing,
	// and a read-only file system is found out now, not half-way.
	f := flock.New(path, flock.SetFlag(os.O_RDWR|os.O_CREATE|noFollow), flock.SetPermissions(0o644))
	ok, err := f.TryLock()
	if err != nil || !ok {
		f.Close()
		return nil, err
	}
	// The file may have been removed between open and lock (`git clean`); a lock
	// on a file without a name excludes nobody.
	held, err := f.Stat()
	if err == nil {
		var named fs.FileInfo
		if named, err = os.Lstat(path); err == nil && os.SameFile(held, named) {
			return &Lock{f}, nil
		}
	}
	f.Close()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return nil, nil
}

func lockError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("lock %s: the file system is read-only, so nothing can be changed here: %w", path, err)
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("lock %s: found a symbolic link, expected a file: %w", path, err)
	}
	return fmt.Errorf("lock %s: %w", path, err)
}

// Release releases the lock. The lock file stays: removing it would let two
// processes hold locks on two files of the same name. A release that fails is
// tried again, because the library keeps the file open then, and this process
// would wait for itself if it wanted the lock once more.
func (l *Lock) Release() error {
	err := l.flock.Close()
	for range releaseRetries {
		if err == nil {
			break
		}
		err = l.flock.Close()
	}
	return err
}

// flock(2) knows no reason for which a release fails, but EINTR on Linux, and
// whatever a network file system says.
const releaseRetries = 2
