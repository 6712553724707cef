package simulate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/race"
)

// run simulates once and returns the engine as it is left.
func (r *randomRun) run(t *rapid.T, starts []Start) ([]Startup, *engine) {
	w, err := newWorld(r.inv, r.profile)
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.Clone(starts)
	slices.SortStableFunc(sorted, func(x, y Start) int { return compareStarts(&x, &y) })
	startups := make([]Startup, len(sorted))
	e := newEngine(w, &r.options, 0, func(i int, s *Startup) { startups[i] = s.clone() })
	err = e.run(context.Background(), func(yield func(int, *Start) bool) {
		for i := range sorted {
			if !yield(i, &sorted[i]) {
				return
			}
		}
	})
	if err != nil && strings.Contains(err.Error(), "failed 10000 times") {
		return nil, nil // a client without patience, by chance
	}
	if err != nil {
		t.Fatal(err)
	}
	return startups, e
}

// TestInvariants: whatever is simulated, times, phases, spans and bytes are sound
// and nothing is left behind.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		startups, e := r.run(t, r.starts)
		if startups == nil {
			return
		}
		for i := range startups {
			if err := sound(&startups[i]); err != nil {
				t.Fatalf("start %d: %v", i, err)
			}
		}
		if err := e.idle(); err != nil {
			t.Fatal(err)
		}
		r.checkBytes(t, startups)
		r.checkSent(t, startups, e)
	})
}

// checkSent: what the registry's link has carried was fetched, or wasted.
func (r *randomRun) checkSent(t *rapid.T, startups []Startup, e *engine) {
	for _, setup := range r.options.Nodes {
		if len(setup.Daemon) > 0 {
			return // whose bytes are in no result
		}
	}
	if math.IsInf(float64(r.profile.Network.top()), 1) {
		return
	}
	sent, want, most := e.net.Carried(e.top), 0.0, 100.0
	for i := range startups {
		want += float64(startups[i].FetchedBytes + startups[i].WastedBytes)
		most += 12 * float64(startups[i].Retries) // a byte for each transfer that broke off
	}
	if math.Abs(sent-want) > most+1e-6*want {
		t.Fatalf("%.0f bytes were sent, %.0f fetched or wasted", sent, want)
	}
}

// TestInstanceIsNode: a start on an instance of its own takes what it takes on a
// node that keeps what it holds, if it is the first there; the engine goes two
// ways.
func TestInstanceIsNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		p := r.profile
		p.Network.RegistryRequests.Value, p.Network.ErrorFraction.Value = math.Inf(1), 0
		p.Pull.MaxParallelPulls.Value = 1000
		p.Node.Boot, p.Node.DiskGiB.Value, r.options.Faults, r.options.Nodes = Parameter[time.Duration]{}, 1e6, nil, nil
		s := r.starts[0]
		s.Node, s.NodeClass = "", ""
		alone, _ := r.run(t, []Start{s})
		s.Node = "n"
		node, _ := r.run(t, []Start{s})
		x, y := alone[0], node[0]
		if d := (x.Ready - y.Ready).Abs(); d > 200*time.Nanosecond {
			t.Fatalf("alone %v\n%+v\non a node %v\n%+v", x.Ready, x, y.Ready, y)
		}
		if x.FetchedBytes != y.FetchedBytes || x.UnpackedBytes != y.UnpackedBytes || x.Hit != y.Hit || x.LayersReused != y.LayersReused {
			t.Fatalf("alone\n%+v\non a node\n%+v", x, y)
		}
	})
}

// idle says what an engine holds after everything has ended.
func (e *engine) idle() error {
	switch {
	case e.net.NextAt() != math.MaxInt64:
		return fmt.Errorf("the network holds a flow")
	case e.pulls.Len() > 0:
		return fmt.Errorf("%d of %d pulls are under way", e.pulls.Len(), e.pulls.Used())
	case e.startups.Len() > 0:
		return fmt.Errorf("%d of %d startups are under way", e.startups.Len(), e.startups.Used())
	case e.own.Len() > 0 || e.orders.Len() > 0:
		return fmt.Errorf("steps or orders of pulls are left: %d, %d", e.own.Len(), e.orders.Len())
	case len(e.troubles) > 0 || len(e.wide) > 0 || len(e.tracked) > 0:
		return fmt.Errorf("left: parts of layers %v, bits %v, traces %v", e.troubles, e.wide, e.tracked)
	}
	for _, id := range e.named {
		if err := e.nodes[id].idle(e); err != nil {
			return fmt.Errorf("node %s: %w", e.nodes[id].name, err)
		}
	}
	return nil
}

