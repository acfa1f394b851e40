package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
)

// inMemory is the most bytes of a spooled item that are kept in memory. Most
// bundles have less than a tenth of it.
const inMemory = 1 << 20

// small is the most bytes of a regular file that are read at once. Most bundles
// have a tenth of it.
const small = 64 << 10

// Options of an [Opener]. The zero Options are good, but for Stdin.
type Options struct {
	// Stdin is what the name - stands for; nil: there is none.
	Stdin io.Reader
	// MaxSize of what is spooled, in bytes; 0 stands for [bundle.MaxBundle].
	// Regular files are opened whatever their size.
	MaxSize int64
	// Timeout for everything about one address; 0 stands for
	// [DefaultTimeout].
	Timeout time.Duration
	// ConnectTimeout for TCP, and again for TLS; 0 stands for
	// [DefaultConnectTimeout].
	ConnectTimeout time.Duration
	// Roots verify web servers; nil stands for the system's.
	Roots *x509.CertPool
	// Proxy as in [http.Transport]; nil stands for that of the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// Progress is called now and then while an address is read, from any
	// goroutine, with how many bytes there are so far.
	Progress func(name string, n int64)
}

// Opener opens items. It may be used by many goroutines.
type Opener struct {
	opts   Options
	client func() *http.Client // made when the first address is opened
}

// NewOpener returns an Opener.
func NewOpener(opts Options) *Opener {
	opts.MaxSize = cmp.Or(opts.MaxSize, bundle.MaxBundle)
	opts.Timeout = cmp.Or(opts.Timeout, DefaultTimeout)
	opts.ConnectTimeout = cmp.Or(opts.ConnectTimeout, DefaultConnectTimeout)
	if opts.Proxy == nil {
		opts.Proxy = http.ProxyFromEnvironment
	}
	return &Opener{opts, sync.OnceValue(func() *http.Client { return newClient(opts) })}
}

// File is an item that can be read anywhere in it, by several goroutines. Close
// it.
type File struct {
	Size int64 // bytes

	name   string
	r      io.ReaderAt
	close  func()
	failed atomic.Pointer[Error]
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		f.failed.CompareAndSwap(nil, &Error{Unreadable, f.name, cause(err)})
	}
	return n, err
}

// Err returns an *[Error] if the system has failed to read the file: what could
// not be read was not judged, whatever a report says.
func (f *File) Err() error {
	if e := f.failed.Load(); e != nil {
		return e
	}
	return nil
}

// Close releases what the file takes.
func (f *File) Close() { f.close() }

// Digest is the SHA-256 of the content as it is now.
func (f *File) Digest() ([sha256.Size]byte, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size)); err != nil {
		return [sha256.Size]byte{}, err
	}
	return sum(h), nil
}

func sum(h hash.Hash) [sha256.Size]byte { return [sha256.Size]byte(h.Sum(nil)) }

// Open opens an item. Every error is an *[Error], but for that of ctx. When ctx
// ends, Open returns, although a pipe that nobody writes to may keep a goroutine
// waiting until the process ends.
func (o *Opener) Open(ctx context.Context, it Item) (*File, error) {
	if it.Err != nil {
		return nil, it.Err
	}
	switch it.kind {
	case anAddress:
		return o.fetch(ctx, it)
	case aStream:
		if o.opts.Stdin == nil {
			return nil, failf(Unreadable, it.Name, "there is no standard input")
		}
		return o.spoolStream(ctx, it.Name, func() (io.ReadCloser, error) { return io.NopCloser(o.opts.Stdin), nil })
	}
	return o.file(ctx, it)
}

