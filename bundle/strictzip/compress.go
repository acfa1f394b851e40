package strictzip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// level of compression: the sizes are those of Info-ZIP's zip, one or two
	// percent more or less, in a fraction of its time. Those beyond it take five
	// times as long for one percent.
	level = 6
	// blockSize is how much of a file is compressed at a time, on whatever
	// processor is free. It has an influence on the bytes: never make it depend on
	// the machine. With smaller blocks archives grow; larger ones take memory.
	blockSize = 1 << 20
	// windowSize is how far back deflate can refer (RFC 1951, section 2), and so
	// what a block has to know of the one before it.
	windowSize = 32 << 10
	// maxCompressors is how many blocks are compressed at a time, on a machine
	// with so many processors. Each takes 4 MiB, and then reading is what takes
	// the time.
	maxCompressors = 8
)

// compressedFormats are the extensions of files that do not get smaller.
var compressedFormats = []string{
	".7z", ".avi", ".br", ".bz2", ".cab", ".docx", ".gif", ".gz", ".jar", ".jpeg", ".jpg", ".lz", ".lz4", ".lzma",
	".m4v", ".mov", ".mp3", ".mp4", ".mpeg", ".mpg", ".png", ".pptx", ".rar", ".sz", ".tbz2", ".tgz", ".tsz", ".txz",
	".xlsx", ".xz", ".zip", ".zipx",
}

// methodFor returns how a file of this name is archived.
func methodFor(name string) uint16 {
	if strings.HasSuffix(name, "/") || slices.Contains(compressedFormats, strings.ToLower(path.Ext(name))) {
		return methodStored
	}
	return methodDeflate
}

// A block is a part of a file on its way into the archive.
type block struct {
	index  int    // of the file
	window []byte // what comes before it in the file
	data   []byte
	last   bool // of the file
	out    bytes.Buffer
	done   chan struct{} // data is compressed

	// Of the whole file, if it is the last one.
	crc    uint32
	sha256 [32]byte

	err error // why it could not be had; there is none after it
}

// A compressor reads files, compresses their blocks on several processors, and
// gives them back in order. How they are compressed depends on nothing but the
// content.
type compressor struct {
	ctx   context.Context
	files []File
	work  chan *block
	order chan *block
	free  chan *block
	wg    sync.WaitGroup
}

// compress calls write for every block of every file, in order. It returns when
// nothing is being read or compressed any more.
func compress(ctx context.Context, files []File, write func(*block) error) error {
	ctx, cancel := context.WithCancel(ctx)
	n := min(runtime.GOMAXPROCS(0), maxCompressors)
	depth := n + 2 // one is being read, one written
	c := &compressor{ctx: ctx, files: files, work: make(chan *block, depth), order: make(chan *block, depth+1), free: make(chan *block, depth)}
	defer c.wg.Wait()
	defer cancel()
	for range depth {
		c.free <- &block{}
	}
	c.wg.Go(c.read)
	for range n {
		c.wg.Go(c.deflate)
	}
	for b := range c.order {
		<-b.done
		if b.err != nil {
			return b.err
		}
		if err := write(b); err != nil {
			return err
		}
		c.free <- b
	}
	return nil
}

// read reads all files.
func (c *compressor) read() {
	defer close(c.order)
	defer close(c.work)
	for i := range c.files {
		if c.files[i].isFolder() {
			continue
		}
		if err := c.readFile(i); err != nil {
			b := &block{err: err, done: make(chan struct{})}
			close(b.done)
			c.order <- b // which has room for one more than there are
			return
		}
	}
}

// readFile reads a file, which must have the size that it should have.
func (c *compressor) readFile(i int) error {
	f := &c.files[i]
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	var crc uint32
	var window []byte
	for left := f.Size; ; {
		b, err := c.empty()
		if err != nil {
			return err
		}
		n := min(left, blockSize)
		*b = block{index: i, window: append(b.window[:0], window...), data: slices.Grow(b.data[:0], int(n))[:n], out: b.out, done: make(chan struct{})}
		if got, err := io.ReadFull(r, b.data); err == io.EOF || err == io.ErrUnexpectedEOF {
			return fmt.Errorf("%s has %d bytes, expected %d: it changed meanwhile", quote(f.Name), f.Size-left+int64(got), f.Size)
		} else if err != nil {
			return fmt.Errorf("%s: %w", quote(f.Name), err)
		}
		left -= n
		sum.Write(b.data)
		crc = crc32.Update(crc, crc32.IEEETable, b.data)
		if left == 0 {
			if err := atEnd(r, f.Size); err != nil {
				return fmt.Errorf("%s has %w", quote(f.Name), err)
			}
			b.last, b.crc = true, crc
			sum.Sum(b.sha256[:0])
		}
		window = append(window[:0], b.data[max(0, len(b.data)-windowSize):]...)
		last := b.last // it is not ours any more
		c.order <- b
		c.work <- b
		if last {
			return nil
		}
	}
}

// empty returns a block that is not in use, unless it is time to end.
func (c *compressor) empty() (*block, error) {
	select {
	case b := <-c.free:
		if c.ctx.Err() == nil {
			return b, nil
		}
	case <-c.ctx.Done():
	}
	return nil, context.Cause(c.ctx)
}

// atEnd returns an error unless r has ended.
func atEnd(r io.Reader, size int64) error {
	var more [1]byte
	switch _, err := io.ReadFull(r, more[:]); err {
	case nil:
		return fmt.Errorf("more than %d bytes: it changed meanwhile", size)
	case io.EOF:
		return nil
	default:
		return err
	}
}

// deflate compresses blocks.
func (c *compressor) deflate() {
	var w *flate.Writer
	for b := range c.work {
		b.out.Reset()
		if methodFor(c.files[b.index].Name) == methodDeflate {
			if w == nil {
				w, _ = flate.NewWriter(nil, level) // the level is one that there is
			}
			b.err = b.deflate(w)
		}
		close(b.done)
	}
}

// deflate compresses the block as a part of the file's one deflate stream: it
// refers to what is before it, and ends at a byte boundary.
func (b *block) deflate(w *flate.Writer) error {
	w.ResetDict(&b.out, b.window)
	if _, err := w.Write(b.data); err != nil {
		return err
	}
	if b.last {
		return w.Close()
	}
	return w.Flush()
}
