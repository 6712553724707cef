package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// poolTree is a poolModel's choice for an arm in bare numbers. Its nodes are chains of
// layers, the first that of no layer; its sets the model's, in their order.
type poolTree struct {
	*poolModel
	arm   string
	tree  knapsack.Tree
	bytes []int64 // of nodes, beyond what new ones hold
	below [][]int // sets at or below each node
}

// tree is that of an arm.
func (m *poolModel) tree(arm string) *poolTree {
	t := &poolTree{poolModel: m, arm: arm}
	t.add(-1, 0)
	node := make(map[int]int) // by chain
	for set, k := range m.sets {
		at := 0
		t.below[0] = append(t.below[0], set)
		for n, c := range m.chains[k] {
			v, known := node[c]
			if !known {
				var bytes int64
				if !m.holds[c] {
					bytes = m.bytesOf(m.image(k).Layers[n])
				}
				v = t.add(at, bytes)
				node[c] = v
			}
			t.below[v] = append(t.below[v], set)
			at = v
		}
		t.tree.Sets = append(t.tree.Sets, knapsack.TreeSet{Node: at})
	}
	t.addGains(node)
	return t
}

func (t *poolTree) add(parent int, bytes int64) int {
	t.tree.Parent, t.tree.Worth = append(t.tree.Parent, parent), append(t.tree.Worth, 0)
	t.tree.Cost, t.bytes = append(t.tree.Cost, float64(bytes)), append(t.bytes, bytes)
	t.below = append(t.below, nil)
	return len(t.bytes) - 1
}

// addGains gives each chain what pulls gain by it beyond the one below it, in seconds, and
// each image what its own gain by the whole of it.
func (t *poolTree) addGains(node map[int]int) {
	setOf := make(map[int]int, len(t.sets))
	for set, k := range t.sets {
		setOf[k] = set
	}
	for i := range t.Pulls {
		x := &t.Pulls[i]
		gains := t.gains(t.arm, i)
		worth := func(n int) float64 { return max(0, gains[n].Seconds()*x.PerMonth) }
		t.tree.Worth[0] += worth(0)
		for n, c := range t.chains[x.Image] {
			if v, ok := node[c]; ok {
				t.tree.Worth[v] += worth(n+1) - worth(n)
			}
		}
		if set, ok := setOf[x.Image]; ok {
			n := t.layers(x.Image)
			t.tree.Sets[set].Worth += worth(n+1) - worth(n)
		}
	}
}

// choose finds the images within a disk budget.
func (t *poolTree) choose(ctx context.Context, budget int64, effort float64) (*poolChoice, error) {
	t.tree.Budget = float64(budget)
	found, err := t.tree.Solve(ctx, effort)
	if err != nil {
		return nil, fmt.Errorf("choose images: %w", err)
	}
	c := t.ordered(found.Sets)
	c.considered = len(t.sets)
	switch {
	case found.Optimal:
		c.status, c.bound = Optimal, c.gain
		return c, nil
	case found.Bound-found.Gain <= t.GapFraction*found.Bound && ctx.Err() == nil:
		c.status = GapReached
	default:
		c.status = Stopped
	}
	c.bound = max(found.Bound, c.gain)
	return c, nil
}

// ordered puts the chosen sets in the order of what each adds to those before it; of equal
// ones the smaller first. One that adds nothing is left out.
func (t *poolTree) ordered(chosen []int) *poolChoice {
	type step struct {
		set     int
		gain    float64
		bytes   int64
		changed bool
	}
	c := &poolChoice{arm: t.arm}
	have := make([]bool, len(t.bytes))
	left := make([]*step, len(t.sets))
	for _, set := range chosen {
		left[set] = &step{set: set, changed: true}
	}
	for {
		var next *step
		for _, set := range chosen {
			s := left[set]
			if s == nil {
				continue
			}
			if s.changed {
				s.gain, s.bytes, s.changed = t.tree.Sets[set].Worth, 0, false
				for v := t.tree.Sets[set].Node; v >= 0 && !have[v]; v = t.tree.Parent[v] {
					s.gain, s.bytes = s.gain+t.tree.Worth[v], s.bytes+t.bytes[v]
				}
			}
			if next == nil || cmp.Or(cmp.Compare(s.gain, next.gain), -cmp.Compare(s.bytes, next.bytes), -cmp.Compare(t.reference(t.sets[set]), t.reference(t.sets[next.set]))) > 0 {
				next = s
			}
		}
		if next == nil || next.gain <= 0 {
			return c
		}
		left[next.set] = nil
		for v := t.tree.Sets[next.set].Node; v >= 0 && !have[v]; v = t.tree.Parent[v] {
			have[v] = true
			for _, set := range t.below[v] {
				if left[set] != nil {
					left[set].changed = true
				}
			}
		}
		c.images = append(c.images, t.sets[next.set])
		c.added, c.saved = append(c.added, next.bytes), append(c.saved, next.gain)
		c.bytes += next.bytes
		c.gain += next.gain
	}
}

// least is the size of the smallest image that takes room and spares time; +Inf where there
// is none.
func (t *poolTree) least() float64 {
	least := math.Inf(1)
	for set, k := range t.sets {
		gains := t.tree.Sets[set].Worth
		for v := t.tree.Sets[set].Node; v >= 0; v = t.tree.Parent[v] {
			gains += t.tree.Worth[v]
		}
		if bytes := t.sizeOf(k); bytes > 0 && gains > 0 {
			least = min(least, float64(bytes))
		}
	}
	return least
}
