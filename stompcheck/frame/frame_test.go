package frame

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

type vector struct {
	Source  string            `json:"source"`
	Hex     string            `json:"hex"`
	Expect  string            `json:"expect"`
	Command string            `json:"command"`
	Headers map[string]string `json:"headers"`
	BodyHex string            `json:"body_hex"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/stomp/frames.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []vector
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var v vector
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) != 30 {
		t.Fatalf("found %d vectors, expected 30", len(out))
	}
	return out
}

// differs lists the vectors that this package reads otherwise, and why the text
// of STOMP 1.2 is on its side.
var differs = map[string]string{
	"rabbitmq frame_SUITE:ignore_empty_frames": `the BNF has only *( EOL ) between frames; NULs are a broker's tolerance`,
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// first gives repeated headers their value: the first one.
func first(f *Frame) map[string]string {
	m := map[string]string{}
	for k, v := range f.Headers() {
		if _, ok := m[k]; !ok {
			m[k] = v
		}
	}
	return m
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Source, func(t *testing.T) {
			data := unhex(t, v.Hex)
			for name, r := range map[string]io.Reader{
				"whole":    bytes.NewReader(data),
				"one byte": iotest.OneByteReader(bytes.NewReader(data)),
			} {
				f, err := NewReader(r, Limits{}).Next()
				if _, ok := differs[v.Source]; ok {
					if err == nil {
						t.Errorf("%s: listed as different, and is not", name)
					}
					continue
				}
				switch v.Expect {
				case "error":
					if err == nil {
						t.Errorf("%s: found a frame %s %v, expected an error", name, f.Command, first(f))
					}
				case "frame":
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if f.Command != v.Command || !maps.Equal(first(f), v.Headers) || !bytes.Equal(f.Body, unhex(t, v.BodyHex)) {
						t.Errorf("%s: found %s %q %x, expected %s %q %s", name, f.Command, first(f), f.Body, v.Command, v.Headers, v.BodyHex)
					}
				case "either":
				default:
					t.Fatalf("unknown expectation %q", v.Expect)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 501)
	tests := []struct {
		name, in string
		want     string // in the error
	}{
		{"unknown command", "HELLO\n\n\x00", "a command of STOMP 1.2"},
		{"lower case", "send\n\n\x00", "a command of STOMP 1.2"},
		{"command too long", strings.Repeat("S", 10000) + "\n\n\x00", "a command of STOMP 1.2"},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "\"HTTP/1.1 400 Bad"},
		{"TLS alert", "\x15\x03\x03\x00\x02\x02\x50\n", "a command of STOMP 1.2"},
		{"header without a colon", "SEND\nabc\n\n\x00", "expected a colon"},
		{"header without a key", "SEND\n:abc\n\n\x00", "expected a key"},
		{"NUL in a header", "SEND\na:b\x00c\n\n\x00", "byte 0x00"},
		{"CR in a value", "SEND\na:b\rc\n\n\x00", "byte 0x0d"},
		{"two CRs", "SEND\na:b\r\r\n\n\x00", "byte 0x0d"},
		{"undefined escape", "SEND\na:\\t\n\n\x00", "undefined escape"},
		{"backslash at the end", "SEND\na:b\\\n\n\x00", "single backslash"},
		{"not UTF-8", "SEND\na:\xff\n\n\x00", "expected UTF-8"},
		{"content-length negative", "SEND\ncontent-length:-1\n\n\x00", "expected digits"},
		{"content-length signed", "SEND\ncontent-length:+1\n\na\x00", "expected digits"},
		{"content-length empty", "SEND\ncontent-length:\n\n\x00", "expected digits"},
		{"content-length two gigabytes", "SEND\ncontent-length:2147483648\n\n\x00", "8192 bytes of a body"},
		{"content-length beyond 64 bits", "SEND\ncontent-length:99999999999999999999\n\n\x00", "8192 bytes of a body"},
		{"content-length too short", "SEND\ncontent-length:1\n\nab\x00", "expected NUL"},
		{"NUL between frames", "\x00SEND\n\n\x00", "a command of STOMP 1.2"},
		{"CR between frames", "\rSEND\n\n\x00", "carriage return"},
		{"key too long", "SEND\n" + long + ":a\n\n\x00", "500 bytes of a header's key"},
		{"value too long", "SEND\na:" + long + "\n\n\x00", "500 bytes of a header's value"},
		{"too many headers", "SEND\n" + strings.Repeat("a:b\n", 51) + "\n\x00", "50 header lines"},
		{"headers too long", "SEND\n" + strings.Repeat("a:"+long[:400]+"\n", 11) + "\n\x00", "4096 bytes of headers"},
		{"header line that never ends", "SEND\n" + strings.Repeat("a", 1<<20), "4096 bytes of headers"},
		{"body too long", "SEND\n\n" + strings.Repeat("a", 8193) + "\x00", "8192 bytes of a body"},
		{"body that never ends", "SEND\n\n" + strings.Repeat("a", 1<<20), "8192 bytes of a body"},
		{"ends in the command", "SEN", "unexpected EOF"},
		{"ends in the headers", "SEND\na:b\n", "unexpected EOF"},
		{"ends in the body", "SEND\n\nabc", "unexpected EOF"},
		{"ends in a counted body", "SEND\ncontent-length:5\n\nabc", "unexpected EOF"},
		{"ends before the NUL", "SEND\ncontent-length:3\n\nabc", "unexpected EOF"},
		{"ends after a CR", "\r", "unexpected EOF"},
		{"ends", "\n\r\n", "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, in := range map[string]io.Reader{
				"whole":    strings.NewReader(tt.in),
				"one byte": iotest.OneByteReader(strings.NewReader(tt.in)),
			} {
				r := NewReader(in, Limits{})
				_, err := r.Next()
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%s: found error %v, expected one with %q", name, err, tt.want)
				}
				if _, again := r.Next(); again != err {
					t.Errorf("%s: after %v, found %v, expected the same error", name, err, again)
				}
			}
		})
	}
}

