package stompcheck

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/frame"
)

// clientLimits bound what a server can make us hold. They are wider than those
// of the servers in the field, because the ERROR of another broker may explain
// itself at length.
var clientLimits = frame.Limits{HeaderLines: 100, HeaderField: 8 << 10, Headers: 32 << 10, Body: 64 << 10}

// event is a frame that a server sent, or the error that ended the reading.
type event struct {
	command string
	headers []frame.Header
	body    string
	flaw    string // what is wrong with an ERROR that is no frame of STOMP 1.2
	err     error
}

func (e *event) get(key string) string {
	for _, h := range e.headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}

// conn is the client's side of a STOMP connection. One goroutine reads for as
// long as the connection lives, so that an ERROR, an alert or the end of the
// stream is seen whenever it comes.
type conn struct {
	nc      net.Conn
	events  chan event
	done    chan struct{}
	once    sync.Once
	timeout time.Duration // for each write

	// receipts takes RECEIPT frames in place of events, when it is set. It is
	// called by the reading goroutine; the id is valid during the call.
	receipts atomic.Pointer[func(id []byte) (taken bool)]
	// cut makes writes end at once: the test was interrupted.
	cut atomic.Bool
	// lastRead is when a byte was last received, in nanoseconds of Unix time.
	lastRead atomic.Int64
	beats    atomic.Int64 // heart-beats that we sent

	mu        sync.Mutex // writing
	buf       []byte
	lastWrite time.Time
	ending    bool // DISCONNECT was sent: nothing may follow it
}

func newConn(nc net.Conn, timeout time.Duration) *conn {
	c := &conn{nc: nc, events: make(chan event, 4), done: make(chan struct{}), timeout: timeout}
	go c.read()
	return c
}

// stampedReader notes when something arrives.
type stampedReader struct{ c *conn }

func (s stampedReader) Read(p []byte) (int, error) {
	n, err := s.c.nc.Read(p)
	if n > 0 {
		s.c.lastRead.Store(time.Now().UnixNano())
	}
	return n, err
}

func (c *conn) read() {
	r := frame.NewReader(bufio.NewReaderSize(stampedReader{c}, batch), clientLimits)
	for {
		f, err := r.Next()
		if err != nil {
			if e, ok := flawedError(r, err); ok && !c.post(e) {
				return
			}
			c.post(event{err: err})
			return
		}
		if take := c.receipts.Load(); take != nil && f.Command == frame.Receipt && (*take)(f.Value("receipt-id")) {
			continue
		}
		e := event{command: f.Command, body: string(f.Body)}
		for k, v := range f.Headers() {
			e.headers = append(e.headers, frame.Header{Key: k, Value: v})
		}
		if !c.post(e) {
			return
		}
	}
}

// flawedError makes of an ERROR that cannot be read what it can: a server that
// explains itself at too great a length, or not in UTF-8, is still to be heard.
func flawedError(r *frame.Reader, err error) (e event, ok bool) {
	var syntax *frame.SyntaxError
	var limit *frame.LimitError
	f, rest := r.Unfinished()
	if f.Command != frame.Error || !errors.As(err, &syntax) && !errors.As(err, &limit) {
		return event{}, false
	}
	e = event{command: f.Command, flaw: strings.TrimPrefix(err.Error(), "stomp: ")}
	for k, v := range f.Headers() {
		e.headers = append(e.headers, frame.Header{Key: k, Value: v})
	}
	if text, isMessage := strings.CutPrefix(string(rest), "message:"); isMessage {
		e.headers = append(e.headers, frame.Header{Key: "message", Value: text})
	} else {
		e.body = string(rest)
	}
	return e, true
}

func (c *conn) post(e event) bool {
	select {
	case c.events <- e:
		return true
	case <-c.done:
		return false
	}
}

// errSilence means that nothing came in the time given.
var errSilence = errors.New("nothing came")

// next waits for the next event: at most for wait, and not after ctx is done.
func (c *conn) next(ctx context.Context, wait time.Duration) (event, error) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case e := <-c.events:
		return e, nil
	case <-t.C:
		// What came at the same moment counts.
		select {
		case e := <-c.events:
			return e, nil
		default:
			return event{}, errSilence
		}
	case <-ctx.Done():
		return event{}, context.Cause(ctx)
	}
}

func (c *conn) setTimeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = d
}

// interruptWrites ends a write that waits for a server that does not read, and
// those that follow, once ctx is done. The function that it returns lifts that,
// for whatever is to be said in parting.
func (c *conn) interruptWrites(ctx context.Context) (lift func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		c.cut.Store(true)
		// An error means that the connection is closed, which ends a write too.
		_ = c.nc.SetWriteDeadline(time.Now())
	})
	return func() {
		if !stop() {
			<-done // or it would cut what comes after
		}
		c.cut.Store(false)
	}
}

// ignoreReceipts takes receipts that come late or once more: a receipt confirms
// all messages before it too, so that one which follows a later one says nothing
// new.
func (c *conn) ignoreReceipts(ours func(id []byte) bool) { c.receipts.Store(&ours) }

// send writes a frame.
func (c *conn) send(cmd string, headers []frame.Header, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.buf, err = frame.Append(c.buf[:0], cmd, headers, body); err != nil {
		return err
	}
	c.ending = c.ending || cmd == frame.Disconnect
	return c.write(c.buf)
}

// write writes with the connection's timeout; c.mu is held.
func (c *conn) write(p []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if c.cut.Load() {
		return os.ErrDeadlineExceeded
	}
	_, err := c.nc.Write(p)
	c.lastWrite = time.Now()
	return err
}

// startBeats sends heart-beats for as long as the connection lives, so that the
// server hears something at least once in every interval. What is sent
// otherwise counts as one. 0: none are sent.
func (c *conn) startBeats(interval time.Duration) {
	if interval <= 0 {
		return
	}
	go func() {
		// Looked at often enough for none to come late.
		tick := time.NewTicker(interval / 4)
		defer tick.Stop()
		for {
			select {
			case <-c.done:
				return
			case <-tick.C:
				if !c.beatIfSilent(interval / 2) {
					return
				}
			}
		}
	}()
}

// beatIfSilent sends a heart-beat if nothing was sent for this long. It is false
// if that is no longer possible: the reading side says why.
func (c *conn) beatIfSilent(silence time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending:
		return false
	case time.Since(c.lastWrite) < silence:
		return true
	}
	if c.write([]byte{'\n'}) != nil {
		return false
	}
	c.beats.Add(1)
	return true
}

// close closes the connection and ends the reading goroutine.
func (c *conn) close() {
	c.once.Do(func() {
		close(c.done)
		c.nc.Close()
	})
}

// ended reports whether err is the end of a stream, clean or not.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
