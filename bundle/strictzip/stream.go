package strictzip

import (
	"hash"
	"io"
	"sync"
)

const (
	// bufSize of the buffers through which an archive is read. One must hold
	// the longest local header (30 bytes and two fields of 65,535), and is
	// large so that hashing, not reading, is what takes the time.
	bufSize = 256 << 10
	// ringSize is how many of them a large archive is read through: one that is
	// read into, one that is inflated, one that is hashed.
	ringSize = 3
)

// A buffer is memory that is handed to those who hash it at their own pace.
type buffer struct {
	b    []byte
	busy sync.WaitGroup // those who still read it
}

func newBuffers(n, size int) []*buffer {
	buffers := make([]*buffer, n)
	for i := range buffers {
		buffers[i] = &buffer{b: make([]byte, size)}
	}
	return buffers
}

// A digester hashes what it is given, at once or in a goroutine of its own.
type digester struct {
	h     hash.Hash
	work  chan piece // nil: at once
	ended chan struct{}
}

// A piece is part of a buffer.
type piece struct {
	b    []byte
	busy *sync.WaitGroup
}

func newDigester(h hash.Hash, concurrent bool) *digester {
	h.Reset()
	d := &digester{h: h}
	if concurrent {
		d.work, d.ended = make(chan piece, ringSize), make(chan struct{})
		go func() {
			defer close(d.ended)
			for p := range d.work {
				h.Write(p.b)
				p.busy.Done()
			}
		}()
	}
	return d
}

// write hashes b, which must not change while it is busy.
func (d *digester) write(b []byte, busy *sync.WaitGroup) {
	if d.work == nil {
		d.h.Write(b)
		return
	}
	busy.Add(1)
	d.work <- piece{b, busy}
}

// close waits until everything is hashed. What is written after it is hashed at
// once.
func (d *digester) close() {
	if d.work != nil {
		close(d.work)
		<-d.ended
		d.work = nil
	}
}

// A stream reads a part of the archive from front to back, each byte once, so
// that what is hashed is what was judged even if the file changes meanwhile.
type stream struct {
	r        io.ReaderAt
	off, end int64 // of the next bytes to fetch; where the part ends
	ring     []*buffer
	cur      int       // the buffer in use
	lo, hi   int       // its bytes that are fetched and not yet used
	whole    *digester // nil if bytes may be left out
	err      error     // of r; stays
}

// pos returns the offset of the next byte.
func (s *stream) pos() int64 { return s.off - int64(s.hi-s.lo) }

// fill fetches more into the next buffer, behind what is not yet used, and
// reports whether there was any.
func (s *stream) fill() bool {
	if s.err != nil || s.off == s.end {
		return false
	}
	rest := s.ring[s.cur].b[s.lo:s.hi]
	next := (s.cur + 1) % len(s.ring)
	buf := s.ring[next]
	n := min(int64(len(buf.b)-len(rest)), s.end-s.off)
	if n == 0 {
		return false
	}
	buf.busy.Wait() // it may still be read
	copy(buf.b, rest)
	s.cur, s.lo, s.hi = next, 0, len(rest)
	more := buf.b[s.hi : s.hi+int(n)]
	if s.err = readFull(s.r, more, s.off); s.err != nil {
		return false
	}
	if s.whole != nil {
		s.whole.write(more, &buf.busy)
	}
	s.hi += int(n)
	s.off += n
	return true
}

// next returns the next n bytes, which are valid until the next call; nil if there are
// fewer. n must not be larger than a buffer.
func (s *stream) next(n int) []byte {
	for s.hi-s.lo < n {
		if !s.fill() {
			return nil
		}
	}
	b := s.ring[s.cur].b[s.lo : s.lo+n]
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

// take returns some of the bytes that are left, without copying, and what keeps
// them; none at the end.
func (d *dataReader) take(most int) ([]byte, *sync.WaitGroup) {
	if d.n == 0 || d.s.lo == d.s.hi && !d.s.fill() {
		return nil, nil
	}
	buf := d.s.ring[d.s.cur]
	n := int(min(d.n, int64(d.s.hi-d.s.lo), int64(most)))
	b := buf.b[d.s.lo : d.s.lo+n]
	d.s.lo += n
	d.n -= int64(n)
	return b, &buf.busy
}

func (d *dataReader) Read(p []byte) (int, error) {
	b, _ := d.take(len(p))
	if len(b) == 0 && len(p) > 0 {
		if d.s.err != nil {
			return 0, d.s.err
		}
		return 0, io.EOF
	}
	return copy(p, b), nil
}
