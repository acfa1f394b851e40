package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// referenceTime is when the tests believe to be: a day after the reference
// nodes were made.
var referenceTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// TestMain makes this test binary the command itself when a script runs it,
// under its own name or under an old script's.
func TestMain(m *testing.M) {
	startedAs := os.Args[0]
	command := func() {
		sys := hostSystem()
		// The clock of the scripts; the command itself has no such variable.
		if s := os.Getenv("SWPTPEER_TEST_NOW"); s != "" {
			at, err := time.Parse(time.RFC3339, s)
			if err != nil {
				panic(err)
			}
			sys.now = func() time.Time { return at }
		}
		// Of a process that is not dumpable, strace sees names and paths only as
		// root.
		if os.Getenv("SWPTPEER_TEST_TRACED") != "" && os.Geteuid() != 0 {
			sys.keepMemory = func() {}
		}
		// Nor could a process look into its own memory.
		if os.Getenv("SWPTPEER_TEST_SCAN") != "" {
			sys.keepMemory = func() {}
		}
		code := runAsProcess(sys, append([]string{startedAs}, os.Args[1:]...))
		if order := os.Getenv("SWPTPEER_TEST_SCAN"); order != "" {
			if err := scanMemory(order); err != nil {
				panic(err)
			}
		}
		// The most memory that it took: what the kernel tells a parent counts
		// the parent's own, from before the exec.
		if name := os.Getenv("SWPTPEER_TEST_MEMORY"); name != "" {
			status, err := os.ReadFile("/proc/self/status")
			if err == nil {
				err = os.WriteFile(name, status, 0o600)
			}
			if err != nil {
				panic(err)
			}
		}
		os.Exit(code)
	}
	commands := map[string]func(){programName: command}
	for _, old := range oldNames() {
		commands[old.name] = command
	}
	if commands[filepath.Base(startedAs)] == nil {
		heedSignals()
	}
	testscript.Main(m, commands)
}

func TestScripts(t *testing.T) {
	reference, err := filepath.Abs("../../testdata/reference")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REF", reference)
			env.Setenv("SWPTPEER_TEST_NOW", referenceTime.Format(time.RFC3339))
			env.Setenv("HOSTILE", hostileName)
			return nil
		},
		Condition: func(name string) (bool, error) {
			tool, ok := strings.CutPrefix(name, "tool:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			_, err := exec.LookPath(tool)
			if err != nil && os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
				return false, fmt.Errorf("%s is required and not installed", tool)
			}
			return err == nil, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":     cmdStatus,
			"refnode":    cmdRefNode,
			"snapshot":   cmdSnapshot,
			"unchanged":  cmdUnchanged,
			"json":       cmdJSON,
			"xml":        cmdXML,
			"harmless":   cmdHarmless,
			"mode":       cmdMode,
			"setenvout":  cmdSetenvOut,
			"flipbyte":   cmdFlipByte,
			"narrow":     cmdNarrow,
			"nosecret":   cmdNoSecret,
			"concat":     cmdConcat,
			"serve":      cmdServe,
			"background": cmdBackground,
			"waitfor":    cmdWaitFor,
			"finish":     cmdFinish,
			"promtext":   cmdPromtext,
			"setservers": cmdSetServers,
			// Edits as other programs make them: the newline at the end of a file
			// taken away, line ends of Windows.
			"cutnewline": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.TrimSuffix(ts.ReadFile(args[0]), "\n")), 0o644))
			},
			"crlf": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")), 0o644))
			},
			"writehostile": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(hostileName), []byte("PK\x05\x06\x1b[2J\u202e"), 0o644))
			},
		},
	})
}

// hostileName is a file name that tries everything: a window title, colours, a
// C1 control, a bidirectional override, a forged line, a workflow command, a
// byte that is not UTF-8.
const hostileName = "evil\x1b]0;owned\x07\x1b[31m\u009b31m\u202egpj\n::error::forged\xff<x>&\".zip"

// cmdStatus runs a command and checks its exit status exactly:
//
//	status 2 swptpeer peer sign
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// cmdRefNode copies a reference node: refnode aa [folder].
func cmdRefNode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: refnode NAME [FOLDER]")
	}
	to := ts.MkAbs(args[len(args)-1])
	ts.Check(os.CopyFS(to, os.DirFS(filepath.Join(ts.Getenv("REF"), "nodes", args[0]))))
	ts.Check(filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if d.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	}))
	ts.Check(os.Chmod(filepath.Join(to, "private"), 0o700))
	ts.Check(os.Chmod(filepath.Join(to, "private", "root-ca.key"), 0o600))
}

// tree describes everything below a folder: names, modes, contents.
func tree(root string) (string, error) {
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var data []byte
		if info.Mode().IsRegular() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s %q", strings.TrimPrefix(path, root), info.Mode(), data))
		return nil
	})
	sort.Strings(lines)
	return strings.Join(lines, "\n"), err
}

