//go:build !linux && !darwin

package durable

import (
	"errors"
	"os"
)

func renameNoReplace(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }

func renameExchange(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }
