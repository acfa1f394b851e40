//go:build !unix

package nodedir

import (
	"bytes"
	"io"
	"os"
)

// readPlain reads a whole regular file of at most limit bytes. A link at the end
// of the path is not followed unless follow is set.
func readPlain(path string, limit int64, follow bool) ([]byte, error) {
	if err := checkRegular(path, follow); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, tooLong(path, limit)
	}
	return data, nil
}

// isPlain reports whether a regular file, no link, has this content.
func isPlain(path string, content []byte) (bool, error) {
	data, err := readPlain(path, int64(len(content))+1, false)
	return err == nil && bytes.Equal(data, content), err
}
