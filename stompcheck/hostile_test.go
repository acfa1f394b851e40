package stompcheck_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
)

// What a server can do to the tester: lie, stall, flood, hang up. Whatever it
// does, the test ends within its time limits, in bounded memory, and reports a
// failure with a cause.

// hostileOptions have limits so short that stalling costs the tests little.
func hostileOptions(t testing.TB) stompcheck.Options {
	return stompcheck.Options{Certificate: reference.KeyPair(t, "ca"), Timeout: 250 * time.Millisecond, Linger: 20 * time.Millisecond}
}

// hostileWorst is what a run with hostileOptions may take: it has few stages
// that can wait, and the machine may be busy.
const hostileWorst = 15 * time.Second

// endsFailed runs the tester against addr, and expects a failure that names its
// cause, soon.
func endsFailed(t *testing.T, addr net.Addr, o stompcheck.Options) *stompcheck.Report {
	t.Helper()
	begin := time.Now()
	r := run(t, peering(t, "ca", "aa", addr), o)
	if took := time.Since(begin); took > hostileWorst {
		t.Errorf("took %s, expected at most %s", took, hostileWorst)
	}
	if r.Verdict() != stompcheck.Failed {
		t.Errorf("expected a failure:\n%s", dump(r))
		return r
	}
	for _, f := range r.Failures() {
		if f.Found == "" || f.Diagnosis == nil {
			t.Errorf("a failure that does not say why:\n%s", dump(r))
		}
	}
	return r
}

func goodTLS(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{reference.KeyPair(t, "aa")}, ClientAuth: tls.RequireAnyClientCert}
}

// afterFirstSend calls do when the first SEND has come.
func afterFirstSend(do func(tc *tls.Conn)) func(*tls.Conn) {
	return func(tc *tls.Conn) {
		if _, err := frame.NewReader(tc, frame.Limits{}).Next(); err != nil {
			return
		}
		go io.Copy(io.Discard, tc)
		do(tc)
	}
}

// repeat writes text again and again until times or the connection ends, and
// returns how often it was written.
func repeat(w io.Writer, text string, times int) int {
	block := strings.Repeat(text, max(1, 16<<10/len(text)))
	n := 0
	for n < times {
		if _, err := io.WriteString(w, block); err != nil {
			break
		}
		n += len(block) / len(text)
	}
	return n
}

// TestHostileReceipts: a server that sends ten million receipts for one message.
// It can keep the tester neither busy for longer than its timeout, nor grow it.
func TestHostileReceipts(t *testing.T) {
	const receipts = 10_000_000
	for name, text := range map[string]string{
		"of the first message":  "RECEIPT\nreceipt-id:swptpeer-0\n\n\x00",
		"of none":               "RECEIPT\n\n\x00",
		"of another":            "RECEIPT\nreceipt-id:swptpeer-18446744073709551616\n\n\x00",
		"with very long ids":    "RECEIPT\nreceipt-id:" + strings.Repeat("9", 8000) + "\n\n\x00",
		"with very many fields": "RECEIPT\nreceipt-id:swptpeer-0\n" + strings.Repeat("a:b\n", 90) + "\n\x00",
	} {
		for _, count := range []int{0, 1000} {
			t.Run(fmt.Sprintf("%s, count %d", name, count), func(t *testing.T) {
				sent := make(chan int, 1)
				addr := listen(t, laxServer(goodTLS(t), afterFirstSend(func(tc *tls.Conn) {
					sent <- repeat(tc, text, receipts)
				})))
				o := hostileOptions(t)
				o.Probe, o.Count = stompcheck.ProbeSMP(), count
				runtime.GC()
				var before, during runtime.MemStats
				runtime.ReadMemStats(&before)
				stop, most := make(chan struct{}), make(chan uint64)
				go func() {
					worst := uint64(0)
					for {
						select {
						case <-stop:
							most <- worst
							return
						case <-time.After(50 * time.Millisecond):
							runtime.ReadMemStats(&during)
							worst = max(worst, during.HeapAlloc)
						}
					}
				}()
				endsFailed(t, addr, o)
				close(stop)
				// Not all were taken in good faith.
				if n := <-sent; n >= receipts {
					t.Errorf("the server was listened to for %d receipts", n)
				}
				const allowed = 48 << 20
				if grown := int64(<-most) - int64(before.HeapAlloc); grown > allowed {
					t.Errorf("the heap grew by %d MiB, expected at most %d", grown>>20, allowed>>20)
				}
			})
		}
	}
}

