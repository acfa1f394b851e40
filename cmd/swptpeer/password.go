package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/swaptacular/swptpeer/certs"
)

// Where passwords come from (command line specification, "Passwords"): a file,
// a descriptor, standard input, the environment, a person; never an argument.

const (
	// Lengths of a new password, in bytes. OpenSSL's own prompt takes nothing
	// shorter or longer, and a key that OpenSSL cannot open would lock its
	// owner in (node directory specification, "root-ca.conf").
	minPassword = 4
	maxPassword = 1023

	// maxDescriptor is more than a process can have open (Linux: fs.nr_open). A
	// greater number is rather a password in the wrong place.
	maxDescriptor = 1<<20 - 1
)

// passwordSource is where one password comes from.
type passwordSource struct {
	c    *call
	flag string // the flag that was given; "" for the environment or the prompt
	path string
	fd   int
	env  string  // name of the environment variable
	kept *[]byte // behind a pointer, which is what the fmt package prints of it
}

// newPasswordSource looks at the flags --PREFIX-file, --PREFIX-fd and
// --PREFIX-stdin; it opens nothing.
func newPasswordSource(c *call, prefix, env string) (*passwordSource, error) {
	p := &passwordSource{c: c, env: env}
	var given []string
	for _, name := range []string{prefix + "-file", prefix + "-fd", prefix + "-stdin"} {
		if c.cli.IsSet(name) && (name != prefix+"-stdin" || c.cli.Bool(name)) {
			given = append(given, "--"+name)
			p.flag = name
		}
	}
	if len(given) > 1 {
		return nil, usagef("a password comes from one place: found %s", strings.Join(given, " and "))
	}
	switch p.flag {
	case prefix + "-file":
		p.path = c.cli.String(p.flag)
		switch p.path {
		case "":
			return nil, usagef("flag --%s: found an empty name, expected a file", p.flag)
		case "-":
			return nil, withHint(usagef("flag --%s: found -, expected a file", p.flag), "use --"+prefix+"-stdin")
		}
	case prefix + "-fd":
		s := c.cli.String(p.flag)
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n == 1 || n == 2 || n > maxDescriptor {
			// What was given may be the password itself, and errors end up in logs.
			return nil, usagef("flag --%s: found something else (not shown), expected the number of an open descriptor, 0 or from 3", p.flag)
		}
		p.fd = n
	}
	return p, nil
}

// Format implements fmt.Formatter: whoever prints one, in whatever way, does not
// print the password.
func (p *passwordSource) Format(f fmt.State, _ rune) {
	io.WriteString(f, "passwordSource(kept to itself)")
}

// forget wipes what was kept.
func (p *passwordSource) forget() {
	if p != nil && p.kept != nil {
		clear(*p.kept)
		p.kept = nil
	}
}

func (p *passwordSource) readsStdin() bool {
	return strings.HasSuffix(p.flag, "-stdin") || strings.HasSuffix(p.flag, "-fd") && p.fd == 0
}

// asks reports whether read would ask a person.
func (p *passwordSource) asks() bool {
	return p.flag == "" && p.c.sys.env(p.env) == "" && p.kept == nil
}

// read returns the password that opens what.
func (p *passwordSource) read(what string) ([]byte, error) {
	password, ok, err := p.given()
	if ok || err != nil {
		return password, err
	}
	password, err = p.c.asker().password(p.c.ctx, fmt.Sprintf("Enter the password of %s: ", what))
	return password, p.missing(err)
}

// readNew returns a new password, for what is being encrypted.
func (p *passwordSource) readNew(what string) ([]byte, error) {
	password, ok, err := p.given()
	if err != nil {
		return nil, err
	}
	if ok {
		return password, checkNewPassword(password)
	}
	password, err = p.c.asker().newPassword(p.c.ctx, what)
	return password, p.missing(err)
}

// missing says how to give a password when there is nobody to ask.
func (p *passwordSource) missing(err error) error {
	if !errors.Is(err, errNoTerminal) {
		return err
	}
	prefix := "password"
	if p.env != "SWPTPEER_PASSWORD" {
		prefix = "new-password"
	}
	return withHint(fmt.Errorf("a %s is needed, and %w", strings.ReplaceAll(prefix, "-", " "), errNoTerminal),
		fmt.Sprintf("give it with --%s-file, --%s-fd, --%s-stdin or the variable %s", prefix, prefix, prefix, p.env))
}

