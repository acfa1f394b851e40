package server

import (
	"container/list"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// Limits of the servers in the field.
const (
	// PeerConnections is how many connections one peer may have.
	PeerConnections = 10
	// HandshakeTimeout is how long a TLS handshake may take.
	HandshakeTimeout = 5 * time.Second
	// ConnectTimeout is how long a client may take from there to CONNECT, and to
	// take what is written to it.
	ConnectTimeout = 10 * time.Second
	// beatSend and beatReceive are the heart-beats offered: one every 5 seconds,
	// and one wanted every 30.
	beatSend, beatReceive = 5 * time.Second, 30 * time.Second
)

// Limits of this server.
const (
	// DefaultMaxConnections is how many connections there may be in all.
	DefaultMaxConnections = 4096
	// maxHandshake is how many bytes a client may send before its handshake is
	// done. A chain of two certificates has about 3,000; the TLS library would
	// take hundreds of thousands.
	maxHandshake = 32 << 10
	// drainTime and drainBytes bound what is read and thrown away after an
	// ERROR, so that the client gets to read it before the connection is reset.
	drainTime, drainBytes = time.Second, 64 << 10
)

// Peer is what the server must know of a peer to judge it.
type Peer struct {
	Identity    certs.Identity
	Registered  bool // sub-ca.crt is there
	Active      bool // ACTIVE is there
	Deactivated bool // DEACTIVATED is there
	// Subnet is what the authority of the two gave to the agent; see
	// [smp.NewLink].
	Subnet certs.Subnet
}

// ErrUnknownPeer is returned by Config.Lookup for a node that is not a peer.
var ErrUnknownPeer = errors.New("not a peer of this node")

// Config of a Server.
type Config struct {
	Own         certs.Identity
	Root        *x509.Certificate // the node's own root: the only trust anchor
	Certificate tls.Certificate   // the server's
	// Destination is the only one that is taken. ${NODE_ID} in it stands for the
	// client's node id, as in a servers manifest.
	Destination string
	// Lookup reads what is known of a peer. It is called for every connection,
	// so that a peer registered meanwhile is noticed. Errors other than
	// ErrUnknownPeer mean that its files cannot be read.
	Lookup func(id string) (Peer, error)
	// RequireActive also refuses peers without ACTIVE.
	RequireActive bool
	// MaxConnections in all; DefaultMaxConnections.
	MaxConnections int
	// Report is told what happens; nil: nobody. Calls come one at a time, and the
	// server waits for them: it must not block.
	Report func(Event)
	// Keep is given every message that was taken, before its receipt is sent; an
	// error refuses the message. It is called by several goroutines at once, and
	// the body is valid during the call. Nil: messages are not kept.
	Keep func(peer string, m smp.Message) error
	// Now is the clock that certificates and messages are judged by; time.Now.
	Now func() time.Time
}

// Event is something that happened. Texts may come from strangers.
type Event struct {
	Time       time.Time
	Kind       EventKind
	Connection uint64 // counts connections
	Remote     string // address of the client
	Peer       string // node id, once it is known
	Type, ID   string // of a message
	Bytes      int    // of a message
	Messages   int    // taken on the connection, when it ends
	Detail     string // why something was refused or ended
}

// EventKind says what an Event is.
type EventKind string

const (
	Connected       EventKind = "connected"        // CONNECTED was sent to a welcome peer
	Refused         EventKind = "refused"          // the connection was refused
	Message         EventKind = "message"          // a message was taken
	MessageRefused  EventKind = "message-refused"  // a message was refused
	Disconnected    EventKind = "disconnected"     // by DISCONNECT
	Ended           EventKind = "ended"            // in any other way
	AcceptTrouble   EventKind = "accept-error"     // the listener had a passing trouble
	ConnectionLimit EventKind = "connection-limit" // a connection made room for a newer one, or found none
)

// Server is a STOMP server of one node.
type Server struct {
	conf  Config
	tls   *tls.Config
	limit int
	// connectTimeout is ConnectTimeout but in tests.
	connectTimeout time.Duration

	reportMu sync.Mutex

	mu       sync.Mutex
	next     uint64
	conns    map[*session]struct{}
	unproven *list.List // of *session, oldest first: those that may have to make room
	perPeer  map[string]int
	stopping bool
	wg       sync.WaitGroup
}

// New returns a Server. It refuses a configuration without the parts that
// judging needs.
func New(conf Config) (*Server, error) {
	if conf.Lookup == nil || conf.Own.IsZero() || conf.Destination == "" {
		return nil, errors.New("a server needs the node's identity, a destination and a way to look peers up")
	}
	if conf.MaxConnections == 0 {
		conf.MaxConnections = DefaultMaxConnections
	}
	if conf.MaxConnections < 1 {
		return nil, fmt.Errorf("found a limit of %d connections, expected 1 or more", conf.MaxConnections)
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	tlsConf, err := stompcheck.ServerTLS(conf.Certificate, conf.Root, conf.Now)
	if err != nil {
		return nil, err
	}
	return &Server{
		conf: conf, tls: tlsConf, connectTimeout: ConnectTimeout,
		conns: map[*session]struct{}{}, unproven: list.New(), perPeer: map[string]int{},
	}, nil
}

// Serve accepts connections until ctx is done. Then it stops accepting, confirms
// what it has received, sends ERROR to the clients that are connected, waits
// until all connections have ended, and returns nil. The listener is closed.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() {
		ln.Close()
		s.stop()
	})
	defer stop()
	defer s.wg.Wait()
	pause := 5 * time.Millisecond
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			s.accept(nc)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			s.stop()
			return err
		default:
			// No file descriptors left, or the like: others may end meanwhile.
			s.report(Event{Kind: AcceptTrouble, Detail: err.Error()})
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			pause = min(2*pause, time.Second)
		}
	}
}

