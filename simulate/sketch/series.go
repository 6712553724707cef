package sketch

import (
	"math"
	"time"
)

// MaxBuckets bounds the length of a Series; FirstWidth is the width of its
// buckets as long as they reach, which is 1.024 s. A minute has buckets of 64 ms,
// an hour of 4.1 s, a day of 131 s, a month of 70 minutes.
const (
	MaxBuckets = 1024
	FirstWidth = time.Millisecond
)

// Series holds amounts (bytes, requests) over virtual time in buckets of one
// width, which doubles when more than MaxBuckets would be needed. The zero value
// is empty and ready to use, and holds at most 16 KiB.
//
// Amounts are kept as multiples of 2^-64, and a span's part before an instant is
// rounded down to one. So an amount that is whole, or at least 2^-11, is kept
// exactly, and any other to 2^-64; no part is lost or counted twice; and neither the order of calls and
// merges nor the width at the time of a call changes any bit.
type Series struct {
	doublings uint
	amounts   []wide // units of 2^-64
	total     wide
	refused   int64
}

// AddAt adds an amount at an instant, which belongs to the bucket that begins
// there. See AddSpan for what is refused.
func (s *Series) AddAt(at time.Duration, amount float64) {
	if units, ok := s.accept(at, at, amount); ok && units != (wide{}) {
		i := s.cover(at)
		s.amounts[i] = s.amounts[i].plus(units)
	}
}

// AddSpan adds an amount that is spread evenly from one instant up to another;
// with no time between them it is AddAt. An amount below 0, of 2^63 or more, or
// that is no number, a time before 0, a span that ends before it starts, and what
// would make the total 2^64 or more are left out and counted in Refused. A span
// costs two divisions for each bucket that it enters.
func (s *Series) AddSpan(from, to time.Duration, amount float64) {
	if from == to {
		s.AddAt(from, amount)
		return
	}
	units, ok := s.accept(from, to, amount)
	if !ok || units == (wide{}) {
		return
	}
	last := s.cover(to - 1)
	width := s.Width()
	first := int(from / width)
	before := wide{}
	for i := first; i < last; i++ {
		end := time.Duration(i+1) * width
		part := units.share(uint64(end-from), uint64(to-from))
		s.amounts[i] = s.amounts[i].plus(part.minus(before))
		before = part
	}
	s.amounts[last] = s.amounts[last].plus(units.minus(before))
}

// accept returns the amount in units after adding it to the total.
func (s *Series) accept(from, to time.Duration, amount float64) (units wide, ok bool) {
	if from < 0 || to < from || !(amount >= 0 && amount < 1<<63) {
		s.refused++
		return wide{}, false
	}
	whole, part := math.Modf(amount)
	units = wide{uint64(whole), uint64(math.Ldexp(part, 64))}
	return units, s.raise(units)
}

// raise adds to the total unless it would not fit. No bucket is above the total.
func (s *Series) raise(units wide) bool {
	total := s.total.plus(units)
	if total.less(s.total) {
		s.refused++
		return false
	}
	s.total = total
	return true
}

// cover makes the bucket of an instant, and returns its number.
func (s *Series) cover(at time.Duration) int {
	for at/s.Width() >= MaxBuckets {
		s.double()
	}
	i := int(at / s.Width())
	for len(s.amounts) <= i {
		s.amounts = append(s.amounts, wide{})
	}
	return i
}

// double merges the buckets in pairs.
func (s *Series) double() {
	for i, a := range s.amounts {
		if i%2 == 0 {
			s.amounts[i/2] = a
		} else {
			s.amounts[i/2] = s.amounts[i/2].plus(a)
		}
	}
	s.amounts = s.amounts[:(len(s.amounts)+1)/2]
	s.doublings++
}

// Merge adds all of other's amounts, whatever the widths; other stays as it is.
// If the total would be 2^64 or more, nothing but Refused changes.
func (s *Series) Merge(other *Series) {
	s.refused += other.refused
	if len(other.amounts) == 0 || !s.raise(other.total) {
		return
	}
	// Other's width is what its last bucket asks for, so this also brings s to
	// that width at least.
	s.cover(time.Duration(len(other.amounts)-1) * other.Width())
	// S may be other: each bucket is then read just before it is written.
	narrower := s.doublings - other.doublings
	for i, a := range other.amounts {
		s.amounts[i>>narrower] = s.amounts[i>>narrower].plus(a)
	}
}

// Width returns the width of a bucket: FirstWidth times a power of 2.
func (s *Series) Width() time.Duration { return FirstWidth << s.doublings }

// Amounts returns what fell into each bucket, rounded to a float64. Bucket i is
// from i*Width on, up to the next; the last is the latest that anything above 0
// was added to.
func (s *Series) Amounts() []float64 {
	amounts := make([]float64, len(s.amounts))
	for i, a := range s.amounts {
		amounts[i] = math.Ldexp(a.float(), -64)
	}
	return amounts
}

// Total returns the sum of the amounts, rounded to a float64.
func (s *Series) Total() float64 { return math.Ldexp(s.total.float(), -64) }

// Refused returns how many amounts were left out because they had no meaning.
func (s *Series) Refused() int64 { return s.refused }
