package strictzip

import (
	"fmt"
	"math"
)

// Extra fields that are accepted (APPNOTE 4.5.2, 4.5.3, 4.5.5 and appendix C for Info-ZIP's).
const (
	extraZip64    = 0x0001
	extraNTFS     = 0x000a // three times
	extraTime     = 0x5455 // "UT": modification, access and creation time
	extraOldUnix  = 0x5855 // "UX": two times, user and group number
	extraOldOwner = 0x7855 // "Ux": user and group number, 16 bits each
	extraOwner    = 0x7875 // "ux": user and group number
)

// extraNames are fields that are refused and that deserve to be named.
var extraNames = map[uint16]string{
	0x000d: "PKWARE Unix, with a link target",
	0x0017: "strong encryption",
	0x6375: "Unicode comment",
	0x7075: "Unicode path: another name",
	0x756e: "ASi Unix, with a mode and a link target",
	0x9901: "AES encryption",
	0xcafe: "Java archive marker",
}

// extraFields is what matters from the extra fields of one header.
type extraFields struct {
	zip64    []byte // the values deferred to it
	hasZip64 bool
	time     uint32 // seconds since 1970
	hasTime  bool
}

// parseExtra takes extra fields apart. All of the bytes must belong to fields
// of the right size, and each kind may occur once.
func parseExtra(b []byte) (x extraFields, bad *fault) {
	var seen uint // a bit for each accepted field
	for len(b) > 0 {
		if len(b) < 4 {
			return x, &fault{ruleExtra, fmt.Sprintf("%d bytes after the last extra field", len(b)), "none"}
		}
		id, size := le.Uint16(b), int(le.Uint16(b[2:]))
		b = b[4:]
		if size > len(b) {
			return x, &fault{ruleExtra, fmt.Sprintf("an extra field %#04x of %d bytes, %d of them missing", id, size, size-len(b)), "the whole field"}
		}
		data := b[:size]
		b = b[size:]
		var (
			bit uint
			ok  bool
		)
		switch id {
		case extraZip64:
			x.zip64, x.hasZip64 = data, true
			bit, ok = 1, true // resolve64 knows what belongs in it
		case extraTime:
			bit, ok = 2, x.parseTime(data)
		case extraNTFS: // reserved, then one attribute with three times
			bit, ok = 4, size == 32 && le.Uint16(data[4:]) == 1 && le.Uint16(data[6:]) == 24
		case extraOldUnix:
			bit, ok = 8, size == 8 || size == 12
		case extraOldOwner: // empty in the central directory
			bit, ok = 16, size == 0 || size == 4
		case extraOwner:
			bit, ok = 32, validOwner(data)
		default:
			what := extraNames[id]
			if what == "" {
				what = "unknown"
			}
			return x, &fault{ruleExtra, fmt.Sprintf("extra field %#04x (%s)", id, what), "only zip64, times and owners"}
		}
		if seen&bit != 0 {
			return x, &fault{ruleExtra, fmt.Sprintf("extra field %#04x twice", id), "once"}
		}
		seen |= bit
		if !ok {
			return x, &fault{ruleExtra, fmt.Sprintf("a malformed extra field %#04x of %d bytes", id, size), "the form that APPNOTE or Info-ZIP give it"}
		}
	}
	return x, nil
}

// parseTime reads the UT field. Its flags name the times that the local header has; the
// central directory has at most the first.
func (x *extraFields) parseTime(data []byte) bool {
	if len(data) == 0 || data[0]&^7 != 0 {
		return false
	}
	times := int(data[0]&1 + data[0]>>1&1 + data[0]>>2&1)
	n := (len(data) - 1) / 4
	if (len(data)-1)%4 != 0 || n != times && n != int(data[0]&1) {
		return false
	}
	if data[0]&1 != 0 {
		x.time, x.hasTime = le.Uint32(data[1:]), true
	}
	return true
}

// validOwner checks a ux field: version 1, and two numbers with their widths.
func validOwner(data []byte) bool {
	if len(data) < 2 || data[0] != 1 || data[1] > 8 {
		return false
	}
	group := 2 + int(data[1])
	return group < len(data) && data[group] <= 8 && group+1+int(data[group]) == len(data)
}

// resolve64 replaces the values that a header of the central directory defers
// to its zip64 field. A reader that looks for a value at another place in
// the field would see another archive, so the field must hold exactly what is
// deferred, in the order of APPNOTE 4.5.3.
func (x *extraFields) resolve64(usize, csize, offset, disk *uint64) *fault {
	data := x.zip64
	deferred := 0
	for _, v := range []struct {
		value *uint64
		max   uint64
		width int
	}{{usize, math.MaxUint32, 8}, {csize, math.MaxUint32, 8}, {offset, math.MaxUint32, 8}, {disk, math.MaxUint16, 4}} {
		if v.value == nil || *v.value != v.max {
			continue
		}
		deferred += v.width
		if len(data) < v.width {
			continue
		}
		if v.width == 8 {
			*v.value = le.Uint64(data)
		} else {
			*v.value = uint64(le.Uint32(data))
		}
		data = data[v.width:]
	}
	switch {
	case deferred > 0 && !x.hasZip64:
		return &fault{ruleExtra64, "values deferred to a zip64 extra field, and no such field", "the field"}
	case x.hasZip64 && deferred != len(x.zip64), x.hasZip64 && deferred == 0:
		return &fault{ruleExtra64, fmt.Sprintf("a zip64 extra field of %d bytes", len(x.zip64)), fmt.Sprintf("%d bytes for the values deferred to it (no field for none)", deferred)}
	}
	return nil
}
