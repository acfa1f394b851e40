package strictzip_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/swaptacular/swptpeer/bundle/strictzip"
	"github.com/swaptacular/swptpeer/certs/check"
)

// A fixture breaks the rules that it lists, and no other.
type fixture struct {
	what   string
	rules  string // ids without "zip.", in the order of the table
	data   []byte
	limits func(*strictzip.Limits)
	reader io.ReaderAt // in place of data
	size   int64
}

func fixtures() []fixture {
	f := func(what, rules string, a raw) fixture { return fixture{what: what, rules: rules, data: a.bytes()} }
	limited := func(what, rules string, a raw, change func(*strictzip.Limits)) fixture {
		return fixture{what: what, rules: rules, data: a.bytes(), limits: change}
	}
	name := func(rules string, names ...string) fixture {
		a := named(names...)
		for i := range a.members {
			if !isASCII(a.members[i].name) {
				a.members[i].local, a.members[i].central = set16(6, 0x800), set16(8, 0x800)
			}
		}
		return f(fmt.Sprintf("names %q", names), rules, a)
	}
	flags := func(v uint16) member {
		return member{name: "a", content: "x", local: set16(6, v), central: set16(8, v)}
	}
	attrs := func(v uint32) member { return member{name: "a", attrs: v} }
	withExtra := func(b []byte) raw { return one(member{name: "a", content: "x", extra: b}) }

	madeBy := func(rules string, v uint16) fixture {
		return f(fmt.Sprintf("name beyond ASCII, made by %#04x", v), rules,
			one(member{name: "\u00e9", attrs: 0x20, local: set16(6, 0x800), central: func(h []byte) { set16(4, v)(h); set16(8, 0x800)(h) }}))
	}

	list := []fixture{
		// The archive as a whole.
		limited("no limit on entries", "limits", plain(), func(l *strictzip.Limits) { l.Entries = 0 }),
		limited("a negative limit", "limits", plain(), func(l *strictzip.Limits) { l.Total = -1 }),
		{what: "a reader that fails", rules: "read", reader: failingReader{}, size: 1000},
		{what: "a reader that fails in the data", rules: "read", reader: failingAfter(plain().bytes(), 40), size: int64(len(plain().bytes()))},
		{what: "a reader that reads nothing", rules: "read", reader: emptyReader{}, size: 1000},
		{what: "a reader that ends early", rules: "read", reader: bytes.NewReader(nil), size: 1000},
		{what: "a negative size", rules: "read", reader: bytes.NewReader(nil), size: -1},
		limited("one byte too large", "limit-archive", plain(), func(l *strictzip.Limits) { l.Archive = int64(len(plain().bytes())) - 1 }),
		{what: "an empty file", rules: "end-record", data: []byte{}},
		{what: "no archive at all", rules: "end-record", data: bytes.Repeat([]byte("PK"), 200)},
		f("comment cut off", "end-record", raw{members: plain().members, end: set16(20, 5)}),
		f("two end records", "end-record", raw{members: plain().members, comment: "PK\x05\x06" + strings.Repeat("\x00", 18)}),
		f("an archive in the comment", "end-record", raw{members: plain().members, comment: string(plain().bytes())}),
		f("an end record in stored data that reaches the end of the file", "end-record", one(member{name: "a", content: "PK\x05\x06" + strings.Repeat("\x00", 16) + "\x45\x00", deflate: false})),
		f("one byte after the end", "trailing-data", raw{members: plain().members, suffix: []byte{0}}),
		f("a signature in a comment", "comment", raw{members: plain().members, comment: "see PK\x03\x04"}),
		f("a comment in a code page", "comment", raw{members: plain().members, comment: "caf\xe9"}),
		f("a comment that turns text around", "comment", raw{members: plain().members, comment: "a\u202eb"}),
		f("comment one byte too long", "comment", raw{members: plain().members, comment: strings.Repeat("c", 1025)}),
		f("a signature in the comment of an entry", "comment", one(member{name: "a", comment: "PK\x05\x06"})),
		f("second disk", "disk", raw{members: plain().members, end: set16(4, 1)}),
		f("central directory on second disk", "disk", raw{members: plain().members, end: set16(6, 1)}),
		f("fewer entries on this disk", "disk", raw{members: plain().members, end: set16(8, 2)}),
		f("an entry on another disk", "disk", one(member{name: "a", central: set16(34, 1)})),
		f("zip64: other disk", "disk", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[16] = 1; return e }}),
		f("zip64: fewer entries on this disk", "disk", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[24] = 1; return e }}),
		f("zip64: two disks", "disk", raw{members: plain().members, zip64: true, loc64: set32(16, 2)}),
		f("zip64: end record on another disk", "disk", raw{members: plain().members, zip64: true, loc64: set32(4, 1)}),
		f("deferred values without zip64", "zip64", raw{members: plain().members, end: set32(16, math.MaxUint32)}),
		f("zip64: end record elsewhere", "zip64", raw{members: plain().members, zip64: true, loc64: set32(8, 1)}),
		f("zip64: bad signature", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[0] = 'Q'; return e }}),
		f("zip64: extensible data", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[4] += 8; return append(e, make([]byte, 8)...) }}),
		f("zip64: lying length", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[4]++; return e }}),
		f("zip64: other number of entries", "zip64", raw{members: plain().members, zip64: true, end: set16(10, 2)}),
		f("zip64: other size", "zip64", raw{members: plain().members, zip64: true, end: set32(12, 1)}),
		f("zip64: other offset", "zip64", raw{members: plain().members, zip64: true, end: set32(16, 0)}),
		f("zip64: version", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[14] = 46; return e }}),
		f("zip64: version for VMS", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[15] = 2; return e }}),
		f("zip64: numbers beyond all files", "zip64", raw{members: plain().members, zip64: true, end64: func(e []byte) []byte { e[55] = 0xff; return e }}),
		limited("one entry too many", "limit-entries", plain(), func(l *strictzip.Limits) { l.Entries = 2 }),
		f("central directory one byte shorter", "directory", raw{members: plain().members, end: func(e []byte) { e[12]-- }}),
		f("central directory one byte later", "directory", raw{members: plain().members, end: func(e []byte) { e[16]++ }}),
		f("central directory beyond the file", "directory", raw{members: plain().members, end: set32(16, 1<<30)}),
		f("gap before the end record", "directory", raw{members: plain().members, gap: []byte("gap!")}),
		f("one entry more than declared", "directory", raw{members: plain().members, end: func(e []byte) { e[8], e[10] = 2, 2 }}),
		f("one entry less than declared", "directory", raw{members: plain().members, end: func(e []byte) { e[8], e[10] = 4, 4 }}),
		f("a header without signature", "directory", raw{members: plain().members, dir: func(d []byte) []byte { d[2] = 9; return d }}),
		f("a digital signature after the headers", "directory", raw{members: plain().members, dir: func(d []byte) []byte { return append(d, "PK\x05\x05\x00\x00"...) }}),
		f("a name that reaches into the end record", "directory", one(member{name: "a", central: set16(28, 9)})),
		limited("a central directory beyond its limit", "directory", one(member{name: "a", comment: strings.Repeat("c", 3000)}),
			func(l *strictzip.Limits) { l.Entries = 1 }),
		f("data before the archive", "leading-data", raw{members: plain().members, prefix: []byte("#!/bin/sh\n")}),
		{what: "data before the archive, offsets unchanged", rules: "leading-data", data: append([]byte("#!/bin/sh\n"), plain().bytes()...)},
		f("two names for one local header", "overlap", raw{members: []member{{name: "a", content: "x"}, {name: "b", content: "x"}}, shared: true}),
		f("data that reaches into the next entry", "overlap", raw{members: []member{{name: "a", content: "x", central: func(h []byte) { h[20], h[24] = 9, 9 }}, {name: "b"}}}),
		f("data that reaches into the central directory", "overlap", one(member{name: "a", central: func(h []byte) { h[20], h[24] = 9, 9 }})),
		f("data beyond the file", "overlap", one(member{name: "a", central: func(h []byte) { set32(20, 1<<30)(h); set32(24, 1<<30)(h) }})),
		f("offset beyond the file", "overlap", one(member{name: "a", central: set32(42, 1<<30)})),
		f("local extra field that reaches into the next record", "overlap", one(member{name: "a", local: set16(28, 4)})),
		f("gap after an entry", "gap", raw{members: []member{{name: "a", after: []byte("x")}, {name: "b"}}}),
		f("gap before the central directory", "gap", one(member{name: "a", after: []byte("hidden")})),
		f("an entry that is not in the central directory", "gap", raw{members: plain().members, order: []int{0, 2}, end: func(e []byte) { e[8], e[10] = 2, 2 }}),
		f("large gap", "gap", one(member{name: "a", after: make([]byte, 70000)})),

		// Headers.
		f("encrypted", "encryption", one(flags(1))),
		f("strongly encrypted", "encryption", one(flags(1<<6))),
		f("masked headers", "encryption", one(flags(1<<13))),
		f("AES", "encryption", one(member{name: "a", local: set16(8, 99), central: set16(10, 99)})),
		f("patched data", "flags", one(flags(1<<5))),
		f("unused flag", "flags", one(flags(1<<15))),
		f("Deflate64", "method", one(member{name: "a", local: set16(8, 9), central: set16(10, 9)})),
		f("xz", "method", one(member{name: "a", local: set16(8, 95), central: set16(10, 95)})),
		f("version 4.6", "version", one(member{name: "a", local: set16(4, 46), central: set16(6, 46)})),
		f("version in the local header", "version", one(member{name: "a", local: set16(4, 63)})),
		f("version in the central directory", "version", one(member{name: "a", central: set16(6, 46)})),
		f("version for VMS", "version", one(member{name: "a", central: set16(6, 0x0214)})),
		f("version for a later VMS", "version", one(member{name: "a", central: set16(6, 0x022d)})),
		f("version for VMS in the local header", "version", one(member{name: "a", local: set16(4, 0x0214)})),
		f("version for the highest host", "version", one(member{name: "a", local: set16(4, 0xff14), central: set16(6, 0xff14)})),
		f("Unicode path", "extra", withExtra(extra(0x7075, 1, 0, 0, 0, 0, 'b'))),
		f("PKWARE Unix", "extra", withExtra(extra(0x000d, make([]byte, 12)...))),
		f("ASi Unix", "extra", withExtra(extra(0x756e, make([]byte, 14)...))),
		f("unknown extra field", "extra", withExtra(extra(0xbeef))),
		f("extra field twice", "extra", withExtra(append(extra(0x5455, 0), extra(0x5455, 0)...))),
		f("short extra field", "extra", withExtra([]byte{0x55, 0x54, 9, 0, 1})),
		f("rest of an extra field", "extra", withExtra([]byte{0, 0, 0})),
		f("UT without its time", "extra", withExtra(extra(0x5455, 1))),
		f("UT with an odd length", "extra", withExtra(extra(0x5455, 1, 0, 0, 0, 0, 0))),
		f("UT with unknown flags", "extra", withExtra(extra(0x5455, 8))),
		f("NTFS times cut off", "extra", withExtra(extra(0x000a, 0, 0, 0, 0, 1, 0, 24, 0))),
		f("owner of another version", "extra", withExtra(extra(0x7875, 2, 1, 0, 1, 0))),
		f("owner with bytes after it", "extra", withExtra(extra(0x7875, 1, 1, 0, 1, 0, 0))),
		f("owner without a group", "extra", withExtra(extra(0x7875, 1, 1, 0))),
		f("user too wide", "extra", withExtra(extra(0x7875, append([]byte{1, 9}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)...))),
		f("group too wide", "extra", withExtra(extra(0x7875, append([]byte{1, 1, 0, 9}, make([]byte, 9)...)...))),
		f("owner cut off", "extra", withExtra(extra(0x7875, append([]byte{1, 9}, make([]byte, 11)...)...))),
		f("old times cut off", "extra", withExtra(extra(0x5855, 0))),
		f("old owner cut off", "extra", withExtra(extra(0x7855, 0))),
		f("bad local extra field", "extra", one(member{name: "a", localExtra: []byte{1}})),
		f("deferred size without zip64", "zip64-extra", one(member{name: "a", central: set32(24, math.MaxUint32)})),
		f("zip64 for nothing", "zip64-extra", withExtra(extra(1, u64(1, 1)...))),
		f("local zip64 of another length before a descriptor", "zip64-extra local-header", one(member{name: "a", descriptor: "64", localExtra: extra(1, u64(0)...), local: func(h []byte) { set32(18, math.MaxUint32)(h); set32(22, math.MaxUint32)(h) }})),
		f("local zip64 for nothing before a descriptor", "zip64-extra", one(member{name: "a", descriptor: "64", localExtra: extra(1, u64(0, 0)...)})),
		f("local sizes deferred to nothing before a descriptor", "zip64-extra local-header", one(member{name: "a", descriptor: "32", local: set32(22, math.MaxUint32)})),
		f("local zip64 with another size before a descriptor", "local-header", one(member{name: "a", content: "x", descriptor: "64", localExtra: extra(1, u64(2, 1)...), local: func(h []byte) { set32(18, math.MaxUint32)(h); set32(22, math.MaxUint32)(h) }})),
		f("empty zip64", "zip64-extra", withExtra(extra(1))),
		f("zip64 too short", "zip64-extra", one(member{name: "a", extra: extra(1, u64(0)...), central: func(h []byte) { set32(20, math.MaxUint32)(h); set32(24, math.MaxUint32)(h) }})),
		f("zip64 too long", "zip64-extra", one(member{name: "a", extra: extra(1, u64(0, 0)...), central: set32(24, math.MaxUint32)})),
		f("local zip64 for nothing", "zip64-extra", one(member{name: "a", localExtra: extra(1, u64(0, 0)...)})),
		f("local zip64 is empty without descriptor", "zip64-extra", one(member{name: "a", localExtra: extra(1)})),
		f("from an Acorn", "host", one(member{name: "a", central: func(h []byte) { h[5] = 13 }})),
		f("symbolic link", "file-type", one(member{name: "a", content: "/etc/passwd", attrs: 0o120777 << 16})),
		f("symbolic link from MS-DOS", "file-type", one(member{name: "a", content: "x", attrs: 0o120777 << 16, central: func(h []byte) { h[5] = 0 }})),
		f("symbolic link to a folder", "file-type", one(member{name: "a/", attrs: 0o120777 << 16})),
		f("block device", "file-type", one(attrs(0o060600<<16))),
		f("character device", "file-type", one(attrs(0o020600<<16))),
		f("named pipe", "file-type", one(attrs(0o010600<<16))),
		f("socket", "file-type", one(attrs(0o140600<<16))),
		f("unknown type", "file-type", one(attrs(0o150600<<16))),
		f("reparse point", "file-type", one(attrs(0x400))),
		f("volume label", "file-type", one(attrs(0x08))),
		f("device of MS-DOS", "file-type", one(attrs(0x40))),
		f("setuid", "mode-bits", one(attrs(0o104755<<16))),
		f("setgid", "mode-bits", one(attrs(0o102755<<16))),
		f("sticky", "mode-bits", one(member{name: "a/", attrs: 0o041777<<16 | 0x10})),
		f("file with the mode of a folder", "folder", one(attrs(0o040755<<16))),
		f("file with the MS-DOS attribute of a folder", "folder", one(attrs(0x10))),
		f("folder with the mode of a file", "folder", one(member{name: "a/", attrs: 0o100644 << 16})),
		f("folder with permissions but no type", "folder", one(member{name: "a/", attrs: 0o644 << 16})),
		f("folder with compressed content of no bytes", "folder", one(member{name: "a/", deflate: true})),
		f("folder with a checksum", "folder crc", one(member{name: "a/", local: set32(14, 1), central: set32(16, 1)})),
		f("folder with content", "folder", one(member{name: "a/", content: "x"})),

		// Names.
		name("name-encoding", "\xff"),
		name("name-encoding", "a\xc0\xaf"),
		f("code page of MS-DOS", "name-encoding", one(member{name: "\u00e9", central: func(h []byte) { h[5] = 0 }})),
		madeBy("name-converted", 20),
		madeBy("name-converted", 63),
		madeBy("name-converted", 11<<8|50),
		madeBy("", 11<<8|45),
		madeBy("", 10<<8|50),
		madeBy("", 14<<8|20),
		f("no UTF-8 flag", "name-utf8-flag", one(member{name: "\u00e9"})),
		name("name-absolute name-traversal", "/"),
		name("name-absolute name-traversal", "/etc/passwd"),
		name("name-absolute name-traversal", "//server/share/a"),
		name("name-absolute name-reserved", "C:/a"),
		name("name-absolute name-reserved", "c:a"),
		name("name-absolute name-backslash", `\\server\share`),
		name("name-absolute name-backslash name-reserved", `C:\a`),
		name("name-traversal", ""),
		name("name-traversal", "."),
		name("name-traversal", ".."),
		name("name-traversal", "../a"),
		name("name-traversal", "a/../../b"),
		name("name-traversal", "a/./b"),
		name("name-traversal", "a//b"),
		name("name-traversal", "a/.."),
		name("name-traversal", "../"),
		name("name-traversal", "\u2025/a"),
		name("name-traversal", "a\uff0fb"),
		name("name-backslash", `a\b`),
		name("name-backslash", `..\a`),
		name("name-control", "a\x00b"),
		name("name-control", "a\nb"),
		name("name-control", "\x1b[2J"),
		name("name-control", "a\x7f"),
		name("name-control", "a\u0085"),
		name("name-control", "a\u202etxt.exe"),
		name("name-control", "a\u200b"),
		name("name-control", "\ufeffa"),
		name("name-control", "a\u2028b"),
		name("name-control", "a\u3164"),
		name("name-control", "\u115f\u1160"),
		name("name-control", "a\u034f"),
		name("name-control", "a\u2800b"),
		name("name-control", "\u2800"),
		name("name-control", "a\U0001d159"),
		name("name-control", "a\U00013441"),
		name("name-control", "\U00013442"),
		name("name-control", "\u3000"),
		name("name-control", "a/\u00a0\u0336/b"),
		name("name-control", "\u0336"),
		name("name-control name-reserved", "a/ /b"),
		name("name-control name-variation", "\ufe0f"),
		name("name-variation", "\u2764\ufe0f.txt"),
		name("name-variation", "a\U000e0100"),
		name("name-reserved", "CON"),
		name("name-reserved", "con.txt"),
		name("name-reserved", "a/Aux/b"),
		name("name-reserved", "NUL .tar.gz"),
		name("name-reserved", "com1"),
		name("name-reserved", "LPT\u00b2.log"),
		name("name-reserved", "CONOUT$"),
		name("name-reserved", "a."),
		name("name-reserved", "a./b"),
		name("name-reserved", "a "),
		name("name-reserved", "..."),
		name("name-reserved", "ab:stream"),
		name("name-portable", "what?"),
		name("name-portable", "a|b"),
		limited("name one byte too long", "limit-name", named(strings.Repeat("n", 11)), func(l *strictzip.Limits) { l.Name = 10 }),
		limited("one element too many", "limit-depth", named("a/b/c/d"), func(l *strictzip.Limits) { l.Depth = 3 }),
		limited("one folder too many", "limit-depth", named("a/b/c/d/"), func(l *strictzip.Limits) { l.Depth = 3 }),
		name("name-element", strings.Repeat("a", strictzip.MaxElement+1)),
		name("name-element", "docs/"+strings.Repeat("\u00e9", strictzip.MaxElement/2+1)+"/a"),
		name("name-element", strings.Repeat("a", strictzip.MaxElement+1)+"/"),
		name("name-duplicate", "a", "a"),
		name("name-duplicate", "a/", "a/"),
		name("name-duplicate", "a/", "a/b", "a/"),
		name("name-collision", "readme", "README"),
		name("name-collision", "a/x", "A/y"),
		name("name-collision", "a/x", "A/"),
		name("name-collision", "caf\u00e9", "cafe\u0301"),
		name("name-collision", "stra\u00dfe", "STRASSE"),
		name("name-collision", "\ufb01le", "file"),
		name("name-collision", "\u212a", "k"),
		name("name-collision", "\u03c3", "\u03c2"),
		name("name-variation name-collision", "a\ufe0f", "a"),
		name("name-file-folder", "a", "a/"),
		name("name-file-folder", "a/", "a"),
		name("name-file-folder", "a", "a/b"),
		name("name-file-folder", "a/b", "a"),
		name("name-collision", "a", "A/b"),

		// Limits.
		limited("file one byte too large", "limit-file", one(member{name: "a", content: "12345"}), func(l *strictzip.Limits) { l.File = 4 }),
		limited("files one byte too large", "limit-total", raw{members: []member{{name: "a", content: "12345"}, {name: "b", content: "1"}}}, func(l *strictzip.Limits) { l.Total = 5 }),
		limited("too well compressed", "limit-ratio", one(member{name: "a", content: strings.Repeat("a", 10000), deflate: true}), func(l *strictzip.Limits) { l.RatioFree, l.Ratio = 1, 10 }),
		f("sizes beyond all files", "limit-file limit-total limit-ratio", one(member{name: "a", deflate: true, extra: extra(1, u64(math.MaxUint64)...), central: set32(24, math.MaxUint32), local: set32(22, math.MaxUint32)})),

		// Local headers, descriptors, content.
		f("local header without signature", "local-header", one(member{name: "a", local: func(h []byte) { h[3] = 5 }})),
		{what: "other local name", rules: "local-header", data: bytes.Replace(named("harmless", "b").bytes(), []byte("harmless"), []byte("harmful!"), 1)},
		f("other local flags", "local-header", one(member{name: "a", local: set16(6, 0x800)})),
		f("other local method", "local-header", one(member{name: "a", content: "x", local: set16(8, 8)})),
		f("other local date", "local-header", one(member{name: "a", local: set16(12, 0x5b78)})),
		f("other local checksum", "local-header", one(member{name: "a", content: "x", local: set32(14, 1)})),
		f("other local compressed size", "local-header", one(member{name: "a", content: "x", local: set32(18, 2)})),
		f("other local size", "local-header", one(member{name: "a", content: "x", local: set32(22, 2)})),
		f("other local size with descriptor", "local-header", one(member{name: "a", content: "x", descriptor: "32", local: set32(22, 2)})),
		f("other local modification time", "local-header", one(member{name: "a", extra: extra(0x5455, 1, 1, 0, 0, 0), local: nil}).withLocalByte(30+1+5, 2)),
		f("descriptor flag in the central directory only", "local-header", one(member{name: "a", central: set16(8, 8)})),
		f("no descriptor though announced", "descriptor", one(member{name: "a", local: set16(6, 8), central: set16(8, 8)})),
		f("descriptor of 13 bytes", "descriptor", one(member{name: "a", descriptor: "32nosig", after: []byte{0}})),
		f("descriptor with another signature", "descriptor", one(member{name: "a", descriptor: "32", desc: func(d []byte) { d[3]++ }})),
		f("descriptor with another checksum", "descriptor", one(member{name: "a", content: "x", descriptor: "32", desc: func(d []byte) { d[4]++ }})),
		f("descriptor with another compressed size", "descriptor", one(member{name: "a", content: "x", descriptor: "32nosig", desc: func(d []byte) { d[4]++ }})),
		f("descriptor with another size", "descriptor", one(member{name: "a", content: "x", descriptor: "32", desc: func(d []byte) { d[12]++ }})),
		f("64-bit descriptor with another size", "descriptor", one(member{name: "a", content: "x", descriptor: "64", localExtra: extra(1), desc: func(d []byte) { d[23]++ }})),
		f("64-bit descriptor without zip64", "descriptor", one(member{name: "a", descriptor: "64"})),
		f("32-bit descriptor with zip64", "descriptor", one(member{name: "a", descriptor: "32", localExtra: extra(1)})),
		f("checksum that looks like a signature", "descriptor crc", one(member{name: "a", content: "x", descriptor: "32nosig", desc: set32(0, 0x08074b50), central: set32(16, 0x08074b50)})),
		f("undefined block type", "deflate", one(member{name: "a", content: "x", deflate: true, data: []byte{0xff}})),
		f("deflate stream cut off", "deflate", one(member{name: "a", content: strings.Repeat("xyz", 20), deflate: true, data: deflated(strings.Repeat("xyz", 20))[:4]})),
		f("data after the deflate stream", "deflate", one(member{name: "a", content: "x", deflate: true, data: append(deflated("x"), 0)})),
		f("a second deflate stream", "deflate", one(member{name: "a", content: "x", deflate: true, data: append(deflated("x"), deflated("y")...)})),
		f("no deflate stream", "deflate", one(member{name: "a", deflate: true, data: []byte{}})),
		f("one byte more than declared", "size", one(member{name: "a", content: "x", deflate: true, data: deflated("xy")})),
		f("one byte less than declared", "size", one(member{name: "a", content: "xy", deflate: true, data: deflated("x")})),
		f("much more than declared", "size", one(member{name: "a", content: "x", deflate: true, data: deflated(strings.Repeat("x", 1<<20))})),
		f("stored with two sizes", "size", one(member{name: "a", content: "xy", local: set32(22, 1), central: set32(24, 1)})),
		f("other content of the same size", "crc", one(member{name: "a", content: "x", deflate: true, data: deflated("y")})),
		f("other stored content", "crc", one(member{name: "a", content: "x", data: []byte("y")})),
	}
	return list
}

// withLocalByte is the archive with one byte changed.
func (a raw) withLocalByte(off int, b byte) raw {
	a.patches = append(a.patches, patch{off, b})
	return a
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func (f fixture) open() (*strictzip.Archive, *check.Report) {
	lim := testLimits
	if f.limits != nil {
		f.limits(&lim)
	}
	if f.reader != nil {
		return strictzip.Open(f.reader, f.size, lim)
	}
	return strictzip.Open(bytes.NewReader(f.data), int64(len(f.data)), lim)
}

var errDisk = errors.New("disk on fire")

type failingReader struct{}

func (failingReader) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

type emptyReader struct{}

func (emptyReader) ReadAt([]byte, int64) (int, error) { return 0, nil }

// failingAfter serves each byte once or often, but never those before off: the
// end of the archive can be read, its beginning not.
func failingAfter(data []byte, off int64) io.ReaderAt { return partReader{data, off} }

type partReader struct {
	data []byte
	off  int64
}

func (p partReader) ReadAt(b []byte, off int64) (int, error) {
	n := copy(b, p.data[off:])
	// The whole small file is read at once for its end; the data is read again.
	if off == 0 && int64(n) < int64(len(p.data)) {
		return 0, errDisk
	}
	return n, nil
}
