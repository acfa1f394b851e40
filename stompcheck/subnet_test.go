package stompcheck_test

import (
	"testing"

	"github.com/swaptacular/swptpeer/certs"
)

func subnetOf(t testing.TB, s string) certs.Subnet {
	t.Helper()
	n, err := certs.ParseSubnet(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
