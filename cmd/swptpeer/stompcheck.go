package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
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

// stompPlan is what the flags of one run ask for.
type stompPlan struct {
	options stompcheck.Options
	// file is the operator's message, "" if there is none.
	file, messageType, contentType string
	watch                          time.Duration
}

// minWatch is the shortest interval of --watch: a server in the field counts
// connections, ours and production's, and forgets them no sooner.
const minWatch = time.Second

// readStompFlags reads the flags and rejects what contradicts itself, before
// any file is opened.
func (c *call) readStompFlags() (*stompPlan, error) {
	switch {
	case len(c.args) == 0 && !c.cli.Bool("all"):
		return nil, withHint(usagef("stompcheck: found no peer, expected PEER... or --all"), "\"swptpeer peer list\" shows the peers")
	case len(c.args) > 0 && c.cli.Bool("all"):
		return nil, usagef("stompcheck: found --all and %s, expected one of the two", plural(len(c.args), "peer"))
	case c.cli.String("cert") == "" || c.cli.String("key") == "":
		return nil, withHint(usagef("stompcheck: expected --cert FILE and --key FILE: a server certificate of this node with its key"),
			"\"swptpeer csr create\" and \"swptpeer csr sign\" make them")
	}
	for _, id := range c.args {
		if err := checkPeerID(id); err != nil {
			return nil, err
		}
	}
	p := &stompPlan{}
	p.options.Now = c.sys.now
	p.options.Negative = c.cli.Bool("negative")
	var err error
	for _, f := range []struct {
		name  string
		to    *time.Duration
		least time.Duration
	}{
		{"timeout", &p.options.Timeout, time.Millisecond},
		{"linger", &p.options.Linger, 0},
		{"soak", &p.options.Soak, time.Millisecond},
		{"watch", &p.watch, minWatch},
	} {
		if *f.to, err = c.span(f.name, f.least); err != nil {
			return nil, err
		}
	}
	if p.options.Linger == 0 {
		p.options.Linger = -1 // none, where 0 would be the default
	}
	if p.options.Parallel, err = c.number("parallel", 1, stompcheck.MaxParallel); err != nil {
		return nil, err
	}
	if s := c.cli.String("server"); s != "" {
		if len(c.args) != 1 {
			return nil, usagef("flag --server: a server is that of one peer: found %s, expected one PEER", plural(len(c.args), "argument"))
		}
		server, err := manifest.ParseServer(s)
		if err != nil {
			return nil, usagef("flag --server: %v", err)
		}
		p.options.Server = &server
	}
	if err := c.readProbeFlags(p); err != nil {
		return nil, err
	}
	if p.watch > 0 && c.format != "text" && c.format != "json" {
		return nil, usagef("flag --watch: found --format %s, expected text or json: the others are documents of one test", c.format)
	}
	return p, nil
}

// readProbeFlags reads what is to be sent.
func (c *call) readProbeFlags(p *stompPlan) error {
	var err error
	if p.options.Count, err = c.number("count", 1, stompcheck.MaxCount); err != nil {
		return err
	}
	if p.options.Window, err = c.number("window", 1, stompcheck.MaxWindow); err != nil {
		return err
	}
	if s := c.cli.String("rate"); s != "" {
		p.options.Rate, err = strconv.ParseFloat(s, 64)
		if err != nil || !(p.options.Rate > 0) || math.IsInf(p.options.Rate, 1) {
			return usagef("flag --rate: found %q, expected a number of messages a second, more than 0", s)
		}
	}
	if p.options.Count == 0 && (p.options.Window > 0 || p.options.Rate > 0) {
		return usagef("flags --window and --rate are about --count, which is not given")
	}
	switch probe := c.cli.String("probe"); probe {
	case "none":
		if p.options.Count > 0 {
			return withHint(usagef("flag --count: nothing is sent without --probe"), "--probe smp sends messages that the peer is obliged to ignore")
		}
	case "smp":
		p.options.Probe = stompcheck.ProbeSMP()
	case "":
		return usagef("flag --probe: found nothing, expected none, smp or a file")
	default:
		p.file = probe
	}
	if p.file == "" {
		if c.cli.String("message-type") != "" || c.cli.IsSet("content-type") {
			return usagef("flags --message-type and --content-type are about --probe FILE, which is not given")
		}
		return nil
	}
	p.messageType, p.contentType = c.cli.String("message-type"), c.cli.String("content-type")
	switch {
	case p.messageType == "":
		return usagef("flag --probe: the message in %s needs --message-type T", p.file)
	case p.options.Count > 0:
		return usagef("flag --count: a message of your own is sent once; only --probe smp can be counted")
	case p.watch > 0:
		return usagef("flag --watch: a message of your own is sent once; only --probe smp can be repeated")
	case len(c.args) != 1:
		return usagef("flag --probe: a message of your own is sent to one peer: found %s, expected one PEER", plural(len(c.args), "argument"))
	}
	return nil
}

// span reads a flag that is a span of time; 0 if it is not given.
func (c *call) span(name string, least time.Duration) (time.Duration, error) {
	s := c.cli.String(name)
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < least {
		return 0, usagef("flag --%s: found %q, expected a time such as 500ms, 10s or 5m, at least %s", name, s, least)
	}
	return d, nil
}

