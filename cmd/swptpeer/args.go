package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"
)

// The library that parses flags stops at the first argument: a flag that comes
// after one silently becomes an argument itself, and "peer sign b.zip
// --dry-run" would sign. So the argument list is read here first and handed on
// in the one order that leaves nothing to guess: command words, flags as
// --name=value, "--", arguments.

// commandLine is an argument list that was read.
type commandLine struct {
	command *command   // the last command word's; the root if there is none
	path    []*command // from the root, exclusive
	flags   []flagValue
	args    []string
	help    bool
	version bool
	// behind is what stood directly behind a flag such as --password-stdin,
	// which takes no value. Whoever believes that it does wrote the password.
	behind []string
}

type flagValue struct{ name, value string }

// canonical is what the flag library gets.
func (l *commandLine) canonical() []string {
	out := []string{programName}
	for _, c := range l.path {
		out = append(out, c.name)
	}
	for _, f := range l.flags {
		out = append(out, "--"+f.name+"="+f.value)
	}
	return append(append(out, "--"), l.args...)
}

// flagKind is what has to be known of a flag to read an argument list.
type flagKind struct {
	name       string // the flag's first name
	takesValue bool
	repeatable bool
}

// flagTable maps every name and alias of the flags of these commands.
func flagTable(commands ...*command) map[string]flagKind {
	table := map[string]flagKind{}
	for _, c := range commands {
		for _, f := range c.flags {
			names := f.Names() // costs a regular expression for each
			kind := flagKind{name: names[0]}
			if doc, ok := f.(cli.DocGenerationFlag); ok {
				kind.takesValue = doc.TakesValue()
			}
			if list, ok := f.(cli.DocGenerationSliceFlag); ok {
				kind.repeatable = list.IsSliceFlag()
			}
			for _, name := range names {
				table[name] = kind
			}
		}
	}
	return table
}

// token is one flag as it stood in the argument list.
type token struct {
	name, value string
	valued      bool // --name=value
	text        string
}

