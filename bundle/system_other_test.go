//go:build !unix

package bundle_test

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }

func setUmask(int) (old int) { return 0 }
