//go:build !linux

package durable

import (
	"errors"
	"os"
)

func openUnnamed(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func linkUnnamed(f, dir *os.File, name string) error { return errors.ErrUnsupported }
