package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func peerCommands() *command {
	force := &cli.BoolFlag{Name: "force", Usage: "take an older bundle, or a different one of the same date (a rollback)"}
	return &command{
		name: "peer", short: "the exchange with other nodes",
		description: "Two nodes become peers in four steps: (1) you get their info-bundle, (2) you sign a peer certificate for them and send it, " +
			"(3) they get your info-bundle, (4) they sign one for you, and you register it. The order may vary.\n\n" +
			"A peer is named by its node id or by the first digits of it, at least four.",
		examples: []string{
			"swptpeer peer sign their-bundle.zip --pin 5f0c… --out for-them.crt",
			"swptpeer peer register from-them.crt",
			"swptpeer peer list",
		},
		sub: []*command{
			{
				name: "sign", args: "BUNDLE", minArgs: 1, maxArgs: 1,
				short: "sign a peer certificate for the node of an info-bundle",
				description: "Verifies a bundle, from a file, standard input (-) or an https address, shows what would be signed, and signs. For a peer that is known already it takes what is new in " +
					"the bundle; a second certificate is never issued. Compare the fingerprint with what the owner says over another " +
					"channel (--pin), or with a registry of accounting authorities (--registry).",
				examples: []string{"swptpeer peer sign their-bundle.zip --pin 5f0c… --out for-them.crt"},
				fails:    "refused: a check failed, the types do not fit, no subnet is left, another root key, or the answer was no",
				network:  true,
				flags: flags(outFlag("write the peer certificate also to `FILE`"), overwriteFlag(), force,
					trustFlags(), timeoutFlag(), signFlags()),
				run: func(c *call) error { return c.peerSign(c.args[0]) },
			},
			{
				name: "register", args: "CRT", minArgs: 1, maxArgs: 1,
				short: "store the peer certificate that a peer signed for you",
				description: "Checks that the certificate was issued to this node by a peer whose bundle you signed for, and stores it in " +
					"peers/<id>/sub-ca.crt. The same certificate again changes nothing. No password is needed and no question asked.",
				examples: []string{"swptpeer peer register from-them.crt"},
				fails:    "refused: a check failed",
				flags:    changeFlags(),
				run:      func(c *call) error { return c.peerRegister(c.args[0]) },
			},
			{
				name:     "list",
				short:    "list the peers, which steps are done and what comes next",
				examples: []string{"swptpeer peer list", "swptpeer peer list --format json | jq '.peers[].next'"},
				flags:    readFlags(),
				run:      runPeerList,
			},
			{
				name: "show", args: "PEER", minArgs: 1, maxArgs: 1,
				short:       "show one peer",
				description: "Shows everything that is known of a peer. The ids in a subnet are shown as signed decimals, as databases are configured with them.",
				examples:    []string{"swptpeer peer show ae42"},
				fails:       "no peer has this id",
				flags:       readFlags(),
				run:         runPeerShow,
			},
			{
				name: "set", args: "PEER", minArgs: 1, maxArgs: 1,
				short:       "raise the number of a peer's sending queues",
				description: "The number of queues can only ever be raised, to 99 at most.",
				examples:    []string{"swptpeer peer set ae42 --queues 5"},
				fails:       "refused: no such registered peer, or the number falls or exceeds 99",
				flags:       flags(&cli.StringFlag{Name: "queues", Usage: "`N` sending queues"}, changeFlags()),
				run: func(c *call) error {
					s := c.cli.String("queues")
					if s == "" {
						return usagef("peer set: expected --queues N")
					}
					return c.peerQueues(c.args[0], s)
				},
			},
			{
				name: "deactivate", args: "PEER", minArgs: 1, maxArgs: 1,
				short:       "deactivate a peer, for good",
				description: "Nothing is sent to a deactivated peer any more, and servers refuse it. It never comes back: this cannot be undone.",
				examples:    []string{"swptpeer peer deactivate ae4209290a434d18be5465b3d11257f8"},
				fails:       "refused: no such registered peer, or the answer was no",
				flags:       changeFlags(),
				run:         func(c *call) error { return c.peerDeactivate(c.args[0], true) },
			},
		},
	}
}

