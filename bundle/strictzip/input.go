package strictzip

import (
	"crypto/sha256"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"
)

// concurrentSize is from which size on, of the archive or of its content, other
// goroutines are worth their start. It is a variable for tests only.
var concurrentSize int64 = 1 << 20

const (
	// maxWorkers is how many files are inflated at a time, on a machine with so
	// many processors: with more, reading is what takes the time.
	maxWorkers = 4
	// maxJob is the most bytes of data that are kept in memory so that a file can
	// be inflated beside others. Larger files are inflated as they are read.
	maxJob = 4 << 20
)

// A scratch is the memory that judging a small archive takes. It is used again,
// because 10,000 small archives in a row are a normal use.
type scratch struct {
	*inflater
	ring  []*buffer
	whole hash.Hash
}

func newScratch(buffers, chunks int) *scratch {
	return &scratch{inflater: newInflater(chunks), ring: newBuffers(buffers, bufSize), whole: sha256.New()}
}

var (
	scratches      = sync.Pool{New: func() any { return newScratch(1, 1) }}
	largeScratches = sync.Pool{New: func() any { return newScratch(ringSize, ringSize) }}
)

// release gives the memory back, without holding on to the archive.
func (m *scratch) release() {
	m.forget()
	if len(m.ring) == 1 {
		scratches.Put(m)
	} else {
		largeScratches.Put(m)
	}
}

// An input reads an archive from front to back, hashes it, and inflates its
// files: a large one on several processors. Whatever goroutine does it, it works
// on the bytes that were read once.
type input struct {
	*opener
	mem     *scratch
	stream  *stream
	spans   []span
	out     []*inflated // of each span; nil if its data was not looked at
	jobs    chan job    // nil if there are no workers: what is done is done at once
	free    chan []byte // memory for data of jobs
	workers sync.WaitGroup
}

// A job is a file whose data was read.
type job struct {
	index int
	data  []byte
}

func (o *opener) newInput(spans []span, e ends, content bool) *input {
	in := &input{opener: o, spans: spans, out: make([]*inflated, len(spans))}
	var inflated int64
	for _, sp := range spans {
		inflated = addSat(inflated, sp.usize)
	}
	procs := min(runtime.GOMAXPROCS(0), maxWorkers)
	concurrent := content && procs > 1 && max(o.size, inflated) >= concurrentSize
	if concurrent {
		in.mem = largeScratches.Get().(*scratch)
		in.startWorkers(procs)
	} else {
		in.mem = scratches.Get().(*scratch)
	}
	in.stream = &stream{r: o.r, end: e.dirOffset, ring: in.mem.ring}
	if content && o.fixed == nil {
		in.stream.whole = newDigester(in.mem.whole, concurrent)
	}
	return in
}

// hashing is what becomes of the digests of files.
func (in *input) hashing(apart bool) hashing {
	switch {
	case in.fixed != nil:
		return unhashed
	case apart:
		return hashedApart
	}
	return hashed
}

func (in *input) startWorkers(n int) {
	in.jobs = make(chan job)
	in.free = make(chan []byte, n+1) // one more: the next job is read meanwhile
	for range cap(in.free) {
		in.free <- nil
	}
	for range n {
		in.workers.Go(func() {
			m := inflaters.Get().(*inflater)
			defer m.release()
			for j := range in.jobs {
				in.inflate(m, j)
				if in.fixed == nil {
					in.free <- j.data
				}
			}
		})
	}
}

// wait waits until everything that was begun is done.
func (in *input) wait() {
	if in.jobs != nil {
		close(in.jobs)
		in.workers.Wait()
		in.jobs = nil
	}
	if in.stream.whole != nil {
		in.stream.whole.close()
	}
}

// close waits, and gives the memory back.
func (in *input) close() {
	in.wait()
	in.mem.release()
}

// writer is who looks at the content of an entry.
func (in *input) writer(sp span) io.Writer {
	if in.scan == nil || sp.isFolder() {
		return nil
	}
	return in.scan(sp.name, sp.usize)
}

// inflate inflates a file whose data was read.
func (in *input) inflate(m *inflater, j job) {
	sp := in.spans[j.index]
	out := m.fromMemory(j.data, sp.method, sp.usize, in.hashing(false), in.writer(sp))
	in.out[j.index] = &out
}

// readContent inflates the data of an entry, which is next in the stream, or has
// it inflated. It returns false if that cannot be done.
func (in *input) readContent(i int) bool {
	sp, s := in.spans[i], in.stream
	if sp.method != methodStored && sp.method != methodDeflate || sp.flags&flagsEncryption != 0 {
		return false // refused already
	}
	d := &dataReader{s: s, n: sp.csize}
	j := job{index: i}
	switch {
	case in.fixed != nil:
		j.data = in.fixed[sp.dataOff : sp.dataOff+sp.csize]
	case in.jobs != nil && sp.csize <= maxJob:
		j.data = slices.Grow((<-in.free)[:0], int(sp.csize))[:sp.csize]
		if _, err := io.ReadFull(d, j.data); err != nil {
			return false // readEntries reports it
		}
	case in.jobs == nil && sp.csize <= bufSize:
		if j.data = s.next(int(sp.csize)); j.data == nil {
			return false // a read error
		}
	default:
		out := in.mem.fromStream(d, sp.method, sp.usize, in.hashing(in.jobs != nil), in.writer(sp))
		if s.err != nil {
			return false
		}
		in.out[i] = &out
		return true
	}
	if in.jobs != nil {
		in.jobs <- j
	} else {
		in.inflate(in.mem.inflater, j)
	}
	return true
}
