package strictzip

import (
	"encoding/binary"
	"io"
	"math"
)

// Signatures and fixed lengths of the records (APPNOTE 4.3).
const (
	localHeaderSig     = "PK\x03\x04"
	directoryHeaderSig = "PK\x01\x02"
	endRecordSig       = "PK\x05\x06"
	endRecord64Sig     = "PK\x06\x06"
	locator64Sig       = "PK\x06\x07"
	descriptorSig      = "PK\x07\x08"

	localHeaderLen     = 30
	directoryHeaderLen = 46
	endRecordLen       = 22
	endRecord64Len     = 56
	locator64Len       = 20
	// maxTail is how far from the end of a file the end records can begin.
	maxTail = endRecordLen + math.MaxUint16 + locator64Len + endRecord64Len
)

// General purpose flags (APPNOTE 4.4.4).
const (
	flagEncrypted       = 1 << 0
	flagDeflateOptions  = 1<<1 | 1<<2
	flagDescriptor      = 1 << 3
	flagStrongEncrypted = 1 << 6
	flagUTF8            = 1 << 11
	flagMasked          = 1 << 13

	flagsEncryption = flagEncrypted | flagStrongEncrypted | flagMasked
	flagsAccepted   = flagDeflateOptions | flagDescriptor | flagUTF8
)

// Methods (APPNOTE 4.4.5).
const (
	methodStored  = 0
	methodDeflate = 8
	methodAES     = 99
)

var le = binary.LittleEndian

// readFull reads len(p) bytes at off. A short read is an error.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := r.ReadAt(p, off)
		if n < 0 || n > len(p) {
			return errBadReader
		}
		p, off = p[n:], off+int64(n)
		switch {
		case len(p) == 0:
			return nil
		case err == io.EOF:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
	return nil
}

// addSat and mulSat compute with values that are not negative, and stop at the largest
// int64 instead of overflowing.
func addSat(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func mulSat(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}
