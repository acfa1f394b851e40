package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/swaptacular/swptpeer/certs/check"
	"github.com/swaptacular/swptpeer/certs/nodedir"
	"github.com/swaptacular/swptpeer/stompcheck"
	"github.com/swaptacular/swptpeer/stompcheck/frame"
	"github.com/swaptacular/swptpeer/stompcheck/server"
	"github.com/swaptacular/swptpeer/stompcheck/smp"
)

const referenceDir = "../../testdata/reference"

func referenceServer(node, suffix string) string {
	return filepath.Join(referenceDir, "servers", node+suffix)
}

// hostileText tries to leave its field in every format.
var hostileText = "\x1b]0;owned\x07\x1b[31mno\u202egpj\u2028| 'x'=1;2;3 \"} 1\nswptpeer_stompcheck_up 1\r\n" +
	"</failure></testcase><x>&amp;]]>\\\"\nSTOMPCHECK OK - fine\u009b2J" + strings.Repeat("long", 500)

// hostileServer is the authority's server: it answers CONNECTED, and then an
// ERROR with a hostile message.
func hostileServer(t *testing.T) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(referenceServer("aa", ".crt"), referenceServer("aa", ".key"))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	answer, err := frame.Append([]byte("CONNECTED\nversion:1.2\nserver:\x1b[2J\u202e\"</x>\n\n\x00"), frame.Error,
		[]frame.Header{{Key: "message", Value: hostileText}}, []byte(hostileText))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(10 * time.Second))
				if _, err := nc.Read(make([]byte, 4096)); err != nil {
					return
				}
				nc.Write(answer)
				io.Copy(io.Discard, nc)
			}()
		}
	}()
	return ln.Addr().String()
}

// TestHostileServer: whatever a server says, every format stays what it is.
func TestHostileServer(t *testing.T) {
	addr := hostileServer(t)
	checks := map[string]func(t *testing.T, out string){
		"text": func(t *testing.T, out string) {
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > pageWidth {
					t.Errorf("found a line of %d columns: %s", n, line)
				}
			}
			if len(out) > 6000 {
				t.Errorf("found %d bytes: what the server said is not bounded", len(out))
			}
		},
		"json": func(t *testing.T, out string) {
			var doc struct {
				Schema int
				Peers  []struct {
					Verdict   string
					Addresses []struct {
						Stages []struct {
							ID, Outcome string
							Cause       *struct{ ID, Detail string }
						}
					}
				}
			}
			if err := json.Unmarshal([]byte(out), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Schema != 1 || len(doc.Peers) != 1 || doc.Peers[0].Verdict != "failed" {
				t.Errorf("found %+v", doc)
			}
			for _, s := range doc.Peers[0].Addresses[0].Stages {
				if s.Outcome == "failed" && (s.ID != "linger" || s.Cause == nil || !strings.Contains(s.Cause.Detail, "owned")) {
					t.Errorf("found %+v, expected the linger to fail with what the server said", s)
				}
			}
		},
		"junit": func(t *testing.T, out string) {
			var doc junitDocument
			if err := xml.Unmarshal([]byte(out), &doc); err != nil {
				t.Fatal(err)
			}
			if doc.Tests != 14 || doc.Failures != 1 || len(doc.Suites) != 1 || len(doc.Suites[0].Cases) != doc.Tests {
				t.Errorf("found %d tests, %d failures, %d suites, expected 14, 1 and 1", doc.Tests, doc.Failures, len(doc.Suites))
			}
		},
		"prometheus": func(t *testing.T, out string) {
			if bad := checkPromtext(out); bad != "" {
				t.Error(bad)
			}
			if n := strings.Count(out, "\nswptpeer_stompcheck_up"); n != 1 || !strings.Contains(out, "\nswptpeer_stompcheck_up{peer=\"1234abcd\"} 0\n") {
				t.Errorf("found %d samples of up: %s", n, out)
			}
		},
		"nagios": func(t *testing.T, out string) {
			if strings.Count(out, "\n") != 1 || strings.Count(out, "|") != 1 || !strings.HasPrefix(out, "STOMPCHECK CRITICAL - ") {
				t.Errorf("found %q, expected one line with one bar", out)
			}
		},
	}
	want := map[string]int{"nagios": nagiosCritical}
	for format, look := range checks {
		t.Run(format, func(t *testing.T) {
			code, out, errs := runWith(t, nil, "stompcheck", "1234", "--dir", filepath.Join(referenceDir, "nodes", "ca"),
				"--cert", referenceServer("ca", ".crt"), "--key", referenceServer("ca", ".key"), "--server", addr, "--format", format)
			expected, ok := want[format]
			if !ok {
				expected = statusFailed
			}
			if code != expected {
				t.Errorf("exit status %d, want %d; %s", code, expected, errs)
			}
			for i, r := range out + errs {
				if r != '\n' && (!printable(r) || r == utf8.RuneError) {
					t.Fatalf("found %U at byte %d of the output", r, i)
				}
			}
			look(t, out)
		})
	}
}

