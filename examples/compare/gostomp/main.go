// Command gostomp sends messages with go-stomp's client, as a yardstick for
// "swptpeer stompcheck --count": one connection, one goroutine, a receipt for
// every message. It prints how many messages were confirmed in a second.
//
//	go run ./examples/compare/gostomp --addr 127.0.0.1:1234 \
//	    --cert server.crt --key server.key --intermediate sub-ca.crt --root peer-root-ca.crt \
//	    --subnet 000001 --count 20000
//
// The TLS configuration and the message are the project's own: both clients make
// the same handshake, judge the same chain and send what the receiver is obliged
// to ignore. go-stomp sends one message again and again, which is to its
// advantage: stompcheck makes a fresh one for each SEND.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/go-stomp/stomp/v3"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "gostomp: %v\n", err)
		os.Exit(1)
	}
}

// setup is what the flags say.
type setup struct {
	addr, cert, key, intermediate, root string
	subnet, destination, host           string
	login, passcode                     string
	count                               int
}

func run(args []string) error {
	var s setup
	flags := flag.NewFlagSet("gostomp", flag.ContinueOnError)
	for _, f := range []struct {
		to                 *string
		name, value, usage string
	}{
		{&s.addr, "addr", "", "address of the server"},
		{&s.cert, "cert", "", "our server certificate"},
		{&s.key, "key", "", "its key"},
		{&s.intermediate, "intermediate", "", "the peer certificate that the peer issued to us (sub-ca.crt)"},
		{&s.root, "root", "", "the peer's root certificate"},
		{&s.subnet, "subnet", "", "the subnet that the authority of the two gave to the agent"},
		{&s.destination, "destination", "/exchange/accounts_in", "destination of SEND"},
		{&s.host, "host", "/", "host of CONNECT"},
		{&s.login, "login", "", "login of CONNECT"},
		{&s.passcode, "passcode", "", "passcode of CONNECT"},
	} {
		flags.StringVar(f.to, f.name, f.value, f.usage)
	}
	flags.IntVar(&s.count, "count", 10_000, "how many messages are sent")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || s.count < 1 {
		return errors.New("expected flags only, and a count of 1 or more")
	}
	took, err := s.send()
	if err != nil {
		return err
	}
	fmt.Printf("%d messages confirmed in %s: %.0f a second\n", s.count, took.Round(time.Millisecond), float64(s.count)/took.Seconds())
	return nil
}

// send sends the messages and returns how long that took, without connecting.
func (s *setup) send() (time.Duration, error) {
	own, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return 0, err
	}
	intermediate, err := certificate(s.intermediate)
	if err != nil {
		return 0, err
	}
	root, err := certificate(s.root)
	if err != nil {
		return 0, err
	}
	m, err := s.message(own.Leaf, root)
	if err != nil {
		return 0, err
	}
	own.Certificate = [][]byte{own.Certificate[0], intermediate.Raw}
	conf, err := stompcheck.ClientTLS(own, root, nil)
	if err != nil {
		return 0, err
	}
	nc, err := tls.Dial("tcp", s.addr, conf)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	options := []func(*stomp.Conn) error{stomp.ConnOpt.AcceptVersion(stomp.V12), stomp.ConnOpt.Host(s.host)}
	if s.login != "" {
		options = append(options, stomp.ConnOpt.Login(s.login, s.passcode))
	}
	c, err := stomp.Connect(nc, options...)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	for i := range s.count {
		// Send waits for the receipt.
		if err := c.Send(s.destination, m.ContentType, m.Body, stomp.SendOpt.Receipt,
			stomp.SendOpt.Header("type", m.Type), stomp.SendOpt.Header("persistent", "true")); err != nil {
			return 0, fmt.Errorf("message %d: %w", i, err)
		}
	}
	took := time.Since(start)
	return took, c.Disconnect()
}

// message makes the harmless message that a node sends to the owner of root.
func (s *setup) message(own, root *x509.Certificate) (smp.Message, error) {
	sender, err := certs.SubjectIdentity(own.RawSubject)
	if err != nil {
		return smp.Message{}, err
	}
	receiver, err := certs.SubjectIdentity(root.RawSubject)
	if err != nil {
		return smp.Message{}, err
	}
	subnet, err := certs.ParseSubnet(s.subnet)
	if err != nil {
		return smp.Message{}, err
	}
	l, err := smp.NewLink(sender, receiver, subnet)
	if err != nil {
		return smp.Message{}, err
	}
	return l.Probe(time.Now(), nil)
}

func certificate(path string) (*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := certs.ParseCertificate(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c.Certificate, nil
}
