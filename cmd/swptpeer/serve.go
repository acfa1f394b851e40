package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck/server"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

func serveCommand() *command {
	return &command{
		name:  "serve",
		short: "the other end: a server that peers can test against",
		description: "Accepts what the servers in the field accept and refuses what they refuse: mutual TLS 1.3 by this node's rules, " +
			"STOMP, SEND, DISCONNECT, receipts, heart-beats, the same limits. Every message is judged as the node would (destination, type, " +
			"content type, JSON, ids in the peer's subnets) and confirmed by a receipt of its own. Nothing is done with messages, and they " +
			"are not kept unless --store says where. Peers that are registered while it runs are noticed.\n\n" +
			"The first line of output is \"listening on ADDR\"; then comes a line, or with --format json a JSON object, for each connection " +
			"and message. Output that is not read does not hold up the server: what it then leaves out is counted. " +
			"SIGTERM and SIGINT end it in order: no new connections, receipts for what has come, an ERROR to who is " +
			"still connected, exit status 0.",
		examples: []string{
			"swptpeer stompcheck serve --listen :1234 --cert server.crt --key server.key",
			"swptpeer stompcheck serve --listen 127.0.0.1:0 --cert c --key k --store msgs",
		},
		flags: flags(
			&cli.StringFlag{Name: "listen", Usage: "listen at `ADDR`, as in :1234, 192.0.2.7:1234 or [::1]:0 (0: any port that is free)"},
			serverKeyFlags(),
			&cli.StringFlag{Name: "max-connections", Value: fmt.Sprint(server.DefaultMaxConnections),
				Usage: fmt.Sprintf("take `N` connections in all; of one peer never more than %d", server.PeerConnections)},
			&cli.BoolFlag{Name: "require-active", Usage: "refuse peers without ACTIVE too, as servers in the field do"},
			&cli.StringFlag{Name: "store", Usage: "keep each message as a JSON file in the folder `DIR`"},
			dirFlag(), formatFlag(), quietFlag(), noColorFlag()),
		run: runServe,
	}
}

func runServe(c *call) error {
	listen := c.cli.String("listen")
	if listen == "" {
		return withHint(usagef("stompcheck serve: expected --listen ADDR"), "for example --listen :1234")
	}
	if c.cli.String("cert") == "" || c.cli.String("key") == "" {
		return withHint(usagef("stompcheck serve: expected --cert FILE and --key FILE: a server certificate of this node with its key"),
			"\"swptpeer csr create\" and \"swptpeer csr sign\" make them")
	}
	if _, port, err := net.SplitHostPort(listen); err != nil {
		return usagef("flag --listen: found %q, expected HOST:PORT or :PORT", listen)
	} else if _, err := net.LookupPort("tcp", port); err != nil {
		return usagef("flag --listen: found the port %q, expected a number from 0 to 65535", port)
	}
	// More could not be told apart from none by the operating system.
	const mostConnections = 1 << 20
	most, err := c.number("max-connections", 1, mostConnections)
	if err != nil {
		return err
	}
	own, err := c.readServerKeyPair(func(file []byte) (crypto.Signer, error) { return certs.ParsePrivateKey(file, nil) })
	if err != nil {
		return err
	}
	d, err := c.openDir()
	if err != nil {
		return err
	}
	if err := c.checkServerKeyPair(own, d); err != nil {
		return err
	}
	conf, err := c.serverConfig(d, own)
	if err != nil {
		return err
	}
	conf.RequireActive, conf.MaxConnections = c.cli.Bool("require-active"), most
	if dir := c.cli.String("store"); dir != "" {
		s, err := newMessageStore(dir, c.sys.now)
		if err != nil {
			return err
		}
		conf.Keep = s.keep
	}
	// Output that nobody can read any more ends the server, as it would end a
	// pipe.
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	queue := newEventQueue()
	conf.Report = queue.put
	s, err := server.New(conf)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return withHint(&unreadable{fmt.Errorf("listening at %s: %w", listen, err)}, "see what else listens there, and whether this machine has that address")
	}
	printed := c.printEvents(ln.Addr(), queue, stop)
	err = s.Serve(ctx, ln)
	queue.close()
	select {
	case c.out.err = <-printed:
	case <-time.After(lastWords):
	}
	return err
}

// serverConfig is that of a server of this node, whose peers are as the directory
// says at the moment when they connect.
func (c *call) serverConfig(d *nodedir.Dir, own tls.Certificate) (server.Config, error) {
	destination, err := c.ownDestination(d)
	return server.Config{
		Own: d.Identity(), Root: d.Root().Certificate, Certificate: own, Destination: destination, Now: c.sys.now,
		Lookup: func(id string) (server.Peer, error) { return lookupPeer(d, id) },
	}, err
}

// lookupPeer reads afresh what the directory says about a client.
func lookupPeer(d *nodedir.Dir, id string) (server.Peer, error) {
	if _, err := certs.ParseNodeID(id); err != nil {
		return server.Peer{}, server.ErrUnknownPeer
	}
	p, err := d.Peer(id)
	switch {
	case errors.Is(err, nodedir.ErrUnknown):
		return server.Peer{}, server.ErrUnknownPeer
	case err != nil:
		return server.Peer{}, err
	case p.Folder != id:
		return server.Peer{}, server.ErrUnknownPeer
	}
	out := server.Peer{
		Identity: p.Identity, Registered: p.SubCA != nil, Active: p.Active, Deactivated: p.Deactivated != "",
		Subnet: givenSubnet(d.Identity(), p),
	}
	unread := p.Identity.IsZero() || !out.Registered && hasSubCA(d, p) || out.Registered && out.Subnet.IsZero()
	if unread && !out.Deactivated {
		return server.Peer{}, fmt.Errorf("peers/%s: %s", id, strings.Join(p.Problems, "; "))
	}
	return out, nil
}

// messageStore keeps messages as files.
type messageStore struct {
	dir string
	now func() time.Time
	n   atomic.Uint64
}

// newMessageStore makes the folder, unless it is there. Messages are about
// money: nobody else may read them.
func newMessageStore(dir string, now func() time.Time) (*messageStore, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	st, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, &unreadable{fmt.Errorf("%s: found a file, expected a folder", dir)}
	}
	return &messageStore{dir: dir, now: now}, nil
}

// storedMessage is the content of a file.
type storedMessage struct {
	document
	Time        string          `json:"time"`
	Peer        string          `json:"peer"`
	ID          string          `json:"id"`
	MessageType string          `json:"messageType"`
	ContentType string          `json:"contentType"`
	Body        json.RawMessage `json:"body"`
}

// keep writes a message into a file of its own, which is on the disk before the
// receipt is sent. Nothing in the file's name is the sender's choice but its
// node id, which its certificate proves.
func (s *messageStore) keep(peer string, m smp.Message) error {
	now := s.now().UTC()
	// The server has judged that the body is JSON.
	data, err := encodeJSON(storedMessage{newDocument("smp-message"), now.Format(time.RFC3339Nano), peer, m.ID, m.Type, m.ContentType, m.Body})
	if err != nil {
		return err
	}
	const attempts = 1000 // should the clock stand still, or have been put back
	for range attempts {
		name := fmt.Sprintf("%s-%s-%06d.json", now.Format("20060102T150405.000000000Z"), peer, s.n.Add(1))
		f, err := createNew(filepath.Join(s.dir, name), 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = finish(f, data)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("%s: found a file of every name that was tried", s.dir)
}
