package strictzip

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ends is what the end records say, once they agree.
type ends struct {
	entries   int64
	dirOffset int64
	dirSize   int64
	records   []byte // from the zip64 end record, if any, to the end of the file
}

// findEnds reads the end record, and the zip64 end record and locator if there
// are any. It returns false if there is no use in reading on.
func (o *opener) findEnds() (ends, bool) {
	rec := o.rec
	tail := make([]byte, min(o.size, maxTail))
	tailOff := o.size - int64(len(tail))
	if err := readFull(o.r, tail, tailOff); err != nil {
		rec.fail(ruleRead, fmt.Sprintf("offset %d", tailOff), err.Error(), "")
		return ends{}, false
	}

	// A record counts if its comment reaches exactly to the end of the file.
	// Two of them are two archives in one file.
	var reaching []int
	last := -1
	for p := 0; p+endRecordLen <= len(tail); p++ {
		i := bytes.Index(tail[p:], []byte(endRecordSig))
		if i < 0 || p+i+endRecordLen > len(tail) {
			break
		}
		p += i
		last = p
		if p+endRecordLen+int(le.Uint16(tail[p+20:])) == len(tail) {
			reaching = append(reaching, p)
		}
	}
	switch {
	case last < 0:
		rec.fail(ruleEnd, "", fmt.Sprintf("none in the last %d bytes", len(tail)), "one at the end of the file")
		return ends{}, false
	case len(reaching) == 0:
		where := fmt.Sprintf("end record at offset %d", tailOff+int64(last))
		comment := int(le.Uint16(tail[last+20:]))
		after := len(tail) - last - endRecordLen
		if comment > after {
			rec.fail(ruleEnd, where, fmt.Sprintf("a comment of %d bytes, cut off after %d", comment, after), "the whole comment")
		} else {
			rec.checked(ruleEnd)
			rec.fail(ruleTrailing, where, fmt.Sprintf("%d bytes after it", after-comment), "the end of the file")
		}
		return ends{}, false
	case len(reaching) > 1:
		rec.fail(ruleEnd, fmt.Sprintf("offsets %d and %d", tailOff+int64(reaching[0]), tailOff+int64(reaching[1])), "an end record at each", "one end record")
		return ends{}, false
	}
	rec.checked(ruleEnd, ruleTrailing)
	p := reaching[0]
	end := tail[p:]
	pos := tailOff + int64(p)
	checkComment(rec, place{record: "archive"}, end[endRecordLen:])

	var (
		disk, dirDisk = le.Uint16(end[4:]), le.Uint16(end[6:])
		onDisk, total = le.Uint16(end[8:]), le.Uint16(end[10:])
		size, offset  = le.Uint32(end[12:]), le.Uint32(end[16:])
	)
	e := ends{entries: int64(total), dirSize: int64(size), dirOffset: int64(offset), records: end}

	where := fmt.Sprintf("end record at offset %d", pos)
	dirEnd := pos
	if loc := p - locator64Len; loc >= 0 && string(tail[loc:loc+4]) == locator64Sig {
		start, ok := o.readEnd64(tail[:p], tailOff, &e)
		if !ok {
			return ends{}, false
		}
		// What the 32-bit record does not defer to the 64-bit one must agree.
		for _, f := range []struct {
			what               string
			narrow, wide, defr int64
		}{
			{"entries on this disk", int64(onDisk), e.entries, math.MaxUint16},
			{"entries", int64(total), e.entries, math.MaxUint16},
			{"size of the central directory", int64(size), e.dirSize, math.MaxUint32},
			{"offset of the central directory", int64(offset), e.dirOffset, math.MaxUint32},
		} {
			if f.narrow != f.wide && f.narrow != f.defr {
				rec.fail(ruleZip64, where, fmt.Sprintf("%s %d", f.what, f.narrow), fmt.Sprintf("%d as in the zip64 end record, or %#x", f.wide, f.defr))
			}
		}
		if disk == math.MaxUint16 {
			disk = 0
		}
		if dirDisk == math.MaxUint16 {
			dirDisk = 0
		}
		dirEnd = tailOff + int64(start)
		e.records = tail[start:]
	} else {
		if onDisk != total {
			rec.fail(ruleDisk, where, fmt.Sprintf("%d of %d entries on this disk", onDisk, total), "all of them")
		}
		if total == math.MaxUint16 || size == math.MaxUint32 || offset == math.MaxUint32 {
			rec.fail(ruleZip64, where, "values deferred to a zip64 end record, and no zip64 locator before it", "a zip64 locator")
			return ends{}, false
		}
	}
	if disk != 0 || dirDisk != 0 {
		rec.fail(ruleDisk, where, fmt.Sprintf("disk %d, central directory on disk %d", disk, dirDisk), "0 and 0")
	}
	rec.checked(ruleDisk, ruleZip64)

	if rec.failed(ruleDisk, ruleZip64) {
		return ends{}, false
	}
	if e.entries > int64(o.lim.Entries) {
		rec.fail(ruleEntries, where, fmt.Sprintf("%d entries", e.entries), fmt.Sprintf("at most %d", o.lim.Entries))
		return ends{}, false
	}
	rec.checked(ruleEntries)
	if e.dirOffset > dirEnd || e.dirSize != dirEnd-e.dirOffset {
		if ahead := dirEnd - e.dirSize - e.dirOffset; ahead > 0 && o.startsWith(dirEnd-e.dirSize, directoryHeaderSig) {
			rec.checked(ruleLeading)
			rec.fail(ruleLeading, where, fmt.Sprintf("offsets that are too small by %d: as many bytes before the archive", ahead), "an archive that begins at the beginning of the file")
			return ends{}, false
		}
		rec.fail(ruleDir, where, fmt.Sprintf("central directory of %d bytes at offset %d", e.dirSize, e.dirOffset),
			fmt.Sprintf("one that ends at offset %d, where the end records begin", dirEnd))
		return ends{}, false
	}
	if limit := o.lim.maxDirectory(); e.dirSize > limit {
		rec.fail(ruleDir, where, fmt.Sprintf("central directory of %d bytes", e.dirSize), fmt.Sprintf("at most %d bytes for the entries allowed", limit))
		return ends{}, false
	}
	return e, true
}

