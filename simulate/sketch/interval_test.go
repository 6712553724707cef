package sketch

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestMeanIntervalByHand: 1 to 5 have mean 3 and deviation sqrt(2.5); t is 2.776
// with 4 degrees of freedom.
func TestMeanIntervalByHand(t *testing.T) {
	got, err := MeanInterval([]float64{5, 1, 4, 2, 3}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	half := 2.776 * math.Sqrt(2.5/5)
	if got.Value != 3 || math.Abs(got.Low-(3-half)) > 1e-3 || math.Abs(got.High-(3+half)) > 1e-3 || got.Level != 0.95 {
		t.Errorf("%+v, want 3 ± %v", got, half)
	}
}

// TestPairedIntervalByHand: the differences are 1, 2, 3, whatever the levels of
// the pairs are; t is 4.303 with 2 degrees of freedom.
func TestPairedIntervalByHand(t *testing.T) {
	got, err := PairedInterval([]float64{101, 12, 1003}, []float64{100, 10, 1000}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	half := 4.303 / math.Sqrt(3)
	if got.Value != 2 || math.Abs(got.Low-(2-half)) > 1e-3 || math.Abs(got.High-(2+half)) > 1e-3 {
		t.Errorf("%+v, want 2 ± %v", got, half)
	}
}

func TestOneRepeatIsUnknown(t *testing.T) {
	one := timesOf([]time.Duration{time.Second})
	for name, ask := range map[string]func() (*Interval, error){
		"no mean":        func() (*Interval, error) { return MeanInterval(nil, 0.95) },
		"mean of one":    func() (*Interval, error) { return MeanInterval([]float64{4}, 0.95) },
		"one pair":       func() (*Interval, error) { return PairedInterval([]float64{4}, []float64{3}, 0.95) },
		"one repeat":     func() (*Interval, error) { return QuantileInterval([]*Times{one}, 0.5, 0.95) },
		"one start":      func() (*Interval, error) { return one.QuantileInterval(0.5, 0.95) },
		"no start":       func() (*Interval, error) { return new(Times).QuantileInterval(0.5, 0.95) },
		"few for p99":    func() (*Interval, error) { return timesOf(starts(100)).QuantileInterval(0.99, 0.95) },
		"no repeat":      func() (*Interval, error) { return QuantileInterval(nil, 0.5, 0.95) },
		"few for median": func() (*Interval, error) { return timesOf(starts(5)).QuantileInterval(0.5, 0.95) },
	} {
		if got, err := ask(); got != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestIntervalsRefuse(t *testing.T) {
	one := timesOf([]time.Duration{time.Second})
	for _, test := range []struct {
		name string
		ask  func() (*Interval, error)
		want string
	}{
		{"level", func() (*Interval, error) { return MeanInterval([]float64{1, 2}, 95) }, "between 0 and 1"},
		{"level of one", func() (*Interval, error) { return MeanInterval([]float64{1}, 0) }, "between 0 and 1"},
		{"NaN", func() (*Interval, error) { return MeanInterval([]float64{1, math.NaN()}, 0.95) }, "value 2 of 2 is NaN"},
		{"infinite", func() (*Interval, error) { return MeanInterval([]float64{math.Inf(1)}, 0.95) }, "value 1 of 1 is +Inf"},
		{"lengths", func() (*Interval, error) { return PairedInterval([]float64{1}, []float64{1, 2}, 0.95) }, "1 values against 2"},
		{"empty repeat", func() (*Interval, error) { return QuantileInterval([]*Times{one, {}}, 0.5, 0.95) }, "repeat 2 of 2"},
		{"quantile", func() (*Interval, error) { return one.QuantileInterval(1.5, 0.95) }, "quantile between 0 and 1"},
	} {
		if got, err := test.ask(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v; want %q", test.name, got, err, test.want)
		}
	}
}

// covers returns how often, in many seeded trials, the interval holds the truth.
func covers(t *testing.T, truth float64, trial func(r *rand.Rand) (*Interval, error)) float64 {
	t.Helper()
	const trials = 10000
	r := rand.New(rand.NewPCG(20, 26))
	hits := 0
	for range trials {
		i, err := trial(r)
		if err != nil || i == nil {
			t.Fatalf("interval %v, %v", i, err)
		}
		if i.Low <= truth && truth <= i.High {
			hits++
		}
	}
	return float64(hits) / trials
}

func draws(n int, draw func() float64) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = draw()
	}
	return list
}

func lognormal(r *rand.Rand, n int) *Times {
	s := &Times{}
	for range n {
		s.Add(time.Duration(10e9 * math.Exp(r.NormFloat64())))
	}
	return s
}

// TestCoverage: theory gives 95 % of the normal's mean exactly, and nearly of
// a quantile over repeats; three standard deviations of 10,000 trials are 0.65 %.
func TestCoverage(t *testing.T) {
	for _, test := range []struct {
		name  string
		truth float64
		trial func(r *rand.Rand) (*Interval, error)
	}{
		{"mean of 2 normal", 7, func(r *rand.Rand) (*Interval, error) {
			return MeanInterval(draws(2, func() float64 { return 7 + 3*r.NormFloat64() }), 0.95)
		}},
		{"mean of 5 normal", 7, func(r *rand.Rand) (*Interval, error) {
			return MeanInterval(draws(5, func() float64 { return 7 + 3*r.NormFloat64() }), 0.95)
		}},
		{"mean of 30 normal", -2, func(r *rand.Rand) (*Interval, error) {
			return MeanInterval(draws(30, func() float64 { return -2 + r.NormFloat64() }), 0.95)
		}},
		{"difference of 8 pairs", 1, func(r *rand.Rand) (*Interval, error) {
			b := draws(8, func() float64 { return 100 * r.ExpFloat64() })
			a := make([]float64, len(b))
			for i := range b {
				a[i] = b[i] + 1 + r.NormFloat64()
			}
			return PairedInterval(a, b, 0.95)
		}},
		{"median of 10 repeats of 51 lognormal", 10, func(r *rand.Rand) (*Interval, error) {
			repeats := make([]*Times, 10)
			for i := range repeats {
				repeats[i] = lognormal(r, 51)
			}
			return QuantileInterval(repeats, 0.5, 0.95)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := covers(t, test.truth, test.trial); got < 0.935 || got > 0.965 {
				t.Errorf("it holds the truth in %v of the trials", got)
			}
		})
	}
}

// TestCoverageByRanks: one run of independent lognormal times; the level that
// QuantileRanks states is the one that is reached, but for the buckets' width.
func TestCoverageByRanks(t *testing.T) {
	for _, test := range []struct {
		n     int
		q     float64
		truth float64 // 10 * exp(z)
	}{
		{100, 0.5, 10}, {101, 0.5, 10},
		{400, 0.9, 10 * math.Exp(1.2815515655446)},
		{400, 0.99, 10 * math.Exp(2.3263478740408)},
	} {
		stated := 0.0
		got := covers(t, test.truth, func(r *rand.Rand) (*Interval, error) {
			i, err := lognormal(r, test.n).QuantileInterval(test.q, 0.95)
			if i != nil {
				stated = i.Level
			}
			return i, err
		})
		t.Logf("n %d, q %v: holds in %v, stated %v", test.n, test.q, got, stated)
		if stated < 0.95 || stated > 0.985 || got < stated-0.0075 || got > stated+0.025 {
			t.Errorf("n %d, q %v: it holds the truth in %v of the trials, and states %v", test.n, test.q, got, stated)
		}
	}
}

// TestCommonRandomNumbers: what both arms share cancels.
func TestCommonRandomNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a, b := make([]float64, 20), make([]float64, 20)
	for i := range a {
		luck := 10 * r.NormFloat64()
		a[i], b[i] = 60+luck+0.1*r.NormFloat64(), 50+luck
	}
	paired, _ := PairedInterval(a, b, 0.95)
	ofA, _ := MeanInterval(a, 0.95)
	if paired.Low < 9.8 || paired.High > 10.2 || ofA.High-ofA.Low < 5 {
		t.Errorf("paired %+v, one arm %+v", *paired, *ofA)
	}
}
