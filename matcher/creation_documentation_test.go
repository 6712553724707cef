package matcher

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// TestDocumentationOfCreation: what the official documentation says about making a
// cache, one statement a case, by the sections of the fact sheet. world's layers
// have ten times their compressed bytes unpacked; grow makes c:1 one of a size.
func TestDocumentationOfCreation(t *testing.T) {
	grow := func(compressedGiB, unpackedGiB int64) func(*layers.Inventory) {
		return func(inv *layers.Inventory) {
			unpacked := unpackedGiB * bytesPerGiB
			inv.Layers[4].CompressedBytes, inv.Layers[4].UnpackedBytes = compressedGiB*bytesPerGiB, &unpacked
		}
	}
	sized := func(sizeGiB float64, images ...string) NewCache {
		c := of(images...)
		c.SizeGiB = sizeGiB
		return c
	}
	many := func(n int) NewCache {
		var images []string
		for i := range n {
			images = append(images, fmt.Sprintf("many%02d:1", i))
		}
		return of(images...)
	}
	for _, s := range []struct {
		section, says string
		change        func(*layers.Inventory)
		new           NewCache
		caches        []Cache
		holds         func(*Creation) bool
	}{
		{"§1.2, S2", "a manual cache's default size is 20 GiB", nil, of("a:1"), nil,
			func(c *Creation) bool { return c.Caches[0].SizeGiB == 20 }},
		{"§1.2, S2", "the size can be set", nil, sized(64, "a:1"), nil,
			func(c *Creation) bool { return c.Caches[0].SizeGiB == 64 && c.Caches[0].Fails == "" }},
		{"§1.2, S2", "layer reuse and Flash are there for manual caches: all four variants are answered", nil, of("a:1"), []Cache{manual("base", "a:1")},
			func(c *Creation) bool { return len(c.Caches[0].Times) == 4 }},
		{"§1.2 (S2 says only that an automatic cache reuses none)", "an automatic cache may lend its layers, and is marked", nil, of("a:1"), []Cache{automaticOf("auto", "a:1")},
			func(c *Creation) bool { return c.Caches[0].Bases[0] == "auto" && c.Caches[0].Candidates[0].Automatic }},
		{"§1.4, S5 and S7", "images larger than the cache: the creation fails", grow(10, 25), sized(24, "c:1"), nil,
			func(c *Creation) bool { return c.Caches[0].Fails != "" }},
		{"§1.4", "the relevant size is the unpacked one: 10 GiB compressed fit in 24 GiB, 25 unpacked do not", grow(10, 23), sized(24, "c:1"), nil,
			func(c *Creation) bool { return c.Caches[0].Fails == "" }},
		{"§1.4, S5 and S7", "estimate before creating: the size suggested holds the images", grow(10, 25), of("c:1"), nil,
			func(c *Creation) bool { return c.Caches[0].Fails == "" && c.Caches[0].SizeGiB >= 25 }},
		{"§1.4, S13", "rule of thumb: at least twice the image size", grow(17, 25), of("c:1"), nil,
			func(c *Creation) bool { return c.Caches[0].ThumbGiB == 34 && c.Caches[0].SizeGiB != 34 }},
		{"§1.4, S21", "an image takes at least twice its compressed size: also one of unknown unpacked size", func(inv *layers.Inventory) {
			inv.Layers[4].CompressedBytes, inv.Layers[4].UnpackedBytes, inv.Layers[4].UnpackedSource = 30*bytesPerGiB, nil, ""
		}, of("c:1"), nil, func(c *Creation) bool { return c.Caches[0].SizeGiB >= 60 }},
		{"§1.4, S12 and S13", "a cache has at most 32768 GiB", grow(10_000, 40_000), of("c:1"), nil,
			func(c *Creation) bool {
				return strings.Contains(c.Caches[0].Fails, "at most 32768 GiB") && c.Caches[0].SizeGiB <= 32768
			}},
		{"§1.4, S2 and S41", "up to 20 images in a cache", nil, many(20), nil, func(c *Creation) bool { return len(c.Caches) == 1 && c.Split == "" }},
		{"§1.4, S2 and S41", "and not 21", nil, many(21), nil,
			func(c *Creation) bool { return len(c.Caches) == 2 && strings.Contains(c.Split, "at most 20 images") }},
		{"§1.8, S1 and S7", "an existing cache that shares layers lends them", nil, of("a:1"), []Cache{manual("base", "b:1")},
			func(c *Creation) bool {
				return c.Caches[0].Bases[0] == "base" && c.Caches[0].Overlap.ByDigest.PresentLayers == 1
			}},
		{"§1.8, S1 and S7", "so the build is faster", nil, of("a:1"), []Cache{manual("base", "b:1")},
			func(c *Creation) bool { return *c.Caches[0].Times[1].Until < *c.Caches[0].Times[0].Until }},
		{"§1.8, S7", "reuse is off by default: a creation without it is told as well", nil, of("a:1"), []Cache{manual("base", "a:1")},
			func(c *Creation) bool { return !c.Caches[0].Times[0].Reuse && c.Caches[0].Times[1].Reuse }},
		{"§1.8, S12", "duplicate layers are what counts, not names: same repository, no layer in common", func(inv *layers.Inventory) { inv.Images[1].Layers = []int{2} },
			of("a:1"), []Cache{manual("namesake", "a:2")}, func(c *Creation) bool { return len(c.Caches[0].Bases) == 0 }},
	} {
		t.Run(s.section+": "+s.says, func(t *testing.T) {
			inv := world()
			for i := range 21 {
				inv.Images = append(inv.Images, layers.Image{Reference: fmt.Sprintf("r.example/many%02d:1", i), Platform: "linux/amd64", Layers: []int{0, 1}})
			}
			if s.change != nil {
				s.change(inv)
			}
			m := New(inv, "linux/amd64", now, DefaultPolicy())
			creation, err := m.Create(s.new, s.caches, perByte(m))
			if err != nil {
				t.Fatal(err)
			}
			if !s.holds(creation) {
				t.Errorf("not so: %+v", creation.Caches)
			}
		})
	}
}