// parseArgs reads an argument list, without the program's name. Flags may
// stand anywhere, also before the command words, which is why the arity of one
// that the command does not have is taken from all commands together; a test
// holds that no name has two.
func parseArgs(root *command, args []string) (*commandLine, error) {
	line := &commandLine{command: root}
	every := sync.OnceValue(func() map[string]flagKind { return flagTable(root.all()...) })
	var tokens []token
	secret := false // the argument before was such a flag
	for i := 0; i < len(args); i++ {
		arg, behind := args[i], secret
		secret = false
		if arg == "--" {
			line.args = append(line.args, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			if !line.word(arg) && behind {
				line.behind = append(line.behind, arg)
			}
			continue
		}
		t := token{text: arg}
		t.name, t.value, t.valued = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		switch t.name {
		case "help", "h":
			line.help = true
			continue
		case "version":
			line.version = true
			continue
		}
		kind, known := line.command.flagTable()[t.name]
		if !known {
			kind, known = every()[t.name]
		}
		if !known && behind {
			line.behind = append(line.behind, t.text, t.shown())
		}
		secret = known && !kind.takesValue && !t.valued && strings.Contains(kind.name, "password")
		if known && kind.takesValue && !t.valued {
			if i+1 == len(args) {
				return line, withHint(usagef("flag %s needs a value", arg), "write it as --"+kind.name+"=VALUE")
			}
			i++
			t.value, t.valued = args[i], true
		}
		tokens = append(tokens, t)
	}
	if line.help || line.version {
		return line, nil
	}
	return line, line.setFlags(tokens, every)
}

// word takes an argument for a command word as long as there are commands to
// be named, and says whether it was one.
func (l *commandLine) word(arg string) bool {
	if len(l.args) == 0 {
		if len(l.path) == 0 && !l.help && arg == "help" {
			l.help = true
			return true
		}
		if sub := l.command.find(arg); sub != nil {
			l.command = sub
			l.path = append(l.path, sub)
			return true
		}
	}
	l.args = append(l.args, arg)
	return false
}

// setFlags checks the flags against the command that was named; every is those
// of all commands.
func (l *commandLine) setFlags(tokens []token, every func() map[string]flagKind) error {
	table := l.command.flagTable()
	// Before anything is said about arguments: what follows such a flag is
	// one, and may be the password.
	for _, t := range tokens {
		if _, known := table[t.name]; known {
			continue
		}
		if _, known := every()[t.name]; !known && t.secretive() {
			return l.unknownFlag(t)
		}
	}
	if l.command.run == nil && len(l.args) > 0 {
		return l.command.unknown(l.args[0])
	}
	for _, t := range tokens {
		kind, known := table[t.name]
		if !known {
			return l.unknownFlag(t)
		}
		// To take an empty value for none would judge without the pin that a
		// script has lost.
		if kind.takesValue && t.value == "" {
			return withHint(usagef("flag --%s: found an empty value, expected one", kind.name), "leave the flag out, or give it a value; if it came from a variable, that is not set")
		}
		if !kind.takesValue {
			if !t.valued {
				t.value = "true"
			}
			if _, err := strconv.ParseBool(t.value); err != nil {
				if t.secretive() {
					return withHint(usagef("flag --%s: found something else (not shown), expected true or false", kind.name), neverAnArgument)
				}
				return usagef("flag --%s: found %q, expected true or false", kind.name, t.value)
			}
		}
		if !kind.repeatable && slices.ContainsFunc(l.flags, func(f flagValue) bool { return f.name == kind.name && f.value != t.value }) {
			return usagef("flag --%s is given twice with different values", kind.name)
		}
		l.flags = append(l.flags, flagValue{kind.name, t.value})
	}
	return nil
}

func (l *commandLine) unknownFlag(t token) error {
	where := l.command.fullName()
	hint := "\"" + where + " --help\" lists the flags"
	names := []string{"help", "version"}
	for name := range l.command.flagTable() {
		names = append(names, name)
	}
	slices.Sort(names) // of two that are equally near, always the same
	if near := nearest(t.name, names); near != "" {
		hint = "did you mean --" + near + "? " + hint
	}
	switch {
	case t.secretive():
		hint = neverAnArgument + "\n" + hint
	case !t.valued:
		hint += "\nif " + safe(t.text) + " is an argument, put -- before it"
	}
	return withHint(usagef("unknown flag %s for %q", t.shown(), where), hint)
}

// neverAnArgument is the hint for what may be a password on the command line.
// Nothing of it is repeated: errors end up in logs.
const neverAnArgument = "a password is never an argument: give it with --password-file, --password-fd, --password-stdin, SWPTPEER_PASSWORD or at the prompt"

// notShown is the hint for an error from which [printer.conceal] took something.
const notShown = "--password-stdin takes no value (it reads standard input):\n" +
	"what stands behind it may be a password, and is not shown"

var (
	// secretFlags are the names of flags that other programs take a password
	// in, the short ones also without anything between: -pPASSWORD.
	secretFlags = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)^--?(new-?|old-?)?pass|^--?pw|^-p`) })
	// secretWords are those in which nothing but the name can be.
	secretWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)^--?((new-?|old-?)?pass(wd|word|phrase|in|out)?(-(file|fd|stdin|env))?|pwd?|p)$`)
	})
)

// secretive reports a flag whose value may be a password.
func (t token) secretive() bool { return secretFlags().MatchString(t.text) }

// shown is the flag as it stood, without its value.
func (t token) shown() string {
	name, _, _ := strings.Cut(t.text, "=")
	if found := secretFlags().FindString(name); found != "" && !secretWords().MatchString(name) {
		return found + "… (the rest is not shown)"
	}
	return name
}

// unknown is the error for a word that is no command. What stands behind "key"
// may be a password.
func (c *command) unknown(word string) error {
	found := strconv.Quote(word)
	if c.name == "key" {
		found = "(not shown)"
	}
	hint := "\"" + c.fullName() + " --help\" lists the commands"
	var names []string
	if c.parent == nil {
		names = append(names, "help")
	}
	for _, sub := range c.sub {
		if !sub.hidden {
			names = append(names, sub.name)
		}
	}
	switch near := nearest(word, names); {
	case c.find(word) != nil:
		hint = "behind -- everything is an argument: put the command before it"
	case near != "":
		hint = "Did you mean \"" + near + "\"? " + hint
	}
	return withHint(usagef("unknown command %s after %q", found, c.fullName()), hint)
}
