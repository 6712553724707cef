package main

import (
	"slices"
	"strings"
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

// notLookedUp tells of images that the inventory lacks: whether they fit is not known; and
// where a timeline is saved without one, that calibrate will want it.
func (m *eciMeasuring) notLookedUp(inv *layers.Inventory) []string {
	switch {
	case inv == nil && m.out.save != "":
		return []string{"Without --inventory (analyze --save makes one) calibrate cannot use the timeline."}
	case inv == nil:
		return nil
	}
	var lacking []string
	for _, app := range m.exp.Apps {
		for _, reference := range app.Images {
			if inv.Find(reference, "", time.Now()) < 0 {
				lacking = append(lacking, reference)
			}
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return []string{"Not in " + m.inventory + ", so that it is not known whether they fit, and calibrate cannot use their starts: " + strings.Join(lacking, ", ") + "."}
}
