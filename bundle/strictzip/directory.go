package strictzip

import (
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"
)

// A header is an entry as the central directory describes it.
type header struct {
	index   int // in the central directory, from 1
	name    string
	flags   uint16
	method  uint16
	time    uint16
	date    uint16
	crc     uint32
	csize   int64
	usize   int64
	offset  int64
	extra   extraFields
	madeBy  uint16 // host system in the upper byte, version in the lower
	attrs   uint32 // external attributes
	dataOff int64  // set when the local header was read
}

// where is the entry for a report.
func (h *header) where() string { return place{entry: h}.String() }

// host is the system that the entry was made on.
func (h *header) host() uint8 { return uint8(h.madeBy >> 8) }

// converted reports whether Info-ZIP's unzip takes the name for one in the code page of MS-DOS,
// whatever the UTF-8 flag says: all of MS-DOS (Python's zipfile on Windows is such a writer), and
// version 5.0 of its own NTFS.
func (h *header) converted() bool {
	return h.host() == hostFAT || h.madeBy == hostInfoNTFS<<8|50
}

func (h *header) isFolder() bool { return strings.HasSuffix(h.name, "/") }

// readDirectory parses the central directory. It returns false if it does not
// fill its place exactly.
func (o *opener) readDirectory(e ends) ([]*header, bool) {
	rec := o.rec
	o.directory = make([]byte, e.dirSize)
	if err := readFull(o.r, o.directory, e.dirOffset); err != nil {
		rec.fail(ruleRead, fmt.Sprintf("central directory at offset %d", e.dirOffset), err.Error(), "")
		return nil, false
	}
	rec.checked(ruleDir, ruleEncryption, ruleFlags, ruleMethod, ruleVersion, ruleExtra, ruleExtra64, ruleHost, ruleType, ruleMode, ruleFolder)
	headers := make([]*header, 0, min(e.entries, e.dirSize/directoryHeaderLen))
	for rest := o.directory; len(rest) > 0; {
		where := fmt.Sprintf("central directory header at offset %d", e.dirOffset+int64(len(o.directory)-len(rest)))
		if len(rest) < directoryHeaderLen || string(rest[:4]) != directoryHeaderSig {
			rec.fail(ruleDir, where, "no header: "+quote(string(rest[:min(4, len(rest))])), "a header, or the end records")
			return nil, false
		}
		if int64(len(headers)) == e.entries {
			rec.fail(ruleDir, where, "another header", fmt.Sprintf("the end records after %d entries", e.entries))
			return nil, false
		}
		var (
			nameLen    = int(le.Uint16(rest[28:]))
			extraLen   = int(le.Uint16(rest[30:]))
			commentLen = int(le.Uint16(rest[32:]))
			n          = directoryHeaderLen + nameLen + extraLen + commentLen
		)
		if len(rest) < n {
			rec.fail(ruleDir, where, fmt.Sprintf("%d bytes of name, extra field and comment", n-directoryHeaderLen),
				fmt.Sprintf("at most the %d that are left", len(rest)-directoryHeaderLen))
			return nil, false
		}
		h, ok := o.parseHeader(rest[:n], nameLen, extraLen, len(headers)+1, e)
		if !ok {
			return nil, false
		}
		headers = append(headers, h)
		rest = rest[n:]
	}
	if int64(len(headers)) != e.entries {
		rec.fail(ruleDir, "", fmt.Sprintf("%d entries in the central directory", len(headers)), fmt.Sprintf("%d as in the end record", e.entries))
		return nil, false
	}
	return headers, true
}

