package ecigroup

import (
	"runtime"
	"testing"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// TestSoak makes 10,000 starts. Besides the timeline, which is the result, memory stays
// flat: what is kept of a start that is over is its run and its startup.
func TestSoak(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("it is part of make exhaust")
	}
	w := newWorld(t, ecitest.Options{Seed: 3})
	w.opt.Save = func(*simulate.Timeline) error { return nil }
	exp := web(ArmCold, ArmAutomatic)
	exp.Repeats, exp.Concurrency = 5000, 100
	const early = 2000
	var before uint64
	w.opt.Progress = func(done, _ int, _ string, _ int, _ *simulate.MeasuredRun) {
		if done >= early && before == 0 {
			before = inUse()
		}
	}
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	after, goroutines := inUse(), runtime.NumGoroutine()
	w.leaves()
	// A startup with its texts and phases is about a kilobyte; what led to it is ten times
	// as much.
	const most = 2000
	if each := (int64(after) - int64(before)) / (10_000 - early); before == 0 || each > most {
		t.Errorf("%d bytes are kept of each start, want at most %d (%d before, %d after)", each, most, before, after)
	}
	if goroutines > 50 {
		t.Errorf("%d goroutines are left", goroutines)
	}
	runtime.KeepAlive(timeline)
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
