package matcher

import (
	"slices"
	"testing"
)

// TestBestCaches, against a plain scan of names and layers: usable caches of the
// platform alone count, by what they hold, and the totals add up.
func TestBestCaches(t *testing.T) {
	f := newFleet(fleetShape{images: 400, caches: 60, imagesPerCache: 5, zipf: 1})
	inv, caches := f.named()
	for i := range caches {
		switch i % 7 {
		case 1:
			caches[i].Status = StatusCreating
		case 2:
			caches[i].Architecture = "arm64"
		case 3:
			caches[i].ExpireTime = now
		}
	}
	inv.Images[5].Platform = "linux/arm64"
	got := New(inv, "linux/amd64", now, DefaultPolicy()).BestCaches(caches, nil)
	var shared, need int64
	full, none, k := 0, 0, 0
	for i, image := range inv.Images {
		if i == 5 {
			continue
		}
		var best, whole int64
		id := ""
		for _, l := range image.Layers {
			whole += f.sizes[l]
		}
		for c := range caches {
			if c%7 >= 1 && c%7 <= 3 {
				continue
			}
			var bytes int64
			for _, l := range image.Layers {
				in := slices.ContainsFunc(f.held[c], func(h int) bool { return h != 5 && slices.Contains(inv.Images[h].Layers, l) })
				if in {
					bytes += f.sizes[l]
				}
			}
			if bytes > best {
				best, id = bytes, caches[c].ID
			}
		}
		if want := (BestCache{image.Reference, id, whole, best}); got.Images[k] != want {
			t.Fatalf("%+v, want %+v", got.Images[k], want)
		}
		k++
		shared, need = shared+best, need+whole
		if best == whole {
			full++
		} else if best == 0 {
			none++
		}
	}
	if got.SharedBytes != shared || got.CompressedBytes != need || got.Full != full || got.None != none || got.Full+got.Partial+got.None != len(got.Images) {
		t.Errorf("totals %+v", got)
	}
	named := New(inv, "linux/amd64", now, DefaultPolicy()).BestCaches(caches, []string{inv.Images[9].Reference, inv.Images[5].Reference})
	if len(named.Images) != 1 || named.Images[0] != got.Images[8] {
		t.Errorf("of two that are named, one of another platform: %+v, want %+v", named.Images, got.Images[8])
	}
	if full == 0 || none == 0 || got.Partial == 0 {
		t.Errorf("the fleet has no case of each: %d, %d, %d", full, got.Partial, none)
	}
}
