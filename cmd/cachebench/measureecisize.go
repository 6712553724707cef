package main

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/measure/ecigroup"
)

// checkSizes refuses to make caches that images are known not to fit into: the service
// would fail after it had pulled them (eci §1.4). Of images that the inventory lacks
// nothing is known.
func (m *eciMeasuring) checkSizes(inv *layers.Inventory) error {
	makes := slices.ContainsFunc(m.exp.Arms, func(arm string) bool {
		return arm == ecigroup.ArmFlash || arm == ecigroup.ArmReuse || arm == ecigroup.ArmExplicit && m.exp.CacheID == ""
	})
	if inv == nil || !makes {
		return nil
	}
	whole := inv.Estimated()
	for _, app := range m.exp.Apps {
		var images []int
		for _, reference := range app.Images {
			if i := whole.Find(reference, "", time.Now()); i >= 0 {
				images = append(images, i)
			}
		}
		if need := matcher.SizeToHold(whole.Union(images...).UnpackedBytes); need > float64(m.exp.Cache.SizeGiB) {
			return usagef("--cache-size %d: the images of %s need %v GiB, unpacked and with headroom for the file system", m.exp.Cache.SizeGiB, app.Images[0], need)
		}
	}
	return nil
}
