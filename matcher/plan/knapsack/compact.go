package knapsack

import (
	"encoding/binary"
	"math"
)

// compact is a Layered problem without its pairs. Items that the same customers hold are a
// segment: what a customer gains by a set is the sum of what the set has of the customer's
// segments, and both have few.
type compact struct {
	quota     int
	uncounted []bool // by set
	// budget is finite, and no more than all sets and items cost.
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
	c := &compact{quota: l.Quota, itemWorth: l.ItemWorth}
	if c.quota == 0 {
		c.quota = len(l.Sets)
	}
	c.addCustomers(l)
	c.addSets(l)
	most := 0.0
	for _, cost := range c.itemCost {
		most += cost
	}
	for _, cost := range c.setCost {
		most += cost
	}
	c.budget = min(l.Budget, most, math.MaxFloat64)
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
		c.setCost, c.uncounted = append(c.setCost, cost), append(c.uncounted, set.Uncounted)
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

// mostGain is what a set gains alone.
func (c *compact) mostGain(j int32) float64 {
	gain := 0.0
	for k := c.setSegments.from[j]; k < c.setSegments.from[j+1]; k++ {
		gain += c.setParts[k] * c.segmentWeight[c.setSegments.all[k]]
	}
	return gain
}

// pairs are how many customers share a segment with each of some sets, in all; counting
// ends beyond most.
func (c *compact) pairs(sets []int32, most int) int {
	n, last := 0, make([]int32, c.customerCount()) // the last set that met the customer, from 1
	for _, j := range sets {
		for _, s := range c.setSegments.of(j) {
			for _, i := range c.segmentHeld.of(s) {
				if last[i] != j+1 {
					last[i] = j + 1
					n++
				}
			}
		}
		if n > most {
			break
		}
	}
	return n
}
