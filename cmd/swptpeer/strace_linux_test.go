package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// System calls that change files, or what is known of them on the disk. Those
// with a question mark are passed over where the kernel's table or strace does
// not have them.
var changingCalls = []string{
	"openat", "write", "pwrite64", "?writev", "?pwritev", "fsync", "fdatasync", "?rename", "renameat", "renameat2",
	"?link", "linkat", "?symlink", "symlinkat", "?unlink", "unlinkat", "?rmdir", "?mkdir", "mkdirat",
	"truncate", "ftruncate", "fallocate", "?chmod", "fchmod", "fchmodat", "?fchmodat2", "flock", "copy_file_range", "?sendfile", "?pwritev2", "?splice", "?mknodat",
}

// System calls that look at files. With openat, which opens for both.
var readingCalls = []string{"openat", "read", "pread64", "getdents64", "newfstatat", "?stat", "?lstat", "?fstat", "?statx", "?readlink", "readlinkat", "?lseek"}

// systemCall is one line of a trace.
type systemCall struct {
	pid    string
	name   string
	index  int      // how many of this name the thread made so far, from 1
	args   string   // as printed, descriptors with their paths
	result string   // "3</tmp/x>", "-1 ENOSPC (…) (INJECTED)", "?"
	quoted []string // the names among the arguments
	folder []string // the path of each descriptor among the arguments
}

var (
	callLine    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	descriptors = regexp.MustCompile(`(?:\b\d+|AT_FDCWD)<([^>]*)>`)
	quotedNames = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

const unfinished = "<unfinished ...>"

// parseTrace reads what strace wrote: all calls, in the order in which they
// began.
func parseTrace(text string) []*systemCall {
	var calls []*systemCall
	open := map[string]*systemCall{} // by thread
	count := map[string]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := resumedLine.FindStringSubmatch(line); m != nil {
			if c := open[m[1]]; c != nil && c.name == m[2] {
				c.finish(c.args + m[3])
				delete(open, m[1])
			}
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key := m[1] + " " + m[2]
		count[key]++
		c := &systemCall{pid: m[1], name: m[2], index: count[key]}
		if rest, cut := strings.CutSuffix(m[3], unfinished); cut {
			c.args, c.result = strings.TrimRight(rest, " "), "?"
			open[c.pid] = c
		} else {
			c.finish(m[3])
		}
		calls = append(calls, c)
	}
	for _, c := range calls {
		for _, d := range descriptors.FindAllStringSubmatch(c.args, -1) {
			c.folder = append(c.folder, strings.TrimSuffix(d[1], "(deleted)"))
		}
		for _, q := range quotedNames.FindAllStringSubmatch(c.args, -1) {
			c.quoted = append(c.quoted, q[1])
		}
	}
	return calls
}

// finish takes the arguments and the result apart.
func (c *systemCall) finish(rest string) {
	if i := strings.LastIndex(rest, " = "); i >= 0 {
		c.args, c.result = strings.TrimRight(rest[:i], " "), rest[i+len(" = "):]
	} else {
		c.args, c.result = rest, "?"
	}
	c.args = strings.TrimSuffix(c.args, ")")
}

// runtimeOwn reports a call that Go's runtime makes for itself: it wakes its
// poller by writing to a descriptor that is no file.
func (c *systemCall) runtimeOwn() bool {
	return len(c.folder) > 0 && (strings.HasPrefix(c.folder[0], "anon_inode:") || strings.HasPrefix(c.folder[0], "pipe:")) && c.name != "openat" && !c.isOutput()
}

// isOutput reports a write to standard output or standard error.
func (c *systemCall) isOutput() bool {
	return c.name == "write" && (strings.HasPrefix(c.args, "1<") || strings.HasPrefix(c.args, "2<"))
}

// isResult reports a write to standard output.
func (c *systemCall) isResult() bool { return c.isOutput() && strings.HasPrefix(c.args, "1<") }

// forWriting reports an open that can make or change a file.
func (c *systemCall) forWriting() bool {
	return strings.Contains(c.args, "O_WRONLY") || strings.Contains(c.args, "O_RDWR") || strings.Contains(c.args, "O_CREAT")
}

var volatile = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\.swptpeer-[0-9a-f]{16}`), ".swptpeer-TX"},
	{regexp.MustCompile(`/#\d+`), "/#"}, // a file without a name
	{regexp.MustCompile(`/proc/self/fd/\d+`), "/proc/self/fd/N"},
	{regexp.MustCompile(`[0-9A-F]{32}`), "SERIAL"},
	{regexp.MustCompile(`-\d{5,}\b`), "-N"}, // os.CreateTemp
	{regexp.MustCompile(`pipe:\[\d+\]`), "pipe"},
}

var flagWords = regexp.MustCompile(`\b(?:O|AT|LOCK|RENAME)_[A-Z_|]+\b`)

// label is what stays the same of a call from one run to the next: the paths
// of its descriptors, names and flags.
func (c *systemCall) label(work string) string {
	s := c.name
	for _, word := range slices.Concat(c.folder, c.quoted, flagWords.FindAllString(c.args, -1)) {
		if word != "" && word != "AT_FDCWD" {
			s += " " + word
		}
	}
	s = strings.ReplaceAll(s, work, "{}")
	for _, v := range volatile {
		s = v.what.ReplaceAllString(s, v.with)
	}
	return s
}

