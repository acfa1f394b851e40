package manifest_test

import (
	"fmt"

	"github.com/swaptacular/swptpeer/stompcheck/manifest"
)

func ExampleParse() {
	m, report := manifest.Parse([]byte(`
servers = ["stomp.example.com:1234"]
host = "/"
login = "${NODE_ID}"
destination = "/exchange/accounts_in"
`))
	if err := report.Err(); err != nil {
		fmt.Println(err)
		return
	}
	ours := m.ForClient("ae4209290a434d18be5465b3d11257f8")
	fmt.Println(ours.Servers[0], *ours.Login, ours.Destination)
	// Output: stomp.example.com:1234 ae4209290a434d18be5465b3d11257f8 /exchange/accounts_in
}

func ExampleParse_refused() {
	_, report := manifest.Parse([]byte("servers = [\"stomp.example.com\"]\nhost = \"/\"\n"))
	fmt.Println(report.Err())
	// Output: stomp.toml: [manifest.server] servers[0]: server "stomp.example.com": found no port, expected "host:port"; [manifest.destination] destination: found nothing, expected a string that is not empty
}

func ExampleEncode() {
	servers := []manifest.Server{{Host: "stomp.example.com", Port: 1234}, {Host: "192.0.2.7", Port: 1234}}
	fmt.Printf("%s", manifest.Encode(servers, "/", manifest.Destination("ca")))
	// Output:
	// servers = ["stomp.example.com:1234", "192.0.2.7:1234"]
	// host = "/"
	// destination = "/exchange/creditors_in"
}

func ExampleParseServer() {
	s, err := manifest.ParseServer("[2001:db8::1]:1234")
	fmt.Println(s.Host, s.Port, err)
	_, err = manifest.ParseServer("2001:db8::1:1234")
	fmt.Println(err)
	// Output:
	// 2001:db8::1 1234 <nil>
	// server "2001:db8::1:1234": found more than one colon, expected "host:port", or "[address]:port" for IPv6
}
