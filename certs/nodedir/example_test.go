package nodedir_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func ExampleOpen() {
	d, err := nodedir.Open("../../testdata/reference/nodes/aa", nodedir.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Identity())
	servers, err := d.Servers()
	for _, s := range servers {
		fmt.Println("server certificate", s.Serial, "ends", s.Certificate.NotAfter.Format("2006-01-02"))
	}
	fmt.Println(err)
	// Output:
	// accounting authority 1234abcd
	// server certificate 8E5F9DB19112FEFA4BC420F299571932 ends 2027-11-23
	// <nil>
}

func ExampleInit() {
	base, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(base)
	key, err := os.ReadFile("../../testdata/reference/nodes/ca/private/root-ca.key")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := nodedir.Init(context.Background(), filepath.Join(base, "node"), nodedir.InitRequest{
		Type:     certs.CreditorsAgent,
		Servers:  []string{"node.example.com:1234"},
		AdoptKey: key, // without this, a new key is made and NewPassword asked for
		Password: func() ([]byte, error) { return []byte("secret-pw"), nil },
	}, nodedir.Options{}, nodedir.Change{
		Confirm: func(p *nodedir.Plan) error { // a person would be asked here
			for _, f := range p.Facts {
				fmt.Printf("%s: %s\n", f.Name, f.Value)
			}
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("made", res.Dir.Identity())
	// Output:
	// type: creditors agent
	// node id: follows from the root key
	// root key: the one given, to be kept in private/root-ca.key
	// root certificate: a new one, signed by the root key
	// servers: node.example.com:1234
	// made creditors agent ae4209290a434d18be5465b3d11257f8
}
