package main

import (
	"runtime/debug"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs/nodedir"
)

func doctorCommand() *command {
	return &command{
		name:  "doctor",
		short: "audit the whole directory, and repair what is safe",
		description: "Checks everything that there is to check in a node directory: certificates, database, subnets, peers, file modes, what " +
			"an interrupted run left. Each finding says what was found, what was expected and what to do. No password is needed.\n\n" +
			"--fix repairs what is safe to repair, for example modes and what an interrupted run left; it never signs and never deletes what " +
			"it did not make. With --dry-run it shows the findings and repairs nothing.",
		examples: []string{"swptpeer doctor", "swptpeer doctor --fix", "swptpeer doctor --strict --format json"},
		fails:    "a check failed",
		flags: flags(
			&cli.BoolFlag{Name: "fix", Usage: "repair what is safe"},
			&cli.BoolFlag{Name: "quick", Usage: "do not verify signatures"},
			atFlag(), warnFlag(), listRulesFlag(), dirFlag(), dryRunFlag(), verdictFlags()),
		run: runDoctor,
	}
}

func runDoctor(c *call) error {
	if c.cli.Bool("list-rules") {
		return c.listRules(doctorRules())
	}
	by, err := c.criteria()
	if err != nil {
		return err
	}
	opts := c.options()
	if c.cli.String("at") != "" {
		if c.cli.Bool("fix") {
			return usagef("found --at and --fix, expected one of them: what is repaired is repaired now")
		}
		opts.Now = func() time.Time { return by.at }
	}
	d, err := nodedir.Open(c.dir(), opts)
	if err != nil {
		return err
	}
	// Nearly all that an audit allocates is soon forgotten: half the collections
	// are enough, and nothing else runs in this process.
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	report, err := d.Audit(c.ctx, nodedir.AuditOptions{Quick: c.cli.Bool("quick"), Fix: c.cli.Bool("fix") && !c.dryRun, EndsWithin: by.within})
	if err != nil {
		return err
	}
	if c.cli.Bool("fix") && !c.dryRun {
		c.did("what could be repaired is repaired", c.shows("doctor"))
	}
	return c.verdictBy(by, "doctor", []item{{name: d.Path(), report: report}})
}
