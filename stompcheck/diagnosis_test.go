package stompcheck_test

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"

	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/server"
)

// listen runs handle for every connection to a real listener.
func listen(t testing.TB, handle func(net.Conn)) net.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(20 * time.Second))
				handle(nc)
			}()
		}
	}()
	return ln.Addr()
}

// mute is a key that looks right and cannot sign, as one whose factors are no
// primes.
type mute struct{ crypto.Signer }

func (mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("decryption error")
}

// laxServer speaks TLS as configured, answers CONNECTED, and then does as told
// by after (nil: confirms what asks for it).
func laxServer(conf *tls.Config, after ...func(tc *tls.Conn)) func(net.Conn) {
	return func(nc net.Conn) {
		tc := tls.Server(nc, conf)
		defer tc.Close()
		r := frame.NewReader(tc, frame.Limits{})
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			switch f.Command {
			case frame.Stomp, frame.Connect:
				io.WriteString(tc, "CONNECTED\nversion:1.2\nheart-beat:5000,30000\n\n\x00")
				if len(after) > 0 {
					after[0](tc)
					return
				}
			default:
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
	}
}

// outsider is a TLS server certificate as a proxy or a web server has one.
func outsider(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy.example"}, DNSNames: []string{"proxy.example"},
		NotBefore: reference.InTime.Add(-time.Hour), NotAfter: reference.InTime.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestCauses produces every cause with a real listener, and expects it to be
// named.
func TestCauses(t *testing.T) {
	aa := reference.KeyPair(t, "aa")
	good := &tls.Config{Certificates: []tls.Certificate{aa}, ClientAuth: tls.RequireAnyClientCert}
	say := func(text string) func(*tls.Conn) {
		return func(tc *tls.Conn) {
			io.WriteString(tc, text)
			tc.CloseWrite()
			io.Copy(io.Discard, tc)
		}
	}
	connected := func(after func(*tls.Conn)) net.Addr { return listen(t, laxServer(good, after)) }
	errorText := func(message string) string { return "ERROR\nmessage:" + message + "\n\n\x00" }
	// afterSend answers the first SEND with text, in which %s is its receipt.
	afterSend := func(text string) func(*tls.Conn) {
		return func(tc *tls.Conn) {
			r := frame.NewReader(tc, frame.Limits{})
			f, err := r.Next()
			if err != nil {
				return
			}
			id, _ := f.Get("receipt")
			say(strings.ReplaceAll(text, "%s", id))(tc)
		}
	}
	ctx := func(change func(*server.Config)) net.Addr {
		conf := serverConfig(t, "aa")
		change(&conf)
		addr, _ := serve(t, conf)
		return addr
	}
	lookup := func(change func(p *server.Peer, err *error)) func(*server.Config) {
		return func(c *server.Config) {
			old := c.Lookup
			c.Lookup = func(id string) (server.Peer, error) {
				p, err := old(id)
				change(&p, &err)
				return p, err
			}
		}
	}
	// An address of loopback on which no test listens, so that no listener of
	// another test can get the port.
	closed := func() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 99), Port: 9} }
	real := func() net.Addr { return ctx(func(*server.Config) {}) }

	probe := stompcheck.Options{Probe: stompcheck.ProbeSMP()}
	tests := []struct {
		name    string
		addr    net.Addr
		peering func(p *stompcheck.Peering)
		options stompcheck.Options
		stage   stompcheck.StageID
		cause   *stompcheck.Cause
		detail  string
	}{
		{"no manifest", real(), func(p *stompcheck.Peering) {
			p.Manifest, p.ManifestErr = nil, errors.New("stomp.toml: servers: missing")
		},
			stompcheck.Options{}, stompcheck.StageManifest, stompcheck.CauseManifest, ""},
		{"our copy of the manifest is missing", real(), func(p *stompcheck.Peering) {
			_, err := os.Open(filepath.Join(t.TempDir(), "stomp.toml"))
			p.Manifest, p.ManifestErr = nil, err
		},
			stompcheck.Options{}, stompcheck.StageManifest, stompcheck.CauseOwnManifest, ""},
		{"deactivated by us", real(), func(p *stompcheck.Peering) { p.Deactivated = true },
			stompcheck.Options{}, stompcheck.StageManifest, stompcheck.CauseDeactivatedByUs, ""},
		{"key of another certificate", real(), nil,
			stompcheck.Options{Certificate: tls.Certificate{Certificate: reference.KeyPair(t, "ca").Certificate, PrivateKey: reference.KeyPair(t, "da").PrivateKey}},
			stompcheck.StageCredentials, stompcheck.CauseOwnKey, ""},
		{"no certificate", real(), nil, stompcheck.Options{Certificate: tls.Certificate{PrivateKey: reference.KeyPair(t, "ca").PrivateKey}},
			stompcheck.StageCredentials, stompcheck.CauseOwnKey, ""},
		{"a key that does not sign", real(), nil, stompcheck.Options{Certificate: tls.Certificate{
			Certificate: reference.KeyPair(t, "ca").Certificate, PrivateKey: mute{reference.KeyPair(t, "ca").PrivateKey.(crypto.Signer)}}},
			stompcheck.StageTLS, stompcheck.CauseOwnKey, ""},
		{"our certificate ended", real(), nil, stompcheck.Options{Now: reference.Clock(time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC))},
			stompcheck.StageCredentials, stompcheck.CauseOwnEnded, ""},
		{"our certificate is not valid yet", real(), nil, stompcheck.Options{Now: reference.Clock(time.Date(2026, 11, 23, 1, 45, 50, 0, time.UTC))},
			stompcheck.StageCredentials, stompcheck.CauseOwnNotYet, ""},
		{"our clock is wrong", real(), nil, stompcheck.Options{Now: reference.Clock(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC))},
			stompcheck.StageCredentials, stompcheck.CauseClock, ""},
		{"not registered", real(), func(p *stompcheck.Peering) { p.Intermediate = nil },
			stompcheck.Options{}, stompcheck.StageCredentials, stompcheck.CauseOwnNoIntermediate, ""},
		{"another node's certificate", real(), nil, stompcheck.Options{Certificate: reference.KeyPair(t, "da")},
			stompcheck.StageCredentials, stompcheck.CauseOwnChain, ""},
		{"nothing listens", closed(), nil, stompcheck.Options{}, stompcheck.StageTCP, stompcheck.CauseConnectionRefused, ""},
		{"silent when spoken to in TLS", listen(t, func(nc net.Conn) { io.Copy(io.Discard, nc) }), nil,
			stompcheck.Options{Timeout: 300 * time.Millisecond}, stompcheck.StageTLS, stompcheck.CauseTLSTimeout, ""},
		{"hangs up when spoken to in TLS", listen(t, func(nc net.Conn) { nc.Read(make([]byte, 1)) }), nil,
			stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CauseTLSClosed, ""},
		{"closes at once", listen(t, func(nc net.Conn) {}), nil,
			stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CauseTLSClosed, ""},
		{"plain-text STOMP", listen(t, func(nc net.Conn) {
			bufio.NewReader(nc).ReadByte()
			io.WriteString(nc, errorText("Invalid command"))
		}), nil, stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CausePlainSTOMP, "ERROR"},
		{"HTTP", listen(t, func(nc net.Conn) {
			bufio.NewReader(nc).ReadByte()
			io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), nil, stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CauseHTTP, ""},
		{"SSH", listen(t, func(nc net.Conn) { io.WriteString(nc, "SSH-2.0-OpenSSH_9.2\r\n"); io.Copy(io.Discard, nc) }), nil,
			stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CauseNotTLS, "SSH-2"},
		{"TLS 1.2 only", listen(t, laxServer(&tls.Config{Certificates: []tls.Certificate{aa}, MaxVersion: tls.VersionTLS12})), nil,
			stompcheck.Options{}, stompcheck.StageTLS, stompcheck.CauseTLSVersion, ""},
		{"a proxy ends TLS", listen(t, laxServer(&tls.Config{Certificates: []tls.Certificate{outsider(t)}})), nil,
			stompcheck.Options{}, stompcheck.StageChain, stompcheck.CauseProxy, "proxy.example"},
		{"another node's server", listen(t, laxServer(&tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "da")}})), nil,
			stompcheck.Options{}, stompcheck.StageChain, stompcheck.CauseOtherNode, "debtors agent 9713c1a6b9b52ce34697c159b56ecfb0"},
		{"peer's certificate ended", real(), nil,
			stompcheck.Options{Now: reference.Clock(time.Date(2027, 11, 23, 1, 45, 53, 0, time.UTC))}, stompcheck.StageChain, stompcheck.CausePeerEnded, "2027-11-23"},
		{"refused without a word", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			tc.Handshake()
			// No alert and no close_notify, as Python's servers do.
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseOurCertRefused, ""},
		{"refused by reset", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			tc.Handshake()
			nc.(*net.TCPConn).SetLinger(0)
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseOurCertRefused, ""},
		{"refused by an alert", ctx(func(c *server.Config) { c.Root = reference.Cert(t, "nodes/da/root-ca.crt") }), nil,
			stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseOurCertRefused, "alert"},
		{"unknown peer", ctx(lookup(func(_ *server.Peer, err *error) { *err = server.ErrUnknownPeer })), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNotWelcome, "Unknown peer serial number."},
		{"not registered there", ctx(lookup(func(p *server.Peer, _ *error) { p.Registered = false })), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNotWelcome, ""},
		{"not active there", ctx(func(c *server.Config) { c.RequireActive = true }), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNotWelcome, ""},
		{"deactivated there", ctx(lookup(func(p *server.Peer, _ *error) { p.Deactivated = true })), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNotWelcome, ""},
		{"unreadable file there", ctx(lookup(func(_ *server.Peer, err *error) { *err = errors.New("cannot read it") })), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseInternal, ""},
		{"late ERROR", connected(func(tc *tls.Conn) {
			time.Sleep(20 * time.Millisecond)
			say(errorText("Too many connections from one peer."))(tc)
		}), nil, stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseTooMany, ""},
		{"late end", connected(func(tc *tls.Conn) {}), nil, stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseSTOMPClosed, ""},
		{"ERROR with escapes for a terminal", connected(say(errorText("\x1b[31mno"))), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `\x1b[31mno`},
		{"ERROR cut between characters", connected(say(errorText("x" + strings.Repeat("é", 150)))), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `éé"…`},
		{"ERROR of many words", connected(say(errorText("not you! " + strings.Repeat("word ", 10_000)))), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `"not you! word word`},
		{"ERROR with a known text and many words", connected(say(errorText("Unknown peer serial number. " + strings.Repeat("word ", 10_000)))), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNotWelcome, "more than 32768 bytes of headers"},
		{"ERROR with a long body", connected(say("ERROR\nmessage:no\n\nbecause" + strings.Repeat(" of", 50_000) + "\x00")), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `the server said "no": "because of`},
		{"ERROR with a body of a great length", connected(say("ERROR\nmessage:no\ncontent-length:10000000\n\nbecause of")), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `the server said "no"`},
		{"ERROR in Latin-1", connected(say(errorText("acc\xe8s refus\xe9 \x1b[31m"))), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseError, `"acc\xe8s refus\xe9 \x1b[31m"; its ERROR is not one of STOMP 1.2: `},
		{"ERROR in Latin-1 in place of CONNECTED", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			bufio.NewReader(tc).ReadByte()
			say(errorText("access refused for user \xe9"))(tc)
			tc.CloseWrite()
			io.Copy(io.Discard, tc)
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseLogin, `\xe9`},
		{"ERROR in Latin-1 for a message", connected(afterSend("ERROR\nreceipt-id:%s\nmessage:refus\xe9\n\n\x00")), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseMessage, `refus\xe9`},
		{"not UTF-8, and no ERROR", connected(say("MESSAGE\nmessage:refus\xe9\n\n\x00")), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseNoSTOMP, ""},
		{"a RECEIPT that nobody asked for", connected(say("RECEIPT\nreceipt-id:7\n\n\x00")), nil,
			stompcheck.Options{}, stompcheck.StageLinger, stompcheck.CauseReceipt, ""},
		{"HTTP over TLS", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			bufio.NewReader(tc).ReadByte()
			io.WriteString(tc, "HTTP/1.1 400 Bad Request\r\n\r\n")
			tc.CloseWrite()
			io.Copy(io.Discard, tc)
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseHTTP, ""},
		{"nonsense over TLS", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			bufio.NewReader(tc).ReadByte()
			io.WriteString(tc, "220 mail.example ESMTP\r\n")
			tc.CloseWrite()
			io.Copy(io.Discard, tc)
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseNoSTOMP, ""},
		{"silent in STOMP", listen(t, func(nc net.Conn) { io.Copy(io.Discard, tls.Server(nc, good)) }), nil,
			stompcheck.Options{Timeout: 300 * time.Millisecond}, stompcheck.StageConnect, stompcheck.CauseSTOMPTimeout, ""},
		{"wrong login", listen(t, func(nc net.Conn) {
			tc := tls.Server(nc, good)
			bufio.NewReader(tc).ReadByte()
			say("ERROR\nmessage:Bad CONNECT\n\nAccess refused for user 'guest'\x00")(tc)
		}), nil, stompcheck.Options{}, stompcheck.StageConnect, stompcheck.CauseLogin, "Access refused"},
		{"destination refused", ctx(func(c *server.Config) { c.Destination = "/exchange/other" }), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseDestination, ""},
		{"message refused", ctx(lookup(func(p *server.Peer, _ *error) { p.Subnet = subnetOf(t, "0000ff") })), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseMessage, "invalid creditor id"},
		{"clock of a message", ctx(func(c *server.Config) { c.Now = reference.Clock(reference.InTime.Add(-3 * time.Hour)) }), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseClock, ""},
		{"clock of a message, as the field says it", connected(afterSend(errorText("The message timestamp is 9000 seconds in the future.\nreceipt-id:%s"))), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseClock, ""},
		{"receipt of another message", connected(afterSend("RECEIPT\nreceipt-id:x%s\n\n\x00")), nil,
			probe, stompcheck.StageProbe, stompcheck.CauseReceipt, ""},
		{"no receipt", connected(func(tc *tls.Conn) { io.Copy(io.Discard, tc) }), nil,
			stompcheck.Options{Probe: stompcheck.ProbeSMP(), Timeout: 300 * time.Millisecond}, stompcheck.StageProbe, stompcheck.CauseSTOMPTimeout, ""},
		{"no receipt of DISCONNECT", connected(func(tc *tls.Conn) { io.Copy(io.Discard, tc) }), nil,
			stompcheck.Options{Timeout: 300 * time.Millisecond}, stompcheck.StageDisconnect, stompcheck.CauseSTOMPTimeout, ""},
		{"message refused under load", ctx(func(c *server.Config) { c.Destination = "/exchange/other" }), nil,
			stompcheck.Options{Probe: stompcheck.ProbeSMP(), Count: 1000}, stompcheck.StageLoad, stompcheck.CauseDestination, ""},
		{"receipts that make no sense under load", connected(afterSend("RECEIPT\nreceipt-id:swptpeer-99999\n\n\x00")), nil,
			stompcheck.Options{Probe: stompcheck.ProbeSMP(), Count: 1000}, stompcheck.StageLoad, stompcheck.CauseReceipt, ""},
		{"no heart-beats", connected(func(tc *tls.Conn) { io.Copy(io.Discard, tc) }), nil,
			stompcheck.Options{Soak: 8 * time.Second}, stompcheck.StageSoak, stompcheck.CauseHeartBeat, ""},
	}
	named := map[*stompcheck.Cause]bool{}
	for _, tt := range tests {
		named[tt.cause] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := peering(t, "ca", "aa", tt.addr)
			if tt.peering != nil {
				tt.peering(&p)
			}
			o := tt.options
			if o.Certificate.PrivateKey == nil {
				o.Certificate = reference.KeyPair(t, "ca")
			}
			if o.Linger == 0 {
				o.Linger = 200 * time.Millisecond
			}
			r := run(t, p, o)
			failures := r.Failures()
			if len(failures) == 0 {
				t.Fatalf("nothing failed:\n%s", dump(r))
			}
			f := failures[0]
			if f.ID != tt.stage || f.Diagnosis == nil || f.Diagnosis.Cause != tt.cause {
				t.Fatalf("expected %s to fail with the cause %s:\n%s", tt.stage, tt.cause.ID, dump(r))
			}
			if !strings.Contains(f.Diagnosis.Detail+f.Found, tt.detail) {
				t.Errorf("found %q and %q, expected %q in it", f.Diagnosis.Detail, f.Found, tt.detail)
			}
			if r.Verdict() != stompcheck.Failed {
				t.Errorf("the verdict is %s", r.Verdict())
			}
			for _, a := range r.Addresses {
				for _, s := range a.Stages {
					if s.Outcome == check.Skipped && s.StoppedBy == "" && s.Found == "" {
						t.Errorf("%s was skipped, and nothing says why", s.ID)
					}
				}
			}
		})
	}
	// These need a network, or hardware, that a test does not have.
	elsewhere := map[*stompcheck.Cause]string{
		stompcheck.CauseNoSuchName:     "TestEveryAddressOfEveryServer",
		stompcheck.CauseDNS:            "TestNetworkCauses",
		stompcheck.CauseConnectTimeout: "TestNetworkCauses",
		stompcheck.CauseUnreachable:    "TestNetworkCauses",
		stompcheck.CausePeerNotYet:     "TestPeerCertificates",
		stompcheck.CausePeerChain:      "TestPeerCertificates",
		stompcheck.CauseTLSAlert:       "TestAlert",
		stompcheck.CauseUnconfirmed:    "TestOwnMessageUnconfirmed",
		stompcheck.CauseNotMutual:      "TestNoClientCertificateAsked",
	}
	for _, c := range stompcheck.Causes() {
		if !named[c] && elsewhere[c] == "" {
			t.Errorf("no test produces the cause %s", c.ID)
		}
		if c.Title == "" || c.Advice == "" || c.Side == "" || c.Category == 0 {
			t.Errorf("the cause %s is incomplete: %+v", c.ID, c)
		}
	}
}