// peerSign is step 2 of the exchange, and step 4 on the other side.
func (c *call) peerSign(path string) error {
	b, done, err := c.acceptBundle(path)
	if err != nil {
		return err
	}
	defer done()
	d, err := c.openDir()
	if err != nil {
		return err
	}
	outPath := c.cli.String("out")
	out, err := c.output(d, outPath, 0o644)
	if err != nil {
		return err
	}
	if out != nil {
		defer out.Discard()
	}
	req := nodedir.SignRequest{Bundle: b, Force: c.cli.Bool("force")}
	res, err := d.SignPeer(c.ctx, req, c.change(d, true))
	if errors.Is(err, nodedir.ErrRejected) && c.has("force") && !req.Force {
		req.Force = true
		if _, e := d.SignPeer(c.ctx, req, nodedir.Change{DryRun: true}); e == nil {
			err = withHint(err, "nothing was changed; once the peer's operator has confirmed over another channel that this is meant, repeat the command with --force")
		}
	}
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	if res.Certificate == nil || res.Peer == nil {
		return fmt.Errorf("%s: signing gave no certificate", path)
	}
	stored := within(d, "peers", b.Identity.ID(), "peercert.crt")
	switch res.Action {
	case nodedir.ActionSigned:
		c.did("the peer certificate is signed", "take it from "+stored)
	case nodedir.ActionUpdated:
		c.did("the peer's new information is taken", c.shows("peer show "+b.Identity.ID()))
	}
	if err := finish(out, res.Certificate.File); err != nil {
		return withHint(fmt.Errorf("the certificate is signed, and could not be copied: %w", err), "take it from "+stored)
	}
	return c.showSigned(d, res, outPath)
}

func (c *call) showSigned(d *nodedir.Dir, res *nodedir.SignResult, outPath string) error {
	file := within(d, "peers", res.Peer.Identity.ID(), "peercert.crt")
	if !c.text() {
		return c.emit(struct {
			document
			Action      string           `json:"action"`
			Peer        *peerJSON        `json:"peer"`
			File        string           `json:"file"`
			Out         string           `json:"out,omitempty"`
			Notes       []string         `json:"notes"`
			Certificate *certificateJSON `json:"certificate"`
		}{newDocument("peer-sign"), string(res.Action), peerOf(res.Peer), file, outPath, append([]string{}, res.Plan.Notes...), certificateOf(res.Certificate.Certificate)})
	}
	switch res.Action {
	case nodedir.ActionSigned:
		c.say("signed a peer certificate for %s\n", res.Peer.Identity)
		if !res.Peer.Subnet.IsZero() {
			c.field("subnet", subnetText(res.Peer.Subnet))
		}
	case nodedir.ActionUpdated:
		c.say("%s is known: took its new information (updated at %s); its certificate stays\n", res.Peer.Identity, res.Peer.UpdatedAt)
	default:
		c.say("%s is known, and the bundle has nothing new\n", res.Peer.Identity)
	}
	c.field("certificate", file)
	if outPath != "" {
		c.field("copied to", outPath)
	}
	if res.Action == nodedir.ActionSigned {
		send := file
		if outPath != "" {
			send = outPath
		}
		c.note("next: send them " + send)
	}
	if res.Peer.SubCA == nil {
		c.note("next: send them your own bundle too, if they do not have it (\"swptpeer bundle create\"); when their certificate " +
			"for you arrives: \"swptpeer peer register FILE\"")
	}
	return nil
}

