package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFlagsHaveOneArity holds what parseArgs presumes: a flag of one name takes
// a value in every command or in none, and an alias means the same everywhere.
func TestFlagsHaveOneArity(t *testing.T) {
	seen := map[string]flagKind{}
	for _, c := range commands().all() {
		for name, kind := range flagTable(c) {
			kind.repeatable = false // looked at only once the command is known
			if before, ok := seen[name]; ok && before != kind {
				t.Errorf("%s: flag %s is %+v, and elsewhere %+v", c.fullName(), name, kind, before)
			}
			seen[name] = kind
		}
	}
	if len(seen) == 0 {
		t.Fatal("no flags")
	}
}

// TestEveryCommandExplainsItself holds that help says what a command does, how
// it is called and what its flags are, within 80 columns.
func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands().all() {
		text := c.help()
		for _, want := range []string{"Usage: " + c.fullName(), "\nExit status:\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: help lacks %q", c.fullName(), want)
			}
		}
		if len(c.examples) == 0 {
			t.Errorf("%s has no example", c.fullName())
		}
		if c.short == "" || len(c.short) > 66 {
			t.Errorf("%s: short description has %d characters, want 1 to 66", c.fullName(), len(c.short))
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > pageWidth {
				t.Errorf("%s: help has a line of %d columns: %s", c.fullName(), n, line)
			}
		}
		for _, f := range c.flags {
			if _, usage := describe(f); usage == "" {
				t.Errorf("%s: flag %s is not described", c.fullName(), f.Names()[0])
			}
		}
	}
}

// TestCommonFlags holds which commands take the common flags (command line
// specification, "Global rules").
func TestCommonFlags(t *testing.T) {
	everywhere := []string{"quiet", "no-color", "format"}
	changing := []string{"dir", "yes", "dry-run"}
	signing := []string{"password-file", "password-fd", "password-stdin"}
	for name, want := range map[string][]string{
		"init":              slices.Concat(everywhere, changing, signing),
		"key public":        slices.Concat(everywhere, signing),
		"key passwd":        slices.Concat(everywhere, changing, signing),
		"csr sign":          slices.Concat(everywhere, changing, signing),
		"bundle create":     slices.Concat(everywhere, changing, signing),
		"peer sign":         slices.Concat(everywhere, changing, signing, []string{"pin", "registry", "expect-node-id", "force", "out"}),
		"peer register":     slices.Concat(everywhere, changing),
		"peer set":          slices.Concat(everywhere, changing, []string{"queues"}),
		"peer deactivate":   slices.Concat(everywhere, changing),
		"peer list":         slices.Concat(everywhere, []string{"dir"}),
		"server renew":      slices.Concat(everywhere, changing, signing),
		"server list":       slices.Concat(everywhere, []string{"dir", "within"}),
		"bundle verify":     slices.Concat(everywhere, []string{"strict", "pin", "registry"}),
		"cert verify":       slices.Concat(everywhere, []string{"strict", "root", "intermediate", "at", "profile"}),
		"doctor":            slices.Concat(everywhere, []string{"strict", "fix", "quick"}),
		"sign-peercert":     slices.Concat(everywhere, changing, signing),
		"generate-keyset-x": nil,
	} {
		line, err := parseArgs(commands(), strings.Fields(name))
		if want == nil {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		table := flagTable(line.command)
		for _, flag := range want {
			if _, ok := table[flag]; !ok {
				t.Errorf("%s: flag --%s is missing", name, flag)
			}
		}
	}
}

func TestParseArgs(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"peer sign b.zip --dry-run", "swptpeer peer sign --dry-run=true -- b.zip"},
		{"--dry-run peer sign b.zip", "swptpeer peer sign --dry-run=true -- b.zip"},
		{"peer --dir D sign b.zip", "swptpeer peer sign --dir=D -- b.zip"},
		{"peer sign -d D -- --dry-run", "swptpeer peer sign --dir=D -- --dry-run"},
		{"peer sign -dir=D b.zip", "swptpeer peer sign --dir=D -- b.zip"},
		{"peer sign --dir -x b.zip", "swptpeer peer sign --dir=-x -- b.zip"},
		{"bundle verify - sign", "swptpeer bundle verify -- - sign"},
		{"cert verify --root a --root b,c leaf", "swptpeer cert verify --root=a --root=b,c -- leaf"},
		{"cert verify --profile=false --root a leaf", "swptpeer cert verify --profile=false --root=a -- leaf"},
	} {
		line, err := parseArgs(commands(), strings.Fields(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.in, err)
			continue
		}
		if got := strings.Join(line.canonical(), " "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.in, got, test.want)
		}
	}
}