func (n *node) idle(e *engine) error {
	switch {
	case n.free != n.class.Pull.MaxConcurrentDownloads.Value:
		return fmt.Errorf("%d download slots are free", n.free)
	case n.unpackSlots != n.class.Unpack.MaxConcurrent.Value || len(n.unpackLine) > 0:
		return fmt.Errorf("%d slots to unpack are free, in line %v", n.unpackSlots, n.unpackLine)
	case n.pulling != 0 || len(n.turns) > 0 || len(n.queue) > 0 || len(n.active) > 0 || len(n.contenders) > 0:
		return fmt.Errorf("pulling %d, turns %v, queue %v, active %v, contenders %v", n.pulling, n.turns, n.queue, n.active, n.contenders)
	case n.unpack.Tasks() > 0 || n.fetching:
		return fmt.Errorf("%d unpacks, fetching %v", n.unpack.Tasks(), n.fetching)
	case len(e.net.FlowsOf(n.net)) > 0:
		return fmt.Errorf("it has flows")
	}
	return n.ledger(e)
}

// ledger compares what a node keeps with the images that it holds.
func (n *node) ledger(e *engine) error {
	chains, blobs := map[int]int{}, map[int]int{}
	var miscounted error
	n.images.images.All(func(image int32, h heldImage) {
		if h.users < 0 {
			miscounted = fmt.Errorf("image %d has %d users", image, h.users)
		}
		here := map[int]bool{}
		for j, l := range e.w.inv.Images[image].Layers {
			chains[int(e.w.chainIDs[image][j])]++
			if n.class.keep && !here[l] {
				here[l] = true
				blobs[l]++
			}
		}
	})
	if miscounted != nil {
		return miscounted
	}
	var bytes int64
	for c, size := range e.w.chainBytes {
		x, bit := n.chainAt(e, int32(c))
		state := x.state(bit)
		if int(x.refs) != chains[c] || (state == present) != (chains[c] > 0) || x.claimed != 0 {
			return fmt.Errorf("chain %d: %d references, state %d; %d images have it", c, x.refs, state, chains[c])
		}
		if state == present {
			bytes += size
		}
	}
	for l := range e.w.layers {
		x, bit := n.blobAt(e, int32(l))
		state := x.state(bit)
		if int(x.refs) != blobs[l] || x.claimed != 0 || state == present && blobs[l] == 0 {
			return fmt.Errorf("blob %d: %d references, state %d; %d images have it", l, x.refs, state, blobs[l])
		}
		if state == present {
			bytes += e.w.layers[l].compressed
		}
	}
	if bytes != n.bytes {
		return fmt.Errorf("it counts %d bytes and has %d", n.bytes, bytes)
	}
	return nil
}

// store is what a machine has, reckoned by contents: chains as the contents from
// the base up, blobs by digest.
type store struct {
	chains, blobs map[string]bool
}

func newStore() store { return store{map[string]bool{}, map[string]bool{}} }

// add pulls an image, or puts it there, and returns what that fetches and unpacks.
func (r *randomRun) add(s store, image int, keep bool) (fetched, unpacked int64) {
	chain, here := "", map[string]bool{}
	for _, l := range r.inv.Images[image].Layers {
		layer := &r.inv.Layers[l]
		chain += "/" + string(layer.DiffID)
		if s.chains[chain] {
			continue
		}
		s.chains[chain] = true
		unpacked += *layer.UnpackedBytes
		if digest := string(layer.Digest); !s.blobs[digest] && !here[digest] {
			here[digest] = true
			fetched += layer.CompressedBytes
		}
	}
	if keep {
		for _, l := range r.inv.Images[image].Layers {
			s.blobs[string(r.inv.Layers[l].Digest)] = true
		}
	}
	return fetched, unpacked
}

// checkBytes: a start on an instance of its own fetches and unpacks what its
// images need beyond what it finds. All starts on a node that keeps what it has
// fetch what it lacks, once. One that never pulls fetches nothing; on an instance of
// its own it is void unless its cache holds its images.
func (r *randomRun) checkBytes(t *rapid.T, startups []Startup) {
	sorted := slices.Clone(r.starts)
	slices.SortStableFunc(sorted, func(x, y Start) int { return compareStarts(&x, &y) })
	for i, s := range sorted {
		class, err := r.profile.Class(s.NodeClass)
		if err != nil {
			t.Fatal(err)
		}
		if s.PullPolicy == "Never" {
			absent := slices.ContainsFunc(s.Images, func(i int) bool { return s.CacheID == "" || !slices.Contains(s.Held, i) })
			if got := startups[i]; got.FetchedBytes != 0 || got.UnpackedBytes != 0 || s.Node == "" && (got.Void != "") != absent {
				t.Fatalf("start %d never pulls: %+v", i, got)
			}
			continue
		}
		if startups[i].Void != "" {
			t.Fatalf("start %d is void: %s", i, startups[i].Void)
		}
		keep := class.Pull.KeepBlobs.Value
		if s.Node != "" || !keep && class.Pull.MaxParallelImages.Value > 1 {
			continue
		}
		has := newStore()
		if s.CacheID != "" {
			for _, image := range s.Held {
				r.add(has, image, keep)
			}
		}
		var fetched, unpacked int64
		for _, image := range s.Images {
			f, u := r.add(has, image, keep)
			fetched, unpacked = fetched+f, unpacked+u
		}
		if got := startups[i]; got.FetchedBytes != fetched || got.UnpackedBytes != unpacked {
			t.Fatalf("start %d fetched %d and unpacked %d, its images need %d and %d", i, got.FetchedBytes, got.UnpackedBytes, fetched, unpacked)
		}
	}
	for _, name := range []string{"n", "m"} {
		r.checkNode(t, name, sorted, startups)
	}
}

