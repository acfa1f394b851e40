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
	collectLater()
	if rate := collectRate(); rate != firstRate && rate != usual { // usual: there was a collection already
		t.Errorf("found a rate of %d %%, expected %d", rate, firstRate)
	}
	awaitRate(t, usual)

	collectLater()
	debug.SetGCPercent(chosen)
	awaitRate(t, chosen)

	debug.SetGCPercent(usual)
	t.Setenv("GOGC", "117")
	collectLater()
	if rate := collectRate(); rate != usual {
		t.Errorf("found a rate of %d %%, expected that of the environment, %d", rate, usual)
	}
}
