package strictzip

import (
	"bytes"
	"fmt"
	"math"
)

// maxDescriptor is the length of a data descriptor with signature and 64-bit sizes (APPNOTE
// 4.3.9).
const maxDescriptor = 24

// readEntries reads every local header and data descriptor and, if content is
// true, inflates every entry once. What is read is read in the order of the file.
func (o *opener) readEntries(spans []span, e ends, content bool) bool {
	rec := o.rec
	rec.checked(ruleLocal, ruleDesc)
	if content {
		rec.checked(ruleDeflate, ruleSize, ruleCRC)
	}
	in := o.newInput(spans, e, content)
	defer in.close()
	s := in.stream
	for i, sp := range spans {
		s.skipTo(sp.offset)
		descLen, wide, ok := o.readLocal(s, sp)
		if ok {
			sp.dataOff = s.pos()
			ok = content && in.readContent(i)
			s.skipTo(sp.dataOff + sp.csize)
			if descLen > 0 {
				o.readDescriptor(s, sp, descLen, wide)
			}
		}
		if !ok {
			rec.unchecked(ruleDeflate, ruleSize, ruleCRC)
		}
		s.skipTo(sp.next)
		if s.err != nil {
			rec.fail(ruleRead, sp.where(), s.err.Error(), "")
			return false
		}
	}
	in.wait()
	if s.whole != nil {
		whole := s.whole.h
		whole.Write(o.directory)
		whole.Write(e.records)
		whole.Sum(o.sum[:0])
	}
	o.hashes = make(map[*header][32]byte, len(spans))
	for i, sp := range spans {
		if out := in.out[i]; out != nil {
			o.judgeContent(sp, out)
		}
	}
	return true
}

// readLocal reads a local header and compares it with the central directory. It
// returns how long the data descriptor is and whether it has 64-bit
// sizes; ok is false if where the data begins cannot be known.
func (o *opener) readLocal(s *stream, sp span) (descLen int, wide, ok bool) {
	rec := o.rec
	where := place{entry: sp.header, record: "local header", offset: sp.offset}
	b := s.next(localHeaderLen)
	if b == nil {
		return 0, false, false // the layout has room for it: a read error
	}
	if string(b[:4]) != localHeaderSig {
		rec.fail(ruleLocal, where.String(), "no local header: "+quote(string(b[:4])), "a local header")
		return 0, false, false
	}
	var (
		version  = le.Uint16(b[4:])
		flags    = le.Uint16(b[6:])
		method   = le.Uint16(b[8:])
		dosTime  = le.Uint16(b[10:])
		dosDate  = le.Uint16(b[12:])
		crc      = le.Uint32(b[14:])
		csize    = uint64(le.Uint32(b[18:]))
		usize    = uint64(le.Uint32(b[22:]))
		nameLen  = int(le.Uint16(b[26:]))
		extraLen = int(le.Uint16(b[28:]))
	)
	slack := sp.next - sp.offset - localHeaderLen - int64(nameLen) - int64(extraLen) - sp.csize
	if slack < 0 {
		rec.fail(ruleOverlap, where.String(), fmt.Sprintf("%d bytes of name and extra field: the data reaches into the next record", nameLen+extraLen),
			fmt.Sprintf("an end by offset %d", sp.next))
		return 0, false, false
	}
	if b = s.next(nameLen + extraLen); b == nil {
		return 0, false, false
	}
	differs := func(what string, local, central any) {
		rec.fail(ruleLocal, where.String(), fmt.Sprintf("%s %v", what, local), fmt.Sprintf("%v as in the central directory", central))
	}
	if name := b[:nameLen]; string(name) != sp.name {
		differs("name", quote(string(name)), quote(sp.name))
	}
	checkVersion(rec, where, version)
	checkFlags(rec, where, flags, method)
	hasDescriptor := flags&flagDescriptor != 0
	// A flag for a descriptor may be missing in the central directory, whose readers do not need it.
	if f := flags &^ flagDescriptor; f != sp.flags&^flagDescriptor || sp.flags&flagDescriptor != 0 && !hasDescriptor {
		differs("flags", fmt.Sprintf("%#04x", flags), fmt.Sprintf("%#04x", sp.flags))
	}
	if method != sp.method {
		differs("method", method, sp.method)
	}
	if dosTime != sp.time || dosDate != sp.date {
		differs("time", fmt.Sprintf("%04x %04x", dosDate, dosTime), fmt.Sprintf("%04x %04x", sp.date, sp.time))
	}
	extra, bad := parseExtra(b[nameLen:])
	if bad != nil {
		bad.fail(rec, where.String())
	}
	if extra.hasTime && sp.extra.hasTime && extra.time != sp.extra.time {
		differs("modification time", extra.time, sp.extra.time)
	}
	// With a descriptor to come, an empty zip64 field only announces its 64-bit sizes.
	if !hasDescriptor || len(extra.zip64) > 0 || !extra.hasZip64 {
		if bad := extra.resolve64(&usize, &csize, nil, nil); bad != nil {
			bad.fail(rec, where.String())
		}
	}
	// With a descriptor to come, each value may be left out, that is, zero.
	for _, f := range []struct {
		what           string
		local, central uint64
	}{{"checksum", uint64(crc), uint64(sp.crc)}, {"compressed size", csize, uint64(sp.csize)}, {"size", min(usize, math.MaxInt64), uint64(sp.usize)}} {
		if f.local != f.central && !(hasDescriptor && f.local == 0) {
			format := "%d"
			if f.what == "checksum" {
				format = "%08x"
			}
			differs(f.what, fmt.Sprintf(format, f.local), fmt.Sprintf(format, f.central))
		}
	}

	switch {
	case hasDescriptor && (slack == 12 || slack == 16 || slack == 20 || slack == maxDescriptor):
		return int(slack), extra.hasZip64, true
	case hasDescriptor:
		rec.fail(ruleDesc, where.String(), fmt.Sprintf("%d bytes between the data and the next record", slack), "a data descriptor of 12, 16, 20 or 24 bytes")
	case slack > 0:
		rec.fail(ruleGap, where.String(), fmt.Sprintf("%d bytes between the data and the next record", slack), "none without a data descriptor")
	}
	return 0, false, true
}

