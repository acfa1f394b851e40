package durable

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const testID = "0123456789abcdef"

// testPlan has one op of each kind.
func testPlan() *plan {
	return &plan{ID: testID, Ops: []op{
		{Action: ActionCreate, Path: "certs/0A.pem", Temp: "certs/.swptpeer-0123456789abcdef-0", Is: digest(nil)},
		{Action: ActionReplace, Path: "db/serial", Temp: "db/.swptpeer-0123456789abcdef-1", Old: "db/.swptpeer-0123456789abcdef-1.old", Existed: true, Was: digest([]byte("x")), Is: digest(nil)},
		{Action: ActionReplace, Path: "db/sub/new", Temp: "db/.swptpeer-0123456789abcdef-2", Is: digest(nil)},
		{Action: ActionAppend, Path: "db/index", Temp: "db/.swptpeer-0123456789abcdef-3", Offset: 7, Size: 9, Is: digest(nil)},
		{Action: ActionMkdir, Path: "peers/x", Mode: 0o755},
		{Action: ActionCreateTree, Path: "peers/y", Temp: "peers/.swptpeer-0123456789abcdef-5"},
		{Action: ActionReplaceTree, Path: "peers/z/info", Temp: "peers/z/.swptpeer-0123456789abcdef-6", Old: "peers/z/.swptpeer-0123456789abcdef-6.old", Existed: true},
		{Action: ActionRemove, Path: "top", Old: ".swptpeer-0123456789abcdef-7.old", Was: digest(nil)},
		{Action: ActionChmod, Path: "private", Mode: 0o700, OldMode: 0o755},
	}}
}

func encodePlan(t testing.TB, p *plan) []byte {
	t.Helper()
	file, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestJournalRoundTrip(t *testing.T) {
	file := encodePlan(t, testPlan())
	p, err := parsePlan(file)
	if err != nil {
		t.Fatal(err)
	}
	if again := encodePlan(t, p); !bytes.Equal(again, file) {
		t.Errorf("found %s, expected %s", again, file)
	}
	if bytes.Count(file, []byte("\n")) != 1 {
		t.Error("expected one line")
	}
}

// Each of these is a journal with a right checksum that must not be acted upon.
func TestJournalRefusesPlans(t *testing.T) {
	tests := []struct {
		name string
		edit func(p *plan)
		says string
	}{
		{"no changes", func(p *plan) { p.Ops = nil }, "found 0 changes"},
		{"too many", func(p *plan) { p.Ops = make([]op, maxOps+1) }, "found 10001 changes"},
		{"id", func(p *plan) { p.ID = "../../../../../x" }, "expected 16 hex digits"},
		{"outside", func(p *plan) { p.Ops[0].Path = "../certs/0A.pem" }, "clean relative path"},
		{"absolute", func(p *plan) { p.Ops[4].Path = "/etc/x" }, "clean relative path"},
		{"temp outside", func(p *plan) { p.Ops[0].Temp = "../.swptpeer-0123456789abcdef-0" }, "clean relative path"},
		{"temp elsewhere", func(p *plan) { p.Ops[0].Temp = "db/.swptpeer-0123456789abcdef-0" }, "beside it or above it"},
		{"temp of another number", func(p *plan) { p.Ops[0].Temp = "certs/.swptpeer-0123456789abcdef-1" }, "beside it or above it"},
		{"temp is a file of others", func(p *plan) { p.Ops[0].Temp = "certs/0B.pem" }, "beside it or above it"},
		{"no temp", func(p *plan) { p.Ops[3].Temp = "" }, "clean relative path"},
		{"old is a file of others", func(p *plan) { p.Ops[1].Old = "db/index" }, "do not belong"},
		{"old elsewhere", func(p *plan) { p.Ops[7].Old = "db/.swptpeer-0123456789abcdef-7.old" }, "do not belong"},
		{"old without existed", func(p *plan) { p.Ops[1].Existed = false }, "do not belong"},
		{"old of a create", func(p *plan) { p.Ops[0].Old = "certs/.swptpeer-0123456789abcdef-0.old" }, "do not belong"},
		{"unknown action", func(p *plan) { p.Ops[0].Action = "chown" }, `"chown"`},
		{"mode of mkdir", func(p *plan) { p.Ops[4].Mode = 0o4755 }, "at most 0777"},
		{"old mode", func(p *plan) { p.Ops[8].OldMode = 0o1777 }, "at most 0777"},
		{"mode of create", func(p *plan) { p.Ops[0].Mode = 0o644 }, "do not belong"},
		{"negative offset", func(p *plan) { p.Ops[3].Offset = -1 }, "negative"},
		{"negative size", func(p *plan) { p.Ops[3].Size = -1 }, "negative"},
		{"no digest", func(p *plan) { p.Ops[0].Is = "" }, "expected SHA-256"},
		{"cut digest", func(p *plan) { p.Ops[3].Is = p.Ops[3].Is[2:] }, "expected SHA-256"},
		{"digest in capitals", func(p *plan) { p.Ops[1].Was = strings.ToUpper(p.Ops[1].Was) }, "expected SHA-256"},
		{"digest of what is removed", func(p *plan) { p.Ops[7].Was = "x" }, "expected SHA-256"},
		{"digest of nothing replaced", func(p *plan) { p.Ops[2].Was = digest(nil) }, "do not belong"},
		{"digest of a tree", func(p *plan) { p.Ops[5].Is = digest(nil) }, "do not belong"},
		{"digest of a mode", func(p *plan) { p.Ops[8].Was = digest(nil) }, "do not belong"},
		{"temp of remove", func(p *plan) { p.Ops[7].Temp = ".swptpeer-0123456789abcdef-7" }, "do not belong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := testPlan()
			tt.edit(p)
			file := encodePlan(t, p)
			_, err := parsePlan(file)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("found error %v, expected %q", err, tt.says)
			}
		})
	}
	p := testPlan()
	p.Ops = nil
	for i := range maxOps {
		p.Ops = append(p.Ops, op{Action: ActionMkdir, Path: "x" + itoa(i), Mode: 0o755})
	}
	if _, err := parsePlan(encodePlan(t, p)); err != nil {
		t.Error("at the limit:", err)
	}
}

