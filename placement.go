package cachebench

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// placement plays the starts of one node pool: which nodes there are, what runs
// and what images are on each, and on which the next start is put. It counts an
// image as there from its placement on, and its use until the app's run time
// after the request: how long pulls take is the simulation's to say.
type placement struct {
	pool   *workload.NodePool
	images *imageLayers
	// disk, high and low are the bytes of a node's disk at which images are
	// evicted, and until which; kept says that blobs stay.
	high, low float64
	kept      bool
	// fresh are the images of a new node, daemons those that stay in use there.
	fresh, daemons []int
	// Every step a new node takes the place of the oldest, since the time begin;
	// the next is numbered turn, and 0 is the first after begin. 0 is never.
	begin, step time.Duration
	turn        int64
	nodes       []placedNode
	// holders counts the nodes that have an image.
	holders map[int]int
	runs    runs
	serial  int
	// crowded counts the starts for which no node had room.
	crowded int
}

// placedNode is a node as placement sees it.
type placedNode struct {
	// number is its place in the pool's names, life counts those before it.
	number, life int
	starts       int
	cpu, memory  float64
	// placed is when it last got a start, as a serial number.
	placed        int
	held          map[int]*placedImage
	chains, blobs map[int]int // how many of its images have them
	bytes         int64
}

type placedImage struct{ users, used int }

// imageLayers are the images of an Inventory by their chains and blobs.
type imageLayers struct {
	inv    *layers.Inventory
	chains *layers.Chains
	// compressed is the size of each image as the kubelet reports it, which for
	// containerd is that of its blobs.
	compressed []int64
}

func newImageLayers(inv *layers.Inventory) *imageLayers {
	l := &imageLayers{inv: inv, chains: inv.Chains(), compressed: make([]int64, len(inv.Images))}
	for i := range inv.Images {
		for _, k := range inv.Images[i].Layers {
			l.compressed[i] += inv.Layers[k].CompressedBytes
		}
	}
	return l
}

// newPlacement is a pool at the time from, with fresh nodes; its nodes are numbered
// from 1 at the time begin, and follow each other evenly so that one is new then.
func newPlacement(pool *workload.NodePool, class *simulate.Profile, images *imageLayers, setup *simulate.NodeSetup, from, begin time.Duration) *placement {
	disk := class.Node.DiskGiB.Value * (1 << 30)
	p := &placement{
		pool: pool, images: images, begin: begin, step: pool.Lifetime() / time.Duration(pool.Count),
		high: class.Node.HighFraction.Value * disk, low: class.Node.LowFraction.Value * disk, kept: class.Pull.KeepBlobs.Value,
		nodes: make([]placedNode, pool.Count), fresh: slices.Concat(setup.Baked, setup.Held),
	}
	for _, pod := range setup.Daemon {
		p.daemons = append(p.daemons, pod...)
	}
	if p.step > 0 {
		p.turn = int64((from - begin) / p.step)
		if from < begin && (from-begin)%p.step != 0 {
			p.turn--
		}
	}
	for i := range p.nodes {
		p.nodes[i].number = i + 1
	}
	p.empty()
	return p
}

// empty makes all nodes fresh; what runs on them stays.
func (p *placement) empty() {
	p.holders = make(map[int]int)
	for i := range p.nodes {
		p.nodes[i].held = nil
		p.furnish(&p.nodes[i])
	}
}

// furnish gives a node what a new one has.
func (p *placement) furnish(n *placedNode) {
	for image := range n.held {
		p.drop(n, image)
	}
	n.held, n.chains, n.blobs, n.bytes = make(map[int]*placedImage), make(map[int]int), make(map[int]int), 0
	for _, image := range p.fresh {
		p.use(n, image, 0)
	}
	for _, image := range p.daemons {
		p.use(n, image, 1)
	}
}

// renewal is the time of the next new node.
func (p *placement) renewal() time.Duration {
	return p.begin + time.Duration(p.turn+1)*p.step
}

