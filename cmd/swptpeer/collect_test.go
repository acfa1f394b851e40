package main

import (
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"testing"
	"time"
)

// collectRate is the rate in force, in percent.
func collectRate() int {
	sample := []runtimemetrics.Sample{{Name: "/gc/gogc:percent"}}
	runtimemetrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// awaitRate collects until the rate is as wanted: finalizers run some time after a
// collection.
func awaitRate(t *testing.T, want int) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if collectRate() == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("found a rate of %d %%, expected %d", collectRate(), want)
}

func TestCollectLater(t *testing.T) {
	t.Setenv("GOGC", "")
	const usual, chosen = 117, 150
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	runtime.GC()
	before := inUse(usual)
	litter := 8 * before
	collectLater(litter)
	awaitRate(t, lateRate)

	// Much in use: the usual rate; little again: the late one.
	much := make([]byte, litter)
	awaitRate(t, usual)
	runtime.KeepAlive(much)
	much = nil
	awaitRate(t, lateRate)

	debug.SetGCPercent(chosen)
	awaitRate(t, chosen)

	debug.SetGCPercent(usual)
	t.Setenv("GOGC", "117")
	collectLater(litter)
	if rate := collectRate(); rate != usual {
		t.Errorf("found a rate of %d %%, expected that of the environment, %d", rate, usual)
	}
}

func TestCollectionRate(t *testing.T) {
	for _, tt := range []struct {
		inUse uint64
		rate  int
	}{{0, 400}, {1 << 20, 400}, {6 << 20, 400}, {8 << 20, 300}, {12 << 20, 200}, {24 << 20, 100}, {25 << 20, 100}, {1 << 40, 100}} {
		if got := collectionRate(tt.inUse, 24<<20, 100); got != tt.rate {
			t.Errorf("%d bytes: found %d %%, expected %d", tt.inUse, got, tt.rate)
		}
	}
}