// peerRegister stores the certificate that a peer signed.
func (c *call) peerRegister(path string) error {
	d, err := c.openDir()
	if err != nil {
		return err
	}
	cert, err := c.readCertificate(path)
	if err != nil {
		return err
	}
	res, err := d.RegisterPeer(c.ctx, cert, c.change(d, false))
	if err != nil {
		return err
	}
	if c.dryRun {
		return c.showPlan(res.Plan)
	}
	if !res.Already {
		c.did("the certificate is registered", c.shows("peer show "+res.Peer.Identity.ID()))
	}
	if !c.text() {
		return c.emit(struct {
			document
			Already bool         `json:"already"`
			Peer    *peerJSON    `json:"peer"`
			Results []resultJSON `json:"results"`
		}{newDocument("peer-register"), res.Already, peerOf(res.Peer), resultsJSON(res.Report)})
	}
	if res.Report != nil && !c.quiet {
		for _, r := range res.Report.Results {
			if fails(r, true) {
				printResult(c.err, r)
			}
		}
	}
	p := res.Peer
	if res.Already {
		c.say("%s: this certificate was registered before; nothing to do\n", p.Identity)
		return nil
	}
	c.say("registered with %s\n", p.Identity)
	c.field("certificate", within(d, "peers", p.Identity.ID(), "sub-ca.crt"))
	if !p.MasqSubnet.IsZero() {
		c.field("subnet", subnetText(p.MasqSubnet)+", given by the peer")
	}
	c.note("next: " + p.NextStep())
	return nil
}

func (c *call) openPeer(id string) (*nodedir.Dir, *nodedir.Peer, error) {
	if err := checkPeerID(id); err != nil {
		return nil, nil, err
	}
	d, err := c.openDir()
	if err != nil {
		return nil, nil, err
	}
	p, err := d.Peer(id)
	return d, p, err
}

// peerQueues raises the number of queues.
func (c *call) peerQueues(id, number string) error {
	// As queues.txt has it: digits only, none of them superfluous.
	if strings.Trim(number, "0123456789") != "" || number == "" || number != "0" && number[0] == '0' {
		return usagef("number of queues: found %q, expected a number from 1 to %d", number, nodedir.MaxQueues)
	}
	n, err := strconv.Atoi(number)
	if err != nil { // too large for any machine
		return refusef("number of queues: found %s, expected 1 to %d", number, nodedir.MaxQueues)
	}
	d, p, err := c.openPeer(id)
	if err != nil {
		return err
	}
	plan, err := d.SetQueues(c.ctx, p.Folder, n, c.change(d, false))
	if err != nil {
		return err
	}
	return c.showReconfigured(d, p.Folder, plan, "peer-set")
}

// peerDeactivate deactivates a peer.
func (c *call) peerDeactivate(id string, ask bool) error {
	d, p, err := c.openPeer(id)
	if err != nil {
		return err
	}
	plan, err := d.Deactivate(c.ctx, p.Folder, c.change(d, ask))
	if err != nil {
		return err
	}
	return c.showReconfigured(d, p.Folder, plan, "peer-deactivate")
}

func (c *call) showReconfigured(d *nodedir.Dir, id string, plan *nodedir.Plan, kind string) error {
	if c.dryRun {
		return c.showPlan(plan)
	}
	if !plan.Nothing {
		c.did("the peer is changed", c.shows("peer show "+id))
	}
	p, err := d.Peer(id)
	if err != nil {
		return err
	}
	if !c.text() {
		return c.emit(struct {
			document
			Changed bool      `json:"changed"`
			Peer    *peerJSON `json:"peer"`
		}{newDocument(kind), !plan.Nothing, peerOf(p)})
	}
	if plan.Nothing {
		c.say("%s: nothing to do\n", plan.Title)
		return nil
	}
	c.say("%s: %s, %s\n", p.Folder, stateText(p), plural(p.Queues, "queue"))
	c.note("next: apply the changed files to your servers:")
	for _, ch := range plan.Changes {
		if ch.Action != durable.ActionMkdir {
			c.note("  " + within(d, ch.Path))
		}
	}
	return nil
}
