package matcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// randomWorld has images of few layers, so that much is shared: some contents
// are stored as two blobs, and a layer may stand twice in an image.
func randomWorld(t *rapid.T) *layers.Inventory {
	inv := &layers.Inventory{}
	for i := range rapid.IntRange(1, 5).Draw(t, "contents") {
		for j := range rapid.IntRange(1, 2).Draw(t, "blobs") {
			unpacked := int64(10 * (i + 1))
			inv.Layers = append(inv.Layers, layers.Layer{
				Digest: layers.Digest(fmt.Sprintf("blob %d%c", i, 'a'+j)), DiffID: layers.Digest(fmt.Sprintf("diff %d", i)),
				CompressedBytes: int64(1+i) << (4 * j), UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
			})
		}
	}
	path := rapid.SliceOfN(rapid.IntRange(0, len(inv.Layers)-1), 0, 4)
	for i := range rapid.IntRange(1, 6).Draw(t, "images") {
		inv.Images = append(inv.Images, layers.Image{
			Reference: fmt.Sprintf("r.example/i%d:1", i), Digest: layers.Digest(fmt.Sprintf("sha256:%064d", i)),
			Platform: "linux/amd64", Layers: path.Draw(t, "layers"),
		})
	}
	return inv
}

func references(inv *layers.Inventory) []string {
	var refs []string
	for _, img := range inv.Images {
		refs = append(refs, img.Reference)
	}
	return refs
}

func randomStore(t *rapid.T, inv *layers.Inventory, name string) Holder {
	s := Holder{Name: name, Kind: rapid.SampledFrom([]string{NodeStore, CacheStore, DiskStore, MirrorStore}).Draw(t, "kind")}
	s.Images = subset(t, references(inv))
	if s.Kind != MirrorStore && rapid.Bool().Draw(t, "says") {
		keep := rapid.Bool().Draw(t, "keeps")
		s.KeepBlobs = &keep
	}
	for _, l := range inv.Layers {
		if rapid.IntRange(0, 3).Draw(t, "single") == 0 {
			s.Layers = append(s.Layers, l.Digest)
		}
	}
	return s
}

// host pulls images layer by layer, as a runtime does: what scores foretell.
type host struct {
	inv                       *layers.Inventory
	unpacked                  map[string]bool
	blobs                     map[layers.Digest]bool
	fetched, unpackedBytes    int64
	downloads, unpackedLayers int
}

func (h *host) pull(ref string) {
	for _, img := range h.inv.Images {
		if img.Reference != ref {
			continue
		}
		below := ""
		for _, l := range img.Layers {
			layer := h.inv.Layers[l]
			below += "/" + string(layer.DiffID)
			if h.unpacked[below] {
				continue
			}
			if !h.blobs[layer.Digest] {
				h.blobs[layer.Digest] = true
				h.fetched += layer.CompressedBytes
				h.downloads++
			}
			h.unpacked[below] = true
			h.unpackedBytes += *layer.UnpackedBytes
			h.unpackedLayers++
		}
	}
}

// hostWith is a host with a store: what it pulled to get there, with and without
// what it keeps.
func hostWith(inv *layers.Inventory, s *Holder, keepBlobs bool) *host {
	if s.KeepBlobs != nil {
		keepBlobs = *s.KeepBlobs
	}
	h := &host{inv: inv, unpacked: map[string]bool{}, blobs: map[layers.Digest]bool{}}
	for _, ref := range s.Images {
		for _, img := range inv.Images {
			below := ""
			for _, l := range img.Layers {
				if img.Reference != ref {
					continue
				}
				below += "/" + string(inv.Layers[l].DiffID)
				if s.Kind != MirrorStore {
					h.unpacked[below] = true
				}
				if s.Kind == MirrorStore || keepBlobs {
					h.blobs[inv.Layers[l].Digest] = true
				}
			}
		}
	}
	for _, d := range s.Layers {
		h.blobs[d] = true
	}
	return h
}

