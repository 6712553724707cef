package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

const month = workload.Month

// model is a Problem worked out: what each app's starts find and what each
// candidate would change.
type model struct {
	*Problem
	matcher *matcher.Matcher
	// picker chooses among rivals.
	picker *matcher.Picker
	apps   []*app
	// candidates are in the order of their images.
	candidates []*candidate
	leftOut    string
	program    *program
	pruned     pruned
	layers     map[string]layerSet
}

// pruned is what was left out as not worth its cost.
type pruned struct{ gain, cost float64 }

// app is an App in numbers.
type app struct {
	*workload.App
	group matcher.Group
	need  layerSet
	// starts a month.
	starts float64
	// instance is the money for one second of an instance.
	instance float64
	cold     startup
	// baseline is what the starts find without the plan; automatic the same for
	// the automatic arm, nil when it is unknown.
	baseline, automatic []finding
	// unseen says that no start was counted in the outcome.
	unseen bool
	// options and effects are aligned; see program.
	options []option
	effects []effect
	// blocker is the existing cache that ends the options under auto.
	blocker string
	memo    map[string]Estimate
}

// startup is a mean time of a start, in seconds.
type startup struct{ ready, billed float64 }

func inSeconds(e Estimate) startup { return startup{e.Ready.Seconds(), e.Billed.Seconds()} }

// finding is a number of starts a month that find the same cache.
type finding struct {
	// cache is nil where none was found.
	cache *matcher.Cache
	// full says that it held every image.
	full   bool
	starts float64
	startup
	// use is the money that one start pays for the cache's disk.
	use float64
}

// effect is what one candidate does for one app in a month.
type effect struct {
	// served starts get the candidate; missed ones of them find it stale.
	served, missed float64
	// readySaved and billedSaved are seconds less than on the baseline.
	readySaved, billedSaved float64
	// use is money for the candidate's disks, useSaved what the baseline's cost.
	use, useSaved float64
	// billed is the seconds of a start on the fresh candidate.
	billed float64
}

func newModel(ctx context.Context, p *Problem) (*model, error) {
	m := &model{Problem: p, matcher: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), layers: make(map[string]layerSet)}
	sets, leftOut := p.imageSets()
	m.leftOut = leftOut
	for _, s := range sets {
		c, err := p.newCandidate(s)
		if err != nil {
			return nil, err
		}
		m.candidates = append(m.candidates, c)
	}
	m.picker = m.matcher.Picker(m.rivals())
	for _, a := range p.Apps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("stopped before a plan was found: %w", err)
		}
		if err := m.add(a); err != nil {
			return nil, fmt.Errorf("app %q: %w", a.App.Name, err)
		}
	}
	m.setProgram()
	return m, nil
}

// rivals are the candidates' caches and after them, against the automatic
// baseline, the existing ones.
func (m *model) rivals() []matcher.Cache {
	caches := make([]matcher.Cache, 0, len(m.candidates)+len(m.Existing))
	for _, c := range m.candidates {
		caches = append(caches, c.cache)
	}
	if m.Baseline == Automatic {
		caches = append(caches, m.Existing...)
	}
	return caches
}

func (m *model) add(given App) error {
	a := &app{
		App: given.App, group: matcher.GroupOf(given.App), need: m.layersOf(given.App.AllImages()),
		starts: given.App.StartsPerMonth(), memo: make(map[string]Estimate),
	}
	a.cold = inSeconds(m.estimate(a, nil))
	second, err := m.Prices.Instance(a.CPU, a.MemoryGiB, time.Second)
	if err != nil {
		return err
	}
	a.instance = second.Amount
	if err := m.setBaseline(a, &given.Outcome); err != nil {
		return err
	}
	m.apps = append(m.apps, a)
	if m.Assign == Explicit {
		return m.explicitOptions(a)
	}
	return m.autoOptions(a)
}

