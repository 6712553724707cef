package matcher

import (
	"fmt"
	"math"

	"github.com/cachebench/cachebench/layers"
)

const (
	// HeadroomFraction is room in a cache beyond its layers, for the file
	// system's own blocks and rounding of files. Creation fails when images do
	// not fit (eci §1.4); no figure is published, this one is assumed.
	HeadroomFraction = 0.1
	// AssumedUnpackRatio is unpacked over compressed bytes of a layer whose
	// unpacked size is unknown: "at least twice" (eci §1.4).
	AssumedUnpackRatio = 2
	bytesPerGiB        = 1 << 30
)

// SizeToHold is the smallest whole number of GiB in which unpacked bytes fit,
// with headroom for the file system; at least MinCacheGiB. A cache cannot have
// more than MaxCacheGiB.
func SizeToHold(unpackedBytes int64) float64 {
	need := float64(unpackedBytes) * (1 + HeadroomFraction) / bytesPerGiB
	// Less what rounding adds: 100 GiB and a tenth are 110, not 111.
	return max(MinCacheGiB, math.Ceil(need-1e-6))
}

// checkSize refuses a size that no cache can have: it is a whole number of GiB
// (eci §2.2) in the range of eci §1.4. 0 stands for the default.
func checkSize(sizeGiB float64) error {
	if sizeGiB != 0 && !(sizeGiB >= MinCacheGiB && sizeGiB <= MaxCacheGiB && sizeGiB == math.Trunc(sizeGiB)) {
		return fmt.Errorf("a cache of %v GiB: a size is a whole number from %d to %d GiB", sizeGiB, MinCacheGiB, MaxCacheGiB) // eci §1.4
	}
	return nil
}

// fit says which size holds the images, and whether the one asked for does: if
// not, the creation fails (eci §1.4). What counts is the unpacked size. Estimated
// and assumed bytes count towards the size suggested; but only measured ones make
// a creation fail for sure.
func (m *Matcher) fit(sizeGiB float64, need []int, created *CreatedCache) {
	all := m.overlap(need, store{})
	created.UnpackedBytes, created.UnknownLayers = all.UnpackedBytes, all.UnknownLayers
	created.EstimatedBytes, created.AssumedBytes = m.unmeasured(need)
	created.ThumbGiB = max(MinCacheGiB, math.Ceil(2*float64(all.CompressedBytes)/bytesPerGiB))
	bytes := created.UnpackedBytes + created.AssumedBytes
	likely := float64(bytes) / bytesPerGiB
	guessed := float64(created.EstimatedBytes+created.AssumedBytes) / bytesPerGiB
	created.SuggestedGiB = SizeToHold(bytes)
	if likely <= MaxCacheGiB {
		// Headroom is assumed: it alone does not make the largest cache too small.
		created.SuggestedGiB = min(created.SuggestedGiB, MaxCacheGiB)
	}
	created.SizeGiB = sizeGiB
	if sizeGiB == 0 {
		created.SizeGiB = min(created.SuggestedGiB, MaxCacheGiB)
	}
	if likely <= created.SizeGiB {
		return
	}
	advice := fmt.Sprintf("ask for %g GiB", created.SuggestedGiB)
	if likely > MaxCacheGiB {
		advice = fmt.Sprintf("a cache has at most %d GiB: make several of fewer images", MaxCacheGiB)
	}
	if likely-guessed > created.SizeGiB {
		created.Fails = fmt.Sprintf("the images have %.1f GiB unpacked, more than the %g GiB of the cache: %s", likely, created.SizeGiB, advice)
		return
	}
	created.MayFail = fmt.Sprintf("the images have %.1f GiB unpacked, of which %.1f GiB are not measured, more than the %g GiB of the cache: %s",
		likely, guessed, created.SizeGiB, advice)
}

// unmeasured are the unpacked bytes that are estimated, and those that layers of
// unknown unpacked size are taken to have, each chain once.
func (m *Matcher) unmeasured(need []int) (estimated, assumed int64) {
	seen := make(map[int]bool)
	for _, i := range need {
		for j, l := range m.inv.Images[i].Layers {
			chain := m.chains.Images[i][j]
			if seen[chain] {
				continue
			}
			seen[chain] = true
			switch layer := &m.inv.Layers[l]; {
			case layer.UnpackedBytes == nil:
				assumed += AssumedUnpackRatio * layer.CompressedBytes
			case layer.UnpackedSource == layers.Estimated:
				estimated += *layer.UnpackedBytes
			}
		}
	}
	return estimated, assumed
}