// given returns the password if it does not have to be asked for. Standard
// input and descriptors can be read only once, so what they gave is kept.
func (p *passwordSource) given() (password []byte, ok bool, err error) {
	if p.kept != nil {
		return slices.Clone(*p.kept), true, nil
	}
	if p.flag == "" && p.c.sys.env(p.env) == "" {
		return nil, false, nil // set and empty is as good as not set
	}
	data, err := interruptibly(p.c.ctx, p.source)
	if err != nil {
		return nil, false, fmt.Errorf("reading the password: %w", err)
	}
	password, err = trimPassword(data)
	if err != nil {
		clear(data)
		return nil, false, &unreadable{fmt.Errorf("reading the password: %w", err)}
	}
	kept := slices.Clone(password)
	p.kept = &kept
	return password, true, nil
}

// source reads from where the password is said to be.
func (p *passwordSource) source() ([]byte, error) {
	switch {
	case p.path != "":
		return p.fromFile()
	case strings.HasSuffix(p.flag, "-stdin"):
		return readLimited(p.c.std.in, "standard input", maxPassword+2)
	case strings.HasSuffix(p.flag, "-fd"):
		return p.fromDescriptor()
	}
	return []byte(p.c.sys.env(p.env)), nil
}

func (p *passwordSource) fromFile() ([]byte, error) {
	f, err := os.Open(p.path)
	if err != nil {
		if _, e := os.Lstat(p.path); e != nil {
			// What was given may be the password itself.
			cause := err
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				cause = e.Err
			}
			return nil, withHint(&unreadable{fmt.Errorf("flag --%s: %w (the name is not shown)", p.flag, cause)}, "check the spelling, and which folder is the current one; the flag takes the name of a file, not a password")
		}
		return nil, err
	}
	defer f.Close()
	return readLimited(f, p.path, maxPassword+2)
}

func (p *passwordSource) fromDescriptor() ([]byte, error) {
	name := fmt.Sprintf("file descriptor %d", p.fd)
	if p.fd == 0 {
		return readLimited(p.c.std.in, name, maxPassword+2)
	}
	f := os.NewFile(uintptr(p.fd), name)
	if f == nil {
		return nil, &unreadable{fmt.Errorf("%s is not open", name)}
	}
	defer f.Close()
	return readLimited(f, name, maxPassword+2)
}

// trimPassword takes one line end off the end. A password of several lines
// could not be typed at a prompt, and is most likely the wrong file.
func trimPassword(data []byte) ([]byte, error) {
	if rest, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		data = bytes.TrimSuffix(rest, []byte("\r"))
	}
	switch {
	case bytes.ContainsAny(data, "\r\n\x00"):
		return nil, errors.New("found several lines or a NUL, expected a password on one line")
	case len(data) > maxPassword:
		return nil, fmt.Errorf("found more than %d bytes, expected a password", maxPassword)
	case len(data) == 0:
		return nil, errors.New("found nothing, expected a password")
	}
	return data, nil
}

func checkNewPassword(password []byte) error {
	if len(password) < minPassword || len(password) > maxPassword {
		return refusef("new password: found %s, expected %d to %d, which OpenSSL can open too", plural(len(password), "byte"), minPassword, maxPassword)
	}
	return nil
}

// secretRoom is for what may be secret, in bytes: a password, a key file. It is
// read into one buffer, because what a growing one leaves behind is not wiped.
const secretRoom = certs.MaxKeyFile + bytes.MinRead

// readLimited reads all of r, and refuses more than limit bytes.
func readLimited(r io.Reader, name string, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, secretRoom))
	_, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	data := buf.Bytes()
	if err != nil {
		clear(data)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, &unreadable{&tooLarge{name, limit}}
	}
	return data, nil
}

// tooLarge is a file that is not read to its end.
type tooLarge struct {
	name  string
	limit int64
}

func (e *tooLarge) Error() string {
	return fmt.Sprintf("%s: found more than %d bytes", e.name, e.limit)
}
