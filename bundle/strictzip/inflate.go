package strictzip

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// chunkSize of what is inflated at a time.
const chunkSize = 64 << 10

// An inflater is the memory that inflating a file takes, whatever its size.
type inflater struct {
	chunks []*buffer
	in     *bufio.Reader
	data   *bytes.Reader
	flate  io.ReadCloser
	sum    hash.Hash // of the file
}

func newInflater(chunks int) *inflater {
	return &inflater{
		chunks: newBuffers(chunks, chunkSize),
		in:     bufio.NewReaderSize(nil, chunkSize),
		data:   bytes.NewReader(nil),
		flate:  flate.NewReader(nil),
		sum:    sha256.New(),
	}
}

// inflaters are used again.
var inflaters = sync.Pool{New: func() any { return newInflater(1) }}

// release gives the memory back, without holding on to the archive.
func (m *inflater) release() {
	m.forget()
	inflaters.Put(m)
}

func (m *inflater) forget() {
	m.in.Reset(nil)
	m.data.Reset(nil)
}

// inflated is what came out of the data of an entry.
type inflated struct {
	size   int64 // at most one more than declared
	crc    uint32
	sha256 [32]byte // if it was hashed
	left   int64    // bytes of data after the end of the deflate stream
	err    error    // of the deflate stream
}

// fromStream inflates the data of an entry, of which d has all, and hands the
// content to w (which may be nil) in pieces. It stops one byte after the declared
// size.
func (m *inflater) fromStream(d *dataReader, method uint16, declared int64, how hashing, w io.Writer) inflated {
	c := m.content(how, w)
	if method == methodStored {
		for c.size <= declared {
			b, busy := d.take(int(min(chunkSize, declared+1-c.size)))
			if len(b) == 0 {
				break
			}
			c.use(b, busy)
		}
	} else {
		m.in.Reset(d)
		m.inflate(c, m.in, declared)
		c.left = d.n + int64(m.in.Buffered())
	}
	return c.end()
}

// fromMemory is the same for data in memory.
func (m *inflater) fromMemory(data []byte, method uint16, declared int64, how hashing, w io.Writer) inflated {
	c := m.content(how, w)
	if method == methodStored {
		c.use(data[:min(int64(len(data)), declared+1)], nil)
	} else {
		m.data.Reset(data)
		m.inflate(c, m.data, declared) // which has no buffer of its own over a ByteReader
		c.left = int64(m.data.Len())
	}
	return c.end()
}

// inflate reads a deflate stream to its end, or to one byte more than declared.
func (m *inflater) inflate(c *content, r io.Reader, declared int64) {
	m.flate.(flate.Resetter).Reset(r, nil)
	for i := 0; c.err == nil && c.size <= declared; i++ {
		chunk := m.chunks[i%len(m.chunks)]
		chunk.busy.Wait()
		var n int
		n, c.err = m.flate.Read(chunk.b[:min(chunkSize, declared+1-c.size)])
		c.use(chunk.b[:n], &chunk.busy)
	}
}

// hashing is what becomes of a digest.
type hashing uint8

const (
	unhashed    hashing = iota // there is none
	hashed                     // it is computed at once
	hashedApart                // it is computed in a goroutine of its own
)

// content is what is made of the content of a file as it comes.
type content struct {
	inflated
	sum *digester // nil: not hashed
	w   io.Writer
}

func (m *inflater) content(how hashing, w io.Writer) *content {
	c := &content{w: w}
	if how != unhashed {
		c.sum = newDigester(m.sum, how == hashedApart)
	}
	return c
}

func (c *content) use(b []byte, busy *sync.WaitGroup) {
	c.size += int64(len(b))
	if c.sum != nil {
		c.sum.write(b, busy)
	}
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b)
	if c.w != nil {
		c.w.Write(b)
	}
}

func (c *content) end() inflated {
	if c.sum != nil {
		c.sum.close()
		c.sum.h.Sum(c.sha256[:0])
	}
	if c.err == io.EOF {
		c.err = nil
	} else {
		c.left = 0 // the stream did not end
	}
	return c.inflated
}
