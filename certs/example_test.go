package certs_test

import (
	"crypto/x509"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

var nodes = filepath.Join("..", "testdata", "reference", "nodes")

func readFile(elem ...string) []byte {
	b, err := os.ReadFile(filepath.Join(append([]string{nodes}, elem...)...))
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func certificate(elem ...string) *certs.Certificate {
	c, err := certs.ParseCertificate(readFile(elem...))
	if err != nil {
		log.Fatal(err)
	}
	return c
}

var december = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// A node judges the root certificate that came in somebody's info-bundle.
func ExampleCheckRoot() {
	c, err := certs.ParseCertificate(readFile("ca", "root-ca.crt"))
	if err != nil {
		log.Fatal(err)
	}
	report := certs.CheckRoot(c, december)
	fmt.Println("accepted:", report.OK(false))
	for _, result := range report.Results[len(report.Results)-4:] {
		fmt.Println(result.Outcome, result.Rule.ID)
	}
	// Output:
	// accepted: true
	// passed cert.purpose
	// passed root.subject-key-id
	// passed root.authority-key-id
	// passed root.lifetime
}

// The root key of a node, which is encrypted.
func ExampleParsePrivateKey() {
	key, err := certs.ParsePrivateKey(readFile("ca", "private", "root-ca.key"), func() ([]byte, error) {
		return []byte("secret-pw"), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	spki, err := certs.PublicKeyInfo(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certs.KeyFingerprint(spki))
	// Output: ae4209290a434d18be5465b3d11257f847e88361d88cc68cc6e9a04e2e441ea0
}

// An accounting authority signs a peer certificate for a creditors agent and
// gives it a subnet.
func ExampleIssuer_IssuePeer() {
	key, err := certs.ParsePrivateKey(readFile("aa", "private", "root-ca.key"), func() ([]byte, error) {
		return []byte("secret-pw"), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := certs.NewIssuer(certificate("aa", "root-ca.crt").Certificate, key)
	if err != nil {
		log.Fatal(err)
	}
	request, err := certs.ParseRequest(readFile("ca", "db", "root-ca.csr"))
	if err != nil {
		log.Fatal(err)
	}
	subnet, err := certs.ParseSubnet("000007")
	if err != nil {
		log.Fatal(err)
	}
	serial, err := certs.ParseSerial("8E5F9DB19112FEFA4BC420F299571934")
	if err != nil {
		log.Fatal(err)
	}
	c, err := issuer.IssuePeer(certificate("ca", "root-ca.crt"), request, subnet, serial, december)
	if err != nil {
		log.Fatal(err)
	}
	facts := certs.Describe(c.Certificate)
	fmt.Println(facts.Kind, "certificate", facts.Serial)
	fmt.Println(facts.Subject)
	fmt.Println("subnet", facts.Subnet.Prefix, "ids", facts.Subnet.First, "to", facts.Subnet.Last)
	fmt.Println("ends", facts.NotAfter.Format(time.DateOnly))
	// Output:
	// peer certificate 8E5F9DB19112FEFA4BC420F299571934
	// O=Swaptacular Nodes Registry, OU=Creditors Agents, serialNumber=ae4209290a434d18be5465b3d11257f8
	// subnet 000007 ids 7696581394432 to 8796093022207
	// ends 3026-04-03
}

// The server of an accounting authority judges what a client presents.
func ExampleVerifyClient() {
	server, err := os.ReadFile(filepath.Join("..", "testdata", "reference", "servers", "ca.crt"))
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := certs.ParseCertificate(server)
	if err != nil {
		log.Fatal(err)
	}
	presented := []*x509.Certificate{leaf.Certificate, certificate("ca", "peers", "1234abcd", "sub-ca.crt").Certificate}
	id, err := certs.VerifyClient(presented, certificate("aa", "root-ca.crt").Certificate, december)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(id)
	// Output: creditors agent ae4209290a434d18be5465b3d11257f8
}

// A client judges the server of an accounting authority by the root certificate
// from its info-bundle.
func ExampleVerifyServer() {
	server, err := os.ReadFile(filepath.Join("..", "testdata", "reference", "servers", "ca.crt"))
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := certs.ParseCertificate(server)
	if err != nil {
		log.Fatal(err)
	}
	err = certs.VerifyServer([]*x509.Certificate{leaf.Certificate}, certificate("aa", "root-ca.crt").Certificate, december)
	fmt.Println(err != nil)
	// Output: true
}

// Operators configure their databases with the signed ends of a subnet.
func ExampleSubnet_Signed() {
	subnet, err := certs.ParseSubnet("fedcba9800")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(subnet.Signed())
	// Output: -81985531201716224 -81985531184939009
}

// A new node: a key, a root certificate and its request.
func ExampleIssueRoot() {
	key, err := certs.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	spki, err := certs.PublicKeyInfo(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	id, err := certs.AgentIdentity(certs.DebtorsAgent, spki)
	if err != nil {
		log.Fatal(err)
	}
	serial, err := certs.NewSerial()
	if err != nil {
		log.Fatal(err)
	}
	root, err := certs.IssueRoot(key, id, serial, december)
	if err != nil {
		log.Fatal(err)
	}
	request, err := certs.NewRequest(key, root.RawSubject)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(certs.KindOf(root.Certificate), root.NotAfter.Year())
	fmt.Println(certs.CheckRequest(request, root.Certificate).OK(true))
	// Output:
	// root 3026
	// true
}
