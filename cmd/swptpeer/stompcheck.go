package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

const (
	categoryProbe = "Messages (none is sent unless one is asked for)"
	categoryMore  = "More tests"
)

// serverKeyFlags name a server certificate of ours with its key.
func serverKeyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "cert", Usage: "a server certificate of this node is in `FILE`"},
		&cli.StringFlag{Name: "key", Usage: "its private key, not encrypted, is in `FILE` (not the root key)"},
	}
}

func stompcheckCommand() *command {
	return &command{
		name: "stompcheck", args: "PEER...", maxArgs: -1,
		short: "test whether this node and a peer can really talk",
		description: "Connects to every address of every server in the peer's servers manifest, stage by stage, and says how far it got: " +
			"the manifest, our own credentials, DNS, TCP, TLS 1.3, the peer's chain and identity, STOMP, a late refusal, DISCONNECT. " +
			"A failure is explained: the likely cause, whose side it is on, and what to do.\n\n" +
			"Servers answer CONNECTED before they have decided whether a peer is welcome. So the test lingers before it disconnects, and " +
			"without a message it says \"not refused\" and no more; only the receipt of a message (--probe smp) proves that the peer " +
			"accepts this node. PEER is a node id or its first digits; every peer is tested by at most --parallel connections at a " +
			"time, because a server allows ten from one peer, and they are shared with production.\n\n" +
			"With --format nagios the output is one line, and the exit status is that of a Nagios plugin: 0 OK, 1 WARNING (a certificate " +
			"ends within 30 days), 2 CRITICAL (failed), 3 UNKNOWN (nothing could be tested, or interrupted).",
		examples: []string{
			"swptpeer stompcheck 1234abcd --cert server.crt --key server.key",
			"# also send a message that the peer is obliged to ignore",
			"swptpeer stompcheck 1234 --cert server.crt --key server.key --probe smp",
			"# watch all peers",
			"swptpeer stompcheck --all --cert server.crt --key server.key --watch 5m",
			"# a server for peers to test against",
			"swptpeer stompcheck serve --listen :1234 --cert server.crt --key server.key",
		},
		fails:   "a peer refused, or did not do what it must",
		network: true,
		flags: flags(
			&cli.BoolFlag{Name: "all", Usage: "test every registered peer that is not deactivated"},
			serverKeyFlags(),
			&cli.StringFlag{Name: "server", Usage: "test `HOST:PORT` instead of the servers in the peer's manifest"},
			&cli.StringFlag{Name: "parallel", Value: "1", Usage: fmt.Sprintf("`N` connections to a peer at a time, 1 to %d", stompcheck.MaxParallel)},
			&cli.StringFlag{Name: "timeout", Value: stompcheck.DefaultTimeout.String(), Usage: "each stage may take `TIME`; with --count, the wait for each next receipt"},
			&cli.StringFlag{Name: "linger", Value: stompcheck.DefaultLinger.String(), Usage: "wait `TIME` for a late refusal"},
			&cli.StringFlag{Name: "probe", Category: categoryProbe, Value: "none",
				Usage: "send `none|smp|FILE`: nothing, a harmless message of SMP, or the message in a file, which may move money"},
			&cli.StringFlag{Name: "message-type", Category: categoryProbe, Usage: "the message in FILE is an SMP message of type `T`"},
			&cli.StringFlag{Name: "content-type", Category: categoryProbe, Value: smp.ContentType, Usage: "the message in FILE is `TYPE`"},
			&cli.StringFlag{Name: "count", Category: categoryProbe, Usage: "send `N` harmless messages to each address (so N times the addresses in all), and measure"},
			&cli.StringFlag{Name: "window", Category: categoryProbe, Usage: fmt.Sprintf("with --count: at most `N` messages are unconfirmed (default: %d)", stompcheck.DefaultWindow)},
			&cli.StringFlag{Name: "rate", Category: categoryProbe, Usage: "with --count: at most `R` messages a second"},
			&cli.BoolFlag{Name: "negative", Category: categoryMore,
				Usage: "also try what the peer must refuse: TLS 1.2, no certificate, none of the peer's own, a stranger's (four more connections to each address)"},
			&cli.StringFlag{Name: "soak", Category: categoryMore, Usage: "keep each connection for `TIME` and watch its heart-beats"},
			&cli.StringFlag{Name: "watch", Category: categoryMore, Usage: "test again every `TIME`, with a line for each round, until interrupted; each round reads the node directory and the server certificate anew"},
			dirFlag(), yesFlag(), formatFlag("text", "json", "junit", "prometheus", "nagios"), quietFlag(), noColorFlag()),
		sub: []*command{serveCommand()},
		run: runStompcheck,
	}
}

