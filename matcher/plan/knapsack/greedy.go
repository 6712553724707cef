package knapsack

// lateRatio is what the budget brings where this part of it is spent.
const lateFrom = 0.7

// fill adds the set of most gain for its cost, again and again, as long as one fits.
// Gains only fall as sets are added, so that one that was worked out before is an upper
// limit, and only the first of the heap is worked out again (lazy greedy; Minoux, 1978);
// costs change with what is paid, and are always exact.
func (g *covering) fill() {
	h := &ratios{limit: make([]float64, g.setCount()), cost: g.addCost, at: make([]int32, g.setCount())}
	known := make([]int, g.setCount()) // how many sets had been added when a limit was worked out, and 1
	for j := range int32(g.setCount()) {
		h.limit[j], h.at[j] = g.mostGain(j), -1
		h.push(j)
	}
	g.costChanged = func(j int32) {
		switch {
		case h.at[j] >= 0:
			h.fix(h.at[j])
		case !g.chosen[j]:
			h.push(j) // perhaps it fits now
		}
	}
	added := 1
	for before := 0; before < added; {
		before = added
		added = g.fillFrom(h, known, added)
		for j := range int32(g.setCount()) { // perhaps some that was dropped made room for it
			if h.at[j] < 0 && !g.chosen[j] {
				h.push(j)
			}
		}
	}
	g.costChanged = func(int32) {}
}

// fillFrom adds the sets of a heap until none is left, and returns how many were added in
// all, and 1.
func (g *covering) fillFrom(h *ratios, known []int, added int) int {
	for len(h.heap) > 0 {
		j := h.heap[0]
		switch {
		case !g.fits(j) || h.limit[j] <= slack*g.gain:
			h.pop()
		case known[j] == added:
			h.pop()
			if g.cost < lateFrom*g.budget && g.addCost[j] > 0 {
				g.lateRatio = h.limit[j] / g.addCost[j]
			}
			g.add(j)
			added++
		default:
			h.limit[j], known[j] = g.addGain(j), added
			h.fix(0)
		}
	}
	return added
}

// ratios is a heap of sets, the first that of the highest limit for its cost; of the lower
// number among equals.
type ratios struct {
	heap        []int32
	at          []int32 // where each set is in heap; −1 is nowhere
	limit, cost []float64
}

func (h *ratios) before(a, b int32) bool {
	// limit/cost without dividing by nothing
	x, y := h.limit[a]*max(0, h.cost[b]), h.limit[b]*max(0, h.cost[a])
	if x != y {
		return x > y
	}
	return a < b
}

func (h *ratios) push(j int32) {
	h.at[j] = int32(len(h.heap))
	h.heap = append(h.heap, j)
	h.up(h.at[j])
}

func (h *ratios) pop() {
	first, last := h.heap[0], h.heap[len(h.heap)-1]
	h.heap = h.heap[:len(h.heap)-1]
	h.at[first] = -1
	if last != first {
		h.heap[0], h.at[last] = last, 0
		h.down(0)
	}
}

// fix puts in its place what changed at a place.
func (h *ratios) fix(k int32) {
	if j := h.heap[k]; h.up(k) == k {
		h.down(h.at[j])
	}
}

func (h *ratios) up(k int32) int32 {
	j := h.heap[k]
	for k > 0 {
		parent := (k - 1) / 2
		if !h.before(j, h.heap[parent]) {
			break
		}
		h.heap[k] = h.heap[parent]
		h.at[h.heap[k]] = k
		k = parent
	}
	h.heap[k], h.at[j] = j, k
	return k
}

func (h *ratios) down(k int32) {
	j, n := h.heap[k], int32(len(h.heap))
	for {
		child := 2*k + 1
		if child >= n {
			break
		}
		if child+1 < n && h.before(h.heap[child+1], h.heap[child]) {
			child++
		}
		if !h.before(h.heap[child], j) {
			break
		}
		h.heap[k] = h.heap[child]
		h.at[h.heap[k]] = k
		k = child
	}
	h.heap[k], h.at[j] = j, k
}