// randomBases are up to 6 caches of images of a random Inventory.
func randomBases(t *rapid.T) (inv *layers.Inventory, wanted []string, caches []Cache) {
	inv = &layers.Inventory{}
	for i := range 8 {
		bytes := int64(rapid.IntRange(0, 9).Draw(t, "bytes"))
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprint("blob ", i)), DiffID: layers.Digest(fmt.Sprint("diff ", i)), CompressedBytes: bytes, UnpackedBytes: &bytes, UnpackedSource: layers.Measured})
	}
	var refs []string
	path := rapid.SliceOfNDistinct(rapid.IntRange(0, 7), 1, 4, rapid.ID[int])
	for i := range 8 {
		refs = append(refs, fmt.Sprintf("r.example/i%d:1", i))
		inv.Images = append(inv.Images, layers.Image{Reference: refs[i], Digest: layers.Digest(fmt.Sprintf("sha256:%064d", i)), Platform: "linux/amd64", Layers: path.Draw(t, "path")})
	}
	images := rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 4, rapid.ID[string])
	for i := range rapid.IntRange(0, 6).Draw(t, "caches") {
		caches = append(caches, Cache{
			ID: fmt.Sprint("c", i), Images: images.Draw(t, "held"), SizeGiB: 20, CreationTime: now.Add(-day),
			Status: rapid.SampledFrom([]string{StatusReady, StatusReady, StatusCreating}).Draw(t, "status"),
		})
	}
	return inv, images.Draw(t, "wanted"), caches
}

// TestBaseSharesMost, against a plain count of layers: no usable cache shares more
// bytes than the base; what the base holds is not downloaded, all else is; several
// bases spare what all usable caches together hold.
func TestBaseSharesMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, wanted, caches := randomBases(t)
		layersOf := func(refs []string) map[int]bool {
			set := make(map[int]bool)
			for _, img := range inv.Images {
				for _, ref := range refs {
					if img.Reference == ref {
						for _, l := range img.Layers {
							set[l] = true
						}
					}
				}
			}
			return set
		}
		shared := func(held map[int]bool) (bytes int64) {
			for l := range layersOf(wanted) {
				if held[l] {
					bytes += inv.Layers[l].CompressedBytes
				}
			}
			return bytes
		}
		most, union, need := int64(0), make(map[int]bool), shared(layersOf(wanted))
		for _, c := range caches {
			if c.Status != StatusReady {
				continue
			}
			held := layersOf(c.Images)
			most = max(most, shared(held))
			for l := range held {
				union[l] = true
			}
		}
		several := DefaultPolicy()
		several.ReuseSeveral = true
		for _, test := range []struct {
			policy Policy
			want   int64
		}{{DefaultPolicy(), most}, {several, shared(union)}} {
			creation, err := New(inv, "linux/amd64", now, test.policy).Create(NewCache{Groups: [][]string{wanted}}, caches, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := creation.Caches[0].Overlap
			if o.ByDigest.PresentBytes != test.want || o.ByDigest.FetchBytes != need-test.want || o.CompressedBytes != need {
				t.Fatalf("several %v: %d bytes reused, %d downloaded of %d; want %d of %d", test.policy.ReuseSeveral, o.ByDigest.PresentBytes, o.ByDigest.FetchBytes, o.CompressedBytes, test.want, need)
			}
		}
	})
}
