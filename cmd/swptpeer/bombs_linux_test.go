package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/certs"
)

// Archives that are made to cost more than they are, given to the command as
// bundles, and as the inner archives of bundles that are signed by the right key.

// What a refusal may cost (issue: "under 2 s and 200 MB"). The time is that of
// the processors, since a test does not run alone.
const (
	bombTime   = 2 * time.Second
	bombMemory = 200 << 20
)

// entryOf is an entry whose header says what it likes.
type entryOf struct {
	name       string
	method     uint16
	crc        uint32
	compressed uint64
	size       uint64
	data       []byte
}

func rawZip(t testing.TB, entries ...entryOf) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		f, err := w.CreateRaw(&zip.FileHeader{Name: e.name, Method: e.method, CRC32: e.crc, CompressedSize64: e.compressed, UncompressedSize64: e.size, ExternalAttrs: 0o100644 << 16, CreatorVersion: 3 << 8})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func stored(name string, content []byte) entryOf {
	n := uint64(len(content))
	return entryOf{name: name, crc: crc32.ChecksumIEEE(content), compressed: n, size: n, data: content}
}

func deflated(t testing.TB, name string, content []byte) entryOf {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	w.Close()
	return entryOf{name, zip.Deflate, crc32.ChecksumIEEE(content), uint64(out.Len()), uint64(len(content)), out.Bytes()}
}

// quotedBomb is the overlapping archive that needs no trick but its layout: each
// entry's data quotes the next entry's local header in a stored block of DEFLATE
// and goes on with the next entry's own data, so that n entries share one kernel
// and every checksum is right (D. Fifield, "A better zip bomb", 2019).
func quotedBomb(t testing.TB, n, kernel int) []byte {
	t.Helper()
	le := binary.LittleEndian
	zeros := make([]byte, kernel)
	last := deflated(t, "", zeros)
	content, stream := zeros, last.data
	var locals [][]byte // from the last entry to the first
	var rows []entryOf
	for i := n - 1; i >= 0; i-- {
		name := fmt.Sprintf("%05d", i)
		e := entryOf{name: name, method: zip.Deflate, crc: crc32.ChecksumIEEE(content), compressed: uint64(len(stream)), size: uint64(len(content))}
		h := make([]byte, 30)
		copy(h, "PK\x03\x04\x14")
		le.PutUint16(h[8:], zip.Deflate)
		le.PutUint16(h[12:], 0x5b77)
		le.PutUint32(h[14:], e.crc)
		le.PutUint32(h[18:], uint32(e.compressed))
		le.PutUint32(h[22:], uint32(e.size))
		le.PutUint16(h[26:], uint16(len(name)))
		h = append(h, name...)
		rows, locals = append(rows, e), append(locals, h)
		quote := []byte{0, byte(len(h)), 0, ^byte(len(h)), 0xff}
		content = append(bytes.Clone(h), content...)
		stream = append(append(quote, h...), stream...)
	}
	const quoteSize = 5
	out := stream[quoteSize:] // begins with the first entry's local header
	var dir []byte
	offset := 0
	for i := n - 1; i >= 0; i-- {
		e := rows[i]
		c := make([]byte, 46)
		copy(c, "PK\x01\x02\x14\x03\x14")
		copy(c[10:], locals[i][8:28])
		le.PutUint32(c[38:], 0o100644<<16)
		le.PutUint32(c[42:], uint32(offset))
		dir = append(append(dir, c...), e.name...)
		offset += len(locals[i]) + quoteSize
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	le.PutUint16(end[8:], uint16(n))
	le.PutUint16(end[10:], uint16(n))
	le.PutUint32(end[12:], uint32(len(dir)))
	le.PutUint32(end[16:], uint32(len(out)))
	return append(append(bytes.Clone(out), dir...), end...)
}

// nested has an archive in an archive, and so on.
func nested(t testing.TB, depth int) []byte {
	t.Helper()
	inside := rawZip(t, deflated(t, "zeros", make([]byte, 1<<20)))
	for range depth {
		var entries []entryOf
		for i := range 16 {
			entries = append(entries, deflated(t, fmt.Sprintf("%x.zip", i), inside))
		}
		inside = rawZip(t, entries...)
	}
	return inside
}

func noise(n int) []byte {
	out := make([]byte, n)
	state := uint64(1)
	for i := range out {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		out[i] = byte(state >> 32)
	}
	return out
}

// bombInfo is what a nodeinfo.zip must have.
func bombInfo() []entryOf {
	return []entryOf{
		stored("stomp.toml", []byte("servers = [\"127.0.0.1:21234\"]\nhost = \"/\"\ndestination = \"/exchange/accounts_in\"\n")),
		stored("updated-at.txt", []byte("2026-11-23\n")),
	}
}

// bombs are archives by name.
func bombs(t testing.TB) map[string][]byte {
	info := bombInfo()
	with := func(more ...entryOf) []byte { return rawZip(t, append(info[:2:2], more...)...) }
	zeros := make([]byte, 64<<20)
	bomb := deflated(t, "zeros", zeros)
	short, long := bomb, bomb
	short.size, long.size = 10, 1<<40
	far := stored("far", []byte("x"))
	far.compressed = 1 << 40
	many := func(n int) []byte {
		entries := make([]entryOf, n)
		for i := range entries {
			entries[i].name = fmt.Sprintf("%05d", i)
		}
		return with(entries...)
	}
	fewer := many(65_533)
	binary.LittleEndian.PutUint16(fewer[len(fewer)-14:], 1)
	binary.LittleEndian.PutUint16(fewer[len(fewer)-12:], 1)
	names := func(n int, tail string) []byte {
		entries := make([]entryOf, n)
		for i := range entries {
			entries[i].name = fmt.Sprintf("%05d", i) + tail
		}
		return with(entries...)
	}
	// All that the limits allow, and the last checksum is wrong.
	half := noise(1 << 20)
	full := deflated(t, "", append(half, make([]byte, 126<<20)...))
	full.name = "a"
	wrong := full
	wrong.name, wrong.crc = "b", full.crc^1
	wrong.data = full.data
	return map[string][]byte{
		"overlap":                     quotedBomb(t, 250, 1<<20),
		"deep overlap":                quotedBomb(t, 4000, 1<<14),
		"64 MiB of zeros":             with(bomb),
		"64 MiB that are called 10":   with(short),
		"64 MiB that are called 1 TB": with(long),
		"a terabyte of data":          with(far),
		"65,535 entries":              many(65_533),
		"65,535 entries, 1 declared":  fewer,
		"very many entries, zip64":    many(200_000),
		"names of 60 KB":              names(500, strings.Repeat("n", 60_000)),
		"deep names":                  names(500, strings.Repeat("/d", 30_000)),
		"names that grow":             names(4000, strings.Repeat("/"+strings.Repeat("\ufdfa", 80), 4)[1:]+"/."),
		"end records":                 bytes.Repeat([]byte("PK\x05\x06"+strings.Repeat("\x00", 18)), 1<<16),
		"signatures of end records":   bytes.Repeat([]byte("PK\x05\x06"), 1<<20),
		"the limits, and a lie":       with(full, wrong),
		"nested":                      with(stored("nested.zip", nested(t, 4))),
		"nested, as it is":            nested(t, 4),
	}
}

// signed is a bundle of the reference authority with this nodeinfo.zip.
func signed(t testing.TB, nodeInfo []byte) []byte {
	t.Helper()
	signature, err := certs.SignDigest(authorityKey(), sha256.Sum256(nodeInfo))
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../../testdata/reference/nodes/aa", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return rawZip(t, stored("root-ca.crt", file("root-ca.crt")), stored("root-ca.csr", file("db/root-ca.csr")),
		stored("nodeinfo.zip", nodeInfo), stored("nodeinfo.signature", signature))
}

