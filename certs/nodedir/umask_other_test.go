//go:build !unix

package nodedir

// narrowUmask does nothing: there is no umask here.
func narrowUmask() (restore func()) { return func() {} }
