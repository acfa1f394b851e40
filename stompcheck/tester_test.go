package stompcheck_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/server"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// peering is what the reference node own knows about peer, whose server listens
// at addr.
func peering(t testing.TB, own, peer string, addr net.Addr) stompcheck.Peering {
	t.Helper()
	m, rep := manifest.Parse(fmt.Appendf(nil, "servers = [%q]\nhost = \"/\"\ndestination = %q\n", addr, manifest.Destination(peer)))
	if m == nil {
		t.Fatal(rep.Err())
	}
	dir := filepath.Join("nodes", own, "peers", reference.Identity(t, peer).ID())
	return stompcheck.Peering{
		Own: reference.Identity(t, own), Peer: reference.Identity(t, peer),
		OwnRoot:      reference.Cert(t, "nodes", own, "root-ca.crt"),
		PeerRoot:     reference.Cert(t, dir, "root-ca.crt"),
		Intermediate: reference.Cert(t, dir, "sub-ca.crt"),
		Manifest:     m,
		Subnet:       reference.Subnet(t, own, peer),
	}
}

// events gathers what a server reports.
type events struct {
	mu  sync.Mutex
	all []server.Event
}

func (e *events) add(ev server.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) kinds() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []string
	for _, ev := range e.all {
		out = append(out, string(ev.Kind))
	}
	return strings.Join(out, " ")
}

// expect waits until the server has reported these kinds of events and no other.
func (e *events) expect(t testing.TB, want string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for e.kinds() != want && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if kinds := e.kinds(); kinds != want {
		t.Errorf("the server saw %q, expected %q", kinds, want)
	}
}

// serverConfig is that of a reference node whose peers are as in its directory.
func serverConfig(t testing.TB, node string) server.Config {
	return server.Config{
		Own: reference.Identity(t, node), Root: reference.Cert(t, "nodes", node, "root-ca.crt"),
		Certificate: reference.KeyPair(t, node), Destination: manifest.Destination(node),
		Now: reference.Clock(reference.InTime),
		Lookup: func(id string) (server.Peer, error) {
			for _, agent := range []string{"ca", "da", "aa"} {
				p := reference.Identity(t, agent)
				if p.ID() == id && p.Type().CanPeerWith(reference.Identity(t, node).Type()) {
					return server.Peer{Identity: p, Registered: true, Subnet: reference.Subnet(t, node, agent)}, nil
				}
			}
			return server.Peer{}, server.ErrUnknownPeer
		},
	}
}

// serve runs a server on loopback until the test ends.
func serve(t testing.TB, conf server.Config) (net.Addr, *events) {
	t.Helper()
	seen := &events{}
	if conf.Report == nil {
		conf.Report = seen.add
	}
	s, err := server.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr(), seen
}

