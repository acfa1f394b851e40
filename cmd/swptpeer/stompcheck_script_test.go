package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// servers are the "stompcheck serve" processes of the scripts that run.
var servers sync.Map // from the script's folder and the server's name to *exec.Cmd

// program is the command as the script would find it.
func program(ts *testscript.TestScript) *exec.Cmd {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, programName)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			cmd := exec.Command(path)
			cmd.Dir = ts.MkAbs(".")
			cmd.Env = os.Environ()
			for _, name := range []string{"PATH", "HOME", "TMPDIR", "SWPTPEER_TEST_NOW", "SWPTPEER_DIR"} {
				cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
			}
			return cmd
		}
	}
	ts.Fatalf("%s is not in the path", programName)
	return nil
}

// startProcess runs the command in the background, with standard output in
// NAME.out and standard error in NAME.err, until stopProcess or the end of the
// script.
func startProcess(ts *testscript.TestScript, name string, args ...string) {
	cmd := program(ts)
	cmd.Args = append(cmd.Args, args...)
	for _, f := range []struct {
		suffix string
		to     func(*os.File)
	}{{".out", func(f *os.File) { cmd.Stdout = f }}, {".err", func(f *os.File) { cmd.Stderr = f }}} {
		file, err := os.Create(ts.MkAbs(name + f.suffix))
		ts.Check(err)
		defer file.Close()
		f.to(file)
	}
	ts.Check(cmd.Start())
	servers.Store(ts.Getenv("WORK")+name, cmd)
	ts.Defer(func() {
		if _, running := servers.LoadAndDelete(ts.Getenv("WORK") + name); running {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
}

// cmdServe starts "stompcheck serve" at a free port and sets the variable NAME
// to its address: serve NAME [flags...]
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME [flags...]")
	}
	startProcess(ts, args[0], append([]string{"stompcheck", "serve", "--listen", "127.0.0.1:0"}, args[1:]...)...)
	said := regexp.MustCompile(`(?:^listening on |"event":"listening","address":")([0-9.:]+)`)
	if m := waitFor(ts, args[0]+".out", said); m != nil {
		ts.Setenv(args[0], m[1])
		return
	}
	ts.Fatalf("%s does not listen: %s", args[0], ts.ReadFile(args[0]+".err"))
}

// cmdBackground starts the command: background NAME args...
func cmdBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: background NAME args...")
	}
	startProcess(ts, args[0], args[1:]...)
}

// cmdWaitFor waits until a file matches: waitfor FILE REGEXP
func cmdWaitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE REGEXP")
	}
	if waitFor(ts, args[0], regexp.MustCompile("(?m)"+args[1])) == nil {
		ts.Fatalf("%s never had %s:\n%s", args[0], args[1], ts.ReadFile(args[0]))
	}
}

func waitFor(ts *testscript.TestScript, file string, want *regexp.Regexp) []string {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := want.FindStringSubmatch(ts.ReadFile(file)); m != nil {
			return m
		}
	}
	return nil
}

// cmdFinish ends a process with a signal and checks its exit status:
//
//	finish NAME TERM 0
func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt}
	if neg || len(args) != 3 || signals[args[1]] == nil {
		ts.Fatalf("usage: finish NAME TERM|INT STATUS")
	}
	v, ok := servers.LoadAndDelete(ts.Getenv("WORK") + args[0])
	if !ok {
		ts.Fatalf("%s does not run", args[0])
	}
	cmd := v.(*exec.Cmd)
	ts.Check(cmd.Process.Signal(signals[args[1]]))
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	cmd.Wait()
	if !timer.Stop() {
		ts.Fatalf("%s did not end within 20 s", args[0])
	}
	want, err := strconv.Atoi(args[2])
	ts.Check(err)
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("%s: exit status %d, want %d; %s", args[0], got, want, ts.ReadFile(args[0]+".err"))
	}
}

// cmdSetServers rewrites the servers of a manifest: setservers FILE ADDR...
func cmdSetServers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: setservers FILE ADDR...")
	}
	line := regexp.MustCompile(`(?m)^servers = .*$`)
	text := ts.ReadFile(args[0])
	if !line.MatchString(text) {
		ts.Fatalf("%s: no line with servers", args[0])
	}
	text = line.ReplaceAllLiteralString(text, `servers = ["`+strings.Join(args[1:], `", "`)+`"]`)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// cmdPromtext checks that a file is in the text exposition format of Prometheus:
// every sample after the HELP and TYPE of its metric, and nothing else.
func cmdPromtext(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: promtext FILE")
	}
	if err := checkPromtext(ts.ReadFile(args[0])); err != "" {
		ts.Fatalf("%s: %s", args[0], err)
	}
}

var (
	promMeta   = regexp.MustCompile(`^# (HELP|TYPE) (swptpeer_stompcheck_[a-z_]+) (.+)$`)
	promSample = regexp.MustCompile(`^(swptpeer_stompcheck_[a-z_]+)(?:\{[a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*\})? -?[0-9.e+-]+$`)
)

func checkPromtext(text string) (bad string) {
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	current, samples := "", 0
	seen := map[string]bool{}
	for lines.Scan() {
		line := lines.Text()
		if m := promMeta.FindStringSubmatch(line); m != nil {
			switch m[1] {
			case "HELP":
				if seen[m[2]] {
					return "the metric " + m[2] + " comes twice"
				}
				seen[m[2]] = true
				current = m[2]
			case "TYPE":
				if m[2] != current || m[3] != "gauge" {
					return "found " + line
				}
			}
			continue
		}
		m := promSample.FindStringSubmatch(line)
		if m == nil || m[1] != current {
			return "found the line " + line
		}
		if seen[line] {
			return "found a sample twice: " + line
		}
		seen[line] = true
		samples++
	}
	if samples == 0 {
		return "found no sample"
	}
	return ""
}
