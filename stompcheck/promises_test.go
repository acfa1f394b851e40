package stompcheck_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// TestDangerousProbeOnce: a message that may move money is sent once, whatever
// the number of servers, addresses and runs.
func TestDangerousProbeOnce(t *testing.T) {
	var sends atomic.Int64
	conf := serverConfig(t, "aa")
	conf.Keep = func(string, smp.Message) error { sends.Add(1); return nil }
	addr, _ := serve(t, conf)
	p := peering(t, "ca", "aa", addr)
	_, port, _ := strings.Cut(addr.String(), ":")
	for _, s := range []string{"one.example:" + port, "two.example:" + port} {
		one, err := manifest.ParseServer(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Manifest.Servers = append(p.Manifest.Servers, one)
	}
	l, err := smp.NewLink(p.Own, p.Peer, p.Subnet)
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Probe(reference.InTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	tester, err := stompcheck.New(p, stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Now: reference.Clock(reference.InTime), Linger: -1, Parallel: 3,
		Probe: stompcheck.DangerousProbe(m.Type, smp.ContentType, m.Body),
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := tester.Run(context.Background())
		if len(r.Addresses) != 3 || r.Verdict() == stompcheck.Failed {
			t.Fatalf("%s", dump(r))
		}
		for _, a := range r.Addresses {
			for _, s := range a.Stages {
				if s.ID == stompcheck.StageProbe && s.Outcome == check.Skipped && !strings.Contains(s.Found, "sent once") {
					t.Errorf("the probe was skipped, and nothing says why:\n%s", dump(r))
				}
			}
		}
	}
	if n := sends.Load(); n != 1 {
		t.Errorf("the message was sent %d times, expected once", n)
	}
	if _, err := stompcheck.New(p, stompcheck.Options{Probe: stompcheck.DangerousProbe("T", "t", nil), Count: 2}); err == nil {
		t.Error("a message of one's own can be counted")
	}
}

// TestBeatsAreOwed: a server that wants heart-beats gets them in every stage.
func TestBeatsAreOwed(t *testing.T) {
	t.Parallel()
	var beats atomic.Int64
	conf := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	addr := listen(t, func(nc net.Conn) {
		tc := tls.Server(nc, conf)
		r := bufio.NewReader(tc)
		if _, err := r.ReadString(0); err != nil {
			return
		}
		io.WriteString(tc, "CONNECTED\nversion:1.2\nheart-beat:0,1000\n\n\x00")
		for {
			b, err := r.ReadByte()
			if err != nil {
				return
			}
			if b == '\n' {
				beats.Add(1)
				continue
			}
			// DISCONNECT: nothing may follow it.
			if rest, err := r.ReadString(0); err != nil || !strings.HasPrefix(rest, "ISCONNECT\n") {
				return
			}
			io.WriteString(tc, "RECEIPT\nreceipt-id:swptpeer-disconnect\n\n\x00")
			return
		}
	})
	// We offered one every 5 seconds, and the server wants one every second: so
	// one every 5 seconds is owed.
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Linger: 5500 * time.Millisecond})
	if r.Verdict() != stompcheck.NotRefused {
		t.Fatalf("%s", dump(r))
	}
	if n := beats.Load(); n < 1 || n > 3 {
		t.Errorf("the server got %d heart-beats in 5.5 s, expected one every 5 s, or twice as many", n)
	}
}

// TestNegativeProvesWhatItSays: a refusal for a reason that has nothing to do
// with the attempt proves nothing, and one some time after CONNECTED is one.
func TestNegativeProvesWhatItSays(t *testing.T) {
	lax := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequestClientCert}
	proper := func(tc *tls.Conn) bool {
		chain := tc.ConnectionState().PeerCertificates
		return len(chain) == 2 && chain[0].Equal(reference.Cert(t, "servers/ca.crt"))
	}
	for _, tt := range []struct {
		name, answer string
		outcome      check.Outcome
	}{
		{"too many connections", "ERROR\nmessage:Too many connections from one peer.\n\n\x00", check.Skipped},
		{"login", "ERROR\nmessage:Bad CONNECT\n\n\x00", check.Skipped},
		{"late refusal", "CONNECTED\nversion:1.2\n\n\x00ERROR\nmessage:Unknown peer serial number.\n\n\x00", check.Passed},
		{"no refusal", "CONNECTED\nversion:1.2\n\n\x00", check.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := listen(t, func(nc net.Conn) {
				tc := tls.Server(nc, lax)
				if tc.Handshake() != nil {
					return
				}
				if proper(tc) {
					laxAnswers(tc)
					return
				}
				bufio.NewReader(tc).ReadString(0)
				io.WriteString(tc, tt.answer)
				io.Copy(io.Discard, tc)
			})
			r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Negative: true})
			if len(r.Refusals) != 4 {
				t.Fatalf("%s", dump(r))
			}
			for _, f := range r.Refusals {
				// TLS 1.2 is spoken with the proper certificate.
				if f.ID != "tls12" && f.Outcome != tt.outcome {
					t.Errorf("%s: found %s (%s), expected %s", f.ID, f.Outcome, f.Found, tt.outcome)
				}
			}
		})
	}
	// Who refuses everybody proves nothing by refusing a stranger.
	conf := serverConfig(t, "aa")
	conf.Root = reference.Cert(t, "nodes/da/root-ca.crt")
	addr, _ := serve(t, conf)
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Negative: true})
	for _, f := range r.Refusals {
		if f.Outcome != check.Skipped {
			t.Errorf("%s: found %s (%s), expected that it proves nothing", f.ID, f.Outcome, f.Found)
		}
	}
}

