package server

import (
	"bufio"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// The texts of the servers in the field.
const (
	textUnknown  = "Unknown peer serial number."
	textTooMany  = "Too many connections from one peer."
	textInternal = "Internal server error."
	textStopping = "The connection has been closed by the server."
)

// cappedConn fails once more than left bytes were read, until the cap is lifted.
type cappedConn struct {
	net.Conn
	left   int
	lifted bool
}

var errHandshakeTooLong = fmt.Errorf("more than %d bytes were sent before the handshake was done", maxHandshake)

func (c *cappedConn) Read(p []byte) (int, error) {
	if c.lifted {
		return c.Conn.Read(p)
	}
	if c.left <= 0 {
		return 0, errHandshakeTooLong
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// session is one connection.
type session struct {
	s       *Server
	id      uint64
	raw     *cappedConn
	remote  string
	elem    *list.Element // in s.unproven; s.mu
	peer    string        // node id, once proven; s.mu for writing
	counted bool          // in s.perPeer; s.mu

	tls       *tls.Conn
	link      smp.Link
	connectBy time.Time     // when the client must have sent CONNECT
	silence   time.Duration // how long it may be silent after that; 0: for ever
	refusal   string        // the ERROR that follows CONNECTED; "" if the peer is welcome
	why       string        // for our own report: the refusal in more words
	taken     int           // messages
	connected bool

	destination string // where this peer's messages must go
	// The texts of the message before: mostly they are those of the next one.
	lastType, lastContentType string

	mu       sync.Mutex // writing, and the fields below
	w        *bufio.Writer
	buf      []byte
	lastSent time.Time
	woken    bool
}

// wake makes the session's reading end, now or when it next would wait.
func (c *session) wake() {
	c.mu.Lock()
	c.woken = true
	c.mu.Unlock()
	c.raw.SetReadDeadline(time.Unix(1, 0))
}

// setReadDeadline sets when reading ends, unless the session was woken. Before
// CONNECT that is one moment, however many bytes come until then.
func (c *session) setReadDeadline() {
	var t time.Time
	switch {
	case !c.connected:
		t = c.connectBy
	case c.silence > 0:
		t = time.Now().Add(c.silence)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.woken {
		c.raw.SetReadDeadline(t)
	}
}

func (c *session) event(kind EventKind, detail string) {
	c.s.report(Event{Kind: kind, Connection: c.id, Remote: c.remote, Peer: c.peer, Messages: c.taken, Detail: detail})
}

func (c *session) serve() {
	defer c.raw.Close()
	if err := c.handshake(); err != nil {
		if !c.s.isStopping() {
			c.event(Refused, "TLS: "+err.Error())
		}
		return
	}
	c.w = bufio.NewWriterSize(deadlineWriter{c}, writeBuffer)
	r := frame.NewReader(bufio.NewReaderSize(flushingReader{c}, readBuffer), limits)
	beat, ok := c.connect(r)
	if !ok {
		return
	}
	stop := c.sendBeats(beat)
	defer stop()
	c.loop(r)
}

func (c *session) handshake() error {
	c.tls = tls.Server(c.raw, c.s.tls)
	ctx, cancel := context.WithTimeout(context.Background(), HandshakeTimeout)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("no handshake within %s", HandshakeTimeout)
		}
		return err
	}
	c.raw.lifted = true
	c.connectBy = time.Now().Add(c.s.connectTimeout)
	leaf := c.tls.ConnectionState().PeerCertificates[0]
	id, err := certs.SubjectIdentity(leaf.RawSubject)
	if err != nil {
		return err
	}
	c.judgePeer(id)
	c.destination = strings.ReplaceAll(c.s.conf.Destination, manifest.NodeIDVariable, c.peer)
	return nil
}

// judgePeer decides whether the peer is welcome. It will be told after CONNECTED.
func (c *session) judgePeer(id certs.Identity) {
	tooMany := c.s.proven(c, id.ID())
	p, err := c.s.conf.Lookup(id.ID())
	switch {
	case errors.Is(err, ErrUnknownPeer):
		c.refusal, c.why = textUnknown, "not a peer of this node"
	case err != nil:
		c.refusal, c.why = textInternal, err.Error()
	case p.Identity != id:
		c.refusal, c.why = textUnknown, fmt.Sprintf("it is %s, and peers/%s is %s", id, id.ID(), p.Identity)
	case p.Deactivated:
		c.refusal, c.why = textUnknown, "this node has deactivated the peer"
	case !p.Registered:
		c.refusal, c.why = textUnknown, "not registered: no sub-ca.crt"
	case c.s.conf.RequireActive && !p.Active:
		c.refusal, c.why = textUnknown, "not active: no ACTIVE"
	case tooMany:
		c.refusal, c.why = textTooMany, fmt.Sprintf("more than %d connections of one peer", PeerConnections)
	default:
		if c.link, err = smp.NewLink(id, c.s.conf.Own, p.Subnet); err != nil {
			c.refusal, c.why = textInternal, err.Error()
		}
	}
}

// connect takes STOMP or CONNECT and answers. It returns how often a heart-beat
// must be sent, and whether the session goes on.
func (c *session) connect(r *frame.Reader) (beat time.Duration, ok bool) {
	f, err := r.Next()
	switch {
	case err != nil:
		c.readError(err, fmt.Sprintf("no CONNECT within %s", c.s.connectTimeout))
		return 0, false
	case f.Command != frame.Stomp && f.Command != frame.Connect:
		c.refuse(Refused, "Received another command before CONNECT.", "found "+f.Command+" before CONNECT")
		return 0, false
	}
	versions, _ := f.Get("accept-version")
	if !slices.Contains(strings.Split(versions, ","), "1.2") {
		c.refuse(Refused, "STOMP 1.2 is not supported by the client.", fmt.Sprintf("found accept-version %q, expected 1.2 in it", versions))
		return 0, false
	}
	beat, expect, err := agreeOnBeats(f)
	if err != nil {
		c.refuse(Refused, "Received invalid heart-beat value.", err.Error())
		return 0, false
	}
	c.write(frame.Connected, []frame.Header{
		{Key: "version", Value: "1.2"},
		{Key: "heart-beat", Value: fmt.Sprintf("%d,%d", beatSend.Milliseconds(), beatReceive.Milliseconds())},
		{Key: "server", Value: "swptpeer"},
	}, nil)
	if c.refusal != "" {
		c.refuse(Refused, c.refusal, c.why)
		return 0, false
	}
	if expect > 0 {
		c.silence = expect + ConnectTimeout
	}
	c.connected = true
	c.event(Connected, "")
	return beat, true
}

// agreeOnBeats returns how often we must send a heart-beat, and how often one
// will come; 0: never (STOMP 1.2, "Heart-beating").
func agreeOnBeats(f *frame.Frame) (send, receive time.Duration, err error) {
	v, ok := f.Get("heart-beat")
	if !ok {
		return 0, 0, nil
	}
	first, second, ok := strings.Cut(v, ",")
	can, err1 := strconv.ParseUint(first, 10, 31)
	wants, err2 := strconv.ParseUint(second, 10, 31)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("found the heart-beat %q, expected two numbers of milliseconds", v)
	}
	if wants > 0 {
		send = max(beatSend, time.Duration(wants)*time.Millisecond)
	}
	if can > 0 {
		receive = max(beatReceive, time.Duration(can)*time.Millisecond)
	}
	return send, receive, nil
}

// sendBeats sends heart-beats until the function that it returns is called. What
// is sent otherwise counts as one.
func (c *session) sendBeats(every time.Duration) (stop func()) {
	if every <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		// Twice as often as promised is checked, so that none comes late.
		tick := time.NewTicker(every / 2)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				c.mu.Lock()
				if now.Sub(c.lastSent) >= every/2 && c.w.Buffered() == 0 {
					c.w.WriteByte('\n')
					if c.w.Flush() != nil {
						// The reading side is told by the closed connection.
						c.raw.Close()
					}
				}
				c.mu.Unlock()
			}
		}
	}()
	return func() { close(done) }
}

