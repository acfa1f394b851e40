package smp

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A stranger's text is not cut within a character, and what is no text stays
// visible as what it is.
func TestClip(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{strings.Repeat("a", 60), strings.Repeat("a", 60)},
		{strings.Repeat("a", 61), strings.Repeat("a", 60) + "…"},
		{strings.Repeat("a", 59) + "éé", strings.Repeat("a", 59) + "…"},
		{strings.Repeat("a", 58) + "éé", strings.Repeat("a", 58) + "é…"},
		{strings.Repeat("a", 57) + "\U0001F600a", strings.Repeat("a", 57) + "…"},
		{strings.Repeat("a", 56) + "\U0001F600a", strings.Repeat("a", 56) + "\U0001F600…"},
		{"\xff" + strings.Repeat("a", 60), "\xff" + strings.Repeat("a", 59) + "…"},
		{strings.Repeat("\x80", 70), strings.Repeat("\x80", 56) + "…"},
	} {
		if got := clip(tt.in); got != tt.want {
			t.Errorf("%q: found %q, expected %q", tt.in, got, tt.want)
		}
	}
	if got := show(value{isString, strings.Repeat("ж", 40)}); !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("found %q, expected whole characters", got)
	}
}
