package measure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// only is the part of an inventory that references name, each with one image.
func only(inv *layers.Inventory, refs []string, platform string, at time.Time) (*layers.Inventory, error) {
	part := &layers.Inventory{ResolvedAt: inv.ResolvedAt}
	moved := map[int]int{}
	for _, ref := range refs {
		i := inv.Find(ref, platform, at)
		if i < 0 {
			return nil, fmt.Errorf("the inventory does not hold %s%s: resolve it first", ref, ofPlatform(platform))
		}
		img := inv.Images[i]
		img.Layers = slices.Clone(img.Layers)
		for j, l := range img.Layers {
			if _, ok := moved[l]; !ok {
				moved[l] = len(part.Layers)
				part.Layers = append(part.Layers, inv.Layers[l])
			}
			img.Layers[j] = moved[l]
		}
		part.Images = append(part.Images, img)
	}
	return part, nil
}

func ofPlatform(platform string) string {
	if platform == "" {
		return ""
	}
	return " for " + platform
}

// bounds are the least and the most that a sum may be.
type bounds struct{ least, most int64 }

// nodeEvidence is what the starts of a run on one node must have done, all
// together, if the node held what the arm keeps and nothing else. A blob is
// fetched once for all of them, a chain unpacked once.
type nodeEvidence struct {
	node string
	// fetch is in compressed bytes, unpack in unpacked ones; unknown sizes are not
	// checked.
	fetch, unpack, reused bounds
}

var anything = bounds{0, math.MaxInt64}

// evidenceOf returns the evidence of each arm, node by node. The inventory holds
// one image for each reference.
func evidenceOf(inv *layers.Inventory, arms []Arm) [][]nodeEvidence {
	chains := inv.Chains()
	images := map[string]int{}
	for i := range inv.Images {
		images[inv.Images[i].Reference] = i
	}
	list := make([][]nodeEvidence, len(arms))
	for i := range arms {
		list[i] = armEvidence(inv, chains, images, &arms[i])
	}
	return list
}

func armEvidence(inv *layers.Inventory, chains *layers.Chains, images map[string]int, a *Arm) []nodeEvidence {
	kept, blobs := map[int]bool{}, map[int]bool{}
	for _, ref := range a.Keep {
		for j, c := range chains.Images[images[ref]] {
			kept[c], blobs[inv.Images[images[ref]].Layers[j]] = true, true
		}
	}
	byNode := map[int][]int{}
	var nodes []int
	for _, s := range a.Starts {
		if byNode[s.Node] == nil {
			nodes = append(nodes, s.Node)
		}
		byNode[s.Node] = append(byNode[s.Node], images[s.Image])
	}
	slices.Sort(nodes)
	var list []nodeEvidence
	for _, n := range nodes {
		e := expect(inv, chains, byNode[n], kept, blobs)
		e.node = NodeName(n)
		list = append(list, e)
	}
	return list
}

// expect works out what starting images on a node takes where it holds the kept
// chains, and may hold blobs of theirs as well.
func expect(inv *layers.Inventory, chains *layers.Chains, started []int, kept, blobs map[int]bool) nodeEvidence {
	// fresh are the chains to be made, with the blobs that can make each.
	fresh := map[int]map[int]bool{}
	var all, before, made int64
	for _, img := range started {
		for j, c := range chains.Images[img] {
			all++
			if kept[c] {
				before++
				continue
			}
			if fresh[c] == nil {
				fresh[c] = map[int]bool{}
				made++
			}
			fresh[c][inv.Images[img].Layers[j]] = true
		}
	}
	e := nodeEvidence{reused: bounds{before, all - made}}
	if len(started) == 1 {
		// With one start what was there before is all that can be reused.
		e.reused = bounds{before, before}
	}
	e.fetch, e.unpack = fetchOf(inv, fresh, blobs), unpackOf(inv, fresh)
	return e
}