// loop takes frames until the session ends.
func (c *session) loop(r *frame.Reader) {
	for {
		f, err := r.Next()
		if err != nil {
			c.readError(err, fmt.Sprintf("nothing came for %s, not even a heart-beat", c.silence))
			return
		}
		switch f.Command {
		case frame.Send:
			if !c.message(f) {
				return
			}
		case frame.Disconnect:
			c.disconnect(f)
			return
		case frame.Stomp, frame.Connect:
			c.refuse(Ended, "Received CONNECT command more than once.", "found a second "+f.Command)
			return
		default:
			c.refuse(Ended, fmt.Sprintf("Received unexpected command \"%s\".", f.Command), "found "+f.Command+", which this server does not offer")
			return
		}
	}
}

// message judges one message and confirms or refuses it.
func (c *session) message(f *frame.Frame) bool {
	for _, name := range [...]string{"receipt", "type", "destination"} {
		if f.Value(name) == nil {
			text := fmt.Sprintf("SEND command without a %s header.", name)
			c.refuse(Ended, text, text)
			return false
		}
	}
	id, destination := string(f.Value("receipt")), f.Value("destination")
	typ := again(&c.lastType, f.Value("type"))
	contentType := again(&c.lastContentType, f.Value("content-type"))
	var refusal string
	if string(destination) != c.destination {
		refusal = fmt.Sprintf("Invalid SEND destination %q.", destination)
	} else if err := c.link.Judge(contentType, typ, f.Body, c.s.conf.Now()); err != nil {
		refusal = err.Error()
	} else if c.s.conf.Keep != nil {
		if err := c.s.conf.Keep(c.peer, smp.Message{ID: id, Type: typ, ContentType: contentType, Body: f.Body}); err != nil {
			c.refuseMessage(f, id, typ, contentType, textInternal, err.Error())
			return false
		}
	}
	if refusal != "" {
		c.refuseMessage(f, id, typ, contentType, refusal, refusal)
		return false
	}
	c.taken++
	c.s.report(Event{Kind: Message, Connection: c.id, Remote: c.remote, Peer: c.peer, Type: typ, ID: id, Bytes: len(f.Body)})
	c.write(frame.Receipt, []frame.Header{{Key: "receipt-id", Value: id}}, nil)
	return true
}

