package main

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a power loss leaves depends on the order in which things reach the disk:
// content that was not synced may be missing from a file whose new name
// survived, and a name that was not synced (in its folder) may be the old one.
// These tests read the system calls of each command and keep account of what is
// synced at each moment.

// onDisk is the state of one file or folder.
type onDisk struct {
	name    string
	folder  bool
	dirty   bool   // content or mode not synced
	unnamed bool   // made with O_TMPFILE, not linked yet
	because string // the call that made it dirty
}

// account follows a trace. Only what lies below root is looked at.
type account struct {
	root    string
	byName  map[string]*onDisk
	byFD    map[string]*onDisk // by thread group: there is one
	broken  []string
	counted map[string]int // what was seen, so that a test cannot pass by seeing nothing
	journal bool           // the journal says "committed"
}

func newAccount(root string) *account {
	return &account{root: root, byName: map[string]*onDisk{}, byFD: map[string]*onDisk{}, counted: map[string]int{}}
}

func (a *account) breach(c *systemCall, format string, args ...any) {
	a.broken = append(a.broken, fmt.Sprintf("%s: %s", c.label(a.root), fmt.Sprintf(format, args...)))
}

// at is the file with this name, which is taken as synced if it was there
// before.
func (a *account) at(name string) *onDisk {
	f := a.byName[name]
	if f == nil {
		f = &onDisk{name: name}
		a.byName[name] = f
	}
	return f
}

// changed notes a change of names in a folder.
func (a *account) changed(name string, c *systemCall) {
	dir := a.at(path.Dir(name))
	dir.folder, dir.dirty, dir.because = true, true, c.label(a.root)
}

// below lists what is known of at and below a name.
func (a *account) below(name string) []*onDisk {
	var out []*onDisk
	for n, f := range a.byName {
		if n == name || strings.HasPrefix(n, name+"/") {
			out = append(out, f)
		}
	}
	return out
}

// synced demands that all of it is on the disk.
func (a *account) synced(c *systemCall, why string, files []*onDisk) {
	for _, f := range files {
		if f.dirty {
			a.breach(c, "%s: %s is not synced since %s", why, strings.TrimPrefix(f.name, a.root), f.because)
		}
	}
}

// all lists everything below the root but the lock, whose file says nothing.
func (a *account) all() []*onDisk {
	var out []*onDisk
	for _, f := range a.below(a.root) {
		if path.Base(f.name) != ".swptpeer.lock" {
			out = append(out, f)
		}
	}
	return out
}

// move gives what is at one name another.
func (a *account) move(from, to string) {
	for n := range a.byName {
		if n == to || strings.HasPrefix(n, to+"/") {
			delete(a.byName, n)
		}
	}
	for n, f := range a.byName {
		if n == from || strings.HasPrefix(n, from+"/") {
			delete(a.byName, n)
			f.name = to + strings.TrimPrefix(n, from)
			a.byName[f.name] = f
		}
	}
}

// names are the paths that a call with folder descriptors and names speaks of.
func (c *systemCall) names() []string {
	var out []string
	for i, q := range c.quoted {
		if !path.IsAbs(q) && i < len(c.folder) {
			q = path.Join(c.folder[i], q)
		}
		out = append(out, q)
	}
	return out
}

// fd is the first descriptor of a call, or the one that it returned.
func fd(s string) string {
	n, _, _ := strings.Cut(strings.TrimSpace(s), "<")
	return n
}

func (a *account) inside(name string) bool {
	return name == a.root || strings.HasPrefix(name, a.root+"/")
}

func isJournal(name string) bool { return strings.HasPrefix(path.Base(name), ".swptpeer-journal") }

// isVisible reports whether others may look at a name: neither it nor a folder
// that it lies in is temporary.
func isVisible(name string) bool { return !isHidden(name) && path.Base(name) != ".swptpeer.lock" }

// take reads one call.
func (a *account) take(c *systemCall) {
	if strings.HasPrefix(c.result, "-1") || c.result == "?" {
		return
	}
	switch c.name {
	case "openat":
		a.open(c)
	case "write", "pwrite64", "ftruncate", "fchmod", "fsync", "fdatasync":
		f := a.byFD[fd(c.args)]
		if f == nil {
			return
		}
		a.counted[c.name]++
		if strings.HasSuffix(c.name, "sync") {
			f.dirty = false
			return
		}
		if c.name != "fchmod" && !f.unnamed && isVisible(f.name) && a.inside(f.name) {
			// In place: only the index is ever added to, and only when the
			// journal knows what, and how long it was.
			if path.Base(f.name) != "index" || !a.journal {
				a.breach(c, "written in place, though others may look at it")
			}
		}
		f.dirty, f.because = true, c.label(a.root)
	case "mkdirat":
		name := c.names()[0]
		f := &onDisk{name: name, folder: true, dirty: true, because: c.label(a.root)}
		a.byName[name] = f
		a.changed(name, c)
	case "unlinkat":
		name := c.names()[0]
		if isJournal(name) && !strings.HasSuffix(name, ".new") {
			a.counted["journal ended"]++
			a.journal = false
			a.synced(c, "the journal ends", a.all())
		}
		for _, f := range a.below(name) {
			delete(a.byName, f.name)
		}
		a.changed(name, c)
	case "linkat":
		a.link(c)
	case "renameat", "renameat2":
		a.rename(c)
	case "fchmodat":
		if name := c.names()[0]; a.inside(name) {
			f := a.at(name)
			f.dirty, f.because = true, c.label(a.root)
		}
	case "flock":
		// It changes nothing on the disk.
	default:
		a.unaccounted(c)
	}
}