// TestNetworkCauses classifies the errors that need a network, as the standard
// library returns them.
func TestNetworkCauses(t *testing.T) {
	server := manifest.Server{Host: "name.example", Port: 1}
	for name, tt := range map[string]struct {
		err   error
		cause *stompcheck.Cause
	}{
		"no such name": {&net.DNSError{Err: "no such host", IsNotFound: true}, stompcheck.CauseNoSuchName},
		"resolver":     {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, stompcheck.CauseDNS},
		"no addresses": {nil, stompcheck.CauseDNS},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, peering(t, "ca", "aa", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}), stompcheck.Options{
				Certificate: reference.KeyPair(t, "ca"), Server: &server,
				Resolve: func(context.Context, string) ([]netip.Addr, error) { return nil, tt.err },
			})
			if f := r.Failures(); len(f) != 1 || f[0].ID != stompcheck.StageDNS || f[0].Diagnosis.Cause != tt.cause {
				t.Errorf("expected the cause %s:\n%s", tt.cause.ID, dump(r))
			}
		})
	}
	for err, cause := range map[error]*stompcheck.Cause{
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}: stompcheck.CauseUnreachable,
		&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}:                              stompcheck.CauseConnectTimeout,
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}: stompcheck.CauseConnectionRefused,
	} {
		if d := stompcheck.ClassifyDial(err); d.Cause != cause {
			t.Errorf("%v: found the cause %s, expected %s", err, d.ID, cause.ID)
		}
	}
}