// TestFormatsEscape gives the writers text that no server of today can make
// them print: a finding as it stands in a report.
func TestFormatsEscape(t *testing.T) {
	diagnosis := &stompcheck.Diagnosis{Cause: stompcheck.CauseError, Detail: hostileText}
	p := &peerCheck{peer: &nodedir.Peer{Folder: hostileText}, report: &stompcheck.Report{
		Common:    []stompcheck.Stage{{ID: stompcheck.StageManifest, Outcome: check.Failed, Found: hostileText, Diagnosis: diagnosis}},
		Addresses: []*stompcheck.AddressReport{{Stages: []stompcheck.Stage{{ID: stompcheck.StageTCP, Outcome: check.Failed, Found: hostileText, Diagnosis: diagnosis}}, Verdict: stompcheck.Failed}},
		OwnEnds:   referenceTime,
	}}
	var b bytes.Buffer
	if err := writePrometheus(&b, referenceTime, []*peerCheck{p}); err != nil {
		t.Fatal(err)
	}
	if bad := checkPromtext(b.String()); bad != "" {
		t.Error(bad)
	}
	b.Reset()
	if err := writeChecksJUnit(&b, referenceTime, []*peerCheck{p}); err != nil {
		t.Fatal(err)
	}
	var doc junitDocument
	if err := xml.Unmarshal(b.Bytes(), &doc); err != nil || doc.Failures != 2 {
		t.Errorf("found %d failures (%v), expected 2", doc.Failures, err)
	}
}

// TestCheckStatus holds which exit status follows from what.
func TestCheckStatus(t *testing.T) {
	failed := func(causes ...*stompcheck.Cause) *stompcheck.Report {
		r := &stompcheck.Report{}
		for _, c := range causes {
			r.Addresses = append(r.Addresses, &stompcheck.AddressReport{Verdict: stompcheck.Failed,
				Stages: []stompcheck.Stage{{ID: stompcheck.StageTCP, Outcome: check.Failed, Diagnosis: &stompcheck.Diagnosis{Cause: c}}}})
		}
		return r
	}
	refused := failed()
	refused.Addresses = []*stompcheck.AddressReport{{Verdict: stompcheck.Accepted}}
	refused.Refusals = []stompcheck.Refusal{{ID: "tls12", Title: "TLS 1.2", Outcome: check.Failed}}
	interrupted := failed(stompcheck.CauseConnectionRefused)
	interrupted.Addresses = append(interrupted.Addresses, &stompcheck.AddressReport{Verdict: stompcheck.Unfinished})
	for name, test := range map[string]struct {
		check *peerCheck
		want  int
	}{
		"unreadable":               {&peerCheck{err: errors.New("x")}, statusIO},
		"refused":                  {&peerCheck{report: failed(stompcheck.CauseNotWelcome)}, statusFailed},
		"network":                  {&peerCheck{report: failed(stompcheck.CauseConnectTimeout)}, statusNetwork},
		"handshake":                {&peerCheck{report: failed(stompcheck.CauseTLSTimeout)}, statusNetwork},
		"name":                     {&peerCheck{report: failed(stompcheck.CauseNoSuchName)}, statusNetwork},
		"own files":                {&peerCheck{report: failed(stompcheck.CauseOwnKey)}, statusIO},
		"network, refused":         {&peerCheck{report: failed(stompcheck.CauseNotWelcome, stompcheck.CauseConnectTimeout)}, statusNetwork},
		"network, own files":       {&peerCheck{report: failed(stompcheck.CauseConnectTimeout, stompcheck.CauseOwnEnded)}, statusIO},
		"not refused what it must": {&peerCheck{report: refused}, statusFailed},
		"interrupted":              {&peerCheck{report: interrupted}, statusInterrupted},
	} {
		if got := test.check.status(); got != test.want {
			t.Errorf("%s: exit status %d, want %d", name, got, test.want)
		}
	}
	for _, c := range stompcheck.Causes() {
		if got := (&peerCheck{report: failed(c)}).status(); got == statusDone {
			t.Errorf("the cause %s gives exit status 0", c.ID)
		}
	}
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		text          string
		width, indent int
		want          string
	}{
		{"", 10, 2, ""},
		{"one two", 10, 2, "one two"},
		{"one two six", 9, 2, "one two\n  six"},
		{"abcdefghij", 6, 2, "abcd\n  efgh\n  ij"},
		{"a bcdefghi", 6, 2, "a\n  bcde\n  fghi"},
		{"a\x1bb\nc", 20, 2, `a\x1bb\nc`},
		{"ä ö ü", 5, 2, "ä ö\n  ü"},
	} {
		if got := fold(test.text, test.width, test.indent); got != test.want {
			t.Errorf("fold(%q, %d, %d): found %q, want %q", test.text, test.width, test.indent, got, test.want)
		}
	}
}