// unaccounted refuses what changes files in another way than those whose effect
// is known here.
func (a *account) unaccounted(c *systemCall) {
	if !slices.Contains(changingCalls, c.name) && !slices.Contains(changingCalls, "?"+c.name) {
		return
	}
	if slices.ContainsFunc(slices.Concat(c.folder, c.names()), a.inside) {
		a.breach(c, "a way of changing files whose effect is not known here")
	}
}

func (a *account) open(c *systemCall) {
	returned := fd(c.result)
	name := c.names()[0]
	delete(a.byFD, returned)
	if !a.inside(name) {
		return
	}
	switch {
	case strings.Contains(c.args, "O_TMPFILE"):
		a.byFD[returned] = &onDisk{name: name + "/unnamed", dirty: true, unnamed: true, because: c.label(a.root)}
	case strings.Contains(c.args, "O_EXCL"):
		f := &onDisk{name: name, dirty: true, because: c.label(a.root)}
		a.byName[name], a.byFD[returned] = f, f
		a.changed(name, c)
		if isVisible(name) {
			a.breach(c, "made under a name that others may look at")
		}
	case strings.Contains(c.args, "O_TRUNC"):
		a.breach(c, "what was there is lost")
	default:
		a.byFD[returned] = a.at(name)
	}
}

func (a *account) link(c *systemCall) {
	names := c.names()
	to := names[len(names)-1]
	if !a.inside(to) {
		return
	}
	if n, ok := strings.CutPrefix(c.quoted[0], "/proc/self/fd/"); ok {
		if _, err := strconv.Atoi(n); err != nil {
			a.breach(c, "not understood")
		}
		f := a.byFD[n]
		if f == nil {
			a.breach(c, "a file that was not seen")
			return
		}
		a.counted["output placed"]++
		a.synced(c, "it gets its name", []*onDisk{f})
		f.name, f.unnamed = path.Join(c.folder[len(c.folder)-1], c.quoted[1]), false
		to = f.name
		a.byName[to] = f
	} else {
		was := *a.at(names[0])
		was.name = to
		a.byName[to] = &was
	}
	a.changed(to, c)
}

func (a *account) rename(c *systemCall) {
	names := c.names()
	from, to := names[0], names[1]
	switch {
	case !a.inside(from):
		return
	case isJournal(to) && path.Base(to) == ".swptpeer-journal":
		// The commit point: what the journal promises is there.
		a.counted["commit"]++
		a.journal = true
		a.synced(c, "the change is committed", a.all())
	case isJournal(from) && strings.HasSuffix(from, ".undo"):
		// From here on what is staged is removed, and nothing is undone again.
		a.counted["undone"]++
		a.synced(c, "the change is undone", a.all())
	case isVisible(to):
		a.counted["placed"]++
		a.synced(c, "it gets its name", a.below(from))
		if !a.journal && strings.HasPrefix(to, a.root+"/node/") {
			a.breach(c, "before the journal knew of it")
		}
	}
	if strings.Contains(c.args, "RENAME_EXCHANGE") {
		a.move(from, from+"\x00")
		a.move(to, from)
		a.move(from+"\x00", to)
	} else {
		a.move(from, to)
	}
	a.changed(from, c)
	a.changed(to, c)
}

// checkOrder reads the trace of a command that nothing disturbed.
func (f *faultRun) checkOrder(t *testing.T) {
	a := newAccount(f.home)
	if a.journal = f.pending(); a.journal {
		// Whoever died had perhaps not synced any of the names.
		for _, name := range []string{"db", "db/subnets/debtors", "certs", "peers"} {
			dir := a.at(path.Join(f.home, "node", name))
			dir.folder, dir.dirty, dir.because = true, true, "the process that died"
		}
		if !f.staging() {
			index := a.at(path.Join(f.home, "node/db/index"))
			index.dirty, index.because = true, "the process that died"
		}
	}
	for _, call := range f.base.calls {
		a.take(call)
	}
	for _, left := range a.all() {
		if left.dirty {
			a.broken = append(a.broken, fmt.Sprintf("at the end: %s is not synced since %s", strings.TrimPrefix(left.name, f.home), left.because))
		}
	}
	for _, b := range a.broken {
		t.Error(b)
	}
	if undoes := f.undoes(); undoes != (a.counted["undone"] > 0) {
		t.Errorf("saw %v, expected that a change is undone: %t", a.counted, undoes)
	}
	if placed := a.counted["placed"] + a.counted["output placed"]; placed == 0 || a.counted["journal ended"] == 0 || a.counted["fsync"] == 0 {
		t.Errorf("saw %v, expected at least a file that gets its name and a journal that ends", a.counted)
	}
}

