package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// lateRate is the rate of collecting garbage, in percent, as long as little is
	// in use: four times the usual one. The first collection is at 16 MiB then.
	lateRate = 400
	// maxLitter is how many bytes of garbage may lie about because of that.
	maxLitter = 24 << 20
)

// collectLater has garbage collected less often than usual while there is little of
// it. Most commands end before they have used 16 MiB, and would spend a fifth of
// their time on collecting what is thrown away with the process; those that judge
// thousands of bundles, one after the other, a tenth. What needs memory needs no
// more of it than it would: from 24 MiB in use on, the rate is the usual one.
func collectLater(litter uint64) {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	usual := debug.SetGCPercent(lateRate)
	set := lateRate
	// Each collection finds one of these that is not in use.
	type unused struct{ _ [4]*byte }
	var collected func(*unused)
	collected = func(*unused) {
		rate := collectionRate(inUse(set), litter, usual)
		if chosen := debug.SetGCPercent(rate); chosen != set {
			debug.SetGCPercent(chosen) // by a command, meanwhile
			return
		}
		set = rate
		runtime.SetFinalizer(new(unused), collected)
	}
	runtime.SetFinalizer(new(unused), collected)
}

// collectionRate is the rate with so many bytes in use.
func collectionRate(inUse, litter uint64, usual int) int {
	return max(usual, int(min(lateRate, litter*100/max(inUse, 1))))
}

// inUse is about how many bytes the last collection found in use. It is derived
// from when the next one is due at this rate: runtime/metrics would tell, and costs
// every command a tenth of a millisecond at its start.
func inUse(rate int) uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.NextGC * 100 / (100 + uint64(rate))
}
