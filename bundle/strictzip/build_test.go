package strictzip_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
)

var le = binary.LittleEndian

// member is an entry of a hand-made archive. What is not set is right for
// the content; the hooks may then make it say anything.
type member struct {
	name       string
	content    string
	deflate    bool
	data       []byte // in place of the compressed content
	descriptor string // "", "32", "32nosig", "64", "64nosig"
	extra      []byte // in both headers
	localExtra []byte // in addition, in the local header
	comment    string
	attrs      uint32 // external attributes; 0100644 << 16 or 040755 << 16 | 0x10 if zero
	after      []byte // bytes after data and descriptor

	local   func(h []byte) // the fixed 30 bytes
	central func(h []byte) // the fixed 46 bytes
	desc    func(d []byte)
}

// raw is a hand-made archive.
type raw struct {
	prefix  []byte // before everything, counted in offsets
	members []member
	order   []int // of the central directory; nil: as in the file
	zip64   bool
	comment string
	suffix  []byte

	dir    func(d []byte) []byte // the whole central directory
	end    func(e []byte)        // the fixed 22 bytes
	end64  func(e []byte) []byte // the 56 bytes
	loc64  func(l []byte)        // the 20 bytes
	gap    []byte                // between central directory and end records
	shared bool                  // every entry has the local header of the first

	patches []patch // of the whole
}

type patch struct {
	off int
	b   byte
}

// set writes a number at an offset of a header.
func set16(off int, v uint16) func([]byte) { return func(b []byte) { le.PutUint16(b[off:], v) } }
func set32(off int, v uint32) func([]byte) { return func(b []byte) { le.PutUint32(b[off:], v) } }

func deflated(content string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	w.Write([]byte(content))
	w.Close()
	return b.Bytes()
}

