package strictzip

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// bufSize of the buffer through which an archive is read. It must hold
	// the longest local header (30 bytes and two fields of 65,535), and is
	// large so that hashing, not reading, is what takes the time.
	bufSize = 256 << 10
	// chunkSize of what is inflated at a time.
	chunkSize = 64 << 10
)

// A scratch is the memory that judging an archive takes, whatever its size. It is used
// again, because 10,000 small archives in a row are a normal use.
type scratch struct {
	buf   []byte
	chunk []byte
	in    *bufio.Reader
	flate io.ReadCloser
	sum   hash.Hash // of one file
	whole hash.Hash // of the archive
}

var scratches = sync.Pool{New: func() any {
	return &scratch{
		buf:   make([]byte, bufSize),
		chunk: make([]byte, chunkSize),
		in:    bufio.NewReaderSize(nil, chunkSize),
		flate: flate.NewReader(nil),
		sum:   sha256.New(),
		whole: sha256.New(),
	}
}}

// release gives the memory back, without holding on to the archive.
func (m *scratch) release() {
	m.in.Reset(nil)
	scratches.Put(m)
}

// A digester hashes what a stream fetches, for large archives at the same time as the
// stream is used.
type digester struct {
	h    hash.Hash
	work chan []byte // nil: hash at once
	done chan struct{}
	busy bool
}

// concurrentSize is from where on a second goroutine is worth its start.
const concurrentSize = 1 << 20

func newDigester(h hash.Hash, size int64) *digester {
	d := &digester{h: h}
	if size >= concurrentSize {
		work, done := make(chan []byte), make(chan struct{})
		d.work, d.done = work, done
		go func() {
			for b := range work {
				h.Write(b)
				done <- struct{}{}
			}
		}()
	}
	return d
}

// write hashes b, which must not change until wait has returned.
func (d *digester) write(b []byte) {
	d.wait()
	if d.work == nil {
		d.h.Write(b)
		return
	}
	d.busy = true
	d.work <- b
}

func (d *digester) wait() {
	if d.busy {
		<-d.done
		d.busy = false
	}
}

// close waits until everything is hashed, and ends the goroutine.
func (d *digester) close() {
	d.wait()
	if d.work != nil {
		close(d.work)
		d.work = nil
	}
}

// A stream reads a part of the archive from front to back, each byte once, so
// that what is hashed is what was judged even if the file changes meanwhile.
type stream struct {
	r        io.ReaderAt
	off, end int64 // of the next bytes to fetch; where the part ends
	buf      []byte
	lo, hi   int       // buf[lo:hi] is fetched and not yet used
	whole    *digester // nil if bytes may be left out
	err      error     // of r; stays
}

// pos returns the offset of the next byte.
func (s *stream) pos() int64 { return s.off - int64(s.hi-s.lo) }

// fill fetches more, and reports whether there was any.
func (s *stream) fill() bool {
	if s.err != nil || s.off == s.end {
		return false
	}
	if s.whole != nil {
		s.whole.wait() // it may still read what is to be overwritten
	}
	if s.lo > 0 {
		copy(s.buf, s.buf[s.lo:s.hi])
		s.lo, s.hi = 0, s.hi-s.lo
	}
	n := min(int64(len(s.buf)-s.hi), s.end-s.off)
	if n == 0 {
		return false
	}
	more := s.buf[s.hi : s.hi+int(n)]
	if s.err = readFull(s.r, more, s.off); s.err != nil {
		return false
	}
	if s.whole != nil {
		s.whole.write(more)
	}
	s.hi += int(n)
	s.off += n
	return true
}

// next returns the next n bytes, which are valid until the next call; nil if there are
// fewer. n must not be larger than the buffer.
func (s *stream) next(n int) []byte {
	for s.hi-s.lo < n {
		if !s.fill() {
			return nil
		}
	}
	b := s.buf[s.lo : s.lo+n]
	s.lo += n
	return b
}

// skipTo moves forward to the offset. Bytes are fetched only if they are to be hashed.
func (s *stream) skipTo(off int64) {
	for s.err == nil {
		n := off - s.pos()
		if have := int64(s.hi - s.lo); n <= have {
			s.lo += int(n)
			return
		}
		s.lo = s.hi
		if s.whole == nil {
			s.off = off
			return
		}
		s.fill()
	}
}

// A dataReader reads the next n bytes of a stream.
type dataReader struct {
	s *stream
	n int64
}

// take returns some of the bytes that are left, without copying; none at the end.
func (d *dataReader) take(most int) []byte {
	if d.n == 0 || d.s.lo == d.s.hi && !d.s.fill() {
		return nil
	}
	n := int(min(d.n, int64(d.s.hi-d.s.lo), int64(most)))
	b := d.s.buf[d.s.lo : d.s.lo+n]
	d.s.lo += n
	d.n -= int64(n)
	return b
}

func (d *dataReader) Read(p []byte) (int, error) {
	b := d.take(len(p))
	if len(b) == 0 && len(p) > 0 {
		if d.s.err != nil {
			return 0, d.s.err
		}
		return 0, io.EOF
	}
	return copy(p, b), nil
}

// inflated is what came out of the data of an entry.
type inflated struct {
	size   int64 // at most one more than declared
	crc    uint32
	sha256 [32]byte
	left   int64 // bytes of data after the end of the deflate stream
	err    error // of the deflate stream
}

// inflate reads the data of an entry, of which d has all, and hands the content to emit
// (which may be nil) in pieces. It stops one byte after the declared size.
func (m *scratch) inflate(d *dataReader, method uint16, declared int64, emit func([]byte)) inflated {
	var out inflated
	m.sum.Reset()
	use := func(b []byte) {
		out.size += int64(len(b))
		out.crc = crc32.Update(out.crc, crc32.IEEETable, b)
		m.sum.Write(b)
		if emit != nil {
			emit(b)
		}
	}
	if method == methodStored {
		for out.size <= declared {
			b := d.take(int(min(chunkSize, declared+1-out.size)))
			if len(b) == 0 {
				break
			}
			use(b)
		}
	} else {
		m.in.Reset(d)
		m.flate.(flate.Resetter).Reset(m.in, nil)
		for out.err == nil && out.size <= declared {
			var n int
			n, out.err = m.flate.Read(m.chunk[:min(chunkSize, declared+1-out.size)])
			use(m.chunk[:n])
		}
		if out.err == io.EOF {
			out.err = nil
			out.left = d.n + int64(m.in.Buffered())
		}
	}
	m.sum.Sum(out.sha256[:0])
	return out
}