// TestEmptyValues: no flag of any command takes an empty value for none, in
// either way of writing it, and under each of its names.
func TestEmptyValues(t *testing.T) {
	flags := 0
	for _, c := range commands().all() {
		if c.run == nil {
			continue
		}
		path := strings.Fields(c.fullName())[1:]
		for name, kind := range flagTable(c) {
			if !kind.takesValue {
				continue
			}
			flags++
			for _, form := range [][]string{{"--" + name, ""}, {"--" + name + "="}, {"-" + name, ""}} {
				_, err := parseArgs(commands(), slices.Concat(path, form))
				if exitStatus(err) != statusUsage || !strings.Contains(err.Error(), "flag --"+kind.name+": found an empty value") {
					t.Errorf("%s %q: found %v", c.fullName(), form, err)
				}
			}
		}
	}
	if flags == 0 {
		t.Fatal("no flags")
	}
}

// FuzzParseArgs: no argument list panics, and a flag never becomes an argument
// unless "--" stands before it.
func FuzzParseArgs(f *testing.F) {
	for _, seed := range []string{"peer sign b.zip --dry-run", "--", "-", "--=", "-= -", "peer --dir", "help help", "--dir=x=y peer list"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, words string) {
		args := strings.Split(words, " ")
		line, err := parseArgs(commands(), args)
		if err != nil || line.help || line.version {
			return
		}
		before := beforeDashes(args)
		for _, arg := range line.args {
			if len(arg) > 1 && arg[0] == '-' && slices.Contains(before, arg) && !slices.Contains(args[len(before):], arg) {
				t.Errorf("%q: flag %q became an argument", words, arg)
			}
		}
	})
}

// closedSystem is a system with an environment of its own, no terminal and no
// other programs.
func closedSystem(env map[string]string) system {
	return system{
		lookupEnv:    func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		now:          func() time.Time { return referenceTime },
		openTerminal: func() (*os.File, error) { return nil, errNoTerminal },
		lookPath:     func(string) (string, error) { return "", errors.New("not found") },
	}
}

// runWith runs the command in this process, with an environment of its own.
func runWith(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), closedSystem(env), append([]string{programName}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// inProcess runs the command in this process, too, at another time, with the
// tools of this machine, and with both outputs in one.
func inProcess(now time.Time, env []string, args ...string) (status int, text string) {
	sys := hostSystem()
	sys.now = func() time.Time { return now }
	sys.openTerminal = func() (*os.File, error) { return nil, errNoTerminal }
	sys.lookupEnv = func(name string) (string, bool) {
		for _, e := range slices.Backward(env) {
			if k, v, _ := strings.Cut(e, "="); k == name {
				return v, true
			}
		}
		return "", false
	}
	var out bytes.Buffer
	status = run(context.Background(), sys, append([]string{programName}, args...), strings.NewReader(""), &out, &out)
	return status, out.String()
}

func TestNoArguments(t *testing.T) {
	for _, args := range [][]string{nil, {}, {"swptpeer"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), hostSystem(), args, strings.NewReader(""), &out, &errs); code != statusUsage {
			t.Errorf("%q: exit status %d, want %d", args, code, statusUsage)
		}
	}
}

// fullWriter is a disk that is full.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// TestOutputError: what could not be printed is not reported as done.
func TestOutputError(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"--version"}, {"completion", "bash"},
		{"peer", "list", "--dir", "../../testdata/reference/nodes/aa"},
		{"peer", "list", "--dir", "../../testdata/reference/nodes/aa", "--format", "json"}} {
		var errs bytes.Buffer
		if code := run(t.Context(), hostSystem(), append([]string{programName}, args...), strings.NewReader(""), fullWriter{}, &errs); code != statusIO {
			t.Errorf("%q: exit status %d, want %d; %s", args, code, statusIO, errs.String())
		}
	}
}

