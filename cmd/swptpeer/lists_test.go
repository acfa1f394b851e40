package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/swaptacular/swptpeer/certs/check"
)

// onPrinter is a call that prints to w.
func onPrinter(w io.Writer) *call {
	return &call{app: &app{sys: testSystem(), out: newPrinter(w, testSystem(), true)}}
}

// A document whose lists are printed one element at a time is, byte for byte, the one
// that is encoded at once, whatever is in it and however long the lists are.
func TestEmitLists(t *testing.T) {
	type element struct {
		Text  string            `json:"text"`
		List  []string          `json:"list"`
		Inner []element         `json:"second"`
		Map   map[string]string `json:"map,omitempty"`
	}
	type inner struct {
		Before string    `json:"before"`
		First  []element `json:"first"`
		Text   string    `json:"text"`
		Second []element `json:"second"`
		After  string    `json:"after"`
	}
	type outer struct {
		Text string  `json:"text"`
		Runs []inner `json:"runs"`
	}
	const hostile = "\n  \"first\": []\n\"second\": []\x1b\x00é\u202e\U0001f600\U000e0001\xff</x>&"
	long := []element{{Text: hostile, List: []string{hostile, ""}, Inner: []element{{Text: hostile}}}, {}, {Map: map[string]string{hostile: hostile}}}
	each := func(list []element) func(func(any) bool) {
		return func(yield func(any) bool) {
			for _, e := range list {
				if !yield(e) {
					return
				}
			}
		}
	}
	for _, first := range [][]element{{}, long[:1], long} {
		for _, second := range [][]element{{}, long[2:], slices.Concat(long, long)} {
			run := inner{hostile, first, hostile, second, hostile}
			want, err := encodeJSON(outer{hostile, []inner{run}})
			if err != nil {
				t.Fatal(err)
			}
			run.First, run.Second = []element{}, []element{}
			var out bytes.Buffer
			if err := onPrinter(&out).emitLists(outer{hostile, []inner{run}}, jsonList{"first", each(first)}, jsonList{"second", each(second)}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%d and %d elements: found\n%s\nexpected\n%s", len(first), len(second), &out, want)
			}
		}
	}
	var out bytes.Buffer
	if err := onPrinter(&out).emitLists(outer{}, jsonList{"third", each(nil)}); err == nil || out.Len() > 0 {
		t.Errorf("a list that is not there: found %v and %q, expected an error and nothing", err, &out)
	}
	if err := onPrinter(fullWriter{}).emitLists(inner{First: []element{}}, jsonList{"first", each(long)}); !has[*outputError](err) {
		t.Errorf("a full disk: found %v, expected an output error", err)
	}
}

// Packed reports are printed as others are, in every format.
func TestPackedVerdict(t *testing.T) {
	rule := &check.Rule{ID: "x.y", Severity: check.Error, Title: "t", Citation: "c", Advice: "a"}
	notice := &check.Rule{ID: "x.z", Severity: check.Notice, Title: "t", Citation: "c", Advice: "a"}
	fill := func() []item {
		items := []item{{name: "unread.zip", err: errors.New("unread")}}
		for i := range 40 {
			r := &check.Report{Subject: fmt.Sprint(i)}
			r.Pass(rule, "w", "f")
			switch i % 4 {
			case 0:
				r.Fail(rule, "w", fmt.Sprint(i), "e")
				r.Skip(rule, "w", "f")
			case 1:
				r.Skip(rule, "w", "f")
			case 2:
				r.Fail(notice, "w", "f", "e")
			}
			// Some are the same file, and some are named twice.
			items = append(items, item{name: fmt.Sprint(i/3, ".zip"), report: r, sha256: &[32]byte{byte(i / 7)}})
		}
		return items
	}
	for _, format := range formatsOfVerdict {
		var want, got bytes.Buffer
		packed := fill()
		for i, it := range packed {
			if it.report != nil {
				packed[i].packed, packed[i].report = it.report.Pack(), nil
			}
		}
		a := &app{sys: testSystem(), out: newPrinter(&want, testSystem(), true)}
		b := &app{sys: testSystem(), out: newPrinter(&got, testSystem(), true)}
		errA, errB := a.testVerdict(t, format, fill()), b.testVerdict(t, format, packed)
		if want.Len() == 0 || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: found\n%s\nexpected\n%s", format, &got, &want)
		}
		if fmt.Sprint(errA) != fmt.Sprint(errB) || errA == nil {
			t.Errorf("%s: found the error %v, expected %v", format, errB, errA)
		}
	}
}