// again returns text as a string, which is made anew only if it is not last.
func again(last *string, text []byte) string {
	if string(text) != *last {
		*last = string(text)
	}
	return *last
}

// refuseMessage answers a SEND with ERROR, and gives the message back as context.
func (c *session) refuseMessage(f *frame.Frame, id, typ, contentType, text, why string) {
	c.s.report(Event{Kind: MessageRefused, Connection: c.id, Remote: c.remote, Peer: c.peer, Type: typ, ID: id, Bytes: len(f.Body), Detail: why})
	headers := []frame.Header{{Key: "message", Value: text}, {Key: "receipt-id", Value: id}, {Key: "type", Value: typ}}
	if contentType != "" {
		headers = append(headers, frame.Header{Key: "content-type", Value: contentType})
	}
	c.write(frame.Error, headers, f.Body)
	c.goodbye()
	c.event(Ended, "a message was refused")
}

func (c *session) disconnect(f *frame.Frame) {
	if id, ok := f.Get("receipt"); ok {
		c.write(frame.Receipt, []frame.Header{{Key: "receipt-id", Value: id}}, nil)
	}
	c.goodbye()
	c.event(Disconnected, "")
}

// readError ends the session after an error of reading.
func (c *session) readError(err error, silent string) {
	var syntax *frame.SyntaxError
	var limit *frame.LimitError
	kind := Ended
	if !c.connected {
		kind = Refused
	}
	switch {
	case errors.As(err, &syntax), errors.As(err, &limit):
		c.refuse(kind, err.Error(), err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded) && c.s.isStopping():
		c.refuse(Ended, textStopping, "this server was stopped")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.refuse(kind, silent, silent)
	case errors.Is(err, io.EOF):
		c.event(Ended, "the client closed the connection without DISCONNECT")
	default:
		c.event(Ended, err.Error())
	}
}

// refuse sends an ERROR with text, ends the connection and reports why.
func (c *session) refuse(kind EventKind, text, why string) {
	c.write(frame.Error, []frame.Header{{Key: "message", Value: text}}, nil)
	c.goodbye()
	c.event(kind, why)
}

// write adds a frame to what will be flushed before the next wait. Errors of
// writing show when flushing.
func (c *session) write(cmd string, headers []frame.Header, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.buf, err = frame.Append(c.buf[:0], cmd, headers, body); err != nil {
		// Only text that came from the client can be at fault, and the reader
		// has refused what cannot be written.
		c.raw.Close()
		return
	}
	c.w.Write(c.buf)
}

func (c *session) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Flush()
}

// goodbye flushes, closes our half, and gives the client a moment to read: a
// connection that is closed with bytes unread is reset, and what was written
// last is lost.
func (c *session) goodbye() {
	if c.flush() != nil || c.tls.CloseWrite() != nil {
		return
	}
	if tcp, ok := c.raw.Conn.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
	c.raw.SetReadDeadline(time.Now().Add(drainTime))
	io.Copy(io.Discard, io.LimitReader(c.raw, drainBytes))
}

// writeBuffer holds some dozens of receipts.
const writeBuffer = 4 << 10

// readBuffer holds what a TLS record does: the receipts of all its messages are
// then written at once. Only peers have one, who are few.
const readBuffer = 16 << 10

// deadlineWriter writes to the client within ConnectTimeout.
type deadlineWriter struct{ c *session }

func (d deadlineWriter) Write(p []byte) (int, error) {
	now := time.Now()
	d.c.lastSent = now
	d.c.raw.SetWriteDeadline(now.Add(ConnectTimeout))
	return d.c.tls.Write(p)
}

// flushingReader flushes what was written before it waits for more, and waits as
// long as the session allows silence.
type flushingReader struct{ c *session }

func (f flushingReader) Read(p []byte) (int, error) {
	if err := f.c.flush(); err != nil {
		return 0, err
	}
	f.c.setReadDeadline()
	return f.c.tls.Read(p)
}
