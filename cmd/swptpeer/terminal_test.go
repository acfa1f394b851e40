package main

import (
	"strings"
	"testing"
	"testing/iotest"
)

// TestAnswerStaysInPlace: an answer is never moved to a larger slice, which would
// leave a part of a password behind that nobody wipes; one that is too long is
// refused.
func TestAnswerStaysInPlace(t *testing.T) {
	for _, n := range []int{0, 1, 600, maxAnswer, maxAnswer + 1} {
		line, err := readLine(iotest.OneByteReader(strings.NewReader(strings.Repeat("x", n) + "\nnext\n")))
		if n > maxAnswer {
			if err == nil || line != nil {
				t.Errorf("%d bytes: found %q, %v, expected a refusal", n, line, err)
			}
			continue
		}
		if err != nil || len(line) != n || cap(line) != maxAnswer+1 {
			t.Errorf("%d bytes: found %d with room for %d, %v, expected room for %d", n, len(line), cap(line), err, maxAnswer+1)
		}
	}
}
