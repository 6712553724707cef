package sketch

import "fmt"

// Ranks are the two order statistics that hold a quantile between them.
type Ranks struct {
	// Low and High count from 1, the smallest value.
	Low, High int64
	// Level is the probability that the interval from one to the other, both
	// ends included, holds the quantile, if the values are of a continuous
	// distribution; else it is at least that.
	Level float64
}

// QuantileRanks returns the narrowest ranks that hold the q quantile of n
// independent values, of whatever distribution, with at most (1 - level)/2 missed
// on each side. How many values are below the quantile is binomial (David and
// Nagaraja, Order Statistics, section 7.1), whose sums are taken exactly, in a time
// that grows with the root of n. If n is too small for the level, they are nil.
// It is an error if n is negative, or q or level is not between 0 and 1.
func QuantileRanks(n int64, q, level float64) (*Ranks, error) {
	if err := checkLevel(level); err != nil {
		return nil, err
	}
	if n < 0 || !(q > 0 && q < 1) {
		return nil, fmt.Errorf("ranks of the %v quantile of %d values: give a quantile between 0 and 1 and a count of 0 or more", q, n)
	}
	b := newBinomial(n, q)
	allowed := (1 - level) / 2 * (b.below + b.above + 1)
	low, missedBelow := b.down(allowed)
	high, missedAbove := b.up(allowed)
	if low < 1 || high > n {
		return nil, nil
	}
	return &Ranks{low, high, 1 - (missedBelow+missedAbove)/(b.below+b.above+1)}, nil
}

// A binomial is how many of n values are below a quantile, in weights of which
// the likeliest number has 1. Each follows from its neighbour; so there is no
// factorial and no logarithm to lose digits in.
type binomial struct {
	n, mode int64
	odds    float64
	below   float64 // sum of the weights under the mode
	above   float64 // and over it
}

func newBinomial(n int64, q float64) binomial {
	b := binomial{n: n, odds: q / (1 - q)}
	b.mode = min(n, int64(float64(n+1)*q))
	for k, weight := b.mode, 1.0; k > 0 && weight > tiny; k-- {
		weight *= b.ratioDown(k)
		b.below += weight
	}
	for k, weight := b.mode, 1.0; k < n && weight > tiny; k++ {
		weight *= b.ratioUp(k)
		b.above += weight
	}
	return b
}

// tiny is a weight that no sum would show.
const tiny = 1e-30

// ratioUp is P(k+1)/P(k), ratioDown is P(k-1)/P(k).
func (b *binomial) ratioUp(k int64) float64 {
	return float64(b.n-k) / float64(k+1) * b.odds
}

func (b *binomial) ratioDown(k int64) float64 {
	return float64(k) / float64(b.n-k+1) / b.odds
}

// down returns the largest rank whose value is above the quantile with no more
// than the allowed weight, and that weight: the value at rank r is above if fewer
// than r values are below. It is 0 if there is none.
func (b *binomial) down(allowed float64) (rank int64, missed float64) {
	rank, missed = b.mode, b.below
	for weight := 1.0; missed > allowed && rank > 0; rank-- {
		weight *= b.ratioDown(rank)
		missed = max(0, missed-weight)
	}
	return rank, missed
}

// up returns the smallest rank whose value is below the quantile with no more
// than the allowed weight, and that weight: the value at rank r is below if r
// values or more are. It is n+1 if there is none.
func (b *binomial) up(allowed float64) (rank int64, missed float64) {
	rank, missed = b.mode+1, b.above
	for weight := 1.0; missed > allowed && rank <= b.n; rank++ {
		weight *= b.ratioUp(rank - 1)
		missed = max(0, missed-weight)
	}
	return rank, missed
}