// fetchOf bounds what is fetched for fresh chains. A blob that stands above other
// layers in a kept image is fetched again only by a runtime that drops blobs once
// they are unpacked, and of blobs with one content (recompressed) one is enough.
func fetchOf(inv *layers.Inventory, fresh map[int]map[int]bool, blobs map[int]bool) bounds {
	may, served := map[int]bool{}, map[int]bool{}
	var b bounds
	// Those first that one blob alone can make: what it serves besides costs nothing.
	for _, single := range []bool{true, false} {
		for _, c := range slices.Sorted(maps.Keys(fresh)) {
			if single != (len(fresh[c]) == 1) {
				continue
			}
			smallest, free := int64(math.MaxInt64), false
			for l := range fresh[c] {
				may[l] = true
				smallest = min(smallest, inv.Layers[l].CompressedBytes)
				free = free || blobs[l] || served[l]
			}
			if free {
				continue
			}
			b.least += smallest
			maps.Copy(served, fresh[c])
		}
	}
	for l := range may {
		if inv.Layers[l].CompressedSource != "" {
			return anything
		}
		b.most += inv.Layers[l].CompressedBytes
	}
	return b
}

func unpackOf(inv *layers.Inventory, fresh map[int]map[int]bool) bounds {
	var b bounds
	for _, options := range fresh {
		for l := range options {
			if inv.Layers[l].UnpackedSource != layers.Measured {
				return anything
			}
			b.least += *inv.Layers[l].UnpackedBytes
			b.most += *inv.Layers[l].UnpackedBytes
			break // all have one content
		}
	}
	return b
}

// check says what startups of a run did that they should not have, or not.
func (e *nodeEvidence) check(startups []simulate.Startup) string {
	var fetched, unpacked, reused int64
	for i := range startups {
		if u := &startups[i]; u.Node == e.node {
			fetched += u.FetchedBytes
			unpacked += u.UnpackedBytes
			reused += int64(u.LayersReused)
		}
	}
	switch {
	case fetched < e.fetch.least:
		return fmt.Sprintf("%s silently reused content: fetched %d of the %d bytes that were to be fetched", e.node, fetched, e.fetch.least)
	case fetched > e.fetch.most:
		return fmt.Sprintf("%s lacked content that was to be kept: fetched %d bytes where %d were to be fetched", e.node, fetched, e.fetch.most)
	case unpacked < e.unpack.least:
		return fmt.Sprintf("%s silently reused content: unpacked %d of the %d bytes that were to be unpacked", e.node, unpacked, e.unpack.least)
	case unpacked > e.unpack.most:
		return fmt.Sprintf("%s lacked content that was to be kept: unpacked %d bytes where %d were to be unpacked", e.node, unpacked, e.unpack.most)
	case reused < e.reused.least:
		return fmt.Sprintf("%s lacked content that was to be kept: reused %d layers where %d were to be reused", e.node, reused, e.reused.least)
	case reused > e.reused.most:
		return fmt.Sprintf("%s silently reused content: reused %d layers where %d were to be reused", e.node, reused, e.reused.most)
	}
	return ""
}

// unchecked counts the layers whose unpacked size was not measured, so that what
// was unpacked is no evidence.
func unchecked(inv *layers.Inventory) int {
	n := 0
	for i := range inv.Layers {
		if inv.Layers[i].UnpackedSource != layers.Measured {
			n++
		}
	}
	return n
}

// hitOf says how much of an image was there before, by chain.
func hitOf(inv *layers.Inventory, a *Arm, ref string) matcher.Hit {
	chains := inv.Chains()
	kept := map[int]bool{}
	var image []int
	for i := range inv.Images {
		if slices.Contains(a.Keep, inv.Images[i].Reference) {
			for _, c := range chains.Images[i] {
				kept[c] = true
			}
		}
		if inv.Images[i].Reference == ref {
			image = chains.Images[i]
		}
	}
	present := 0
	for _, c := range image {
		if kept[c] {
			present++
		}
	}
	switch present {
	case len(image):
		return matcher.FullHit
	case 0:
		return matcher.Miss
	}
	return matcher.PartialHit
}