// TestPeerCertificates judges servers whose certificates were made with the
// reference authority's own key, or with somebody else's.
func TestPeerCertificates(t *testing.T) {
	root := reference.Cert(t, "nodes/aa/root-ca.crt")
	issuer, err := certs.NewIssuer(root, reference.RootKey(t, "aa"))
	if err != nil {
		t.Fatal(err)
	}
	request, err := certs.ParseRequest(reference.File(t, "servers", "aa.csr"))
	if err != nil {
		t.Fatal(err)
	}
	serial, err := certs.NewSerial()
	if err != nil {
		t.Fatal(err)
	}
	later, err := issuer.IssueServer(request, 365, serial, reference.InTime.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	imposter, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), RawSubject: root.RawSubject, NotBefore: reference.InTime.Add(-time.Hour), NotAfter: reference.InTime.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, imposter.Public(), imposter)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		cert  tls.Certificate
		cause *stompcheck.Cause
	}{
		{"not valid yet", tls.Certificate{Certificate: [][]byte{later.Raw}, PrivateKey: reference.KeyPair(t, "aa").PrivateKey}, stompcheck.CausePeerNotYet},
		{"an imposter", tls.Certificate{Certificate: [][]byte{der}, PrivateKey: imposter}, stompcheck.CausePeerChain},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := listen(t, laxServer(&tls.Config{Certificates: []tls.Certificate{tt.cert}}))
			r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca")})
			if f := r.Failures(); len(f) != 1 || f[0].ID != stompcheck.StageChain || f[0].Diagnosis.Cause != tt.cause {
				t.Errorf("expected the cause %s:\n%s", tt.cause.ID, dump(r))
			}
		})
	}
}

