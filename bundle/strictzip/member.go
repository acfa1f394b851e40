package strictzip

import (
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/klauspost/compress/zip"
)

// A memberWriter puts blocks into an archive, and the folders between them.
type memberWriter struct {
	zip      *zip.Writer
	files    []File // in order
	modified time.Time

	next   int // of files, to be begun
	header *zip.FileHeader
	data   io.Writer // of the file that was begun

	inflated, compressed int64 // bytes of all files
}

// write writes the next block.
func (m *memberWriter) write(b *block) error {
	if b.index >= m.next {
		if err := m.folders(b.index); err != nil {
			return err
		}
		if err := m.begin(); err != nil {
			return err
		}
	}
	data := b.data
	if m.header.Method == methodDeflate {
		data = b.out.Bytes()
	}
	if _, err := m.data.Write(data); err != nil {
		return err
	}
	// The header is written with the next member: into the data descriptor and,
	// at the end, the central directory.
	m.header.CompressedSize64 += uint64(len(data))
	m.header.UncompressedSize64 += uint64(len(b.data))
	m.compressed += int64(len(data))
	m.inflated += int64(len(b.data))
	if b.last {
		m.header.CRC32 = b.crc
		m.header.CompressedSize = uint32(m.header.CompressedSize64)
		m.header.UncompressedSize = uint32(m.header.UncompressedSize64)
	}
	return nil
}

// folders begins the members before the one with this index, which are folders.
func (m *memberWriter) folders(index int) error {
	for m.next < index {
		if err := m.begin(); err != nil {
			return err
		}
	}
	return nil
}

// begin begins the next member.
func (m *memberWriter) begin() (err error) {
	m.header = newHeader(m.files[m.next].Name, m.modified)
	m.next++
	m.data, err = m.zip.CreateRaw(m.header)
	return err
}

// close writes what is left.
func (m *memberWriter) close() error {
	if err := m.folders(len(m.files)); err != nil {
		return err
	}
	return m.zip.Close()
}

// version made by, and needed to extract: 2.0, deflate and folders (APPNOTE
// 4.4.3.2).
const version = 20

// newHeader is all that the archive says about a file: nothing but its name, kind
// and the one time.
func newHeader(name string, modified time.Time) *zip.FileHeader {
	h := &zip.FileHeader{
		Name:           name,
		Method:         methodFor(name),
		CreatorVersion: hostUnix<<8 | version,
		ReaderVersion:  version,
		ModifiedDate:   uint16(modified.Day() | int(modified.Month())<<5 | (modified.Year()-1980)<<9),
		ModifiedTime:   uint16(modified.Second()/2 | modified.Minute()<<5 | modified.Hour()<<11),
	}
	h.SetMode(fileMode(name))
	h.Extra = le.AppendUint16(le.AppendUint16(nil, extraTime), 5)
	h.Extra = append(h.Extra, 1) // only the time of modification
	h.Extra = le.AppendUint32(h.Extra, uint32(modified.Unix()))
	if !strings.HasSuffix(name, "/") {
		h.Flags |= flagDescriptor
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > '}' }) { // ~ differs in some code pages
		h.Flags |= flagUTF8
	}
	return h
}

func fileMode(name string) fs.FileMode {
	if strings.HasSuffix(name, "/") {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
