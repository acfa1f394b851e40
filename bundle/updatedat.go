package bundle

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// UpdatedAt is the line of updated-at.txt: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ,
// a day or second that exists, in UTC (spec info-bundle.md, "updated-at.txt").
// Values compare as text, because that is how the peers of a node compare them.
// The zero UpdatedAt stands for no line, and is less than every other.
type UpdatedAt struct{ line string }

// Forms of the line. The longer one sorts right after the date that it begins
// with in every reader; fractions of a second would not.
const (
	dateForm = time.DateOnly
	timeForm = "2006-01-02T15:04:05Z"
)

// maxAhead is how far ahead of the clock the date of a line may be made. A clock that was
// wrong by more once must be noticed: every later bundle has to be dated after
// the wrong date.
const maxAhead = 24 * time.Hour

// ParseUpdatedAt reads the line, with or without one newline at the end.
func ParseUpdatedAt(s string) (UpdatedAt, error) {
	line := strings.TrimSuffix(s, "\n")
	u := UpdatedAt{line}
	if form := u.form(); form == "" || u.Time().Format(form) != line {
		found := fmt.Sprintf("%q", s[:min(len(s), MaxUpdatedAt)])
		return UpdatedAt{}, fmt.Errorf("found %s, expected one line with a date as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ", found)
	}
	return u, nil
}

// form returns the layout that has the length of the line, or "".
func (u UpdatedAt) form() string {
	switch len(u.line) {
	case len(dateForm):
		return dateForm
	case len(timeForm):
		return timeForm
	}
	return ""
}

// String returns the line without the newline.
func (u UpdatedAt) String() string { return u.line }

// File returns the content of updated-at.txt: the line and a newline.
func (u UpdatedAt) File() []byte { return []byte(u.line + "\n") }

// IsZero reports whether there is no line.
func (u UpdatedAt) IsZero() bool { return u.line == "" }

// Time returns the moment that the line names, in UTC: for a date, its first
// second. For the zero UpdatedAt it is the zero time.
func (u UpdatedAt) Time() time.Time {
	form := u.form()
	t, err := time.Parse(form, u.line)
	if form == "" || err != nil {
		return time.Time{}
	}
	return t
}

// date returns the first ten characters: the date.
func (u UpdatedAt) date() string { return u.line[:min(len(dateForm), len(u.line))] }

// Compare compares as text: -1, 0 or 1.
func (u UpdatedAt) Compare(v UpdatedAt) int { return strings.Compare(u.line, v.line) }

// MarshalText implements encoding.TextMarshaler with the line.
func (u UpdatedAt) MarshalText() ([]byte, error) { return []byte(u.line), nil }

// NextUpdatedAt returns the line for changed content (spec info-bundle.md,
// "updated-at.txt"): today's UTC date if that is greater than current; otherwise
// current's date with a time that makes it greater, which is the time of now if
// that serves, and else the smallest. When there is no later second in that day,
// it is the next date. A date that would be more than a day ahead of now is
// refused. What is returned is greater than current. The zero current stands for
// a node that has not published yet.
func NextUpdatedAt(current UpdatedAt, now time.Time) (UpdatedAt, error) {
	now = now.UTC()
	today, err := ParseUpdatedAt(now.Format(dateForm))
	if err != nil {
		return UpdatedAt{}, fmt.Errorf("updated-at: the clock shows %s, expected a year of four digits", now.Format(time.RFC3339))
	}
	if today.Compare(current) > 0 {
		return today, nil
	}
	next, err := following(current, now)
	if err != nil {
		return UpdatedAt{}, fmt.Errorf("updated-at: %w", err)
	}
	if day := (UpdatedAt{next.date()}); day.Time().Sub(now) > maxAhead {
		return UpdatedAt{}, fmt.Errorf("updated-at: the current line is %s and the clock shows %s: found the next line, %s, more than a day ahead, expected at most a day; "+
			"peers take a bundle only if its line is greater, so check the clock, or wait", current, now.Format(timeForm), next)
	}
	return next, nil
}

// following returns the line after current, which is not less than today's date.
func following(current UpdatedAt, now time.Time) (UpdatedAt, error) {
	if clock := (UpdatedAt{now.Format(timeForm)}); clock.date() == current.date() && clock.Compare(current) > 0 {
		return clock, nil
	}
	if current.form() == dateForm {
		return UpdatedAt{current.line + "T00:00:00Z"}, nil
	}
	t := current.Time().Add(time.Second)
	next := UpdatedAt{t.Format(timeForm)}
	if next.date() != current.date() {
		next = UpdatedAt{t.Format(dateForm)}
	}
	if next.Compare(current) <= 0 || next.form() == "" { // after the year 9999
		return UpdatedAt{}, errors.New("found the last second of the year 9999, and there is no line after it")
	}
	return next, nil
}
