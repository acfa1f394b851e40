package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// run is the whole command: it reads the arguments (args[0] is the name that
// the program was started by), does what they say and returns the exit status.
// It uses nothing but what it is given.
func run(ctx context.Context, sys system, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{sys: sys, std: streams{stdin, stdout, stderr}}
	args = a.startedAs(args)
	// Known before anything else, because a mistake in the arguments is printed too.
	noColor := slices.ContainsFunc(beforeDashes(args), func(arg string) bool {
		return slices.Contains([]string{"-no-color", "--no-color", "--no-color=true"}, arg)
	})
	a.out = newPrinter(stdout, sys, noColor)
	a.err = newPrinter(stderr, sys, noColor)

	err := a.main(ctx, args)
	if a.out.err != nil && exitStatus(err) <= statusFailed {
		// A verdict that nobody could read was not given.
		err = &outputError{a.out.err}
	}
	if err != nil && a.made != nil && !has[*hinted](err) && !has[*reported](err) {
		err = &madeError{*a.made, err}
	}
	// Whatever an interrupt made fail, it is the interrupt that ended the run.
	if err != nil && ctx.Err() != nil && exitStatus(err) != statusInterrupted {
		err = errors.Join(err, ctx.Err())
	}
	a.printError(err)
	if a.err.concealed {
		a.err.hintLine(notShown)
	}
	return exitStatus(err)
}

// app is one run of the command.
type app struct {
	sys      system
	std      streams
	out, err *printer
	root     *command
	// linkDir is the folder of the link with an old script's name that the
	// program was started through.
	linkDir string
	ran     bool  // the action of a command was reached
	made    *made // what the command has changed
	// recovered is what the command has completed or cleaned up of an earlier
	// run's, before it did anything of its own.
	recovered *durable.Recovery
}

// beforeDashes returns the arguments in front of "--".
func beforeDashes(args []string) []string {
	if i := slices.Index(args, "--"); i >= 0 {
		return args[:i]
	}
	return args
}

func (a *app) main(ctx context.Context, args []string) error {
	a.root = commands()
	if len(args) > 0 && args[0] == completeWord {
		a.complete(args[1:])
		return nil
	}
	line, err := parseArgs(a.root, args)
	a.err.hidden = noFiles(line.behind)
	if err != nil {
		return err
	}
	switch {
	case line.help:
		if len(line.args) > 0 && line.command.run == nil {
			return line.command.unknown(line.args[0])
		}
		a.out.write([]byte(line.command.help()))
		return nil
	case line.version:
		a.out.printf("%s %s\n", programName, version())
		return nil
	case line.command.run == nil:
		a.err.write([]byte(line.command.help()))
		return withHint(usagef("%s: a command is missing", line.command.fullName()), "")
	}
	if err := line.command.checkArgs(line.args); err != nil {
		return err
	}
	err = a.build(line).RunContext(ctx, line.canonical())
	if err != nil && !a.ran {
		// The flag library could not read a value.
		err = &usageError{err.Error()}
	}
	return err
}

// noFiles returns which arguments do not mean a file that is there, and the
// folders in them that are not there. The name of a file is no secret, and what is
// wrong with it cannot be said without it.
func noFiles(args []string) []string {
	var out []string
	for _, arg := range args {
		for path := arg; path != "-"; path = filepath.Dir(path) {
			if _, err := os.Lstat(path); err == nil || path == "" || path == filepath.Dir(path) {
				break
			}
			out = append(out, path)
		}
	}
	return out
}

// commands returns the tree of all commands.
func commands() *command {
	root := &command{
		name:  programName,
		short: "make Swaptacular nodes each other's peers",
		description: "swptpeer keeps the certificate authority of a Swaptacular node: its root key, its " +
			"info-bundle, the certificates it issues to its peers and to its own servers.\n\n" +
			"Flags may stand before or after the arguments and the command words; \"--\" ends them. " +
			"Nothing is asked without a terminal: an answer that is missing is then an error.",
		examples: []string{
			"# everything once, with throwaway nodes",
			"swptpeer demo",
			"# a new node, and its info-bundle for the others",
			"swptpeer init --type ca --server stomp.example.com:1234",
			"swptpeer bundle create my-bundle.zip",
			"# become the peer of another node",
			"swptpeer peer sign their-bundle.zip --out for-them.crt",
			"swptpeer peer register from-them.crt",
			"swptpeer stompcheck 1234abcd --cert server.crt --key server.key",
		},
		fails: "a check failed, or something was refused",
		sub: slices.Concat(
			[]*command{initCommand(), keyCommands(), csrCommands(), certCommands(), bundleCommands(), peerCommands(),
				serverCommands(), stompcheckCommand(), doctorCommand(), demoCommand(), completionCommand()},
			oldCommands(),
		),
	}
	return root.link()
}