// These are files that were not written by this program, or not wholly.
func TestJournalRefusesFiles(t *testing.T) {
	good := encodePlan(t, testPlan())
	var env envelope
	if err := json.Unmarshal(good, &env); err != nil {
		t.Fatal(err)
	}
	wrap := func(version int, body string) []byte {
		sum := sha256.Sum256([]byte(body))
		file, err := json.Marshal(envelope{version, hex.EncodeToString(sum[:]), json.RawMessage(body)})
		if err != nil {
			t.Fatal(err)
		}
		return append(file, '\n')
	}
	if !bytes.Equal(wrap(journalVersion, string(env.Plan)), good) {
		t.Fatal("the test does not wrap as the package does")
	}
	tests := []struct {
		name string
		file []byte
		says string
	}{
		{"empty", nil, "EOF"},
		{"cut", good[:len(good)/2], "EOF"},
		{"one byte changed", bytes.Replace(good, []byte("serial"), []byte("serIal"), 1), "checksum"},
		{"version", wrap(1, string(env.Plan)), "another version"},
		{"unknown field", wrap(journalVersion, `{"id":"0123456789abcdef","ops":[],"more":1}`), "unknown field"},
		{"unknown field outside", bytes.Replace(good, []byte(`{"version"`), []byte(`{"x":1,"version"`), 1), "unknown field"},
		{"more behind", append(slices.Clone(good), good...), "not in the form"},
		{"no line end", good[:len(good)-1], "not in the form"},
		{"doubled key", wrap(journalVersion, strings.Replace(string(env.Plan), `{"id"`, `{"id":"x","id"`, 1)), "not in the form"},
		{"other case", wrap(journalVersion, strings.Replace(string(env.Plan), `"ops"`, `"OPS"`, 1)), "not in the form"},
		{"null", []byte("null\n"), "version 0"},
		{"too large", bytes.Repeat([]byte(" "), maxJournalBytes+1), "more than 8388608 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parsePlan(tt.file); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("found error %v, expected %q", err, tt.says)
			}
			// The same in a folder: an error, in each state, and nothing changes.
			for _, state := range []string{committedState, stagingState, undoState} {
				root := oldRoot(t)
				if err := os.WriteFile(filepath.Join(root, testJournal+state), tt.file, 0o600); err != nil {
					t.Fatal(err)
				}
				before := snapshot(t, root)
				_, err := recoverWith(root, testJournal, func(call, name string) error {
					t.Errorf("%s %s was called", call, name)
					return nil
				})
				if !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), testJournal+state) {
					t.Errorf("Recover: found error %v, expected one that names the file", err)
				}
				if snapshot(t, root) != before {
					t.Error("something was changed")
				}
				if err := testTx(root).Commit(); !errors.Is(err, ErrPending) {
					t.Errorf("Commit: found error %v, expected ErrPending", err)
				}
			}
		})
	}
}

func TestJournalTwoStates(t *testing.T) {
	root := t.TempDir()
	file := encodePlan(t, testPlan())
	os.WriteFile(filepath.Join(root, testJournal), file, 0o600)
	os.WriteFile(filepath.Join(root, testJournal+stagingState), file, 0o600)
	if _, err := Recover(root, testJournal); !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), "as well") {
		t.Errorf("found error %v", err)
	}
}

