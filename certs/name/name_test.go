package name

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

type pair struct {
	Rel, A, B, Test string
	ADER            string `json:"a_der"`
	BDER            string `json:"b_der"`
	Expect          bool
}

func readPairs(t testing.TB) []pair {
	t.Helper()
	f, err := os.Open("../../testdata/vectors/names/name_pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var pairs []pair
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var p pair
		if err := json.Unmarshal(s.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, p)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return pairs
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPairs runs all pairs of testdata/vectors/names. There are no exceptions:
// TeletexString is compared by its DER here too.
func TestPairs(t *testing.T) {
	pairs := readPairs(t)
	if len(pairs) != 792 {
		t.Fatalf("found %d pairs, expected 792", len(pairs))
	}
	for _, p := range pairs {
		a, errA := Parse(unhex(t, p.ADER))
		b, errB := Parse(unhex(t, p.BDER))
		got := errA == nil && errB == nil
		switch p.Rel {
		case "equal":
			got = got && Equal(a, b)
		case "in-subtree":
			got = got && a.Within(b)
		default:
			t.Fatalf("unknown relation %q", p.Rel)
		}
		if got != p.Expect {
			t.Errorf("%s: %s %s %s: found %v, expected %v (errors %v, %v)", p.Test, p.A, p.Rel, p.B, got, p.Expect, errA, errB)
		}
		// Only values in invalid-*, printable-bad-* and ia5-8x may fail to parse.
		if p.Expect && (errA != nil || errB != nil) {
			t.Errorf("%s: %v, %v", p.Test, errA, errB)
		}
	}
}
