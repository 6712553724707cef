package simulate

import (
	"math"
	"math/bits"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// Accumulator sums up the startups of one arm and one repeat as they become
// ready, all together and by app, without a list of them. The zero value is empty
// and ready to use. Sums are whole numbers, so that what several accumulators
// took merges to the same bits in any order.
//
// It holds up to 58 KiB for each app, in fact about 1 KiB for each factor of two
// between an app's shortest and longest time to ready.
type Accumulator struct {
	all   tally
	apps  map[string]*tally
	voids map[voidKey]int64
}

// voidKey is an app and why startups of it are void.
type voidKey struct{ app, reason string }

// Add counts a startup; a void one apart.
func (a *Accumulator) Add(s *Startup) {
	if s.Void != "" {
		addVoids(&a.voids, voidKey{s.App, s.Void}, 1)
		return
	}
	a.all.add(s)
	t := a.apps[s.App]
	if t == nil {
		if a.apps == nil {
			a.apps = make(map[string]*tally)
		}
		t = &tally{}
		a.apps[s.App] = t
	}
	t.add(s)
}

func addVoids(to *map[voidKey]int64, k voidKey, n int64) {
	if *to == nil {
		*to = make(map[voidKey]int64)
	}
	(*to)[k] += n
}

// Merge adds what other took of the same repeat; other stays as it is.
func (a *Accumulator) Merge(other *Accumulator) {
	for k, n := range other.voids {
		addVoids(&a.voids, k, n)
	}
	a.all.merge(&other.all)
	for app, t := range other.apps {
		mine := a.apps[app]
		if mine == nil {
			if a.apps == nil {
				a.apps = make(map[string]*tally)
			}
			mine = &tally{}
			a.apps[app] = mine
		}
		mine.merge(t)
	}
}

// tally sums up a set of startups.
type tally struct {
	ready                  sketch.Times
	first, last            time.Duration // request, and ready since the origin
	fetched, unpacked      int64
	wasted, retries        int64
	evicted, refetched     int64
	hits, partials, misses int64
	phases                 [9]phaseSum
}

// phaseSum is the sum of a phase in nanoseconds of 128 bits, and of how many
// startups state it.
type phaseSum struct {
	high, low uint64
	n         int64
}

func (p *phaseSum) add(high, low uint64, n int64) {
	var carry uint64
	p.low, carry = bits.Add64(p.low, low, 0)
	p.high, _ = bits.Add64(p.high, high, carry)
	p.n += n
}

// meanSeconds is NaN where no startup states the phase.
func (p *phaseSum) meanSeconds() float64 {
	return (math.Ldexp(float64(p.high), 64) + float64(p.low)) / float64(p.n) / 1e9
}

func (t *tally) add(s *Startup) {
	if t.ready.Count() == 0 {
		t.first = s.Requested
	}
	t.first, t.last = min(t.first, s.Requested), max(t.last, s.Requested+s.Ready)
	t.ready.Add(s.Ready)
	t.fetched += s.FetchedBytes
	t.unpacked += s.UnpackedBytes
	t.wasted += s.WastedBytes
	t.retries += int64(s.Retries)
	t.evicted += int64(s.EvictedImages)
	t.refetched += s.RefetchedBytes
	switch s.Hit {
	case matcher.FullHit:
		t.hits++
	case matcher.PartialHit:
		t.partials++
	case matcher.Miss:
		t.misses++
	}
	for i, phase := range AllPhases() {
		if d, known := s.Phases.Of(phase); known {
			t.phases[i].add(0, uint64(max(0, d)), 1)
		}
	}
}

func (t *tally) merge(o *tally) {
	if o.ready.Count() == 0 {
		return
	}
	if t.ready.Count() == 0 {
		t.first = o.first
	}
	t.first, t.last = min(t.first, o.first), max(t.last, o.last)
	t.ready.Merge(&o.ready)
	t.fetched += o.fetched
	t.unpacked += o.unpacked
	t.wasted += o.wasted
	t.retries += o.retries
	t.evicted += o.evicted
	t.refetched += o.refetched
	t.hits += o.hits
	t.partials += o.partials
	t.misses += o.misses
	for i := range t.phases {
		p := &o.phases[i]
		t.phases[i].add(p.high, p.low, p.n)
	}
}

// The figures of one repeat.
const (
	figStarts = iota
	figP50
	figP90
	figP99
	figMean
	figSlowest
	figMakespan
	figFetched
	figUnpacked
	figWasted
	figRetries
	figEvicted
	figRefetched
	figHits
	figPartials
	figMisses
	figPhases // and the phases after it, in the order of AllPhases
	figures   = figPhases + 9
)

// figureSet holds the figures of one repeat; a phase that no startup states is
// NaN, and all is 0 where there was no start.
type figureSet [figures]float64

func (t *tally) figures() figureSet {
	seconds := func(d time.Duration, _ bool) float64 { return d.Seconds() }
	f := figureSet{
		figStarts:    float64(t.ready.Count()),
		figP50:       seconds(t.ready.Quantile(0.5)),
		figP90:       seconds(t.ready.Quantile(0.9)),
		figP99:       seconds(t.ready.Quantile(0.99)),
		figMean:      t.ready.SumSeconds() / float64(t.ready.Count()),
		figSlowest:   seconds(t.ready.Max()),
		figMakespan:  (t.last - t.first).Seconds(),
		figFetched:   float64(t.fetched),
		figUnpacked:  float64(t.unpacked),
		figWasted:    float64(t.wasted),
		figRetries:   float64(t.retries),
		figEvicted:   float64(t.evicted),
		figRefetched: float64(t.refetched),
		figHits:      float64(t.hits),
		figPartials:  float64(t.partials),
		figMisses:    float64(t.misses),
	}
	for i := range t.phases {
		f[figPhases+i] = t.phases[i].meanSeconds()
	}
	return f
}
