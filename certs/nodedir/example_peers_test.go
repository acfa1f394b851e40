package nodedir_test

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func ExampleDir_Peers() {
	d, err := nodedir.Open("../../testdata/reference/nodes/aa", nodedir.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	peers, err := d.Peers()
	for _, p := range peers {
		fmt.Printf("%.8s %s subnet %s: %.30s…\n", p.Folder, p.Identity.Type(), p.Subnet, p.NextStep())
	}
	fmt.Println(err)
	// Output:
	// 9713c1a6 da subnet 1234abcd00: apply the deployment: it creat…
	// ae420929 ca subnet 000001: apply the deployment: it creat…
	// fd04da46 ca subnet 000002: nothing: deactivated on 2026-1…
	// <nil>
}

func ExampleDir_SignPeer() {
	base, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(base)
	path := filepath.Join(base, "node")
	if err := os.CopyFS(path, os.DirFS("../../testdata/reference/nodes/aa")); err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	d, err := nodedir.Open(path, nodedir.Options{Now: func() time.Time { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The info-bundle of a node that is not a peer yet. It is hostile until verified.
	data, err := os.ReadFile("../../testdata/reference/bundles/da2.zip")
	if err != nil {
		fmt.Println(err)
		return
	}
	b, report := bundle.Verify(bytes.NewReader(data), int64(len(data)), bundle.VerifyOptions{Name: "da2.zip", Time: now})
	if b == nil {
		fmt.Println(report.Err())
		return
	}
	res, err := d.SignPeer(context.Background(), nodedir.SignRequest{Bundle: b}, nodedir.Change{
		Confirm: func(p *nodedir.Plan) error { // a person would be asked here
			fmt.Println(p.Title)
			return nil
		},
		Key: func() (crypto.Signer, error) {
			return d.OpenKey("", func() ([]byte, error) { return []byte("secret-pw"), nil })
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	subnet, err := certs.PeerSubnet(res.Certificate.Certificate)
	fmt.Println(res.Action, "with subnet", subnet, err)
	// Output:
	// sign a peer certificate for debtors agent 52fbfa7e0fceb8dd45e04a9052dc07d0
	// signed with subnet 1234abcd01 <nil>
}

func ExampleDir_RegisterPeer() {
	d, err := nodedir.Open("../../testdata/reference/nodes/ca", nodedir.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := os.ReadFile("../../testdata/reference/nodes/aa/peers/ae4209290a434d18be5465b3d11257f8/peercert.crt")
	if err != nil {
		fmt.Println(err)
		return
	}
	cert, err := certs.ParseCertificate(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := d.RegisterPeer(context.Background(), cert, nodedir.Change{DryRun: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Plan.Title)
	fmt.Println("nothing to do:", res.Plan.Nothing)
	// Output:
	// the peer certificate from accounting authority 1234abcd is registered already
	// nothing to do: true
}