// readDescriptor reads a data descriptor and compares it with the central
// directory. Its length is given by the layout, so that nothing has to be guessed.
func (o *opener) readDescriptor(s *stream, sp span, n int, wide bool) {
	where := place{entry: sp.header, record: "data descriptor", offset: s.pos()}
	b := s.next(n)
	if b == nil {
		return // a read error
	}
	short := 12
	if wide {
		short = 20
	}
	switch {
	case n == short+4:
		if !bytes.HasPrefix(b, []byte(descriptorSig)) {
			o.rec.fail(ruleDesc, where.String(), quote(string(b[:4])), "the signature of a data descriptor")
			return
		}
		b = b[4:]
	case n == short:
		if bytes.HasPrefix(b, []byte(descriptorSig)) {
			o.rec.fail(ruleDesc, where.String(), "a checksum that looks like the signature of a data descriptor", "a data descriptor with a signature")
			return
		}
	default:
		o.rec.fail(ruleDesc, where.String(), fmt.Sprintf("a data descriptor of %d bytes", n),
			fmt.Sprintf("%d or %d: 64-bit sizes exactly if the local header has a zip64 extra field", short, short+4))
		return
	}
	crc, csize, usize := le.Uint32(b), uint64(le.Uint32(b[4:])), uint64(0)
	if wide {
		csize, usize = le.Uint64(b[4:]), le.Uint64(b[12:])
	} else {
		usize = uint64(le.Uint32(b[8:]))
	}
	if crc != sp.crc || csize != uint64(sp.csize) || usize != uint64(sp.usize) {
		o.rec.fail(ruleDesc, where.String(), fmt.Sprintf("checksum %08x, %d bytes from %d", crc, usize, csize),
			fmt.Sprintf("checksum %08x, %d bytes from %d as in the central directory", sp.crc, sp.usize, sp.csize))
	}
}

// judgeContent compares what came out of the data of an entry with what is
// declared.
func (o *opener) judgeContent(sp span, out *inflated) {
	rec := o.rec
	switch {
	case out.err != nil:
		rec.fail(ruleDeflate, sp.where(), fmt.Sprintf("%v after %d bytes of content", out.err, out.size), "a complete deflate stream")
		return
	case out.size > sp.usize:
		rec.fail(ruleSize, sp.where(), fmt.Sprintf("more than %d bytes", sp.usize), fmt.Sprintf("%d bytes", sp.usize))
		return
	case out.left > 0:
		rec.fail(ruleDeflate, sp.where(), fmt.Sprintf("%d bytes of data after the end of the deflate stream", out.left), "none")
	}
	if out.size < sp.usize {
		rec.fail(ruleSize, sp.where(), fmt.Sprintf("%d bytes", out.size), fmt.Sprintf("%d bytes", sp.usize))
		return
	}
	if out.crc != sp.crc {
		rec.fail(ruleCRC, sp.where(), fmt.Sprintf("checksum %08x", out.crc), fmt.Sprintf("%08x", sp.crc))
	}
	o.hashes[sp.header] = out.sha256
}