// tracer runs the command, which is this test binary under its own name, below
// strace.
type tracer struct{ exe string }

// newTracer skips the test where there is no strace or it may not trace.
func newTracer(t *testing.T) *tracer {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("SWPTPEER_REQUIRE_INTEROP") == "1" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		missing("the names of system calls are not known for %s", runtime.GOARCH)
	}
	if _, err := exec.LookPath("strace"); err != nil {
		missing("strace is needed, and not installed: %v", err)
	}
	if out, err := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace=none", "true").CombinedOutput(); err != nil {
		missing("strace cannot trace here: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(t.TempDir(), programName)
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	return &tracer{exe}
}

// traced is a run that was traced.
type traced struct {
	calls  []*systemCall
	main   string // the main thread
	status int    // -1: killed
	output string // standard output and standard error
}

// childEnv is the environment of the command in these tests. One processor and
// no preemption by signals: fewer stops for strace, and the same calls each
// time.
func childEnv(now time.Time, extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "SWPTPEER_TEST_NOW=" + now.Format(time.RFC3339), "SWPTPEER_TEST_TRACED=1",
		"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOTRACEBACK=single"}, extra...)
}

// run runs the command with args, in a folder that it has nothing to do with.
// inject is an expression of strace's, or empty.
func (tr *tracer) run(env, args, calls []string, inject string) (*traced, error) {
	log, err := os.CreateTemp(filepath.Dir(tr.exe), "trace")
	if err != nil {
		return nil, err
	}
	log.Close()
	defer os.Remove(log.Name())
	line := []string{"-f", "-qq", "-y", "-s", "0", "-e", "signal=none", "-o", log.Name(), "-e", "trace=execve," + strings.Join(calls, ",")}
	if inject != "" {
		line = append(line, "-e", "inject="+inject)
	}
	cmd := exec.Command("strace", append(append(line, tr.exe), args...)...)
	cmd.Dir, cmd.Env = filepath.Dir(tr.exe), append(env, "TMPDIR="+filepath.Dir(tr.exe))
	out, err := cmd.CombinedOutput()
	res := &traced{output: string(out)}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		res.status = exit.ExitCode()
		// strace ends as what it traced did.
		if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() && ws.Signal() != syscall.SIGKILL {
			return nil, fmt.Errorf("ended by %v: %s", ws.Signal(), out)
		}
	} else if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(log.Name())
	if err != nil {
		return nil, err
	}
	res.calls = parseTrace(string(data))
	if len(res.calls) == 0 || res.calls[0].name != "execve" {
		return nil, fmt.Errorf("strace gave no trace: %s", out)
	}
	res.main = res.calls[0].pid
	return res, nil
}

// failure is what the command said about its failure.
func (r *traced) failure() string {
	if i := strings.Index(r.output, programName+": error: "); i >= 0 {
		return r.output[i:min(len(r.output), i+1000)]
	}
	return r.output
}

// find returns a call of the main thread.
func (r *traced) find(name string, index int) *systemCall {
	for _, c := range r.calls {
		if c.pid == r.main && c.name == name && c.index == index {
			return c
		}
	}
	return nil
}

// traceAttempts is how often a run is repeated in which the fault met another
// call than the one that was meant: Go's runtime now and then makes one of its
// own.
const traceAttempts = 5

// inParallel runs do for 0…n-1 on a few goroutines.
func inParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, max(2, runtime.NumCPU())) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func TestParseTrace(t *testing.T) {
	const text = `71 execve("/x", ["x"], 0x7f /* 3 vars */) = 0
71 openat(AT_FDCWD</w>, "n/db/.swptpeer-00112233445566ff-1", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 7</w/n/db/.swptpeer-00112233445566ff-1>
71 write(7</w/n/db/.swptpeer-00112233445566ff-1>, ""..., 33 <unfinished ...>
72 write(4<anon_inode:[eventfd]>, ""..., 8) = 8
71 <... write resumed>) = 33
71 renameat(9</w/n/db>, ".swptpeer-00112233445566ff-1", 9</w/n/db>, "serial") = -1 ENOSPC (No space left on device) (INJECTED)
71 linkat(AT_FDCWD</w>, "/proc/self/fd/12", 11</w>, "o.crt", AT_SYMLINK_FOLLOW) = ?
`
	var got []string
	for _, c := range parseTrace(text) {
		got = append(got, fmt.Sprintf("%s %d %s -> %s", c.pid, c.index, c.label("/w"), c.result))
	}
	want := []string{
		"71 1 execve /x x -> 0",
		"71 1 openat {} n/db/.swptpeer-TX-1 O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC -> 7</w/n/db/.swptpeer-00112233445566ff-1>",
		"71 1 write {}/n/db/.swptpeer-TX-1 -> 33",
		"72 1 write anon_inode:[eventfd] -> 8",
		"71 1 renameat {}/n/db {}/n/db .swptpeer-TX-1 serial -> -1 ENOSPC (No space left on device) (INJECTED)",
		"71 1 linkat {} {} /proc/self/fd/N o.crt AT_SYMLINK_FOLLOW -> ?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if c := parseTrace(text)[3]; !c.runtimeOwn() || c.isOutput() {
		t.Error("the runtime's own call is not known as such")
	}
}
