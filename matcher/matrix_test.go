package matcher

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// TestMatrixWorked: the images of world, by hand.
func TestMatrixWorked(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	x := m.Matrix([]string{"r.example/a:1", "r.example/a:2", "r.example/c:1", "r.example/zz:1", "r.example/a:1"})
	for name, test := range map[string]struct{ got, want any }{
		"by digest":            {x.DigestBytes, [][]int64{{3, 1, 0}, {1, 5, 0}, {0, 0, 16}}},
		"by chain":             {x.ChainBytes, [][]int64{{3, 1, 0}, {1, 5, 0}, {0, 0, 16}}},
		"by chain, unpacked":   {x.ChainUnpackedBytes, [][]int64{{30, 10, 0}, {10, 50, 0}, {0, 0, 160}}},
		"similarity":           {x.DigestSimilarity, [][]float64{{1, 1. / 7, 0}, {1. / 7, 1, 0}, {0, 0, 1}}},
		"similarity by chain":  {x.ChainSimilarity, [][]float64{{1, 1. / 7, 0}, {1. / 7, 1, 0}, {0, 0, 1}}},
		"the first image":      {x.Images[0].Layers, 2},
		"images":               {len(x.Images), 3},
		"unpacked of the last": {x.Images[2].UnpackedBytes, int64(160)},
	} {
		if fmt.Sprint(test.got) != fmt.Sprint(test.want) {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

// TestMatrixAgainstOverlap: each cell is what Overlap says of the pair, and what
// layers.Sharing says of it.
func TestMatrixAgainstOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := randomWorld(t)
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		refs := references(inv)
		x := m.Matrix(refs)
		for a := range refs {
			for b := range refs {
				o := m.Overlap(refs[a:a+1], refs[b:b+1])
				if x.DigestBytes[a][b] != o.ByDigest.PresentBytes || x.ChainBytes[a][b] != o.ByChain.PresentBytes || x.ChainUnpackedBytes[a][b] != o.UnpackedBytes-o.ByChain.UnpackBytes {
					t.Fatalf("%v on %v: %d, %d, %d; Overlap says %+v", inv.Images[a].Layers, inv.Images[b].Layers, x.DigestBytes[a][b], x.ChainBytes[a][b], x.ChainUnpackedBytes[a][b], o)
				}
				if s := x.DigestSimilarity[a][b]; s < 0 || s > 1 || s != x.DigestSimilarity[b][a] {
					t.Fatalf("similarity %v and %v", s, x.DigestSimilarity[b][a])
				}
			}
			if img := x.Images[a]; x.DigestBytes[a][a] != img.CompressedBytes || x.ChainBytes[a][a] != img.CompressedBytes || x.ChainUnpackedBytes[a][a] != img.UnpackedBytes {
				t.Fatalf("the diagonal of %+v is %d, %d, %d", img, x.DigestBytes[a][a], x.ChainBytes[a][a], x.ChainUnpackedBytes[a][a])
			}
		}
		sharing := inv.Sharing(layers.SharingOptions{}).Sets[0]
		shares := 0
		for _, p := range sharing.Pairs {
			a, b := slices.Index(refs, sharing.Images[p.A].Reference), slices.Index(refs, sharing.Images[p.B].Reference)
			if p.Shared.ByDigest.CompressedBytes != x.DigestBytes[a][b] || p.Shared.ByChain.UnpackedBytes != x.ChainUnpackedBytes[a][b] {
				t.Fatalf("images %d and %d share %+v, the matrix says %d and %d", a, b, p.Shared, x.DigestBytes[a][b], x.ChainUnpackedBytes[a][b])
			}
		}
		for a := range refs {
			for b := range a {
				if x.DigestBytes[a][b] > 0 || x.ChainUnpackedBytes[a][b] > 0 {
					shares++
				}
			}
		}
		if shares != len(sharing.Pairs) {
			t.Fatalf("%d pairs share something, layers.Sharing lists %d", shares, len(sharing.Pairs))
		}
	})
}

