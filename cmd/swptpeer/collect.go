package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// firstRate is the rate of collecting garbage, in percent of the usual one's
// 4 MiB, until the first collection: that is at 16 MiB.
const firstRate = 400

// collectLater puts the first collection of garbage off. Most commands end before
// they have used 16 MiB, and spend a fifth of their time on collecting what would
// have been thrown away with the process. From the first collection on the rate is
// the usual one, so that what needs memory needs no more of it than it would.
func collectLater() {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	usual := debug.SetGCPercent(firstRate)
	// The first collection finds this unused.
	type unused struct{ _ [4]*byte }
	runtime.SetFinalizer(new(unused), func(*unused) {
		if rate := debug.SetGCPercent(usual); rate != firstRate {
			debug.SetGCPercent(rate) // a command has chosen another meanwhile
		}
	})
}