func TestJournalIsNotAFile(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink("/dev/zero", filepath.Join(root, testJournal)); err != nil {
		t.Skip(err)
	}
	if _, err := Recover(root, testJournal); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("found error %v", err)
	}
}

func TestJournalName(t *testing.T) {
	for _, name := range []string{"", "journal", "../.journal", "/x/.journal", "db/journal", ".", tempName(testID, 0)} {
		tx := NewTx(t.TempDir(), name)
		tx.Create("x", nil, 0o644)
		if err := tx.Commit(); err == nil {
			t.Errorf("%q was accepted", name)
		}
		if _, err := Recover(t.TempDir(), name); err == nil {
			t.Errorf("%q was accepted by Recover", name)
		}
		if _, err := Pending(t.TempDir(), name); err == nil {
			t.Errorf("%q was accepted by Pending", name)
		}
	}
}

// A folder of the change is a link that leads out when Recover comes.
func TestRecoverStaysInside(t *testing.T) {
	outside := t.TempDir()
	makeFiles(t, outside, map[string]string{
		".swptpeer-0123456789abcdef-0":       "staged\n",
		"victim":                             "precious\n",
		".swptpeer-0123456789abcdef-1/":      "",
		".swptpeer-0123456789abcdef-1/inner": "precious\n",
	})
	before := snapshot(t, outside)
	for _, state := range []string{committedState, stagingState, undoState} {
		root := t.TempDir()
		if err := os.Symlink(outside, filepath.Join(root, "d")); err != nil {
			t.Skip(err)
		}
		file := encodePlan(t, &plan{ID: testID, Ops: []op{
			{Action: ActionReplace, Path: "d/victim", Temp: "d/" + tempName(testID, 0), Old: "d/" + tempName(testID, 0) + oldSuffix, Existed: true, Is: digest(nil)},
			{Action: ActionCreateTree, Path: "d/tree", Temp: "d/" + tempName(testID, 1)},
		}})
		os.WriteFile(filepath.Join(root, testJournal+state), file, 0o600)
		var i *Interrupted
		if _, err := Recover(root, testJournal); !errors.As(err, &i) || !errors.Is(err, ErrLink) || !strings.Contains(err.Error(), "d: ") {
			t.Errorf("state %q: found error %v", state, err)
		} else if i.Journal != testJournal+state {
			t.Errorf("state %q: found the journal %q, expected the file that is there", state, i.Journal)
		}
		if after := snapshot(t, outside); after != before {
			t.Fatalf("state %q: found\n%s", state, after)
		}
	}
}

func TestIsTemporary(t *testing.T) {
	for name, want := range map[string]bool{
		".swptpeer-0123456789abcdef-0":          true,
		".swptpeer-0123456789abcdef-17":         true,
		".swptpeer-0123456789abcdef-1.old":      true,
		".swptpeer-0123456789abcdef-1.mark":     true,
		".swptpeer-0123456789abcdef-1.mark.old": false,
		".swptpeer-0123456789abcdef-01":         false,
		".swptpeer-0123456789abcdef--1":         false,
		".swptpeer-0123456789abcdef-":           false,
		".swptpeer-0123456789abcdef":            false,
		".swptpeer-0123456789ABCDEF-1":          false,
		".swptpeer-0123456789abcdef-1.new":      false,
		"swptpeer-0123456789abcdef-1":           false,
		".swptpeer-journal":                     false,
		".swptpeer-":                            false,
		"":                                      false,
	} {
		if got := IsTemporary(name); got != want {
			t.Errorf("%q: found %v, expected %v", name, got, want)
		}
	}
}

func FuzzJournal(f *testing.F) {
	good := encodePlan(f, testPlan())
	f.Add(good)
	f.Add([]byte(`{"version":2,"sha256":"","plan":{}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		// The checksum would stop every mutation: set it right.
		var env envelope
		if json.Unmarshal(file, &env) == nil && env.Plan != nil {
			var body bytes.Buffer
			if json.Compact(&body, env.Plan) == nil {
				sum := sha256.Sum256(body.Bytes())
				file, _ = json.Marshal(envelope{env.Version, hex.EncodeToString(sum[:]), body.Bytes()})
				file = append(file, '\n')
			}
		}
		p, err := parsePlan(file)
		if err != nil {
			return
		}
		if again := encodePlan(t, p); !bytes.Equal(again, file) {
			t.Errorf("accepted %q, written again as %q", file, again)
		}
		for i, o := range p.Ops {
			for _, name := range []string{o.Temp, o.Old} {
				if name != "" && (!filepath.IsLocal(name) || !IsTemporary(filepath.Base(name))) {
					t.Errorf("change %d names %q", i, name)
				}
			}
			if !filepath.IsLocal(o.Path) {
				t.Errorf("change %d names %q", i, o.Path)
			}
		}
	})
}