// estimate asks for the time of a start that finds the images of a cache. Only
// those that share a layer with the app's need can matter.
func (m *model) estimate(a *app, images []string) Estimate {
	var held []string
	for _, ref := range images {
		if share(a.need, m.layersOfOne(ref)) {
			held = append(held, ref)
		}
	}
	slices.Sort(held)
	held = slices.Compact(held)
	key := strings.Join(held, "\n")
	e, ok := a.memo[key]
	if !ok {
		e = m.Estimate(a.App, held)
		a.memo[key] = e
	}
	return e
}

func (m *model) layersOfOne(reference string) layerSet {
	set, ok := m.layers[reference]
	if !ok {
		set = m.layersOf([]string{reference})
		m.layers[reference] = set
	}
	return set
}

// mustBeSeen is the starts a month above which an outcome without any start is
// taken for a mistake: were they spread at random, one month in 20,000 had none.
const mustBeSeen = 10

func (m *model) setBaseline(a *app, o *matcher.Outcome) error {
	nothing := []finding{{starts: a.starts, startup: a.cold}}
	counted := 0
	for _, f := range o.Found {
		counted += f.Starts
	}
	switch {
	case counted > 0:
		for _, f := range o.Found {
			found, err := m.finding(a, &f, a.starts*float64(f.Starts)/float64(counted))
			if err != nil {
				return err
			}
			a.automatic = append(a.automatic, found)
		}
	case m.Baseline == Automatic && a.starts >= mustBeSeen:
		return fmt.Errorf("what its %.4g starts a month find on the automatic baseline is unknown: replay the workload first", a.starts)
	case m.Baseline == Automatic:
		a.automatic, a.unseen = nothing, a.starts > 0
	}
	a.baseline = a.automatic
	if m.Baseline == Cold {
		a.baseline = nothing
	}
	return nil
}

func (m *model) finding(a *app, f *matcher.Found, starts float64) (finding, error) {
	if f.Images == nil && f.Stale == nil {
		return finding{starts: starts, startup: a.cold}, nil
	}
	c := m.foundCache(f)
	e := m.estimate(a, m.fresh(c))
	use, err := m.useOf(a, c, e)
	full := !slices.ContainsFunc(a.AllImages(), func(ref string) bool { return !slices.Contains(c.Images, ref) })
	return finding{cache: c, full: full, starts: starts, startup: inSeconds(e), use: use}, err
}

// foundCache is the cache of a replay's finding. An automatic one is newer than
// any that the plan builds, for it was made during the month.
func (m *model) foundCache(f *matcher.Found) *matcher.Cache {
	c := matcher.Cache{ID: "automatic", Automatic: true, CreationTime: m.At.Add(1)}
	if !f.Automatic {
		c = matcher.Cache{ID: f.CacheID}
		if i := slices.IndexFunc(m.Existing, func(e matcher.Cache) bool { return e.ID == f.CacheID }); i >= 0 {
			c = m.Existing[i]
		}
	}
	// The images of the finding are those not stale at the time; the cache was
	// there then, whatever its state is at At.
	c.Images, c.SizeGiB, c.Status, c.ExpireTime = f.Images, f.SizeGiB, matcher.StatusReady, time.Time{}
	return &c
}

// fresh are a cache's images that still mean what it was built from. What a
// stale image shares by layer is not credited, as in matcher.Replay.
func (m *model) fresh(c *matcher.Cache) []string {
	stale := m.stale(c)
	var fresh []string
	for _, ref := range c.Images {
		if !slices.Contains(stale, ref) {
			fresh = append(fresh, ref)
		}
	}
	return fresh
}

// stale are a cache's images whose reference means another digest by now.
func (m *model) stale(c *matcher.Cache) []string {
	var stale []string
	for _, content := range c.Contents {
		i := m.find(content.Reference)
		if i < 0 {
			continue
		}
		if img := &m.Inventory.Images[i]; content.Digest != string(img.Digest) && content.Digest != string(img.IndexDigest) {
			stale = append(stale, content.Reference)
		}
	}
	return stale
}