// TestHostileAnswers: a server that lies in every header, or says what no server
// may say.
func TestHostileAnswers(t *testing.T) {
	const good = "CONNECTED\nversion:1.2\nheart-beat:5000,30000\n\n\x00"
	field := func(s string) string { return "CONNECTED\nversion:1.2\n" + s + "\n\n\x00" }
	for name, text := range map[string]string{
		"no version":                     "CONNECTED\n\n\x00",
		"version 1.1":                    "CONNECTED\nversion:1.1\n\n\x00",
		"version 1.2 too late":           "CONNECTED\nversion:1.0\nversion:1.2\n\n\x00",
		"heart-beat of one number":       field("heart-beat:0"),
		"heart-beat below zero":          field("heart-beat:-1,5"),
		"heart-beat of ages":             field("heart-beat:99999999999,1"),
		"heart-beat of letters":          field("heart-beat:\u202e,\x1b[2J"),
		"content-length below zero":      field("content-length:-1"),
		"content-length of gigabytes":    field("content-length:2147483648"),
		"content-length beyond 64 bits":  field("content-length:18446744073709551617"),
		"content-length of letters":      field("content-length:0x10"),
		"content-length beyond the body": field("content-length:10"),
		"content-length below the body":  "CONNECTED\nversion:1.2\ncontent-length:1\n\nabc\x00",
		"a header without a colon":       field("version"),
		"a header of 9 KB":               field("a:" + strings.Repeat("b", 9<<10)),
		"101 headers":                    "CONNECTED\nversion:1.2\n" + strings.Repeat("a:b\n", 100) + "\n\x00",
		"a body over the limit":          field("") + strings.Repeat("a", 64<<10+1) + "\x00",
		"a frame that does not exist":    "EVIL\n\n\x00",
		"CONNECTED in lower case":        "connected\nversion:1.2\n\n\x00",
		"a receipt of nothing":           "RECEIPT\nreceipt-id:swptpeer-disconnect\n\n\x00",
		"a message":                      "MESSAGE\nsubscription:1\nmessage-id:1\ndestination:/x\n\nhello\x00",
		"an error that drives terminals": "ERROR\nmessage:\x1b]0;owned\x07\u202e::error::x\n\n\x1b[2J\x00",
		"another protocol":               "HTTP/1.1 400 Bad Request\r\n\r\n",
		"NULs":                           strings.Repeat("\x00", 1000),
		"CONNECTED twice":                good + good,
		"CONNECTED and an error":         good + "ERROR\nmessage:Too many connections from one peer.\n\n\x00",
		"CONNECTED and a receipt":        good + "RECEIPT\nreceipt-id:swptpeer-disconnect\n\n\x00",
		"an undefined escape":            good + "ERROR\nmessage:\\t\n\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := goodTLS(t)
			r := endsFailed(t, listen(t, func(nc net.Conn) {
				tc := tls.Server(nc, conf)
				if tc.Handshake() != nil {
					return
				}
				io.WriteString(tc, text)
				io.Copy(io.Discard, tc)
			}), hostileOptions(t))
			if text := dump(r); strings.ContainsAny(text, "\x1b\x07\u202e") {
				t.Errorf("the server's text is reported as it came: %q", text)
			}
		})
	}
}

