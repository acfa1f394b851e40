package chain_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs/chain"
	"github.com/swaptacular/swptpeer/certs/name"
)

func load(path ...string) *x509.Certificate {
	file, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "testdata", "reference"}, path...)...))
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(file)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A creditors agent's client shows its server certificate and the peer
// certificate that the accounting authority issued to it. The authority trusts
// its own root and nothing else.
func ExampleVerify() {
	opts := chain.Options{
		Roots:         []*x509.Certificate{load("nodes", "aa", "root-ca.crt")},
		Intermediates: []*x509.Certificate{load("nodes", "aa", "peers", "ae4209290a434d18be5465b3d11257f8", "peercert.crt")},
		Time:          time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	path, err := chain.Verify(load("servers", "ca.crt"), opts)
	fmt.Println(len(path), err)

	// The server certificate ends after a year.
	opts.Time = opts.Time.AddDate(1, 0, 0)
	_, err = chain.Verify(load("servers", "ca.crt"), opts)
	var e *chain.Error
	if errors.As(err, &e) {
		fmt.Printf("%v: found %s, expected %s\n", e.Reason, e.Found, e.Expected)
	}
	// Output:
	// 3 <nil>
	// expired: found notAfter 2027-11-23T01:45:54Z, expected at the earliest 2028-01-01T00:00:00Z
}

func ExampleParseNameConstraints() {
	peer := load("nodes", "aa", "peers", "ae4209290a434d18be5465b3d11257f8", "peercert.crt")
	for _, e := range peer.Extensions {
		if e.Id.String() != "2.5.29.30" {
			continue
		}
		c, err := chain.ParseNameConstraints(e.Value)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(c.Permitted), len(c.Excluded), c.Permitted[0].Form)
		fmt.Println(c.Permitted[0].Name)
	}
	// Output:
	// 1 0 directoryName
	// O=Swaptacular Nodes Registry, OU=Creditors Agents, serialNumber=ae4209290a434d18be5465b3d11257f8
}

func ExampleNameConstraints_Marshal() {
	n, err := name.Build([]name.Attribute{{Type: name.Organization, Tag: name.TagUTF8String, Value: "A"}})
	if err != nil {
		log.Fatal(err)
	}
	c := chain.NameConstraints{Permitted: []chain.Subtree{{Form: chain.DirectoryName, Name: n}}}
	der, err := c.Marshal()
	fmt.Printf("%x %v\n", der, err)
	// Output:
	// 3014a0123010a40e300c310a3008060355040a0c0141 <nil>
}
