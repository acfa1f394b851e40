package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/manifest"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

// What the flags of "stompcheck" ask for.

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

// span reads a flag that is a span of time, least or more; 0 if it is not given.
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
