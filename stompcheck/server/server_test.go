package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// config is that of the reference authority, which knows the creditors agent.
func config(t testing.TB) Config {
	ca := Peer{Identity: reference.Identity(t, "ca"), Registered: true, Subnet: reference.Subnet(t, "aa", "ca")}
	return Config{
		Own: reference.Identity(t, "aa"), Root: reference.Cert(t, "nodes/aa/root-ca.crt"),
		Certificate: reference.KeyPair(t, "aa"), Destination: "/exchange/accounts_in",
		Now: reference.Clock(reference.InTime),
		Lookup: func(id string) (Peer, error) {
			if id == ca.Identity.ID() {
				return ca, nil
			}
			return Peer{}, ErrUnknownPeer
		},
	}
}

type running struct {
	addr   string
	cancel func()
	done   chan error

	mu     sync.Mutex
	events []Event
}

func (r *running) saw() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// waitFor waits until an event has the kind and the text.
func (r *running) waitFor(t testing.TB, kind EventKind, text string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		for _, e := range r.saw() {
			if e.Kind == kind && strings.Contains(e.Detail, text) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("found %+v, expected %s with %q", r.saw(), kind, text)
}

func start(t testing.TB, conf Config, tune ...func(*Server)) *running {
	t.Helper()
	r := &running{done: make(chan error, 1)}
	if conf.Report == nil {
		conf.Report = func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		}
	}
	s, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tune {
		f(s)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-r.done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve does not end")
		}
	})
	return r
}

// ownChain is what the creditors agent presents to the authority.
func ownChain(t testing.TB) tls.Certificate {
	c := reference.KeyPair(t, "ca")
	c.Certificate = append(c.Certificate, reference.Cert(t, "nodes/ca/peers/1234abcd/sub-ca.crt").Raw)
	return c
}

