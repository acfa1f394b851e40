package bundle_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/check"
)

// No byte of any reference bundle can be replaced so that it is accepted with
// another meaning: a bit is changed in each, and each gets another random value.
func TestEveryBundleChanged(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2026))
	for _, name := range bundleNames {
		original := readBundle(t, name)
		want := meaning(mustVerify(t, original))
		tried, accepted := 0, 0
		for i := range original {
			for _, change := range []byte{1 << random.IntN(8), byte(1 + random.IntN(255))} {
				data := bytes.Clone(original)
				data[i] ^= change
				tried++
				b, report := verify(data)
				if (b != nil) != report.OK(false) {
					t.Fatalf("%s: byte %d: bundle and report disagree", name, i)
				}
				if b == nil {
					continue
				}
				accepted++
				if got := meaning(b); got != want {
					t.Errorf("%s: byte %d ^ %#02x: accepted with another meaning: %s", name, i, change, got)
				}
			}
		}
		if tried != 2*len(original) || accepted*10 > tried {
			t.Errorf("%s: found %d of %d changed files accepted, expected only changes of times and such", name, accepted, tried)
		}
		t.Logf("%s: %d changes tried, %d accepted with the same meaning", name, tried, accepted)
	}
}

// What is refused as an archive by itself is refused as the inner archive of a
// bundle whose signature is right, by the same rules, and what is accepted is.
func TestVectorsInside(t *testing.T) {
	for class, count := range map[string]int{"accept": 9, "reject": 13, "malicious": 8, "iffy": 49} {
		files, err := filepath.Glob(filepath.Join("../testdata/vectors/zip", class, "*.zip"))
		if err != nil || len(files) != count {
			t.Fatalf("%s: found %d files, %v, expected %d", class, len(files), err, count)
		}
		for _, file := range files {
			b, report := verify(partsOf(t, "aa").signRaw(t, "aa", readFile(t, file)).zip(t))
			if b != nil {
				t.Errorf("%s: accepted, expected at least that stomp.toml is missing", file)
			}
			if !report.Has("bundle.signature", check.Passed) {
				t.Errorf("%s: the signature is not right: %v", file, report.Err())
			}
			var inner []string
			for _, res := range report.Failed(check.Error) {
				if strings.HasPrefix(res.Where, "nodeinfo.zip") && strings.HasPrefix(res.Rule.ID, "zip.") {
					inner = append(inner, res.Rule.ID)
				}
			}
			switch class {
			case "accept":
				if len(inner) > 0 || !report.Has("bundle.stomp-toml", check.Failed) {
					t.Errorf("%s: found %v, expected no breach but the missing files", file, inner)
				}
			case "reject", "malicious":
				if len(inner) == 0 {
					t.Errorf("%s: found no breach of the zip rules", file)
				}
			}
		}
	}
}

// The notes that the reference bundles deserve: nobody was asked to prove whose
// they are, and nothing else.
func TestReferenceNotes(t *testing.T) {
	for _, name := range bundleNames {
		data := readBundle(t, name)
		fingerprint := mustVerify(t, data).Fingerprint()
		_, report := verify(data)
		notes := report.Failed(check.Notice)
		if len(notes) != 1 || notes[0].Rule.ID != "trust.unproven" || !strings.Contains(notes[0].Found, fingerprint) || notes[0].Advice == "" {
			t.Errorf("%s: found %+v, expected the notice trust.unproven with the fingerprint", name, notes)
		}
		_, report = verify(data, func(o *bundle.VerifyOptions) { o.Pin = fingerprint })
		if notes := failures(report); len(notes) != 0 {
			t.Errorf("%s, pinned: found %v, expected nothing", name, notes)
		}
	}
}
