package cachebench

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/table"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// placement plays the starts of one node pool: which nodes there are, what runs
// and what images are on each, and on which the next start is put. It counts an
// image as there from its placement on, and its use until the app's run time
// after the request: how long pulls take is the simulation's to say.
type placement struct {
	pool  *workload.NodePool
	disks poolDisks
	// fresh are the images of a new node, daemons those that stay in use there.
	fresh, daemons []int
	// Every step a new node takes the place of the oldest, since the time begin;
	// the next is numbered turn, and 0 is the first after begin. 0 is never.
	begin, step time.Duration
	turn        int64
	nodes       []placedNode
	// byLoad has the node least in use first, order the pool's best; they are the
	// same but where nodes are packed.
	byLoad, order *ranking
	runs          table.Heap[run]
	serial        int
	// crowded counts the starts for which no node had room.
	crowded int
	// watch, where not nil, is told on which node a start is put, before it is there.
	watch func(node int, app *workload.App, images []int, at time.Duration)
}

// placedNode is a node as placement sees it.
type placedNode struct {
	// number is its place in the pool's names, life counts those before it.
	number, life int
	name         string
	starts       int
	inUse
	// load is how much of it is in use.
	load float64
	// placed is when it last got a start, as a serial number.
	placed int
}

// newPlacement is a pool at the time from, with fresh nodes; its nodes are numbered
// from 1 at the time begin, and follow each other evenly so that one is new then.
func newPlacement(pool *workload.NodePool, class *simulate.Profile, images *imageLayers, setup *simulate.NodeSetup, from, begin time.Duration) *placement {
	p := &placement{
		pool: pool, disks: newPoolDisks(images, class, pool.Count), begin: begin, step: pool.Lifetime() / time.Duration(pool.Count),
		nodes: make([]placedNode, pool.Count), fresh: slices.Concat(setup.Baked, setup.Held),
	}
	p.runs.Before = func(a, b *run) bool {
		return a.end < b.end || a.end == b.end && a.serial < b.serial
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
	p.rank()
	for i := range p.nodes {
		p.nodes[i].number, p.nodes[i].name = i+1, nodeName(pool, i+1)
		p.enter(i)
	}
	p.empty()
	return p
}

// rank makes the rankings, of no node.
func (p *placement) rank() {
	p.byLoad = newRanking(len(p.nodes), func(a, b int32) bool { return p.compareLoad(&p.nodes[a], &p.nodes[b]) < 0 })
	p.order = p.byLoad
	if p.pool.Placement == "pack" {
		p.order = newRanking(len(p.nodes), func(a, b int32) bool {
			x, y := &p.nodes[a], &p.nodes[b]
			return cmp.Or(-cmp.Compare(x.load, y.load), cmp.Compare(x.number, y.number)) < 0
		})
	}
}

// clone is a placement that goes on from here by itself.
func (p *placement) clone() *placement {
	c := *p
	c.nodes, c.disks, c.runs = slices.Clone(p.nodes), p.disks.clone(), p.runs.Clone()
	c.rank()
	for i := range c.nodes {
		c.enter(i)
	}
	return &c
}

// enter puts a node into the rankings, leave takes it out: it changes only between
// leave and enter.
func (p *placement) enter(i int) {
	n := &p.nodes[i]
	n.load = p.loadOf(n)
	p.byLoad.add(int32(i), n.inUse)
	if p.order != p.byLoad {
		p.order.add(int32(i), n.inUse)
	}
}

func (p *placement) leave(i int) {
	p.byLoad.remove(int32(i))
	if p.order != p.byLoad {
		p.order.remove(int32(i))
	}
}

// empty makes all nodes fresh; what runs on them stays.
func (p *placement) empty() {
	for i := range p.nodes {
		p.furnish(i)
	}
}

// furnish gives a node what a new one has.
func (p *placement) furnish(i int) {
	p.disks.clear(i)
	for _, image := range p.fresh {
		p.use(i, image, 0)
	}
	for _, image := range p.daemons {
		p.use(i, image, 1)
	}
}

// use puts an image on a node and counts one more use of it, or none.
func (p *placement) use(i, image, users int) {
	p.serial++
	p.disks.use(i, image, users, p.serial)
}

// birth is when a node was made.
func (p *placement) birth(i int) time.Duration {
	if p.step == 0 {
		return -warmUp
	}
	return p.begin + time.Duration(p.nodes[i].number-len(p.nodes))*p.step
}

// renewal is the time of the next new node.
func (p *placement) renewal() time.Duration {
	return p.begin + time.Duration(p.turn+1)*p.step
}

// advance lets time pass until at: starts end, nodes are replaced.
func (p *placement) advance(at time.Duration) {
	for {
		renew := p.step > 0 && p.renewal() <= at
		if p.runs.Len() > 0 && p.runs.Top().end <= at && !(renew && p.renewal() < p.runs.Top().end) {
			r := p.runs.Pop()
			p.end(&r)
			continue
		}
		if !renew {
			return
		}
		count := int64(len(p.nodes))
		i := int(((p.turn % count) + count) % count)
		p.leave(i)
		n := &p.nodes[i]
		*n = placedNode{number: n.number, name: n.name, life: n.life + 1}
		if p.turn >= 0 {
			n.number = int(count + p.turn + 1)
			n.name = nodeName(p.pool, n.number)
		}
		p.enter(i)
		p.furnish(i)
		p.turn++
	}
}

// place puts a start on a node, whose name it returns.
func (p *placement) place(app *workload.App, images []int, at time.Duration) string {
	p.advance(at)
	i := p.choose(app, images)
	if p.watch != nil {
		p.watch(i, app, images, at)
	}
	p.serial++
	p.take(i, app, 1, p.serial)
	for _, image := range images {
		p.use(i, image, 1)
	}
	p.disks.evict(i)
	p.runs.Push(run{end: at + app.Runtime, serial: p.serial, node: i, life: p.nodes[i].life, app: app, images: images})
	return p.nodes[i].name
}

// take counts a start more on a node, or one less for -1.
func (p *placement) take(i int, app *workload.App, starts, placed int) {
	p.leave(i)
	n := &p.nodes[i]
	n.starts += starts
	n.cpu += float64(starts) * app.CPU
	n.memoryGiB += float64(starts) * app.MemoryGiB
	n.placed = placed
	p.enter(i)
}

// end ends a start's run, unless its node has ended before it.
func (p *placement) end(r *run) {
	n := &p.nodes[r.node]
	if n.life != r.life {
		return
	}
	p.take(r.node, r.app, -1, n.placed)
	p.serial++
	for _, image := range r.images {
		p.disks.leave(r.node, image, r.serial, p.serial)
	}
}

// choose returns the node for a start: of those with room the best by the pool's
// rule; of equal ones that which got no start for longest, as a scheduler that
// draws among them does on average. Where none has room, the least used.
func (p *placement) choose(app *workload.App, images []int) int {
	const rounding = 1e-9
	room := func(u inUse) bool {
		return (p.pool.CPU == 0 || u.cpu+app.CPU <= p.pool.CPU+rounding) &&
			(p.pool.MemoryGiB == 0 || u.memoryGiB+app.MemoryGiB <= p.pool.MemoryGiB+rounding)
	}
	best := p.order.first(room)
	if best == noNode {
		p.crowded++
		return int(p.byLoad.first(func(inUse) bool { return true }))
	}
	if p.pool.Placement == "imageLocality" {
		return p.nearest(int(best), room, images)
	}
	return int(best)
}

// nearest is the node with room that has the highest locality, of equal ones the
// first of the order. Best is the first of all in the order: none but those with an
// image of the start come before it.
func (p *placement) nearest(best int, room func(inUse) bool, images []int) int {
	d := &p.disks
	if d.localityOf(images, func(int) bool { return true }) == 0 {
		return best
	}
	locality := func(i int) int64 {
		return d.localityOf(images, func(image int) bool { return d.holders[image].has(i) })
	}
	highest := locality(best)
	for _, image := range images {
		for word, w := range d.holders[image].bits {
			for ; w != 0; w &= w - 1 {
				i := word<<6 | bits.TrailingZeros64(w)
				n := &p.nodes[i]
				if !room(n.inUse) {
					continue
				}
				l := locality(i)
				if l > highest || l == highest && p.compareLoad(n, &p.nodes[best]) < 0 {
					best, highest = i, l
				}
			}
		}
	}
	return best
}

// compareLoad puts the node least in use first; of equal ones that which got no
// start for longest.
func (p *placement) compareLoad(a, b *placedNode) int {
	return cmp.Or(cmp.Compare(a.load, b.load), cmp.Compare(a.placed, b.placed), cmp.Compare(a.number, b.number))
}

// loadOf is how much of a node is in use: of its CPU and memory where they are
// bounded, whichever is more, else its starts.
func (p *placement) loadOf(n *placedNode) float64 {
	if p.pool.CPU == 0 && p.pool.MemoryGiB == 0 {
		return float64(n.starts)
	}
	var load float64
	if p.pool.CPU > 0 {
		load = n.cpu / p.pool.CPU
	}
	if p.pool.MemoryGiB > 0 {
		load = max(load, n.memoryGiB/p.pool.MemoryGiB)
	}
	return load
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