func dial(t testing.TB, addr string) *tls.Conn {
	t.Helper()
	conf, err := stompcheck.ClientTLS(ownChain(t), reference.Cert(t, "nodes/aa/root-ca.crt"), reference.Clock(reference.InTime))
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", addr, conf)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

func probe(t testing.TB) smp.Message {
	t.Helper()
	l, err := smp.NewLink(reference.Identity(t, "ca"), reference.Identity(t, "aa"), reference.Subnet(t, "aa", "ca"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Probe(reference.InTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func send(t testing.TB, m smp.Message) string {
	t.Helper()
	out, err := frame.Append(nil, frame.Send, []frame.Header{
		{Key: "destination", Value: "/exchange/accounts_in"}, {Key: "receipt", Value: m.ID}, {Key: "type", Value: m.Type},
		{Key: "content-type", Value: smp.ContentType}, {Key: "persistent", Value: "true"},
	}, m.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const hello = "STOMP\naccept-version:1.2\nhost:/\n\n\x00"

// talk sends text and returns what comes back, as "COMMAND header:value…", until
// the server closes.
func talk(t testing.TB, addr, text string) []string {
	t.Helper()
	c := dial(t, addr)
	io.WriteString(c, text)
	return answers(t, c)
}

func answers(t testing.TB, c net.Conn) []string {
	t.Helper()
	var out []string
	r := frame.NewReader(c, frame.Limits{})
	for {
		f, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Logf("the end: %v", err)
			}
			return out
		}
		s := f.Command
		for k, v := range f.Headers() {
			if k == "message" || k == "receipt-id" || k == "version" {
				s += " " + k + ":" + v
			}
		}
		if f.Command == frame.Error && len(f.Body) > 0 {
			s += " body"
		}
		out = append(out, s)
	}
}

func TestProtocol(t *testing.T) {
	r := start(t, config(t))
	m := probe(t)
	a, b := m, m
	a.ID, b.ID = "a", "b:\n"
	with := func(old, new string) string { return strings.Replace(send(t, a), old, new, 1) }
	tests := []struct {
		name, in string
		want     []string
	}{
		{"connect and disconnect", hello + "DISCONNECT\nreceipt:x\n\n\x00", []string{"CONNECTED version:1.2", "RECEIPT receipt-id:x"}},
		{"CONNECT with CR LF", "CONNECT\r\naccept-version:1.0,1.1,1.2\r\nhost:/\r\n\r\n\x00\r\nDISCONNECT\r\nreceipt:x\r\n\r\n\x00", []string{"CONNECTED version:1.2", "RECEIPT receipt-id:x"}},
		{"disconnect without a receipt", hello + "DISCONNECT\n\n\x00", []string{"CONNECTED version:1.2"}},
		{"two messages, a receipt each", hello + send(t, a) + "\n\n" + send(t, b) + "DISCONNECT\nreceipt:x\n\n\x00",
			[]string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "RECEIPT receipt-id:b:\n", "RECEIPT receipt-id:x"}},
		{"DISCONNECT with the id of the last SEND", hello + send(t, a) + "DISCONNECT\nreceipt:a\n\n\x00",
			[]string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "RECEIPT receipt-id:a"}},
		{"something before CONNECT", send(t, a), []string{"ERROR message:Received another command before CONNECT."}},
		{"STOMP 1.1 only", "CONNECT\naccept-version:1.1\n\n\x00", []string{"ERROR message:STOMP 1.2 is not supported by the client."}},
		{"no version", "CONNECT\n\n\x00", []string{"ERROR message:STOMP 1.2 is not supported by the client."}},
		{"bad heart-beat", "CONNECT\naccept-version:1.2\nheart-beat:-1,0\n\n\x00", []string{"ERROR message:Received invalid heart-beat value."}},
		{"CONNECT twice", hello + hello, []string{"CONNECTED version:1.2", "ERROR message:Received CONNECT command more than once."}},
		{"SUBSCRIBE", hello + "SUBSCRIBE\nid:1\n\n\x00", []string{"CONNECTED version:1.2", `ERROR message:Received unexpected command "SUBSCRIBE".`}},
		{"no receipt", hello + with("receipt:a\n", ""), []string{"CONNECTED version:1.2", "ERROR message:SEND command without a receipt header."}},
		{"no type", hello + with("type:FinalizeTransfer\n", ""), []string{"CONNECTED version:1.2", "ERROR message:SEND command without a type header."}},
		{"no destination", hello + with("destination:/exchange/accounts_in\n", ""), []string{"CONNECTED version:1.2", "ERROR message:SEND command without a destination header."}},
		{"wrong destination", hello + with("accounts_in", "creditors_in"), []string{"CONNECTED version:1.2", `ERROR message:Invalid SEND destination "/exchange/creditors_in". receipt-id:a body`}},
		{"wrong content type", hello + with("application/json", "text/plain"), []string{"CONNECTED version:1.2", `ERROR message:unsupported content type: found "text/plain", expected application/json receipt-id:a body`}},
		{"wrong type", hello + with("FinalizeTransfer", "AccountPurge"), []string{"CONNECTED version:1.2", "ERROR message:invalid message type: AccountPurge is not sent to accounting authorities receipt-id:a body"}},
		{"wrong content type after a right one", hello + send(t, a) + with("application/json", "text/plain"),
			[]string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", `ERROR message:unsupported content type: found "text/plain", expected application/json receipt-id:a body`}},
		{"wrong type after a right one", hello + send(t, a) + with("FinalizeTransfer", "AccountPurge"),
			[]string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "ERROR message:invalid message type: AccountPurge is not sent to accounting authorities receipt-id:a body"}},
		{"garbage", "GET / HTTP/1.1\r\n\r\n", []string{`ERROR message:stomp: found "GET / HTTP/1.1\r\n", expected a command of STOMP 1.2`}},
		{"undefined escape", hello + "SEND\na:\\t\n\n\x00", []string{"CONNECTED version:1.2", `ERROR message:stomp: found the undefined escape "\\t" in a header, expected \r, \n, \c or \\`}},
		{"51 headers", hello + "SEND\n" + strings.Repeat("a:b\n", 51) + "\n\x00", []string{"CONNECTED version:1.2", "ERROR message:stomp: a frame has more than 50 header lines"}},
		{"a body over the limit", hello + "SEND\ncontent-length:8193\n\n", []string{"CONNECTED version:1.2", "ERROR message:stomp: a frame has more than 8192 bytes of a body"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := talk(t, r.addr, tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("found %q, expected %q", got, tt.want)
			}
		})
	}
}

func TestOneByteWrites(t *testing.T) {
	r := start(t, config(t))
	c := dial(t, r.addr)
	m := probe(t)
	m.ID = "a"
	go func() {
		for _, b := range []byte(hello + send(t, m) + "DISCONNECT\nreceipt:x\n\n\x00") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	}()
	want := []string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "RECEIPT receipt-id:x"}
	if got := answers(t, c); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
}

func TestRegisteredWhileRunning(t *testing.T) {
	conf := config(t)
	inner := conf.Lookup
	var mu sync.Mutex
	registered := false
	conf.Lookup = func(id string) (Peer, error) {
		mu.Lock()
		defer mu.Unlock()
		p, err := inner(id)
		p.Registered = registered
		return p, err
	}
	r := start(t, conf)
	in := hello + "DISCONNECT\nreceipt:x\n\n\x00"
	if got, want := talk(t, r.addr, in), []string{"CONNECTED version:1.2", "ERROR message:Unknown peer serial number."}; !slices.Equal(got, want) {
		t.Errorf("before: found %q, expected %q", got, want)
	}
	mu.Lock()
	registered = true
	mu.Unlock()
	if got, want := talk(t, r.addr, in), []string{"CONNECTED version:1.2", "RECEIPT receipt-id:x"}; !slices.Equal(got, want) {
		t.Errorf("after: found %q, expected %q", got, want)
	}
}

func TestTooManyConnections(t *testing.T) {
	r := start(t, config(t))
	// Counted from TLS on: these say nothing in STOMP.
	var open []*tls.Conn
	for range PeerConnections {
		open = append(open, dial(t, r.addr))
	}
	first := open[0]
	io.WriteString(first, hello)
	if f, err := frame.NewReader(first, frame.Limits{}).Next(); err != nil || f.Command != frame.Connected {
		t.Fatalf("the first: %v, %v", f, err)
	}
	// The server counts after its side of the handshake: wait until it has seen all.
	time.Sleep(200 * time.Millisecond)
	want := []string{"CONNECTED version:1.2", "ERROR message:Too many connections from one peer."}
	if got := talk(t, r.addr, hello); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	first.Close()
	r.waitFor(t, Ended, "")
	in := hello + "DISCONNECT\nreceipt:x\n\n\x00"
	if got, want := talk(t, r.addr, in), []string{"CONNECTED version:1.2", "RECEIPT receipt-id:x"}; !slices.Equal(got, want) {
		t.Errorf("after one has closed: found %q, expected %q", got, want)
	}
}

func TestKeep(t *testing.T) {
	conf := config(t)
	var kept []string
	conf.Keep = func(peer string, m smp.Message) error {
		kept = append(kept, peer+" "+m.ID+" "+m.Type)
		if m.ID == "b" {
			return errors.New("disk full")
		}
		return nil
	}
	r := start(t, conf)
	a := probe(t)
	b := a
	a.ID, b.ID = "a", "b"
	want := []string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "ERROR message:Internal server error. receipt-id:b body"}
	if got := talk(t, r.addr, hello+send(t, a)+send(t, b)+send(t, a)); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	id := reference.Identity(t, "ca").ID()
	if want := []string{id + " a FinalizeTransfer", id + " b FinalizeTransfer"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, expected %q", kept, want)
	}
	r.waitFor(t, MessageRefused, "disk full")
}

func TestStop(t *testing.T) {
	r := start(t, config(t))
	c := dial(t, r.addr)
	m := probe(t)
	m.ID = "a"
	io.WriteString(c, hello+send(t, m))
	r.waitFor(t, Message, "")
	silent := dial(t, r.addr) // after TLS, before CONNECT
	half, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	r.cancel()
	want := []string{"CONNECTED version:1.2", "RECEIPT receipt-id:a", "ERROR message:The connection has been closed by the server."}
	if got := answers(t, c); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	want = []string{"ERROR message:The connection has been closed by the server."}
	if got := answers(t, silent); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
	err = <-r.done
	r.done <- err
	if err != nil || time.Since(begin) > 5*time.Second {
		t.Errorf("Serve returned %v after %s", err, time.Since(begin))
	}
	if _, err := net.Dial("tcp", r.addr); err == nil {
		t.Error("it still accepts")
	}
}

// TestSlowConnect: bytes that dribble in do not put off the end of the wait for
// CONNECT, and after it a client may be silent.
func TestSlowConnect(t *testing.T) {
	const limit = 500 * time.Millisecond
	r := start(t, config(t), func(s *Server) { s.connectTimeout = limit })
	quick := dial(t, r.addr)
	io.WriteString(quick, hello)
	for name, text := range map[string]string{
		"a header": "STOMP\naccept-version:1.2\nx:" + strings.Repeat("a", 200), "line ends": strings.Repeat("\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, r.addr)
			begin := time.Now()
			go func() {
				for _, b := range []byte(text) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(limit / 10)
				}
			}()
			want := []string{"ERROR message:no CONNECT within 500ms"}
			if got := answers(t, c); !slices.Equal(got, want) {
				t.Errorf("found %q, expected %q", got, want)
			}
			if took := time.Since(begin); took > 4*time.Second {
				t.Errorf("the server waited %s, expected %s", took, limit)
			}
		})
	}
	io.WriteString(quick, "DISCONNECT\nreceipt:x\n\n\x00")
	want := []string{"CONNECTED version:1.2", "RECEIPT receipt-id:x"}
	if got := answers(t, quick); !slices.Equal(got, want) {
		t.Errorf("found %q, expected %q", got, want)
	}
}