func run(t testing.TB, p stompcheck.Peering, o stompcheck.Options) *stompcheck.Report {
	t.Helper()
	if o.Now == nil {
		o.Now = reference.Clock(reference.InTime)
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Linger == 0 {
		o.Linger = 50 * time.Millisecond
	}
	tester, err := stompcheck.New(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return tester.Run(context.Background())
}

// dump is a report for a failed test.
func dump(r *stompcheck.Report) string {
	var b strings.Builder
	show := func(s stompcheck.Stage) {
		fmt.Fprintf(&b, "  %-12s %-8s %s", s.ID, s.Outcome, s.Found)
		if s.Diagnosis != nil {
			fmt.Fprintf(&b, " [%s: %s]", s.Diagnosis.ID, s.Diagnosis.Detail)
		}
		if s.StoppedBy != "" {
			fmt.Fprintf(&b, " (stopped by %s)", s.StoppedBy)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s\n", r.Verdict())
	for _, s := range r.Common {
		show(s)
	}
	for _, a := range r.Addresses {
		fmt.Fprintf(&b, " %s %s: %s\n", a.Server, a.Address, a.Verdict)
		for _, s := range a.Stages {
			show(s)
		}
	}
	for _, f := range r.Refusals {
		fmt.Fprintf(&b, " refusal %s %s %s\n", f.ID, f.Outcome, f.Found)
	}
	return b.String()
}

var directions = []struct{ own, peer string }{{"ca", "aa"}, {"aa", "ca"}, {"da", "aa"}, {"aa", "da"}}

func TestBothDirections(t *testing.T) {
	for _, d := range directions {
		t.Run(d.own+" to "+d.peer, func(t *testing.T) {
			addr, seen := serve(t, serverConfig(t, d.peer))
			p := peering(t, d.own, d.peer, addr)

			r := run(t, p, stompcheck.Options{Certificate: reference.KeyPair(t, d.own)})
			if r.Verdict() != stompcheck.NotRefused {
				t.Errorf("without a probe:\n%s", dump(r))
			}
			seen.expect(t, "connected disconnected")
			r = run(t, p, stompcheck.Options{Certificate: reference.KeyPair(t, d.own), Probe: stompcheck.ProbeSMP()})
			if r.Verdict() != stompcheck.Accepted {
				t.Errorf("with a probe:\n%s", dump(r))
			}
			seen.expect(t, "connected disconnected connected message disconnected")
		})
	}
}

func TestNegative(t *testing.T) {
	addr, _ := serve(t, serverConfig(t, "aa"))
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Negative: true})
	if r.Verdict() != stompcheck.NotRefused || len(r.Refusals) != 4 {
		t.Fatalf("%s", dump(r))
	}
	for _, f := range r.Refusals {
		if f.Outcome != check.Passed {
			t.Errorf("%s: %s: %s", f.ID, f.Outcome, f.Found)
		}
	}

	// A server that asks for no certificate refuses nothing: the test must say so.
	lax := &tls.Config{ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, MinVersion: tls.VersionTLS12}
	r = run(t, peering(t, "ca", "aa", listen(t, laxServer(lax))), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Negative: true})
	if r.Verdict() != stompcheck.Failed {
		t.Errorf("a server that refuses nobody passes:\n%s", dump(r))
	}
	for _, f := range r.Refusals {
		if f.Outcome != check.Failed {
			t.Errorf("%s: found %s (%s), expected a failure: it was not refused", f.ID, f.Outcome, f.Found)
		}
	}
}

func TestLoad(t *testing.T) {
	addr, seen := serve(t, serverConfig(t, "aa"))
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.ProbeSMP(), Count: 5000, Window: 200, Timeout: time.Minute,
	})
	if r.Verdict() != stompcheck.Accepted {
		t.Fatalf("%s", dump(r))
	}
	l := r.Addresses[0].Load
	if l.Sent != 5000 || l.Confirmed != 5000 || l.Receipts != 5000 {
		t.Errorf("found %d sent, %d confirmed, %d receipts, expected 5000 of each", l.Sent, l.Confirmed, l.Receipts)
	}
	if l.Took > 30*time.Second {
		t.Errorf("the test took %s, as if receipts were waited for that had come", l.Took)
	}
	if l.Min <= 0 || l.Min > l.Median || l.Median > l.P90 || l.P90 > l.P99 || l.P99 > l.Max {
		t.Errorf("quantiles out of order: %+v", l)
	}
	sum := 0
	for _, b := range l.Histogram {
		sum += b.Count
	}
	if sum != 5000 {
		t.Errorf("the histogram counts %d, expected 5000", sum)
	}
	if n := strings.Count(seen.kinds(), "message"); n != 5000 {
		t.Errorf("the server saw %d messages, expected 5000", n)
	}
}

func TestRate(t *testing.T) {
	addr, _ := serve(t, serverConfig(t, "aa"))
	start := time.Now()
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.ProbeSMP(), Count: 21, Rate: 50,
	})
	if r.Verdict() != stompcheck.Accepted {
		t.Fatalf("%s", dump(r))
	}
	if took := time.Since(start); took < 400*time.Millisecond {
		t.Errorf("21 messages at 50 a second took %s, expected 400ms or more", took)
	}
}

func TestSoak(t *testing.T) {
	t.Parallel()
	addr, _ := serve(t, serverConfig(t, "aa"))
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Soak: 6 * time.Second})
	if r.Verdict() != stompcheck.NotRefused {
		t.Fatalf("%s", dump(r))
	}
	s := r.Addresses[0].Soak
	if s.Receive != 5*time.Second || s.LongestGap < time.Second || s.LongestGap > 5*time.Second+time.Second {
		t.Errorf("found %+v, expected a heart-beat within 5 s", s)
	}
}

