package knapsack

import (
	"math"
	"slices"
)

// covering is a choice of a compact problem that grows. What is asked is what one set more
// would gain; to answer without going through all that share an item with it, segments are
// closed.
//
// A segment may be closed where every customer of it gains already as much as by all its
// closed segments together; then one that shares only closed segments with a set gains
// nothing more by it, and is not looked at. Nearly all that share anything with a set
// share a base alone, which the first of the chosen sets with that base closes.
type covering struct {
	*compact
	chosen []bool
	list   []int32
	// counted of the chosen sets count towards the quota.
	counted int
	held    []int32 // how many chosen sets hold each item
	// cover is the worth that each customer has by the best chosen set, and best that set;
	// −1 is none. closedWorth is that of its closed segments.
	cover, closedWorth []float64
	best               []int32
	served             []int32 // customers that each set is best for
	closed             []bool
	addCost            []float64
	gain, cost         float64
	// lateRatio is the gain for its cost of the last set that was added before lateFrom of
	// the budget was spent.
	lateRatio float64
	// costChanged is told of each set whose addCost changed.
	costChanged func(set int32)

	part []float64 // by segment, of the set that is looked at
	seen []int32   // by customer, the last look
	look int32
}

func (c *compact) newCovering() *covering {
	g := &covering{
		compact: c, chosen: make([]bool, c.setCount()), held: make([]int32, len(c.itemCost)),
		cover: make([]float64, c.customerCount()), closedWorth: make([]float64, c.customerCount()),
		best: make([]int32, c.customerCount()), served: make([]int32, c.setCount()),
		closed: make([]bool, len(c.segmentWorth)), addCost: append([]float64(nil), c.setCost...),
		part: make([]float64, len(c.segmentWorth)), seen: make([]int32, c.customerCount()),
		costChanged: func(int32) {},
	}
	for i := range g.best {
		g.best[i] = -1
	}
	for j := range g.addCost {
		for _, item := range c.setItems.of(int32(j)) {
			g.addCost[j] += c.itemCost[item]
		}
	}
	return g
}

// visit calls f with each customer to whom a set may be worth as much as the best chosen
// one or more, and its worth.
func (g *covering) visit(j int32, f func(i int32, worth float64)) {
	from, to := g.setSegments.from[j], g.setSegments.from[j+1]
	for k := from; k < to; k++ {
		g.part[g.setSegments.all[k]] = g.setParts[k]
	}
	g.look++
	for _, s := range g.setSegments.all[from:to] {
		if g.closed[s] {
			continue
		}
		for _, i := range g.segmentHeld.of(s) {
			if g.seen[i] == g.look {
				continue
			}
			g.seen[i] = g.look
			worth := 0.0
			for _, held := range g.customerSegments.of(i) {
				worth += g.part[held]
			}
			if worth >= g.cover[i] {
				f(i, worth)
			}
		}
	}
	for _, s := range g.setSegments.all[from:to] {
		g.part[s] = 0
	}
}

// addGain is what a set would gain more.
func (g *covering) addGain(j int32) float64 {
	gain := 0.0
	g.visit(j, func(i int32, worth float64) { gain += g.weight[i] * (worth - g.cover[i]) })
	return gain
}

// of is the choice of some sets, with its gain and cost anew, without the rounding that
// changes leave.
func (c *compact) of(sets []int32) Choice {
	g := c.newCovering()
	var choice Choice
	for _, j := range slices.Sorted(slices.Values(sets)) {
		choice.Sets = append(choice.Sets, int(j))
		choice.Cost += c.setCost[j]
		for _, item := range c.setItems.of(j) {
			if g.held[item]++; g.held[item] == 1 {
				choice.Cost += c.itemCost[item]
			}
		}
		g.visit(j, func(i int32, worth float64) { g.cover[i] = worth })
		for _, s := range c.setSegments.of(j) {
			g.close(s)
		}
	}
	for i, worth := range g.cover {
		choice.Gain += c.weight[i] * worth
	}
	return choice
}

func (g *covering) fits(j int32) bool {
	return !g.chosen[j] && (g.counted < g.quota || g.uncounted[j]) && g.cost+g.addCost[j] <= g.budget*(1+slack)
}

// add chooses a set, which becomes the best one also of customers that gain as much by
// another; and takes out those that are best for none any more.
func (g *covering) add(j int32) {
	g.chosen[j] = true
	g.list = append(g.list, j)
	if !g.uncounted[j] {
		g.counted++
	}
	g.cost += g.addCost[j]
	var useless []int32
	g.visit(j, func(i int32, worth float64) {
		g.gain += g.weight[i] * (worth - g.cover[i])
		g.cover[i] = worth
		if old := g.best[i]; old >= 0 {
			if g.served[old]--; g.served[old] == 0 {
				useless = append(useless, old)
			}
		}
		g.best[i] = j
		g.served[j]++
	})
	for _, item := range g.setItems.of(j) {
		if g.held[item]++; g.held[item] == 1 {
			g.itemPaid(item, -g.itemCost[item])
		}
	}
	for _, old := range useless {
		g.drop(old)
	}
	for _, s := range g.setSegments.of(j) {
		g.close(s)
	}
}

// drop takes out a chosen set that is best for none.
func (g *covering) drop(j int32) {
	g.chosen[j] = false
	if !g.uncounted[j] {
		g.counted--
	}
	for k, listed := range g.list {
		if listed == j {
			g.list = append(g.list[:k], g.list[k+1:]...)
			break
		}
	}
	for _, item := range g.setItems.of(j) {
		if g.held[item]--; g.held[item] == 0 {
			g.itemPaid(item, g.itemCost[item])
		}
	}
	g.cost -= g.addCost[j]
}

func (g *covering) itemPaid(item int32, change float64) {
	for _, j := range g.itemSets.of(item) {
		g.addCost[j] += change
		g.costChanged(j)
	}
}

// close closes a segment if it may be.
func (g *covering) close(s int32) {
	if g.closed[s] {
		return
	}
	held, worth := g.segmentHeld.of(s), g.segmentWorth[s]
	for _, i := range held {
		// Roundings may leave sums of the same worths apart.
		if g.closedWorth[i]+worth > g.cover[i]+slack*math.Abs(g.cover[i]) {
			return
		}
	}
	g.closed[s] = true
	for _, i := range held {
		g.closedWorth[i] += worth
	}
}
