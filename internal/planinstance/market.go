package planinstance

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Market is an instance in money, of the sizes and prices of eci §5: apps in families that
// share a base image, caches of an app's own images and of unions of two to four apps. A
// cache costs its builds and its storage a month, and each start that is served a disk of
// the cache's size for as long as it runs.
type Market struct {
	// CacheCost is what each cache costs a month beside its use, in USD.
	CacheCost []float64
	// Apps are the caches that may serve each, in ECI's order.
	Apps [][]Served
	// Budget is the most that caches and their use may cost a month, in USD; Quota the most
	// caches, 0 for no limit.
	Budget float64
	Quota  int
}

// Served is an app's starts on a cache.
type Served struct {
	Cache int
	// Seconds are saved a month, at a cost of USD a month for disks.
	Seconds, Cost float64
}

// NewMarket generates the one of a number: the number is the seed, and budgets go from tight
// to ample, every third with a quota.
func NewMarket(number, apps int) *Market {
	quota := 0
	if number%3 == 2 {
		quota = 3 + number%25
	}
	return newMarket(uint64(number), apps).market([]float64{0.005, 0.02, 0.06, 0.15, 0.4}[number%5], quota)
}

// market draws a Market.
type market struct {
	*rand.Rand
	apps   []marketApp
	caches []marketCache
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

func newMarket(seed uint64, apps int) *market {
	m := &market{Rand: rand.New(rand.NewPCG(seed, 0x6d61726b))}
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

// market is that of a budget that is a share of what all apps' own caches would cost.
func (m *market) market(tightness float64, quota int) *Market {
	p := &Market{Quota: quota}
	for _, c := range m.caches {
		builds := 1.0
		for _, i := range c.apps {
			builds += m.apps[i].releases
		}
		p.CacheCost = append(p.CacheCost, builds*c.buildHours*buildHour+storageGiBMonth*c.gib)
	}
	all := 0.0
	for i := range m.apps {
		p.Apps = append(p.Apps, m.served(i))
		all += p.CacheCost[i] + m.apps[i].starts*m.caches[i].size*diskGiBHour*m.apps[i].hours
	}
	p.Budget = tightness * all
	return p
}

// served are caches that hold the app, and those of its family that share its base,
// whole ones first, then newer, then smaller ones.
func (m *market) served(i int) []Served {
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
	var all []Served
	for _, h := range holders {
		c := &m.caches[h.cache]
		missed := min(1, a.releases*c.buildHours/720)
		saved := cold - 7
		if !h.whole {
			saved = 8*a.baseGiB - 3
			missed = 0
		}
		served := a.starts * (1 - missed)
		all = append(all, Served{
			Cache: h.cache, Seconds: served * saved,
			Cost: served * c.size * diskGiBHour * (a.hours + (cold-saved)/3600),
		})
	}
	return all
}
