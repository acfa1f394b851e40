package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/server"
)

// demoLinger is shorter than the default: on loopback a refusal comes at once,
// and a demonstration should too.
const demoLinger = "200ms"

// listen takes a free port on loopback for each node, so that the manifests
// that the nodes publish are true.
func (d *demo) listen() error {
	for _, n := range d.nodes() {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("%s: listening on loopback: %w", n.name, err)
		}
		n.listener = ln
		n.request.Servers = []string{ln.Addr().String()}
	}
	return nil
}

// serve runs the servers of both nodes, as "stompcheck serve" does, until the
// function that it returns is called.
func (d *demo) serve() (stop func() error, err error) {
	ctx, cancel := context.WithCancel(d.c.ctx)
	var wg sync.WaitGroup
	var errs [2]error
	for i, n := range d.nodes() {
		conf, err := d.c.serverConfig(n.dir, n.server)
		if err == nil {
			var s *server.Server
			if s, err = server.New(conf); err == nil {
				wg.Go(func() { errs[i] = s.Serve(ctx, n.listener) })
			}
		}
		if err != nil {
			cancel()
			wg.Wait()
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return func() error {
		cancel()
		wg.Wait()
		for i, n := range d.nodes() {
			if errs[i] != nil {
				return fmt.Errorf("%s: %w", n.name, errs[i])
			}
		}
		return nil
	}, nil
}

// check has each node test the other's server, with a probe.
func (d *demo) check() error {
	linger, err := time.ParseDuration(demoLinger)
	if err != nil {
		return err
	}
	show := &stageProgress{progress: newProgress(d.c.err, d.c.quiet)}
	var commands []string
	for _, n := range d.nodes() {
		commands = append(commands,
			fmt.Sprintf("swptpeer stompcheck serve --dir %s --listen %s \\", n.name, n.listener.Addr()),
			fmt.Sprintf("    --cert %s-server.crt --key %s-server.key &", n.name, n.name))
	}
	for _, side := range []struct{ own, peer *demoNode }{{d.alice, d.bob}, {d.bob, d.alice}} {
		id := side.peer.dir.Identity().ID()
		p, err := side.own.dir.Peer(id)
		if err != nil {
			return err
		}
		d.checks = append(d.checks, newPeerCheck(side.own.dir, p, stompcheck.Options{
			Certificate: side.own.server, Probe: stompcheck.ProbeSMP(), Linger: linger, Now: d.c.sys.now,
		}, show))
		commands = append(commands,
			fmt.Sprintf("swptpeer stompcheck %.8s --dir %s --probe smp --linger %s \\", id, side.own.name, demoLinger),
			fmt.Sprintf("    --cert %s-server.crt --key %s-server.key", side.own.name, side.own.name))
	}
	stop, err := d.serve()
	if err != nil {
		return err
	}
	runChecks(d.c.ctx, d.checks, len(d.checks), show, nil)
	if err := stop(); err != nil {
		return err
	}
	d.step("Both serve, and each tests the other: with a message that changes nothing.", commands, nil)
	for i, p := range d.checks {
		if d.c.text() && (!d.c.quiet || p.status() != statusDone) {
			d.c.say("\n%s tests the server of ", d.nodes()[i].name)
			d.c.printCheck(p)
		}
	}
	return d.c.checksError(d.checks)
}