func TestHeartBeats(t *testing.T) {
	r := start(t, config(t))
	c := dial(t, r.addr)
	io.WriteString(c, strings.Replace(hello, "host:/", "host:/\nheart-beat:0,100", 1))
	begin := time.Now()
	data := make([]byte, 1<<10)
	n, err := io.ReadAtLeast(c, data, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data[:n], []byte("CONNECTED\n")) || !bytes.Contains(data[:n], []byte("heart-beat:5000,30000\n")) {
		t.Fatalf("found %q", data[:n])
	}
	// The client wants one every 100 ms; the server never does more than one in 5 s.
	if n, err = c.Read(data); err != nil || string(data[:n]) != "\n" {
		t.Fatalf("found %q, %v, expected a line end", data[:n], err)
	}
	if took := time.Since(begin); took > 5500*time.Millisecond {
		t.Errorf("the first heart-beat came after %s, expected 5 s or less", took)
	}
}

func TestGoStomp(t *testing.T) {
	const messages = 10_000
	conf := config(t)
	taken := 0
	conf.Report = func(e Event) {
		if e.Kind == Message {
			taken++
		}
	}
	r := start(t, conf)
	c, err := stomp.Connect(dial(t, r.addr), stomp.ConnOpt.AcceptVersion(stomp.V12), stomp.ConnOpt.Host("/"), stomp.ConnOpt.HeartBeat(time.Minute, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	m := probe(t)
	// Send waits for its receipt, and go-stomp draws the receipt's id.
	for i := range messages {
		err := c.Send("/exchange/accounts_in", smp.ContentType, m.Body, stomp.SendOpt.Receipt,
			stomp.SendOpt.Header("type", m.Type), stomp.SendOpt.Header("persistent", "true"))
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if err := c.Disconnect(); err != nil {
		t.Fatal(err)
	}
	r.cancel()
	err = <-r.done
	r.done <- err
	if err != nil || taken != messages {
		t.Errorf("found %d messages taken (%v), expected %d with a receipt each", taken, err, messages)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no lookup":      func(c *Config) { c.Lookup = nil },
		"no root":        func(c *Config) { c.Root = nil },
		"no identity":    func(c *Config) { c.Own = certs.Identity{} },
		"no destination": func(c *Config) { c.Destination = "" },
		"no certificate": func(c *Config) { c.Certificate = tls.Certificate{} },
		"negative limit": func(c *Config) { c.MaxConnections = -1 },
	} {
		conf := config(t)
		change(&conf)
		if _, err := New(conf); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	conf := config(b)
	conf.Report = func(Event) {}
	r := start(b, conf)
	c := dial(b, r.addr)
	c.SetDeadline(time.Time{})
	io.WriteString(c, hello)
	rd := frame.NewReader(c, frame.Limits{})
	if _, err := rd.Next(); err != nil {
		b.Fatal(err)
	}
	one := []byte(send(b, probe(b)))
	b.ResetTimer()
	go func() {
		var buf []byte
		for i := 0; i < b.N; i++ {
			buf = append(buf, one...)
			if len(buf) > 15<<10 || i == b.N-1 {
				if _, err := c.Write(buf); err != nil {
					return
				}
				buf = buf[:0]
			}
		}
	}()
	for range b.N {
		if _, err := rd.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
