//go:build unix

package nodedir

import (
	"os"
	"syscall"
)

// subfolders returns how many folders there are in a folder, without reading it:
// on many file systems each has a link to it, as ".." (stat(2), st_nlink). Where
// that is not so, the number is another one or false.
func subfolders(path string) (int, bool) {
	fi, err := os.Stat(path)
	if err != nil || !fi.IsDir() {
		return 0, false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return 0, false
	}
	return int(st.Nlink) - 2, true
}
