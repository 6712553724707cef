package cachebench

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
)

// candidates are the images of the pool's apps, and others of the Inventory that these
// have layers of, by reference.
func (p *poolPlanner) candidates() (images []plan.PoolImage, leftOut string) {
	j := p.job
	apps := make(map[int]*plan.PoolImage)
	for i := range j.Workload.Apps {
		app := &j.Workload.Apps[i]
		for k, image := range j.imagesOf(app) {
			x := apps[image]
			if x == nil {
				x = &plan.PoolImage{Image: image, KeptLayers: len(j.Inventory.Images[image].Layers)}
				apps[image] = x
			}
			if !slices.Contains(x.Apps, app.Name) {
				x.Apps = append(x.Apps, app.Name)
			}
			if k == len(app.InitImages) && app.ReleasesPerMonth > 0 { // its first image
				x.ReleasesPerMonth += app.ReleasesPerMonth
				x.KeptLayers = min(x.KeptLayers, keptLayers(j.Inventory, image, app.ReleaseNewBytesFraction))
			}
		}
	}
	bases, unnamed := p.bases(apps)
	for _, x := range apps {
		images = append(images, *x)
	}
	for _, image := range bases {
		images = append(images, plan.PoolImage{Image: image, KeptLayers: len(j.Inventory.Images[image].Layers)})
	}
	slices.SortFunc(images, func(x, y plan.PoolImage) int {
		a, b := &j.Inventory.Images[x.Image], &j.Inventory.Images[y.Image]
		return cmp.Or(cmp.Compare(a.Reference, b.Reference), cmp.Compare(x.Image, y.Image))
	})
	if unnamed > 0 {
		leftOut = fmt.Sprintf("bases that several images are built on and that no image of the inventory is (%d): look one up (images of a scenario) to have it considered", unnamed)
	}
	return images, leftOut
}

// bases are other images on the pool's platform that share layers with those of its
// apps; unnamed counts the shared chains at which images part that none is.
func (p *poolPlanner) bases(apps map[int]*plan.PoolImage) (bases []int, unnamed int) {
	inv := p.job.Inventory
	chains := inv.Chains()
	users := make(map[int]int) // images of apps by chain
	for image := range apps {
		for _, c := range chains.Images[image] {
			users[c]++
		}
	}
	ends := make(map[int]bool)
	for i := range inv.Images {
		img := &inv.Images[i]
		if len(img.Layers) == 0 || !layers.SamePlatform(img.Platform, p.pool.Platform) {
			continue
		}
		ends[chains.Images[i][len(img.Layers)-1]] = true
		if users[chains.Images[i][0]] > 0 && apps[i] == nil && p.job.lookup.Find(img.Reference, img.Platform, p.job.Scenario.Now) == i {
			bases = append(bases, i)
		}
	}
	parted := make(map[int]bool)
	for image := range apps {
		list := chains.Images[image]
		for n := 1; n < len(list); n++ {
			if below := list[n-1]; users[list[n]] < users[below] && users[below] > 1 && !ends[below] {
				parted[below] = true
			}
		}
	}
	return bases, len(parted)
}
