package knapsack

import "context"

// settleWork is how many options may be gone through to settle sets.
const settleWork = 200_000_000

// settle decides for sets whose one decision leaves nothing better, again as long as
// there are any.
func (b *branching) settle(ctx context.Context) {
	work := 0
	for changed := true; changed; {
		changed = false
		for j := range int32(b.setCount()) {
			if work += 8 * len(b.optionSet); work > settleWork || ctx.Err() != nil {
				return
			}
			if b.state[j] != undecided {
				continue
			}
			here := len(b.trail)
			if !b.mayChoose(j) {
				b.leaveOut(j)
				changed = true
				continue
			}
			b.choose(j)
			hopeless := b.bound(3) <= b.enough()
			if b.back(here); hopeless {
				b.leaveOut(j)
				changed = true
				continue
			}
			b.leaveOut(j)
			hopeless = b.bound(3) <= b.enough()
			if b.back(here); hopeless {
				b.choose(j)
				changed = true
			}
		}
	}
}

// settleByWorth adds turns for sets that are bought, or are not, by so much that the other
// way leaves nothing better; it says whether any choice may be left.
func (b *branching) settleByWorth(path []turn) ([]turn, bool) {
	side := b.offers.high
	if b.offers.part == 1 {
		side = b.offers.low
	}
	_, weight := b.goal.weights(side.multiplier)
	spare := side.value - b.enough()
	wanted, free := 0, b.quota-b.counted
	for j, d := range b.state {
		if d == undecided && !b.uncounted[j] && b.offers.setPaid[j] > weight*b.setCost[j] {
			wanted++
		}
	}
	for j, d := range b.state {
		if d != undecided {
			continue
		}
		t := turn{customer: -1, set: int32(j)}
		switch worth := b.offers.setPaid[j] - weight*b.setCost[j]; {
		case worth < 0 && -worth >= spare:
			b.leaveOut(t.set)
		case worth > 0 && worth >= spare && wanted <= free:
			// Where more are wanted than have a place another takes its place.
			if !b.mayChoose(t.set) {
				return path, false
			}
			b.choose(t.set)
			t.yes = true
		default:
			continue
		}
		path = append(path, t)
	}
	return path, true
}