// TestScoresWorked: the stores of world, by hand (see there for the sizes).
func TestScoresWorked(t *testing.T) {
	keep, drop := true, false
	stores := []Holder{
		{Name: "empty", Kind: NodeStore},
		{Name: "keeps", Kind: NodeStore, Images: []string{"r.example/a:2"}, KeepBlobs: &keep},
		{Name: "drops", Kind: NodeStore, Images: []string{"r.example/a:2"}, KeepBlobs: &drop},
		{Name: "mirror", Kind: MirrorStore, Images: []string{"r.example/a:1", "r.example/b:1"}},
		{Name: "blob", Kind: DiskStore, Layers: []layers.Digest{"blob b"}},
		{Name: "stranger", Kind: CacheStore, Images: []string{"r.example/z:1"}, Layers: []layers.Digest{"blob z"}},
	}
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	held := m.Holdings(stores, false)
	got := m.Scores([]ImageSet{{Name: "app", Images: []string{"r.example/a:1", "r.example/b:1", "r.example/y:1"}}}, held, ScoreOptions{})[0]
	// The set needs base 1, a1 2, b 8: 11 compressed, 110 unpacked.
	var lines []string
	for _, s := range got.Scores {
		lines = append(lines, fmt.Sprintf("%s fetch %d in %d, unpack %d, by digest %d, by chain %d", s.Store, s.FetchBytes, s.FetchLayers, s.UnpackBytes, s.Overlap.ByDigest.PresentBytes, s.Overlap.ByChain.PresentBytes))
	}
	want := []string{
		"mirror fetch 0 in 0, unpack 110, by digest 11, by chain 0",
		"blob fetch 3 in 2, unpack 110, by digest 8, by chain 0",
		"drops fetch 10 in 2, unpack 100, by digest 0, by chain 1",
		"keeps fetch 10 in 2, unpack 100, by digest 1, by chain 1",
		"empty fetch 11 in 3, unpack 110, by digest 0, by chain 0",
		"stranger fetch 11 in 3, unpack 110, by digest 0, by chain 0",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if !slices.Equal(got.Unknown, []string{"r.example/y:1"}) || !slices.Equal(held[5].Unknown, []string{"r.example/z:1", "blob z"}) {
		t.Errorf("unknown are %v and %v", got.Unknown, held[5].Unknown)
	}
	if s := got.Scores[2]; s.SparedFetchFraction != 1.0/11 || s.SparedUnpackFraction != 10.0/110 || s.Pull != nil || s.Saved != nil {
		t.Errorf("got %+v", s)
	}
}

// TestScoreSeconds: an unknown time is absent, the order goes by time only where
// all are known, and a mirror's is marked as the best that can be.
func TestScoreSeconds(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	held := m.Holdings([]Holder{
		{Name: "all", Kind: NodeStore, Images: []string{"r.example/a:1"}}, {Name: "slow", Kind: NodeStore},
		{Name: "mirror", Kind: MirrorStore},
	}, true)
	times := map[string]time.Duration{"": 10 * time.Second, "all": 4 * time.Second, "slow": 12 * time.Second, "mirror": time.Second}
	order := func(known func(string) bool) (names []string, scores []Score) {
		got := m.Scores([]ImageSet{{Name: "app", Images: []string{"r.example/a:1"}}}, held, ScoreOptions{Seconds: func(set *ImageSet, h *Holding) *time.Duration {
			name := ""
			if h != nil {
				name = h.Store
			}
			if d := times[name]; known(name) {
				return &d
			}
			return nil
		}})
		for _, s := range got[0].Scores {
			names = append(names, s.Store)
		}
		return names, got[0].Scores
	}
	names, scores := order(func(string) bool { return true })
	if !slices.Equal(names, []string{"mirror", "all", "slow"}) || *scores[1].Saved != 6*time.Second || *scores[2].Saved != -2*time.Second || !scores[0].AtBest || scores[1].AtBest {
		t.Errorf("got %v", names)
	}
	names, scores = order(func(name string) bool { return name != "mirror" })
	if !slices.Equal(names, []string{"all", "mirror", "slow"}) || scores[1].Pull != nil || scores[1].Saved != nil || scores[1].AtBest {
		t.Errorf("with one time unknown, got %v", names)
	}
	if _, scores = order(func(name string) bool { return name != "" }); scores[0].Pull == nil || scores[0].Saved != nil {
		t.Errorf("without the cold time, what is saved is unknown: %+v", scores[0])
	}
}

// TestScoresAgainstHost: a score is what a host with the store then pulls.
func TestScoresAgainstHost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := randomWorld(t)
		keepBlobs := rapid.Bool().Draw(t, "profile keeps")
		stores := []Holder{randomStore(t, inv, "x"), randomStore(t, inv, "y")}
		set := ImageSet{Name: "app", Images: subset(t, references(inv))}
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		cold := &host{inv: inv, unpacked: map[string]bool{}, blobs: map[layers.Digest]bool{}}
		for _, ref := range set.Images {
			cold.pull(ref)
		}
		scores := m.Scores([]ImageSet{set}, m.Holdings(stores, keepBlobs), ScoreOptions{})[0].Scores
		for _, s := range scores {
			i := slices.IndexFunc(stores, func(x Holder) bool { return x.Name == s.Store })
			h := hostWith(inv, &stores[i], keepBlobs)
			for _, ref := range set.Images {
				h.pull(ref)
			}
			if s.FetchBytes != h.fetched || s.FetchLayers != h.downloads || s.UnpackBytes != h.unpackedBytes {
				t.Fatalf("%+v: score %+v, the host fetches %d in %d and unpacks %d", stores[i], s, h.fetched, h.downloads, h.unpackedBytes)
			}
			o := &s.Overlap
			if o.CompressedBytes != cold.fetched || o.UnpackedBytes != cold.unpackedBytes {
				t.Fatalf("the need is %+v, a host with nothing fetches %d and unpacks %d", o, cold.fetched, cold.unpackedBytes)
			}
			for name, share := range map[string]Share{"digest": o.ByDigest, "chain": o.ByChain} {
				if share.PresentBytes+share.FetchBytes != o.CompressedBytes {
					t.Fatalf("by %s: %d present and %d missing are not %d", name, share.PresentBytes, share.FetchBytes, o.CompressedBytes)
				}
			}
			if s.SparedFetchFraction < 0 || s.SparedFetchFraction > 1 || s.SparedUnpackFraction < 0 || s.SparedUnpackFraction > 1 {
				t.Fatalf("fractions are %v and %v", s.SparedFetchFraction, s.SparedUnpackFraction)
			}
			if s.Kind == MirrorStore && s.UnpackBytes != o.UnpackedBytes {
				t.Fatalf("a mirror spares unpacking: %+v", s)
			}
			if s.FetchBytes > min(o.ByDigest.FetchBytes, o.ByChain.FetchBytes) {
				t.Fatalf("%+v fetches what is present", s)
			}
		}
	})
}

