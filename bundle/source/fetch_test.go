package source_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle/source"
)

const maxSize = 2 << 20

// web is a server with everything that can go wrong.
func web(t *testing.T) (*httptest.Server, source.Options) {
	t.Helper()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	mux := http.NewServeMux()
	send := func(path string, n int, chunked bool) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if chunked {
				w.(http.Flusher).Flush()
			} else {
				w.Header().Set("Content-Length", fmt.Sprint(n))
			}
			w.Write(bytes.Repeat([]byte("x"), n))
		})
	}
	send("/small", 10, false)
	send("/max", maxSize, true)
	send("/declared", maxSize+1, false)
	send("/oversize", maxSize+1, true)
	mux.HandleFunc("/redirect/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscan(r.PathValue("n"), &n)
		if n == 0 {
			w.Write([]byte("referer " + r.Header.Get("Referer")))
			return
		}
		http.Redirect(w, r, fmt.Sprintf("/redirect/%d?token=geheim", n-1), http.StatusFound)
	})
	mux.HandleFunc("/to-http", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/x?token=geheim", http.StatusFound)
	})
	mux.HandleFunc("/to-user", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://user:geheim@"+r.Host+"/small", http.StatusFound)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("x"))
	})
	mux.HandleFunc("/gone", http.NotFound)
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return server, source.Options{MaxSize: maxSize, Roots: pool, Timeout: 10 * time.Second}
}

var quiet = log.New(io.Discard, "", 0)

func TestFetch(t *testing.T) {
	server, opts := web(t)
	var shown atomic.Int64
	opts.Progress = func(_ string, n int64) { shown.Store(n) }
	o := source.NewOpener(opts)
	get := func(path string) (*source.File, error) { return open(t, o, server.URL+path) }
	f, err := get("/small")
	wants(t, f, err, bytes.Repeat([]byte("x"), 10))
	f, err = get("/max")
	wants(t, f, err, bytes.Repeat([]byte("x"), maxSize))
	if shown.Load() < maxSize/2 {
		t.Errorf("found progress up to %d", shown.Load())
	}
	f, err = get(fmt.Sprintf("/redirect/%d", source.MaxRedirects))
	wants(t, f, err, []byte("referer "))
	for _, tt := range []struct {
		path  string
		kind  source.Kind
		found string
	}{
		{fmt.Sprintf("/redirect/%d", source.MaxRedirects+1), source.Refused, "more than 5 redirects"},
		{"/to-http", source.Refused, "a redirect to http://"},
		{"/to-user", source.Refused, "with a user name"},
		{"/declared", source.Refused, "found 2097153 bytes"},
		{"/oversize", source.Refused, "more than 2097152 bytes"},
		{"/broken", source.Network, "broke off after 1 bytes"},
		{"/gone", source.Unreadable, "404 Not Found"},
		{"/header", source.Network, "header"},
	} {
		f, err := get(tt.path)
		wantsError(t, f, err, tt.kind, tt.found)
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: a secret is in the error: %v", tt.path, err)
		}
	}
}

func TestFetchTimes(t *testing.T) {
	server, opts := web(t)
	opts.Timeout = 200 * time.Millisecond
	f, err := open(t, source.NewOpener(opts), server.URL+"/slow")
	wantsError(t, f, err, source.Timeout, "no complete answer after 200ms")

	// A server that takes connections and says nothing.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	opts.Timeout, opts.ConnectTimeout = 10*time.Second, 100*time.Millisecond
	f, err = open(t, source.NewOpener(opts), "https://"+silent.Addr().String()+"/")
	wantsError(t, f, err, source.Network, "timeout")

	// The caller goes away: that is not the server's fault.
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, stop)
	items, err := source.List([]string{server.URL + "/slow"})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := source.NewOpener(opts).Open(ctx, items[0]); f != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, %v", f, err)
	}
}

func TestFetchServers(t *testing.T) {
	server, opts := web(t)
	stranger := opts
	stranger.Roots = x509.NewCertPool()
	f, err := open(t, source.NewOpener(stranger), server.URL+"/small")
	wantsError(t, f, err, source.Refused, "certificate is not valid for this address")
	// The right certificate under another name.
	other := opts
	other.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	f, err = open(t, source.NewOpener(other), strings.Replace(server.URL, "127.0.0.1", "localhost", 1)+"/small")
	wantsError(t, f, err, source.Refused, "localhost")
	// Nobody there.
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	f, err = open(t, source.NewOpener(opts), "https://"+closed.Addr().String()+"/")
	wantsError(t, f, err, source.Network, "refused")
	// A server without TLS, and one with an old TLS only.
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	f, err = open(t, source.NewOpener(opts), strings.Replace(plain.URL, "http:", "https:", 1))
	wantsError(t, f, err, source.Network, "HTTP response to HTTPS client")
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	f, err = open(t, source.NewOpener(opts), old.URL)
	wantsError(t, f, err, source.Network, "protocol version")
}

// The proxy is asked, by name, and TLS goes through it.
func TestFetchProxy(t *testing.T) {
	server, opts := web(t)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		to, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go io.Copy(to, conn)
		io.Copy(conn, to)
	}))
	defer proxy.Close()
	opts.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	f, err := open(t, source.NewOpener(opts), "https://example.com/small")
	wants(t, f, err, bytes.Repeat([]byte("x"), 10))
	if asked.Load() != "CONNECT example.com:443" {
		t.Errorf("found %v", asked.Load())
	}
}

func ExampleOpener() {
	items, err := source.List([]string{"../../testdata/reference/bundles"})
	if err != nil {
		log.Fatal(err)
	}
	opener := source.NewOpener(source.Options{})
	for _, it := range items[:2] {
		f, err := opener.Open(context.Background(), it)
		if err != nil {
			log.Fatal(err) // or: this one is not judged
		}
		digest, err := f.Digest()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %x\n", it.Name, digest[:4])
		f.Close()
	}
	// Output:
	// ../../testdata/reference/bundles/aa.zip a0299a32
	// ../../testdata/reference/bundles/ca.zip 4d684f92
}

// logged is what reaches the log package, which net/http's client writes to:
// text of the server's, past every rule of the command about terminals.
func logged(t *testing.T) func() string {
	t.Helper()
	var b lockedBuffer
	log.SetOutput(&b)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return b.String
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A server that says more than it was asked for is not heard, neither in the file
// nor on standard error. (One that speaks before it is asked may still reach the
// logger, which the command therefore silences.)
func TestFetchUnsolicited(t *testing.T) {
	server, opts := web(t)
	text := logged(t)
	for what, answer := range map[string]func(conn net.Conn, request func()){
		"more than declared": func(conn net.Conn, request func()) {
			request()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody\x1b[2J::error::geheim")
		},
		"a second answer": func(conn net.Conn, request func()) {
			request()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ngeheim")
		},
		"more, later": func(conn net.Conn, request func()) {
			request()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
			time.Sleep(20 * time.Millisecond)
			io.WriteString(conn, "\x1b[2Jgeheim")
		},
	} {
		t.Run(what, func(t *testing.T) {
			listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						if conn.(*tls.Conn).Handshake() != nil {
							return
						}
						answer(conn, func() { http.ReadRequest(bufio.NewReader(conn)) })
					}()
				}
			}()
			o := source.NewOpener(opts)
			for range 20 {
				f, err := open(t, o, "https://"+listener.Addr().String()+"/x")
				wants(t, f, err, []byte("body"))
			}
			time.Sleep(50 * time.Millisecond) // for what comes later
		})
	}
	if got := text(); got != "" {
		t.Errorf("found in the log: %.500q, expected nothing", got)
	}
}