func (s *Server) accept(nc net.Conn) {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.next++
	c := &session{s: s, id: s.next, raw: &cappedConn{Conn: nc, left: maxHandshake}, remote: nc.RemoteAddr().String()}
	var victim *session
	if len(s.conns) >= s.conf.MaxConnections {
		oldest := s.unproven.Front()
		if oldest == nil {
			s.mu.Unlock()
			nc.Close()
			s.report(Event{Kind: ConnectionLimit, Connection: c.id, Remote: c.remote, Detail: fmt.Sprintf("refused: all of %d connections are taken by peers", s.conf.MaxConnections)})
			return
		}
		victim = oldest.Value.(*session)
		s.forget(victim)
	}
	s.conns[c] = struct{}{}
	c.elem = s.unproven.PushBack(c)
	s.wg.Add(1)
	s.mu.Unlock()
	if victim != nil {
		victim.raw.Close()
		s.report(Event{Kind: ConnectionLimit, Connection: victim.id, Remote: victim.remote, Detail: "closed to make room: it had not proven who it is"})
	}
	go func() {
		defer s.wg.Done()
		defer func() {
			s.mu.Lock()
			s.forget(c)
			s.mu.Unlock()
		}()
		c.serve()
	}()
}

// forget removes a session from the books; s.mu is held.
func (s *Server) forget(c *session) {
	delete(s.conns, c)
	if c.elem != nil {
		s.unproven.Remove(c.elem)
		c.elem = nil
	}
	if c.counted {
		c.counted = false
		if s.perPeer[c.peer]--; s.perPeer[c.peer] == 0 {
			delete(s.perPeer, c.peer)
		}
	}
}

// proven notes that the client holds a peer's key, and counts the connection. It
// reports whether the peer has too many. The count is from TLS on.
func (s *Server) proven(c *session, peer string) (tooMany bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		return true // it had to make room in this moment
	}
	c.peer = peer
	if s.perPeer[peer] >= PeerConnections {
		return true
	}
	s.perPeer[peer]++
	c.counted = true
	if c.elem != nil {
		s.unproven.Remove(c.elem)
		c.elem = nil
	}
	return false
}

// stop wakes every session, which then says good-bye.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return
	}
	s.stopping = true
	for c := range s.conns {
		c.wake()
	}
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (s *Server) report(e Event) {
	if s.conf.Report == nil {
		return
	}
	s.reportMu.Lock()
	defer s.reportMu.Unlock()
	e.Time = s.conf.Now()
	s.conf.Report(e)
}

// limits of frames are those of the field.
var limits = frame.DefaultLimits