// useOf is what one start of a pays to find c. Storage above the free part that
// the app asks for itself is paid with or without a cache.
func (m *model) useOf(a *app, c *matcher.Cache, e Estimate) (float64, error) {
	d := e.Billed + a.Runtime
	if c.Automatic {
		use, err := m.Prices.Automatic(max(0, c.SizeGiB-a.ExtraStorageGiB), d)
		return use.Amount, err
	}
	use, err := m.Prices.Use(c.SizeGiB, d)
	return use.Amount, err
}

// explicitOptions are the candidates that save the app time, the best first.
func (m *model) explicitOptions(a *app) error {
	for i, c := range m.candidates {
		if err := m.addOption(a, i, a.baseline, c); err != nil {
			return err
		}
	}
	keep := make([]int, 0, len(a.options))
	for i, o := range a.options {
		if o.gain > 0 {
			keep = append(keep, i)
		}
	}
	slices.SortStableFunc(keep, func(x, y int) int { return cmp.Compare(a.options[y].gain, a.options[x].gain) })
	options, effects := make([]option, len(keep)), make([]effect, len(keep))
	for to, from := range keep {
		options[to], effects[to] = a.options[from], a.effects[from]
	}
	a.options, a.effects = options, effects
	return nil
}

// autoOptions are the candidates that qualify, in ECI's order, down to the first
// existing cache: what comes after it is never picked.
func (m *model) autoOptions(a *app) error {
	for _, i := range m.picker.Order(a.group) {
		if i >= len(m.candidates) {
			a.blocker = m.Existing[i-len(m.candidates)].ID
			break
		}
		served := a.baseline
		if c := m.candidates[i]; !m.holdsAll(a, c) {
			served = m.preferred(a, c)
		}
		if err := m.addOption(a, i, served, m.candidates[i]); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) holdsAll(a *app, c *candidate) bool {
	for _, ref := range a.AllImages() {
		if _, ok := slices.BinarySearch(c.images, ref); !ok {
			return false
		}
	}
	return true
}

// preferred are the findings to which ECI prefers the candidate.
func (m *model) preferred(a *app, c *candidate) []finding {
	var served []finding
	for _, f := range a.baseline {
		if f.cache == nil || m.matcher.Rank(a.group, []matcher.Cache{*f.cache, c.cache})[0].CacheID == c.cache.ID {
			served = append(served, f)
		}
	}
	return served
}

func (m *model) addOption(a *app, index int, served []finding, c *candidate) error {
	e, err := m.effect(a, c, served)
	if err != nil {
		return err
	}
	a.options = append(a.options, option{cache: index, gain: e.readySaved, use: e.use})
	a.effects = append(a.effects, e)
	return nil
}

// effect adds up what changes when the served starts find c instead.
func (m *model) effect(a *app, c *candidate, served []finding) (effect, error) {
	estimate := m.estimate(a, c.images)
	hit := inSeconds(estimate)
	missed := missedFraction(a, c)
	planned := startup{
		ready:  (1-missed)*hit.ready + missed*a.cold.ready,
		billed: (1-missed)*hit.billed + missed*a.cold.billed,
	}
	e := effect{billed: hit.billed}
	for _, f := range served {
		e.served += f.starts
		e.readySaved += f.starts * (f.ready - planned.ready)
		e.billedSaved += f.starts * (f.billed - planned.billed)
		e.useSaved += f.starts * f.use
	}
	e.missed = e.served * missed
	use, err := m.useOf(a, &c.cache, estimate)
	e.use = (e.served - e.missed) * use
	return e, err
}

// missedFraction is the share of the app's starts between a release of its first
// image and the end of the rebuild.
func missedFraction(a *app, c *candidate) float64 {
	if !slices.Contains(c.images, a.Images[0]) {
		return 0
	}
	return min(1, a.ReleasesPerMonth*c.build.Seconds()/month.Seconds())
}

func (m *model) setProgram() {
	fixed := make([]float64, len(m.candidates))
	for i, c := range m.candidates {
		fixed[i] = c.fixed()
	}
	options := make([][]option, len(m.apps))
	for i, a := range m.apps {
		options[i] = a.options
	}
	m.program = newProgram(m.Assign == Explicit, fixed, options, m.BudgetPerMonth, m.Quota)
}
