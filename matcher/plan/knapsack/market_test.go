package knapsack

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
)

// market is a random problem of image caches in money, of the sizes and prices of eci §5:
// apps in families that share a base image, caches of an app's own images and of unions of
// two to four apps. A cache costs its builds and its storage a month, and each start that
// is served a disk of the cache's size for as long as it runs.
type market struct {
	*rand.Rand
	apps    []marketApp
	caches  []marketCache
	ordered bool
}

type marketApp struct {
	family                  int
	gib, baseGiB            float64 // of its own images, and of the family's base
	starts, hours, releases float64 // starts and releases a month, hours a start
}

type marketCache struct {
	apps       []int
	gib, size  float64
	created    int // rank, newer is more
	buildHours float64
}

// Prices in USD, as the published ones: a GiB of disk for an hour, of storage for a month,
// an hour of building.
const (
	diskGiBHour     = 0.0005
	storageGiBMonth = 0.02
	buildHour       = 0.08
)

func newMarket(seed uint64, apps int, ordered bool) *market {
	m := &market{Rand: rand.New(rand.NewPCG(seed, 0x6d61726b)), ordered: ordered}
	bases := make([]float64, 1+apps/6)
	for f := range bases {
		bases[f] = m.logNormal(0.5, 0.8)
	}
	for range apps {
		f := m.IntN(len(bases))
		m.apps = append(m.apps, marketApp{
			family: f, gib: m.logNormal(3, 1), baseGiB: bases[f],
			starts: m.logNormal(300, 2), hours: min(240, max(1.0/60, m.logNormal(0.3, 1.8))), releases: float64(m.IntN(3) * m.IntN(5)),
		})
	}
	for i := range apps {
		m.addCache(i)
	}
	for n := 0; n < 3*apps/2; n++ {
		m.addUnion()
	}
	return m
}

func (m *market) logNormal(median, sigma float64) float64 {
	return median * math.Exp(sigma*m.NormFloat64())
}

// addUnion joins two to four apps, mostly of a family.
func (m *market) addUnion() {
	set := []int{m.IntN(len(m.apps))}
	for range 1 + m.IntN(3) {
		i := m.IntN(len(m.apps))
		for try := 0; try < 20 && m.IntN(8) > 0 && m.apps[i].family != m.apps[set[0]].family; try++ {
			i = m.IntN(len(m.apps))
		}
		if !slices.Contains(set, i) {
			set = append(set, i)
		}
	}
	m.addCache(set...)
}

func (m *market) addCache(apps ...int) {
	c := marketCache{apps: apps, created: m.IntN(30)}
	families := make(map[int]bool)
	for _, i := range apps {
		a := &m.apps[i]
		if c.gib += a.gib; !families[a.family] {
			families[a.family] = true
			c.gib += a.baseGiB
		}
	}
	c.size = max(20, math.Ceil(1.1*c.gib))
	c.buildHours = 0.03 + 0.01*c.gib
	m.caches = append(m.caches, c)
}

// problem is that of a budget that is a share of what all apps' own caches would cost.
func (m *market) problem(tightness float64, quota int) *Problem {
	p := &Problem{Ordered: m.ordered, Quota: quota}
	for _, c := range m.caches {
		builds := 1.0
		for _, i := range c.apps {
			builds += m.apps[i].releases
		}
		p.Sets = append(p.Sets, Set{Cost: builds*c.buildHours*buildHour + storageGiBMonth*c.gib})
	}
	all := 0.0
	for i := range m.apps {
		p.Customers = append(p.Customers, m.options(i))
		all += p.Sets[i].Cost + m.apps[i].starts*m.caches[i].size*diskGiBHour*m.apps[i].hours
	}
	p.Budget = tightness * all
	return p
}

