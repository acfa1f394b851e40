package name_test

import (
	"fmt"
	"log"

	"github.com/swaptacular/swptpeer/certs/name"
)

func build(values ...string) name.Name {
	attributes := []name.Attribute{
		{Type: name.Organization, Tag: name.TagUTF8String},
		{Type: name.OrganizationalUnit, Tag: name.TagUTF8String},
		{Type: name.SerialNumber, Tag: name.TagPrintableString},
	}[:len(values)]
	for i, v := range values {
		attributes[i].Value = v
	}
	n, err := name.Build(attributes)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func ExampleBuild() {
	n := build("Swaptacular Nodes Registry", "Accounting Authorities", "1234abcd")
	fmt.Println(n)
	fmt.Println(n.Slashed())
	// Output:
	// O=Swaptacular Nodes Registry, OU=Accounting Authorities, serialNumber=1234abcd
	// /O=Swaptacular Nodes Registry/OU=Accounting Authorities/serialNumber=1234abcd
}

func ExampleEqual() {
	fmt.Println(name.Equal(build("ACME  Ltd"), build(" acme ltd")))
	// Output: true
}

func ExampleName_Within() {
	n := build("ACME", "Sales", "7")
	fmt.Println(n.Within(build("Acme")), n.Within(build("Acme", "Support")))
	// Output: true false
}

func ExampleParse() {
	_, err := name.Parse([]byte{0x30, 0x02, 0x31, 0x00})
	fmt.Println(err)
	// Output: name: RDN 1: found no attribute, expected at least one (X.501, 8.3)
}
