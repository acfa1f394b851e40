package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/durable"
	"github.com/swaptacular/swptpeer/certs/nodedir"
)

// fault is what is done to a system call.
type fault struct {
	inject string // for strace
	says   string // what the command must say about it; empty: it is killed
}

var (
	kill = fault{inject: "signal=KILL"}
	eio  = fault{"error=EIO", "input/output error"}
	full = fault{"error=ENOSPC", "no space left on device"}
)

// point is a system call of the undisturbed run, and the fault that it meets.
type point struct {
	call  *systemCall
	fault fault
	reads bool // it only looks
}

// faultRun is a case with the folders it is tried in.
type faultRun struct {
	*faultCase
	t      *testing.T
	tracer *tracer
	dir    string // has a folder for each try
	base   *traced
	home   string          // where base was
	before files           // exactly
	start  files           // before, as compare reads it
	end    files           // after an undisturbed run
	second files           // after two of them; nil if the second changes nothing
	mended files           // after only what was pending was finished; nil if nothing was
	known  map[string]bool // what doctor finds after an undisturbed run

	mu        sync.Mutex
	tries     int
	failed    int
	unread    int            // reads whose failure made no difference
	tolerated map[string]int // label → how often the fault made no difference
	left      map[string]int // label → how often a temporary file was left outside the directory
}

