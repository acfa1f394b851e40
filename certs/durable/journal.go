package durable

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// TempPrefix begins the name of every temporary file and folder that this
// package makes. It is a dot, so that the existing tool, which deletes visible
// names that it does not know, leaves them alone.
const TempPrefix = ".swptpeer-"

// Suffixes of temporary names.
const (
	oldSuffix  = ".old"  // what a change replaces, kept until it is complete
	markSuffix = ".mark" // inside a new tree that has not been put in its place for good
)

// IsTemporary reports whether name (one path element) is a temporary name made
// by this package: [TempPrefix], 16 hex digits, a dash, decimal digits, and
// possibly a suffix.
func IsTemporary(name string) bool {
	s, ok := strings.CutPrefix(name, TempPrefix)
	if !ok || len(s) < txDigits+2 || !isTxID(s[:txDigits]) || s[txDigits] != '-' {
		return false
	}
	s = s[txDigits+1:]
	if base, ok := strings.CutSuffix(s, oldSuffix); ok {
		s = base
	} else {
		s = strings.TrimSuffix(s, markSuffix)
	}
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && strconv.Itoa(n) == s
}

// txDigits is the length of the random part of temporary names, in hex digits:
// 64 bits, so that two never meet by chance.
const txDigits = 16

func isTxID(s string) bool {
	return len(s) == txDigits && strings.Trim(s, "0123456789abcdef") == ""
}

// A journal's state is in its name, so that changing the state is one rename
// and needs no space. The journal's own name is the state "committed".
const (
	committedState = ""         // complete the change
	stagingState   = ".staging" // remove what was staged
	undoState      = ".undo"    // take back what was made, then as staging
	// newSuffix is not a state: the journal is being written, and nothing has
	// been done yet.
	newSuffix = ".new"
)

// Limits of a journal. A change of the node directory has about ten steps;
// these are far above, so that reaching them means something is wrong.
const (
	maxOps          = 10_000
	maxJournalBytes = 8 << 20
	// maxPathBytes is PATH_MAX on Linux.
	maxPathBytes = 4096
)

const journalVersion = 2

// op is one change as the journal records it. All paths are relative to the
// root.
type op struct {
	Action string `json:"action"`
	Path   string `json:"path"`
	// Temp is the staged content, in the destination's folder or, where that
	// does not exist yet, in the nearest folder above it that does.
	Temp string `json:"temp,omitempty"`
	// Old keeps what is replaced or removed, beside it.
	Old string `json:"old,omitempty"`
	// Existed: replace and replace-tree found something to replace.
	Existed bool   `json:"existed,omitempty"`
	Mode    uint32 `json:"mode,omitempty"`     // mkdir and chmod
	OldMode uint32 `json:"old_mode,omitempty"` // chmod
	Offset  int64  `json:"offset,omitempty"`   // append: the size before
	Size    int64  `json:"size,omitempty"`     // append: bytes added
	// SHA-256 in hex of the content that a replace or remove has found, "" if it
	// could not be read; and of what a create, replace or append adds.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
}

// plan is the content of a journal.
type plan struct {
	ID  string `json:"id"`
	Ops []op   `json:"ops"`
}

// envelope is the file: one line of JSON. SHA256 is over the bytes of Plan.
type envelope struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	Plan    json.RawMessage `json:"plan"`
}

func (p *plan) encode() ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	file, err := json.Marshal(envelope{journalVersion, hex.EncodeToString(sum[:]), body})
	if err != nil {
		return nil, err
	}
	file = append(file, '\n')
	if len(file) > maxJournalBytes {
		return nil, fmt.Errorf("the change is too large: its journal has %d bytes, at most %d are allowed", len(file), maxJournalBytes)
	}
	return file, nil
}

// parsePlan reads a journal. It accepts exactly what encode writes, and only
// paths that a Tx could have written.
func parsePlan(file []byte) (*plan, error) {
	if len(file) > maxJournalBytes {
		return nil, fmt.Errorf("found more than %d bytes", maxJournalBytes)
	}
	var env envelope
	if err := strictJSON(file, &env); err != nil {
		return nil, fmt.Errorf("found %d bytes, which are not whole or not a record of this program: %w", len(file), err)
	}
	if env.Version != journalVersion {
		return nil, fmt.Errorf("found version %d, expected %d: it was written by another version of this program", env.Version, journalVersion)
	}
	if sum := sha256.Sum256(env.Plan); hex.EncodeToString(sum[:]) != env.SHA256 {
		return nil, fmt.Errorf("its checksum does not match its content: it was changed or damaged after it was written")
	}
	p := new(plan)
	if err := strictJSON(env.Plan, p); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	again, err := p.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, file) {
		return nil, fmt.Errorf("it is not in the form that this program writes")
	}
	return p, nil
}