func (r *randomRun) checkNode(t *rapid.T, name string, sorted []Start, startups []Startup) {
	class := map[string]string{"m": "wide"}[name]
	p, err := r.profile.Class(class)
	if err != nil {
		t.Fatal(err)
	}
	setup := r.options.Nodes[class]
	lost := slices.ContainsFunc(r.options.Faults, func(f Fault) bool { return f.Node == name })
	cached := slices.ContainsFunc(sorted, func(s Start) bool { return s.Node == name && s.CacheID != "" })
	if !p.Pull.KeepBlobs.Value || p.Node.DiskGiB.Value < 1e6 || lost {
		return
	}
	has := newStore()
	for _, image := range slices.Concat(append(setup.used(), setup.Held, setup.Baked)...) {
		r.add(has, image, true)
	}
	var need, unpack, fetched, unpacked int64
	for i, s := range sorted {
		if s.Node != name || s.PullPolicy == "Never" {
			continue
		}
		for _, image := range s.Images {
			f, u := r.add(has, image, true)
			need, unpack = need+f, unpack+u
		}
		fetched, unpacked = fetched+startups[i].FetchedBytes, unpacked+startups[i].UnpackedBytes
	}
	if fetched > need || unpacked > unpack {
		t.Fatalf("node %s: fetched %d and unpacked %d, its images need %d and %d", name, fetched, unpacked, need, unpack)
	}
	if len(setup.Daemon) == 0 && !cached && (fetched != need || unpacked != unpack) {
		t.Fatalf("node %s: fetched %d and unpacked %d of %d and %d", name, fetched, unpacked, need, unpack)
	}
}

// TestSameAgain: the same seed gives the same, whatever the order of the starts,
// and Stream gives what Run does.
func TestSameAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		again, _ := r.run(t, r.starts)
		if again == nil {
			return
		}
		want, err := Run(context.Background(), r.inv, r.profile, r.starts, r.options)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Run(context.Background(), r.inv, r.profile, rapid.Permutation(r.starts).Draw(t, "order"), r.options)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range [][]Startup{again, other} {
			if diff := cmp.Diff(servedOrder(want), servedOrder(got)); diff != "" {
				t.Fatalf("another run, or order, gives (-want +got):\n%s", diff)
			}
		}
	})
}

// servedOrder are startups as text, sorted.
func servedOrder(startups []Startup) []string {
	var all []string
	c := caseFile{}
	for i := range startups {
		all = append(all, fmt.Sprint(startups[i].Images, startups[i].CacheID)+c.write(startups[i:i+1]))
	}
	slices.Sort(all)
	return all
}

// TestCommonDraws: what a start draws is its own: other starts that come later,
// or caches, move none of its times before the pull.
func TestCommonDraws(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.options.Faults, r.options.Nodes = nil, nil
		for i := range r.starts {
			s := &r.starts[i]
			s.Node, s.Requested = "", time.Duration(i)*100*ms
			if s.PullPolicy == "Never" {
				s.PullPolicy = "" // void starts draw less
			}
		}
		r.profile.Start.AdmitPerSecond.Value = math.Inf(1)
		all, _ := r.run(t, r.starts)
		fewer, _ := r.run(t, r.starts[:rapid.IntRange(1, len(r.starts)).Draw(t, "fewer")])
		cold := slices.Clone(r.starts)
		for i := range cold {
			cold[i].CacheID, cold[i].Held = "", nil
		}
		bare, _ := r.run(t, cold)
		if all == nil || fewer == nil || bare == nil {
			return
		}
		for i := range all {
			x := all[i].Phases
			if i < len(fewer) {
				if y := fewer[i].Phases; *x.Provision != *y.Provision || *x.Attach != *y.Attach || *x.Create != *y.Create {
					t.Fatalf("start %d: without later starts %v, %v, %v; with them %v, %v, %v", i, *y.Provision, *y.Attach, *y.Create, *x.Provision, *x.Attach, *x.Create)
				}
			}
			if y := bare[i].Phases; *x.Provision != *y.Provision || *x.Create != *y.Create {
				t.Fatalf("start %d: without caches %v, %v; with them %v, %v", i, *y.Provision, *y.Create, *x.Provision, *x.Create)
			}
		}
	})
}

// used are the images of the starts that run on a node from the beginning.
func (s *NodeSetup) used() [][]int {
	var images [][]int
	for _, u := range s.InUse {
		images = append(images, u.Images)
	}
	return images
}
