package workload

import (
	"math"
	"math/rand/v2"
	"time"
)

// Rates are how often an app starts and is released.
type Rates struct{ StartsPerDay, ReleasesPerMonth float64 }

// Paired is the app with as many times the starts one by one, and the releases, as factors
// say, of the same draws: fewer starts are some of those that it has, each kept by chance;
// more are those and others besides. Both are the processes that the rates alone give, and
// what differs between two numbers of starts is then the number, and not where they fall.
func (a *App) Paired(starts, releases float64) App {
	p := *a
	if p.DrawnAs == nil {
		p.DrawnAs = &Rates{a.StartsPerDay, a.ReleasesPerMonth}
	}
	p.StartsPerDay *= starts
	p.ReleasesPerMonth *= releases
	return p
}

// pairedSources are sources of an app that is drawn as another.
func (a *App) pairedSources(seed uint64, from, to time.Duration) []eventSource {
	as := *a
	as.StartsPerDay, as.ReleasesPerMonth, as.DrawnAs = a.DrawnAs.StartsPerDay, a.DrawnAs.ReleasesPerMonth, nil
	single := as.single(stream(seed, a.Name), from, to)
	if a.StartsPerDay < as.StartsPerDay {
		single = thinned(single, stream(seed, a.Name+"\x00some"), a.StartsPerDay/as.StartsPerDay)
	}
	sources := []eventSource{{next: single}}
	if more := a.StartsPerDay - as.StartsPerDay; more > 0 {
		others := *a
		others.StartsPerDay = more
		sources = append(sources, eventSource{next: others.single(stream(seed, a.Name+"\x00more"), from, to)})
	}
	if a.ReleasesPerMonth > 0 {
		every := float64(Month) / a.ReleasesPerMonth
		rng := as.released(seed, from, to)
		of := every
		if as.ReleasesPerMonth > 0 {
			of = float64(Month) / as.ReleasesPerMonth
		}
		first := rephased(rng.Float64()*of, of, every, rng)
		sources = append(sources, eventSource{release: true, next: a.releasesFrom(first, from, to)})
	}
	return sources
}

// thinned keeps each of the times with that probability.
func thinned(next func() (time.Duration, bool), rng *rand.Rand, keep float64) func() (time.Duration, bool) {
	return func() (time.Duration, bool) {
		for {
			at, ok := next()
			if !ok || rng.Float64() < keep {
				return at, ok
			}
		}
	}
}

// rephased is the first of times that come every so often, where others come every of, from
// first on: where one is a whole multiple of the other, the rarer are some of the more
// frequent.
func rephased(first, of, every float64, rng *rand.Rand) float64 {
	if times := math.Round(every / of); times > 1 && math.Abs(every/of-times) < 1e-9 {
		return first + math.Floor(rng.Float64()*times)*of
	}
	return math.Mod(first, every)
}
