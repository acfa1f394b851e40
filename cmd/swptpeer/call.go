package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/swaptacular/swptpeer/certs"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// call is one command being carried out.
type call struct {
	*app
	ctx     context.Context
	cli     *cli.Context
	command *command
	args    []string

	format      string
	quiet       bool
	dryRun      bool
	password    *passwordSource
	newPassword *passwordSource
	epoch       *time.Time
}

// prepare reads what the flags say and rejects what contradicts itself, before
// any file is opened.
func (c *call) prepare() error {
	c.quiet = c.cli.Bool("quiet")
	c.dryRun = c.cli.Bool("dry-run")
	c.format = "text"
	if formats := c.formats(); len(formats) > 0 {
		c.format = c.cli.String("format")
		if !slices.Contains(formats, c.format) {
			return usagef("flag --format: found %q, expected %s", c.format, strings.Join(formats, ", "))
		}
	}
	if c.has("password-file") {
		source, err := newPasswordSource(c, "password", "SWPTPEER_PASSWORD")
		if err != nil {
			return err
		}
		c.password = source
	}
	if c.has("new-password-file") {
		source, err := newPasswordSource(c, "new-password", "SWPTPEER_NEW_PASSWORD")
		if err != nil {
			return err
		}
		c.newPassword = source
	}
	return c.checkStdin()
}

// has reports whether the command has this flag.
func (c *call) has(name string) bool {
	_, ok := c.command.flagTable()[name]
	return ok
}

// formats are those that the command's --format flag offers.
func (c *call) formats() []string {
	for _, f := range c.command.flags {
		if s, ok := f.(*cli.StringFlag); ok && s.Name == "format" {
			return formatsOf(s)
		}
	}
	return nil
}

// formatsOf reads the formats out of the flag's own description, so that there
// is one list of them.
func formatsOf(f *cli.StringFlag) []string {
	_, list, _ := strings.Cut(f.Usage, "`")
	return strings.Split(strings.TrimSuffix(list, "`"), "|")
}

// checkStdin refuses to read two things from standard input.
func (c *call) checkStdin() error {
	var readers []string
	for _, arg := range c.args {
		if arg == "-" {
			readers = append(readers, "the argument -")
		}
	}
	for _, f := range c.command.flags {
		name := f.Names()[0]
		if !namesFile(f) || name == "out" || name == "out-key" { // which are written
			continue
		}
		for _, value := range append(c.cli.StringSlice(name), c.cli.String(name)) {
			if value == "-" {
				readers = append(readers, "--"+name)
			}
		}
	}
	for _, p := range []*passwordSource{c.password, c.newPassword} {
		if p != nil && p.readsStdin() {
			readers = append(readers, "--"+p.flag)
		}
	}
	if len(readers) > 1 {
		return usagef("standard input can be read only once: found %s", strings.Join(readers, " and "))
	}
	return nil
}

func (c *call) text() bool { return c.format == "text" }

// dir is the node directory: --dir, the folder of the link with an old
// script's name, SWPTPEER_DIR, the current folder.
func (c *call) dir() string {
	switch {
	case c.cli.String("dir") != "":
		return c.cli.String("dir")
	case c.linkDir != "":
		return c.linkDir
	case c.sys.env("SWPTPEER_DIR") != "":
		return c.sys.env("SWPTPEER_DIR")
	}
	return "."
}

// options are those of every use of the node directory.
func (c *call) options() nodedir.Options {
	var sourceDate time.Time
	if c.epoch != nil {
		sourceDate = *c.epoch
	}
	return nodedir.Options{
		Now:        c.now,
		SourceDate: sourceDate,
		OnWait: func(holder string) {
			text := "waiting for another process that is changing this directory"
			if holder != "" {
				text += " (" + holder + ")"
			}
			c.note(text)
		},
		OnRecover: func(r durable.Recovery) {
			c.recovered = &r
			switch {
			// The password is another one from now on: to be known before it is
			// asked for, also with --quiet.
			case r.Completed && slices.Contains(r.Paths, nodedir.RootKeyFile):
				c.err.warningLine("completed a change that an earlier run was interrupted in: " + strings.Join(r.Paths, ", "))
				c.err.warningLine("the root key opens with the password that was new in that run")
			case r.Completed:
				c.note("completed a change that an earlier run was interrupted in: " + strings.Join(r.Paths, ", "))
			case r.Undone:
				c.note("cleaned up what an interrupted run left: " + strings.Join(r.Paths, ", "))
			}
		},
	}
}

func (c *call) now() time.Time { return c.sys.now() }

// readEpoch reads SOURCE_DATE_EPOCH (reproducible-builds.org), the time that
// every file in a new bundle gets. It is not the clock: what updated-at.txt says
// follows from the content and the real date.
func (c *call) readEpoch() error {
	s := c.sys.env("SOURCE_DATE_EPOCH")
	if s == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil || seconds < 0 {
		return usagef("SOURCE_DATE_EPOCH: found %q, expected a number of seconds since 1970", s)
	}
	t := time.Unix(seconds, 0).UTC()
	c.epoch = &t
	return nil
}

func (c *call) openDir() (*nodedir.Dir, error) {
	d, err := nodedir.Open(c.dir(), c.options())
	if err != nil {
		return nil, err
	}
	c.warn(d)
	if d.Pending() && !c.quiet {
		c.err.warningLine("an earlier change was interrupted; the next command that changes the directory completes it")
	}
	return d, nil
}

// warn says what is to be known of a directory: that others can read its key.
func (c *call) warn(d *nodedir.Dir) {
	for _, w := range d.Warnings() {
		c.err.warningLine(w)
	}
}

