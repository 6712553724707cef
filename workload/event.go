package workload

import (
	"cmp"
	"hash/fnv"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/table"
)

// An Event is one start of an app, or one release of it.
type Event struct {
	// At is the time since the start of the month; negative before it.
	At time.Duration
	// App is the app's position in Workload.Apps.
	App int
	// Release is true when the app's first image is replaced; no start then.
	Release bool
}

// Events returns all starts and releases in [from, to), in order of time.
//
// Single starts come at random at the app's mean rate (a Poisson process), or at the
// rate of the hour where the app has weights, over whole weeks at the mean rate;
// bursts and releases come at their fixed times, periodically in both
// directions of time. Each app draws from its own stream, keyed by seed and
// name, so that adding an app moves no other app's starts.
func (w *Workload) Events(seed uint64, from, to time.Duration) []Event {
	return slices.Collect(w.EventsOf(seed, from, to, func(*App) bool { return true }))
}

// EventsOf is Events for those apps that are wanted, one event after the other, in
// the same order and without a list of them.
func (w *Workload) EventsOf(seed uint64, from, to time.Duration, want func(*App) bool) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		next := table.Heap[eventSource]{Before: func(a, b *eventSource) bool {
			if a.at != b.at { // as nearly always
				return a.at < b.at
			}
			return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.rank, b.rank)) < 0
		}}
		for i := range w.Apps {
			if a := &w.Apps[i]; want(a) {
				for rank, s := range a.sources(seed, from, to) {
					s.app, s.rank = i, rank
					if s.advance() {
						next.Push(s)
					}
				}
			}
		}
		for next.Len() > 0 {
			s := next.Top()
			if !yield(Event{At: s.at, App: s.app, Release: s.release}) {
				return
			}
			if s.advance() {
				next.Fix()
			} else {
				next.Pop()
			}
		}
	}
}

// eventSource gives events of one app in order of time. Of those at one instant,
// its rank among the app's sources decides.
type eventSource struct {
	app, rank int
	release   bool
	at        time.Duration
	// next returns the time of the next event, false after the last.
	next func() (time.Duration, bool)
}

func (s *eventSource) advance() (ok bool) {
	s.at, ok = s.next()
	return ok
}

// sources are an app's starts one by one, its releases, and each of its bursts.
func (a *App) sources(seed uint64, from, to time.Duration) []eventSource {
	var sources []eventSource
	if a.DrawnAs != nil {
		sources = a.pairedSources(seed, from, to)
	} else {
		sources = []eventSource{{next: a.single(stream(seed, a.Name), from, to)}}
		if a.ReleasesPerMonth > 0 {
			first := a.released(seed, from, to).Float64() * (float64(Month) / a.ReleasesPerMonth)
			sources = append(sources, eventSource{release: true, next: a.releasesFrom(first, from, to)})
		}
	}
	for _, b := range a.Bursts {
		sources = append(sources, eventSource{next: b.starts(from, to)})
	}
	return sources
}

// released is the stream that releases draw from, after all single starts have drawn.
func (a *App) released(seed uint64, from, to time.Duration) *rand.Rand {
	rng := stream(seed, a.Name)
	single := a.single(rng, from, to)
	for more := true; more; {
		_, more = single()
	}
	return rng
}

func none() (time.Duration, bool) { return 0, false }

func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func (a *App) single(rng *rand.Rand, from, to time.Duration) func() (time.Duration, bool) {
	if a.StartsPerDay <= 0 {
		return none
	}
	gap := 24 * float64(time.Hour) / a.StartsPerDay
	if len(a.HourlyWeights) > 0 {
		return a.weighted(rng, gap, from, to)
	}
	at := float64(from)
	return func() (time.Duration, bool) {
		if at < float64(to) {
			at += gap * rng.ExpFloat64()
		}
		return time.Duration(at), at < float64(to)
	}
}

// weighted is single where the rate differs by hour of the week: the same process in a
// time that goes as fast as the rate of the hour is above the mean.
func (a *App) weighted(rng *rand.Rand, gap float64, from, to time.Duration) func() (time.Duration, bool) {
	mean, hours := 0.0, int64(len(a.HourlyWeights))
	for _, w := range a.HourlyWeights {
		mean += w / float64(hours)
	}
	at := from
	return func() (time.Duration, bool) {
		if at >= to {
			return at, false
		}
		for left := gap * rng.ExpFloat64(); ; {
			hour := floorDiv(at, time.Hour)
			speed := a.HourlyWeights[(hour%hours+hours)%hours] / mean
			end := time.Duration(hour+1) * time.Hour
			if ahead := float64(end-at) * speed; left >= ahead {
				left -= ahead
				if at = end; at >= to {
					return at, false
				}
				continue
			}
			at += time.Duration(left / speed)
			return at, at < to
		}
	}
}

// floorDiv is how many whole units are in a time, less than none before 0.
func floorDiv(d, unit time.Duration) int64 {
	n := int64(d / unit)
	if d%unit < 0 {
		n--
	}
	return n
}

func (a *App) releasesFrom(first float64, from, to time.Duration) func() (time.Duration, bool) {
	every := float64(Month) / a.ReleasesPerMonth
	k := math.Ceil((float64(from)-first)/every) - 1
	return func() (time.Duration, bool) {
		k++
		return time.Duration(first + k*every), first+k*every < float64(to)
	}
}

func (b Burst) starts(from, to time.Duration) func() (time.Duration, bool) {
	period := b.period()
	spacing := time.Duration(0)
	if b.Count > 1 {
		spacing = b.Within / time.Duration(b.Count-1)
	}
	// A burst may begin before from and still reach into it.
	at, j := b.First+((from-b.First-b.Within)/period-1)*period, -1
	next := func() (time.Duration, bool) {
		for {
			if j++; j == b.Count {
				at, j = at+period, 0
			}
			t := at + time.Duration(j)*spacing
			if at >= to || b.Count == 0 {
				return 0, false
			}
			if t >= from && t < to {
				return t, true
			}
		}
	}
	if b.Within <= period {
		return next
	}
	// One burst begins before the last has ended: in order of time they are mixed.
	var times []time.Duration
	for t, ok := next(); ok; t, ok = next() {
		times = append(times, t)
	}
	slices.Sort(times)
	return func() (time.Duration, bool) {
		if len(times) == 0 {
			return 0, false
		}
		t := times[0]
		times = times[1:]
		return t, true
	}
}
