package fleet

import (
	"math"
	"slices"
)

// Reference returns the seconds at which each pull is ready, by the plainest
// simulation there is: at each event the rates of all flows are found anew by
// filling, and every flow moves on. It shares no code with the project's engine
// and is what that one and SimGrid are checked against. It is slow: an event
// costs the number of flows times that of different rates, so keep to some
// thousand pulls. Speeds are above 0; +Inf is never in the way.
func (f Fleet) Reference() []float64 {
	r := f.newReference()
	for now := 0.0; ; {
		r.fill()
		step := r.untilStart(now)
		for _, x := range r.flows {
			step = min(step, x.left/x.rate)
		}
		if math.IsInf(step, 1) {
			return r.ready()
		}
		now = r.advance(now, step)
	}
}

type reference struct {
	fleet Fleet
	// capacity is of each link: first Fleet.Links, then the nodes' own.
	capacity []float64
	// waiting are the places of pulls that have not started, the first last.
	waiting []int
	flows   []*refFlow
	// next is for each pull the layer to be asked for next.
	next []int
	// fetched is for each pull and layer the second at which it is fetched.
	fetched [][]float64
	// left and open are scratch of fill, for each link.
	left []float64
	open []int
}

type refFlow struct {
	pull, layer int
	path        []int
	cap         float64
	left        float64 // bytes
	rate        float64
	fixed       bool
}

func (f Fleet) newReference() *reference {
	r := &reference{fleet: f, next: make([]int, len(f.Pulls))}
	for _, l := range f.Links {
		r.capacity = append(r.capacity, l.BytesPerSecond)
	}
	for _, n := range f.Nodes {
		r.capacity = append(r.capacity, n.BytesPerSecond)
	}
	for i, p := range f.Pulls {
		r.waiting = append(r.waiting, i)
		r.fetched = append(r.fetched, make([]float64, len(p.Layers)))
	}
	slices.SortStableFunc(r.waiting, func(a, b int) int { return int(f.Pulls[b].Start - f.Pulls[a].Start) })
	r.left, r.open = make([]float64, len(r.capacity)), make([]int, len(r.capacity))
	return r
}

func (r *reference) start(pull int) float64 { return r.fleet.Pulls[pull].Start.Seconds() }

// untilStart is the time until the next pull starts; +Inf when all have.
func (r *reference) untilStart(now float64) float64 {
	if len(r.waiting) == 0 {
		return math.Inf(1)
	}
	return r.start(r.waiting[len(r.waiting)-1]) - now
}

// advance moves everything on by step, which is the time to the next event, and
// does what happens then.
func (r *reference) advance(now, step float64) float64 {
	starts := r.untilStart(now) <= step
	now += step
	if starts { // exactly then, whatever the sum rounds to
		now = r.start(r.waiting[len(r.waiting)-1])
	}
	var ended []*refFlow
	r.flows = slices.DeleteFunc(r.flows, func(x *refFlow) bool {
		if x.left/x.rate <= step {
			ended = append(ended, x)
			return true
		}
		x.left -= x.rate * step
		return false
	})
	for _, x := range ended {
		r.fetched[x.pull][x.layer] = now
		r.request(x.pull, 1)
	}
	if starts {
		last := len(r.waiting) - 1
		r.request(r.waiting[last], r.fleet.Slots)
		r.waiting = r.waiting[:last]
	}
	return now
}

// request starts at most count more fetches of a pull.
func (r *reference) request(pull, count int) {
	p := r.fleet.Pulls[pull]
	node := r.fleet.Nodes[p.Node]
	path := []int{len(r.fleet.Links) + p.Node}
	for link := node.Link; link >= 0; link = r.fleet.Links[link].Parent {
		path = append(path, link)
	}
	for ; count > 0 && r.next[pull] < len(p.Layers); count-- {
		layer := r.next[pull]
		r.next[pull]++
		r.flows = append(r.flows, &refFlow{
			pull: pull, layer: layer, path: path,
			cap: node.ConnectionBytesPerSecond, left: float64(p.Layers[layer]),
		})
	}
}

// fill gives every flow its max-min fair rate: all rise together until a link
// is full or a flow's bound is reached; those that it holds stay there, and the
// rest rise on (Bertsekas and Gallager, Data Networks, section 6.5.2).
func (r *reference) fill() {
	copy(r.left, r.capacity)
	clear(r.open)
	for _, x := range r.flows {
		x.fixed = false
		for _, link := range x.path {
			r.open[link]++
		}
	}
	rising := slices.Clone(r.flows)
	for len(rising) > 0 {
		level := r.level(rising)
		for _, x := range rising { // all that are held, before any takes its share
			x.fixed = r.held(x, level)
		}
		rising = slices.DeleteFunc(rising, func(x *refFlow) bool {
			if x.fixed {
				r.fix(x, level)
			}
			return x.fixed
		})
	}
}

// level is the rate to which all of rising can come.
func (r *reference) level(rising []*refFlow) float64 {
	level := math.Inf(1)
	for _, x := range rising {
		level = min(level, x.cap)
		for _, link := range x.path {
			level = min(level, r.left[link]/float64(r.open[link]))
		}
	}
	return level
}

func (r *reference) held(x *refFlow, level float64) bool {
	return x.cap <= level || slices.ContainsFunc(x.path, func(link int) bool {
		return r.left[link]/float64(r.open[link]) <= level
	})
}

func (r *reference) fix(x *refFlow, rate float64) {
	x.rate = rate
	for _, link := range x.path {
		r.open[link]--
		if !math.IsInf(r.left[link], 1) {
			r.left[link] = max(0, r.left[link]-rate)
		}
	}
}

// ready unpacks each pull's layers from the base up.
func (r *reference) ready() []float64 {
	ready := make([]float64, len(r.fleet.Pulls))
	for i, p := range r.fleet.Pulls {
		ready[i] = r.start(i)
		for layer, fetched := range r.fetched[i] {
			ready[i] = max(ready[i], fetched) + float64(p.Layers[layer])/r.fleet.UnpackBytesPerSecond
		}
	}
	return ready
}