// file opens a regular file. A pipe that was named is spooled; one that lies in
// a folder is not opened, because nobody may ever write to it.
func (o *Opener) file(ctx context.Context, it Item) (*File, error) {
	st, err := os.Stat(it.Name)
	switch {
	case err != nil:
		return nil, &Error{Unreadable, it.Name, cause(err)}
	case st.Mode().IsRegular():
	case it.kind == aFile && st.Mode()&os.ModeNamedPipe != 0:
		return o.spoolStream(ctx, it.Name, func() (io.ReadCloser, error) { return os.Open(it.Name) })
	default:
		return nil, failf(Unreadable, it.Name, "found something that is not a file, expected an info-bundle")
	}
	f, err := os.Open(it.Name)
	if err != nil {
		return nil, &Error{Unreadable, it.Name, cause(err)}
	}
	st, err = f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("the file was exchanged while it was opened")
	}
	if err != nil {
		f.Close()
		return nil, &Error{Unreadable, it.Name, cause(err)}
	}
	if st.Size() <= small {
		return readSmall(it.Name, f, st.Size())
	}
	return &File{Size: st.Size(), name: it.Name, r: f, close: func() { f.Close() }}, nil
}

// readSmall reads a file of this size at once, which is quicker than reading it
// here and there.
func readSmall(name string, f *os.File, size int64) (*File, error) {
	defer f.Close()
	content := make([]byte, size)
	n, err := io.ReadFull(f, content)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, &Error{Unreadable, name, cause(err)}
	}
	return &File{Size: int64(n), name: name, r: bytes.NewReader(content[:n]), close: func() {}}, nil
}

// spoolStream spools what cannot be interrupted while it is read.
func (o *Opener) spoolStream(ctx context.Context, name string, open func() (io.ReadCloser, error)) (*File, error) {
	type result struct {
		f   *File
		err error
	}
	done := make(chan result, 1)
	go func() {
		r, err := open()
		if err != nil {
			done <- result{err: &Error{Unreadable, name, cause(err)}}
			return
		}
		defer r.Close()
		f, err := o.spool(name, r)
		done <- result{f, err}
	}()
	select {
	case res := <-done:
		return res.f, res.err
	case <-ctx.Done():
		go func() {
			if res := <-done; res.f != nil {
				res.f.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// spool reads everything, up to the limit.
func (o *Opener) spool(name string, r io.Reader) (*File, error) {
	var head bytes.Buffer
	max := o.opts.MaxSize
	n, err := io.Copy(&head, io.LimitReader(r, min(inMemory, max)+1))
	switch {
	case err != nil:
		return nil, &Error{Unreadable, name, cause(err)}
	case n > max:
		return nil, tooLarge(name, max)
	case n <= inMemory:
		return &File{Size: n, name: name, r: bytes.NewReader(head.Bytes()), close: func() {}}, nil
	}
	f, err := newSpoolFile()
	if err != nil {
		return nil, &Error{Unreadable, name, err}
	}
	n, err = io.Copy(f, io.MultiReader(&head, io.LimitReader(r, max+1-n)))
	if err == nil && n > max {
		err = tooLarge(name, max)
	}
	if err != nil {
		f.discard()
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		return nil, &Error{Unreadable, name, err}
	}
	return &File{Size: n, name: name, r: f, close: f.discard}, nil
}

func tooLarge(name string, max int64) *Error {
	return failf(Refused, name, "found more than %d bytes, expected an info-bundle of at most that", max)
}

// spoolFile is a temporary file. Where the system allows it, it has lost its
// name already, so that it is gone whatever happens to the process.
type spoolFile struct {
	*os.File
	named bool
}

func newSpoolFile() (*spoolFile, error) {
	f, err := os.CreateTemp("", "swptpeer-*")
	if err != nil {
		return nil, err
	}
	s := &spoolFile{f, true}
	if runtime.GOOS != "windows" {
		if err := os.Remove(f.Name()); err != nil {
			s.discard()
			return nil, err
		}
		s.named = false
	}
	return s, nil
}

func (s *spoolFile) discard() {
	s.Close()
	if s.named {
		os.Remove(s.Name())
	}
}
