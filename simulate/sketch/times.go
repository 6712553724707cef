// Package sketch keeps what a simulation of millions of starts has to say,
// instead of the list of them.
//
// Times holds durations in buckets and answers quantiles with a stated relative
// error. Series holds amounts over virtual time in at most MaxBuckets buckets,
// which widen as time goes on. Interval says how far a statistic may be off,
// from independent repeats or from the ranks of one run.
//
// Times and Series count in integers. So what several workers kept merges to
// the same bits in any order, and equals what one worker would have kept.
// Values that have no meaning (a negative duration, an amount that is no
// number) are left out and counted in Refused, to be looked at once, at the end.
//
// The package does not say whether starts are independent: those of one run
// share links and disks, see Times.QuantileInterval.
//
// Use: Add to a sketch of each worker, Merge them, ask for quantiles.
package sketch

import (
	"math"
	"math/bits"
	"time"
)

// Times is a mergeable sketch of durations of 0 or more. Count, sum, minimum
// and maximum are exact. The zero value is empty and ready to use. It holds at
// most 57 KiB, whatever was added: 8 bytes for each bucket from that of the
// shortest to that of the longest duration above 0, which is 1 KiB for each
// factor of 2 between them. A copy shares the buckets: use Clone.
type Times struct {
	count   int64
	zeros   int64 // apart, so that a 0 does not stretch the buckets
	refused int64
	sum     wide // nanoseconds
	min     time.Duration
	max     time.Duration
	// Counts[i] counts the durations of bucket first+i. Both ends are at
	// multiples of growth, so that they depend on what was added alone.
	first  int
	counts []int64
}

// growth is the number of buckets by which the window of counts grows: Add
// allocates at most maxBuckets/growth = 114 times in a sketch's life.
const growth = perOctave / 2

// Add counts a duration. One below 0 is only counted in Refused.
func (t *Times) Add(d time.Duration) {
	if d <= 0 {
		t.addZero(d)
		return
	}
	bucket := bucketOf(uint64(d))
	if i := bucket - t.first; uint(i) >= uint(len(t.counts)) {
		t.cover(bucket)
	}
	t.counts[bucket-t.first]++
	if t.count == 0 || d < t.min {
		t.min = d
	}
	t.max = max(t.max, d)
	t.count++
	t.sum = t.sum.plus(wide{low: uint64(d)})
}

func (t *Times) addZero(d time.Duration) {
	if d < 0 {
		t.refused++
		return
	}
	t.zeros++
	t.count++
	t.min = 0
}

// cover widens the window of counts to hold a bucket.
func (t *Times) cover(bucket int) {
	if i := bucket - t.first; uint(i) < uint(len(t.counts)) {
		return
	}
	first := bucket / growth * growth
	end := first + growth
	if len(t.counts) > 0 {
		first = min(first, t.first)
		end = max(end, t.first+len(t.counts))
	}
	counts := make([]int64, end-first)
	copy(counts[max(0, t.first-first):], t.counts)
	t.first, t.counts = first, counts
}

// Merge adds all that other counted; other stays as it is. The order of merges
// does not matter.
func (t *Times) Merge(other *Times) {
	t.refused += other.refused
	if other.count == 0 {
		return
	}
	if len(other.counts) > 0 {
		t.cover(other.first)
		t.cover(other.first + len(other.counts) - 1)
	}
	// T may be other: the window is then covered already.
	for i, n := range other.counts {
		t.counts[other.first+i-t.first] += n
	}
	if t.count == 0 || other.min < t.min {
		t.min = other.min
	}
	t.max = max(t.max, other.max)
	t.count += other.count
	t.zeros += other.zeros
	t.sum = t.sum.plus(other.sum)
}

// Clone returns a copy that shares nothing.
func (t *Times) Clone() *Times {
	c := &Times{}
	c.Merge(t)
	return c
}

// Count returns how many durations were added.
func (t *Times) Count() int64 { return t.count }

