package planinstance

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
)

// figures are what an instance looks like, each a number.
type figures struct {
	candidates, layers, budgetOfLayers float64
	// quartiles of layers' sizes in MB, of pods, and of candidates' layers
	layerMB, pods, candidateLayers [3]float64
	// shares of the bytes of all images that distinct layers have, and of the
	// image-candidate pairs that share a layer
	distinctOfImages, pairs float64
	// the mean number of layers an image, and of images that hold a layer
	layersPerImage, imagesPerLayer float64
}

func look(in *Instance) (f figures) {
	f.candidates, f.layers = float64(len(in.Candidates)), float64(len(in.LayerMB))
	total, ofImages, held := 0.0, 0.0, 0
	holders := make([][]int, len(in.LayerMB))
	var pods, layers []float64
	for i, image := range in.Images {
		pods = append(pods, image.Pods)
		held += len(image.Layers)
		for _, l := range image.Layers {
			ofImages += in.LayerMB[l]
			holders[l] = append(holders[l], i)
		}
	}
	pairs := 0
	for _, candidate := range in.Candidates {
		layers = append(layers, float64(len(candidate)))
		met := make(map[int]bool)
		for _, l := range candidate {
			for _, i := range holders[l] {
				met[i] = true
			}
		}
		pairs += len(met)
	}
	for _, mb := range in.LayerMB {
		total += mb
	}
	used := 0.0
	for l, mb := range in.LayerMB {
		if len(holders[l]) > 0 {
			used += mb
		}
	}
	f.budgetOfLayers, f.distinctOfImages = in.BudgetMB/total, used/ofImages
	f.layerMB, f.pods, f.candidateLayers = quartiles(in.LayerMB), quartiles(pods), quartiles(layers)
	f.pairs = float64(pairs) / float64(len(in.Images)*len(in.Candidates))
	f.layersPerImage, f.imagesPerLayer = float64(held)/float64(len(in.Images)), float64(held)/float64(len(in.LayerMB))
	return f
}

func quartiles(list []float64) (q [3]float64) {
	sorted := slices.Sorted(slices.Values(list))
	for k := range q {
		q[k] = sorted[(k+1)*len(sorted)/4]
	}
	return q
}

func (f figures) list() []float64 {
	return slices.Concat([]float64{f.candidates, f.layers, f.budgetOfLayers, f.distinctOfImages, f.pairs, f.layersPerImage, f.imagesPerLayer},
		f.layerMB[:], f.pods[:], f.candidateLayers[:])
}

// TestLikeTheStored: each figure of a stored instance lies among those of 20 generated
// ones, or within a quarter of their range of it; so counts that follow from the number of
// images are the same.
func TestLikeTheStored(t *testing.T) {
	names := []string{"candidates", "layers", "budget/layers", "distinct/images", "pairs", "layers/image", "images/layer",
		"MB p25", "MB p50", "MB p75", "pods p25", "pods p50", "pods p75", "candidate layers p25", "p50", "p75"}
	for _, images := range []int{50, 200, 1000} {
		stored, err := Read(filepath.Join("..", "..", "matcher", "plan", "knapsack", "testdata", fmt.Sprintf("planner-%d.json.gz", images)))
		if err != nil {
			t.Fatal(err)
		}
		want := look(stored).list()
		least, most := slices.Clone(want), slices.Clone(want)
		for k := range least {
			least[k], most[k] = math.Inf(1), math.Inf(-1)
		}
		for seed := range uint64(20) {
			for k, x := range look(New(images, seed)).list() {
				least[k], most[k] = min(least[k], x), max(most[k], x)
			}
		}
		for k, x := range want {
			t.Logf("%d images, %s: stored %.4g, generated %.4g to %.4g", images, names[k], x, least[k], most[k])
			if room := 0.25*(most[k]-least[k]) + 1e-9*x; x < least[k]-room || x > most[k]+room {
				t.Errorf("%d images, %s: stored %.4g, generated %.4g to %.4g", images, names[k], x, least[k], most[k])
			}
		}
	}
}

// TestSameSeed: a seed has one instance, another has another.
func TestSameSeed(t *testing.T) {
	written := func(seed uint64) string {
		var b bytes.Buffer
		if err := New(30, seed).Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	first, again := written(1), written(1)
	if first != again || first == written(2) {
		t.Error("instances of one seed differ, or those of two do not")
	}
}
