package main

import (
	"crypto/tls"
	"os"
	"strings"
	"time"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// "stompcheck --watch".

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
// from files: standard input and a pipe give what they have once.
func (c *call) rereadServerKeyPair(before tls.Certificate) (tls.Certificate, error) {
	for _, flag := range []string{"cert", "key"} {
		name := c.cli.String(flag)
		if st, err := os.Stat(name); name == "-" || err == nil && !st.Mode().IsRegular() {
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
