package knapsack

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Tree is a problem whose items are the nodes of a tree: a set has a node and all above it,
// and gains come from the nodes that chosen sets have, and from the sets themselves. So is
// what images spare on a node's disk, where a pull is shortened by the lowest layers of its
// own that some image has. It is the precedence-constrained knapsack of trees, but that a
// node is had with a set at or below it alone.
//
// Where a unit of cost has a price, the best choice follows from the leaves up, in one pass.
// At the price where that choice is as large as the budget, its value bounds all others, and
// what remains to decide is so little that Solve goes through it: tens of milliseconds for
// thousands of sets, where the options of a Problem are millions.
type Tree struct {
	// Parent of each node, which comes before it; −1 of a root.
	Parent []int
	// Cost is what each node costs, once, Worth what it gains; both are at least 0.
	Cost, Worth []float64
	// Sets may be chosen.
	Sets []TreeSet
	// Budget is the most that a choice may cost; +Inf is none.
	Budget float64
}

// TreeSet has a node and all above it, and gains so much beside, at least 0.
type TreeSet struct {
	Node  int
	Worth float64
}

// mostStates is how many parts of choices are kept at a node, of those that differ in cost;
// ten times as many take some hundred MB where there are thousands of nodes, and are the most.
const mostStates = 2000

// Solve returns the best choice that it finds, in rising order, and what none gains more
// than. Effort multiplies how many parts of choices are kept at once; 0 is 1. The answer has
// no Picks: nobody is served. When ctx is done it is the best so far.
func (t *Tree) Solve(ctx context.Context, effort float64) (Answer, error) {
	if err := t.validate(); err != nil {
		return Answer{}, fmt.Errorf("knapsack: %w", err)
	}
	g := t.grown()
	best, bound := g.relax()
	best = g.fill(best)
	if effort == 0 {
		effort = 1
	}
	if bound > best.gain*(1+slack) {
		best, bound = g.prove(ctx, best, bound, int(max(1, mostStates*min(effort, 10))))
	}
	a := Answer{Choice: Choice{Sets: best.ints(), Gain: best.gain, Cost: best.cost}, Objective: best.gain, Reached: true, Stopped: ctx.Err() != nil}
	a.Bound = max(bound, best.gain)
	a.Optimal = a.Bound <= best.gain*(1+3*slack)
	return a, nil
}

func (t *Tree) validate() error {
	if len(t.Cost) != len(t.Parent) || len(t.Worth) != len(t.Parent) || len(t.Parent) > math.MaxInt32/2 || len(t.Sets) > math.MaxInt32 {
		return fmt.Errorf("%d nodes with the costs of %d and the worths of %d: they must be as many", len(t.Parent), len(t.Cost), len(t.Worth))
	}
	if !(t.Budget >= 0) {
		return fmt.Errorf("a budget of %v: it must be a number of at least 0", t.Budget)
	}
	finite := func(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }
	for v, parent := range t.Parent {
		if parent < -1 || parent >= v {
			return fmt.Errorf("node %d is below node %d: parents come first", v, parent)
		}
		if !finite(t.Cost[v]) || !finite(t.Worth[v]) {
			return fmt.Errorf("node %d costs %v and is worth %v: they must be finite numbers of at least 0", v, t.Cost[v], t.Worth[v])
		}
	}
	for j, set := range t.Sets {
		if set.Node < 0 || set.Node >= len(t.Parent) {
			return fmt.Errorf("set %d has node %d, of %d", j, set.Node, len(t.Parent))
		}
		if !finite(set.Worth) {
			return fmt.Errorf("set %d is worth %v: it must be a finite number of at least 0", j, set.Worth)
		}
	}
	return nil
}

// grown is a tree with nodes that belong together in one: one without a set and with one
// node below is had with that. What has no set below is left out. Node 0 is above all roots.
type grown struct {
	budget        float64
	parent        []int32
	below         [][]int32
	cost, worth   []float64 // of nodes; worth with those of their sets
	sets          [][]int32 // at each node
	setNode       []int32
	setWorth      []float64
	price         float64
	value, within []float64 // at the price: of a node with the best below it, and of that alone
}