// TestEscapesWarning: values that servers read in different ways are named, and
// not shown.
func TestEscapesWarning(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, tt := range []struct {
		name            string
		host            string
		login, passcode *string
		want            string // "" if nothing is said
	}{
		{"nothing", "/", text("guest"), text("pass word=%/"), ""},
		{"no login", "/", nil, nil, ""},
		{"a colon in the host", "a:b", nil, nil, " in host:"},
		{"a backslash in the login", "/", text(`a\b`), text("x"), " in login:"},
		{"a colon in the passcode", "/", text("guest"), text("secret:word"), " in passcode:"},
		{"a line end in the passcode", "/", text("guest"), text("secret\nword"), " in passcode:"},
		{"all three", ":", text(":"), text("\r"), " in host and login and passcode:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := serve(t, serverConfig(t, "aa"))
			p := peering(t, "ca", "aa", addr)
			p.Manifest.Host, p.Manifest.Login, p.Manifest.Passcode = tt.host, tt.login, tt.passcode
			for _, o := range []stompcheck.Options{{}, {Server: &p.Manifest.Servers[0]}} {
				o.Certificate = reference.KeyPair(t, "ca")
				found := run(t, p, o).Common[0].Found
				if _, warning, ok := strings.Cut(found, "; warning: "); ok != (tt.want != "") || !strings.Contains(warning, tt.want) {
					t.Errorf("found %q, expected the warning %q", found, tt.want)
				}
				if strings.Contains(found, "word") {
					t.Errorf("found %q, which shows a passcode", found)
				}
			}
		})
	}
}

