package plan

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// How long the search for images of a pool may take, in counts.
const (
	poolIterations      = 3000
	poolBoundIterations = 1500
	// Each node of the branch and bound looks at all options: those of many are fewer.
	mostPoolNodes, leastPoolNodes = 50_000, 200
	poolNodeOptions               = 4_000_000
	manyPoolOptions               = 5_000
	poolSeed                      = 1
)

// poolModel is a PoolProblem as sets that share items: a set is an image, an item a
// chain of layers that the same images have, a customer a number of like pulls. What a
// pull finds of its image's layers on a node that holds several others are the lowest
// ones, as many as the nearest of the others has too: chains are a tree. So it is served
// by the best chosen image alone, and the knapsack's sum of gains is the estimate of the
// union, exactly. Where the runtime keeps blobs (KeepBlobs), a layer above another chain
// would spare its fetch as well; that is left out of account, so that a plan promises no
// more than the estimator, but for what fewer requests do to the order of the others.
type poolModel struct {
	*PoolProblem
	// chains are those of each candidate, base first, as numbers of the Inventory's.
	chains [][]int
	// items are those of each candidate, bytes what each takes on a disk.
	items [][]int
	bytes []int64
	// compressed is what each item's layers have as blobs.
	compressed []int64
	// sets are the candidates that fit into the budget.
	sets []int
	// times are the pull times of each candidate by what the node has (timesOf).
	times map[poolTimesKey]*pullTimes
	// tooLarge counts the candidates that exceed the budget alone.
	tooLarge int
}

func newPoolModel(p *PoolProblem) *poolModel {
	m := &poolModel{PoolProblem: p, times: make(map[poolTimesKey]*pullTimes)}
	chains := p.Inventory.Chains()
	m.chains = make([][]int, len(p.Images))
	holders := make(map[int]int) // candidates by chain
	for k := range p.Images {
		m.chains[k] = chains.Images[p.Images[k].Image]
		for _, c := range m.chains[k] {
			holders[c]++
		}
	}
	held := make(map[int]bool)
	for _, i := range p.Held {
		for _, c := range chains.Images[i] {
			held[c] = true
		}
	}
	itemOf := make(map[int]int)
	m.items = make([][]int, len(p.Images))
	for k := range p.Images {
		for n, c := range m.chains[k] {
			if held[c] {
				continue
			}
			item, known := itemOf[c]
			if !known {
				// A chain in the same images as the one below it is one item with it.
				item = len(m.bytes)
				if n > 0 && holders[c] == holders[m.chains[k][n-1]] && !held[m.chains[k][n-1]] {
					item = itemOf[m.chains[k][n-1]]
				} else {
					m.bytes, m.compressed = append(m.bytes, 0), append(m.compressed, 0)
				}
				itemOf[c] = item
				m.bytes[item] += m.bytesOf(p.image(k).Layers[n])
				m.compressed[item] += p.Inventory.Layers[p.image(k).Layers[n]].CompressedBytes
			}
			if !slices.Contains(m.items[k], item) {
				m.items[k] = append(m.items[k], item)
			}
		}
	}
	for _, k := range m.useful() {
		// What new nodes have already may be chosen too: pods that use it keep it from being
		// removed.
		if m.sizeOf(k) > p.DiskBudgetBytes {
			m.tooLarge++
		} else {
			m.sets = append(m.sets, k)
		}
	}
	return m
}

// useful are the candidates that are worth a look, in their order: those that are pulled,
// and of the others, which serve by what pulled ones are built on, for each such lower
// part the smallest, unless it is a pulled image's whole. No plan is better for the rest.
func (m *poolModel) useful() []int {
	pulled := make([]bool, len(m.Images))
	used, whole := make(map[int]bool), make(map[int]bool)
	for i := range m.Pulls {
		k := m.Pulls[i].Image
		if pulled[k] {
			continue
		}
		pulled[k] = true
		for n, c := range m.chains[k] {
			used[c] = true
			if n == len(m.chains[k])-1 {
				whole[c] = true
			}
		}
	}
	best := make(map[int]int) // by the highest chain that is used
	for k, chains := range m.chains {
		n := 0
		for n < len(chains) && used[chains[n]] {
			n++
		}
		if pulled[k] || n == 0 || whole[chains[n-1]] {
			continue
		}
		if other, ok := best[chains[n-1]]; !ok || m.sizeOf(k) < m.sizeOf(other) {
			best[chains[n-1]] = k
		}
	}
	keep := slices.Collect(maps.Values(best))
	for k := range pulled {
		if pulled[k] {
			keep = append(keep, k)
		}
	}
	slices.Sort(keep)
	return keep
}

// bytesOf is what a layer takes on a node's disk.
func (m *poolModel) bytesOf(layer int) int64 {
	l := &m.Inventory.Layers[layer]
	var bytes int64
	if l.UnpackedBytes != nil {
		bytes = *l.UnpackedBytes
	}
	if m.KeepBlobs {
		bytes += l.CompressedBytes
	}
	return bytes
}

// sizeOf is what a candidate alone adds to a node's disk.
func (m *poolModel) sizeOf(k int) int64 {
	var bytes int64
	for _, item := range m.items[k] {
		bytes += m.bytes[item]
	}
	return bytes
}

