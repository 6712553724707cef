package cachebench

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// versions are what releases bring to node pools. Within the window each is an
// image of its own, added to the Inventory; before it, a release only makes what
// nodes hold of the older one of no more use.
type versions struct {
	inv *layers.Inventory
	// now is what an image of the Inventory has become; next are those to come, in
	// order of the releases.
	now  map[int]int
	next []int
}

// newVersions adds the images that releases of pooled apps bring from the window's
// beginning until end. They have as many bytes as the older ones: the upper layers
// that make up releaseNewBytesFraction of them are new, all where that is unknown.
func (j *Job) newVersions(end time.Duration) *versions {
	v := &versions{inv: j.Inventory, now: make(map[int]int)}
	released := func(a *workload.App) bool { return isPooled(a) && a.ReleasesPerMonth > 0 }
	for e := range j.simulated(released) {
		app := &j.Workload.Apps[e.App]
		if !e.Release || e.At < j.Scenario.WindowStart || e.At >= end {
			continue
		}
		if v.inv == j.Inventory {
			whole := *j.Inventory
			whole.Images, whole.Layers = slices.Clone(whole.Images), slices.Clone(whole.Layers)
			v.inv = &whole
		}
		image := j.first(app)
		v.next = append(v.next, v.add(v.of([]int{image})[0], app.ReleaseNewBytesFraction))
		v.now[image] = v.next[len(v.next)-1]
	}
	clear(v.now)
	return v
}

// first is the image that a release of app replaces.
func (j *Job) first(app *workload.App) int {
	return j.lookup.Find(app.Images[0], j.platformOf(app), j.Scenario.Now)
}

// add adds a version of an image, and returns its place.
func (v *versions) add(image int, fraction *float64) int {
	img := v.inv.Images[image]
	kept := keptLayers(v.inv, image, fraction)
	img.Layers = slices.Clone(img.Layers)
	id := len(v.inv.Images)
	for i := len(img.Layers) - 1; i >= kept; i-- {
		l := v.inv.Layers[img.Layers[i]]
		// A digest that no other layer has, the same in every run.
		l.DiffID = digestOf(fmt.Sprintf("%s released as image %d layer %d", l.Digest, id, i))
		l.Digest = l.DiffID
		img.Layers[i] = len(v.inv.Layers)
		v.inv.Layers = append(v.inv.Layers, l)
	}
	v.inv.Images = append(v.inv.Images, img)
	return id
}

// keptLayers is how many of an image's lowest layers a release leaves that replaces
// fraction of its bytes; none where that is unknown.
func keptLayers(inv *layers.Inventory, image int, fraction *float64) int {
	img := &inv.Images[image]
	if fraction == nil {
		return 0
	}
	var all, fresh int64
	for _, l := range img.Layers {
		all += inv.Layers[l].CompressedBytes
	}
	for i := len(img.Layers) - 1; i >= 0; i-- {
		if float64(fresh) >= *fraction*float64(all) {
			return i + 1
		}
		fresh += inv.Layers[img.Layers[i]].CompressedBytes
	}
	return 0
}

func digestOf(text string) layers.Digest {
	sum := sha256.Sum256([]byte(text))
	return layers.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// release is that of an image, whose next version takes its place.
func (v *versions) release(image int) { v.now[image], v.next = v.next[0], v.next[1:] }

func (v *versions) clone() *versions {
	c := *v
	c.now = maps.Clone(v.now)
	return &c
}

// of are images as they are now.
func (v *versions) of(images []int) []int {
	out := slices.Clone(images)
	for i, image := range out {
		if now, ok := v.now[image]; ok {
			out[i] = now
		}
	}
	return out
}