// Refused returns how many durations below 0 were left out.
func (t *Times) Refused() int64 { return t.refused }

// Min returns the shortest duration, exactly; ok is false if there is none.
func (t *Times) Min() (d time.Duration, ok bool) { return t.min, t.count > 0 }

// Max returns the longest duration, exactly; ok is false if there is none.
func (t *Times) Max() (d time.Duration, ok bool) { return t.max, t.count > 0 }

// Mean returns the mean, rounded to the nanosecond; ok is false if there is none.
func (t *Times) Mean() (d time.Duration, ok bool) {
	if t.count == 0 {
		return 0, false
	}
	n := uint64(t.count)
	// No mean is above the maximum, so the quotient fits.
	quotient, rest := bits.Div64(t.sum.high, t.sum.low, n)
	if rest >= n-rest {
		quotient++
	}
	return time.Duration(quotient), true
}

// SumSeconds returns the sum. It is kept exactly, in nanoseconds of 128 bits;
// only this number is rounded, by less than 1e-15 of itself.
func (t *Times) SumSeconds() float64 { return t.sum.float() / float64(time.Second) }

// Quantile returns the q quantile by nearest rank, within RelativeError of the
// exact one: the duration that stands at Rank(n, q) when all n are sorted.
// Those of ranks 1 and n, and all below 256 ns, are exact. Ok is false if there
// is none: nothing was added, or q is not from 0 to 1.
func (t *Times) Quantile(q float64) (d time.Duration, ok bool) {
	return t.AtRank(Rank(t.count, q))
}

// AtRank returns the duration that stands at a rank, from 1 to Count, when all
// are sorted, within RelativeError. Ok is false for any other rank.
func (t *Times) AtRank(rank int64) (d time.Duration, ok bool) {
	bucket, ok := t.bucketAt(rank)
	switch {
	case !ok:
		return 0, false
	case rank == 1:
		return t.min, true
	case rank == t.count:
		return t.max, true
	}
	return t.clamp(middle(bucket)), true
}

// bucketAt returns the bucket of the duration at a rank.
func (t *Times) bucketAt(rank int64) (bucket int, ok bool) {
	if rank < 1 || rank > t.count {
		return 0, false
	}
	if rank -= t.zeros; rank <= 0 {
		return 0, true
	}
	for i, n := range t.counts {
		if rank -= n; rank <= 0 {
			return t.first + i, true
		}
	}
	return 0, false
}

func (t *Times) clamp(d time.Duration) time.Duration { return max(t.min, min(d, t.max)) }

// FractionWithin returns the share of the durations that are at most limit, as
// Quantile would give them. So it is the exact share at a limit that is moved by
// no more than a factor of 1 ± RelativeError, and exact for a limit below Min or
// from Max on. Ok is false if nothing was added.
func (t *Times) FractionWithin(limit time.Duration) (fraction float64, ok bool) {
	if t.count == 0 {
		return 0, false
	}
	within := int64(0)
	if limit >= 0 {
		within = t.zeros
	}
	for i, n := range t.counts {
		if n > 0 && t.clamp(middle(t.first+i)) <= limit {
			within += n
		}
	}
	return float64(within) / float64(t.count), true
}

// Rank returns the nearest rank of the q quantile of n values: the smallest
// whole number of 1 or more that is at least q*n; 0 if n is below 1 or q is not
// from 0 to 1. A product that only rounding keeps from being whole counts as
// whole: the 0.07 quantile of 100 is the 7th, though 0.07*100 > 7 in float64.
func Rank(n int64, q float64) int64 {
	if n < 1 || !(q >= 0 && q <= 1) {
		return 0
	}
	product := q * float64(n)
	rank := math.Ceil(product)
	if whole := math.Round(product); math.Abs(product-whole) <= 0x1p-51*product {
		rank = whole
	}
	if rank >= float64(n) { // which may be above every int64
		return n
	}
	return max(1, int64(rank))
}
