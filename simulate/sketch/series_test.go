package sketch

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A span is one call of AddSpan.
type span struct {
	from, to time.Duration
	amount   float64
}

// spans draws calls of horizons from microseconds to centuries.
func spans(t *rapid.T, label string, amount *rapid.Generator[float64]) []span {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) span {
		horizon := int64(1) << rapid.IntRange(10, 62).Draw(t, "horizon")
		from := rapid.Int64Range(0, horizon).Draw(t, "from")
		to := rapid.Int64Range(from, min(horizon, math.MaxInt64-from)+from).Draw(t, "to")
		return span{time.Duration(from), time.Duration(to), amount.Draw(t, "amount")}
	}), 0, 12).Draw(t, label)
}

var (
	wholeAmounts = rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.Int64Range(0, 1<<53).Draw(t, "whole")) })
	anyAmounts   = rapid.OneOf(rapid.Float64Range(0, 1e12), rapid.Float64Range(0, 1e-3), wholeAmounts)
)

func seriesOf(list []span) *Series {
	s := &Series{}
	for _, x := range list {
		s.AddSpan(x.from, x.to, x.amount)
	}
	return s
}

// spread is the plain reference: the overlap of each span with each bucket, in
// rationals.
func spread(list []span, width time.Duration, buckets int) []*big.Rat {
	sums := make([]*big.Rat, buckets)
	for i := range sums {
		sums[i] = new(big.Rat)
		start := new(big.Int).Mul(big.NewInt(int64(i)), big.NewInt(int64(width)))
		end := new(big.Int).Add(start, big.NewInt(int64(width)))
		for _, x := range list {
			if amount := new(big.Rat).SetFloat64(x.amount); x.from == x.to {
				if at := big.NewInt(int64(x.from)); start.Cmp(at) <= 0 && at.Cmp(end) < 0 {
					sums[i].Add(sums[i], amount)
				}
			} else {
				from, to := larger(start, big.NewInt(int64(x.from))), smaller(end, big.NewInt(int64(x.to)))
				if overlap := new(big.Int).Sub(to, from); overlap.Sign() > 0 {
					sums[i].Add(sums[i], amount.Mul(amount, new(big.Rat).SetFrac(overlap, big.NewInt(int64(x.to-x.from)))))
				}
			}
		}
	}
	return sums
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func TestSeriesAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := spans(t, "spans", anyAmounts)
		s := seriesOf(list)
		got := s.Amounts()
		if len(got) > MaxBuckets {
			t.Fatalf("%d buckets", len(got))
		}
		for i, want := range spread(list, s.Width(), len(got)) {
			exact, _ := want.Float64()
			if math.Abs(got[i]-exact) > 1e-15*exact+1e-17 {
				t.Fatalf("bucket %d of %v: got %v, want %v", i, s.Width(), got[i], exact)
			}
		}
		total, sum := 0.0, 0.0
		for _, x := range list {
			total += x.amount
		}
		for _, a := range got {
			sum += a
		}
		if off := 1e-9*total + 0x1p-60; math.Abs(s.Total()-total) > off || math.Abs(sum-total) > off {
			t.Fatalf("total %v, sum of buckets %v, want %v", s.Total(), sum, total)
		}
	})
}

// TestSeriesOfWholeAmountsIsExact: the buckets sum to the total to the last unit.
func TestSeriesOfWholeAmountsIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := spans(t, "spans", wholeAmounts)
		s := seriesOf(list)
		sum, total := wide{}, uint64(0)
		for _, a := range s.amounts {
			sum = sum.plus(a)
		}
		for _, x := range list {
			total += uint64(x.amount)
		}
		if want := (wide{high: total}); sum != want || s.total != want {
			t.Fatalf("buckets %v, total %v, want %v", sum, s.total, want)
		}
	})
}

func TestSeriesOrderAndMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := spans(t, "spans", anyAmounts)
		whole := seriesOf(list)
		shuffled := rapid.Permutation(list).Draw(t, "order")
		if again := seriesOf(shuffled); !equalSeries(again, whole) {
			t.Fatalf("another order:\n%+v\n%+v", again, whole)
		}
		cut := rapid.IntRange(0, len(list)).Draw(t, "cut")
		a, b := seriesOf(shuffled[:cut]), seriesOf(shuffled[cut:])
		before := *b
		before.amounts = append([]wide(nil), b.amounts...)
		a.Merge(b)
		if !equalSeries(a, whole) || !equalSeries(b, &before) {
			t.Fatalf("merged:\n%+v\nwhole:\n%+v", a, whole)
		}
	})
}