func runStompcheck(c *call) error {
	checks, err := c.stompcheck()
	if c.format == "nagios" {
		return c.nagios(checks, err)
	}
	return err
}

// stompcheck returns the tests that were made, if any, and what follows from
// them.
func (c *call) stompcheck() ([]*peerCheck, error) {
	plan, err := c.readStompFlags()
	if err != nil {
		return nil, err
	}
	if plan.options.Certificate, err = c.readServerKeyPair(certs.ParseHandshakeKey); err != nil {
		return nil, err
	}
	d, err := c.openDir()
	if err != nil {
		return nil, err
	}
	peers, err := c.stompPeers(d)
	if err != nil {
		return nil, err
	}
	if plan.file != "" {
		if err := c.readMessage(plan, d, peers[0]); err != nil {
			return nil, err
		}
	}
	// With --watch a line a round is all that is shown.
	show := &stageProgress{progress: newProgress(c.err, c.quiet || plan.watch > 0)}
	checks := newPeerChecks(d, peers, plan.options, show)
	if plan.watch > 0 {
		return checks, c.watchPeers(d, checks, plan, show)
	}
	var finished func(*peerCheck)
	if c.text() {
		finished = func(p *peerCheck) {
			if p != checks[0] {
				c.say("\n")
			}
			c.printCheck(p)
		}
	}
	begin := c.sys.now()
	runChecks(c.ctx, checks, plan.atOnce(), show, finished)
	if plan.file != "" {
		c.did("the message may have been sent", "find out first whether it arrived")
	}
	if err := c.emitChecks(d.Identity(), begin, checks); err != nil {
		return nil, err
	}
	return checks, c.checksError(checks)
}

// emitChecks prints what is not printed peer by peer.
func (c *call) emitChecks(own certs.Identity, begin time.Time, checks []*peerCheck) error {
	switch c.format {
	case "json":
		return c.emit(checksOf(own, begin, checks))
	case "junit":
		return writeChecksJUnit(c.out, begin, checks)
	case "prometheus":
		return writePrometheus(c.out, c.sys.now(), checks)
	case "nagios":
		return nil // made of the same checks, with its own exit status
	}
	if len(checks) > 1 {
		passed := 0
		for _, p := range checks {
			if p.status() == statusDone {
				passed++
			}
		}
		c.say("\n%d of %s passed\n", passed, plural(len(checks), "peer"))
	}
	return nil
}

// tested is the end of a test whose report has been printed.
type tested struct {
	*reported
	status int
}

func (e *tested) Unwrap() error { return e.reported }

// checksError is what the command ends with.
func (c *call) checksError(checks []*peerCheck) error {
	failed, statuses := 0, map[int]bool{}
	for _, p := range checks {
		if s := p.status(); s != statusDone {
			failed++
			statuses[s] = true
		}
	}
	if failed == 0 {
		return nil
	}
	e := &tested{&reported{}, statusFailed}
	for _, s := range precedence {
		if statuses[s] {
			e.status = s
			break
		}
	}
	switch {
	case e.status == statusInterrupted:
		e.summary = "interrupted"
	case !c.text():
		e.summary = fmt.Sprintf("%d of %s failed", failed, plural(len(checks), "peer"))
	}
	return e
}

