package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

// The scripts that operators used before had these names and arguments. They
// keep working, as hidden commands and through links with the old names.
// Facts about the scripts: arguments and exit status as they were (2 for a
// wrong number of arguments, 1 for what is refused); questions are asked on the
// terminal, and without one they need the flags of the new commands.

// oldName marks the table that isOldName and oldCommands share.
type oldName struct {
	name    string
	args    string
	minArgs int
	maxArgs int
	instead string
	fails   string
	flags   func() []cli.Flag
	run     func(*call) error
}

func oldNames() []oldName {
	return []oldName{
		{name: "generate-masterkey", instead: "init", fails: "the key exists",
			flags: func() []cli.Flag { return flags(passwordFlags(), changeFlags()) },
			run:   makeKey},
		{name: "init-ca", instead: "init", fails: "there is no key yet, or something was refused",
			flags: initFlags, run: oldInitCA},
		{name: "create-infobundle", args: "FILE[.zip]", minArgs: 1, maxArgs: 1, instead: "bundle create", fails: "the file exists, or something was refused",
			flags: func() []cli.Flag { return flags(overwriteFlag(), signFlags()) },
			run:   func(c *call) error { return c.bundleCreate(strings.TrimSuffix(c.args[0], ".zip") + ".zip") }},
		{name: "generate-serverkey", args: "KEY CSR", minArgs: 2, maxArgs: 2, instead: "csr create", fails: "a file exists",
			flags: func() []cli.Flag { return flags(changeFlags()) },
			run:   func(c *call) error { return c.serverRequest(c.args[0], c.args[1]) }},
		{name: "sign-servercert", args: "CSR CRT [DAYS]", minArgs: 2, maxArgs: 3, instead: "csr sign", fails: "the certificate's file exists, or the request was refused",
			flags: func() []cli.Flag { return flags(daysFlag(), signFlags()) },
			run:   oldSignServer},
		{name: "sign-peercert", args: "BUNDLE", minArgs: 1, maxArgs: 1, instead: "peer sign", fails: "refused",
			flags: func() []cli.Flag { return flags(trustFlags(), timeoutFlag(), signFlags()) },
			run:   func(c *call) error { return c.peerSign(c.args[0]) }},
		{name: "register-peer", args: "CRT", minArgs: 1, maxArgs: 1, instead: "peer register", fails: "refused",
			flags: changeFlags,
			run:   func(c *call) error { return c.peerRegister(c.args[0]) }},
		{name: "reconfigure-peer", args: "ID N | ID --deactivate", minArgs: 1, maxArgs: 2, instead: "peer set and peer deactivate", fails: "refused",
			flags: func() []cli.Flag {
				return flags(&cli.BoolFlag{Name: "deactivate", Usage: "deactivate the peer, for good"}, changeFlags())
			},
			run: oldReconfigure},
	}
}

func isOldName(name string) bool {
	for _, old := range oldNames() {
		if old.name == name {
			return true
		}
	}
	return false
}

func oldCommands() []*command {
	var out []*command
	for _, old := range oldNames() {
		out = append(out, &command{
			name: old.name, args: old.args, minArgs: old.minArgs, maxArgs: old.maxArgs, hidden: true,
			short: "the old name of \"swptpeer " + old.instead + "\"",
			description: "The old name, with the old arguments, of \"swptpeer " + old.instead + "\". Through a link with this name, the " +
				"link's folder is the node directory.",
			examples: []string{strings.TrimSpace("swptpeer " + old.name + " " + old.args)},
			fails:    old.fails,
			flags:    old.flags(),
			run:      old.run,
		})
	}
	return out
}

// oldInitCA is init, for a key that generate-masterkey made.
func oldInitCA(c *call) error {
	path := filepath.Join(c.dir(), "private", "root-ca.key")
	if st, err := os.Stat(path); c.cli.String("key") == "" && (err != nil || st.Size() == 0) {
		return withHint(refusef("%s: found no key, expected the root key", path),
			"make it with generate-masterkey, or make key and directory at once with \"swptpeer init\"")
	}
	return runInit(c)
}

func oldSignServer(c *call) error {
	if len(c.args) == 3 {
		if _, err := parseDays("DAYS", c.args[2]); err != nil {
			return err
		}
		if err := c.cli.Set("days", c.args[2]); err != nil {
			return err
		}
	}
	return c.csrSign(c.args[0], c.args[1])
}

// oldReconfigure never asked anything, and does not now: existing runbooks
// would stop at the question.
func oldReconfigure(c *call) error {
	switch deactivate := c.cli.Bool("deactivate"); {
	case deactivate && len(c.args) == 1:
		return c.peerDeactivate(c.args[0], false)
	case !deactivate && len(c.args) == 2:
		return c.peerQueues(c.args[0], c.args[1])
	}
	return withHint(usagef("reconfigure-peer: expected either a number of queues or --deactivate"),
		"usage: reconfigure-peer ID N, or: reconfigure-peer ID --deactivate")
}
