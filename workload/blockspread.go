package workload

// blockBins are the bins of a block, half an hour: long enough that starts that come together
// are mostly in one.
const blockBins = 6

// A blockSpread tells how starts vary from one half hour to the next, bursts left out.
type blockSpread struct {
	block int64
	count int
	// isOut: the block has a burst.
	isOut bool
	// before is the block before, where there is one without a burst.
	before   int
	isBefore bool
	// squares sums up the squares of differences of neighbours, both their counts.
	squares, both float64
}

// add takes a bin's starts; bins come in order.
func (s *blockSpread) add(bin int64, n int) {
	s.goTo(bin / blockBins)
	s.count += n
}

// leaveOut leaves a bin's block out.
func (s *blockSpread) leaveOut(bin int64) {
	s.goTo(bin / blockBins)
	s.isOut = true
}

func (s *blockSpread) goTo(block int64) {
	if block == s.block {
		return
	}
	if s.block > 0 {
		if s.isOut {
			s.isBefore = false
		} else {
			s.follow(s.count)
		}
		if block > s.block+1 { // at least one without a start
			s.follow(0)
		}
	}
	s.block, s.count, s.isOut = block, 0, false
}

// follow takes a block for the neighbour of the one before.
func (s *blockSpread) follow(n int) {
	if s.isBefore {
		d := float64(n - s.before)
		s.squares += d * d
		s.both += float64(n + s.before)
	}
	s.before, s.isBefore = n, true
}

// restart begins anew in time.
func (s *blockSpread) restart() { s.block, s.count, s.isOut, s.isBefore = 0, 0, false, false }

// dispersion is how many times its mean the variance of the starts in a block is, at least 1:
// by the differences of neighbours, so that a rhythm has little part in it. It is 1 of starts
// that have nothing to do with each other, and more where they come in clumps.
func (s *blockSpread) dispersion() float64 {
	if s.both == 0 {
		return 1
	}
	return max(1, s.squares/s.both)
}