func equalSeries(a, b *Series) bool {
	return a.doublings == b.doublings && a.total == b.total && a.refused == b.refused &&
		(len(a.amounts) == 0 && len(b.amounts) == 0 || reflect.DeepEqual(a.amounts, b.amounts))
}

func TestSeriesByHand(t *testing.T) {
	const ms = time.Millisecond
	s := &Series{}
	s.AddSpan(500*time.Microsecond, 2500*time.Microsecond, 8) // 4 a millisecond
	s.AddAt(1*ms, 1)
	s.AddAt(1023*ms, 3)
	if got := s.Amounts(); s.Width() != ms || got[0] != 2 || got[1] != 5 || got[2] != 2 || got[1023] != 3 || len(got) != 1024 {
		t.Fatalf("width %v, %v", s.Width(), got[:4])
	}
	s.AddAt(1024*ms, 1)
	if got := s.Amounts(); s.Width() != 2*ms || got[0] != 7 || got[1] != 2 || got[511] != 3 || got[512] != 1 || len(got) != 513 {
		t.Fatalf("width %v, %v", s.Width(), got)
	}
}

// TestSeriesWidths holds the comment on MaxBuckets.
func TestSeriesWidths(t *testing.T) {
	for horizon, want := range map[time.Duration]time.Duration{
		1024 * time.Millisecond: time.Millisecond, time.Minute: 64 * time.Millisecond, time.Hour: 4096 * time.Millisecond,
		24 * time.Hour: 131072 * time.Millisecond, 30 * 24 * time.Hour: 4194304 * time.Millisecond, math.MaxInt64: time.Millisecond << 34,
	} {
		s := &Series{}
		s.AddSpan(0, horizon, 1)
		if s.Width() != want {
			t.Errorf("the buckets of %v are of %v, want %v", horizon, s.Width(), want)
		}
	}
}

func TestSeriesRefuses(t *testing.T) {
	full := &Series{}
	full.AddAt(0, math.Nextafter(1<<63, 0))
	full.AddAt(0, math.Nextafter(1<<63, 0))
	for name, add := range map[string]func(s *Series){
		"negative":    func(s *Series) { s.AddAt(1, -1) },
		"not number":  func(s *Series) { s.AddSpan(0, 1, math.NaN()) },
		"infinite":    func(s *Series) { s.AddSpan(0, 1, math.Inf(1)) },
		"too large":   func(s *Series) { s.AddAt(1, 1<<63) },
		"before 0":    func(s *Series) { s.AddSpan(-1, 1, 1) },
		"at before 0": func(s *Series) { s.AddAt(-1, 1) },
		"backwards":   func(s *Series) { s.AddSpan(2, 1, 1) },
		"full":        func(s *Series) { s.AddAt(0, 1e6) },
		"full merge":  func(s *Series) { s.Merge(full) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &Series{}
			s.Merge(full)
			before := s.Total()
			add(s)
			if s.Refused() != 1 || s.Total() != before || len(s.amounts) != 1 {
				t.Errorf("refused %d, total %v, %d buckets", s.Refused(), s.Total(), len(s.amounts))
			}
		})
	}
}

func TestShareAgainstBigNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := wide{rapid.Uint64().Draw(t, "high"), rapid.Uint64().Draw(t, "low")}
		whole := rapid.Uint64Range(1, math.MaxUint64).Draw(t, "whole")
		part := rapid.Uint64Range(0, whole).Draw(t, "part")
		want := new(big.Int).Mul(a.big(), new(big.Int).SetUint64(part))
		want.Div(want, new(big.Int).SetUint64(whole))
		if got := a.share(part, whole); got.big().Cmp(want) != 0 || wideOf(want) != got {
			t.Fatalf("got %v, want %v", got.big(), want)
		}
	})
}

func BenchmarkSeriesAddSpan(b *testing.B) {
	for _, bench := range []struct {
		name string
		span time.Duration
	}{{"buckets=1", time.Millisecond}, {"buckets=3", 20 * time.Second}, {"buckets=879", time.Hour}} {
		b.Run(bench.name, func(b *testing.B) {
			s := &Series{}
			s.AddAt(time.Hour, 1)
			room := time.Hour + time.Second - bench.span
			r := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				from := time.Duration(r.Int64N(int64(room)))
				s.AddSpan(from, from+bench.span, 12e6)
			}
		})
	}
}
