package stompcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// Defaults and limits of Options.
const (
	DefaultTimeout = 10 * time.Second // servers in the field wait as long for CONNECT
	DefaultLinger  = 2 * time.Second  // refusals come some milliseconds after CONNECTED
	DefaultWindow  = 100              // unconfirmed messages

	// MaxParallel is how many connections to one peer may be open at once: a
	// server allows ten, which we share with our own production clients.
	MaxParallel = 3
	// MaxCount bounds the messages of one test: what is kept of each is its time.
	MaxCount = 10_000_000
	// MaxWindow bounds what is sent and not confirmed.
	MaxWindow = 100_000
)

// Probe says what is sent. The zero Probe sends nothing.
type Probe struct {
	make func(l smp.Link, now time.Time, random io.Reader) (smp.Message, error)
	once bool // a Tester sends it a single time, whatever there is to test
}

// ProbeSMP sends a message that the protocol obliges the receiver to ignore; see
// [smp.Link.Probe].
func ProbeSMP() Probe {
	return Probe{make: func(l smp.Link, now time.Time, random io.Reader) (smp.Message, error) { return l.Probe(now, random) }}
}

// DangerousProbe sends the operator's own message. It may move money, and each
// time that it is sent it may do so again: so a Tester sends it once, to the
// first address where it gets as far, and it cannot be counted. If that address
// does not confirm it, whether it was taken is not known.
func DangerousProbe(messageType, contentType string, body []byte) Probe {
	return Probe{once: true, make: func(l smp.Link, now time.Time, random io.Reader) (smp.Message, error) {
		// A harmless message is made only for its id.
		m, err := l.Probe(now, random)
		return smp.Message{ID: m.ID, Type: messageType, ContentType: contentType, Body: body}, err
	}}
}

// Options of New. The zero value of a field is its default.
type Options struct {
	// Certificate is a server certificate of ours with its key. Required.
	Certificate tls.Certificate
	// Server is tested instead of those in the manifest.
	Server *manifest.Server
	// Timeout of each stage; DefaultTimeout.
	Timeout time.Duration
	// Linger is how long a late refusal is waited for before DISCONNECT;
	// DefaultLinger. Negative: not at all.
	Linger time.Duration
	Probe  Probe
	// Count is how many probes are sent to each address, Window how many of them may be
	// unconfirmed, Rate how many are sent in a second (0: as fast as they are
	// confirmed). A Count above 0 needs a Probe.
	Count, Window int
	Rate          float64
	// Soak is how long the connection is kept to watch its heart-beats.
	Soak time.Duration
	// Negative also tries what the peer must refuse.
	Negative bool
	// Parallel is how many addresses are tested at once, 1 to MaxParallel; 1.
	Parallel int
	// Now is the clock that certificates are judged by; time.Now.
	Now func() time.Time
	// Resolve finds the addresses of a name; the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// OnStage is told of every stage as it ends. It may be called by several
	// goroutines at once. The address is the zero AddrPort for StageManifest,
	// StageCredentials and StageDNS.
	OnStage func(server manifest.Server, address netip.AddrPort, s Stage)
}

// asks reports whether a stage is wanted; most always are.
func (o *Options) asks(id StageID) bool {
	switch id {
	case StageLinger:
		return o.Linger > 0
	case StageProbe:
		return o.Probe.make != nil && o.Count == 0
	case StageLoad:
		return o.Probe.make != nil && o.Count > 0
	case StageSoak:
		return o.Soak > 0
	}
	return true
}

func (o *Options) complete() error {
	if o.Timeout < 0 || o.Soak < 0 || o.Rate < 0 {
		return errors.New("a timeout, duration or rate is negative")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	switch {
	case o.Linger == 0:
		o.Linger = DefaultLinger
	case o.Linger < 0:
		o.Linger = 0
	}
	if o.Parallel == 0 {
		o.Parallel = 1
	}
	if o.Parallel < 1 || o.Parallel > MaxParallel {
		return fmt.Errorf("found %d connections at once, expected 1 to %d: a server allows ten, shared with production", o.Parallel, MaxParallel)
	}
	if o.Count < 0 || o.Count > MaxCount {
		return fmt.Errorf("found a count of %d, expected 0 to %d", o.Count, MaxCount)
	}
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	if o.Window < 1 || o.Window > MaxWindow {
		return fmt.Errorf("found a window of %d, expected 1 to %d", o.Window, MaxWindow)
	}
	if o.Count > 0 && o.Probe.make == nil {
		return errors.New("a count of messages needs a probe to send")
	}
	if o.Count > 0 && o.Probe.once {
		return errors.New("a message of one's own is sent once, and a count of them was asked for")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return nil
}
