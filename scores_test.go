package cachebench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// scoredJob has the images a (layers 0 1), b (0 2), c (3), one app of each and one
// of a and b; sizes are 10, 20, 40, 80 MB, unpacked three times as much.
func scoredJob(t testing.TB, keepBlobs bool, paths ...[]int) *Job {
	t.Helper()
	inv := &layers.Inventory{}
	for i := range 4 {
		unpacked := int64(30e6) << i
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: layers.Digest("sha256:" + strings.Repeat(fmt.Sprint(i), 64)), DiffID: layers.Digest("sha256:" + strings.Repeat(string(rune('a'+i)), 64)),
			MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: 10e6 << i, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
		})
	}
	s := &Scenario{Platform: "linux/amd64", Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Policy: matcher.DefaultPolicy(), Workload: &workload.Workload{}}
	for i, path := range paths {
		ref := fmt.Sprintf("r.example/%c:1", 'a'+i)
		inv.Images = append(inv.Images, layers.Image{Reference: ref, Digest: layers.Digest(fmt.Sprintf("sha256:%064d", i)), Platform: "linux/amd64", Layers: path})
		s.Workload.Apps = append(s.Workload.Apps, workload.App{Name: ref, Images: []string{ref}, PullPolicy: "Always"})
	}
	profile, err := simulate.BuiltIn("containerd")
	if err != nil {
		t.Fatal(err)
	}
	s.Profile = profile
	s.Profile.Pull.KeepBlobs.Value = keepBlobs
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// TestScoreTimes: a pull with everything takes next to nothing, one with nothing
// as long as a cold one; blobs spare the fetching, not the unpacking; and single
// blobs on a host that keeps none have no known time.
func TestScoreTimes(t *testing.T) {
	yes, no := true, false
	job := scoredJob(t, true, []int{0, 1}, []int{0, 2}, []int{3})
	blob := []layers.Digest{job.Inventory.Layers[0].Digest, job.Inventory.Layers[1].Digest}
	s, err := job.Scores(ScoreParts{Stores: []matcher.Holder{
		{Name: "nothing", Kind: matcher.NodeStore}, {Name: "same", Kind: matcher.NodeStore, Images: []string{"r.example/a:1"}},
		{Name: "base", Kind: matcher.DiskStore, Images: []string{"r.example/b:1"}}, {Name: "mirror", Kind: matcher.MirrorStore, Images: []string{"r.example/a:1"}},
		{Name: "blobs", Kind: matcher.NodeStore, Layers: blob, KeepBlobs: &yes}, {Name: "odd", Kind: matcher.NodeStore, Layers: blob, KeepBlobs: &no},
	}, Matrix: true, Nearest: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Matrix.Images) != 3 || len(s.Nearest) != 3 || s.Nearest[0].Base != "r.example/b:1" {
		t.Errorf("got %+v, %+v", s.Matrix, s.Nearest)
	}
	pulls := make(map[string]*time.Duration)
	var cold time.Duration
	for _, c := range s.Sets[0].Scores {
		pulls[c.Store], cold = c.Pull, *c.Cold
	}
	if pulls["odd"] != nil {
		t.Errorf("single blobs where none are kept take %v", *pulls["odd"])
	}
	if *pulls["nothing"] != cold || *pulls["blobs"] != *pulls["mirror"] {
		t.Errorf("cold %v, nothing %v, blobs %v, mirror %v", cold, *pulls["nothing"], *pulls["blobs"], *pulls["mirror"])
	}
	if !(*pulls["same"] < *pulls["base"] && *pulls["base"] < cold && *pulls["same"] < *pulls["mirror"] && *pulls["mirror"] < cold) {
		t.Errorf("same %v, base %v, mirror %v, cold %v", *pulls["same"], *pulls["base"], *pulls["mirror"], cold)
	}
}

// TestScoresAgainstEstimate: what a score leaves to download and to unpack is what
// the estimate of a pull, which counts by itself, downloads and unpacks.
func TestScoresAgainstEstimate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 4)
		job := scoredJob(t, rapid.Bool().Draw(rt, "keeps"), path.Draw(rt, "a"), path.Draw(rt, "b"), path.Draw(rt, "c"))
		store := matcher.Holder{Name: "x", Kind: rapid.SampledFrom([]string{matcher.NodeStore, matcher.MirrorStore}).Draw(rt, "kind")}
		for _, img := range job.Inventory.Images {
			if rapid.Bool().Draw(rt, "held") {
				store.Images = append(store.Images, img.Reference)
			}
		}
		held, err := job.holdings([]matcher.Holder{store})
		if err != nil {
			rt.Fatal(err)
		}
		e, err := job.newStoreEstimates(held)
		if err != nil {
			rt.Fatal(err)
		}
		for i, set := range job.matcher.Scores([]matcher.ImageSet{{Name: "a", Images: []string{"r.example/a:1"}}}, held, matcher.ScoreOptions{}) {
			estimator, start := e.drop, simulate.Start{App: "a", Images: []int{i}, PullPolicy: "Always", CacheID: "x"}
			if held[0].KeepBlobs {
				estimator = e.keep
			}
			if store.Kind == matcher.NodeStore {
				start.Held = held[0].Images
			} else if b := e.blobs[&held[0]]; b >= 0 {
				start.Held = []int{b}
			}
			got, err := estimator.Estimate(&start)
			if err != nil {
				rt.Fatal(err)
			}
			if score := set.Scores[0]; got.FetchedBytes != score.FetchBytes || got.UnpackedBytes != score.UnpackBytes {
				rt.Fatalf("%+v for %v: the score leaves %d and %d, the estimate pulls %d and %d", store, job.Inventory.Images[0].Layers, score.FetchBytes, score.UnpackBytes, got.FetchedBytes, got.UnpackedBytes)
			}
		}
	})
}
