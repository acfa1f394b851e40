package strictzip

import (
	"errors"
	"fmt"
)

// Limits of an archive, for reading and writing. Every field must be positive.
type Limits struct {
	Archive   int64 // bytes of the archive itself
	Total     int64 // bytes, all files inflated
	File      int64 // bytes, one file inflated
	Entries   int   // entries of any kind
	Depth     int   // path elements of a name
	Name      int   // bytes of a name
	Ratio     int64 // inflated to compressed size, beyond RatioFree
	RatioFree int64 // inflated bytes of the archive to which Ratio does not apply
}

// MaxElement is the most bytes of one element of a name: with more, no file of
// that name can be made on Linux (NAME_MAX), nor on most other systems.
const MaxElement = 255

// Limits that do not depend on the use.
const (
	// maxComment is the most bytes of a comment. Nobody reads them; a notice
	// of a licence or a version fits.
	maxComment = 1024
	// maxExtra is more than all the extra fields that are accepted take
	// together in one header. It only bounds the memory for the central directory.
	maxExtra = 256
	// maxVersion is the "version needed to extract" of zip64, the newest
	// feature that is accepted (APPNOTE 4.4.3.2).
	maxVersion = 45
	// maxResults is how many breaches of one rule a report lists. The rest
	// is counted: an archive of 4,096 bad names needs no report of 4,096 lines.
	maxResults = 8
)

// validate returns an error that names every field which is not positive.
func (l Limits) validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Archive", l.Archive}, {"Total", l.Total}, {"File", l.File}, {"Entries", int64(l.Entries)},
		{"Depth", int64(l.Depth)}, {"Name", int64(l.Name)}, {"Ratio", l.Ratio}, {"RatioFree", l.RatioFree},
	} {
		if f.value <= 0 {
			errs = append(errs, fmt.Errorf("limit %s is %d", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}

// ratioExceeded reports whether inflated bytes from compressed bytes break the
// limit on the ratio.
func (l Limits) ratioExceeded(inflated, compressed int64) bool {
	over := inflated - l.RatioFree
	if over <= 0 {
		return false
	}
	// Division, because Ratio times compressed might overflow.
	need := over / l.Ratio
	if over%l.Ratio != 0 {
		need++
	}
	return compressed < need
}

// maxDirectory is the most bytes that a central directory within the limits
// can have.
func (l Limits) maxDirectory() int64 {
	return mulSat(int64(l.Entries), addSat(int64(l.Name), directoryHeaderLen+maxExtra+maxComment))
}