func strictJSON(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// check refuses a plan that a Tx cannot have written, above all one that names
// something outside the root or a file that is not a temporary one.
func (p *plan) check() error {
	if !isTxID(p.ID) {
		return fmt.Errorf("found id %q, expected %d hex digits", p.ID, txDigits)
	}
	if len(p.Ops) == 0 || len(p.Ops) > maxOps {
		return fmt.Errorf("found %d changes, expected 1 to %d", len(p.Ops), maxOps)
	}
	for i := range p.Ops {
		if err := p.checkOp(i); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
	}
	return nil
}

func (p *plan) checkOp(i int) error {
	o := &p.Ops[i]
	if err := checkPath(o.Path); err != nil {
		return err
	}
	want := op{Action: o.Action, Path: o.Path}
	switch o.Action {
	case ActionCreate, ActionCreateTree:
		want.Temp = o.Temp
	case ActionReplace, ActionReplaceTree:
		want.Temp, want.Existed = o.Temp, o.Existed
		if o.Existed {
			want.Old = p.old(i, o.Path)
		}
	case ActionAppend:
		want.Temp, want.Offset, want.Size = o.Temp, o.Offset, o.Size
	case ActionMkdir:
		want.Mode = o.Mode
	case ActionRemove:
		want.Old, want.Was = p.old(i, o.Path), o.Was
	case ActionChmod:
		want.Mode, want.OldMode = o.Mode, o.OldMode
	default:
		return fmt.Errorf("found action %q, which is unknown", o.Action)
	}
	if o.addsFile() {
		want.Is = o.Is
	}
	if o.Action == ActionReplace && o.Existed {
		want.Was = o.Was
	}
	if *o != want {
		return fmt.Errorf("%s %q: found fields that do not belong there", o.Action, o.Path)
	}
	if o.Mode > uint32(fs.ModePerm) || o.OldMode > uint32(fs.ModePerm) {
		return fmt.Errorf("%s %q: found mode %#o, expected at most 0777", o.Action, o.Path, max(o.Mode, o.OldMode))
	}
	if o.Offset < 0 || o.Size < 0 {
		return fmt.Errorf("%s %q: found a negative size", o.Action, o.Path)
	}
	if o.addsFile() && !isDigest(o.Is) || o.Was != "" && !isDigest(o.Was) {
		return fmt.Errorf("%s %q: found the digests %q and %q, expected SHA-256 in hex", o.Action, o.Path, o.Is, o.Was)
	}
	if o.staged() {
		if err := checkPath(o.Temp); err != nil {
			return err
		}
		folder := path.Dir(o.Temp)
		if path.Base(o.Temp) != p.temp(i) || !isAbove(folder, o.Path) {
			return fmt.Errorf("%s %q: found temporary file %q, expected %q beside it or above it", o.Action, o.Path, o.Temp, p.temp(i))
		}
	}
	return nil
}

// staged reports whether the change has content that is staged.
func (o *op) staged() bool {
	switch o.Action {
	case ActionCreate, ActionReplace, ActionAppend, ActionCreateTree, ActionReplaceTree:
		return true
	}
	return false
}

// addsFile reports whether what is staged is a file.
func (o *op) addsFile() bool { return o.staged() && !o.isTree() }

func (o *op) isTree() bool { return o.Action == ActionCreateTree || o.Action == ActionReplaceTree }

// temp is the name of the i-th change's staged content.
func (p *plan) temp(i int) string { return tempName(p.ID, i) }

func tempName(id string, i int) string { return TempPrefix + id + "-" + strconv.Itoa(i) }

// old is the path under which what was at dest is kept.
func (p *plan) old(i int, dest string) string {
	return path.Join(path.Dir(dest), p.temp(i)+oldSuffix)
}

// mark is the name of the empty file in a tree that is not in place for good.
func (p *plan) mark(i int) string { return p.temp(i) + markSuffix }

// paths lists what the plan changes.
func (p *plan) paths() []string {
	out := make([]string, len(p.Ops))
	for i := range p.Ops {
		out[i] = p.Ops[i].Path
	}
	return out
}

// isAbove reports whether folder is one of the folders that contain name.
func isAbove(folder, name string) bool {
	return folder == "." || strings.HasPrefix(name, folder+"/")
}

// checkPath accepts relative, clean, slash-separated paths that stay below the
// root on every system.
func checkPath(p string) error {
	switch {
	case p == "" || p == "." || !fs.ValidPath(p):
		return fmt.Errorf("path %q: expected a clean relative path with slashes", p)
	case len(p) > maxPathBytes:
		return fmt.Errorf("path of %d bytes: expected at most %d", len(p), maxPathBytes)
	case strings.ContainsRune(p, 0), strings.ContainsRune(p, '\\'), !filepath.IsLocal(filepath.FromSlash(p)):
		return fmt.Errorf("path %q: expected a name that every system takes", p)
	}
	return nil
}

func checkJournalName(p string) error {
	if err := checkPath(p); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if base := path.Base(p); base[0] != '.' || IsTemporary(base) {
		return fmt.Errorf("journal: found %q, expected a name that begins with a dot and is not a temporary one", p)
	}
	return nil
}
