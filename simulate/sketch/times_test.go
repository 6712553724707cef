package sketch

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// durations draws values of every size, with ties.
func durations(t *rapid.T, label string) []time.Duration {
	one := rapid.OneOf(
		rapid.Int64Range(0, 600),
		rapid.Int64Range(0, math.MaxInt64),
		rapid.SampledFrom([]int64{0, 1, 255, 256, 257, 511, 512, 513, int64(time.Second), math.MaxInt64 - 1, math.MaxInt64}),
		rapid.Custom(func(t *rapid.T) int64 { // either side of a power of 2
			return int64(1)<<rapid.IntRange(0, 62).Draw(t, "bit") + rapid.Int64Range(-1, 1).Draw(t, "by")
		}),
	)
	nanos := rapid.SliceOfN(one, 0, 200).Draw(t, label)
	list := make([]time.Duration, len(nanos))
	for i, n := range nanos {
		list[i] = time.Duration(n)
	}
	return list
}

func timesOf(list []time.Duration) *Times {
	t := &Times{}
	for _, d := range list {
		t.Add(d)
	}
	return t
}

// TestBuckets checks the mapping on both edges of every bucket: each is where the
// last one ended, and its middle is within RelativeError of both, in integers.
func TestBuckets(t *testing.T) {
	next := time.Duration(0)
	for b := range maxBuckets {
		low, high := edges(b)
		if low != next || high < low {
			t.Fatalf("bucket %d is from %d to %d, want it to begin at %d", b, low, high, next)
		}
		for _, d := range []time.Duration{low, high} {
			if got := bucketOf(uint64(d)); got != b {
				t.Fatalf("%d is in bucket %d, want %d", d, got, b)
			}
			off := max(middle(b)-d, d-middle(b))
			// off/d <= 1/256
			if new(big.Int).Mul(big.NewInt(int64(off)), big.NewInt(256)).Cmp(big.NewInt(int64(d))) > 0 {
				t.Fatalf("bucket %d: the middle %d is too far from %d", b, middle(b), d)
			}
		}
		next = high + 1
	}
	if next != math.MinInt64 { // one more than the longest duration
		t.Errorf("the last bucket ends before %d", next)
	}
	if RelativeError != 1.0/256 {
		t.Errorf("RelativeError is %v", RelativeError)
	}
}

// checkAgainst compares a sketch with the sorted list of what was added.
func checkAgainst(t interface{ Fatalf(string, ...any) }, s *Times, list []time.Duration) {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	for rank := 1; rank <= n; rank++ {
		got, ok := s.AtRank(int64(rank))
		want := sorted[rank-1]
		if off := math.Abs(float64(got) - float64(want)); !ok || off > RelativeError*float64(want) {
			t.Fatalf("rank %d of %d: got %d, want %d", rank, n, got, want)
		}
		if exact := want < 256 || rank == 1 || rank == n; exact && got != want {
			t.Fatalf("rank %d of %d: got %d, want %d exactly", rank, n, got, want)
		}
	}
	sum := new(big.Int)
	for _, d := range sorted {
		sum.Add(sum, big.NewInt(int64(d)))
	}
	if s.sum.big().Cmp(sum) != 0 || s.Count() != int64(n) {
		t.Fatalf("sum %v of %d, want %v of %d", s.sum.big(), s.Count(), sum, n)
	}
	if n == 0 {
		return
	}
	low, _ := s.Min()
	high, _ := s.Max()
	mean, _ := s.Mean()
	// The mean is rounded half up: floor((2*sum + n) / 2n).
	twice := new(big.Int).Add(new(big.Int).Lsh(sum, 1), big.NewInt(int64(n)))
	if want := twice.Div(twice, big.NewInt(2*int64(n))); low != sorted[0] || high != sorted[n-1] || int64(mean) != want.Int64() {
		t.Fatalf("min %d, max %d, mean %d; want %d, %d, %v", low, high, mean, sorted[0], sorted[n-1], want)
	}
	exact, _ := new(big.Float).Quo(new(big.Float).SetInt(sum), big.NewFloat(1e9)).Float64()
	if got := s.SumSeconds(); math.Abs(got-exact) > 1e-15*exact {
		t.Fatalf("sum %v s, want %v", got, exact)
	}
}

func TestTimesAgainstSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := durations(t, "durations")
		checkAgainst(t, timesOf(list), list)
	})
}

// TestTimesOfDistributions covers many values of one shape each.
func TestTimesOfDistributions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"lognormal": func() float64 { return 12e9 * math.Exp(0.8*r.NormFloat64()) },
		"pareto":    func() float64 { return 1e9 / math.Pow(1-r.Float64(), 2) },
		"two modes": func() float64 { return float64(r.IntN(2))*120e9 + 1e9 + 1e8*r.Float64() },
		"equal":     func() float64 { return 7654321987 },
		"log":       func() float64 { return math.Exp(r.Float64() * 43) },
	} {
		list := make([]time.Duration, 20000)
		for i := range list {
			list[i] = time.Duration(min(draw(), 9e18))
		}
		t.Run(name, func(t *testing.T) { checkAgainst(t, timesOf(list), list) })
	}
}

// TestFractionWithin checks the promise: the exact share at a limit that is moved
// by no more than RelativeError.
func TestFractionWithin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := durations(t, "durations")
		s := timesOf(list)
		limit := time.Duration(rapid.Int64Range(-5, math.MaxInt64).Draw(t, "limit"))
		if len(list) > 0 && rapid.Bool().Draw(t, "near") {
			near := rapid.SampledFrom(list).Draw(t, "which")
			limit = time.Duration(float64(near) * rapid.Float64Range(0.99, 1.009).Draw(t, "by") * 0.999)
		}
		got, ok := s.FractionWithin(limit)
		if !ok {
			if len(list) > 0 {
				t.Fatalf("no share of %d", len(list))
			}
			return
		}
		below, above := 0, 0
		for _, d := range list {
			if float64(d) <= float64(limit)*(1-RelativeError) && d <= limit {
				below++
			}
			if float64(d) <= float64(limit)*(1+RelativeError) && limit >= 0 {
				above++
			}
		}
		n := float64(len(list))
		if got < float64(below)/n || got > float64(above)/n {
			t.Fatalf("share within %d: got %v, want from %v to %v", limit, got, float64(below)/n, float64(above)/n)
		}
		low, high := slices.Min(list), slices.Max(list)
		if limit < low && got != 0 || limit >= high && got != 1 {
			t.Fatalf("share within %d of values from %d to %d: %v", limit, low, high, got)
		}
	})
}

// TestFractionWithinByHand is where no value is near the limit.
func TestFractionWithinByHand(t *testing.T) {
	s := timesOf([]time.Duration{0, 0, time.Second, 2 * time.Second, 30 * time.Second})
	for limit, want := range map[time.Duration]float64{-1: 0, 0: 0.4, 500 * time.Millisecond: 0.4, 1500 * time.Millisecond: 0.6, 29 * time.Second: 0.8, 30 * time.Second: 1} {
		if got, _ := s.FractionWithin(limit); got != want {
			t.Errorf("within %v: got %v, want %v", limit, got, want)
		}
	}
}

func TestMergeIsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := make([][]time.Duration, rapid.IntRange(1, 5).Draw(t, "parts"))
		whole := &Times{}
		for i := range parts {
			parts[i] = durations(t, "part")
			for _, d := range parts[i] {
				whole.Add(d)
			}
		}
		merged := &Times{}
		for _, i := range rapid.Permutation(indices(len(parts))).Draw(t, "order") {
			part := timesOf(parts[i])
			before := part.Clone()
			merged.Merge(part)
			if !reflect.DeepEqual(part, before) {
				t.Fatalf("merging changed the part")
			}
		}
		if !reflect.DeepEqual(merged, whole) {
			t.Fatalf("merged:\n%+v\nwhole:\n%+v", merged, whole)
		}
	})
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestMergeWithItself(t *testing.T) {
	list := []time.Duration{0, 5, time.Second, time.Hour}
	s := timesOf(list)
	s.Merge(s)
	checkAgainst(t, s, append(list, list...))
}