// parseHeader reads one header of the central directory and applies the rules
// for its fields. It returns false if where its data lies cannot be known.
func (o *opener) parseHeader(b []byte, nameLen, extraLen, index int, e ends) (*header, bool) {
	rec := o.rec
	name := b[directoryHeaderLen : directoryHeaderLen+nameLen]
	extra := b[directoryHeaderLen+nameLen : directoryHeaderLen+nameLen+extraLen]
	h := &header{
		index:  index,
		name:   string(name),
		madeBy: le.Uint16(b[4:]),
		flags:  le.Uint16(b[8:]),
		method: le.Uint16(b[10:]),
		time:   le.Uint16(b[12:]),
		date:   le.Uint16(b[14:]),
		crc:    le.Uint32(b[16:]),
		attrs:  le.Uint32(b[38:]),
	}
	checkVersion(rec, place{entry: h}, le.Uint16(b[6:]))
	checkComment(rec, place{entry: h}, b[directoryHeaderLen+nameLen+extraLen:])
	checkFlags(rec, place{entry: h}, h.flags, h.method)

	var bad *fault
	if h.extra, bad = parseExtra(extra); bad != nil {
		bad.fail(rec, h.where())
	}
	csize, usize, offset := uint64(le.Uint32(b[20:])), uint64(le.Uint32(b[24:])), uint64(le.Uint32(b[42:]))
	disk := uint64(le.Uint16(b[34:]))
	bad = h.extra.resolve64(&usize, &csize, &offset, &disk)
	if bad != nil {
		bad.fail(rec, h.where())
		return h, false
	}
	if disk != 0 {
		rec.fail(ruleDisk, h.where(), fmt.Sprintf("local header on disk %d", disk), "0")
	}
	// The position and the compressed size must lie within the file. An inflated size that no file can have
	// is kept as the largest number, which no limit allows.
	if offset > uint64(e.dirOffset) || csize > uint64(e.dirOffset) {
		rec.checked(ruleOverlap)
		rec.fail(ruleOverlap, h.where(), fmt.Sprintf("%d bytes of data, local header at offset %d", csize, offset),
			fmt.Sprintf("an entry that ends before the central directory at offset %d", e.dirOffset))
		return h, false
	}
	h.csize, h.usize, h.offset = int64(csize), int64(min(usize, math.MaxInt64)), int64(offset)
	if h.method == methodStored && csize != usize {
		rec.fail(ruleSize, h.where(), fmt.Sprintf("%d bytes stored as %d", usize, csize), "the same number")
	}
	checkAttributes(rec, h)
	return h, true
}

// checkVersion applies the rule for the version needed to extract. APPNOTE
// 4.4.3.1 maps it "as above", that is, like the version made by in 4.4.2: the
// lower byte is the version, the upper one a host system. No writer in use
// sets the upper byte. Info-ZIP's unzip asks before it extracts, or leaves
// out, what needs VMS (2); other readers do not look at it.
func checkVersion(rec *recorder, where place, v uint16) {
	version, host := v&0xff, v>>8
	switch {
	case host != 0:
		rec.fail(ruleVersion, where.String(), fmt.Sprintf("version needed %d.%d on host system %d (%#04x)", version/10, version%10, host, v), "no host system (an upper byte of 0)")
	case version > maxVersion:
		rec.fail(ruleVersion, where.String(), fmt.Sprintf("version needed %d.%d", version/10, version%10), fmt.Sprintf("at most %d.%d", maxVersion/10, maxVersion%10))
	}
}

// checkFlags applies the rules for flags and methods, which are the same for
// local headers and the central directory.
func checkFlags(rec *recorder, where place, flags, method uint16) {
	if f := flags & flagsEncryption; f != 0 || method == methodAES {
		rec.fail(ruleEncryption, where.String(), fmt.Sprintf("flags %#04x, method %d", flags, method), "no encryption")
	}
	if f := flags &^ (flagsAccepted | flagsEncryption); f != 0 {
		rec.fail(ruleFlags, where.String(), fmt.Sprintf("flags %#04x", flags), fmt.Sprintf("none but %#04x", uint16(flagsAccepted)))
	}
	if method != methodStored && method != methodDeflate && method != methodAES {
		rec.fail(ruleMethod, where.String(), fmt.Sprintf("method %d", method), "0 (stored) or 8 (deflated)")
	}
}

// Host systems (APPNOTE 4.4.2.2) whose attributes are understood. Info-ZIP
// uses 11 for NTFS, where APPNOTE has 10.
const (
	hostFAT      = 0
	hostUnix     = 3
	hostNTFS     = 10
	hostInfoNTFS = 11
	hostVFAT     = 14
	hostDarwin   = 19
)

