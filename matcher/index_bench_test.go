package matcher

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// merged answers a query by merging its sorted layers with every cache's.
func merged(sizes []int64, caches [][]uint32, image []uint32) Best {
	best := Best{Cache: -1}
	for c, held := range caches {
		var shared int64
		for i, j := 0, 0; i < len(image) && j < len(held); {
			switch {
			case image[i] < held[j]:
				i++
			case image[i] > held[j]:
				j++
			default:
				shared += sizes[image[i]]
				i++
				j++
			}
		}
		if shared > best.SharedBytes {
			best = Best{c, shared}
		}
	}
	return best
}

// postings is the plain inverted index: the caches of each layer, added up.
type postings struct {
	sizes  []int64
	lists  [][]uint32
	shared []int64
	met    []uint32
}

func newPostings(sizes []int64, caches [][]uint32) *postings {
	p := &postings{sizes: sizes, lists: make([][]uint32, len(sizes)), shared: make([]int64, len(caches))}
	for c, held := range caches {
		for _, l := range held {
			p.lists[l] = append(p.lists[l], uint32(c))
		}
	}
	return p
}

func (p *postings) best(image []uint32) Best {
	p.met = p.met[:0]
	for _, l := range image {
		for _, c := range p.lists[l] {
			if p.shared[c] == 0 {
				p.met = append(p.met, c)
			}
			p.shared[c] += p.sizes[l]
		}
	}
	best := Best{Cache: -1}
	for _, c := range p.met {
		if s := p.shared[c]; s > best.SharedBytes || s == best.SharedBytes && int(c) < best.Cache {
			best = Best{int(c), s}
		}
		p.shared[c] = 0
	}
	return best
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// onHeap is what make leaves on the heap, in MiB.
func onHeap[T any](make func() T) (T, float64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	made := make()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return made, float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / (1 << 20)
}

// digestsOf gives every layer a digest.
func digestsOf(sizes []int64) []layers.Digest {
	digests := make([]layers.Digest, len(sizes))
	for l := range digests {
		digests[l] = layers.Digest(fmt.Sprintf("sha256:%064x", uint64(l)*0x9e3779b97f4a7c15))
	}
	return digests
}

// BenchmarkIndex asks, for each image of the fleet, which cache shares most bytes
// with it, on one thread, in four ways that take turns: merging the sorted layers
// of the image with those of all caches, plain inverted postings, the Index, and
// the whole fleet at once. Its metrics are medians over the iterations. Run it as
//
//	go test ./matcher -run '^$' -bench 'Index' -benchtime 7x
func BenchmarkIndex(b *testing.B) {
	for _, test := range []struct {
		name  string
		shape fleetShape
	}{
		{"fleet=zipf", theFleet},
		{"fleet=by-app", fleetShape{images: 100_000, caches: 10_000, imagesPerCache: 6, zipf: 1, byApp: true}},
		{"fleet=even", fleetShape{images: 100_000, caches: 10_000, imagesPerCache: 6}},
		{"fleet=few-large", fleetShape{images: 100_000, caches: 200, imagesPerCache: 20, zipf: 1}},
	} {
		b.Run(test.name, func(b *testing.B) { benchIndex(b, newFleet(test.shape)) })
	}
}

func benchIndex(b *testing.B, f *fleet) {
	b.Log(f)
	previous := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(previous)
	digests := digestsOf(f.sizes)
	without, bare := onHeap(func() *Index { return NewIndex(f.sizes, nil, f.caches) })
	x, whole := onHeap(func() *Index { return NewIndex(f.sizes, digests, f.caches) })
	_, images := onHeap(func() [][]uint32 { return packed(f.images) })
	runtime.KeepAlive(without)
	runtime.KeepAlive(digests)
	search, plain := x.Search(), newPostings(f.sizes, f.caches)
	answers := make([]Best, len(f.images))
	checkFleet(b, f, search, plain, answers)
	arms := []struct {
		name    string
		queries int
		run     func(n int)
	}{
		{"merge", 60, func(n int) { each(f.images[:n], func(i []uint32) { merged(f.sizes, f.caches, i) }) }},
		{"postings", 10_000, func(n int) { each(f.images[:n], func(i []uint32) { plain.best(i) }) }},
		{"index", len(f.images), func(n int) { each(f.images[:n], func(i []uint32) { search.Best(i) }) }},
		{"whole", len(f.images), func(n int) { search.BestOfAll(f.images[:n], answers) }},
	}
	fresh, other := f.more(changed), NewIndex(f.sizes, digests, f.caches)
	took := make([][]time.Duration, len(arms))
	var builds, changes []time.Duration
	for b.Loop() {
		for i := range arms {
			took[i] = append(took[i], cpu(func() { arms[i].run(arms[i].queries) }))
		}
		builds = append(builds, cpu(func() { NewIndex(f.sizes, nil, f.caches) }))
		changes = append(changes, cpu(func() { addAndRemove(other, f, fresh, digests) }))
	}
	rate := make([]float64, len(arms))
	for i := range arms {
		rate[i] = float64(arms[i].queries) / middle(took[i]).Seconds()
		b.ReportMetric(rate[i], arms[i].name+"/CPU-s")
	}
	b.ReportMetric(rate[2]/rate[0], "index/merge")
	b.ReportMetric(rate[2]/rate[1], "index/postings")
	b.ReportMetric(rate[3]/rate[1], "whole/postings")
	b.ReportMetric(rate[3]/rate[2], "whole/index")
	b.ReportMetric(float64(middle(builds))/1e6, "build-CPU-ms")
	b.ReportMetric(float64(middle(changes))/1e3/changed, "add+remove-CPU-us")
	b.ReportMetric(bare, "index-MiB")
	b.ReportMetric(images, "images-MiB")
	b.ReportMetric(whole-bare, "digests-MiB")
	b.ReportMetric(0, "ns/op")
}

// changed is how many caches addAndRemove enters and takes out again.
const changed = 1000

func addAndRemove(x *Index, f *fleet, fresh [][]uint32, digests []layers.Digest) {
	for _, held := range fresh {
		x.Remove(x.Add(f.sizes, digests, held))
	}
}

// packed are sets in one piece of memory, as a program would keep them.
func packed(sets [][]uint32) [][]uint32 {
	n := 0
	for _, s := range sets {
		n += len(s)
	}
	all, copies := make([]uint32, 0, n), make([][]uint32, len(sets))
	for i, s := range sets {
		from := len(all)
		all = append(all, s...)
		copies[i] = all[from:len(all):len(all)]
	}
	return copies
}

func each(images [][]uint32, do func([]uint32)) {
	for _, image := range images {
		do(image)
	}
}

// checkFleet holds the answers of every way to each other, and of thousands of
// images to the plain scan of all caches.
func checkFleet(b *testing.B, f *fleet, search *Search, plain *postings, answers []Best) {
	search.BestOfAll(f.images, answers)
	for i, image := range f.images {
		if got := search.Best(image); got != answers[i] || got != plain.best(image) {
			b.Fatalf("image %d: index %v, whole fleet %v, postings %v", i, got, answers[i], plain.best(image))
		}
		if i%50 == 0 {
			if got, want := answers[i], merged(f.sizes, f.caches, image); got != want {
				b.Fatalf("image %d: %v, want %v", i, got, want)
			}
		}
	}
}

// BenchmarkPicker asks which cache ECI would pick, by its full order, for groups
// of three images of the fleet: one that some cache holds and two of any. by=name
// has the groups made ready, as the Index has its layers; by=text starts at the
// references of a Group; rank=all orders all caches, as an explanation does.
func BenchmarkPicker(b *testing.B) {
	f := newFleet(theFleet)
	inv, caches := f.named()
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	p, mib := onHeap(func() *Picker { return m.Picker(caches) })
	groups, queries := f.groups(inv, 5000), []*Query{}
	for _, g := range groups {
		queries = append(queries, p.Query(g))
	}
	for i := 0; i < len(groups); i += 100 {
		want := -1
		if first := m.Rank(groups[i], caches)[0]; first.Qualified {
			want = slices.IndexFunc(caches, func(c Cache) bool { return c.ID == first.CacheID })
		}
		if got := p.Pick(queries[i]); got != want {
			b.Fatalf("group %v: picked %d, the first of all is %d", groups[i].Images, got, want)
		}
	}
	run := func(name string, do func(i int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			took := cpu(func() {
				for b.Loop() {
					do(n % len(groups))
					n++
				}
			})
			b.ReportMetric(float64(n)/took.Seconds(), "groups/CPU-s")
		})
	}
	b.Logf("%.1f MiB", mib)
	run("by=name", func(i int) { p.Pick(queries[i]) })
	run("by=text", func(i int) { p.Pick(p.Query(groups[i])) })
	run("answer=whole", func(i int) { p.Match(groups[i]) })
	run("rank=all", func(i int) { m.Rank(groups[i], caches) })
}

// groups are n groups of three images, the first of which some cache holds.
func (f *fleet) groups(inv *layers.Inventory, n int) []Group {
	rng := rand.New(rand.NewPCG(7, 8))
	groups := make([]Group, n)
	for i := range groups {
		held := f.held[rng.IntN(len(f.held))]
		for _, k := range []int{held[rng.IntN(len(held))], rng.IntN(len(f.images)), rng.IntN(len(f.images))} {
			groups[i].Images = append(groups[i].Images, inv.Images[k].Reference)
		}
	}
	return groups
}