func (a raw) bytes() []byte {
	out := bytes.Clone(a.prefix)
	dirs := make([][]byte, len(a.members))
	for i, m := range a.members {
		data, method := []byte(m.content), uint16(0)
		if m.deflate {
			data, method = deflated(m.content), 8
		}
		if m.data != nil {
			data = m.data
		}
		crc := crc32.ChecksumIEEE([]byte(m.content))
		attrs := m.attrs
		if attrs == 0 {
			attrs = 0o100644 << 16
			if len(m.name) > 0 && m.name[len(m.name)-1] == '/' {
				attrs = 0o040755<<16 | 0x10
			}
		}
		localExtra := slices.Concat(m.extra, m.localExtra)

		h := make([]byte, 30)
		copy(h, "PK\x03\x04")
		le.PutUint16(h[4:], 20)
		le.PutUint16(h[8:], method)
		le.PutUint16(h[12:], 0x5b77) // 2025-11-23
		if m.descriptor == "" {
			le.PutUint32(h[14:], crc)
			le.PutUint32(h[18:], uint32(len(data)))
			le.PutUint32(h[22:], uint32(len(m.content)))
		} else {
			le.PutUint16(h[6:], 8)
		}
		le.PutUint16(h[26:], uint16(len(m.name)))
		le.PutUint16(h[28:], uint16(len(localExtra)))

		c := make([]byte, 46)
		copy(c, "PK\x01\x02")
		le.PutUint16(c[4:], 3<<8|20)
		copy(c[6:10], h[4:8])
		le.PutUint16(c[10:], method)
		copy(c[12:16], h[10:14])
		le.PutUint32(c[16:], crc)
		le.PutUint32(c[20:], uint32(len(data)))
		le.PutUint32(c[24:], uint32(len(m.content)))
		le.PutUint16(c[28:], uint16(len(m.name)))
		le.PutUint16(c[30:], uint16(len(m.extra)))
		le.PutUint16(c[32:], uint16(len(m.comment)))
		le.PutUint32(c[38:], attrs)
		if !a.shared {
			le.PutUint32(c[42:], uint32(len(out)))
		}

		var d []byte
		if m.descriptor == "32" || m.descriptor == "64" {
			d = append(d, "PK\x07\x08"...)
		}
		switch m.descriptor {
		case "32", "32nosig":
			d = le.AppendUint32(le.AppendUint32(le.AppendUint32(d, crc), uint32(len(data))), uint32(len(m.content)))
		case "64", "64nosig":
			d = le.AppendUint64(le.AppendUint64(le.AppendUint32(d, crc), uint64(len(data))), uint64(len(m.content)))
		}
		if m.local != nil {
			m.local(h)
		}
		if m.central != nil {
			m.central(c)
		}
		if m.desc != nil {
			m.desc(d)
		}
		dirs[i] = slices.Concat(c, []byte(m.name), m.extra, []byte(m.comment))
		if i == 0 || !a.shared {
			for _, part := range [][]byte{h, []byte(m.name), localExtra, data, d, m.after} {
				out = append(out, part...)
			}
		}
	}
	dirOff := len(out)
	if a.order != nil {
		var sorted [][]byte
		for _, i := range a.order {
			sorted = append(sorted, dirs[i])
		}
		dirs = sorted
	}
	dir := slices.Concat(dirs...)
	if a.dir != nil {
		dir = a.dir(dir)
	}
	out = slices.Concat(out, dir, a.gap)

	e := make([]byte, 22)
	copy(e, "PK\x05\x06")
	le.PutUint16(e[8:], uint16(len(a.members)))
	le.PutUint16(e[10:], uint16(len(a.members)))
	le.PutUint32(e[12:], uint32(len(dir)))
	le.PutUint32(e[16:], uint32(dirOff))
	le.PutUint16(e[20:], uint16(len(a.comment)))
	if a.zip64 {
		e64 := make([]byte, 56)
		copy(e64, "PK\x06\x06")
		le.PutUint64(e64[4:], 44)
		le.PutUint16(e64[12:], 3<<8|45)
		le.PutUint16(e64[14:], 45)
		le.PutUint64(e64[24:], uint64(len(a.members)))
		le.PutUint64(e64[32:], uint64(len(a.members)))
		le.PutUint64(e64[40:], uint64(len(dir)))
		le.PutUint64(e64[48:], uint64(dirOff))
		l := make([]byte, 20)
		copy(l, "PK\x06\x07")
		le.PutUint64(l[8:], uint64(len(out)))
		le.PutUint32(l[16:], 1)
		if a.end64 != nil {
			e64 = a.end64(e64)
		}
		if a.loc64 != nil {
			a.loc64(l)
		}
		out = slices.Concat(out, e64, l)
		copy(e[8:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	}
	if a.end != nil {
		a.end(e)
	}
	out = slices.Concat(out, e, []byte(a.comment), a.suffix)
	for _, p := range a.patches {
		out[p.off] = p.b
	}
	return out
}

// plain is an archive that nobody objects to.
func plain() raw {
	return raw{members: []member{
		{name: "docs/"},
		{name: "docs/a.txt", content: "hello, hello, hello, hello", deflate: true, descriptor: "32"},
		{name: "stomp.toml", content: "host = \"/\"\n"},
	}}
}

// extra makes an extra field.
func extra(id uint16, data ...byte) []byte {
	return append(le.AppendUint16(le.AppendUint16(nil, id), uint16(len(data))), data...)
}

// u64 lists numbers of 64 bits.
func u64(values ...uint64) (b []byte) {
	for _, v := range values {
		b = le.AppendUint64(b, v)
	}
	return b
}

// one is an archive with a single member.
func one(m member) raw { return raw{members: []member{m}} }

// named is an archive of empty files and folders.
func named(names ...string) raw {
	var a raw
	for _, name := range names {
		a.members = append(a.members, member{name: name})
	}
	return a
}

func TestBuilderMakesOrdinaryArchives(t *testing.T) {
	for _, a := range []raw{plain(), {members: plain().members, zip64: true}} {
		data := a.bytes()
		ours := mustOpen(t, data)
		agreeWithArchiveZip(t, data, ours)
	}
}
