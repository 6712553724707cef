package knapsack

// state is a choice with all that is needed to see what one set more or less would do.
// What a set would add is kept up to date with every change, for it is asked of all sets
// far oftener than the choice changes.
type state struct {
	*Solver
	chosen []bool
	list   []int32 // the chosen sets, in no order
	spot   []int32 // where a chosen one is in list
	held   []int32 // how many chosen sets hold each item
	// counted of the chosen sets count towards the quota.
	counted int
	// best and next are the places of the first and the second chosen set among each
	// customer's options; the number of options where there is none.
	best, next []int32
	// addGain and addCost are what each set would add, with the options that customers
	// would change to; either may be below 0.
	addGain, addCost []float64
	gain, cost       float64
}

func (s *Solver) newState() *state {
	st := &state{
		Solver: s, chosen: make([]bool, s.setCount()), spot: make([]int32, s.setCount()), held: make([]int32, s.itemCount()),
		best: make([]int32, s.customerCount()), next: make([]int32, s.customerCount()),
		addGain: make([]float64, s.setCount()), addCost: make([]float64, s.setCount()),
	}
	st.reset(nil)
	return st
}

// reset makes the state of a choice anew, without the rounding that changes leave.
func (st *state) reset(sets []int32) {
	st.gain, st.cost, st.counted, st.list = 0, 0, 0, st.list[:0]
	clear(st.chosen)
	clear(st.held)
	for i := range st.best {
		none := st.optionsFrom[i+1] - st.optionsFrom[i]
		st.best[i], st.next[i] = none, none
	}
	for j := range st.addCost {
		st.addGain[j], st.addCost[j] = 0, st.setCost[j]
		for _, item := range st.itemsOf(int32(j)) {
			st.addCost[j] += st.itemCost[item]
		}
	}
	for k, j := range st.optionSet {
		st.addGain[j] += st.optionGain[k]
	}
	for k, cost := range st.optionCost {
		st.addCost[st.optionSet[k]] += cost
	}
	for _, j := range sets {
		st.add(j)
	}
}

// served is what customer i gains and pays by the option at a place, 0 beyond the last.
func (st *state) served(i, place int32) (gain, cost float64) {
	k := st.optionsFrom[i] + place
	if k >= st.optionsFrom[i+1] {
		return 0, 0
	}
	if st.optionCost != nil {
		cost = st.optionCost[k]
	}
	return st.optionGain[k], cost
}

// moved counts what changes when customer i is served by the option at place to in place
// of that at place from, but for the state's own cost: options before both add more or
// less than they did, those between begin or cease to add anything.
func (st *state) moved(i, from, to int32) {
	gainBefore, costBefore := st.served(i, from)
	gainAfter, costAfter := st.served(i, to)
	st.gain += gainAfter - gainBefore
	least, most := min(from, to), max(from, to)
	row := st.optionsFrom[i]
	sets := st.optionSet[row : row+most]
	st.shift(st.addGain, sets, st.optionGain[row:row+most], least, to < from, gainBefore, gainAfter)
	if st.optionCost != nil {
		st.shift(st.addCost, sets, st.optionCost[row:row+most], least, to < from, costBefore, costAfter)
	}
}

// shift is moved for gains or costs.
func (st *state) shift(add []float64, sets []int32, amounts []float64, least int32, nearer bool, before, after float64) {
	for _, j := range sets[:least] {
		add[j] += before - after
	}
	if nearer {
		for k, j := range sets[least:] {
			add[j] -= amounts[int(least)+k] - before
		}
		return
	}
	for k, j := range sets[least:] {
		add[j] += amounts[int(least)+k] - after
	}
}

// add chooses a set.
func (st *state) add(j int32) {
	st.chosen[j], st.spot[j] = true, int32(len(st.list))
	st.list = append(st.list, j)
	if !st.uncounted[j] {
		st.counted++
	}
	st.cost += st.addCost[j]
	for k := st.customersFrom[j]; k < st.customersFrom[j+1]; k++ {
		switch i, place := st.customer[k], st.place[k]; {
		case place < st.best[i]:
			old := st.best[i]
			st.next[i], st.best[i] = old, place
			st.moved(i, old, place)
		case place < st.next[i]:
			st.next[i] = place
		}
	}
	for _, item := range st.itemsOf(j) {
		if st.held[item]++; st.held[item] == 1 {
			st.itemPaid(item, -st.itemCost[item])
		}
	}
}

// drop takes a chosen set out.
func (st *state) drop(j int32) {
	last := st.list[len(st.list)-1]
	st.list[st.spot[j]], st.spot[last] = last, st.spot[j]
	st.list = st.list[:len(st.list)-1]
	st.chosen[j] = false
	if !st.uncounted[j] {
		st.counted--
	}
	for _, item := range st.itemsOf(j) {
		if st.held[item]--; st.held[item] == 0 {
			st.itemPaid(item, st.itemCost[item])
		}
	}
	for k := st.customersFrom[j]; k < st.customersFrom[j+1]; k++ {
		switch i, place := st.customer[k], st.place[k]; place {
		case st.best[i]:
			to := st.next[i]
			st.best[i], st.next[i] = to, st.chosenAfter(i, to)
			st.moved(i, place, to)
		case st.next[i]:
			st.next[i] = st.chosenAfter(i, place)
		}
	}
	st.cost -= st.addCost[j]
}

// itemPaid changes what all sets that hold an item would cost.
func (st *state) itemPaid(item int32, change float64) {
	for _, j := range st.sets[st.setsFrom[item]:st.setsFrom[item+1]] {
		st.addCost[j] += change
	}
}

// chosenAfter is the place of the first chosen option of i after a place.
func (st *state) chosenAfter(i, place int32) int32 {
	row := st.optionSet[st.optionsFrom[i]:st.optionsFrom[i+1]]
	for k := place + 1; k < int32(len(row)); k++ {
		if st.chosen[row[k]] {
			return k
		}
	}
	return int32(len(row))
}

// loss is what dropping a chosen set would lose and spare.
func (st *state) loss(j int32) (gain, cost float64) {
	for k := st.customersFrom[j]; k < st.customersFrom[j+1]; k++ {
		if i, place := st.customer[k], st.place[k]; st.best[i] == place {
			gainNow, costNow := st.served(i, place)
			gainThen, costThen := st.served(i, st.next[i])
			gain += gainNow - gainThen
			cost += costNow - costThen
		}
	}
	cost += st.setCost[j]
	for _, item := range st.itemsOf(j) {
		if st.held[item] == 1 {
			cost += st.itemCost[item]
		}
	}
	return gain, cost
}

// fits says whether a set may be added.
func (st *state) fits(j int32) bool {
	return st.placed(j) && st.affordable(st.cost+st.addCost[j])
}

// placed says whether a set may be added as far as the quota goes.
func (st *state) placed(j int32) bool {
	return !st.chosen[j] && (st.counted < st.quota || st.uncounted[j])
}

// become makes the state that of a choice, by what differs alone.
func (st *state) become(sets []int32, wanted []bool) {
	clear(wanted)
	for _, j := range sets {
		wanted[j] = true
	}
	for k := len(st.list) - 1; k >= 0; k-- {
		if j := st.list[k]; !wanted[j] {
			st.drop(j)
		}
	}
	for _, j := range sets {
		if !st.chosen[j] {
			st.add(j)
		}
	}
}