// cmdSnapshot remembers what is below a folder, in a file beside it.
func cmdSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot FOLDER")
	}
	text, err := tree(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("."+filepath.Base(args[0])+".snapshot"), []byte(text), 0o600))
}

// cmdUnchanged fails if anything below the folder differs from its snapshot;
// negated, if nothing does.
func cmdUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unchanged FOLDER")
	}
	before := ts.ReadFile("." + filepath.Base(args[0]) + ".snapshot")
	now, err := tree(ts.MkAbs(args[0]))
	ts.Check(err)
	if same := before == now; same == neg {
		ts.Fatalf("%s: unchanged is %t\nbefore:\n%s\nnow:\n%s", args[0], same, before, now)
	}
}

// cmdJSON checks that a file (or stdout) is one JSON document and that values
// in it are as given:
//
//	json stdout schema=1 type=peer-list peers.0.node.type=da
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: json FILE [path=value...]")
	}
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	decoder.UseNumber()
	var doc any
	ts.Check(decoder.Decode(&doc))
	if _, err := decoder.Token(); err != io.EOF {
		ts.Fatalf("%s: something comes after the JSON document", args[0])
	}
	for _, arg := range args[1:] {
		path, want, _ := strings.Cut(arg, "=")
		value := doc
		for key := range strings.SplitSeq(path, ".") {
			switch v := value.(type) {
			case map[string]any:
				var ok bool
				if value, ok = v[key]; !ok {
					ts.Fatalf("%s: there is no %s", args[0], path)
				}
			case []any:
				if key == "len" {
					value = len(v)
					continue
				}
				i, err := strconv.Atoi(key)
				if err != nil || i >= len(v) {
					ts.Fatalf("%s: there is no %s", args[0], path)
				}
				value = v[i]
			default:
				ts.Fatalf("%s: there is no %s", args[0], path)
			}
		}
		if got := fmt.Sprint(value); got != want {
			ts.Fatalf("%s: %s is %q, want %q", args[0], path, got, want)
		}
	}
}

// cmdNoSecret fails if a secret is in the output of the last command, or in a
// file of the script's folder that others can read:
//
//	nosecret WORD...
func cmdNoSecret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nosecret WORD...")
	}
	look := func(where, text string) {
		for _, secret := range args {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s has a secret in it", where)
			}
		}
	}
	look("standard output", ts.ReadFile("stdout"))
	look("standard error", ts.ReadFile("stderr"))
	looked := 0
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Mode().Perm()&0o044 == 0 {
			return err
		}
		data, err := os.ReadFile(path)
		looked++
		look(path, string(data))
		return err
	}))
	if looked == 0 {
		ts.Fatalf("found no file to look into")
	}
}

// cmdConcat writes files one after the other into one: concat OUT FILE...
func cmdConcat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: concat OUT FILE...")
	}
	var all []byte
	for _, name := range args[1:] {
		all = append(all, ts.ReadFile(name)...)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), all, 0o644))
}

// cmdXML checks that a file is well-formed XML.
func cmdXML(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: xml FILE")
	}
	decoder := xml.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	elements := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		ts.Check(err)
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements == 0 {
		ts.Fatalf("%s: found no XML element", args[0])
	}
}

// cmdHarmless fails if output could do something to a terminal: any control
// character but the newline, a bidirectional override, bytes that are not UTF-8.
func cmdHarmless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: harmless FILE...")
	}
	for _, arg := range args {
		data := ts.ReadFile(arg)
		if data == "" {
			ts.Fatalf("%s is empty: nothing was checked", arg)
		}
		for i, r := range data {
			if r != '\n' && (!printable(r) || r == '\ufffd') {
				ts.Fatalf("%s: found %U at byte %d", arg, r, i)
			}
		}
	}
}

// cmdNarrow fails if a line of a file has more than 80 columns.
func cmdNarrow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: narrow FILE")
	}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if line = strings.TrimRight(line, "\n"); len([]rune(line)) > pageWidth {
			ts.Fatalf("%s: found %d columns: %s", args[0], len([]rune(line)), line)
		}
	}
}

// cmdMode checks the permission bits of a file: mode 0600 private/root-ca.key.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode 0600 FILE")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	st, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if st.Mode().Perm() != fs.FileMode(want) {
		ts.Fatalf("%s: mode %04o, want %04o", args[1], st.Mode().Perm(), want)
	}
}

// cmdSetenvOut sets a variable to what the last command printed.
func cmdSetenvOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: setenvout NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// cmdFlipByte changes one bit of a file: flipbyte FILE OFFSET (negative: from
// the end).
func cmdFlipByte(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flipbyte FILE OFFSET")
	}
	data := []byte(ts.ReadFile(args[0]))
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	if offset < 0 {
		offset += len(data)
	}
	before := bytes.Clone(data)
	data[offset] ^= 1
	if bytes.Equal(before, data) {
		ts.Fatalf("nothing was changed")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}
