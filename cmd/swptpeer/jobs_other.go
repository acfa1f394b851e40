//go:build !unix

package main

// jobControl has nothing to do where there is none.
type jobControl struct{}

func (*jobControl) watch(*silence) (leave func()) { return func() {} }

func awaitForeground(int, func() bool) bool { return true }