// poolChoice are the images that an arm holds.
type poolChoice struct {
	arm string
	// images are candidates in the order of their gain; added and saved what each adds
	// beside those before it, in bytes and in seconds of pulling.
	images     []int
	added      []int64
	saved      []float64
	bytes      int64
	gain       float64 // seconds
	bound      float64
	status     string
	considered int
}

// choose finds the images for an arm.
func (m *poolModel) choose(ctx context.Context, arm string) (*poolChoice, error) {
	c := &poolChoice{arm: arm, status: Optimal, considered: len(m.sets)}
	customers := m.customers(arm)
	solver, err := knapsack.New(m.program(customers))
	if err != nil {
		return nil, fmt.Errorf("choose images: %w", err)
	}
	found := m.solve(ctx, solver, customers)
	switch {
	case found.Optimal:
	case ctx.Err() == nil && found.Bound-found.Gain <= m.GapFraction*found.Bound:
		c.status = GapReached
	default:
		c.status = Stopped
	}
	m.order(c, found.Sets, customers)
	if c.bound = max(found.Bound, c.gain); c.status == Optimal {
		c.bound = c.gain
	}
	return c, nil
}

// program is the choice in bare numbers.
func (m *poolModel) program(customers [][]knapsack.Option) *knapsack.Problem {
	problem := &knapsack.Problem{Budget: float64(m.DiskBudgetBytes), Customers: customers}
	for _, bytes := range m.bytes {
		problem.ItemCost = append(problem.ItemCost, float64(bytes))
	}
	for _, k := range m.sets {
		problem.Sets = append(problem.Sets, knapsack.Set{Items: m.items[k]})
	}
	return problem
}

// solve looks for the sets of most gain. Where there are many options, it is content with
// the gap that was asked for; branch and bound takes its time.
func (m *poolModel) solve(ctx context.Context, solver *knapsack.Solver, customers [][]knapsack.Option) knapsack.Answer {
	opt := m.steps(1, customers)
	if nodes := opt.Nodes; optionsOf(customers) > manyPoolOptions {
		opt.Nodes = 0
		if found := solver.Solve(ctx, opt); found.Optimal || found.Bound-found.Gain <= m.GapFraction*found.Bound || ctx.Err() != nil {
			return found
		}
		opt.Nodes = nodes
	}
	return solver.Solve(ctx, opt)
}

// steps are how many a search may have, times what the problem's own effort gives it.
func (m *poolModel) steps(effort float64, customers [][]knapsack.Option) knapsack.SolveOptions {
	effort *= cmp.Or(m.Effort, 1)
	steps := func(n int) int { return int(min(effort*float64(n), 1<<30)) }
	nodes := max(leastPoolNodes, min(mostPoolNodes, poolNodeOptions/optionsOf(customers)))
	return knapsack.SolveOptions{Seed: poolSeed, Iterations: steps(poolIterations), BoundIterations: steps(poolBoundIterations), Nodes: steps(nodes)}
}

func optionsOf(customers [][]knapsack.Option) int {
	options := 1
	for _, list := range customers {
		options += len(list)
	}
	return options
}

// customers are the pulls, with what each set spares all of its kind, in seconds.
func (m *poolModel) customers(arm string) [][]knapsack.Option {
	customers := make([][]knapsack.Option, len(m.Pulls))
	for i := range m.Pulls {
		x := &m.Pulls[i]
		gains := m.gains(arm, x)
		for set, k := range m.sets {
			if gain := m.gainOf(gains, x.Image, k).Seconds() * x.PerMonth; gain > 0 {
				customers[i] = append(customers[i], knapsack.Option{Set: set, Gain: gain})
			}
		}
	}
	return customers
}

// order puts the chosen sets in the order of what each adds to those before it; of equal
// ones the smaller first. One that adds nothing is left out.
func (m *poolModel) order(c *poolChoice, chosen []int, customers [][]knapsack.Option) {
	type visit struct {
		customer int
		gain     float64
	}
	visits := make(map[int][]visit, len(chosen))
	for i, options := range customers {
		for _, o := range options {
			if slices.Contains(chosen, o.Set) {
				visits[o.Set] = append(visits[o.Set], visit{i, o.Gain})
			}
		}
	}
	best, have := make([]float64, len(customers)), make([]bool, len(m.bytes))
	left := slices.Clone(chosen)
	for len(left) > 0 {
		type step struct {
			set   int
			gain  float64
			bytes int64
		}
		var next *step
		for _, set := range left {
			s := step{set: set}
			for _, v := range visits[set] {
				s.gain += max(0, v.gain-best[v.customer])
			}
			for _, item := range m.items[m.sets[set]] {
				if !have[item] {
					s.bytes += m.bytes[item]
				}
			}
			if next == nil || cmp.Or(cmp.Compare(s.gain, next.gain), -cmp.Compare(s.bytes, next.bytes), -cmp.Compare(m.reference(m.sets[set]), m.reference(m.sets[next.set]))) > 0 {
				next = &s
			}
		}
		if next.gain <= 0 {
			return
		}
		for _, v := range visits[next.set] {
			best[v.customer] = max(best[v.customer], v.gain)
		}
		for _, item := range m.items[m.sets[next.set]] {
			have[item] = true
		}
		left = slices.DeleteFunc(left, func(set int) bool { return set == next.set })
		c.images = append(c.images, m.sets[next.set])
		c.added, c.saved = append(c.added, next.bytes), append(c.saved, next.gain)
		c.bytes += next.bytes
		c.gain += next.gain
	}
}
