package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestServeProcess is the server as a process of its own, for the tests that
// measure or kill it.
func TestServeProcess(t *testing.T) {
	if os.Getenv("SWPTPEER_SERVE_PROCESS") == "" {
		t.Skip("only as the child of another test")
	}
	conf := config(t)
	conf.MaxConnections, _ = strconv.Atoi(os.Getenv("SWPTPEER_SERVE_PROCESS"))
	s, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("listening %s\n", ln.Addr())
	s.Serve(context.Background(), ln)
}

// process starts TestServeProcess and returns it and its address.
func process(t *testing.T, maxConnections int) (pid int, addr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeProcess$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SWPTPEER_SERVE_PROCESS=%d", maxConnections))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if _, err := fmt.Fscanf(out, "listening %s\n", &addr); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, addr
}

// resident returns the memory of a process in bytes, as Linux counts it.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(data), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		t.Fatal("no VmRSS in /proc/PID/status")
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestHostile opens 2,000 connections that each misbehave in one of many ways,
// and then looks at the memory of the server and how soon it answers a good
// client.
func TestHostile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc to see another process's memory")
	}
	const (
		hostile   = 2000
		maxMemory = 200 << 20
		maxAnswer = time.Second
	)
	for _, limit := range []int{DefaultMaxConnections, 500} {
		t.Run(fmt.Sprintf("limit %d", limit), func(t *testing.T) {
			pid, addr := process(t, limit)
			peer := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ownChain(t)}}
			garbage := bytes.Repeat([]byte{0x16, 3, 1, 0x40, 0}, 13<<10) // claims records of 16 KB
			ways := []func(nc net.Conn){
				func(nc net.Conn) {},                                           // says nothing
				func(nc net.Conn) { nc.Write([]byte{0x16}) },                   // one byte of a record
				func(nc net.Conn) { nc.Write(garbage) },                        // as much as it takes
				func(nc net.Conn) { io.WriteString(nc, "GET / HTTP/1.0\r\n") }, // another protocol
				func(nc net.Conn) { nc.(*net.TCPConn).CloseWrite() },           // half closed
				func(nc net.Conn) { // the header of a client hello of 16 MB, and then its bytes
					nc.Write([]byte{0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff})
					nc.Write(make([]byte, 60<<10))
				},
				func(nc net.Conn) { // TLS without a certificate
					tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake()
				},
			}
			// A peer can misbehave too, within its ten connections.
			for i := range 6 {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { nc.Close() })
				nc.SetDeadline(time.Now().Add(time.Minute))
				tc := tls.Client(nc, peer)
				if err := tc.Handshake(); err != nil {
					t.Fatal(err)
				}
				io.WriteString(tc, hello)
				go func() {
					switch i % 3 {
					case 0: // never reads its receipts
						m := send(t, probe(t))
						for range 20_000 {
							if _, err := io.WriteString(tc, m); err != nil {
								return
							}
						}
					case 1: // headers without end
						io.WriteString(tc, "SEND\n"+strings.Repeat("a:b\n", 1<<20))
					case 2: // a body without end
						io.WriteString(tc, "SEND\n\n"+strings.Repeat("a", 1<<20))
					}
				}()
			}
			var conns []net.Conn
			defer func() {
				for _, c := range conns {
					c.Close()
				}
			}()
			for i := range hostile {
				nc, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatalf("connection %d: %v", i, err)
				}
				nc.SetDeadline(time.Now().Add(time.Minute))
				conns = append(conns, nc)
				go ways[i%len(ways)](nc)
			}
			// Once open: those that begin a handshake have had their share of the
			// processors. The tests of other packages run beside this one, so the
			// median counts.
			time.Sleep(time.Second)
			worst := int64(0)
			var answers []time.Duration
			for range 5 {
				worst = max(worst, resident(t, pid))
				begin := time.Now()
				got := talk(t, addr, hello+send(t, probe(t))+"DISCONNECT\nreceipt:x\n\n\x00")
				answers = append(answers, time.Since(begin))
				if len(got) != 3 {
					t.Errorf("a good client got %q, expected CONNECTED and two receipts", got)
				}
				time.Sleep(100 * time.Millisecond)
			}
			slices.Sort(answers)
			t.Logf("%d connections: %d MB, answers after %s", hostile, worst>>20, answers)
			if answers[2] > maxAnswer {
				t.Errorf("a good client got its receipts after %s (median), expected %s or less", answers[2], maxAnswer)
			}
			if worst > maxMemory {
				t.Errorf("found %d MB of memory, expected at most %d", worst>>20, maxMemory>>20)
			}
		})
	}
}
