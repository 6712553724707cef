package sketch

import (
	"math/bits"
	"time"
)

// RelativeError is the largest error of a quantile, as a share of the exact
// order statistic: 0.39 %. It is half a bucket's width over its lower edge.
const RelativeError = 1.0 / (2 * perOctave)

// A bucket is the durations whose eight leading binary digits are the same, so
// each octave has perOctave buckets of one width. Buckets that grow by a fixed
// factor (DDSketch: Masson, Rim, Lee, VLDB 2019) would be 1.4 times fewer at
// this error; these need no logarithm, and their error is exact in integers.
const (
	octaveBits = 7
	perOctave  = 1 << octaveBits
	// The bucket of the longest duration is the last.
	maxBuckets = (63-octaveBits-1)*perOctave + 2*perOctave
)

// bucketOf numbers the bucket of nanos nanoseconds: below 2*perOctave each
// number has its own, above it the number's leading digits follow the octave's.
func bucketOf(nanos uint64) int {
	shift := max(0, bits.Len64(nanos)-octaveBits-1)
	return shift<<octaveBits + int(nanos>>shift)
}

// edges returns the shortest and the longest duration of a bucket.
func edges(bucket int) (low, high time.Duration) {
	if bucket < 2*perOctave {
		return time.Duration(bucket), time.Duration(bucket)
	}
	shift := bucket>>octaveBits - 1
	low = time.Duration(bucket-shift<<octaveBits) << shift
	return low, low + 1<<shift - 1
}

// middle stands for the durations of a bucket. With w the width, low >= w *
// perOctave, and none is further away than w/2.
func middle(bucket int) time.Duration {
	low, high := edges(bucket)
	return low + (high-low+1)/2
}
