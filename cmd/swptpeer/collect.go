package main

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

const (
	// lateRate is the rate of collecting garbage, in percent, as long as little is
	// in use: four times the usual one. The first collection is at 16 MiB then.
	lateRate = 400
	// litter is how many bytes of garbage may lie about because of that.
	litter = 24 << 20
)

// collectLater has garbage collected less often than usual while there is little of
// it. Most commands end before they have used 16 MiB, and would spend a fifth of
// their time on collecting what is thrown away with the process; those that judge
// thousands of bundles, one after the other, a tenth. What needs memory needs no
// more of it than it would: from 24 MiB in use on, the rate is the usual one.
func collectLater() {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	usual := debug.SetGCPercent(lateRate)
	set := lateRate
	// Each collection finds one of these that is not in use.
	type unused struct{ _ [4]*byte }
	var collected func(*unused)
	collected = func(*unused) {
		rate := collectionRate(inUse(), usual)
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
func collectionRate(inUse uint64, usual int) int {
	return max(usual, int(min(lateRate, litter*100/max(inUse, 1))))
}

// inUse is how many bytes the last collection found in use.
func inUse() uint64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return sample[0].Value.Uint64()
}