func TestInterrupt(t *testing.T) {
	addr, seen := serve(t, serverConfig(t, "aa"))
	tester, err := stompcheck.New(peering(t, "ca", "aa", addr), stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Now: reference.Clock(reference.InTime), Linger: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	start := time.Now()
	r := tester.Run(ctx)
	if r.Verdict() != stompcheck.Unfinished || time.Since(start) > 5*time.Second {
		t.Errorf("after %s:\n%s", time.Since(start), dump(r))
	}
	seen.expect(t, "connected disconnected")
}

func TestOptionsAreRefused(t *testing.T) {
	p := peering(t, "ca", "aa", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	for name, o := range map[string]stompcheck.Options{
		"four at once":            {Parallel: stompcheck.MaxParallel + 1},
		"negative parallel":       {Parallel: -1},
		"negative timeout":        {Timeout: -1},
		"negative rate":           {Rate: -1},
		"count without a probe":   {Count: 1},
		"count too large":         {Count: stompcheck.MaxCount + 1, Probe: stompcheck.ProbeSMP()},
		"window too large":        {Window: stompcheck.MaxWindow + 1},
		"negative soak":           {Soak: -1},
		"negative count of sends": {Count: -1},
	} {
		if _, err := stompcheck.New(p, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	bad := p
	bad.PeerRoot = nil
	if _, err := stompcheck.New(bad, stompcheck.Options{}); err == nil {
		t.Error("a peering without the peer's root: accepted")
	}
	bad = p
	bad.Subnet = certs.Subnet{}
	if _, err := stompcheck.New(bad, stompcheck.Options{Probe: stompcheck.ProbeSMP()}); err == nil {
		t.Error("a probe without a subnet: accepted")
	}
}

func TestEveryAddressOfEveryServer(t *testing.T) {
	addr, seen := serve(t, serverConfig(t, "aa"))
	p := peering(t, "ca", "aa", addr)
	port := strconv.Itoa(addr.(*net.TCPAddr).Port)
	var servers []manifest.Server
	for _, s := range []string{"two.example:" + port, "127.0.0.1:" + port, "two.example:" + port, "none.example:" + port} {
		one, err := manifest.ParseServer(s)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, one)
	}
	p.Manifest.Servers = servers
	r := run(t, p, stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Parallel: 3,
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "two.example" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1")}, nil
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
	})
	// 127.0.0.2 has no listener.
	var got []string
	for _, a := range r.Addresses {
		got = append(got, fmt.Sprintf("%s %s %s", a.Server.Host, a.Address, a.Verdict))
	}
	want := []string{
		"two.example 127.0.0.1:" + port + " not refused", "two.example 127.0.0.2:" + port + " failed",
		"127.0.0.1 127.0.0.1:" + port + " not refused", "none.example invalid AddrPort failed",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %v, expected %v\n%s", got, want, dump(r))
	}
	if d := r.Addresses[3].Failure().Diagnosis; d.Cause != stompcheck.CauseNoSuchName {
		t.Errorf("found the cause %s, expected %s", d.ID, stompcheck.CauseNoSuchName.ID)
	}
	if n := strings.Count(" "+seen.kinds(), " connected"); n != 2 {
		t.Errorf("the server saw %d connections, expected 2", n)
	}
	for _, a := range r.Addresses {
		if len(a.Stages) != 12 {
			t.Errorf("%s: found %d stages, expected all 12:\n%s", a.Server, len(a.Stages), dump(r))
		}
	}
}

func TestDangerousProbe(t *testing.T) {
	var kept []smp.Message
	conf := serverConfig(t, "aa")
	conf.Keep = func(_ string, m smp.Message) error {
		m.Body = append([]byte(nil), m.Body...)
		kept = append(kept, m)
		return nil
	}
	addr, _ := serve(t, conf)
	p := peering(t, "ca", "aa", addr)
	l, err := smp.NewLink(p.Own, p.Peer, p.Subnet)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Probe(reference.InTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, p, stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.DangerousProbe(m.Type, smp.ContentType, m.Body)})
	if r.Verdict() != stompcheck.Accepted || len(kept) != 1 || string(kept[0].Body) != string(m.Body) {
		t.Errorf("found %v kept, expected the operator's own message once\n%s", kept, dump(r))
	}
}