func TestAtTheLimits(t *testing.T) {
	field := strings.Repeat("x", 500)
	tests := map[string]string{
		"key":          "SEND\n" + field + ":a\n\n\x00",
		"value":        "SEND\na:" + field + "\n\n\x00",
		"header lines": "SEND\n" + strings.Repeat("a:b\n", 50) + "\n\x00",
		"body":         "SEND\n\n" + strings.Repeat("a", 8192) + "\x00",
		"counted body": "SEND\ncontent-length:8192\n\n" + strings.Repeat("\x00", 8192) + "\x00",
	}
	// 10 lines of 409 bytes, one of 5, and the empty line: 4,096.
	tests["headers"] = "SEND\n" + strings.Repeat("a:"+strings.Repeat("x", 406)+"\n", 10) + "a:bc\n" + "\n\x00"
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := NewReader(strings.NewReader(in), Limits{}).Next(); err != nil {
				t.Error(err)
			}
		})
	}
	over := strings.Replace(tests["headers"], "a:bc\n", "a:bcd\n", 1)
	var limit *LimitError
	if _, err := NewReader(strings.NewReader(over), Limits{}).Next(); !errors.As(err, &limit) || limit.Limit != 4096 {
		t.Errorf("4,097 bytes of headers: found error %v, expected the limit 4096", err)
	}
}

func TestAppend(t *testing.T) {
	h := []Header{{"a:b", "c\r\n\\:d"}, {"é", ""}}
	got, err := Append([]byte("before"), Send, h, []byte("x\x00y"))
	if err != nil {
		t.Fatal(err)
	}
	want := "beforeSEND\na\\cb:c\\r\\n\\\\\\cd\né:\ncontent-length:3\n\nx\x00y\x00"
	if string(got) != want {
		t.Errorf("found %q, expected %q", got, want)
	}
	bad := []struct {
		cmd string
		h   Header
	}{
		{"NOPE", Header{"a", "b"}},
		{Send, Header{"", "b"}},
		{Send, Header{"a", "\x00"}},
		{Send, Header{"a", "\xff"}},
		{Connect, Header{"a", "x\ny"}},
		{Connect, Header{"a", "x\ry"}},
		{Connected, Header{"a:b", "x"}},
	}
	for _, b := range bad {
		if got, err := Append([]byte("before"), b.cmd, []Header{b.h}, nil); err == nil || string(got) != "before" {
			t.Errorf("%s %q: found %q, %v, expected an error and nothing appended", b.cmd, b.h, got, err)
		}
	}
}

// reencode proves the reader strict: what it accepts and Append writes again
// reads as the same frame.
func reencode(t *testing.T, data []byte) {
	r := NewReader(bytes.NewReader(data), Limits{})
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		var headers []Header
		for k, v := range f.Headers() {
			headers = append(headers, Header{k, v})
		}
		cmd, body := f.Command, bytes.Clone(f.Body)
		again, err := Append(nil, cmd, headers, body)
		if err != nil {
			t.Fatalf("a frame that was read cannot be written: %v", err)
		}
		g, err := NewReader(bytes.NewReader(again), Limits{HeaderLines: 51, HeaderField: 1000, Headers: 1 << 16}).Next()
		if err != nil {
			t.Fatalf("a frame that was written cannot be read: %v: %q", err, again)
		}
		var got []Header
		for k, v := range g.Headers() {
			if k == "content-length" && len(got) == len(headers) {
				continue // added by Append
			}
			got = append(got, Header{k, v})
		}
		if g.Command != cmd || fmt.Sprint(got) != fmt.Sprint(headers) || !bytes.Equal(g.Body, body) {
			t.Fatalf("found %s %q %q, expected %s %q %q", g.Command, got, g.Body, cmd, headers, body)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.Hex))
	}
	f.Fuzz(func(t *testing.T, data []byte) { reencode(t, data) })
}

