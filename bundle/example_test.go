package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/check"
)

func ExampleVerify() {
	f, err := os.Open("../testdata/reference/bundles/ca.zip")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	b, report := bundle.Verify(f, info.Size(), bundle.VerifyOptions{
		Name:         "ca.zip",
		Time:         time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), // time.Now()
		ExpectNodeID: "ae4209290a434d18be5465b3d11257f8",
	})
	if err := report.Err(); err != nil {
		log.Fatal(err) // every failed check
	}
	fmt.Println(b.Identity)
	fmt.Println("published on", b.NodeInfo.UpdatedAt, "with server", b.NodeInfo.Manifest.Servers[0])
	fmt.Println("proven whose it is:", report.Has("trust.unproven", check.Passed))
	// Output:
	// creditors agent ae4209290a434d18be5465b3d11257f8
	// published on 2026-11-23 with server 127.0.0.1:21235
	// proven whose it is: true
}

func ExampleCreate() {
	const node = "../testdata/reference/nodes/ca/"
	read := func(name string) []byte {
		data, err := os.ReadFile(node + name)
		if err != nil {
			log.Fatal(err)
		}
		return data
	}
	root, err := certs.ParseCertificate(read("root-ca.crt"))
	if err != nil {
		log.Fatal(err)
	}
	request, err := certs.ParseRequest(read("db/root-ca.csr"))
	if err != nil {
		log.Fatal(err)
	}
	key, err := certs.ParsePrivateKey(read("private/root-ca.key"), func() ([]byte, error) { return []byte("secret-pw"), nil })
	if err != nil {
		log.Fatal(err)
	}
	last, err := bundle.ParseUpdatedAt("2026-11-23")
	if err != nil {
		log.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC) // time.Now()
	next, err := bundle.NextUpdatedAt(last, now)
	if err != nil {
		log.Fatal(err)
	}

	var out bytes.Buffer
	omitted, err := bundle.Create(context.Background(), &out, bundle.Source{
		Root: root, Request: request, Dir: node + "nodeinfo", Key: key, UpdatedAt: next, Modified: next.Time(),
	})
	if err != nil {
		log.Fatal(err)
	}
	b, report := bundle.Verify(bytes.NewReader(out.Bytes()), int64(out.Len()), bundle.VerifyOptions{Time: now})
	fmt.Println(len(omitted), report.OK(true), b.NodeInfo.UpdatedAt)
	// Output: 0 true 2026-11-23T10:15:00Z
}

func ExampleDiff() {
	open := func(name string) *bundle.Bundle {
		data, err := os.ReadFile("../testdata/reference/bundles/" + name)
		if err != nil {
			log.Fatal(err)
		}
		b, report := bundle.Verify(bytes.NewReader(data), int64(len(data)), bundle.VerifyOptions{Time: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)})
		if b == nil {
			log.Fatal(report.Err())
		}
		return b
	}
	for _, change := range bundle.Diff(open("ca.zip"), open("ca2.zip")).Forbidden()[:1] {
		fmt.Printf("%s: %s to %s: %s\n", change.Field, change.Old, change.New, change.Forbidden)
	}
	// Output: node-id: ae4209290a434d18be5465b3d11257f8 to fd04da463b2f01f12e829aa346293730: it is another node
}

func ExampleParseRegistry() {
	registry, err := bundle.ParseRegistry([]byte(`
[[authority]]
serial-number = "1234abcd"
public-key-sha256 = "5d4cdaa8bd3ec6d0a6b4d3b0a15d4e6f3d31e1a9b5c8e5ad10cba9f2e8c94321"
name = "Example Authority"
`))
	if err != nil {
		log.Fatal(err)
	}
	a, ok := registry.Lookup("1234abcd")
	fmt.Println(a.Name, ok)
	// Output: Example Authority true
}
