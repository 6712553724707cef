package sketch

import (
	"math"
	"math/big"
	"testing"
)

// TestRanksByHand: the median of 10 lies outside ranks 2 to 9 if at most 1 or at
// least 9 are below, 22 of 1024 ways.
func TestRanksByHand(t *testing.T) {
	for _, test := range []struct {
		n        int64
		q, level float64
		want     *Ranks
	}{
		{10, 0.5, 0.95, &Ranks{2, 9, 1 - 22.0/1024}},
		{6, 0.5, 0.95, &Ranks{1, 6, 1 - 2.0/64}},
		{5, 0.5, 0.95, nil},
		{5, 0.5, 0.9, &Ranks{1, 5, 1 - 2.0/32}},
		{0, 0.5, 0.95, nil},
		{1, 0.5, 0.95, nil},
		{100, 0.99, 0.95, nil}, // all below with probability 0.366
		{367, 0.99, 0.95, nil}, // 0.99^367 = 0.0250
	} {
		got, err := QuantileRanks(test.n, test.q, test.level)
		if err != nil || (got == nil) != (test.want == nil) {
			t.Errorf("%d values, q %v: %v, %v; want %v", test.n, test.q, got, err, test.want)
			continue
		}
		if got != nil && (got.Low != test.want.Low || got.High != test.want.High || math.Abs(got.Level-test.want.Level) > 1e-12) {
			t.Errorf("%d values, q %v: %+v, want %+v", test.n, test.q, *got, *test.want)
		}
	}
	// One more than 367, and the largest bounds the quantile.
	if got, err := QuantileRanks(368, 0.99, 0.95); err != nil || got == nil || got.High != 368 {
		t.Errorf("368 values: %v, %v", got, err)
	}
}

// TestRanksAgainstExactSums searches all ranks with binomial sums of big
// numbers.
func TestRanksAgainstExactSums(t *testing.T) {
	for _, q := range []*big.Rat{big.NewRat(1, 2), big.NewRat(9, 10), big.NewRat(1, 4), big.NewRat(99, 100)} {
		for _, level := range []*big.Rat{big.NewRat(9, 10), big.NewRat(95, 100), big.NewRat(999, 1000)} {
			for n := int64(0); n <= 45; n++ {
				share, _ := q.Float64()
				wanted, _ := level.Float64()
				got, err := QuantileRanks(n, share, wanted)
				want := exactRanks(n, q, level)
				if err != nil || (got == nil) != (want == nil) {
					t.Fatalf("n %d, q %v, level %v: %v, %v; want %v", n, q, level, got, err, want)
				}
				if got != nil && (got.Low != want.Low || got.High != want.High || math.Abs(got.Level-want.Level) > 1e-12) {
					t.Fatalf("n %d, q %v, level %v: %+v, want %+v", n, q, level, *got, *want)
				}
			}
		}
	}
}

func exactRanks(n int64, q, level *big.Rat) *Ranks {
	atMost := make([]*big.Rat, n+1) // P(B <= k)
	sum := new(big.Rat)
	for k := range n + 1 {
		p := new(big.Rat).SetInt(new(big.Int).Binomial(n, k))
		p.Mul(p, power(q, k)).Mul(p, power(new(big.Rat).Sub(big.NewRat(1, 1), q), n-k))
		atMost[k] = new(big.Rat).Add(sum, p)
		sum = atMost[k]
	}
	allowed := new(big.Rat).Sub(big.NewRat(1, 1), level)
	allowed.Quo(allowed, big.NewRat(2, 1))
	r := Ranks{High: n + 1}
	missed := new(big.Rat)
	for rank := int64(1); rank <= n; rank++ {
		if atMost[rank-1].Cmp(allowed) <= 0 {
			r.Low = rank
		}
		if over := new(big.Rat).Sub(big.NewRat(1, 1), atMost[rank-1]); over.Cmp(allowed) <= 0 && r.High > n {
			r.High = rank
			missed.Add(missed, over)
		}
	}
	if r.Low < 1 || r.High > n {
		return nil
	}
	missed.Add(missed, atMost[r.Low-1])
	r.Level, _ = missed.Sub(big.NewRat(1, 1), missed).Float64()
	return &r
}

func power(x *big.Rat, n int64) *big.Rat {
	result := big.NewRat(1, 1)
	for range n {
		result.Mul(result, x)
	}
	return result
}

// TestRanksOfMany compares with the normal distribution, which the binomial
// comes near.
func TestRanksOfMany(t *testing.T) {
	for _, n := range []int64{1e6, 1e9} {
		for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
			got, err := QuantileRanks(n, q, 0.95)
			if err != nil || got == nil {
				t.Fatalf("n %d, q %v: %v, %v", n, q, got, err)
			}
			middle, half := float64(n)*q, 1.959964*math.Sqrt(float64(n)*q*(1-q))
			if math.Abs(float64(got.Low)-(middle-half)) > 3 || math.Abs(float64(got.High)-(middle+half)) > 3 || got.Level < 0.95 || got.Level > 0.957 {
				t.Errorf("n %d, q %v: %+v, the normal has %.1f to %.1f", n, q, *got, middle-half, middle+half)
			}
		}
	}
}

func TestRanksRefuse(t *testing.T) {
	for _, test := range []struct {
		n        int64
		q, level float64
	}{{-1, 0.5, 0.95}, {10, 0, 0.95}, {10, 1, 0.95}, {10, math.NaN(), 0.95}, {10, 0.5, 0}, {10, 0.5, 1}, {10, 0.5, math.NaN()}} {
		if got, err := QuantileRanks(test.n, test.q, test.level); err == nil {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

func BenchmarkQuantileRanks(b *testing.B) {
	for b.Loop() {
		if _, err := QuantileRanks(1e7, 0.99, 0.95); err != nil {
			b.Fatal(err)
		}
	}
}
