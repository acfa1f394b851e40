//go:build !linux

package main

import "errors"

func scanMemory(string) error { return errors.ErrUnsupported }