// The account itself: each order that is wrong is found.
func TestPowerLossAccount(t *testing.T) {
	const (
		create  = `1 openat(3</r/node/db>, ".swptpeer-0011223344556677-0", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</r/node/db/.swptpeer-0011223344556677-0>` + "\n"
		write   = `1 write(9</r/node/db/.swptpeer-0011223344556677-0>, ""..., 3) = 3` + "\n"
		sync    = `1 fsync(9</r/node/db/.swptpeer-0011223344556677-0>) = 0` + "\n"
		dir     = `1 openat(3</r/node/db>, ".", O_RDONLY) = 4</r/node/db>` + "\n"
		dirSync = `1 fsync(4</r/node/db>) = 0` + "\n"
		commit  = `1 renameat(3</r/node/db>, ".swptpeer-journal.staging", 3</r/node/db>, ".swptpeer-journal") = 0` + "\n"
		place   = `1 renameat(3</r/node/db>, ".swptpeer-0011223344556677-0", 3</r/node/db>, "serial") = 0` + "\n"
		undone  = `1 renameat(3</r/node/db>, ".swptpeer-journal.undo", 3</r/node/db>, ".swptpeer-journal.staging") = 0` + "\n"
		end     = `1 unlinkat(3</r/node/db>, ".swptpeer-journal", 0) = 0` + "\n"
	)
	for name, tt := range map[string]struct{ trace, want string }{
		"right":               {dir + create + write + sync + dirSync + commit + dirSync + place + dirSync + end + dirSync, ""},
		"content not synced":  {dir + create + write + dirSync + commit + dirSync + place + dirSync + end + dirSync, "the change is committed"},
		"written after sync":  {dir + create + sync + dirSync + commit + dirSync + write + place + dirSync + end + dirSync, "it gets its name"},
		"folder not synced":   {dir + create + write + sync + commit + dirSync + place + dirSync + end + dirSync, "the change is committed"},
		"no journal":          {dir + create + write + sync + dirSync + place + dirSync, "before the journal knew"},
		"journal ends early":  {dir + create + write + sync + dirSync + commit + dirSync + place + end + dirSync, "the journal ends"},
		"end not synced":      {dir + create + write + sync + dirSync + commit + dirSync + place + dirSync + end, "at the end"},
		"written in place":    {dir + `1 openat(3</r/node/db>, "serial", O_WRONLY) = 9</r/node/db/serial>` + "\n" + write + sync, "written in place"},
		"truncated":           {`1 openat(3</r/node/db>, "serial", O_WRONLY|O_TRUNC) = 9</r/node/db/serial>` + "\n", "is lost"},
		"undone, not synced":  {dir + `1 openat(3</r/node/db>, "index", O_RDWR) = 9</r/node/db/index>` + "\n" + `1 ftruncate(9</r/node/db/index>, 3) = 0` + "\n" + undone, "the change is undone"},
		"undone":              {commit + dir + `1 openat(3</r/node/db>, "index", O_RDWR) = 9</r/node/db/index>` + "\n" + `1 ftruncate(9</r/node/db/index>, 3) = 0` + "\n" + `1 fsync(9</r/node/db/index>) = 0` + "\n" + dirSync + undone + dirSync, ""},
		"writev":              {dir + create + `1 writev(9</r/node/db/.swptpeer-0011223344556677-0>, [{iov_base=""..., iov_len=3}], 1) = 3` + "\n" + sync + dirSync, "not known"},
		"copy_file_range":     {`1 copy_file_range(8</etc/x>, NULL, 9</r/node/db/.swptpeer-0011223344556677-0>, NULL, 3, 0) = 3` + "\n", "not known"},
		"sendfile":            {`1 sendfile(9</r/node/db/serial>, 8</etc/x>, NULL, 3) = 3` + "\n", "not known"},
		"truncate":            {`1 truncate("/r/node/db/index", 3) = 0` + "\n", "not known"},
		"fallocate":           {`1 fallocate(9</r/node/db/index>, 0, 0, 3) = 0` + "\n", "not known"},
		"fchmodat":            {`1 fchmodat(3</r/node/db>, "serial", 0644) = 0` + "\n", "at the end"},
		"elsewhere":           {`1 fchmodat(3</etc>, "serial", 0644) = 0` + "\n", ""},
		"made where all look": {dir + `1 openat(3</r/node/db>, "new", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</r/node/db/new>` + "\n" + sync + dirSync, "others may look"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount("/r")
			for _, call := range parseTrace(tt.trace) {
				a.take(call)
			}
			for _, f := range a.all() {
				if f.dirty {
					a.broken = append(a.broken, "at the end: "+f.name)
				}
			}
			if tt.want == "" && len(a.broken) > 0 || tt.want != "" && !slices.ContainsFunc(a.broken, func(b string) bool { return strings.Contains(b, tt.want) }) {
				t.Errorf("found %q, want %q", a.broken, tt.want)
			}
		})
	}
}
