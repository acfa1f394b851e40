package smp

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// decodings are bodies, and whether decodePlain reads them.
var decodings = []struct {
	name, body string
	plain      bool
}{
	{"empty object", `{}`, true},
	{"members of every plain kind", `{"a":"x","b":-12,"c":true,"d":false,"e":null}`, true},
	{"white space everywhere", " \t\r\n{ \"a\" : 1 ,\n\"b\"\r: \"x\" } \n", true},
	{"white space in the empty object", "{ \n}\t", true},
	{"the last of two counts", `{"a":1,"a":"x"}`, true},
	{"numbers", `{"a":0,"b":-0,"c":1.50,"d":1e5,"e":-1.2E-10,"f":9223372036854775808,"g":0e+0}`, true},
	{"text that is not ASCII", `{"a":"žluť 😀 \u2028"}`, false},
	{"UTF-8 and DEL", "{\"ž\":\"žluť 😀 \u2028\x7f\"}", true},
	{"an escape", `{"a":"\n"}`, false},
	{"an escape in a name", `{"\u0061":1}`, false},
	{"half a surrogate pair", `{"a":"\ud800"}`, false},
	{"an object in it", `{"a":{"b":1}}`, false},
	{"an array in it", `{"a":[1,2]}`, false},

	{"nothing", "", false},
	{"only white space", " \n", false},
	{"null", "null", false},
	{"an array", "[]", false},
	{"not closed", `{"a":1`, false},
	{"not closed, empty", `{`, false},
	{"a comma at the end", `{"a":1,}`, false},
	{"a comma at the beginning", `{,"a":1}`, false},
	{"no comma", `{"a":1 "b":2}`, false},
	{"no colon", `{"a" 1}`, false},
	{"no value", `{"a":}`, false},
	{"nothing after a colon", `{"a":`, false},
	{"a name without quotes", `{a:1}`, false},
	{"a string that is not closed", `{"a":"x}`, false},
	{"a control character", "{\"a\":\"\x1f\"}", false},
	{"a line end in a string", "{\"a\":\"x\ny\"}", false},
	{"single quotes", `{'a':1}`, false},
	{"a second value", `{"a":1}{}`, false},
	{"a NUL after it", "{\"a\":1}\x00", false},
	{"a comment", `{"a":1/**/}`, false},
	{"a byte order mark", "\ufeff{}", false},
	{"a space that is not JSON's", "{\v}", false},
	{"another word", `{"a":True}`, false},
	{"a word with something after it", `{"a":nullx}`, false},
	{"NaN", `{"a":NaN}`, false},
	{"a plus", `{"a":+1}`, false},
	{"a zero before", `{"a":01}`, false},
	{"only a minus", `{"a":-}`, false},
	{"no digit before the point", `{"a":.5}`, false},
	{"no digit after the point", `{"a":1.}`, false},
	{"no exponent", `{"a":1e}`, false},
	{"only a sign in the exponent", `{"a":1e+}`, false},
	{"hexadecimal", `{"a":0x1}`, false},
	{"an underscore", `{"a":1_0}`, false},
}

// agree checks that a body which decodePlain reads means the same to
// encoding/json, and returns whether it reads it.
func agree(t *testing.T, body string) (plain bool) {
	t.Helper()
	o, ok := decodePlain(body)
	if !ok {
		return false
	}
	want, err := decodeAny([]byte(body))
	if err != nil {
		t.Fatalf("%q: read, and encoding/json does not: %v", body, err)
	}
	names := map[string]bool{}
	for _, m := range o {
		names[m.name] = true
	}
	if len(names) != len(want) {
		t.Fatalf("%q: found the members %q, expected %q", body, slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(want)))
	}
	for name, w := range want {
		v := o.get(name)
		text, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		expect := value{isOther, string(text)}
		switch w := w.(type) {
		case string:
			expect = value{isString, w}
		case json.Number:
			expect = value{isNumber, w.String()}
		}
		if v != expect {
			t.Fatalf("%q: %q: found %+v, expected %+v", body, name, v, expect)
		}
	}
	return true
}

func TestDecode(t *testing.T) {
	for _, tt := range decodings {
		t.Run(tt.name, func(t *testing.T) {
			if got := agree(t, tt.body); got != tt.plain {
				t.Errorf("%q: found plain %v, expected %v", tt.body, got, tt.plain)
			}
			_, err := decode([]byte(tt.body))
			_, anyErr := decodeAny([]byte(tt.body))
			if (err == nil) != (anyErr == nil) {
				t.Errorf("%q: found the error %v, encoding/json says %v", tt.body, err, anyErr)
			}
		})
	}
}

