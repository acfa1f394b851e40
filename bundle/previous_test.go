package bundle_test

import (
	"testing"
	"time"

	"github.com/swaptacular/swptpeer/bundle"
	"github.com/swaptacular/swptpeer/certs/check"
)

func TestPrevious(t *testing.T) {
	dated := func(date string, more ...member) []byte {
		return partsOf(t, "aa").sign(t, "aa", append([]member{goodInfo()[0], {name: "updated-at.txt", content: date + "\n"}}, more...)...).zip(t)
	}
	old := mustVerify(t, dated("2026-11-22"))
	const root, date = "trust.previous-root", "trust.previous-updated-at"
	for _, tt := range []struct {
		name       string
		data       []byte
		root, date check.Outcome
		proven     bool
	}{
		{"newer", dated("2026-11-23", member{name: "new"}), check.Passed, check.Passed, true},
		{"newer by a second", dated("2026-11-22T00:00:00Z", member{name: "new"}), check.Passed, check.Passed, true},
		{"the same", dated("2026-11-22"), check.Passed, check.Passed, true},
		{"other content on the same day", dated("2026-11-22", member{name: "new"}), check.Passed, check.Failed, true},
		{"older", dated("2026-11-21"), check.Passed, check.Failed, true},
		{"another node", readBundle(t, "ca"), check.Failed, check.Skipped, false},
		{"no date", partsOf(t, "aa").sign(t, "aa", goodInfo()[0]).zip(t), check.Passed, check.Skipped, true},
	} {
		b, report := verify(tt.data, func(o *bundle.VerifyOptions) { o.Previous = old })
		if !report.Has(root, tt.root) || !report.Has(date, tt.date) {
			t.Errorf("%s: found %v, expected root %v, date %v", tt.name, failures(report), tt.root, tt.date)
		}
		if (b != nil) != (tt.root == check.Passed && tt.date == check.Passed) {
			t.Errorf("%s: found bundle %v", tt.name, b)
		}
		if report.Has("trust.unproven", check.Passed) != tt.proven {
			t.Errorf("%s: proven: expected %v", tt.name, tt.proven)
		}
	}
	p := partsOf(t, "aa")
	p.root = []byte("nothing\n")
	if _, report := verify(p.zip(t), func(o *bundle.VerifyOptions) { o.Previous = old }); !report.Has(root, check.Skipped) || !report.Has(date, check.Skipped) {
		t.Errorf("found %v, expected both skipped without a root certificate", report.Err())
	}
}

// TestPreviousSignature: as in [TestDiffSignature].
func TestPreviousSignature(t *testing.T) {
	for _, signed := range []bool{false, true} {
		old := *mustVerify(t, readBundle(t, "ca"))
		root, certificate := *old.Root, *old.Root.Certificate
		old.Root, root.Certificate = &root, &certificate
		certificate.Raw, root.File = flip(certificate.Raw), flip(root.File)
		want := check.Passed
		if signed {
			certificate.RawTBSCertificate = flip(certificate.RawTBSCertificate)
			want = check.Failed
		}
		b, report := verify(readBundle(t, "ca"), func(o *bundle.VerifyOptions) { o.Previous = &old })
		if !report.Has("trust.previous-root", want) || (b != nil) == signed {
			t.Errorf("what is signed differs: %v: found %v, bundle %v", signed, failures(report), b != nil)
		}
	}
}

func TestPins(t *testing.T) {
	aa, ca := mustVerify(t, readBundle(t, "aa")), mustVerify(t, readBundle(t, "ca"))
	pins := map[string]string{aa.Identity.ID(): aa.Fingerprint(), ca.Identity.ID(): ca.Fingerprint()}
	with := func(change func(map[string]string)) func(*bundle.VerifyOptions) {
		return func(o *bundle.VerifyOptions) {
			o.Pins = map[string]string{}
			for id, pin := range pins {
				o.Pins[id] = pin
			}
			change(o.Pins)
		}
	}
	for _, tt := range []struct {
		name, bundle string
		opt          func(*bundle.VerifyOptions)
		ok           bool
	}{
		{"an authority", "aa", with(func(map[string]string) {}), true},
		{"an agent", "ca", with(func(map[string]string) {}), true},
		{"one that is not listed", "da", with(func(map[string]string) {}), false},
		{"one with another's key", "aa", with(func(m map[string]string) { m["1234abcd"] = ca.Fingerprint() }), false},
		{"one with something else", "aa", with(func(m map[string]string) { m["1234abcd"] = "x" }), false},
		{"the pin of one more", "aa", func(o *bundle.VerifyOptions) { o.Pins, o.Pin = pins, aa.Fingerprint() }, true},
		{"the pin of another", "aa", func(o *bundle.VerifyOptions) { o.Pins, o.Pin = pins, ca.Fingerprint() }, false},
	} {
		b, report := verify(readBundle(t, tt.bundle), tt.opt)
		if (b != nil) != tt.ok || report.Has("trust.pin", check.Failed) == tt.ok || report.Has("trust.unproven", check.Passed) != tt.ok {
			t.Errorf("%s: found %v, expected accepted: %v", tt.name, failures(report), tt.ok)
		}
	}
}