// TestHostileFloods: a server that never stops sending, at each stage.
func TestHostileFloods(t *testing.T) {
	forever := 1 << 40
	for name, text := range map[string]string{
		"line ends": "\n", "NULs": "\x00", "errors": "ERROR\nmessage:x\n\n\x00", "greetings": "CONNECTED\nversion:1.2\n\n\x00",
		"headers": "a:b\n", "letters": "a",
	} {
		for stage, conversation := range map[string]func(tc *tls.Conn){
			"at once": func(tc *tls.Conn) { repeat(tc, text, forever) },
			"after the greeting": func(tc *tls.Conn) {
				io.WriteString(tc, "CONNECTED\nversion:1.2\n\n\x00")
				repeat(tc, text, forever)
			},
			"in a header": func(tc *tls.Conn) { io.WriteString(tc, "CONNECTED\nversion:"); repeat(tc, text, forever) },
			"in a body": func(tc *tls.Conn) {
				io.WriteString(tc, "CONNECTED\nversion:1.2\ncontent-length:60000\n\n")
				repeat(tc, text, forever)
			},
		} {
			t.Run(name+" "+stage, func(t *testing.T) {
				t.Parallel()
				conf := goodTLS(t)
				o := hostileOptions(t)
				o.Timeout = 200 * time.Millisecond
				endsFailed(t, listen(t, func(nc net.Conn) {
					tc := tls.Server(nc, conf)
					if tc.Handshake() == nil {
						conversation(tc)
					}
				}), o)
			})
		}
	}
}

// cutConn passes on so many bytes of what is written and then stalls, ends the
// stream, or resets it.
type cutConn struct {
	net.Conn
	left int
	end  string
}

func (c *cutConn) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	if n > 0 {
		if _, err := c.Conn.Write(p[:n]); err != nil {
			return 0, err
		}
		c.left -= n
	}
	if n == len(p) {
		return n, nil
	}
	switch tcp := c.Conn.(*net.TCPConn); c.end {
	case "ends":
		tcp.CloseWrite()
	case "is reset":
		tcp.SetLinger(0)
		tcp.Close()
	}
	io.Copy(io.Discard, c.Conn) // until the tester gives up
	return 0, net.ErrClosed
}

// TestHostileCuts: a connection that stalls, ends or is reset after any number
// of bytes: of TLS records (a sample), of STOMP frames (every one).
func TestHostileCuts(t *testing.T) {
	const answers = "CONNECTED\nversion:1.2\n\n\x00"
	for _, end := range []string{"stalls", "ends", "is reset"} {
		for n := 0; n < 2200; n += 300 { // the server's part of a handshake has about 2,100 bytes
			t.Run(fmt.Sprintf("%s after %d bytes", end, n), func(t *testing.T) {
				t.Parallel()
				conf := goodTLS(t)
				o := hostileOptions(t)
				o.Probe = stompcheck.ProbeSMP()
				endsFailed(t, listen(t, func(nc net.Conn) {
					tc := tls.Server(&cutConn{nc, n, end}, conf)
					tc.Handshake()
					io.Copy(io.Discard, tc)
				}), o)
			})
		}
		for n := range len(answers) {
			t.Run(fmt.Sprintf("%s after %d bytes of STOMP", end, n), func(t *testing.T) {
				t.Parallel()
				conf := goodTLS(t)
				endsFailed(t, listen(t, func(nc net.Conn) {
					tc := tls.Server(nc, conf)
					if tc.Handshake() != nil {
						return
					}
					io.WriteString(tc, answers[:n])
					switch end {
					case "ends":
						tc.CloseWrite() // the TLS way of half-closing
					case "is reset":
						// What was written is not to be lost with the connection.
						time.Sleep(50 * time.Millisecond)
						nc.(*net.TCPConn).SetLinger(0)
						nc.Close()
						return
					}
					io.Copy(io.Discard, tc)
				}), hostileOptions(t))
			})
		}
	}
}

// TestHostileNeverReads: a server that takes nothing off the wire while much is
// sent to it.
func TestHostileNeverReads(t *testing.T) {
	conf := goodTLS(t)
	done := make(chan struct{})
	defer close(done)
	addr := listen(t, func(nc net.Conn) {
		nc.(*net.TCPConn).SetReadBuffer(4 << 10)
		tc := tls.Server(nc, conf)
		if tc.Handshake() != nil {
			return
		}
		io.WriteString(tc, "CONNECTED\nversion:1.2\n\n\x00")
		<-done
	})
	o := hostileOptions(t)
	o.Probe, o.Count, o.Window = stompcheck.ProbeSMP(), 100_000, stompcheck.MaxWindow
	r := endsFailed(t, addr, o)
	if text := []byte(dump(r)); bytes.Contains(text, []byte("accepted")) {
		t.Errorf("found %s", text)
	}
}