func newFaultRun(t *testing.T, c *faultCase) *faultRun {
	t.Helper()
	f := &faultRun{faultCase: c, t: t, tracer: newTracer(t), dir: fastFolder(t),
		known: map[string]bool{}, tolerated: map[string]int{}, left: map[string]int{}}
	template := f.work(0)
	if err := os.MkdirAll(filepath.Join(template, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	c.prepare(t, template)
	f.before, f.start = readFiles(t, template), f.read(template)

	if f.pending() {
		mended := f.fresh()
		if _, err := durable.Recover(filepath.Join(mended, "node"), "db/.swptpeer-journal"); err != nil {
			t.Fatal(err)
		}
		f.mended = f.read(mended)
	}
	work := f.fresh()
	var err error
	if f.base, err = f.run(work, slices.Concat(changingCalls, readingCalls), ""); err != nil {
		t.Fatal(err)
	}
	if f.base.status != statusDone {
		t.Fatalf("undisturbed: exit status %d: %s", f.base.status, f.base.output)
	}
	f.home = work
	if f.end = f.read(work); readFiles(t, work).equal(f.before) {
		t.Fatal("undisturbed: nothing was changed")
	}
	report, err := audit(work)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range report.Failed(check.Warning) {
		f.known[f.finding(work, res)] = true
	}
	if status, text := f.repeat(work); status != statusDone && !slices.Contains(f.statuses, status) {
		t.Fatalf("run again after an undisturbed run: exit status %d: %s", status, text)
	}
	if again := f.read(work); !again.equal(f.end) {
		if !c.twice {
			t.Fatalf("run again after an undisturbed run:\n%s", again.difference(f.end))
		}
		f.second = again
	}
	return f
}

// work is the folder of try n; 0 is the template. Its own name is always the
// same, because manifests have it in them.
func (f *faultRun) work(n int) string {
	return filepath.Join(f.dir, fmt.Sprintf("try%06d", n), "accounts")
}

// fresh is a new copy of the template.
func (f *faultRun) fresh() string {
	f.mu.Lock()
	f.tries++
	work := f.work(f.tries)
	f.mu.Unlock()
	copyTree(f.t, f.work(0), work)
	return work
}

func (f *faultRun) env() []string {
	return append([]string{"SWPTPEER_PASSWORD=" + oldPassword}, f.faultCase.env...)
}

// run runs the command below strace.
func (f *faultRun) run(work string, calls []string, inject string) (*traced, error) {
	return f.tracer.run(childEnv(referenceTime, f.env()...), words(f.args, work), calls, inject)
}

// repeat runs the command again.
func (f *faultRun) repeat(work string) (int, string) {
	args := f.again
	if args == "" {
		args = f.args
	}
	return inProcess(referenceTime, f.env(), words(args, work)...)
}

// anySubnet is the subnet of a debtors agent of the reference authority, and
// maxAlike how many reads are tried that differ in it alone.
var anySubnet = regexp.MustCompile(`\b1234abcd[0-9a-f]{2}\b`)

const maxAlike = 6

// points are the calls at which a fault is to be tried.
func (f *faultRun) points() []point {
	var out []point
	names := func(list []string, name string) bool {
		return slices.Contains(list, name) || slices.Contains(list, "?"+name)
	}
	// strace counts for each thread, so that the fault meets whichever thread
	// comes to the number first.
	elsewhere := map[string]int{}
	alike := map[string]int{} // reads that look for one subnet after the other
	for _, c := range f.base.calls {
		if c.pid != f.base.main {
			elsewhere[c.name] = max(elsewhere[c.name], c.index)
		}
		changes := names(changingCalls, c.name) && (c.name != "openat" || c.forWriting())
		switch {
		case c.pid != f.base.main && changes && !c.runtimeOwn():
			f.t.Errorf("not on the main thread, so that it cannot be counted: %s", c.label(f.home))
		case c.pid != f.base.main:
		case changes && c.index <= elsewhere[c.name]:
			f.t.Errorf("cannot be told from a call of another thread: %s", c.label(f.home))
		case changes && (c.isOutput() || !c.runtimeOwn()):
			out = append(out, point{call: c, fault: kill}, point{call: c, fault: eio}, point{call: c, fault: full})
		case names(readingCalls, c.name) && strings.Contains(c.args, f.home) && c.index > elsewhere[c.name]:
			shape := anySubnet.ReplaceAllString(c.label(f.home), "SUBNET")
			if alike[shape]++; alike[shape] > maxAlike {
				continue
			}
			out = append(out, point{call: c, fault: eio, reads: true})
		}
	}
	return out
}

// disturb makes a fresh copy and runs the command with a fault.
func (f *faultRun) disturb(p point) (work string, got *traced, err error) {
	want := p.call.label(f.home)
	var met string
	for range traceAttempts {
		work = f.fresh()
		got, err = f.run(work, []string{p.call.name}, fmt.Sprintf("%s:%s:when=%d", p.call.name, p.fault.inject, p.call.index))
		if err != nil {
			return work, nil, err
		}
		c := got.find(p.call.name, p.call.index)
		if c == nil {
			met = "no such call"
			continue
		}
		met = c.label(work)
		hit := strings.Contains(c.result, "INJECTED")
		if p.fault == kill {
			hit = got.status == -1 && c.result == "?"
		}
		if hit && met == want {
			return work, got, nil
		}
	}
	return work, nil, fmt.Errorf("the fault did not meet the call that it was meant for: found %s, expected %s", met, want)
}

// try tries one point. Its folder is removed unless something is wrong.
func (f *faultRun) try(p point) {
	label := p.call.label(f.home)
	var problems []string
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	defer func() {
		if len(problems) > 0 {
			f.report(fmt.Sprintf("%s at call %d of its kind: %s\n%s", p.fault.inject, p.call.index, label, strings.Join(problems, "\n")))
		}
	}()
	work, got, err := f.disturb(p)
	if err != nil {
		fail("%v", err)
		return
	}
	defer os.RemoveAll(filepath.Dir(work))
	f.checkLeft(work, fail)
	if p.fault != kill {
		f.checkFailure(work, got, p, fail)
	}
	status, text := f.repeat(work)
	if status != statusDone && !slices.Contains(f.statuses, status) {
		fail("run again: exit status %d: %s", status, text)
	}
	f.checkEnd(work, label, fail)
}

// newFolder is a folder that was made a moment ago, and is still closed to
// others.
const newFolder = "drwx------"

// maxReports is how many points are reported; a defect usually shows at many.
const maxReports = 20

func (f *faultRun) report(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed++; f.failed <= maxReports {
		f.t.Error(text)
	}
}

// checkLeft checks what must hold at any moment.
func (f *faultRun) checkLeft(work string, fail func(string, ...any)) {
	state := f.read(work)
	_, pending := state["node/db/.swptpeer-journal"]
	for name, is := range state.visible() {
		if pending && is == newFolder {
			is = f.end[name] // its mode comes next
		}
		if is != f.start[name] && is != f.end[name] && is != f.mended[name] {
			fail("%s is neither as before nor as it will be: %.300q", name, is)
		}
	}
	for name := range f.start {
		if _, ends := f.end[name]; ends && state[name] == "" {
			fail("%s has gone", name)
		}
	}
	checkSecrets(f.t, work, func(problem string) { fail("%s", problem) })
	report, err := audit(work)
	switch {
	case err != nil && f.begins && errors.Is(err, nodedir.ErrNotNode):
	case err != nil:
		fail("doctor: %v", err)
	default:
		for _, res := range report.Failed(check.Error) {
			if !f.known[f.finding(work, res)] {
				fail("doctor: %s", res)
			}
		}
	}
	const key = "node/private/root-ca.key"
	if len(f.passwords) > 0 && readFiles(f.t, work)[key] != f.before[key] && !keyOpens(work, f.passwords[1]) {
		fail("the root key is not the old file, and does not open with the new password")
	}
}

// keyOpens reports whether the root key opens with a password.
func keyOpens(work, password string) bool {
	status, _ := inProcess(referenceTime, []string{"SWPTPEER_PASSWORD=" + password}, "key", "public", "--key", work+"/node/private/root-ca.key")
	return status == statusDone
}

// checkFailure checks what a command says and does when a call has failed.
func (f *faultRun) checkFailure(work string, got *traced, p point, fail func(string, ...any)) {
	before, exact, state := f.before, readFiles(f.t, work), f.read(work)
	if strings.Contains(p.call.args, ".swptpeer.lock") {
		// Who could not take the lock must not remove its file, because another
		// process may hold it.
		before, exact = f.withoutLock(before), f.withoutLock(exact)
	}
	pending, err := durable.Pending(filepath.Join(work, "node"), "db/.swptpeer-journal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		fail("%v", err)
	}
	if p.call.isOutput() {
		f.checkUnprinted(got, state, p, fail)
		return
	}
	switch {
	case got.status == statusDone && state.equal(f.end):
		f.mu.Lock()
		if p.reads {
			f.unread++
			f.mu.Unlock()
			return
		}
		f.tolerated[p.fault.inject+" "+p.call.label(f.home)]++
		f.mu.Unlock()
		return
	case got.status == statusDone:
		fail("it says that it has succeeded, and has not:\n%s", state.difference(f.end))
	case got.status != statusIO:
		fail("exit status %d, expected %d: %s", got.status, statusIO, got.failure())
	case exact.equal(before):
	case f.mended != nil && (state.visible().equal(f.start.visible()) || state.equal(f.mended)):
	case state.below("node/").equal(f.end.below("node/")): // complete, perhaps not written to an output file
	case pending && strings.Contains(got.output, "interrupted"):
	case f.judges: // it makes several changes; checkLeft has looked at each file
	default:
		fail("neither as before, nor complete, nor to be completed by the next change (pending: %t): %s\n%s", pending, got.failure(), exact.difference(before))
	}
	if strings.Contains(got.output, "nothing was changed") && !exact.equal(before) && (f.mended == nil || !state.equal(f.mended)) {
		fail("it says that nothing was changed: %s\n%s", got.failure(), exact.difference(before))
	}
	if !strings.Contains(got.output, p.fault.says) || !strings.Contains(got.output, programName+": error: ") {
		fail("it does not say why it failed, expected %q: %s", p.fault.says, got.failure())
	}
}

// checkUnprinted checks what a command does and says that could not print
// something: the change is made; it says so if it could not print the result,
// and how to see it; and it does not invite to make the change again.
func (f *faultRun) checkUnprinted(got *traced, state files, p point, fail func(string, ...any)) {
	if !state.equal(f.end) {
		fail("it could not print something, and has not made the change:\n%s", state.difference(f.end))
	}
	if !p.call.isResult() {
		// Notes are not what was asked for, and nobody can be told.
		if got.status != statusDone {
			fail("exit status %d for a note that could not be printed, expected %d: %s", got.status, statusDone, got.failure())
		}
		return
	}
	if got.status != statusIO {
		fail("exit status %d, expected %d: %s", got.status, statusIO, got.failure())
	}
	says := regexp.MustCompile(programName + `: error: .* (is|are) \S+, but the output could not be written to standard output: ` + p.fault.says + "\n" +
		programName + `: hint: do not run the command again: (take it from /\S+|"swptpeer .*" (shows|opens) .*)\n`)
	if !says.MatchString(got.output) || strings.Contains(got.output, "nothing was changed") || strings.Contains(got.output, "disk is full") {
		fail("it does not say that the change is made and how to see it: %s", got.failure())
	}
}

// checkEnd checks that the end is that of an undisturbed run.
func (f *faultRun) checkEnd(work, label string, fail func(string, ...any)) {
	state := f.read(work)
	for name := range state {
		// A file that is to replace another, outside the node directory, has a
		// name for a moment, and nobody looks for it there later.
		if outside := !strings.HasPrefix(name, "node/"); outside && isHidden(name) {
			delete(state, name)
			f.mu.Lock()
			f.left[label]++
			f.mu.Unlock()
		}
	}
	if !state.equal(f.end) && (f.second == nil || !state.equal(f.second)) {
		fail("run again: the end is another one:\n%s", state.difference(f.end))
	}
	report, err := audit(work)
	if err != nil {
		fail("run again: doctor: %v", err)
		return
	}
	for _, res := range report.Failed(check.Warning) {
		if !f.known[f.finding(work, res)] && f.second == nil {
			fail("run again: doctor: %s", res)
		}
	}
	checkSecrets(f.t, work, func(problem string) { fail("%s", problem) })
	if len(f.passwords) > 0 && !keyOpens(work, f.passwords[1]) {
		fail("run again: the root key does not open with the new password")
	}
}

// finding is a result of doctor, without the folder's name.
func (f *faultRun) finding(work string, res check.Result) string {
	return strings.ReplaceAll(res.String(), work, "W")
}

// withoutLock leaves out the lock, and the folders that were made for it.
func (f *faultRun) withoutLock(exact files) files {
	out := maps.Clone(exact)
	delete(out, "node/db/.swptpeer.lock")
	for _, name := range []string{"node/db", "node"} {
		if _, before := f.before[name]; !before {
			delete(out, name)
		}
	}
	return out
}

// pending reports whether the case begins with an interrupted change.
func (f *faultRun) pending() bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(f.before)), isJournal)
}

// staging reports whether it begins with one that had not been committed, and
// undoes with one that was being taken back.
func (f *faultRun) staging() bool { return f.before["node/db/.swptpeer-journal.staging"] != "" }
func (f *faultRun) undoes() bool  { return f.before["node/db/.swptpeer-journal.undo"] != "" }

func audit(work string) (*check.Report, error) {
	d, err := nodedir.Open(filepath.Join(work, "node"), nodedir.Options{Now: func() time.Time { return referenceTime }})
	if err != nil {
		return nil, err
	}
	return d.Audit(context.Background(), nodedir.AuditOptions{})
}

var serialInName = regexp.MustCompile(`[0-9A-F]{32}`)

// read is readFiles without what differs from run to run.
func (f *faultRun) read(work string) files {
	out := files{}
	for name, is := range readFiles(f.t, work) {
		switch {
		case name == "node/db/.swptpeer.lock":
			continue
		case f.random != nil && f.random.MatchString(name):
			name, is = serialInName.ReplaceAllString(name, "SERIAL"), is[:len("-rw-------")]
		}
		out[name] = strings.ReplaceAll(is, work, "{}")
	}
	return out
}

// fastFolder is a folder in memory, if there is such a thing.
func fastFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "swptpeer-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