// number reads a flag that is a whole number; 0 if it is not given.
func (c *call) number(name string, least, most int) (int, error) {
	s := c.cli.String(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, usagef("flag --%s: found %q, expected a number from %d to %d", name, s, least, most)
	}
	return n, nil
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

// readMessage reads the operator's own message, shows it and asks.
func (c *call) readMessage(plan *stompPlan, d *nodedir.Dir, p *nodedir.Peer) error {
	limit := frame.DefaultLimits.Body
	body, err := c.readFile(plan.file, int64(limit))
	if err != nil {
		return err
	}
	plan.options.Probe = stompcheck.DangerousProbe(plan.messageType, plan.contentType, body)
	if !c.quiet || !c.cli.Bool("yes") {
		c.err.printf("message to %s\n", p.Identity)
		for _, f := range [][2]string{{"type", plan.messageType}, {"content type", plan.contentType}, {"size", plural(len(body), "byte")}, {"message", string(body)}} {
			c.err.printf("  %-12s  %s\n", raw(f[0]), f[1])
		}
		if l, err := smp.NewLink(d.Identity(), p.Identity, givenSubnet(d.Identity(), p)); err == nil {
			if err := l.Judge(plan.contentType, plan.messageType, body, c.sys.now()); err != nil {
				c.err.warningLine("the peer should refuse it: " + err.Error())
			}
		}
		c.err.warningLine("a message of your own may move money")
	}
	if c.cli.Bool("yes") {
		return nil
	}
	ok, err := c.asker().confirm(c.ctx, "Send it once?")
	switch {
	case errors.Is(err, errNoTerminal):
		return withHint(fmt.Errorf("sending a message of your own needs a confirmation, and %w", errNoTerminal), "repeat the command with --yes")
	case err != nil:
		return err
	case !ok:
		return refusef("the question was not answered with yes; nothing was sent")
	}
	return nil
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

// peersAtOnce is how many peers are tested at the same time. Their servers have
// nothing to do with each other; most of a test is waiting.
const peersAtOnce = 8

// atOnce is how many peers are tested at the same time. Tests that measure run
// one after the other.
func (p *stompPlan) atOnce() int {
	if p.options.Count > 0 {
		return 1
	}
	return peersAtOnce
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

// watchPeers tests in rounds until it is interrupted. Each round after the first
// reads the directory and the server certificate anew: peers are registered,
// updated and deactivated meanwhile, and certificates renewed. What cannot be
// read then is as it was before.
func (c *call) watchPeers(d *nodedir.Dir, checks []*peerCheck, plan *stompPlan, show *stageProgress) error {
	tick := time.NewTicker(plan.watch)
	defer tick.Stop()
	for round := 1; ; round++ {
		begin := c.sys.now()
		runChecks(c.ctx, checks, plan.atOnce(), show, nil)
		if c.ctx.Err() == nil {
			c.printRound(round, begin, checks)
		}
		if c.out.err != nil {
			return nil // run says so
		}
		select {
		case <-c.ctx.Done():
			// There is nothing to repeat: a watch has no other end.
			return &tested{&reported{"interrupted"}, statusInterrupted}
		case <-tick.C:
		}
		if own, err := c.rereadServerKeyPair(plan.options.Certificate); err == nil {
			plan.options.Certificate = own
		} else if c.ctx.Err() == nil {
			c.err.warningLine(err.Error() + "; the round uses what was read before")
		}
		peers, err := c.stompPeers(d)
		if err == nil {
			checks = newPeerChecks(d, peers, plan.options, show)
		} else if c.ctx.Err() == nil {
			c.err.warningLine(err.Error() + "; the round tests the peers of the round before")
		}
	}
}

// rereadServerKeyPair reads the server certificate and its key again if they come
// from files: a pipe gives what it has once.
func (c *call) rereadServerKeyPair(before tls.Certificate) (tls.Certificate, error) {
	for _, flag := range []string{"cert", "key"} {
		if st, err := os.Stat(c.cli.String(flag)); err == nil && !st.Mode().IsRegular() {
			return before, nil
		}
	}
	return c.readServerKeyPair(certs.ParseHandshakeKey)
}

// printRound prints the one line of a round.
func (c *call) printRound(round int, begin time.Time, checks []*peerCheck) {
	if !c.text() {
		doc := checksOf(certs.Identity{}, begin, checks)
		doc.Round = round
		if err := c.emitLine(doc); err != nil && c.out.err == nil {
			c.out.err = err
		}
		return
	}
	var failed []string
	for _, p := range checks {
		if p.status() != statusDone {
			failed = append(failed, shortID(p.peer.Folder)+": "+p.oneLine())
		}
	}
	if len(failed) == 0 {
		c.out.printf("%s  %s  %s\n", rfc3339(begin), raw(c.out.paint(good, "ok    ")), summaryOf(checks))
		return
	}
	c.out.printf("%s  %s  %d of %s failed: %s\n", rfc3339(begin), raw(c.out.paint(bad, "FAILED")),
		len(failed), plural(len(checks), "peer"), strings.Join(failed, "; "))
}