// readEnd64 reads the zip64 end record by the locator at the end of tail,
// sets the values in e, and returns where in tail the record begins.
func (o *opener) readEnd64(tail []byte, tailOff int64, e *ends) (start int, ok bool) {
	rec := o.rec
	loc := tail[len(tail)-locator64Len:]
	where := fmt.Sprintf("zip64 locator at offset %d", tailOff+int64(len(tail)-locator64Len))
	if d := le.Uint32(loc[4:]); d != 0 {
		rec.fail(ruleDisk, where, fmt.Sprintf("zip64 end record on disk %d", d), "0")
	}
	if n := le.Uint32(loc[16:]); n != 1 {
		rec.fail(ruleDisk, where, fmt.Sprintf("%d disks", n), "1")
	}
	start = len(tail) - locator64Len - endRecord64Len
	at := le.Uint64(loc[8:])
	if start < 0 || at != uint64(tailOff)+uint64(start) || string(tail[start:start+4]) != endRecord64Sig {
		rec.fail(ruleZip64, where, fmt.Sprintf("zip64 end record at offset %d", at), fmt.Sprintf("one of %d bytes right before the locator", endRecord64Len))
		return 0, false
	}
	end := tail[start:]
	where = fmt.Sprintf("zip64 end record at offset %d", at)
	if n := le.Uint64(end[4:]); n != endRecord64Len-12 {
		rec.fail(ruleZip64, where, fmt.Sprintf("a length of %d", n), fmt.Sprintf("%d", endRecord64Len-12))
		return 0, false
	}
	if v := le.Uint16(end[14:]); v > maxVersion {
		rec.fail(ruleZip64, where, fmt.Sprintf("version needed %#04x", v), fmt.Sprintf("at most %#04x", maxVersion))
	}
	if disk, dirDisk := le.Uint32(end[16:]), le.Uint32(end[20:]); disk != 0 || dirDisk != 0 {
		rec.fail(ruleDisk, where, fmt.Sprintf("disk %d, central directory on disk %d", disk, dirDisk), "0 and 0")
	}
	onDisk, total := le.Uint64(end[24:]), le.Uint64(end[32:])
	size, offset := le.Uint64(end[40:]), le.Uint64(end[48:])
	if onDisk != total {
		rec.fail(ruleDisk, where, fmt.Sprintf("%d of %d entries on this disk", onDisk, total), "all of them")
	}
	// Nothing in a file is as large as that, so that the conversions are safe.
	if max(total, size, offset) > math.MaxInt64 {
		rec.fail(ruleZip64, where, fmt.Sprintf("%d entries, %d bytes at offset %d", total, size, offset), "values that a file can have")
		return 0, false
	}
	e.entries, e.dirSize, e.dirOffset = int64(total), int64(size), int64(offset)
	return start, true
}

// startsWith reports whether the signature is at the offset.
func (o *opener) startsWith(off int64, sig string) bool {
	b := make([]byte, len(sig))
	return readFull(o.r, b, off) == nil && string(b) == sig
}

// checkComment applies the rule for comments.
func checkComment(rec *recorder, where place, comment []byte) {
	rec.checked(ruleComment)
	switch {
	case len(comment) > maxComment:
		rec.fail(ruleComment, where.String(), fmt.Sprintf("a comment of %d bytes", len(comment)), fmt.Sprintf("at most %d bytes", maxComment))
	case !printable(comment):
		rec.fail(ruleComment, where.String(), "comment "+quote(string(comment)), "printable UTF-8")
	}
}

// printable reports whether text is UTF-8 without control characters other
// than line ends and tabs.
func printable(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool {
		return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && !strings.ContainsRune("\r\n\t", r)
	})
}
