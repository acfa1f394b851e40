package source

import "io"

// IsAddress reports whether the item is on the web.
func (it Item) IsAddress() bool { return it.kind == anAddress }

// NewFile returns a File over r.
func NewFile(name string, r io.ReaderAt, size int64) *File {
	return &File{Size: size, name: name, r: r, close: func() {}}
}