var authorityKey = sync.OnceValue(func() crypto.Signer {
	data, err := os.ReadFile("../../testdata/reference/nodes/aa/private/root-ca.key")
	if err != nil {
		panic(err)
	}
	key, err := certs.ParsePrivateKey(data, func() ([]byte, error) { return []byte("secret-pw"), nil })
	if err != nil {
		panic(err)
	}
	return key
})

// process is what one run of the command did.
type process struct {
	status         int
	stdout, stderr string
	cpu            time.Duration
	memory         int64 // bytes, at most
}

// runProcess runs the command as a process of its own.
func runProcess(t testing.TB, env []string, args ...string) process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), programName, args...)
	status := filepath.Join(t.TempDir(), "status")
	cmd.Env = append(os.Environ(), "SWPTPEER_TEST_NOW="+referenceTime.Format(time.RFC3339), "SWPTPEER_TEST_MEMORY="+status)
	cmd.Env = append(cmd.Env, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	p := process{stdout: out.String(), stderr: errs.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		p.status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	p.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	data, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	if m := highWater.FindSubmatch(data); m != nil {
		p.memory, _ = strconv.ParseInt(string(m[1]), 10, 64)
	}
	if p.memory <<= 10; p.memory == 0 {
		t.Fatalf("found no VmHWM in %s", data)
	}
	return p
}

var highWater = regexp.MustCompile(`(?m)^VmHWM:\s*(\d+) kB$`)

// The rules that refuse the bombs as bundles, of which none has four members, and
// as inner archives.
var (
	outerRules = map[string]string{
		"overlap":                     "zip.limit-entries",
		"deep overlap":                "zip.limit-entries",
		"64 MiB of zeros":             "zip.limit-ratio",
		"64 MiB that are called 10":   "zip.size",
		"64 MiB that are called 1 TB": "zip.zip64-extra",
		"a terabyte of data":          "zip.zip64-extra",
		"65,535 entries":              "zip.limit-entries",
		"65,535 entries, 1 declared":  "zip.zip64",
		"very many entries, zip64":    "zip.limit-entries",
		"names of 60 KB":              "zip.limit-entries",
		"deep names":                  "zip.limit-entries",
		"names that grow":             "zip.limit-entries",
		"end records":                 "zip.directory",
		"signatures of end records":   "zip.end-record",
		"the limits, and a lie":       "zip.limit-file",
		"nested":                      "bundle.members",
		"nested, as it is":            "bundle.members",
	}
	innerRules = map[string]string{
		"overlap":                     "zip.overlap",
		"deep overlap":                "zip.overlap",
		"64 MiB of zeros":             "zip.limit-ratio",
		"64 MiB that are called 10":   "zip.size",
		"64 MiB that are called 1 TB": "zip.zip64-extra",
		"a terabyte of data":          "zip.zip64-extra",
		"65,535 entries":              "zip.limit-entries",
		"65,535 entries, 1 declared":  "zip.zip64",
		"very many entries, zip64":    "zip.limit-entries",
		"names of 60 KB":              "zip.directory",
		"deep names":                  "zip.directory",
		"names that grow":             "zip.name-traversal",
		"end records":                 "zip.directory",
		"signatures of end records":   "zip.end-record",
		"the limits, and a lie":       "zip.crc",
		"nested":                      "", // an archive inside nodeinfo.zip is never opened
		"nested, as it is":            "bundle.stomp-toml",
	}
)

// TestBombs: each is refused by a rule, soon, in little memory, and nothing is
// written.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	var worstTime time.Duration
	var worstMemory int64
	judge := func(name string, data []byte, rule string) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "bundle.zip")
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out")
			p := runProcess(t, nil, "bundle", "extract", file, "--out", out)
			worstTime, worstMemory = max(worstTime, p.cpu), max(worstMemory, p.memory)
			if p.cpu > bombTime || p.memory > bombMemory {
				t.Errorf("took %s and %d MB, expected at most %s and %d MB", p.cpu, p.memory>>20, bombTime, bombMemory>>20)
			}
			if rule == "" {
				if p.status != statusDone {
					t.Errorf("exit status %d: %s", p.status, p.stderr)
				}
				if err := os.RemoveAll(out); err != nil {
					t.Fatal(err)
				}
				return
			}
			if p.status != statusFailed || !strings.Contains(p.stderr, "error ["+rule+"]") {
				t.Errorf("exit status %d, expected %d and %s: %.500s", p.status, statusFailed, rule, p.stderr)
			}
			if len(p.stderr) > 64<<10 {
				t.Errorf("found %d bytes of explanation", len(p.stderr))
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 {
				t.Errorf("found %v beside the bundle, %v", entries, err)
			}
		})
	}
	files := bombs(t)
	for name, data := range files {
		judge(name, data, outerRules[name])
		judge(name+", signed", signed(t, data), innerRules[name])
	}
	// A bundle in a bundle is not a node's information.
	judge("a bundle in a bundle", signed(t, signed(t, files["nested"])), "bundle.stomp-toml")
	// Within the limits, and more than a file system takes: nothing is left of it.
	t.Run("a long name", func(t *testing.T) {
		file, parent := filepath.Join(t.TempDir(), "long.zip"), t.TempDir()
		var name entryOf
		name.name = strings.Repeat("n", 1000)
		info := bombInfo()
		if err := os.WriteFile(file, signed(t, rawZip(t, append(info, name)...)), 0o644); err != nil {
			t.Fatal(err)
		}
		p := runProcess(t, nil, "bundle", "extract", file, "--out", filepath.Join(parent, "out"))
		entries, err := os.ReadDir(parent)
		refused := p.status == statusFailed && strings.Contains(p.stderr, "error [zip.name-element]")
		if err != nil || len(entries) != 0 || !refused && (p.status != statusIO || !strings.Contains(p.stderr, "name too long")) {
			t.Errorf("exit status %d, left %v, %v: %s", p.status, entries, err, p.stderr)
		}
	})
	// A file that is larger than any bundle is not read.
	t.Run("a large file", func(t *testing.T) {
		large := filepath.Join(t.TempDir(), "large.zip")
		if err := os.WriteFile(large, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(large, 1<<40); err != nil {
			t.Fatal(err)
		}
		p := runProcess(t, nil, "bundle", "verify", large)
		if p.status != statusFailed || p.memory > bombMemory || p.cpu > bombTime {
			t.Errorf("exit status %d after %s with %d MB: %s", p.status, p.cpu, p.memory>>20, p.stderr)
		}
	})
	t.Logf("%d files, at most %s and %d MB", 2*len(files)+2, worstTime, worstMemory>>20)
}