func TestAlert(t *testing.T) {
	addr := listen(t, func(nc net.Conn) {
		bufio.NewReader(nc).ReadByte()
		nc.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // a fatal handshake_failure
		io.Copy(io.Discard, nc)
	})
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca")})
	f := r.Failures()
	if len(f) != 1 || f[0].ID != stompcheck.StageTLS || f[0].Diagnosis.Cause != stompcheck.CauseTLSAlert || !strings.Contains(f[0].Diagnosis.Detail, "alert 40, handshake failure") {
		t.Errorf("expected the cause %s:\n%s", stompcheck.CauseTLSAlert.ID, dump(r))
	}
}

// TestOwnMessageUnconfirmed: who sent his own message must know that it may have
// been taken.
func TestOwnMessageUnconfirmed(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	own := stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.DangerousProbe("PrepareTransfer", "application/json", []byte("{}")),
		Timeout: 300 * time.Millisecond,
	}
	for name, after := range map[string]func(*tls.Conn){
		"silence":    func(tc *tls.Conn) { io.Copy(io.Discard, tc) },
		"hanging up": func(tc *tls.Conn) { tc.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, peering(t, "ca", "aa", listen(t, laxServer(good, after))), own)
			if f := r.Failures(); len(f) != 1 || f[0].ID != stompcheck.StageProbe || f[0].Diagnosis.Cause != stompcheck.CauseUnconfirmed {
				t.Errorf("expected the cause %s:\n%s", stompcheck.CauseUnconfirmed.ID, dump(r))
			}
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		o := own
		o.Timeout, o.Linger, o.Now = 10*time.Second, time.Millisecond, reference.Clock(reference.InTime)
		ctx, cancel := context.WithCancel(context.Background())
		tester, err := stompcheck.New(peering(t, "ca", "aa", listen(t, laxServer(good, func(tc *tls.Conn) {
			tc.Read(make([]byte, 1))
			cancel()
			io.Copy(io.Discard, tc)
		}))), o)
		if err != nil {
			t.Fatal(err)
		}
		r := tester.Run(ctx)
		for _, s := range r.Addresses[0].Stages {
			if s.ID == stompcheck.StageProbe && !strings.Contains(s.Found, "the message was sent") {
				t.Errorf("nothing says that the message was sent:\n%s", dump(r))
			}
		}
		if r.Verdict() != stompcheck.Unfinished {
			t.Errorf("%s", dump(r))
		}
	})
}

