package simulate

import "time"

// trouble is what a pull has to note whose requests fail; few do.
type trouble struct {
	failedAt time.Duration // the last time
	failures uint8         // since its back-off was last forgotten
	delayed  uint16        // layers that were refused and are to be asked for again
	// partial is what is left of layers that have partly arrived.
	partial map[int32]int64
}

// trouble is a pull's, to be changed.
func (e *engine) trouble(pid int32, p *pull) *trouble {
	if p.is&troubled != 0 {
		return e.troubles[pid]
	}
	if e.troubles == nil {
		e.troubles = make(map[int32]*trouble)
	}
	x := &trouble{}
	p.is |= troubled
	e.troubles[pid] = x
	return x
}

// leftOf is how much of a layer a troubled pull has still to fetch.
func (e *engine) leftOf(pid int32, p *pull, layer int32) int64 {
	if left, ok := e.trouble(pid, p).partial[layer]; ok {
		return left
	}
	return e.w.layers[layer].compressed
}

// sending counts a pull's transfers, from the request on, without those that are
// delayed.
func (e *engine) sending(pid int32, p *pull) int {
	n := int(p.inFlight)
	if p.is&troubled != 0 {
		n -= int(e.troubles[pid].delayed)
	}
	return n
}