// build makes the flag library's application, of the commands that were named
// and no others: where there are no subcommands, the library cannot take an
// argument for one.
func (a *app) build(line *commandLine) *cli.App {
	usageError := func(_ *cli.Context, err error, _ bool) error { return err }
	app := &cli.App{
		Name:            programName,
		HideHelp:        true, // help is ours: the library's would swallow an argument of that name
		HideHelpCommand: true,
		HideVersion:     true,
		Reader:          a.std.in,
		Writer:          a.err,
		ErrWriter:       a.err,
		OnUsageError:    usageError,
		// The library would end the process.
		ExitErrHandler: func(*cli.Context, error) {},
		// A comma in a file name is not a separator.
		DisableSliceFlagSeparator: true,
	}
	into := &app.Commands
	for _, c := range line.path {
		out := &cli.Command{Name: c.name, Usage: c.short, HideHelp: true, HideHelpCommand: true, OnUsageError: usageError}
		if c == line.command {
			out.Flags = c.flags
			out.Action = func(ctx *cli.Context) error { return a.act(c, ctx) }
		}
		*into = append(*into, out)
		into = &out.Subcommands
	}
	return app
}

// act carries out a command whose flags have been read.
func (a *app) act(command *command, ctx *cli.Context) error {
	a.ran = true
	c := &call{app: a, ctx: ctx.Context, cli: ctx, command: command, args: ctx.Args().Slice()}
	if err := c.prepare(); err != nil {
		return err
	}
	defer c.password.forget()
	defer c.newPassword.forget()
	return command.run(c)
}

// printError prints a failure and its hint. Of several items, each has been
// named in its own message.
func (a *app) printError(err error) {
	if err == nil {
		return
	}
	if several, ok := errors.AsType[severalErrors](err); ok {
		for _, e := range several {
			a.printError(e)
		}
		return
	}
	if r, ok := errors.AsType[*reported](err); ok {
		if r.summary != "" {
			a.err.errorLine(r.summary)
		}
	} else if !a.printFailure(err) {
		a.err.errorLine(a.unlessRecovered(message(err)))
	}
	if hint := a.hintFor(err); hint != "" {
		a.err.hintLine(hint)
	}
}

// hintFor is the hint for a failure of this run.
func (a *app) hintFor(err error) string {
	if r := a.recovered; r != nil && r.Completed && slices.Contains(r.Paths, nodedir.RootKeyFile) && errors.Is(err, certs.ErrWrongPassword) {
		return "the change that this run completed has put a new key file in place:\n" +
			"run the command again with the password that was new then"
	}
	return a.unlessRecovered(hintFor(err))
}

// unlessRecovered keeps a text from saying that nothing was changed when the run
// has completed or cleaned up what an earlier one left.
func (a *app) unlessRecovered(text string) string {
	if a.recovered == nil {
		return text
	}
	return strings.ReplaceAll(text, "nothing was changed", "nothing else was changed")
}

// message is the text of a failure; an interrupt is said in plain words.
func message(err error) string {
	if m, ok := errors.AsType[*madeError](err); ok {
		return m.Error()
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return oneLine(err)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// version is what the build says about itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += " " + s.Value
			}
		}
	}
	return v + " " + info.GoVersion
}

// startedAs looks at the name that the program was started by. If it is an old
// script's name, the arguments are that script's, and the folder in which the
// name stands is the node directory: the scripts lay beside root-ca.crt.
func (a *app) startedAs(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if !isOldName(name) {
		return args[1:]
	}
	a.linkDir = a.sys.folderOf(args[0])
	return append([]string{name}, args[1:]...)
}
