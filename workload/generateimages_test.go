package workload

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMadeImages: the distributions that were published, shares of layers, parts that a
// release replaces; the same seed makes the same, and an app more changes none before.
func TestMadeImages(t *testing.T) {
	for _, seed := range []uint64{1, 2, 77} {
		made, err := Generate(GenerateOptions{Seed: seed, Apps: 1000})
		if err != nil {
			t.Fatal(err)
		}
		images := made.Workload.Images(seed)
		if diff := cmp.Diff(images, made.Workload.Images(seed)); diff != "" {
			t.Fatal(diff)
		}
		var counts, totals []float64
		users, size := map[string]int{}, map[string]int64{}
		byRef := map[string]MadeImage{}
		for _, image := range images {
			total := int64(0)
			seen := map[string]bool{}
			for _, l := range image.Layers {
				if old, ok := size[l.Name]; ok && old != l.CompressedBytes || seen[l.Name] || l.CompressedBytes < 32 || l.UnpackedBytes < l.CompressedBytes {
					t.Fatalf("%+v of %s", l, image.Reference)
				}
				size[l.Name], seen[l.Name] = l.CompressedBytes, true
				users[l.Name]++
				total += l.CompressedBytes
			}
			counts, totals = append(counts, float64(len(image.Layers))), append(totals, float64(total))
			byRef[image.Reference] = image
		}
		if len(images) < 1000 || len(images) > 1003 {
			t.Errorf("%d images of 1,000 apps and three sidecars", len(images))
		}
		slices.Sort(counts)
		slices.Sort(totals)
		for _, q := range []struct{ share, layers, bytes float64 }{{0.25, 6, 54e6}, {0.5, 9, 132e6}, {0.75, 14, 393e6}, {0.9, 22, 1.18e9}} {
			at := int(q.share * float64(len(images)))
			if math.Abs(counts[at]-q.layers) > 1+0.15*q.layers || totals[at] < 0.75*q.bytes || totals[at] > 1.5*q.bytes {
				t.Errorf("seed %d: quantile %v is %v layers and %.0f bytes, want %v and %.0f", seed, q.share, counts[at], totals[at], q.layers, q.bytes)
			}
		}
		single := 0
		for _, n := range users {
			if n == 1 {
				single++
			}
		}
		if share := float64(single) / float64(len(users)); math.Abs(share-0.59) > 0.08 {
			t.Errorf("seed %d: %.2f of the layers are in one image only, want about 0.59", seed, share)
		}
		// A release replaces the upper layers up to its share: by whole layers it comes close
		// where the base leaves room.
		near, partly := 0, 0
		for _, a := range made.Workload.Apps {
			if f := *a.ReleaseNewBytesFraction; f < 1 {
				partly++
				if math.Abs(replaced(byRef[a.Images[0]], f)-f) < 0.01 {
					near++
				}
			}
		}
		if partly < 450 || near*5 < partly*3 {
			t.Errorf("seed %d: of %d images that releases replace in part %d have layers of that part", seed, partly, near)
		}
		more, err := Generate(GenerateOptions{Seed: seed, Apps: 1200})
		if err != nil {
			t.Fatal(err)
		}
		for n, image := range more.Workload.Images(seed)[:1000] {
			if image.Reference != images[n].Reference {
				break // the sidecars come where they are first used
			}
			if diff := cmp.Diff(images[n], image); diff != "" {
				t.Fatal(diff)
			}
		}
		if other := made.Workload.Images(seed + 1); cmp.Equal(other[0], images[0]) && cmp.Equal(other[1], images[1]) {
			t.Error("another seed makes the same")
		}
	}
}

// replaced is the share of an image's bytes that whole upper layers of at least a share
// have.
func replaced(i MadeImage, share float64) float64 {
	var all, fresh float64
	for _, l := range i.Layers {
		all += float64(l.CompressedBytes)
	}
	for _, l := range slices.Backward(i.Layers) {
		if fresh >= share*all-1000 {
			break
		}
		fresh += float64(l.CompressedBytes)
	}
	return fresh / all
}
