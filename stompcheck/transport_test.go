package stompcheck

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
)

// present is the server certificate of a reference node, followed by the named
// certificates.
func present(t *testing.T, node string, more ...string) tls.Certificate {
	t.Helper()
	pair := reference.KeyPair(t, node)
	for _, path := range more {
		pair.Certificate = append(pair.Certificate, reference.Cert(t, path).Raw)
	}
	return pair
}

const (
	caID = "ae4209290a434d18be5465b3d11257f8"
	daID = "9713c1a6b9b52ce34697c159b56ecfb0"

	issuedByAAToCA = "nodes/ca/peers/1234abcd/sub-ca.crt"
	issuedByAAToDA = "nodes/da/peers/1234abcd/sub-ca.crt"
	issuedByCAToAA = "nodes/aa/peers/" + caID + "/sub-ca.crt"
	issuedByDAToAA = "nodes/aa/peers/" + daID + "/sub-ca.crt"
)

// exchange runs one handshake over real sockets and a byte in each direction,
// so that the server's judgement of the client is seen by the client.
func exchange(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		tc := tls.Server(conn, server)
		if err := tc.Handshake(); err != nil {
			done <- err
			return
		}
		var b [1]byte
		if _, err := io.ReadFull(tc, b[:]); err != nil {
			done <- err
			return
		}
		_, err = tc.Write(b[:])
		done <- err
	}()
	clientErr = func() error {
		conn, err := tls.Dial("tcp", ln.Addr().String(), client)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write([]byte{'x'}); err != nil {
			return err
		}
		var b [1]byte
		_, err = io.ReadFull(conn, b[:])
		return err
	}()
	return <-done, clientErr
}

func TestMutualHandshake(t *testing.T) {
	aa := reference.Cert(t, "nodes/aa/root-ca.crt")
	ca := reference.Cert(t, "nodes/ca/root-ca.crt")
	da := reference.Cert(t, "nodes/da/root-ca.crt")

	server := func(node string, root *x509.Certificate, now time.Time) *tls.Config {
		conf, err := ServerTLS(present(t, node), root, reference.Clock(now))
		if err != nil {
			t.Fatal(err)
		}
		return conf
	}
	client := func(root *x509.Certificate, now time.Time, own tls.Certificate) *tls.Config {
		conf, err := ClientTLS(own, root, reference.Clock(now))
		if err != nil {
			t.Fatal(err)
		}
		return conf
	}
	tls12 := func(conf *tls.Config) *tls.Config {
		conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		return conf
	}
	late := time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC) // after the server certificates, before the rest

	tests := []struct {
		name           string
		server, client *tls.Config
		refusedBy      string // "", "server" or "client"
		want           string // in the error of the side that refuses
	}{
		{"creditors agent to authority", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "ca", issuedByAAToCA)), "", ""},
		{"authority to creditors agent", server("ca", ca, reference.InTime), client(ca, reference.InTime, present(t, "aa", issuedByCAToAA)), "", ""},
		{"debtors agent to authority", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "da", issuedByAAToDA)), "", ""},
		{"authority to debtors agent", server("da", da, reference.InTime), client(da, reference.InTime, present(t, "aa", issuedByDAToAA)), "", ""},
		{"client sends no intermediate", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "ca")), "server", ""},
		{"client sends the other agent's peer certificate", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "ca", issuedByAAToDA)), "server", ""},
		{"client sends a peer certificate issued by itself", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "ca", issuedByCAToAA)), "server", ""},
		{"client is the node itself", server("aa", aa, reference.InTime), client(aa, reference.InTime, present(t, "aa")), "server", "wrong path"},
		{"server is another node", server("da", da, reference.InTime), client(ca, reference.InTime, present(t, "aa", issuedByCAToAA)), "client", ""},
		{"server's certificate ended", server("aa", aa, reference.InTime), client(aa, late, present(t, "ca", issuedByAAToCA)), "client", ""},
		{"client's certificate ended", server("aa", aa, late), client(aa, reference.InTime, present(t, "ca", issuedByAAToCA)), "server", ""},
		{"client speaks TLS 1.2 only", server("aa", aa, reference.InTime), tls12(client(aa, reference.InTime, present(t, "ca", issuedByAAToCA))), "server", "unsupported versions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			serverErr, clientErr := exchange(t, tt.server, tt.client)
			switch tt.refusedBy {
			case "":
				if serverErr != nil || clientErr != nil {
					t.Fatalf("refused: server: %v; client: %v", serverErr, clientErr)
				}
				return
			case "server":
				if clientErr == nil {
					t.Error("the client did not notice that it was refused")
				}
				if serverErr == nil || !strings.Contains(serverErr.Error(), tt.want) {
					t.Errorf("server: %v, expected a refusal that says %q", serverErr, tt.want)
				}
			case "client":
				if serverErr == nil {
					t.Error("the server did not notice that it was refused")
				}
				if clientErr == nil || !strings.Contains(clientErr.Error(), tt.want) {
					t.Errorf("client: %v, expected a refusal that says %q", clientErr, tt.want)
				}
			}
			if errors.Is(serverErr, os.ErrDeadlineExceeded) || errors.Is(clientErr, os.ErrDeadlineExceeded) {
				t.Errorf("a timeout is not a refusal: server: %v; client: %v", serverErr, clientErr)
			}
		})
	}
}

func TestConfigurationNeedsItsParts(t *testing.T) {
	aa := reference.Cert(t, "nodes/aa/root-ca.crt")
	if _, err := ServerTLS(present(t, "aa"), nil, nil); err == nil {
		t.Error("ServerTLS accepts no root")
	}
	if _, err := ClientTLS(present(t, "aa"), nil, nil); err == nil {
		t.Error("ClientTLS accepts no root")
	}
	if _, err := ServerTLS(tls.Certificate{}, aa, nil); err == nil {
		t.Error("ServerTLS accepts no certificate")
	}
	if _, err := ClientTLS(tls.Certificate{}, aa, nil); err == nil {
		t.Error("ClientTLS accepts no certificate")
	}
	conf, err := ServerTLS(present(t, "aa"), aa, nil)
	if err != nil {
		t.Fatal(err)
	}
	if conf.MinVersion != tls.VersionTLS13 || conf.ClientAuth != tls.RequireAnyClientCert || !conf.SessionTicketsDisabled {
		t.Errorf("server configuration is weaker than the specification: %+v", conf)
	}
}