func TestCloneIsApart(t *testing.T) {
	s := timesOf([]time.Duration{time.Second})
	c := s.Clone()
	s.Add(time.Second)
	if got := c.counts[bucketOf(uint64(time.Second))-c.first]; got != 1 {
		t.Errorf("the copy counts %d", got)
	}
}

func TestNothingIsUnknown(t *testing.T) {
	s := &Times{}
	s.Add(-1)
	if s.Count() != 0 || s.Refused() != 1 {
		t.Errorf("count %d, refused %d", s.Count(), s.Refused())
	}
	for name, ask := range map[string]func() bool{
		"quantile": func() bool { _, ok := s.Quantile(0.5); return ok },
		"min":      func() bool { _, ok := s.Min(); return ok },
		"max":      func() bool { _, ok := s.Max(); return ok },
		"mean":     func() bool { _, ok := s.Mean(); return ok },
		"share":    func() bool { _, ok := s.FractionWithin(1); return ok },
	} {
		if ask() {
			t.Errorf("%s of nothing is known", name)
		}
	}
	s.Add(5)
	for _, q := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		if d, ok := s.Quantile(q); ok {
			t.Errorf("quantile %v: %v", q, d)
		}
	}
}

func TestRank(t *testing.T) {
	for _, test := range []struct {
		n    int64
		q    float64
		want int64
	}{
		{5, 0, 1}, {5, 0.2, 1}, {5, 0.21, 2}, {5, 0.5, 3}, {5, 1, 5}, {4, 0.5, 2},
		{100, 0.07, 7}, {100, 0.29, 29}, {100, 0.99, 99}, {1000, 0.999, 999}, {1e6, 0.999, 999000},
		{1, 0.5, 1}, {0, 0.5, 0}, {-3, 0.5, 0}, {10, math.NaN(), 0}, {10, 1.5, 0},
		{math.MaxInt64, 1, math.MaxInt64},
	} {
		if got := Rank(test.n, test.q); got != test.want {
			t.Errorf("Rank(%d, %v) = %d, want %d", test.n, test.q, got, test.want)
		}
	}
	// Every percent of every n up to 1000, in whole numbers.
	for n := int64(1); n <= 1000; n++ {
		for percent := int64(1); percent <= 100; percent++ {
			if got, want := Rank(n, float64(percent)/100), (percent*n+99)/100; got != want {
				t.Fatalf("Rank(%d, %d %%) = %d, want %d", n, percent, got, want)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := &Times{}
	allocs := testing.AllocsPerRun(1, func() {
		*s = Times{}
		for bit := range 63 {
			for part := range 128 {
				s.Add(time.Duration(1)<<bit + time.Duration(part)<<bit/128)
			}
		}
		s.Add(math.MaxInt64)
	})
	if len(s.counts) != maxBuckets || 8*len(s.counts) > 57<<10 || allocs > maxBuckets/growth {
		t.Errorf("%d buckets, %v allocations", len(s.counts), allocs)
	}
	if more := testing.AllocsPerRun(100, func() { s.Add(time.Second) }); more > 0 {
		t.Errorf("%v allocations a duration", more)
	}
	// From 8 s to 64 s there are three octaves.
	narrow := timesOf([]time.Duration{1 << 33, 1<<36 - 1})
	if len(narrow.counts) != 3*perOctave {
		t.Errorf("%d buckets for three octaves", len(narrow.counts))
	}
}

func starts(n int) []time.Duration {
	r := rand.New(rand.NewPCG(3, 4))
	list := make([]time.Duration, n)
	for i := range list {
		list[i] = time.Duration(12e9 * math.Exp(0.8*r.NormFloat64()))
	}
	return list
}

func BenchmarkTimesAdd(b *testing.B) {
	list := starts(1 << 12)
	s := &Times{}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Add(list[i&(1<<12-1)])
		i++
	}
}

func BenchmarkTimesQuantile(b *testing.B) {
	s := timesOf(starts(1e6))
	b.ReportAllocs()
	for b.Loop() {
		s.Quantile(0.99)
	}
}

func BenchmarkTimesMerge(b *testing.B) {
	s, other := timesOf(starts(1e5)), timesOf(starts(1e6))
	s.Merge(other)
	b.ReportAllocs()
	for b.Loop() {
		s.Merge(other)
	}
}