// External attributes: those of MS-DOS and Windows below, the mode of Unix in
// the upper half.
const (
	dosVolume  = 0x08
	dosFolder  = 0x10
	dosDevice  = 0x40
	dosReparse = 0x400

	unixTypeMask = 0o170000
	unixFolder   = 0o040000
	unixRegular  = 0o100000
	unixSpecial  = 0o007000 // setuid, setgid, sticky
)

var unixTypes = map[uint32]string{
	0o010000: "a named pipe", 0o020000: "a character device", unixFolder: "a folder", 0o060000: "a block device",
	unixRegular: "a regular file", 0o120000: "a symbolic link", 0o140000: "a socket",
}

// checkAttributes applies the rules for the kind of an entry. The Unix mode is
// looked at whatever the host system is, because programs do so that
// extract.
func checkAttributes(rec *recorder, h *header) {
	switch h.host() {
	case hostFAT, hostUnix, hostNTFS, hostInfoNTFS, hostVFAT, hostDarwin:
	default:
		rec.fail(ruleHost, h.where(), fmt.Sprintf("host system %d", h.host()), "0, 3, 10, 11, 14 or 19")
	}
	mode := h.attrs >> 16
	if mode&unixSpecial != 0 {
		rec.fail(ruleMode, h.where(), fmt.Sprintf("mode %06o", mode), fmt.Sprintf("mode %06o", mode&^unixSpecial))
	}
	kind := mode & unixTypeMask
	switch kind {
	case 0, unixRegular, unixFolder:
	default:
		what := unixTypes[kind]
		if what == "" {
			what = "something unknown"
		}
		rec.fail(ruleType, h.where(), fmt.Sprintf("%s (mode %06o)", what, mode), "a regular file or a folder")
		return
	}
	if h.attrs&(dosVolume|dosDevice|dosReparse) != 0 {
		rec.fail(ruleType, h.where(), fmt.Sprintf("a volume label, device or reparse point (attributes %#x)", h.attrs), "a regular file or a folder")
		return
	}
	if !h.isFolder() {
		if kind == unixFolder || h.attrs&dosFolder != 0 {
			rec.fail(ruleFolder, h.where(), fmt.Sprintf("the attributes of a folder (%#x)", h.attrs), "a name that ends in a slash, or the attributes of a file")
		}
		return
	}
	if kind == unixRegular || h.attrs != 0 && kind == 0 && h.attrs&dosFolder == 0 {
		rec.fail(ruleFolder, h.where(), fmt.Sprintf("a name that ends in a slash, and the attributes of a file (%#x)", h.attrs), "the attributes of a folder")
	}
	if h.csize != 0 || h.usize != 0 || h.crc != 0 {
		rec.fail(ruleFolder, h.where(), fmt.Sprintf("a folder with content: %d bytes from %d, checksum %08x", h.usize, h.csize, h.crc), "all zero")
	}
}

// mode returns what the entry is, with the permissions if they are known.
func (h *header) mode() fs.FileMode {
	perm := fs.FileMode(h.attrs>>16) & fs.ModePerm
	if h.isFolder() {
		if perm == 0 {
			perm = 0o755
		}
		return fs.ModeDir | perm
	}
	if perm == 0 {
		perm = 0o644
	}
	return perm
}

// modified returns the time of the extra field or else the one of MS-DOS,
// taken as UTC: its zone is not known.
func (h *header) modified() time.Time {
	if h.extra.hasTime {
		return time.Unix(int64(h.extra.time), 0).UTC()
	}
	d, t := int(h.date), int(h.time)
	return time.Date(d>>9+1980, time.Month(d>>5&15), d&31, t>>11, t>>5&63, t&31*2, 0, time.UTC)
}

// A fault is the breach of a rule that was found where no recorder is at hand.
type fault struct {
	rule            *rule
	found, expected string
}

func (f *fault) fail(rec *recorder, where string) { rec.fail(f.rule, where, f.found, f.expected) }
