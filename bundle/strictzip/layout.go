package strictzip

import (
	"fmt"
	"math"
	"sort"
)

// A span is the part of the file that must belong to one entry: from its local
// header to the next, or to the central directory.
type span struct {
	*header
	next int64
}

// layout orders the entries by their place in the file and checks, from the
// central directory alone, that they can tile it. It costs nothing that an
// attacker could multiply: no local header is read for entries that overlap.
func (o *opener) layout(headers []*header, e ends) ([]span, bool) {
	rec := o.rec
	spans := make([]span, len(headers))
	for i := range headers {
		spans[i].header = headers[i]
	}
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].offset < spans[j].offset })
	rec.checked(ruleLeading, ruleOverlap, ruleGap)
	first := e.dirOffset
	if len(spans) > 0 {
		first = spans[0].offset
	}
	if first > 0 {
		rec.fail(ruleLeading, "offset 0", fmt.Sprintf("%d bytes before the first local header", first), "a local header")
	}
	for i := range spans {
		s := &spans[i]
		s.next = e.dirOffset
		if i+1 < len(spans) {
			s.next = spans[i+1].offset
		}
		// No sum can overflow: offset and csize are at most the offset of the directory.
		end := s.offset + localHeaderLen + int64(len(s.name)) + s.csize
		switch slack := s.next - end; {
		case slack < 0:
			rec.fail(ruleOverlap, s.where(), fmt.Sprintf("its data ends at offset %d or later", end), fmt.Sprintf("an end by offset %d, where the next record begins", s.next))
		case slack > math.MaxUint16+maxDescriptor:
			rec.fail(ruleGap, s.where(), fmt.Sprintf("%d bytes to the next record", slack), "at most an extra field and a data descriptor")
		}
	}
	return spans, !rec.failed(ruleLeading, ruleOverlap, ruleGap)
}

// checkLimits applies the limits to what the central directory declares.
// What is inflated is then held to the declared sizes.
func (o *opener) checkLimits(headers []*header) bool {
	rec := o.rec
	var inflated, compressed int64
	for _, h := range headers {
		if h.usize > o.lim.File {
			rec.fail(ruleFile, h.where(), fmt.Sprintf("%d bytes", h.usize), fmt.Sprintf("at most %d", o.lim.File))
		}
		inflated = addSat(inflated, h.usize)
		compressed = addSat(compressed, h.csize)
	}
	if inflated > o.lim.Total {
		rec.fail(ruleTotal, "", fmt.Sprintf("%d bytes", inflated), fmt.Sprintf("at most %d", o.lim.Total))
	}
	if o.lim.ratioExceeded(inflated, compressed) {
		rec.fail(ruleRatio, "", fmt.Sprintf("%d bytes inflate to %d", compressed, inflated),
			fmt.Sprintf("at most %d times as many, not counting the first %d", o.lim.Ratio, o.lim.RatioFree))
	}
	rec.checked(ruleFile, ruleTotal, ruleRatio)
	return !rec.failed(ruleFile, ruleTotal, ruleRatio)
}
