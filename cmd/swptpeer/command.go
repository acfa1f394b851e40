package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// command is one command with everything that is said about it. The flag
// library's own type is made from it (see app.build).
type command struct {
	name        string
	parent      *command
	short       string // one line for the list of commands
	args        string // the arguments as they stand in the usage line
	minArgs     int
	maxArgs     int // -1: any number
	description string
	examples    []string // lines; those that begin with "#" are comments
	fails       string   // what exit status 1 means here; "": the command never gives it
	network     bool     // exit status 4 is possible
	hidden      bool
	flags       []cli.Flag
	sub         []*command
	run         func(*call) error
	table       map[string]flagKind // see flagTable
}

// flagTable is the table of the command's own flags.
func (c *command) flagTable() map[string]flagKind {
	if c.table == nil {
		c.table = flagTable(c)
	}
	return c.table
}

// link sets the parents.
func (c *command) link() *command {
	for _, sub := range c.sub {
		sub.parent = c
		sub.link()
	}
	return c
}

// all returns the command and every one below it.
func (c *command) all() []*command {
	out := []*command{c}
	for _, sub := range c.sub {
		out = append(out, sub.all()...)
	}
	return out
}

func (c *command) find(name string) *command {
	for _, sub := range c.sub {
		if sub.name == name {
			return sub
		}
	}
	return nil
}

// fullName is how the command is called: "swptpeer peer sign".
func (c *command) fullName() string {
	if c.parent == nil {
		return c.name
	}
	return c.parent.fullName() + " " + c.name
}

// usage is the usage line.
func (c *command) usage() string {
	parts := []string{c.fullName()}
	if c.run == nil {
		parts = append(parts, "COMMAND")
	}
	if c.args != "" {
		parts = append(parts, c.args)
	}
	if len(c.flags) > 0 {
		parts = append(parts, "[flags]")
	}
	return strings.Join(parts, " ")
}

// checkArgs holds the number of arguments against what the command takes.
func (c *command) checkArgs(args []string) error {
	switch n := len(args); {
	case n < c.minArgs:
		return withHint(usagef("%s: found %s, expected %s", c.fullName(), plural(n, "argument"), c.args),
			"usage: "+c.usage())
	case c.maxArgs >= 0 && n > c.maxArgs:
		found := plural(n, "argument")
		if c.maxArgs == 0 {
			if _, ok := c.flagTable()["password-file"]; ok {
				return withHint(usagef("%s takes no arguments: found %s (not shown)", c.fullName(), found), neverAnArgument+"\nusage: "+c.usage())
			}
			return withHint(usagef("%s takes no arguments: found %q", c.fullName(), args[0]), "usage: "+c.usage())
		}
		return withHint(usagef("%s: found %s, expected %s", c.fullName(), found, c.args), "usage: "+c.usage())
	}
	return nil
}

// Flags that several commands have. Each function returns a new flag: the
// library keeps state in them.

const (
	categoryCommon   = "Common flags"
	categoryPassword = "Password of the root key (see \"swptpeer help key\")"
)

func dirFlag() cli.Flag {
	return &cli.StringFlag{Name: "dir", Aliases: []string{"d"}, Category: categoryCommon,
		Usage: "the node directory is `D` (default: $SWPTPEER_DIR, else the current folder)"}
}

func quietFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: categoryCommon,
		Usage: "print nothing that is not a result, a failure or a warning"}
}

func noColorFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-color", Category: categoryCommon,
		Usage: "no colour, also on a terminal (as with NO_COLOR)"}
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Category: categoryCommon,
		Usage: "answer yes to questions"}
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Category: categoryCommon,
		Usage: "show what would be signed and written, and change nothing"}
}

func formatFlag(formats ...string) cli.Flag {
	if len(formats) == 0 {
		formats = []string{"text", "json"}
	}
	return &cli.StringFlag{Name: "format", Category: categoryCommon, Value: "text",
		Usage: "output as `" + strings.Join(formats, "|") + "`"}
}

func keyFlag() cli.Flag {
	return &cli.StringFlag{Name: "key", Category: categoryPassword,
		Usage: "the root key is in `FILE` (default: private/root-ca.key in the node directory)"}
}

func passwordFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "password-file", Category: categoryPassword, Usage: "read the password from `FILE`"},
		&cli.StringFlag{Name: "password-fd", Category: categoryPassword, Usage: "read the password from file descriptor `N`"},
		&cli.BoolFlag{Name: "password-stdin", Category: categoryPassword, Usage: "read the password from standard input"},
	}
}

func newPasswordFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "new-password-file", Category: categoryPassword, Usage: "read the new password from `FILE`"},
		&cli.StringFlag{Name: "new-password-fd", Category: categoryPassword, Usage: "read the new password from file descriptor `N`"},
		&cli.BoolFlag{Name: "new-password-stdin", Category: categoryPassword, Usage: "read the new password from standard input"},
	}
}

func outFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: usage}
}

func overwriteFlag() cli.Flag {
	return &cli.BoolFlag{Name: "overwrite", Usage: "replace an output file that exists"}
}

func daysFlag() cli.Flag {
	return &cli.StringFlag{Name: "days", Value: "365", Usage: "the certificate is valid for `N` days"}
}

// flags joins flags and lists of them.
func flags(lists ...any) []cli.Flag {
	var out []cli.Flag
	for _, l := range lists {
		switch l := l.(type) {
		case cli.Flag:
			out = append(out, l)
		case []cli.Flag:
			out = append(out, l...)
		default:
			panic(fmt.Sprintf("flags: found %T, expected a flag or a list of flags", l))
		}
	}
	return out
}

// readFlags are those of a command that only looks at the directory.
func readFlags() []cli.Flag {
	return flags(dirFlag(), formatFlag(), quietFlag(), noColorFlag())
}

// changeFlags are those of a command that changes the directory.
func changeFlags() []cli.Flag {
	return flags(dirFlag(), yesFlag(), dryRunFlag(), formatFlag(), quietFlag(), noColorFlag())
}

// signFlags are those of a command that opens the root key to sign.
func signFlags() []cli.Flag {
	return flags(keyFlag(), passwordFlags(), changeFlags())
}