func TestEndsWithin(t *testing.T) {
	data := readBundle(t, "ca")
	end := mustVerify(t, data).Root.NotAfter
	day := 24 * time.Hour
	for left, want := range map[time.Duration]check.Outcome{30 * day: check.Failed, 30*day + time.Second: check.Passed} {
		_, report := verify(data, func(o *bundle.VerifyOptions) { o.Time, o.EndsWithin = end.Add(-left), 30*day })
		if !report.Has("cert.ends-soon", want) {
			t.Errorf("%v before the end: found %v, expected %v", left, failures(report), want)
		}
	}
}

// Limits can be made stricter and never more generous.
func TestStricterLimits(t *testing.T) {
	data := partsOf(t, "aa").sign(t, "aa", goodInfo(member{name: "a/b/c", content: "12345"})...).zip(t)
	size := int64(len(data))
	inner := mustVerify(t, data).NodeInfo.Archive
	var zipped, total int64
	for _, e := range inner.Entries() {
		total += e.Size
	}
	for _, m := range partsFrom(t, data) {
		if m.name == "nodeinfo.zip" {
			zipped = int64(len(m.content))
		}
	}
	longest := int64(len("updated-at.txt"))
	for _, tt := range []struct {
		rule    string
		limit   func(n int64) bundle.Limits
		at, max int64
	}{
		{"zip.limit-archive", func(n int64) bundle.Limits { return bundle.Limits{Bundle: n} }, size, bundle.MaxBundle},
		{"bundle.member-size", func(n int64) bundle.Limits { return bundle.Limits{NodeInfo: n} }, zipped, bundle.MaxNodeInfo},
		{"zip.limit-total", func(n int64) bundle.Limits { return bundle.Limits{Inflated: n} }, total, bundle.MaxInflated},
		{"zip.limit-file", func(n int64) bundle.Limits { return bundle.Limits{File: n} }, int64(len(goodManifest)), bundle.MaxFile},
		{"zip.limit-entries", func(n int64) bundle.Limits { return bundle.Limits{Entries: int(n)} }, 3, bundle.MaxEntries},
		{"zip.limit-depth", func(n int64) bundle.Limits { return bundle.Limits{Depth: int(n)} }, 3, bundle.MaxDepth},
		{"zip.limit-name", func(n int64) bundle.Limits { return bundle.Limits{Name: int(n)} }, longest, bundle.MaxName},
	} {
		for n, ok := range map[int64]bool{tt.at: true, tt.at - 1: false, tt.max + 1: true, -1: false} {
			b, report := verify(data, func(o *bundle.VerifyOptions) { o.Limits = tt.limit(n) })
			if (b != nil) != ok {
				t.Errorf("%s of %d: found %v, expected accepted: %v", tt.rule, n, failures(report), ok)
			}
			if n == tt.at-1 && !report.Has(tt.rule, check.Failed) {
				t.Errorf("%s of %d: found %v", tt.rule, n, failures(report))
			}
		}
	}
	// More than the constant is not to be had.
	if got := (bundle.Limits{Bundle: bundle.MaxBundle + 1}).Outer(); got != bundle.MaxBundle {
		t.Errorf("found a limit of %d bytes", got)
	}
	big := partsOf(t, "aa").sign(t, "aa", goodInfo(many(bundle.MaxEntries)...)...).zip(t)
	if b, report := verify(big, func(o *bundle.VerifyOptions) { o.Limits.Entries = bundle.MaxEntries * 2 }); b != nil || !report.Has("zip.limit-entries", check.Failed) {
		t.Errorf("found %v", failures(report))
	}
}