// options are caches that hold the app, and those of its family that share its base,
// whole ones first, then newer, then smaller ones.
func (m *market) options(i int) []Option {
	a := &m.apps[i]
	type holder struct {
		cache int
		whole bool
	}
	var holders []holder
	for j, c := range m.caches {
		switch {
		case slices.Contains(c.apps, i):
			holders = append(holders, holder{j, true})
		case slices.ContainsFunc(c.apps, func(o int) bool { return m.apps[o].family == a.family }):
			holders = append(holders, holder{j, false})
		}
	}
	slices.SortStableFunc(holders, func(x, y holder) int {
		if x.whole != y.whole {
			if x.whole {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(m.caches[y.cache].created, m.caches[x.cache].created), cmp.Compare(m.caches[x.cache].size, m.caches[y.cache].size))
	})
	cold := 12 + 8*(a.gib+a.baseGiB)
	var options []Option
	for _, h := range holders {
		c := &m.caches[h.cache]
		missed := min(1, a.releases*c.buildHours/720)
		saved := cold - 7
		if !h.whole {
			saved = 8*a.baseGiB - 3
			missed = 0
		}
		served := a.starts * (1 - missed)
		options = append(options, Option{
			Set: h.cache, Gain: served * saved,
			Cost: served * c.size * diskGiBHour * (a.hours + (cold-saved)/3600),
		})
	}
	return options
}

// marketProblem is one of a hundred, of budgets from tight to ample, every third with a
// quota.
func marketProblem(n, apps int, ordered bool) *Problem {
	quota := 0
	if n%3 == 2 {
		quota = 3 + n%25
	}
	return newMarket(uint64(n), apps, ordered).problem([]float64{0.005, 0.02, 0.06, 0.15, 0.4}[n%5], quota)
}

var usual = SolveOptions{Seed: 1, Iterations: 1000, BoundIterations: 800, Nodes: 400, Gap: 0.002}

// TestMarkets: the gap of problems of a hundred apps is at most 2 %, for either way to
// serve. BenchmarkMarkets has all hundred of them.
func TestMarkets(t *testing.T) {
	count := 6
	if raceEnabled || testing.Short() {
		count = 2
	}
	for _, ordered := range []bool{false, true} {
		var gaps []float64
		optimal := 0
		for n := range count {
			p := marketProblem(n, marketApps, ordered)
			a := solverOf(t, p).Solve(t.Context(), usual)
			checkChoice(t, p, &a.Choice, true)
			gap := 100 * (a.Bound - a.Objective) / max(a.Bound, 1e-9)
			if gap > 2 {
				t.Errorf("ordered %v, problem %d: gain %g, bound %g: a gap of %.2f %%", ordered, n, a.Gain, a.Bound, gap)
			}
			if a.Optimal {
				optimal++
			}
			gaps = append(gaps, gap)
		}
		slices.Sort(gaps)
		t.Logf("ordered %v: gaps of %.3f %% (median) to %.3f %%, %d of %d optimal", ordered, gaps[len(gaps)/2], gaps[len(gaps)-1], optimal, len(gaps))
	}
}

// TestSameMarketAgain: the same problem has the same answer, and one that is stopped at once
// a choice and a bound that hold.
func TestSameMarketAgain(t *testing.T) {
	opt := SolveOptions{Seed: 3, Iterations: 100, BoundIterations: 50, Nodes: 20}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, ordered := range []bool{false, true} {
		p := marketProblem(4, marketApps, ordered)
		first, again := solverOf(t, p).Solve(t.Context(), opt), solverOf(t, p).Solve(t.Context(), opt)
		if !reflect.DeepEqual(first, again) {
			t.Errorf("ordered %v: %+v, then %+v", ordered, first, again)
		}
		early := solverOf(t, p).Solve(stopped, opt)
		checkChoice(t, p, &early.Choice, true)
		if !early.Stopped || early.Bound < first.Objective || early.Objective > first.Bound {
			t.Errorf("ordered %v: stopped at once: %+v, else %+v", ordered, early, first)
		}
		target := first.Gain / 2
		cheap, early := solverOf(t, p).Cheapest(t.Context(), target, opt), solverOf(t, p).Cheapest(stopped, target, opt)
		checkChoice(t, p, &early.Choice, true)
		if !early.Stopped || early.Bound > cheap.Objective || cheap.Gain < target*(1-1e-8) {
			t.Errorf("ordered %v: cheapest stopped at once: %+v, else %+v", ordered, early, cheap)
		}
	}
}

// TestProgress: what is told while solving rises to the answer, between bounds that hold.
func TestProgress(t *testing.T) {
	race.Skip(t)
	told, last := 0, math.Inf(-1)
	opt := SolveOptions{Seed: 3, Iterations: 100, BoundIterations: 50, Nodes: 200}
	best := solverOf(t, marketProblem(3, marketApps, false)).Solve(t.Context(), usual)
	opt.Progress = func(objective, bound float64) {
		if told++; objective < last || bound < best.Objective {
			t.Errorf("told of %g, bound %g, after %g; the best known is %g", objective, bound, last, best.Objective)
		}
		last = objective
	}
	if a := solverOf(t, marketProblem(3, marketApps, false)).Solve(t.Context(), opt); told < 2 || last > a.Objective*(1+1e-9) {
		t.Errorf("told %d times, of %g at last, the answer is %g", told, last, a.Objective)
	}
}

// BenchmarkMarkets reports gaps and times of problems in money.
func BenchmarkMarkets(b *testing.B) {
	for _, ordered := range []bool{false, true} {
		for _, kind := range []string{"solve", "cheapest"} {
			b.Run(fmt.Sprintf("ordered=%v/%s", ordered, kind), func(b *testing.B) {
				var gaps, times []float64
				for b.Loop() {
					gaps, times = gaps[:0], times[:0]
					for n := range 100 {
						s := solverOf(b, marketProblem(n, 100, ordered))
						start := time.Now()
						gaps = append(gaps, marketGap(b.Context(), s, kind))
						times = append(times, time.Since(start).Seconds()*1000)
					}
				}
				slices.Sort(gaps)
				slices.Sort(times)
				b.ReportMetric(gaps[50], "%gap-median")
				b.ReportMetric(gaps[90], "%gap-p90")
				b.ReportMetric(gaps[99], "%gap-worst")
				b.ReportMetric(times[50], "ms-median")
				b.ReportMetric(times[99], "ms-worst")
			})
		}
	}
}

// marketGap is that of the most gain, or of the cheapest way to two thirds of it.
func marketGap(ctx context.Context, s *Solver, kind string) float64 {
	if kind == "solve" {
		a := s.Solve(ctx, usual)
		return 100 * (a.Bound - a.Objective) / max(a.Bound, 1e-9)
	}
	target := s.Search(ctx, SearchOptions{Seed: 1, Iterations: 200}).Gain * 2 / 3
	a := s.Cheapest(ctx, target, usual)
	return 100 * (a.Objective - a.Bound) / max(a.Objective, 1e-9)
}

// TestCheapestMarkets: where customers are ordered one that pays much may come with many
// sets, and bounds and choices follow only where that is branched on. These two had gaps of
// 24 and 53 % before it was.
func TestCheapestMarkets(t *testing.T) {
	race.Skip(t)
	for _, n := range []int{48, 74} {
		if gap := marketGap(t.Context(), solverOf(t, marketProblem(n, marketApps, true)), "cheapest"); gap > 3 {
			t.Errorf("problem %d: a gap of %.2f %%", n, gap)
		}
	}
}
