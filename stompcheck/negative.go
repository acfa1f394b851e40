package stompcheck

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
)

// negative tries, at every address that answered, what a peer must refuse.
func (t *Tester) negative(ctx context.Context, jobs []*AddressReport) []Refusal {
	var out []Refusal
	for _, job := range jobs {
		out = append(out, t.refusals(ctx, job)...)
	}
	return out
}

// refusals tries it at one address.
func (t *Tester) refusals(ctx context.Context, job *AddressReport) []Refusal {
	var out []Refusal
	var silent []int // what was refused without a word
	for _, try := range t.attempts() {
		f := Refusal{ID: try.id, Title: try.title, Server: job.Server, Address: job.Address}
		var hungUp bool
		if !reached(job) {
			f.Outcome, f.Found = check.Skipped, "the server did not answer CONNECTED to what is right, so that a refusal would prove nothing"
		} else if ctx.Err() == nil {
			start := time.Now()
			f.Outcome, f.Found, hungUp = t.attempt(ctx, job, try)
			f.Took = time.Since(start)
		}
		if ctx.Err() != nil {
			// What was found may come of breaking off.
			f.Outcome, f.Found = check.Skipped, wasInterrupted
		}
		if hungUp && f.Outcome == check.Passed {
			silent = append(silent, len(out))
		}
		out = append(out, f)
	}
	// A server that hangs up on everything, because of the number of connections
	// perhaps, has refused nothing.
	if slices.ContainsFunc(out, func(f Refusal) bool { return f.Outcome == check.Skipped }) {
		for _, i := range silent {
			out[i].Outcome = check.Skipped
			out[i].Found = "the server hung up without a word, and another attempt could not be made, so that this proves nothing: " + out[i].Found
		}
	}
	return out
}

// reached reports whether the server answered CONNECTED in the proper test: one
// that takes nobody refuses strangers too.
func reached(job *AddressReport) bool {
	for _, s := range job.Stages {
		if s.ID == StageConnect {
			return s.Outcome == check.Passed
		}
	}
	return false
}

type attempt struct {
	id, title string
	// beforeServer: what is wrong is in the client's first message, so that a
	// server may hang up on it without a word, as those in the field do.
	beforeServer bool
	config       func() (*tls.Config, error)
}

func (t *Tester) attempts() []attempt {
	with := func(own tls.Certificate) func() (*tls.Config, error) {
		return func() (*tls.Config, error) { return t.clientTLS(own), nil }
	}
	return []attempt{
		{"tls12", "TLS 1.2", true, func() (*tls.Config, error) {
			conf := t.clientTLS(t.p.chain(t.o.Certificate))
			conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			return conf, nil
		}},
		{"no-certificate", "no client certificate", false, with(tls.Certificate{})},
		{"no-intermediate", "our certificate without the peer certificate", false, with(tls.Certificate{
			Certificate: t.o.Certificate.Certificate[:1:1], PrivateKey: t.o.Certificate.PrivateKey,
		})},
		{"stranger", "a certificate of a stranger who calls himself by our name", false, func() (*tls.Config, error) {
			own, err := t.stranger()
			if err != nil {
				return nil, err
			}
			return t.clientTLS(own), nil
		}},
	}
}

// attempt makes one connection that must be refused. A client's TLS 1.3
// handshake ends before the server has judged its certificate, so the answer to
// a STOMP frame is what tells. It is the same frame as in the proper test, so
// that nothing else is refused. Anything that ends the connection is a refusal,
// also some time after CONNECTED, as with peers that are not welcome. hungUp says
// that the server did so in the handshake, without an alert.
func (t *Tester) attempt(ctx context.Context, job *AddressReport, try attempt) (outcome check.Outcome, found string, hungUp bool) {
	conf, err := try.config()
	if err != nil {
		return check.Skipped, err.Error(), false
	}
	limited, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(limited, "tcp", job.Address.String())
	if err != nil {
		return check.Skipped, fmt.Sprintf("could not connect: %v", err), false
	}
	tc := tls.Client(nc, conf)
	if err := tc.HandshakeContext(limited); err != nil {
		nc.Close()
		if isTimeout(err) {
			return check.Skipped, fmt.Sprintf("no answer: %v", err), false
		}
		_, alert := received(err)
		if !alert && !try.beforeServer {
			// In TLS 1.3 a server judges a certificate after its own part of the
			// handshake: whoever hangs up before has not seen one.
			return check.Skipped, fmt.Sprintf("the server hung up before it could judge a certificate: %v", err), true
		}
		return check.Passed, fmt.Sprintf("refused in the handshake: %v", err), !alert
	}
	outcome, found = t.attemptSTOMP(ctx, tc)
	return outcome, found, false
}

// attemptSTOMP is the part of an attempt that follows the handshake.
func (t *Tester) attemptSTOMP(ctx context.Context, tc *tls.Conn) (check.Outcome, string) {
	c := newConn(tc, t.o.Timeout)
	defer c.close()
	sendErr := c.send(frame.Stomp, t.connectHeaders(), nil)
	e, err := c.next(ctx, t.o.Timeout)
	if err == nil && e.err == nil && e.command == frame.Connected {
		e, err = c.next(ctx, t.o.Linger)
		if errors.Is(err, errSilence) {
			// The attempt has failed already; the server is left politely.
			_ = c.send(frame.Disconnect, nil, nil)
			return check.Failed, fmt.Sprintf("not refused: the server answered CONNECTED, and nothing else for %s", t.o.Linger)
		}
	}
	switch {
	case err != nil && sendErr != nil:
		return check.Passed, fmt.Sprintf("refused: %v", sendErr)
	case err != nil:
		return check.Failed, fmt.Sprintf("not refused: the connection stayed open for %s", t.o.Timeout)
	case e.err != nil:
		return check.Passed, "refused: " + endText(e.err)
	case e.command == frame.Error:
		text := quote(e.get("message"))
		switch classifyError(&e, false).Cause {
		case CauseTooMany, CauseInternal, CauseLogin:
			return check.Skipped, "refused for another reason: " + text
		}
		return check.Passed, "refused in STOMP: " + text
	}
	return check.Failed, fmt.Sprintf("not refused: the server answered %s", e.command)
}

// stranger makes what somebody can present who knows everything that is public:
// a leaf with our name, signed by a key of his own that calls itself our root,
// and the peer certificate that the peer really issued to us. Only a signature
// tells it from ours. The keys live for one connection.
func (t *Tester) stranger() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := t.o.Now()
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		RawSubject:            t.p.OwnRoot.RawSubject,
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return t.p.chain(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}), nil
}
