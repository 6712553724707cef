package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// growth goes through the parts of choices that may yet be better than one, from node to
// node (the depth-first dynamic programme of tree knapsacks: Cho and Shaw, INFORMS Journal
// on Computing 9(4), 1997). Of two parts that decide the same nodes, one that costs no more
// and gains no less is enough; and one that with the best that may follow, at the price of
// the least bound, is no better than what is wanted is left.
type growth struct {
	*grown
	ctx context.Context
	// wanted is what is to be exceeded, states how many parts are kept at most, lost the
	// greatest value of those that were given up for it.
	wanted, lost float64
	states       int
	// links are the nodes of parts, the last first.
	links []link
	order [][]int32 // below each node, the surest decision first
	// sorted is scratch of thin.
	sorted []float64
}

// link is a node of a part, and the link before it.
type link struct{ node, before int32 }

// part is of a choice: what it costs and gains, and its last link.
type part struct {
	cost, gain float64
	last       int32
}

// firstWanted is by which share of the gap a choice may be below the bound at first: little,
// for then few parts are left.
const firstWanted = 1.0 / 64

// prove looks for a choice better than one, and returns the best and what none exceeds.
func (g *grown) prove(ctx context.Context, best found, bound float64, states int) (found, float64) {
	gap := bound - best.gain
	for share := firstWanted; bound > best.gain*(1+slack) && ctx.Err() == nil; share *= 4 {
		x := &growth{grown: g, ctx: ctx, states: states, lost: math.Inf(-1), wanted: max(best.gain*(1+slack), bound-max(share, firstWanted)*gap)}
		got, ok := x.run()
		if ok && got.gain > best.gain {
			best = got
		}
		if ctx.Err() != nil {
			break
		}
		bound = min(bound, max(best.gain, x.wanted, x.lost)*(1+slack))
		if x.lost > max(best.gain, x.wanted) || share >= 1 {
			break
		}
	}
	return best, bound
}

func (x *growth) run() (found, bool) {
	x.order = make([][]int32, len(x.below))
	for v, list := range x.below {
		x.order[v] = slices.Clone(list)
		slices.SortFunc(x.order[v], func(a, b int32) int {
			return cmp.Or(cmp.Compare(math.Abs(x.value[b]), math.Abs(x.value[a])), cmp.Compare(a, b))
		})
	}
	x.links = append(x.links[:0], link{0, -1})
	parts := x.grow(0, []part{{}}, 0)
	if len(parts) == 0 {
		return found{}, false
	}
	last := parts[len(parts)-1]
	have := make([]bool, len(x.parent))
	for n := last.last; n >= 0; n = x.links[n].before {
		have[x.links[n].node] = true
	}
	f := found{gain: last.gain, cost: last.cost, sets: x.setsOf(have)}
	return f, true
}

// grow takes parts that have a node through all below it; later is the most that may follow.
func (x *growth) grow(v int32, in []part, later float64) []part {
	without, with := in, []part(nil) // parts that have yet to have a node below, and others
	if !x.bare(v) {
		without, with = nil, in
	}
	list := x.order[v]
	follows, most := make([]float64, len(list)+1), make([]float64, len(list)+1) // of those from a place on: together, and one alone
	most[len(list)] = math.Inf(-1)
	for n := len(list) - 1; n >= 0; n-- {
		follows[n] = follows[n+1] + max(0, x.value[list[n]])
		most[n] = max(most[n+1], x.value[list[n]])
	}
	for n, w := range list {
		if x.ctx.Err() != nil {
			return nil
		}
		after := follows[n+1] + later
		if taken := x.take(w, merged(without, with), after); len(taken) > 0 {
			with = merged(with, x.grow(w, taken, after))
		}
		with = x.kept(with, after)
		if len(without) > 0 {
			if most[n+1] <= 0 {
				after = most[n+1] + later
			}
			without = x.kept(slices.Clone(without), after)
		}
	}
	return with
}

// take adds a node to parts.
func (x *growth) take(w int32, parts []part, after float64) []part {
	var taken []part
	after += x.within[w]
	for _, p := range parts {
		p.cost, p.gain = p.cost+x.cost[w], p.gain+x.worth[w]
		if p.cost > x.budget {
			break // they are in the order of cost
		}
		if x.may(&p, after) > x.wanted {
			taken = append(taken, p)
		}
	}
	taken = x.thin(taken, after)
	for n := range taken {
		x.links = append(x.links, link{w, taken[n].last})
		taken[n].last = int32(len(x.links) - 1)
	}
	return taken
}

// may is what a part may come to.
func (x *growth) may(p *part, after float64) float64 {
	return (p.gain + x.price*(x.budget-p.cost) + after) * (1 + slack)
}

// kept are the parts that may be better than what is wanted; it changes the list.
func (x *growth) kept(parts []part, after float64) []part {
	parts = slices.DeleteFunc(parts, func(p part) bool { return x.may(&p, after) <= x.wanted })
	return x.thin(parts, after)
}

// thin gives up those that promise least where there are too many.
func (x *growth) thin(parts []part, after float64) []part {
	if len(parts) <= x.states {
		return parts
	}
	x.sorted = x.sorted[:0]
	for n := range parts {
		x.sorted = append(x.sorted, x.may(&parts[n], after))
	}
	slices.Sort(x.sorted)
	least := x.sorted[len(x.sorted)-x.states]
	room := x.states // of equal ones the first are kept
	for _, value := range x.sorted {
		if value > least {
			room--
		}
	}
	return slices.DeleteFunc(parts, func(p part) bool {
		switch value := x.may(&p, after); {
		case value > least:
			return false
		case value == least && room > 0:
			room--
			return false
		default:
			x.lost = max(x.lost, value)
			return true
		}
	})
}

// merged are the parts of two lists of which none is as good at no more cost, in the order
// of cost, and of gain.
func merged(a, b []part) []part {
	list := make([]part, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		var p part
		if len(b) == 0 || len(a) > 0 && (a[0].cost < b[0].cost || a[0].cost == b[0].cost && a[0].gain >= b[0].gain) {
			p, a = a[0], a[1:]
		} else {
			p, b = b[0], b[1:]
		}
		if n := len(list); n == 0 || p.gain > list[n-1].gain {
			list = append(list, p)
		}
	}
	return list
}
