package plan_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

const (
	platform = "linux/amd64"
	gib      = 1 << 30
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// inventory is made of layers of the given unpacked GiB, compressed to half, and
// of images called by reference, with the positions of their layers.
func inventory(layerGiB []float64, images map[string][]int) *layers.Inventory {
	inv := &layers.Inventory{ResolvedAt: noon}
	for i, size := range layerGiB {
		unpacked := int64(size * gib)
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: digest(layerDigest, i), DiffID: digest(diffDigest, i),
			CompressedBytes: unpacked / 2, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
		})
	}
	var refs []string
	for ref := range images {
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	for i, ref := range refs {
		inv.Images = append(inv.Images, layers.Image{
			Reference: ref, Digest: digest(imageDigest, i), Platform: platform, Layers: images[ref],
		})
	}
	return inv
}

// The kinds of digests, so that none is equal to one of another kind.
const (
	layerDigest = iota + 1
	diffDigest
	imageDigest
)

func digest(kind, i int) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%d%063d", kind, i))
}

// estimator says that a start takes 5 s, and 20 s for each missing unpacked GiB
// of distinct layers, and 2 s to attach a cache; the first 3 s are not billed.
func estimator(inv *layers.Inventory) func(*workload.App, []string) plan.Estimate {
	return func(app *workload.App, held []string) plan.Estimate {
		have := make(map[int]bool)
		for _, ref := range held {
			for _, l := range inv.Images[inv.Find(ref, platform, noon)].Layers {
				have[l] = true
			}
		}
		ready := 5.0
		if len(held) > 0 {
			ready += 2
		}
		for _, ref := range app.AllImages() {
			for _, l := range inv.Images[inv.Find(ref, platform, noon)].Layers {
				if !have[l] {
					have[l] = true
					ready += 20 * float64(*inv.Layers[l].UnpackedBytes) / gib
				}
			}
		}
		return plan.Estimate{Ready: seconds(ready), Billed: seconds(ready - 3)}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// buildTime is 100 s and 10 s for every GiB of the cache.
func buildTime(_ []string, sizeGiB float64) time.Duration { return seconds(100 + 10*sizeGiB) }

func problem(inv *layers.Inventory, apps ...plan.App) plan.Problem {
	return plan.Problem{
		Inventory: inv, Platform: platform, At: noon, Apps: apps,
		Policy: matcher.DefaultPolicy(), Prices: cost.International(),
		Baseline: plan.Automatic, Assign: plan.Auto, BudgetPerMonth: 1000, Quota: 50,
		Estimate: estimator(inv), BuildTime: buildTime,
	}
}

// automatic is a finding of an automatic cache that holds images.
func automatic(starts int, images ...string) matcher.Found {
	return matcher.Found{Images: images, SizeGiB: 30, Automatic: true, Starts: starts}
}

// nothing is a finding of no cache.
func nothing(starts int) matcher.Found { return matcher.Found{Starts: starts} }

func found(app *workload.App, found ...matcher.Found) plan.App {
	return plan.App{App: app, Outcome: matcher.Outcome{App: app.Name, Found: found}}
}