// TestDecodeEscapes: the long way gives what the short one would.
func TestDecodeEscapes(t *testing.T) {
	o, err := decode([]byte(`{"a":"x\u00e9\n","b":12345678901234567890,"c":[1, 2],"d":null}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]value{
		"a": {isString, "xé\n"}, "b": {isNumber, "12345678901234567890"}, "c": {isOther, "[1,2]"}, "d": {isOther, "null"}, "e": {},
	} {
		if got := o.get(name); got != want {
			t.Errorf("%s: found %+v, expected %+v", name, got, want)
		}
	}
}

// TestInteger: an id that was not checked, because its field is not one of the
// type, is no number if it is a string of digits.
func TestInteger(t *testing.T) {
	for _, body := range []string{`{"a":-5,"b":"5","c":true,"d":5.5}`, `{"a":-5,"b":"\u0035","c":[5],"d":5.5}`} {
		o, err := decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int64{"a": -5, "b": 0, "c": 0, "d": 0, "e": 0} {
			if got := o.integer(name); got != want {
				t.Errorf("%s: %s: found %d, expected %d", body, name, got, want)
			}
		}
	}
}

// TestPlainForm: what nodes send goes the short way, whatever its type.
func TestPlainForm(t *testing.T) {
	for typ, s := range samples {
		if !agree(t, s) {
			t.Errorf("%s goes the long way", typ)
		}
	}
	for _, p := range pairs(t) {
		m, err := link(t, p).Probe(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, string(m.Body)) {
			t.Errorf("%s goes the long way", m.Body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, tt := range decodings {
		f.Add(tt.body)
	}
	for _, s := range samples {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := decode([]byte(body)); err == nil || !strings.Contains(err.Error(), "UTF-8") {
			agree(t, body)
		}
	})
}

// TestProbeBytes holds the bytes of a probe: what encoding/json made of the
// struct with these fields, in this order.
func TestProbeBytes(t *testing.T) {
	want := map[string]string{
		"ca to aa": `{"type":"FinalizeTransfer","debtor_id":-993980718140576846,"creditor_id":1987862914026,"transfer_id":-1010777714890368222,"coordinator_type":"direct","coordinator_id":1987862914026,"coordinator_request_id":2967932895027286874,"committed_amount":0,"transfer_note":"","transfer_note_format":"","ts":"2026-11-23T12:00:00.000000+00:00"}`,
		"aa to ca": `{"type":"RejectedTransfer","debtor_id":-993980718140576846,"creditor_id":1987862914026,"coordinator_type":"direct","coordinator_id":1987862914026,"coordinator_request_id":2967932895027286874,"status_code":"CONNECTIVITY_TEST","total_locked_amount":0,"ts":"2026-11-23T12:00:00.000000+00:00"}`,
		"da to aa": `{"type":"FinalizeTransfer","debtor_id":-993980720757822542,"creditor_id":0,"transfer_id":-1010777714890368222,"coordinator_type":"issuing","coordinator_id":-993980720757822542,"coordinator_request_id":2967932895027286874,"committed_amount":0,"transfer_note":"","transfer_note_format":"","ts":"2026-11-23T12:00:00.000000+00:00"}`,
		"aa to da": `{"type":"RejectedTransfer","debtor_id":-993980720757822542,"creditor_id":0,"coordinator_type":"issuing","coordinator_id":-993980720757822542,"coordinator_request_id":2967932895027286874,"status_code":"CONNECTIVITY_TEST","total_locked_amount":0,"ts":"2026-11-23T12:00:00.000000+00:00"}`,
	}
	random := make([]byte, 40)
	for i := range random {
		random[i] = byte(7*i + 129)
	}
	for _, p := range pairs(t) {
		m, err := link(t, p).Probe(now, bytes.NewReader(random))
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Body) != want[p.name] || m.ID != "swptpeer-61686f767d848b92" || m.Type != p.probe || m.ContentType != ContentType {
			t.Errorf("%s: found %s, %s, %s, %s", p.name, m.ID, m.Type, m.ContentType, m.Body)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	l := link(b, pairs(b)[0])
	m, err := l.Probe(now, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Judge(m.ContentType, m.Type, m.Body, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProbe(b *testing.B) {
	l := link(b, pairs(b)[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Probe(now, nil); err != nil {
			b.Fatal(err)
		}
	}
}
