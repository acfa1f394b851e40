package name

import (
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	der := readRoot(b, "ca").RawSubject
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(der); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseHostile is a name as long as allowed that is costly to prepare.
func BenchmarkParseHostile(b *testing.B) {
	der := single(text(12, strings.Repeat("ﷺ", (MaxBytes-21)/3)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(der); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEqual(b *testing.B) {
	x, y := parse1(b, readRoot(b, "ca").RawSubject), parse1(b, readRoot(b, "ca").RawSubject)
	b.ReportAllocs()
	for b.Loop() {
		if !Equal(x, y) {
			b.Fatal("expected equal names")
		}
	}
}
