package bundle

import (
	"strings"
	"testing"
	"time"
)

func TestParseUpdatedAt(t *testing.T) {
	for s, want := range map[string]time.Time{
		"2026-11-23":             time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		"2026-11-23\n":           time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		"2024-02-29":             time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		"2026-11-23T10:15:00Z":   time.Date(2026, 11, 23, 10, 15, 0, 0, time.UTC),
		"2026-11-23T23:59:59Z\n": time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC),
		"0000-01-01":             time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59Z":   time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		u, err := ParseUpdatedAt(s)
		if err != nil || !u.Time().Equal(want) || u.String() != strings.TrimSuffix(s, "\n") || u.IsZero() {
			t.Errorf("%q: found %v, %v, %v, expected %v", s, u, u.Time(), err, want)
		}
		if string(u.File()) != strings.TrimSuffix(s, "\n")+"\n" {
			t.Errorf("%q: found file %q", s, u.File())
		}
	}
	for _, s := range []string{
		"", "\n", "2026-11-23\n\n", "2026-11-23\r\n", " 2026-11-23", "2026-11-23 ", "2026-11-23\x00",
		"2026-02-29", "2026-13-01", "2026-00-10", "2026-11-31", "2026-1-23", "26-11-23", "+026-11-23", "2026/11/23", "20261123",
		"2026-11-23T10:15:00", "2026-11-23T10:15:00z", "2026-11-23t10:15:00Z", "2026-11-23 10:15:00Z", "2026-11-23T24:00:00Z",
		"2026-11-23T10:60:00Z", "2026-11-23T10:15:60Z", "2026-11-23T10:15Z", "2026-11-23T10:15:00.5Z", "2026-11-23T10:15:00,5Z",
		"2026-11-23T10:15:00+00:00", "2026-11-23T1:15:00Z", "2026-11-23T1:15:00.Z", "٢٠٢٦-11-23", strings.Repeat("2", 1000),
	} {
		u, err := ParseUpdatedAt(s)
		if err == nil || !u.IsZero() || !strings.Contains(err.Error(), "expected one line with a date") || len(err.Error()) > 400 {
			t.Errorf("%q: found %v, %v, expected an error", s, u, err)
		}
	}
}

func TestUpdatedAtOrder(t *testing.T) {
	lines := []string{"0000-01-01", "2026-11-22T23:59:59Z", "2026-11-23", "2026-11-23T00:00:00Z", "2026-11-23T10:15:00Z", "2026-11-24", "9999-12-31"}
	previous := UpdatedAt{}
	for _, line := range lines {
		u, err := ParseUpdatedAt(line)
		if err != nil {
			t.Fatal(err)
		}
		if u.Compare(previous) != 1 || previous.Compare(u) != -1 || u.Compare(u) != 0 {
			t.Errorf("%q is not greater than %q", u, previous)
		}
		previous = u
	}
	if !(UpdatedAt{}).Time().IsZero() {
		t.Error("the zero UpdatedAt has a time")
	}
}

func TestNextUpdatedAt(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct{ current, now, want string }{
		{"", "2026-11-23T10:15:00Z", "2026-11-23"},
		{"2026-11-22", "2026-11-23T10:15:00Z", "2026-11-23"},
		{"2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-23"},
		// The same day: the time of the clock.
		{"2026-11-23", "2026-11-23T10:15:00.999Z", "2026-11-23T10:15:00Z"},
		{"2026-11-23", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"},
		{"2026-11-23T10:15:00Z", "2026-11-23T10:16:00Z", "2026-11-23T10:16:00Z"},
		// Twice in one second, or a clock that went back within the day.
		{"2026-11-23T10:15:00Z", "2026-11-23T10:15:00Z", "2026-11-23T10:15:01Z"},
		{"2026-11-23T10:15:59Z", "2026-11-23T08:00:00Z", "2026-11-23T10:16:00Z"},
		// The last second of the day.
		{"2026-11-23T23:59:59Z", "2026-11-23T23:59:59Z", "2026-11-24"},
		{"2026-11-23T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-24"},
		// A line written east of Greenwich, with the local date: up to a day ahead.
		{"2026-11-24", "2026-11-23T10:15:00Z", "2026-11-24T00:00:00Z"},
		{"2026-11-24", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"},
		{"2026-11-24T10:15:00Z", "2026-11-23T00:00:00Z", "2026-11-24T10:15:01Z"},
		{"2026-11-25", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"2024-02-28T23:59:59Z", "2024-02-28T12:00:00Z", "2024-02-29"},
		// The clock is not in UTC.
		{"2026-11-23", "2026-11-24T01:00:00+02:00", "2026-11-23T23:00:00Z"},
		{"9999-12-31", "9999-12-31T10:00:00Z", "9999-12-31T10:00:00Z"},
	} {
		var current UpdatedAt
		if tt.current != "" {
			var err error
			if current, err = ParseUpdatedAt(tt.current); err != nil {
				t.Fatal(err)
			}
		}
		next, err := NextUpdatedAt(current, at(tt.now))
		if err != nil || next.String() != tt.want {
			t.Errorf("after %q at %s: found %q, %v, expected %q", tt.current, tt.now, next, err, tt.want)
			continue
		}
		if _, err := ParseUpdatedAt(next.String()); err != nil || next.Compare(current) != 1 {
			t.Errorf("after %q at %s: %q is not a line that is greater: %v", tt.current, tt.now, next, err)
		}
	}
	for _, tt := range []struct {
		current string
		now     time.Time
		want    string
	}{
		{"2026-11-25", at("2026-11-23T23:59:59Z"), "more than a day ahead"},
		{"2026-11-24", at("2026-11-22T23:59:59Z"), "more than a day ahead"},
		{"2026-11-24T23:59:59Z", at("2026-11-23T23:59:59Z"), "more than a day ahead"},
		{"2099-01-01", at("2026-11-23T10:15:00Z"), "2099-01-01"},
		{"9999-12-31T23:59:59Z", at("9999-12-31T23:59:59Z"), "9999"},
		{"2026-11-23", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "four digits"},
		{"2026-11-23", time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), "four digits"},
	} {
		current, err := ParseUpdatedAt(tt.current)
		if err != nil {
			t.Fatal(err)
		}
		next, err := NextUpdatedAt(current, tt.now)
		if err == nil || !next.IsZero() || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("after %q at %s: found %q, %v, expected an error with … %s …", tt.current, tt.now, next, err, tt.want)
		}
	}
}

func FuzzUpdatedAt(f *testing.F) {
	for _, s := range []string{"2026-11-23\n", "2026-11-23T10:15:00Z", "9999-12-31T23:59:59Z", "2026-02-29", ""} {
		f.Add(s, int64(1795428900))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		u, err := ParseUpdatedAt(s)
		if err != nil {
			return
		}
		if again, err := ParseUpdatedAt(string(u.File())); err != nil || again != u {
			t.Errorf("%q written and read again: %v, %v", u, again, err)
		}
		next, err := NextUpdatedAt(u, time.Unix(unix, 0))
		if err != nil {
			return
		}
		if again, err := ParseUpdatedAt(next.String()); err != nil || again != next || next.Compare(u) != 1 {
			t.Errorf("after %q at %d: found %q, %v", u, unix, next, err)
		}
		if (UpdatedAt{next.date()}).Time().Sub(time.Unix(unix, 0)) > maxAhead {
			t.Errorf("after %q at %d: %q is too far ahead", u, unix, next)
		}
	})
}