// advance lets time pass until at: starts end, nodes are replaced.
func (p *placement) advance(at time.Duration) {
	for {
		renew := p.step > 0 && p.renewal() <= at
		if len(p.runs) > 0 && p.runs[0].end <= at && !(renew && p.renewal() < p.runs[0].end) {
			p.end(heap.Pop(&p.runs).(run))
			continue
		}
		if !renew {
			return
		}
		count := int64(len(p.nodes))
		n := &p.nodes[((p.turn%count)+count)%count]
		n.life++
		n.starts, n.cpu, n.memory, n.placed = 0, 0, 0, 0
		if p.turn >= 0 {
			n.number = int(count + p.turn + 1)
		}
		p.furnish(n)
		p.turn++
	}
}

// place puts a start on a node, whose number it returns.
func (p *placement) place(app *workload.App, images []int, at time.Duration) int {
	p.advance(at)
	i := p.choose(app, images)
	n := &p.nodes[i]
	p.serial++
	n.placed = p.serial
	n.starts++
	n.cpu += app.CPU
	n.memory += app.MemoryGiB
	for _, image := range images {
		p.use(n, image, 1)
	}
	p.evict(n)
	heap.Push(&p.runs, run{end: at + app.Runtime, serial: p.serial, node: i, life: n.life, app: app, images: images})
	return n.number
}

// end ends a start's run, unless its node has ended before it.
func (p *placement) end(r run) {
	n := &p.nodes[r.node]
	if n.life != r.life {
		return
	}
	n.starts--
	n.cpu -= r.app.CPU
	n.memory -= r.app.MemoryGiB
	p.serial++
	for _, image := range r.images {
		// The nodes may have been emptied meanwhile, and a release replaces images.
		if h := n.held[image]; h != nil && h.users > 0 {
			h.users--
			h.used = p.serial
		}
	}
}

// choose returns the node for a start: of those with room the best by the pool's
// rule; of equal ones that which got no start for longest, as a scheduler that
// draws among them does on average. Where none has room, the least used.
func (p *placement) choose(app *workload.App, images []int) int {
	best, room := 0, false
	for i := range p.nodes {
		n := &p.nodes[i]
		switch fits := p.fits(n, app); {
		case fits && !room:
			best, room = i, true
		case fits == room && p.prefer(n, &p.nodes[best], images, room) < 0:
			best = i
		}
	}
	if !room {
		p.crowded++
	}
	return best
}

func (p *placement) fits(n *placedNode, app *workload.App) bool {
	const rounding = 1e-9
	return (p.pool.CPU == 0 || n.cpu+app.CPU <= p.pool.CPU+rounding) &&
		(p.pool.MemoryGiB == 0 || n.memory+app.MemoryGiB <= p.pool.MemoryGiB+rounding)
}

// prefer compares two nodes, the better first.
func (p *placement) prefer(a, b *placedNode, images []int, room bool) int {
	load := cmp.Compare(p.load(a), p.load(b))
	switch {
	case room && p.pool.Placement == "pack":
		return cmp.Or(-load, cmp.Compare(a.number, b.number))
	case room && p.pool.Placement == "imageLocality":
		if by := cmp.Compare(p.locality(b, images), p.locality(a, images)); by != 0 {
			return by
		}
	}
	return cmp.Or(load, cmp.Compare(a.placed, b.placed), cmp.Compare(a.number, b.number))
}

// load is how much of a node is in use: of its CPU and memory where they are
// bounded, whichever is more, else its starts.
func (p *placement) load(n *placedNode) float64 {
	if p.pool.CPU == 0 && p.pool.MemoryGiB == 0 {
		return float64(n.starts)
	}
	var load float64
	if p.pool.CPU > 0 {
		load = n.cpu / p.pool.CPU
	}
	if p.pool.MemoryGiB > 0 {
		load = max(load, n.memory/p.pool.MemoryGiB)
	}
	return load
}

// The bounds of the ImageLocality score (kube-scheduler,
// pkg/scheduler/framework/plugins/imagelocality, v1.33; facts on peers): a sum
// below the lower counts as nothing, the upper is for each container.
const (
	localityLow  = 23 << 20
	localityHigh = 1000 << 20
)