// TestNegativeSilence: a server may hang up on TLS 1.2 without a word, but not on
// everything, and an interruption is no refusal.
func TestNegativeSilence(t *testing.T) {
	conf := &tls.Config{
		Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13,
	}
	reset := func(nc net.Conn) {
		bufio.NewReader(nc).ReadByte()
		nc.(*net.TCPConn).SetLinger(0)
	}
	judge := func(nc net.Conn) { // takes the proper chain only
		tc := tls.Server(nc, conf)
		if tc.Handshake() == nil && len(tc.ConnectionState().PeerCertificates) == 2 && tc.ConnectionState().PeerCertificates[0].Equal(reference.Cert(t, "servers/ca.crt")) {
			laxAnswers(tc)
		}
	}
	for _, tt := range []struct {
		name  string
		later []func(net.Conn) // what the server does after the proper test: TLS 1.2, …
		want  []check.Outcome
		v     stompcheck.Verdict
	}{
		{"only TLS 1.2 without a word", []func(net.Conn){reset, judge, judge, judge},
			[]check.Outcome{check.Passed, check.Passed, check.Passed, check.Passed}, stompcheck.NotRefused},
		{"everything without a word", []func(net.Conn){reset, reset, reset, reset},
			[]check.Outcome{check.Skipped, check.Skipped, check.Skipped, check.Skipped}, stompcheck.Failed},
		{"one more without a word", []func(net.Conn){reset, judge, judge, reset},
			[]check.Outcome{check.Skipped, check.Passed, check.Passed, check.Skipped}, stompcheck.Failed},
		{"TLS 1.2 with an alert, one without a word", []func(net.Conn){judge, judge, reset, judge},
			[]check.Outcome{check.Passed, check.Passed, check.Skipped, check.Passed}, stompcheck.Failed},
		{"interrupted", []func(net.Conn){judge, judge, nil},
			[]check.Outcome{check.Passed, check.Passed, check.Skipped, check.Skipped}, stompcheck.Unfinished},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var n atomic.Int64
			addr := listen(t, func(nc net.Conn) {
				i := int(n.Add(1)) - 2
				switch {
				case i < 0:
					judge(nc)
				case tt.later[i] == nil: // an attempt hangs, and is broken off
					cancel()
					io.Copy(io.Discard, nc)
				default:
					tt.later[i](nc)
				}
			})
			tester, err := stompcheck.New(peering(t, "ca", "aa", addr), stompcheck.Options{
				Certificate: reference.KeyPair(t, "ca"), Now: reference.Clock(reference.InTime), Linger: -1, Negative: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			r := tester.Run(ctx)
			var got []check.Outcome
			for _, f := range r.Refusals {
				got = append(got, f.Outcome)
			}
			if !slices.Equal(got, tt.want) || r.Verdict() != tt.v {
				t.Errorf("expected %v, %s:\n%s", tt.want, tt.v, dump(r))
			}
		})
	}
}

// laxAnswers confirms what asks for it.
func laxAnswers(tc *tls.Conn) {
	r := frame.NewReader(tc, frame.Limits{})
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		if f.Command == frame.Stomp {
			io.WriteString(tc, "CONNECTED\nversion:1.2\n\n\x00")
			continue
		}
		id, _ := f.Get("receipt")
		out, err := frame.Append(nil, frame.Receipt, []frame.Header{{Key: "receipt-id", Value: id}}, nil)
		if err != nil {
			return
		}
		tc.Write(out)
		if f.Command == frame.Disconnect {
			return
		}
	}
}

// TestLeaves: a test that is broken off, or fails with the connection alive, takes
// its leave as STOMP demands. An interruption is heard of by several goroutines,
// in any order, so that it is tried more than once.
func TestLeaves(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	for _, tt := range []struct {
		name  string
		o     stompcheck.Options
		says  string // what the server says after CONNECTED
		cut   bool   // interrupted by the first message
		times int
		v     stompcheck.Verdict
	}{
		{"interrupted load", stompcheck.Options{Probe: stompcheck.ProbeSMP(), Count: 2, Window: 1}, "", true, 10, stompcheck.Unfinished},
		{"interrupted probe", stompcheck.Options{Probe: stompcheck.ProbeSMP()}, "", true, 3, stompcheck.Unfinished},
		{"load not confirmed", stompcheck.Options{Probe: stompcheck.ProbeSMP(), Count: 2, Window: 1, Timeout: 300 * time.Millisecond}, "", false, 1, stompcheck.Failed},
		{"probe not confirmed", stompcheck.Options{Probe: stompcheck.ProbeSMP(), Timeout: 300 * time.Millisecond}, "", false, 1, stompcheck.Failed},
		{"soak disturbed", stompcheck.Options{Soak: time.Minute}, "RECEIPT\nreceipt-id:x\n\n\x00", false, 1, stompcheck.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range tt.times {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				last := make(chan string, 1)
				addr := listen(t, laxServer(good, func(tc *tls.Conn) {
					said := ""
					io.WriteString(tc, tt.says)
					for r := frame.NewReader(tc, frame.Limits{}); ; {
						f, err := r.Next()
						if err != nil {
							break
						}
						said = f.Command
						if tt.cut {
							cancel()
						}
					}
					last <- said
				}))
				tt.o.Certificate, tt.o.Now, tt.o.Linger = reference.KeyPair(t, "ca"), reference.Clock(reference.InTime), -1
				tester, err := stompcheck.New(peering(t, "ca", "aa", addr), tt.o)
				if err != nil {
					t.Fatal(err)
				}
				if r := tester.Run(ctx); r.Verdict() != tt.v {
					t.Fatalf("%s", dump(r))
				}
				if said := <-last; said != frame.Disconnect {
					t.Fatalf("the last that the server heard was %q, expected DISCONNECT", said)
				}
			}
		})
	}
}
