package stompcheck_test

import (
	"testing"

	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/internal/reference"
)

// BenchmarkLoad sends b.N messages over TLS to the server of package server,
// which judges and confirms each, in the same process. Connecting counts too.
func BenchmarkLoad(b *testing.B) {
	addr, _ := serve(b, serverConfig(b, "aa"))
	tester, err := stompcheck.New(peering(b, "ca", "aa", addr), stompcheck.Options{
		Certificate: reference.KeyPair(b, "ca"), Now: reference.Clock(reference.InTime),
		Linger: -1, Probe: stompcheck.ProbeSMP(), Count: max(b.N, 1), Window: 1000,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	r := tester.Run(b.Context())
	if r.Verdict() != stompcheck.Accepted {
		b.Fatal(dump(r))
	}
	b.ReportMetric(r.Addresses[0].Load.PerSecond(), "msg/s")
}

// BenchmarkConnect connects and disconnects, without lingering.
func BenchmarkConnect(b *testing.B) {
	conf := serverConfig(b, "aa")
	addr, _ := serve(b, conf)
	tester, err := stompcheck.New(peering(b, "ca", "aa", addr), stompcheck.Options{
		Certificate: reference.KeyPair(b, "ca"), Now: reference.Clock(reference.InTime), Linger: -1,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := tester.Run(b.Context()); r.Verdict() != stompcheck.NotRefused {
			b.Fatal(dump(r))
		}
	}
}
