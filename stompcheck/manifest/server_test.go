package manifest

import (
	"strings"
	"testing"
)

func TestParseServer(t *testing.T) {
	label := strings.Repeat("a", maxLabelLength)
	name := strings.Join([]string{label, label, label, label[:maxNameLength-3*(maxLabelLength+1)]}, ".")
	for s, want := range map[string]Server{
		"a.example.com:1234":    {"a.example.com", 1234},
		"A-1.example.COM:1":     {"A-1.example.COM", 1},
		"localhost:65535":       {"localhost", 65535},
		"example.com.:80":       {"example.com.", 80},
		"a_b.example.com:80":    {"a_b.example.com", 80},
		"1.example:80":          {"1.example", 80},
		"0x10.example:80":       {"0x10.example", 80},
		"a.0xg:80":              {"a.0xg", 80},
		"a.x10:80":              {"a.x10", 80},
		"a.10x:80":              {"a.10x", 80},
		"cafe.babe:80":          {"cafe.babe", 80},
		"127.0.0.1:80":          {"127.0.0.1", 80},
		"[::1]:1234":            {"::1", 1234},
		"[0:0::1]:1234":         {"0:0::1", 1234},
		"[::ffff:192.0.2.1]:80": {"::ffff:192.0.2.1", 80},
		"xn--bcher-kva.ch:80":   {"xn--bcher-kva.ch", 80},
		label + ".x:80":         {label + ".x", 80},
		name + ":80":            {name, 80},
		name + ".:80":           {name + ".", 80},
	} {
		got, err := ParseServer(s)
		if err != nil || got != want {
			t.Errorf("%q: found %v, %v, expected %v", s, got, err, want)
		}
		if got.String() != s {
			t.Errorf("%q is written %q", s, got.String())
		}
	}
	for s, want := range map[string]string{
		"":                 "no port",
		"host":             "no port",
		":80":              "no host",
		".:80":             "no host",
		"a:":               "found port",
		"a:0":              "found port",
		"a:65536":          "found port",
		"a:080":            "found port",
		"a:+80":            "found port",
		"a: 80":            "found port",
		"a:8_0":            "found port",
		"a:80\n":           "found port",
		"a:http":           "found port",
		"::1:80":           "more than one colon",
		"a:1:2":            "more than one colon",
		"[::1]":            `expected "[IPv6 address]:port"`,
		"[::1]80":          `expected "[IPv6 address]:port"`,
		"[::1]:":           "found port",
		"[fe80::1%eth0]:1": "without a zone",
		"[127.0.0.1]:1":    "expected an IPv6 address",
		"[a.b]:1":          "expected an IPv6 address",
		"[]:1":             "expected an IPv6 address",
		"a..b:1":           "0 characters",
		".a:1":             "0 characters",
		"a..:1":            "0 characters",
		label + "a.x:1":    "64 characters",
		name + "a:1":       "254 characters",
		"-a:1":             "no hyphen at the ends",
		"a-.b:1":           "no hyphen at the ends",
		"a b:1":            `found ' '`,
		"a/b:1":            `found '/'`,
		"u@a.b:1":          `found '@'`,
		"a\x00b:1":         `found '\x00'`,
		"${NODE_ID}:1":     `found '$'`,
		"bücher.ch:1":      "xn--",
		"a\xff:1":          "xn--",
		"127.1:1":          "does not end in a number",
		"300.1.1.1:1":      "does not end in a number",
		"010.0.0.1:1":      "does not end in a number",
		"1.2.3.4.5:1":      "does not end in a number",
		"a.5.:1":           "does not end in a number",
		"80:80":            "does not end in a number",
		"0x7f000001:1":     "does not end in a number",
		"0X7F000001.:1":    "does not end in a number",
		"a.0x10:1":         "does not end in a number",
		"a.0x:1":           "does not end in a number",
		"0x7f.1:1":         "does not end in a number",
		"0x7f.0.0.0x1:1":   "does not end in a number",
		"0177.0.0.01:1":    "does not end in a number",
		"a.017:1":          "does not end in a number",
		"017700000001:1":   "does not end in a number",
		"https://a.b":      "found port",
		"https://a.b:443":  "more than one colon",
	} {
		got, err := ParseServer(s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: found %v, %v, expected an error with … %s …", s, got, err, want)
		}
	}
}

func FuzzParseServer(f *testing.F) {
	for _, s := range []string{"a.example.com:1234", "[::1]:1", "127.0.0.1:65535", "a_b.:80", "[fe80::1%x]:1", "1.2:3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		server, err := ParseServer(s)
		if err != nil {
			return
		}
		if server.Port == 0 || server.Host == "" || server.String() != s {
			t.Errorf("%q was read as %+v, written %q", s, server, server.String())
		}
	})
}