// TestScoreGrows: adding to a store never lowers its score, and one that holds
// everything leaves nothing to fetch.
func TestScoreGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := randomWorld(t)
		less := randomStore(t, inv, "less")
		more := less
		more.Name = "more"
		more.Images = slices.Concat(less.Images, subset(t, references(inv)))
		all := less
		all.Name, all.Images = "all", references(inv)
		keepBlobs := rapid.Bool().Draw(t, "profile keeps")
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		scores := m.Scores([]ImageSet{{Name: "app", Images: subset(t, references(inv))}}, m.Holdings([]Holder{less, more, all}, keepBlobs), ScoreOptions{})[0].Scores
		by := make(map[string]Score)
		for _, s := range scores {
			by[s.Store] = s
		}
		for _, pair := range [][2]string{{"less", "more"}, {"more", "all"}} {
			x, y := by[pair[0]], by[pair[1]]
			if y.SparedFetchFraction < x.SparedFetchFraction || y.SparedUnpackFraction < x.SparedUnpackFraction || y.FetchLayers > x.FetchLayers {
				t.Fatalf("%s has %+v, %s has %+v", pair[0], x, pair[1], y)
			}
		}
		if by["all"].FetchBytes != 0 || less.Kind != MirrorStore && by["all"].UnpackBytes != 0 {
			t.Fatalf("a store of everything leaves %+v", by["all"])
		}
	})
}

// TestHoldingOfCache: a cache holds what its tags meant when it was built.
func TestHoldingOfCache(t *testing.T) {
	inv := world()
	moved := inv.Images[1]
	moved.Reference, moved.From = "r.example/a:1", now.Add(-day)
	inv.Images = append(inv.Images, moved)
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	c := cache("old", 30, 2*day, "a:1", "z:1")
	c.Contents = []Content{{"r.example/a:1", string(inv.Images[0].Digest)}}
	h := m.HoldingOf(&c, true)
	if !slices.Contains(h.Images, 0) || !slices.Equal(h.Unknown, []string{"r.example/z:1"}) || h.Store != "old" || h.Kind != CacheStore {
		t.Errorf("got %+v", h)
	}
}

func TestReadHolders(t *testing.T) {
	header := "apiVersion: cachebench/v1\nkind: Stores\nstores:\n"
	digest := "sha256:" + strings.Repeat("a", 64)
	for _, test := range []struct{ name, text, want string }{
		{"good", "- {name: n, kind: node, images: [a:1], layers: ['" + digest + "'], keepBlobs: false}\n- {name: m, kind: mirror}", ""},
		{"no store", "", "no store is listed"},
		{"twice", "- {name: n, kind: node}\n- {name: n, kind: disk}", `s.yaml:5: stores[1].name: duplicate store "n"`},
		{"no kind", "- {name: n}", "the key kind is missing"},
		{"unknown kind", "- {name: n, kind: pod}", "is not one of node, cache, disk, mirror"},
		{"a mirror unpacked", "- {name: m, kind: mirror, keepBlobs: false}", "s.yaml:4: stores[0].keepBlobs: store \"m\" is a mirror"},
		{"no digest", "- {name: n, kind: node, layers: [sha256:12]}", "s.yaml:4: stores[0].layers[0]: store \"n\": digest \"sha256:12\" is not"},
		{"unknown key", "- {name: n, kind: node, image: [a:1]}", "did you mean images?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := ReadHolders("s.yaml", []byte(header+test.text))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "" && (len(s.Stores) != 2 || s.Stores[0].KeepBlobs == nil || *s.Stores[0].KeepBlobs || s.Stores[1].KeepBlobs != nil):
				t.Errorf("got %+v", s)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzReadHolders(f *testing.F) {
	f.Add([]byte("apiVersion: cachebench/v1\nkind: Stores\nstores:\n- {name: n, kind: node, images: [a:1], layers: [x]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadHolders("s.yaml", data)
		if err != nil {
			return
		}
		for _, store := range s.Stores {
			for _, d := range store.Layers {
				if d.Validate() != nil {
					t.Errorf("store %s holds %q", store.Name, d)
				}
			}
		}
	})
}
