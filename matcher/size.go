package matcher

import "math"

const (
	// HeadroomFraction is room in a cache beyond its layers, for the file
	// system's own blocks and rounding of files. Creation fails when images do
	// not fit (eci §1.4); no figure is published, this one is assumed.
	HeadroomFraction = 0.1
	bytesPerGiB      = 1 << 30
)

// SizeToHold is the smallest whole number of GiB in which unpacked bytes fit,
// with headroom for the file system; at least MinCacheGiB. A cache cannot have
// more than MaxCacheGiB.
func SizeToHold(unpackedBytes int64) float64 {
	need := float64(unpackedBytes) * (1 + HeadroomFraction) / bytesPerGiB
	// Less what rounding adds: 100 GiB and a tenth are 110, not 111.
	return max(MinCacheGiB, math.Ceil(need-1e-6))
}