// stompPeers are the peers that were named, or all that can be tested.
func (c *call) stompPeers(d *nodedir.Dir) ([]*nodedir.Peer, error) {
	if !c.cli.Bool("all") {
		var out []*nodedir.Peer
		for _, id := range c.args {
			p, err := d.Peer(id)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(out, func(o *nodedir.Peer) bool { return o.Folder == p.Folder }) {
				out = append(out, p)
			}
		}
		return out, nil
	}
	peers, err := d.Peers()
	if err != nil {
		return nil, err
	}
	peers = slices.DeleteFunc(peers, func(p *nodedir.Peer) bool {
		return p.Deactivated != "" || p.SubCA == nil && !hasSubCA(d, p)
	})
	if len(peers) == 0 {
		return nil, withHint(refusef("%s has no peer to test: none is registered and not deactivated", d.Identity()),
			"\"swptpeer peer list\" shows the peers, and what comes next with each")
	}
	return peers, nil
}

// peerCheck is the test of one peer.
type peerCheck struct {
	peer   *nodedir.Peer
	tester *stompcheck.Tester
	report *stompcheck.Report
	err    error // why it cannot be tested
}

func newPeerCheck(d *nodedir.Dir, p *nodedir.Peer, o stompcheck.Options, show *stageProgress) *peerCheck {
	check := &peerCheck{peer: p}
	peering, err := peeringOf(d, p)
	if err == nil {
		o.OnStage = func(_ manifest.Server, address netip.AddrPort, s stompcheck.Stage) { show.stage(p.Folder, address, s) }
		check.tester, err = stompcheck.New(peering, o)
	}
	if err != nil {
		check.err = fmt.Errorf("peer %s cannot be tested: %w", p.Folder, err)
	}
	return check
}

func newPeerChecks(d *nodedir.Dir, peers []*nodedir.Peer, o stompcheck.Options, show *stageProgress) []*peerCheck {
	var checks []*peerCheck
	for _, p := range peers {
		checks = append(checks, newPeerCheck(d, p, o, show))
	}
	return checks
}

// status is the exit status that follows from the test of this peer alone.
func (p *peerCheck) status() int {
	if p.err != nil {
		return statusIO
	}
	seen := map[int]bool{}
	switch p.report.Verdict() {
	case stompcheck.Unfinished:
		seen[statusInterrupted] = true
	case stompcheck.Failed:
		seen[statusFailed] = true
	}
	statusOf := map[stompcheck.Category]int{stompcheck.Refused: statusFailed, stompcheck.Network: statusNetwork, stompcheck.Local: statusIO}
	for _, s := range p.report.Failures() {
		if s.Diagnosis != nil {
			seen[statusOf[s.Diagnosis.Category]] = true
		}
	}
	for _, s := range precedence {
		if seen[s] {
			return s
		}
	}
	return statusDone
}

// runChecks runs the tests, some at once, and hands each on, in order, as soon
// as it and all before it are done.
func runChecks(ctx context.Context, checks []*peerCheck, atOnce int, show *stageProgress, finished func(*peerCheck)) {
	done := make([]chan struct{}, len(checks))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	wg.Go(func() {
		for i, p := range checks {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				defer close(done[i])
				if p.err == nil {
					p.report = p.tester.Run(ctx)
				}
			})
		}
	})
	for i, p := range checks {
		<-done[i]
		if finished != nil {
			show.pause(func() { finished(p) })
		}
	}
	wg.Wait()
	show.pause(func() {})
}

// stageProgress shows on a terminal which stage of which test has ended.
type stageProgress struct {
	mu       sync.Mutex
	progress *progress
}

func (s *stageProgress) stage(peer string, address netip.AddrPort, st stompcheck.Stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	where := shortID(peer)
	if address.IsValid() {
		where += " at " + address.String()
	}
	s.progress.show("%s: %s %s", where, string(st.ID), st.Outcome)
}

// pause takes the line away while something else is printed.
func (s *stageProgress) pause(print func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress.done()
	print()
}

// shortID is the beginning of a node id, where the whole takes too much room.
func shortID(id string) string {
	const digits = 8
	if len(id) > digits {
		return id[:digits] + "…"
	}
	return id
}
