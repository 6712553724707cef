package workload

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
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
// Single starts come at random at the app's mean rate (a Poisson process);
// bursts and releases come at their fixed times, periodically in both
// directions of time. Each app draws from its own stream, keyed by seed and
// name, so that adding an app moves no other app's starts.
func (w *Workload) Events(seed uint64, from, to time.Duration) []Event {
	var events []Event
	for i := range w.Apps {
		a := &w.Apps[i]
		rng := stream(seed, a.Name)
		events = a.single(events, i, rng, from, to)
		events = a.releases(events, i, rng, from, to)
		for _, b := range a.Bursts {
			events = b.starts(events, i, from, to)
		}
	}
	slices.SortStableFunc(events, func(x, y Event) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.App, y.App))
	})
	return events
}

func stream(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func (a *App) single(events []Event, app int, rng *rand.Rand, from, to time.Duration) []Event {
	if a.StartsPerDay <= 0 {
		return events
	}
	gap := 24 * float64(time.Hour) / a.StartsPerDay
	for at := float64(from) + gap*rng.ExpFloat64(); at < float64(to); at += gap * rng.ExpFloat64() {
		events = append(events, Event{At: time.Duration(at), App: app})
	}
	return events
}

func (a *App) releases(events []Event, app int, rng *rand.Rand, from, to time.Duration) []Event {
	if a.ReleasesPerMonth <= 0 {
		return events
	}
	every := float64(Month) / a.ReleasesPerMonth
	first := rng.Float64() * every
	for k := math.Ceil((float64(from) - first) / every); first+k*every < float64(to); k++ {
		events = append(events, Event{At: time.Duration(first + k*every), App: app, Release: true})
	}
	return events
}

func (b Burst) starts(events []Event, app int, from, to time.Duration) []Event {
	period := b.period()
	spacing := time.Duration(0)
	if b.Count > 1 {
		spacing = b.Within / time.Duration(b.Count-1)
	}
	// A burst may begin before from and still reach into it.
	k := (from - b.First - b.Within) / period
	for at := b.First + (k-1)*period; at < to; at += period {
		for j := range b.Count {
			if t := at + time.Duration(j)*spacing; t >= from && t < to {
				events = append(events, Event{At: t, App: app})
			}
		}
	}
	return events
}