func TestTookText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", -1: "", 1: "1 µs", 1500: "1 µs", 999 * time.Microsecond: "999 µs", time.Millisecond: "1.0 ms",
		9949 * time.Microsecond: "9.9 ms", 10 * time.Millisecond: "10 ms", 999 * time.Millisecond: "999 ms",
		time.Second: "1.00 s", 59 * time.Second: "59.00 s", 90 * time.Second: "1.5 min", 90 * time.Minute: "1.5 h",
	} {
		got := tookText(d)
		if got != want || utf8.RuneCountInString(got) > stageTimeWidth {
			t.Errorf("%s: found %q, want %q", d, got, want)
		}
	}
}

// TestLookupPeer: the server knows of a peer what the directory says now.
func TestLookupPeer(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(referenceDir, "nodes", "aa"))); err != nil {
		t.Fatal(err)
	}
	d, err := nodedir.Open(dir, nodedir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const ca = "ae4209290a434d18be5465b3d11257f8"
	file := func(name string) string { return filepath.Join(dir, "peers", ca, name) }
	p, err := lookupPeer(d, ca)
	if err != nil || !p.Registered || p.Active || p.Deactivated || p.Identity.ID() != ca || p.Subnet.String() != "000001" {
		t.Fatalf("found %+v, %v", p, err)
	}
	for _, id := range []string{"ae42", "../peers/" + ca, "", "ffffffffffffffffffffffffffffffff", "1234abcd"} {
		if _, err := lookupPeer(d, id); !errors.Is(err, server.ErrUnknownPeer) {
			t.Errorf("%q: found %v, want %v", id, err, server.ErrUnknownPeer)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(file(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("ACTIVE", "")
	if p, err = lookupPeer(d, ca); err != nil || !p.Active {
		t.Errorf("with ACTIVE: %+v, %v", p, err)
	}
	subnet, err := os.ReadFile(file("subnet.txt"))
	if err != nil {
		t.Fatal(err)
	}
	write("subnet.txt", "nonsense\n")
	if _, err = lookupPeer(d, ca); err == nil || errors.Is(err, server.ErrUnknownPeer) || !strings.Contains(err.Error(), "subnet.txt") {
		t.Errorf("with an unreadable subnet: %v", err)
	}
	write("subnet.txt", string(subnet))
	if err := os.Rename(file("sub-ca.crt"), file("kept")); err != nil {
		t.Fatal(err)
	}
	if p, err = lookupPeer(d, ca); err != nil || p.Registered {
		t.Errorf("not registered: %+v, %v", p, err)
	}
	write("sub-ca.crt", "nonsense")
	if _, err = lookupPeer(d, ca); err == nil || !strings.Contains(err.Error(), "sub-ca.crt") {
		t.Errorf("with an unreadable certificate: %v", err)
	}
	write("DEACTIVATED", "2026-11-24\n")
	if p, err = lookupPeer(d, ca); err != nil || !p.Deactivated {
		t.Errorf("deactivated: %+v, %v", p, err)
	}
}

// TestMessageStore: messages that come at once, under a clock that stands still,
// each have a file of their own.
func TestMessageStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "messages")
	const n = 20
	for range 2 { // a second server writes into the same folder
		s, err := newMessageStore(dir, func() time.Time { return referenceTime })
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := s.keep("1234abcd", smp.Message{ID: "../../x\n", Type: "T", ContentType: smp.ContentType, Body: []byte(`{"a": 9223372036854775807}`)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2*n {
		t.Fatalf("found %d files (%v), want %d", len(files), err, 2*n)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v (%v), want 0600", f.Name(), info.Mode(), err)
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var m storedMessage
		if err := json.Unmarshal(data, &m); err != nil || m.ID != "../../x\n" || !strings.Contains(string(m.Body), "9223372036854775807") {
			t.Errorf("%s: found %s (%v)", f.Name(), data, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newMessageStore(file, time.Now); err == nil {
		t.Error("a file is taken for a folder")
	}
	if _, err := newMessageStore(filepath.Join(file, "x"), time.Now); err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("found %v, want an error", err)
	}
}

// TestPeeringFollowsNoLinks: what a peer published may be a link to anything.
func TestPeeringFollowsNoLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(referenceDir, "nodes", "ca"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "peers", "1234abcd", "nodeinfo", "stomp.toml")
	if err := os.Rename(path, filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	d, err := nodedir.Open(dir, nodedir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Peer("1234")
	if err != nil {
		t.Fatal(err)
	}
	peering, err := peeringOf(d, p)
	if err != nil || peering.Manifest != nil || peering.ManifestErr == nil {
		t.Errorf("found the manifest %v (%v, %v), want none", peering.Manifest, peering.ManifestErr, err)
	}
}

// TestServeEndsWithItsOutput: a server that nobody can read any more ends.
func TestServeEndsWithItsOutput(t *testing.T) {
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), hostSystemAt(referenceTime), []string{programName, "stompcheck", "serve", "--listen", "127.0.0.1:0",
			"--dir", filepath.Join(referenceDir, "nodes", "aa"), "--cert", referenceServer("aa", ".crt"), "--key", referenceServer("aa", ".key")},
			strings.NewReader(""), fullWriter{}, io.Discard)
	}()
	select {
	case code := <-done:
		if code != statusIO {
			t.Errorf("exit status %d, want %d", code, statusIO)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server runs on")
	}
}

func hostSystemAt(at time.Time) system {
	sys := hostSystem()
	sys.now = func() time.Time { return at }
	return sys
}

// TestListenAddressIsPrinted: scripts read the port from the first line.
func TestListenAddressIsPrinted(t *testing.T) {
	var b bytes.Buffer
	c := &call{app: &app{out: &printer{w: &b}}, format: "text"}
	c.printListening(&net.TCPAddr{IP: net.IPv6loopback, Port: 1234})
	if got, want := b.String(), "listening on [::1]:1234\n"; got != want {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestStompcheckFlags holds the flags that the specification names, and that an
// argument is never taken for the command "serve".
func TestStompcheckFlags(t *testing.T) {
	for name, want := range map[string]string{
		"stompcheck":       "cert key dir all server parallel timeout linger probe message-type content-type count window rate negative soak watch yes format quiet no-color",
		"stompcheck serve": "listen cert key dir max-connections require-active store format quiet no-color",
	} {
		line, err := parseArgs(commands(), strings.Fields(name))
		if err != nil {
			t.Fatal(err)
		}
		table := flagTable(line.command)
		for flag := range strings.FieldsSeq(want) {
			if _, ok := table[flag]; !ok {
				t.Errorf("%s: flag --%s is missing", name, flag)
			}
		}
	}
	for _, args := range [][]string{{"stompcheck", "--cert", "c", "--key", "k", "--", "serve"}, {"stompcheck", "--cert=c", "--key=k", "help"}} {
		code, _, stderr := runWith(t, nil, args...)
		if code != statusUsage || !strings.Contains(stderr, "peer id: found") {
			t.Errorf("%q: exit status %d, %s", args, code, stderr)
		}
	}
}