// TestNearestWorked: each kind of nearest base, by hand.
func TestNearestWorked(t *testing.T) {
	inv := world()
	image := func(ref string, list ...int) {
		inv.Images = append(inv.Images, layers.Image{Reference: "r.example/" + ref, Digest: layers.Digest(ref), Platform: "linux/amd64", Layers: list})
	}
	image("base:1", 0)
	image("mid:1", 0, 1) // the layers of a:1
	image("app:1", 0, 1, 3)
	image("odd:1", 4, 1)
	image("lone:1", 2)
	image("empty:1")
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	for _, test := range []struct {
		ref   string
		among []string
		want  string
	}{
		{"app:1", nil, "base r.example/a:1, 2 of 3 layers, 3 3 30, same []"},
		{"app:1", []string{"r.example/mid:1", "r.example/base:1"}, "base r.example/mid:1, 2 of 3 layers, 3 3 30, same []"},
		{"app:1", []string{"r.example/b:1", "r.example/a:2"}, "chain r.example/b:1, 1 of 3 layers, 9 1 10, same []"},
		{"app:1", []string{"r.example/odd:1", "r.example/lone:1"}, "digest r.example/odd:1, 0 of 3 layers, 2 0 0, same []"},
		{"app:1", []string{"r.example/app:1", "r.example/c:1", "r.example/empty:1"}, "none , 0 of 3 layers, 0 0 0, same []"},
		{"a:1", nil, "base r.example/base:1, 1 of 2 layers, 1 1 10, same [r.example/mid:1]"},
		{"a:2", []string{"r.example/lone:1", "r.example/b:1"}, "chain r.example/b:1, 1 of 2 layers, 1 1 10, same []"},
		{"base:1", []string{"r.example/app:1"}, "none , 0 of 1 layers, 0 0 0, same []"},
		{"a:1", []string{"r.example/app:1", "r.example/b:1"}, "chain r.example/b:1, 1 of 2 layers, 1 1 10, same []"},
		{"empty:1", nil, "none , 0 of 0 layers, 0 0 0, same []"},
	} {
		n := m.Nearest([]string{"r.example/" + test.ref, "r.example/zz:1"}, test.among)[0]
		got := fmt.Sprintf("%s %s, %d of %d layers, %d %d %d, same %v", n.Kind, n.Base, n.SharedLayers, n.Layers, n.DigestBytes, n.ChainBytes, n.ChainUnpackedBytes, n.SameLayers)
		if got != test.want {
			t.Errorf("%s among %v:\ngot  %s\nwant %s", test.ref, test.among, got, test.want)
		}
	}
}

// TestNearestAgainstAnalyze: where there is a whole base, it is the largest image
// among the bases that layers.Sharing recognises under the image; else it
// recognises none that is an image.
func TestNearestAgainstAnalyze(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := randomWorld(t)
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		set := inv.Sharing(layers.SharingOptions{}).Sets[0]
		for i, n := range m.Nearest(references(inv), nil) {
			depth := 0
			for b := set.Images[i].Base; b != nil; b = set.Bases[*b].Below {
				if base := set.Bases[*b]; base.Image != nil {
					depth = len(inv.Images[*base.Image].Layers)
					break
				}
			}
			if (n.Kind == WholeBase) != (depth > 0) || n.Kind == WholeBase && n.BaseLayers != depth {
				t.Fatalf("%v: nearest %+v, analyze finds a base of %d layers", inv.Images[i].Layers, n, depth)
			}
		}
	})
}

// apps is a seeded world of many images: 20 bases, 200 runtimes, own layers.
func apps(n int) *layers.Inventory {
	inv := &layers.Inventory{}
	layer := func() int {
		i := len(inv.Layers)
		unpacked := int64(3 * (i%977 + 1))
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprint("blob ", i)), CompressedBytes: int64(i%977 + 1), UnpackedBytes: &unpacked, UnpackedSource: layers.Measured})
		return i
	}
	var runtimes [][]int
	for range 20 {
		base := []int{layer(), layer(), layer()}
		for range 10 {
			runtimes = append(runtimes, slices.Concat(base, []int{layer(), layer(), layer()}))
		}
	}
	for i := range n {
		inv.Images = append(inv.Images, layers.Image{
			Reference: fmt.Sprintf("r.example/app%d:1", i), Digest: layers.Digest(fmt.Sprint("image ", i)), Platform: "linux/amd64",
			Layers: slices.Concat(runtimes[i*i%len(runtimes)], []int{layer(), layer(), layer(), layer()}),
		})
	}
	return inv
}

func BenchmarkMatrix(b *testing.B) {
	inv := apps(1000)
	m := New(inv, "linux/amd64", time.Time{}, DefaultPolicy())
	refs := references(inv)
	b.Run("pairs/images=1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Matrix(refs)
		}
	})
	b.Run("nearest/images=1000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Nearest(refs, nil)
		}
	})
	var stores []Holder
	for i := range 100 {
		stores = append(stores, Holder{Name: fmt.Sprint("node-", i), Kind: NodeStore, Images: refs[i*5 : i*5+20]})
	}
	var sets []ImageSet
	for _, ref := range refs {
		sets = append(sets, ImageSet{Name: ref, Images: []string{ref}})
	}
	b.Run("scores/sets=1000/stores=100", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Scores(sets, m.Holdings(stores, true), ScoreOptions{})
		}
	})
}