// locality is kube-scheduler's ImageLocality score of a node, from 0 to 100: the
// size of each container's image that the node has, times the share of the nodes
// that have it.
func (p *placement) locality(n *placedNode, images []int) int64 {
	var sum int64
	for _, image := range images {
		if n.held[image] != nil {
			sum += int64(float64(p.images.compressed[image]) * float64(p.holders[image]) / float64(len(p.nodes)))
		}
	}
	high := int64(localityHigh) * int64(len(images))
	sum = min(max(sum, localityLow), high)
	return 100 * (sum - localityLow) / (high - localityLow)
}

// use puts an image on a node and counts one more use of it, or none.
func (p *placement) use(n *placedNode, image, users int) {
	h := n.held[image]
	if h == nil {
		h = &placedImage{}
		n.held[image] = h
		p.holders[image]++
		p.weigh(n, image, 1)
	}
	p.serial++
	h.users += users
	h.used = p.serial
}

// drop takes an image from a node.
func (p *placement) drop(n *placedNode, image int) {
	delete(n.held, image)
	if p.holders[image]--; p.holders[image] == 0 {
		delete(p.holders, image)
	}
	p.weigh(n, image, -1)
}

// weigh counts an image's layers once more or once less.
func (p *placement) weigh(n *placedNode, image, by int) {
	count := func(refs map[int]int, id int, bytes int64) {
		before := refs[id]
		if refs[id] = before + by; before == 0 {
			n.bytes += bytes
		} else if before+by == 0 {
			n.bytes -= bytes
			delete(refs, id)
		}
	}
	inv := p.images.inv
	for j, k := range inv.Images[image].Layers {
		if l := &inv.Layers[k]; l.UnpackedBytes != nil {
			count(n.chains, p.images.chains.Images[image][j], *l.UnpackedBytes)
		}
		if p.kept {
			count(n.blobs, k, inv.Layers[k].CompressedBytes)
		}
	}
}

// evict removes images that nothing uses, least recently used first, as the
// kubelet does when the disk is fuller than the high mark.
func (p *placement) evict(n *placedNode) {
	if float64(n.bytes) <= p.high {
		return
	}
	for _, image := range n.byUse() {
		if float64(n.bytes) <= p.low {
			return
		}
		if n.held[image].users == 0 {
			p.drop(n, image)
		}
	}
}

// byUse are a node's images, least recently used first.
func (n *placedNode) byUse() []int {
	images := make([]int, 0, len(n.held))
	for image := range n.held {
		images = append(images, image)
	}
	slices.SortFunc(images, func(a, b int) int { return cmp.Compare(n.held[a].used, n.held[b].used) })
	return images
}

// inUse are the starts that run on each node, with their ends counted from the time
// origin, and the images of them that the node still holds.
func (p *placement) inUse(origin time.Duration) [][]simulate.Use {
	uses := make([][]simulate.Use, len(p.nodes))
	running := slices.Clone(p.runs)
	slices.SortFunc(running, func(a, b run) int { return cmp.Compare(a.serial, b.serial) })
	for _, r := range running {
		n := &p.nodes[r.node]
		if r.life != n.life {
			continue
		}
		images := slices.DeleteFunc(slices.Clone(r.images), func(image int) bool { return n.held[image] == nil })
		if len(images) > 0 {
			uses[r.node] = append(uses[r.node], simulate.Use{Images: images, Until: r.end - origin})
		}
	}
	return uses
}

// release makes an image one that nothing asks for any more: its older version.
func (p *placement) release(image int) {
	for i := range p.nodes {
		if p.nodes[i].held[image] != nil {
			p.drop(&p.nodes[i], image)
		}
	}
}

// run is a start until its end.
type run struct {
	end    time.Duration
	serial int
	node   int
	life   int
	app    *workload.App
	images []int
}

// runs is a heap of runs, the first to end on top.
type runs []run

func (r runs) Len() int { return len(r) }
func (r runs) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(r[i].end, r[j].end), cmp.Compare(r[i].serial, r[j].serial)) < 0
}
func (r runs) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *runs) Push(x any)   { *r = append(*r, x.(run)) }
func (r *runs) Pop() any {
	old := *r
	last := len(old) - 1
	x := old[last]
	*r = old[:last]
	return x
}
