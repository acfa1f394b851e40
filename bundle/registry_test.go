package bundle

import (
	"fmt"
	"strings"
	"testing"
)

const someFingerprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func entry(id, fingerprint string) string {
	return fmt.Sprintf("[[authority]]\nserial-number = %q\npublic-key-sha256 = %q\n", id, fingerprint)
}

func TestParseRegistry(t *testing.T) {
	for name, doc := range map[string]string{
		"tables": "# ours\n" + entry("1234abcd", someFingerprint) + "name = \"One\"\n" + entry("00000000", strings.ToUpper(someFingerprint)),
		"inline": fmt.Sprintf("authority = [{serial-number = '1234abcd', public-key-sha256 = '%s', name = 'One'}, {serial-number = '00000000', public-key-sha256 = '%[1]s'}]", someFingerprint),
	} {
		r, err := ParseRegistry([]byte(doc))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a, ok := r.Lookup("1234abcd"); !ok || a != (Authority{"1234abcd", someFingerprint, "One"}) || r.Len() != 2 {
			t.Errorf("%s: found %+v, %v of %d", name, a, ok, r.Len())
		}
		if a, ok := r.Lookup("00000000"); !ok || a.Fingerprint != someFingerprint || a.Name != "" {
			t.Errorf("%s: found %+v, %v", name, a, ok)
		}
		if _, ok := r.Lookup("1234ABCD"); ok {
			t.Errorf("%s: found an id in upper case", name)
		}
	}
	good := entry("1234abcd", someFingerprint)
	for _, tt := range []struct{ doc, want string }{
		{"", "no list of authorities"},
		{"authority = []", "no list of authorities"},
		{"authority = 1", "no list of authorities"},
		{"authority = [1]", "no list of authorities"},
		{"[authority]\nserial-number = '1234abcd'", "no list of authorities"},
		{"x = ", "line 1"},
		{good + "serial-number = '1234abcd'", "line 4"},
		{"version = 1\n" + good, `unknown key "version"`},
		{good + "Name = 'x'\n", `authority 1: found the unknown key "Name"`},
		{good + "name = 1\n", "no string name"},
		{good + good, "authority 2: found 1234abcd a second time"},
		{entry("1234ABCD", someFingerprint), "authority 1: serial-number: "},
		{entry("ae4209290a434d18be5465b3d11257f8", someFingerprint), "8 lowercase hex digits"},
		{entry("1234abcd", someFingerprint[:40]), "64 hex digits"},
		{"[[authority]]\nserial-number = '1234abcd'\n", "no string public-key-sha256"},
		{"[[authority]]\npublic-key-sha256 = '" + someFingerprint + "'\n", "no string serial-number"},
		{"[[authority]]\nserial-number = 12345678\npublic-key-sha256 = '" + someFingerprint + "'\n", "no string serial-number"},
		{strings.Repeat("#", MaxRegistry+1), "2097153 bytes"},
		{"x = " + strings.Repeat("[", 1<<20), "nested"},
	} {
		r, err := ParseRegistry([]byte(tt.doc))
		if err == nil || r != nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "registry: ") {
			t.Errorf("%.100q: found %v, expected … %s …", tt.doc, err, tt.want)
		}
	}
	if _, err := ParseRegistry([]byte(good + strings.Repeat("#", MaxRegistry-len(good)))); err != nil {
		t.Errorf("the largest registry: %v", err)
	}
}

func TestParseFingerprint(t *testing.T) {
	colons := strings.TrimSuffix(strings.Repeat("AB:", 32), ":")
	for s, want := range map[string]string{
		someFingerprint:                  someFingerprint,
		strings.ToUpper(someFingerprint): someFingerprint,
		colons:                           strings.Repeat("ab", 32),
	} {
		if got, err := ParseFingerprint(s); err != nil || got != want {
			t.Errorf("%q: found %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", someFingerprint[1:], someFingerprint + "0", someFingerprint[1:] + "g", colons + ":", ":" + colons,
		colons[1:], strings.Replace(colons, ":", "", 1), " " + someFingerprint, someFingerprint + "\n", "sha256:" + someFingerprint} {
		if got, err := ParseFingerprint(s); err == nil || got != "" {
			t.Errorf("%q: found %q, expected an error", s, got)
		}
	}
}

func FuzzParseRegistry(f *testing.F) {
	f.Add([]byte(entry("1234abcd", someFingerprint) + "name = 'x'\n" + entry("00000000", someFingerprint)))
	f.Add([]byte("authority = [{serial-number = '1234abcd'}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRegistry(data)
		if (r == nil) == (err == nil) {
			t.Fatalf("found %v and %v", r, err)
		}
		if r != nil && r.Len() == 0 {
			t.Fatal("found an empty registry")
		}
	})
}