// note prints something on standard error that is worth knowing.
func (c *call) note(text string) {
	if !c.quiet {
		c.err.printf("%s: %s\n", raw(programName), text)
	}
}

// say prints part of a text result on standard output.
func (c *call) say(format string, args ...any) {
	if c.text() {
		c.out.printf(format, args...)
	}
}

// did notes that the change is made, for whatever fails after it.
func (c *call) did(what, look string) { c.made = &made{what, look} }

// shows is what is said of a command that shows the result of a change.
func (c *call) shows(args string) string {
	line := programName + " " + args
	if dir := c.dir(); dir != "." && c.has("dir") {
		line += " --dir " + dir
	}
	return "\"" + line + "\" shows what is so now"
}

// change is how the command changes the directory. ask says whether a plan is
// confirmed by a person; what only adds public files needs no question.
func (c *call) change(d *nodedir.Dir, ask bool) nodedir.Change {
	ch := nodedir.Change{DryRun: c.dryRun}
	if d != nil {
		ch.Key = func() (crypto.Signer, error) { return c.openKey(d) }
	}
	if !c.dryRun {
		ch.Confirm = func(p *nodedir.Plan) error { return c.confirm(p, ask) }
	}
	return ch
}

// confirm shows a plan and asks.
func (c *call) confirm(p *nodedir.Plan, ask bool) error {
	if !ask {
		return nil
	}
	// Who is asked has to see what is asked, also with --quiet.
	yes := c.cli.Bool("yes")
	if !yes || !c.quiet && c.text() {
		c.printPlan(c.err, p, false)
	}
	if yes {
		return nil
	}
	return c.askYes("Continue?")
}

// askYes asks a question that has to be answered with yes.
func (c *call) askYes(question string) error {
	ok, err := c.asker().confirm(c.ctx, question)
	if errors.Is(err, errNoTerminal) {
		return withHint(fmt.Errorf("this needs a confirmation, and %w", errNoTerminal),
			"look at what would be done with --dry-run, then repeat the command with --yes")
	}
	if err != nil {
		return err
	}
	if !ok {
		return withHint(fmt.Errorf("%w: the question was not answered with yes; nothing was changed", nodedir.ErrRefused), "")
	}
	return nil
}

func (c *call) asker() asker { return asker{c.sys, c.std} }

// passwordAttempts is how often a person may mistype.
const passwordAttempts = 3

// openKey opens the root key of the node.
func (c *call) openKey(d *nodedir.Dir) (crypto.Signer, error) {
	return c.unlock(c.keyPath(d.Path()), func(password func() ([]byte, error)) (crypto.Signer, error) {
		return d.OpenKey(c.cli.String("key"), password)
	})
}

// keyPath is the file of the root key: --key, or the directory's own.
func (c *call) keyPath(dir string) string {
	if path := c.cli.String("key"); path != "" {
		return path
	}
	return filepath.Join(dir, "private", "root-ca.key")
}

// unlock opens the key in a file; a person at the terminal may try again.
func (c *call) unlock(path string, open func(password func() ([]byte, error)) (crypto.Signer, error)) (crypto.Signer, error) {
	for attempt := 1; ; attempt++ {
		asked := false
		key, err := open(func() ([]byte, error) {
			asked = c.password.asks()
			return c.password.read("the root key")
		})
		if errors.Is(err, certs.ErrWrongPassword) && asked && attempt < passwordAttempts {
			c.err.warningLine("wrong password, try again")
			continue
		}
		if err != nil && exitStatus(err) == statusFailed && !readableKey(path) {
			// A file that is no key could not be read; the key of another node
			// could, and was refused.
			err = &unreadable{err}
		}
		return key, err
	}
}

// readableKey reports whether a file holds a private key of a form that is read.
func readableKey(path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	defer clear(data)
	_, err = certs.KeyEncrypted(data)
	return err == nil
}

// Values of flags.

func (c *call) days() (int, error) {
	s := c.cli.String("days")
	return parseDays("flag --days", s)
}

func parseDays(what, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > nodedir.MaxServerDays {
		return 0, usagef("%s: found %q, expected a number of days from 1 to %d", what, s, nodedir.MaxServerDays)
	}
	return n, nil
}

// at is the moment that something is judged as of: --at, or now.
func (c *call) at() (time.Time, error) {
	s := c.cli.String("at")
	if s == "" {
		return c.sys.now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("flag --at: found %q, expected a time such as 2026-11-23T10:15:00Z or a date such as 2026-11-23", s)
}

// parseWithin reads a span of time: 30d, 6w, 72h.
func parseWithin(s string) (time.Duration, error) {
	wrong := usagef("flag --within: found %q, expected a span of time such as 30d, 6w or 72h", s)
	if s == "" {
		return 0, wrong
	}
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit, ok := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	if !ok || err != nil {
		return 0, wrong
	}
	return time.Duration(n) * unit, nil
}

// checkPeerID refuses what cannot be a node id or the beginning of one.
func checkPeerID(s string) error {
	const least, most = 4, 32
	if len(s) < least || len(s) > most || strings.Trim(s, "0123456789abcdef") != "" {
		return withHint(usagef("peer id: found %q, expected %d to %d lowercase hex digits", s, least, most),
			"a peer is named by its node id or by the first digits of it; \"swptpeer peer list\" shows them")
	}
	return nil
}

// within returns a path below the node directory as a person would type it.
func within(d *nodedir.Dir, parts ...string) string {
	return filepath.Join(append([]string{d.Path()}, parts...)...)
}
