package knapsack

import "math"

// decisions of branch and bound: sets that are chosen or not, options that are taken or
// not.
type decisions struct {
	state   []decision // by set
	held    []int32    // by how many sets that are in each item is
	counted int        // sets that are in and count towards the quota
	in      []int      // sets that are in
	// barred are options that are not taken, must customers that take one.
	barred []bool // by option
	must   []bool // by customer
	// spent is what sets that are in cost with their items.
	spent float64
	// floor is the least that each customer pays for its option, room what is left beside
	// all that.
	floor []float64
	room  float64
	// alive are the options that each customer may take yet, those of i at aliveFrom[i] to
	// aliveFrom[i+1]; forced customers take one.
	alive, aliveFrom []int32
	forced           []bool
	// trail are the decisions in their order, to take them back.
	trail []decided
}

type decision int8

const (
	undecided decision = iota
	in
	out
)

// decided is a decision for a set, an option (left out) or a customer (must); the others
// are −1.
type decided struct{ set, option, customer int32 }

func (s *Solver) newDecisions() *decisions {
	return &decisions{
		state: make([]decision, s.setCount()), held: make([]int32, s.itemCount()),
		barred: make([]bool, len(s.optionSet)), must: make([]bool, s.customerCount()),
		floor: make([]float64, s.customerCount()), room: math.Inf(1), forced: make([]bool, s.customerCount()),
	}
}

// mayChoose says whether the quota leaves room for a set.
func (b *branching) mayChoose(j int32) bool {
	return b.state[j] == in || b.state[j] == undecided && (b.counted < b.quota || b.uncounted[j])
}

func (b *branching) choose(j int32) {
	b.trail = append(b.trail, decided{j, -1, -1})
	b.in = append(b.in, int(j))
	b.state[j] = in
	if !b.uncounted[j] {
		b.counted++
	}
	b.spent += b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]++; b.held[item] == 1 {
			b.spent += b.itemCost[item]
		}
	}
}

func (b *branching) leaveOut(j int32) {
	b.trail = append(b.trail, decided{j, -1, -1})
	b.state[j] = out
}

// narrow leaves a customer the options that cost more than a limit, or the others; none,
// which costs nothing, is among one of them. It says whether any choice may be left.
func (b *branching) narrow(i int32, limit float64, dearer bool) bool {
	left, last := 0, int32(-1)
	for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
		if b.barred[k] || b.state[b.optionSet[k]] == out {
			continue
		}
		if (b.costOf(k) > limit) == dearer {
			left, last = left+1, k
			continue
		}
		b.trail = append(b.trail, decided{-1, k, -1})
		b.barred[k] = true
	}
	if dearer != (limit < 0) && !b.must[i] {
		b.trail = append(b.trail, decided{-1, -1, i})
		b.must[i] = true
	}
	if b.must[i] && left <= 1 {
		return left == 1 && b.take(i, last)
	}
	// A set with which the customer had to take what it may not is out.
	for k := b.optionsFrom[i]; k < b.optionsFrom[i+1] && b.ordered; k++ {
		j := b.optionSet[k]
		if b.state[j] == out {
			continue
		}
		if !b.barred[k] {
			break
		}
		if b.state[j] == in {
			return false
		}
		b.leaveOut(j)
	}
	return true
}

// take chooses the set of the only option that a customer may take, at k, and says whether
// that can be.
func (b *branching) take(i, k int32) bool {
	j := b.optionSet[k]
	if !b.mayChoose(j) {
		return false
	}
	for before := b.optionsFrom[i]; before < k && b.ordered; before++ {
		switch o := b.optionSet[before]; b.state[o] {
		case in:
			return false
		case undecided:
			b.leaveOut(o)
		}
	}
	if b.state[j] == undecided {
		b.choose(j)
	}
	return true
}

// back takes decisions back to where the trail had a length.
func (b *branching) back(length int) {
	for len(b.trail) > length {
		d := b.trail[len(b.trail)-1]
		b.trail = b.trail[:len(b.trail)-1]
		switch {
		case d.option >= 0:
			b.barred[d.option] = false
		case d.customer >= 0:
			b.must[d.customer] = false
		case b.state[d.set] == in:
			b.unchoose(d.set)
		default:
			b.state[d.set] = undecided
		}
	}
}

// setFloors works out what customers pay at the least, the room that a limit of the whole
// cost leaves, and the options that are left with it.
func (b *branching) setFloors(limit float64) {
	b.room = loose(limit) - b.spent
	for i := range b.floor {
		least, forced := math.Inf(1), b.must[i]
		for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
			state := b.state[b.optionSet[k]]
			if state == out {
				continue
			}
			if !b.barred[k] {
				least = min(least, b.costOf(k))
			}
			if b.ordered && state == in {
				forced = true
				break
			}
		}
		if b.forced[i] = forced; !forced {
			least = min(least, 0)
		}
		b.floor[i] = least
		b.room -= least
	}
	b.alive, b.aliveFrom = b.alive[:0], b.aliveFrom[:0]
	for i := range b.floor {
		b.aliveFrom = append(b.aliveFrom, int32(len(b.alive)))
		for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
			state := b.state[b.optionSet[k]]
			if state != out && !b.barred[k] && b.costOf(k)-b.floor[i] <= b.room {
				b.alive = append(b.alive, k)
			}
			if b.ordered && state == in {
				break
			}
		}
	}
	b.aliveFrom = append(b.aliveFrom, int32(len(b.alive)))
}

func (b *branching) unchoose(j int32) {
	b.in = b.in[:len(b.in)-1]
	b.state[j] = undecided
	if !b.uncounted[j] {
		b.counted--
	}
	b.spent -= b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]--; b.held[item] == 0 {
			b.spent -= b.itemCost[item]
		}
	}
}