// TestNoLibraryHelp: an argument named like the flag library's own commands is
// an argument.
func TestNoLibraryHelp(t *testing.T) {
	for _, word := range []string{"help", "h"} {
		code, _, stderr := runWith(t, nil, "bundle", "inspect", word)
		if code != statusIO || !strings.Contains(stderr, word+": no such file") {
			t.Errorf("%s: exit status %d, %s", word, code, stderr)
		}
	}
}

func TestRepeatableFlagsKeepCommas(t *testing.T) {
	code, _, stderr := runWith(t, nil, "cert", "verify", "--root", "a,b", "leaf")
	if code != statusIO || !strings.Contains(stderr, "a,b") {
		t.Errorf("exit status %d, %s", code, stderr)
	}
}

// TestPasswordArgumentsAreNotRepeated: a password in the wrong place does not
// come back in an error, which may end up in a log.
func TestPasswordArgumentsAreNotRepeated(t *testing.T) {
	const secret = "hunter2secret"
	forms := []string{"--password=", "--password ", "-password=", "--passwd=", "--pass=", "--passphrase=", "--Password=", "--PASSWORD ", "--pw=", "-pw ", "--pwd=",
		"-p ", "-p=", "-p", "--pass", "--password", "--new-password=", "--new-pass ", "--newpassword=", "--old-password=",
		"--password-stdin=", "--new-password-stdin=", "--password-stdin ", "--new-password-stdin ", "--password-fd=", "--password-fd ", "--password-file=", "--new-password-file ", "--secret=", ""}
	places := []string{"", "key", "key passwd", "key public", "init", "csr create", "generate-masterkey"}
	env := []string{"SWPTPEER_PASSWORD=" + oldPassword, "SWPTPEER_NEW_PASSWORD=" + newPassword}
	node := referenceNode(t, "aa")
	for _, place := range places {
		for _, form := range forms {
			if place == "" && form == "" || strings.HasSuffix(form, "-file=") && place != "key passwd" || strings.HasSuffix(form, "-file ") && place != "key passwd" {
				continue // a command's name; a flag that is not used
			}
			for _, args := range [][]string{
				append(strings.Fields(place), strings.Fields(form+secret)...),
				append(strings.Fields(form+secret), strings.Fields(place)...),
			} {
				if form == "" && args[0] == secret && place != "" {
					continue // the command's name again
				}
				args = append(args, "--dir", node)
				status, text := inProcess(referenceTime, env, args...)
				if status != statusUsage && status != statusIO || strings.Contains(text, secret) {
					t.Errorf("%q: exit status %d: %s", args, status, text)
				}
			}
		}
	}
	// Behind a flag that takes no value, wherever it becomes an argument.
	for _, word := range []string{secret, "hunter 2\tsecret", "-" + secret, "-" + secret + "=x", "geheim", "a", "x.csr"} {
		for _, form := range []string{"--password-stdin %s csr sign x", "--new-password-stdin %s key passwd", "csr --password-stdin %s sign x",
			"peer --password-stdin %s", "--password-stdin %s --help", "server renew --password-stdin %s", "csr sign --password-stdin %s",
			"csr sign --password-stdin %s x", "peer sign --password-stdin %s", "bundle create --password-stdin %s/out", "init --password-stdin %s --type ca",
			"create-infobundle --password-stdin %s", "sign-servercert --password-stdin %s x 1", "stompcheck --password-stdin %s", "peer list --password-stdin %s"} {
			var args []string
			for _, arg := range strings.Fields(form) {
				args = append(args, strings.ReplaceAll(arg, "%s", word))
			}
			args = append(args, "--dir", node, "--yes")
			status, text := inProcess(referenceTime, env, args...)
			shown := regexp.MustCompile(`(^|[^\pL])` + regexp.QuoteMeta(strconv.Quote(word)[1:len(strconv.Quote(word))-1]) + `([^\pL]|$)`)
			for line := range strings.Lines(text) {
				if word != "a" && shown.MatchString(line) || strings.Contains(line, strconv.Quote(word)) || strings.Contains(line, "open "+word+":") {
					t.Errorf("%q: exit status %d: %s", args, status, text)
				}
			}
			if status == statusDone && !strings.HasPrefix(text, "Usage: ") {
				t.Errorf("%q: exit status 0: %s", args, text)
			}
		}
	}
	// What is a file is named, and is read as ever.
	csr := reference(t, "servers/aa.csr")
	notCSR := reference(t, "bundles/ca.zip")
	stdin := func(input string, args ...string) (int, string) {
		var out bytes.Buffer
		status := run(t.Context(), closedSystem(nil), append([]string{programName}, args...), strings.NewReader(input), &out, &out)
		return status, out.String()
	}
	if status, text := stdin(oldPassword+"\n", "csr", "sign", "--password-stdin", notCSR, "--dir", node, "--yes"); status != statusFailed || !strings.Contains(text, notCSR) || strings.Contains(text, "not shown") {
		t.Errorf("a file behind --password-stdin: exit status %d: %s", status, text)
	}
	if status, text := stdin(oldPassword+"\n", "csr", "sign", "--password-stdin", csr, "--dir", node, "--yes"); status != statusDone {
		t.Errorf("a request behind --password-stdin: exit status %d: %s", status, text)
	}
	// Names and values that are not secret are shown.
	for args, want := range map[string]string{
		"key passwd --passwd=x":  "unknown flag --passwd for",
		"key passwd --fingerprt": "unknown flag --fingerprt for",
		"peer list --pin=x":      "unknown flag --pin for",
		"peer list one":          `takes no arguments: found "one"`,
		"peer lst":               `unknown command "lst"`,
	} {
		if _, text := inProcess(referenceTime, nil, strings.Fields(args)...); !strings.Contains(text, want) {
			t.Errorf("%s: found %s, expected %q", args, text, want)
		}
	}
}