// TestNoClientCertificateAsked: TLS that takes anybody is not mutual.
func TestNoClientCertificateAsked(t *testing.T) {
	lax := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}}
	r := run(t, peering(t, "ca", "aa", listen(t, laxServer(lax))), stompcheck.Options{Certificate: reference.KeyPair(t, "ca")})
	if f := r.Failures(); len(f) != 1 || f[0].ID != stompcheck.StageChain || f[0].Diagnosis.Cause != stompcheck.CauseNotMutual {
		t.Errorf("expected the cause %s:\n%s", stompcheck.CauseNotMutual.ID, dump(r))
	}
}

// TestReceiptsOutOfOrder: a receipt that follows a later one says nothing new.
func TestReceiptsOutOfOrder(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	addr := listen(t, laxServer(good, func(tc *tls.Conn) {
		r := frame.NewReader(tc, frame.Limits{})
		var ids []string
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			id, _ := f.Get("receipt")
			if f.Command == frame.Disconnect {
				io.WriteString(tc, "RECEIPT\nreceipt-id:"+ids[0]+"\n\n\x00RECEIPT\nreceipt-id:"+id+"\n\n\x00")
				return
			}
			if ids = append(ids, id); len(ids) == 10 {
				for i := range ids {
					io.WriteString(tc, "RECEIPT\nreceipt-id:"+ids[len(ids)-1-i]+"\n\n\x00")
				}
			}
		}
	}))
	r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.ProbeSMP(), Count: 10, Window: 10})
	if r.Verdict() != stompcheck.Accepted {
		t.Errorf("%s", dump(r))
	}
}