func (t *Tree) grown() *grown {
	n := len(t.Parent)
	below, own := make([]int, n), make([]int, n) // sets at or below, and at a node
	for _, set := range t.Sets {
		own[set.Node]++
	}
	branches := make([]int, n)
	for v := n - 1; v >= 0; v-- {
		below[v] += own[v]
		if p := t.Parent[v]; p >= 0 && below[v] > 0 {
			below[p] += below[v]
			branches[p]++
		}
	}
	g := &grown{budget: t.Budget, parent: []int32{-1}, below: [][]int32{nil}, cost: []float64{0}, worth: []float64{0}, sets: [][]int32{nil}}
	at := make([]int32, n)
	for v := range n {
		if below[v] == 0 {
			continue
		}
		p := int32(0)
		if t.Parent[v] >= 0 {
			p = at[t.Parent[v]]
		}
		if u := t.Parent[v]; u >= 0 && own[u] == 0 && branches[u] == 1 {
			at[v] = p
			g.cost[p] += t.Cost[v]
			g.worth[p] += t.Worth[v]
			continue
		}
		at[v] = int32(len(g.parent))
		g.parent, g.below, g.sets = append(g.parent, p), append(g.below, nil), append(g.sets, nil)
		g.cost, g.worth = append(g.cost, t.Cost[v]), append(g.worth, t.Worth[v])
		g.below[p] = append(g.below[p], at[v])
	}
	for j, set := range t.Sets {
		v := at[set.Node]
		g.setNode, g.setWorth = append(g.setNode, v), append(g.setWorth, set.Worth)
		g.sets[v] = append(g.sets[v], int32(j))
		g.worth[v] += set.Worth
	}
	g.value, g.within = make([]float64, len(g.parent)), make([]float64, len(g.parent))
	return g
}

// bare nodes are had only with one below them.
func (g *grown) bare(v int32) bool { return v > 0 && len(g.sets[v]) == 0 }

// at sets the values at a price.
func (g *grown) at(price float64) {
	g.price = price
	for v := int32(len(g.parent)) - 1; v >= 0; v-- {
		most, sum := math.Inf(-1), 0.0
		for _, w := range g.below[v] {
			most = max(most, g.value[w])
			sum += max(0, g.value[w])
		}
		if g.bare(v) && most <= 0 {
			sum = most
		}
		g.within[v] = sum
		g.value[v] = g.worth[v] - price*g.cost[v] + sum
	}
}

// best are the nodes of the best choice at the price, with what they gain and cost.
func (g *grown) best() found {
	f := found{}
	open := []int32{0}
	for len(open) > 0 {
		v := open[len(open)-1]
		open = open[:len(open)-1]
		f.sets = append(f.sets, v)
		f.gain += g.worth[v]
		f.cost += g.cost[v]
		least, most := int32(-1), math.Inf(-1)
		for _, w := range g.below[v] {
			if g.value[w] > 0 {
				open = append(open, w)
			}
			if g.value[w] > most {
				least, most = w, g.value[w]
			}
		}
		if g.bare(v) && most <= 0 {
			open = append(open, least)
		}
	}
	return f
}

// mostPrices is how many prices are tried: each is where two choices are worth the same, and
// so few are needed.
const mostPrices = 200

// relax finds the price of the least bound, and returns the best choice within the budget
// that it met, as nodes, and the bound.
func (g *grown) relax() (found, float64) {
	g.at(0)
	high := g.best()
	if high.cost <= g.budget {
		return high, high.gain
	}
	low, bound := found{sets: []int32{0}}, high.gain
	for range mostPrices {
		price := (high.gain - low.gain) / (high.cost - low.cost)
		g.at(price)
		bound = min(bound, g.value[0]+price*g.budget)
		if g.value[0] <= high.gain-price*high.cost+slack*high.gain {
			break
		}
		if f := g.best(); f.cost > g.budget {
			high = f
		} else {
			low = f
		}
	}
	return low, bound * (1 + slack)
}

// fill makes a choice of nodes one of sets, and adds the set of most worth for its cost that
// fits, again and again.
func (g *grown) fill(from found) found {
	have := make([]bool, len(g.parent))
	f := found{gain: from.gain, cost: from.cost}
	for _, v := range from.sets {
		have[v] = true
	}
	for {
		best, most, gain, cost := int32(-1), 0.0, 0.0, 0.0
		for v := int32(1); v < int32(len(have)); v++ {
			if have[v] || g.bare(v) {
				continue
			}
			moreGain, moreCost := 0.0, 0.0
			for u := v; !have[u]; u = g.parent[u] {
				moreGain, moreCost = moreGain+g.worth[u], moreCost+g.cost[u]
			}
			if ratio := moreGain / max(moreCost, math.SmallestNonzeroFloat64); ratio > most && f.cost+moreCost <= g.budget {
				best, most, gain, cost = v, ratio, moreGain, moreCost
			}
		}
		if best < 0 {
			break
		}
		f.gain, f.cost = f.gain+gain, f.cost+cost
		for u := best; !have[u]; u = g.parent[u] {
			have[u] = true
		}
	}
	f.sets = g.setsOf(have)
	return f
}

// setsOf are the sets that nodes are had by: all at them that are worth something, and one
// where nothing else has a node.
func (g *grown) setsOf(have []bool) []int32 {
	sets, needed := []int32{}, slices.Clone(have)
	for v := int32(len(have)) - 1; v > 0; v-- {
		if !have[v] {
			continue
		}
		chosen := false
		for _, j := range g.sets[v] {
			if g.setWorth[j] > 0 {
				sets, chosen = append(sets, j), true
			}
		}
		if needed[v] && !chosen {
			sets = append(sets, g.sets[v][0])
		}
		needed[g.parent[v]] = false
	}
	return sets
}