func TestNoAllocations(t *testing.T) {
	one, err := Append(nil, Send, []Header{{"destination", "/exchange/x"}, {"receipt", "a:1"}, {"type", "T"}}, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(&endless{one, 0}, Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("found %v allocations a frame, expected none", n)
	}
}

// endless repeats data for ever.
type endless struct {
	data []byte
	off  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.data[e.off:])
		n += c
		e.off = (e.off + c) % len(e.data)
	}
	return n, nil
}

var sendHeaders = []Header{{"destination", "/exchange/accounts_in"}, {"receipt", "12345"}, {"type", "FinalizeTransfer"}, {"content-type", "application/json"}, {"persistent", "true"}}

func BenchmarkNext(b *testing.B) {
	one, err := Append(nil, Send, sendHeaders, bytes.Repeat([]byte("x"), 300))
	if err != nil {
		b.Fatal(err)
	}
	r := NewReader(&endless{one, 0}, Limits{})
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNoAllocationsAppending(t *testing.T) {
	buf, body := make([]byte, 0, 1024), []byte("{}")
	got := testing.AllocsPerRun(100, func() {
		if _, err := Append(buf, Send, sendHeaders, body); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("found %v allocations a frame, expected none in a buffer that is used again", got)
	}
}

func BenchmarkAppend(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 300)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = Append(buf[:0], Send, sendHeaders, body); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

func ExampleReader() {
	r := NewReader(strings.NewReader("RECEIPT\nreceipt-id:7\n\n\x00\n"), Limits{})
	f, err := r.Next()
	if err != nil {
		panic(err)
	}
	id, _ := f.Get("receipt-id")
	fmt.Println(f.Command, id)
	_, err = r.Next()
	fmt.Println(err)
	// Output:
	// RECEIPT 7
	// EOF
}

func ExampleAppend() {
	out, err := Append(nil, Disconnect, []Header{{"receipt", "a:b"}}, nil)
	fmt.Printf("%q %v\n", out, err)
	// Output:
	// "DISCONNECT\nreceipt:a\\cb\n\n\x00" <nil>
}

func TestUnfinished(t *testing.T) {
	lim := Limits{HeaderLines: 2, HeaderField: 600, Headers: 1200, Body: 8}
	long := strings.Repeat("x", 2*maxRest)
	for _, tt := range []struct{ name, in, command, header, rest string }{
		{"no command", "HELLO\n\n\x00", "", "", ""},
		{"a header not in UTF-8", "ERROR\na:1\nmessage:\xff\n\n\x00", Error, "1", "message:\xff"},
		{"an undefined escape", "ERROR\na:1\nb:\\q\n\n\x00", Error, "1", `b:\q`},
		{"a long value", "ERROR\na:1\nb:" + long[:601] + "\n\n\x00", Error, "1", "b:" + long[:maxRest-2]},
		{"long headers", "ERROR\na:1\nb:" + strings.Repeat("x", 9000) + "\n\n\x00", Error, "1", "b:" + long[:maxRest-2]},
		{"many headers", "ERROR\na:1\nb:2\nc:3\n\n\x00", Error, "1", "c:3"},
		{"a long body", "ERROR\na:1\n\n123456789\x00", Error, "1", "123456789\x00"},
		{"a very long body", "ERROR\na:1\n\n" + strings.Repeat("x", 9000) + "\x00", Error, "1", long[:maxRest]},
		{"a body of great length", "ERROR\na:1\ncontent-length:9\n\n1234", Error, "1", "1234"},
		{"cut in a command, after another frame", "SEND\na:1\n\n\x00ERR", "", "", ""},
		{"no text after another", "SEND\na:1\n\n\x00HELLO\n", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReader(strings.NewReader(tt.in), lim)
			var err error
			for err == nil {
				_, err = r.Next()
			}
			f, rest := r.Unfinished()
			if v, _ := f.Get("a"); f.Command != tt.command || v != tt.header || string(rest) != tt.rest {
				t.Errorf("found %q, %q, %q, expected %q, %q, %q (%v)", f.Command, v, rest, tt.command, tt.header, tt.rest, err)
			}
		})
	}
}