// TestReceiptAgain: a server may confirm the probe once more, at once or late.
func TestReceiptAgain(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	addr := listen(t, laxServer(good, func(tc *tls.Conn) {
		r := frame.NewReader(tc, frame.Limits{})
		again := ""
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			id, _ := f.Get("receipt")
			receipt := "RECEIPT\nreceipt-id:" + id + "\n\n\x00"
			if f.Command == frame.Disconnect {
				io.WriteString(tc, again+receipt)
				return
			}
			again = receipt
			io.WriteString(tc, receipt+receipt)
		}
	}))
	for range 5 {
		r := run(t, peering(t, "ca", "aa", addr), stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.ProbeSMP()})
		if r.Verdict() != stompcheck.Accepted {
			t.Fatalf("%s", dump(r))
		}
	}
}

// TestInterruptedWhileWriting: a server that does not read must not hold up who
// wants to go, nor be taken for one that closed the connection.
func TestInterruptedWhileWriting(t *testing.T) {
	good := &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	addr := listen(t, laxServer(good, func(*tls.Conn) { <-done }))
	o := stompcheck.Options{
		Certificate: reference.KeyPair(t, "ca"), Probe: stompcheck.ProbeSMP(), Count: 200_000, Window: 100_000,
		Now: reference.Clock(reference.InTime), Linger: time.Millisecond, Timeout: time.Minute,
	}
	tester, err := stompcheck.New(peering(t, "ca", "aa", addr), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(2*time.Second, cancel)
	start := time.Now()
	if r := tester.Run(ctx); r.Verdict() != stompcheck.Unfinished || time.Since(start) > 10*time.Second {
		t.Errorf("after %s:\n%s", time.Since(start), dump(r))
	}
	o.Timeout = time.Second
	r := run(t, peering(t, "ca", "aa", addr), o)
	if f := r.Failures(); len(f) != 1 || f[0].Diagnosis.Cause != stompcheck.CauseSTOMPTimeout {
		t.Errorf("expected the cause %s:\n%s", stompcheck.CauseSTOMPTimeout.ID, dump(r))
	}
}
