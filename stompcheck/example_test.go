package stompcheck_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/server"
)

// A creditors agent tests the server of an accounting authority: here one that
// is made for the purpose, with a directory of one peer.
func ExampleTester_Run() {
	now := func() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }
	reference := func(elem ...string) string {
		return filepath.Join(append([]string{"..", "testdata", "reference"}, elem...)...)
	}
	certificate := func(elem ...string) *certs.Certificate {
		data, err := os.ReadFile(reference(elem...))
		if err != nil {
			log.Fatal(err)
		}
		c, err := certs.ParseCertificate(data)
		if err != nil {
			log.Fatal(err)
		}
		return c
	}
	pair := func(name string) tls.Certificate {
		p, err := tls.LoadX509KeyPair(reference("servers", name+".crt"), reference("servers", name+".key"))
		if err != nil {
			log.Fatal(err)
		}
		return p
	}
	aa, err := certs.NewIdentity(certs.AccountingAuthority, "1234abcd")
	if err != nil {
		log.Fatal(err)
	}
	ca, err := certs.NewIdentity(certs.CreditorsAgent, "ae4209290a434d18be5465b3d11257f8")
	if err != nil {
		log.Fatal(err)
	}
	subnet, err := certs.ParseSubnet("000001") // given by aa to ca
	if err != nil {
		log.Fatal(err)
	}

	// The authority's end.
	s, err := server.New(server.Config{
		Own: aa, Root: certificate("nodes", "aa", "root-ca.crt").Certificate, Certificate: pair("aa"),
		Destination: manifest.Destination("aa"), Now: now,
		Lookup: func(id string) (server.Peer, error) {
			if id != ca.ID() {
				return server.Peer{}, server.ErrUnknownPeer
			}
			return server.Peer{Identity: ca, Registered: true, Subnet: subnet}, nil
		},
		Report: func(e server.Event) { fmt.Println("server:", e.Kind) },
	})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()

	// The agent's end.
	address, err := manifest.ParseServer(ln.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	m := &manifest.Manifest{Servers: []manifest.Server{address}, Host: "/", Destination: manifest.Destination("aa")}
	tester, err := stompcheck.New(stompcheck.Peering{
		Own: ca, Peer: aa, Subnet: subnet, Manifest: m,
		OwnRoot:      certificate("nodes", "ca", "root-ca.crt").Certificate,
		PeerRoot:     certificate("nodes", "ca", "peers", "1234abcd", "root-ca.crt").Certificate,
		Intermediate: certificate("nodes", "ca", "peers", "1234abcd", "sub-ca.crt").Certificate,
	}, stompcheck.Options{Certificate: pair("ca"), Probe: stompcheck.ProbeSMP(), Linger: 100 * time.Millisecond, Now: now})
	if err != nil {
		log.Fatal(err)
	}
	report := tester.Run(ctx)
	stop()
	if err := <-served; err != nil {
		log.Fatal(err)
	}
	fmt.Println("tester:", report.Verdict())
	if f := report.Failure(); f != nil {
		fmt.Println(f.ID, f.Diagnosis.Title, f.Diagnosis.Advice)
	}
	// Output:
	// server: connected
	// server: message
	// server: disconnected
	// tester: accepted
}
