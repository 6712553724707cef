package knapsack

import (
	"encoding/binary"
	"math"
	"slices"
)

// compact is a Layered problem without its pairs. Items that the same customers hold are a
// segment: what a customer gains by a set is the sum of what the set has of the customer's
// segments, and both have few.
type compact struct {
	quota  int
	budget float64
	weight []float64 // of customers
	// itemCost is 0 where each set pays for its own.
	itemCost, itemWorth, setCost []float64
	// segmentOf is that of each item; −1 where no customer gains by it.
	segmentOf []int32
	// setItems are the items of sets that cost something, worthy those that some gain by.
	setItems, itemSets, worthy    table
	customerSegments, segmentHeld table
	setSegments, segmentSets      table
	// setParts are the worths of what sets have of segments, by entries of setSegments.
	setParts []float64
	// segmentWorth is that of all items of a segment, segmentWeight that of its customers.
	segmentWorth, segmentWeight []float64
}

// table is lists one after another.
type table struct{ from, all []int32 }

func (t table) of(row int32) []int32 { return t.all[t.from[row]:t.from[row+1]] }
func (t table) rows() int            { return len(t.from) - 1 }

// turned is the table by its entries, below n: rows that hold each, in rising order.
func (t table) turned(n int) table {
	to := table{make([]int32, n+1), make([]int32, len(t.all))}
	for _, x := range t.all {
		to.from[x+1]++
	}
	for x := range n {
		to.from[x+1] += to.from[x]
	}
	next := append([]int32(nil), to.from[:n]...)
	for row := range int32(t.rows()) {
		for _, x := range t.of(row) {
			to.all[next[x]] = row
			next[x]++
		}
	}
	return to
}

func (l *Layered) inSegments() *compact {
	c := &compact{quota: l.Quota, budget: l.Budget, itemWorth: l.ItemWorth}
	if c.quota == 0 {
		c.quota = len(l.Sets)
	}
	c.addCustomers(l)
	c.addSets(l)
	c.segmentSets = c.setSegments.turned(len(c.segmentWorth))
	return c
}

// addCustomers numbers segments in the order of their first items.
func (c *compact) addCustomers(l *Layered) {
	held := table{from: []int32{0}}
	for _, customer := range l.Customers {
		c.weight = append(c.weight, customer.Weight)
		for _, item := range customer.Items {
			held.all = append(held.all, int32(item))
		}
		held.from = append(held.from, int32(len(held.all)))
	}
	holders := held.turned(len(l.ItemCost))
	c.segmentOf = make([]int32, len(l.ItemCost))
	known := make(map[string]int32)
	var key []byte
	first := table{from: []int32{0}}
	for item := range c.segmentOf {
		customers := holders.of(int32(item))
		if len(customers) == 0 || l.ItemWorth[item] == 0 {
			c.segmentOf[item] = -1
			continue
		}
		key = key[:0]
		for _, i := range customers {
			key = binary.LittleEndian.AppendUint32(key, uint32(i))
		}
		s, ok := known[string(key)]
		if !ok {
			s = int32(len(c.segmentWorth))
			known[string(key)] = s
			c.segmentWorth = append(c.segmentWorth, 0)
			first.all = append(first.all, customers...)
			first.from = append(first.from, int32(len(first.all)))
		}
		c.segmentOf[item] = s
		c.segmentWorth[s] += l.ItemWorth[item]
	}
	c.segmentHeld, c.customerSegments = first, first.turned(len(l.Customers))
	c.segmentWeight = make([]float64, len(c.segmentWorth))
	for s := range c.segmentWeight {
		for _, i := range first.of(int32(s)) {
			c.segmentWeight[s] += c.weight[i]
		}
	}
}

func (c *compact) addSets(l *Layered) {
	c.itemCost = l.ItemCost
	if l.Separate {
		c.itemCost = make([]float64, len(l.ItemCost))
	}
	c.setItems.from, c.setSegments.from, c.worthy.from = []int32{0}, []int32{0}, []int32{0}
	part, last := make([]float64, len(c.segmentWorth)), make([]int, len(c.segmentWorth))
	for j, set := range l.Sets {
		cost := set.Cost
		if l.Separate {
			cost = l.whole(set)
		}
		c.setCost = append(c.setCost, cost)
		row := len(c.setSegments.all)
		for _, item := range set.Items {
			if c.itemCost[item] > 0 {
				c.setItems.all = append(c.setItems.all, int32(item))
			}
			if s := c.segmentOf[item]; s >= 0 {
				if last[s] != j+1 {
					last[s], part[s] = j+1, 0
					c.setSegments.all = append(c.setSegments.all, s)
				}
				part[s] += l.ItemWorth[item]
				c.worthy.all = append(c.worthy.all, int32(item))
			}
		}
		for _, s := range c.setSegments.all[row:] {
			c.setParts = append(c.setParts, part[s])
		}
		c.worthy.from = append(c.worthy.from, int32(len(c.worthy.all)))
		c.setItems.from = append(c.setItems.from, int32(len(c.setItems.all)))
		c.setSegments.from = append(c.setSegments.from, int32(len(c.setSegments.all)))
	}
	c.itemSets = c.setItems.turned(len(c.itemCost))
}

func (c *compact) setCount() int      { return len(c.setCost) }
func (c *compact) customerCount() int { return len(c.weight) }

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
	held   []int32 // how many chosen sets hold each item
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

// mostGain is what a set gains alone.
func (c *compact) mostGain(j int32) float64 {
	gain := 0.0
	for k := c.setSegments.from[j]; k < c.setSegments.from[j+1]; k++ {
		gain += c.setParts[k] * c.segmentWeight[c.setSegments.all[k]]
	}
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
	return !g.chosen[j] && len(g.list) < g.quota && g.cost+g.addCost[j] <= g.budget*(1+slack)
}

// add chooses a set, which becomes the best one also of customers that gain as much by
// another; and takes out those that are best for none any more.
func (g *covering) add(j int32) {
	g.chosen[j] = true
	g.list = append(g.list, j)
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