// TestNearest: what is suggested is near, and what is not near is not suggested.
func TestNearest(t *testing.T) {
	for _, test := range []struct{ line, hint string }{
		{"lst", `"swptpeer --help" lists the commands`},
		{"geheim", `"swptpeer --help" lists the commands`},
		{"h", `"swptpeer --help" lists the commands`},
		{"nonsense", `"swptpeer --help" lists the commands`},
		{"hepl", `Did you mean "help"? "swptpeer --help" lists the commands`},
		{"pere list", `Did you mean "peer"? "swptpeer --help" lists the commands`},
		{"Peer list", `Did you mean "peer"? "swptpeer --help" lists the commands`},
		{"budnel", `Did you mean "bundle"? "swptpeer --help" lists the commands`},
		{"bndl", `"swptpeer --help" lists the commands`}, // two edits, of four letters
		{"stompchekc", `Did you mean "stompcheck"? "swptpeer --help" lists the commands`},
		{"peer lst", `Did you mean "list"? "swptpeer peer --help" lists the commands`},
		{"peer hlep", `"swptpeer peer --help" lists the commands`},
		{"peer ls", `"swptpeer peer --help" lists the commands`},
		{"-- peer list", `behind -- everything is an argument: put the command before it`},
		{"peer -- list", `behind -- everything is an argument: put the command before it`},
		{"-- generate-masterkey", `behind -- everything is an argument: put the command before it`},
		{"peer list --formt json", `did you mean --format? "swptpeer peer list --help" lists the flags`},
		{"peer list --cert x", `"swptpeer peer list --help" lists the flags`},
		{"peer list --x", `"swptpeer peer list --help" lists the flags`},
		{"peer list --hepl", `did you mean --help? "swptpeer peer list --help" lists the flags`},
		{"peer list --dri", `did you mean --dir? "swptpeer peer list --help" lists the flags`},
		{"csr sign x --dyr-run", `did you mean --dry-run? "swptpeer csr sign --help" lists the flags`},
		{"csr sign x --no-color=1 --quite", `did you mean --quiet? "swptpeer csr sign --help" lists the flags`},
	} {
		_, text := inProcess(referenceTime, nil, strings.Fields(test.line)...)
		_, hint, _ := strings.Cut(text, "\nswptpeer: hint: ")
		if hint, _, _ = strings.Cut(hint, "\n"); hint != test.hint {
			t.Errorf("%s: found the hint %s\nwant %s", test.line, hint, test.hint)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"list", "list", 0}, {"", "abc", 3}, {"abc", "", 3}, {"lst", "list", 1}, {"lsit", "list", 1}, {"tsil", "list", 3}, {"cert", "format", 4}} {
		if got := edits(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: found %d edits, want %d", test.a, test.b, got, test.want)
		}
		if got := edits(test.b, test.a); got != test.want {
			t.Errorf("%q, %q: found %d edits, want %d", test.b, test.a, got, test.want)
		}
	}
}
