package measure

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// runsOf is a timeline of one arm whose runs take so many seconds, two starts in
// each: the second is requested 1 s later and is ready last.
func runsOf(seconds ...float64) *simulate.Timeline {
	t := &simulate.Timeline{Measurement: &simulate.Measurement{Arms: []simulate.ArmSetup{{Arm: "a"}}}}
	for i, s := range seconds {
		at := time.Duration(i) * time.Minute
		fetch := time.Duration(i) * time.Second
		t.Measurement.Runs = append(t.Measurement.Runs, simulate.MeasuredRun{Arm: "a", Repeat: i})
		t.Startups = append(t.Startups,
			simulate.Startup{Source: simulate.Measured, Arm: "a", Repeat: i, Requested: at, Ready: time.Millisecond, Phases: simulate.Phases{Fetch: &fetch}},
			simulate.Startup{Source: simulate.Measured, Arm: "a", Repeat: i, Requested: at + time.Second, Ready: duration(s) - time.Second})
	}
	return t
}

func near(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

// TestSpread: by hand. The medians of the others of 10, 11, 12, 13, 20 are 12.5,
// 12.5, 12, 11.5, 11.5; they deviate by 2.5, 1.5, 0, 1.5, 8.5.
func TestSpread(t *testing.T) {
	tl := runsOf(12, 10, 20, 11, 13)
	tl.Measurement.Arms = append(tl.Measurement.Arms, simulate.ArmSetup{Arm: "b"})
	tl.Measurement.Runs = append(tl.Measurement.Runs, simulate.MeasuredRun{Arm: "a", Repeat: 1, Void: "why"}, simulate.MeasuredRun{Arm: "b", Void: "why"})
	tl.Startups = append(tl.Startups, simulate.Startup{Source: simulate.Measured, Arm: "a", Repeat: 1, Ready: time.Hour, Void: "why"},
		simulate.Startup{Source: simulate.Simulated, Arm: "a", Repeat: 9, Ready: time.Hour})
	got := Spread(tl)
	if len(got) != 2 {
		t.Fatalf("%d arms", len(got))
	}
	a, b := got[0], got[1]
	if a.Arm != "a" || a.Runs != 5 || a.Voids != 1 || a.Median != 12*time.Second || a.Min != 10*time.Second || a.Max != 20*time.Second {
		t.Errorf("got %+v", a)
	}
	// Five runs hold the median between the least and the greatest unless all are
	// on one side: 1 - 2/32.
	if i := a.Interval; i == nil || i.Value != 12 || i.Low != 10 || i.High != 20 || !near(i.Level, 0.9375) {
		t.Errorf("interval %+v", i)
	}
	// Mean 13.2; squares 10.24 + 4.84 + 1.44 + 0.04 + 46.24 = 62.8.
	if want := math.Sqrt(62.8/4) / 13.2; !near(a.CoefficientOfVariation, want) {
		t.Errorf("variation %v, want %v", a.CoefficientOfVariation, want)
	}
	if want := (2.5/12.5 + 1.5/12.5 + 0 + 1.5/11.5 + 8.5/11.5) / 5; !near(a.RunNoise, want) {
		t.Errorf("run noise %v, want %v", a.RunNoise, want)
	}
	if !(a.MedianNoise > 0 && a.MedianNoise < a.RunNoise) {
		t.Errorf("the median's noise is %v, that of a run %v", a.MedianNoise, a.RunNoise)
	}
	if fetch, known := a.Phases.Of(simulate.Fetch); !known || fetch != 2*time.Second {
		t.Errorf("fetch %v", fetch)
	}
	if _, known := a.Phases.Of(simulate.Unpack); known {
		t.Error("unpack is known")
	}
	if b.Arm != "b" || b.Runs != 0 || b.Voids != 1 || b.Interval != nil || !math.IsNaN(b.RunNoise) || !math.IsNaN(b.CoefficientOfVariation) {
		t.Errorf("got %+v", b)
	}
	four := Spread(runsOf(1, 2, 3, 4))[0]
	if four.Interval != nil || four.Median != 2500*time.Millisecond {
		t.Errorf("of four runs %+v", four)
	}
	one := Spread(runsOf(7))[0]
	if one.Median != 7*time.Second || !math.IsNaN(one.RunNoise) || !math.IsNaN(one.MedianNoise) || !math.IsNaN(one.CoefficientOfVariation) {
		t.Errorf("of one run %+v", one)
	}
	same := Spread(runsOf(3, 3, 3))[0]
	if same.RunNoise != 0 || same.MedianNoise != 0 || same.CoefficientOfVariation != 0 {
		t.Errorf("of equal runs %+v", same)
	}
}

// TestRunNoise: of runs that vary normally by 5 % around one time, the noise of a
// run against the median of four others is about that of two independent deviations:
// sqrt(2/pi) * 0.05 * sqrt(1 + 0.3), where 0.3 is the variance of a median of four
// normal values (David and Nagaraja, Order Statistics).
func TestRunNoise(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	total := 0.0
	const arms = 4000
	for range arms {
		values := make([]float64, 5)
		for i := range values {
			values[i] = 10 * (1 + 0.05*draw.NormFloat64())
		}
		total += runNoise(values)
	}
	want := math.Sqrt(2/math.Pi) * 0.05 * math.Sqrt(1.3)
	if got := total / arms; math.Abs(got-want) > 0.02*want {
		t.Errorf("%v, want about %v", got, want)
	}
}
