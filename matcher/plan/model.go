package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

const month = workload.Month

// model is a Problem worked out: what each app's starts find and what each
// candidate would change.
type model struct {
	*Problem
	matcher *matcher.Matcher
	apps    []*app
	// primings are the apps that can be primed, in order: sets of the program, before
	// the candidates.
	primings []*app
	// candidates are the generated ones in the order of their images, then neighbours
	// of what was chosen.
	candidates []*candidate
	generator  *generator
	program    *program
	// room is how many caches may be built beside those that are kept.
	room int
	// displacing are the apps that are each to have a planned cache, whatever it brings;
	// nil but for a while.
	displacing map[*app]bool
	// freeing are the apps that, under explicit, may name a cache that gains them nothing:
	// they leave one that exists, so that its place of the quota is free. Nil where the quota
	// does not bind.
	freeing map[*app]bool
	layers  map[string]layerSet
	// layerMoney is what storing each layer costs a month, of shared storage.
	layerMoney []float64
	// keepExisting is what storing each existing cache costs a month, by its ID; absent
	// where it is not known.
	keepExisting map[string]*cost.Money
}

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
	// withinNow is what of the baseline keeps the goal's limit.
	withinNow float64
	// unseen says that no start was counted in the outcome.
	unseen bool
	// options are, under auto, those that qualify in ECI's order; else those that gain,
	// the best first, and all that there are of an app that may free a place of the quota.
	options []option
	// known are the effects of candidates that were worked out.
	known map[int]effect
	// primed is the effect of so many priming starts a month; nil where it gains nothing.
	primed *effect
	primes float64
	// blocker is the existing cache that ends the options under auto.
	blocker string
	memo    map[string]Estimate
}

func newModel(ctx context.Context, p *Problem) (*model, error) {
	m := &model{Problem: p, matcher: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), layers: make(map[string]layerSet)}
	for i := range p.Apps {
		if err := m.add(&p.Apps[i]); err != nil {
			return nil, fmt.Errorf("app %q: %w", p.Apps[i].App.Name, err)
		}
	}
	if p.Storage == Shared {
		if err := m.priceLayers(); err != nil {
			return nil, err
		}
	}
	if err := m.priceExisting(); err != nil {
		return nil, err
	}
	m.generator = p.newGenerator()
	for _, s := range m.generator.generate() {
		if err := m.consider(s); err != nil {
			return nil, err
		}
	}
	return m, m.setOptions(ctx)
}

// consider makes a set a candidate.
func (m *model) consider(s imageSet) error {
	c, err := m.newCandidate(s)
	if err == nil {
		m.candidates = append(m.candidates, c)
	}
	return err
}

// set is a candidate's in the program.
func (m *model) set(candidate int) int { return len(m.primings) + candidate }

// candidateOf is the candidate of a set; nil for a priming.
func (m *model) candidateOf(set int) *candidate {
	if set < len(m.primings) {
		return nil
	}
	return m.candidates[set-len(m.primings)]
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

func (m *model) add(given *App) error {
	a := &app{
		App: given.App, group: matcher.GroupOf(given.App), need: m.layersOf(given.App.AllImages()),
		starts: given.App.StartsPerMonth(), memo: make(map[string]Estimate), known: make(map[int]effect),
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
	a.withinNow = m.within(a, a.baseline)
	m.apps = append(m.apps, a)
	return m.setPriming(a, given)
}

// setOptions works out what the candidates do for each app.
func (m *model) setOptions(ctx context.Context) error {
	var picker *matcher.Picker
	var holders [][]int
	if m.Assign == Auto {
		picker = m.matcher.Picker(m.rivals())
	} else {
		holders = m.holders()
	}
	for _, a := range m.apps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before a plan was found: %w", err)
		}
		a.options = nil
		var err error
		if m.Assign == Auto {
			err = m.autoOptions(a, picker)
		} else {
			err = m.explicitOptions(a, holders)
		}
		if err != nil {
			return fmt.Errorf("app %q: %w", a.Name, err)
		}
		if a.primed != nil {
			a.options = append(a.options, option{slices.Index(m.primings, a), *a.primed})
		}
	}
	return nil
}

// estimate asks for the time of a start that finds the images of a cache. Only
// those that share a layer with the app's need can matter.
func (m *model) estimate(a *app, images []string) Estimate {
	var held []string
	for _, ref := range images {
		if intersect(a.need, m.layersOfOne(ref)) {
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

// holders are the candidates that hold each layer.
func (m *model) holders() [][]int {
	holders := make([][]int, len(m.Inventory.Layers))
	for i, c := range m.candidates {
		for _, l := range c.layers {
			holders[l] = append(holders[l], i)
		}
	}
	return holders
}

// explicitOptions are the candidates that gain something, the best first. Of thousands few
// have a layer of the app, and only these are looked at; unless the app is to free a place.
func (m *model) explicitOptions(a *app, holders [][]int) error {
	var near []int
	for _, l := range a.need {
		near = append(near, holders[l]...)
	}
	if slices.Sort(near); m.freeing[a] {
		near = near[:0]
		for i := range m.candidates {
			near = append(near, i)
		}
	}
	for _, i := range slices.Compact(near) {
		e, err := m.effect(a, i, func(a *app, _ *candidate) []finding { return a.baseline })
		if err != nil {
			return err
		}
		if m.gain(a, &e) > 0 || e.readySaved > 0 || m.freeing[a] { // the curve is of time, whatever the goal
			a.options = append(a.options, option{m.set(i), e})
		}
	}
	slices.SortStableFunc(a.options, func(x, y option) int { return cmp.Compare(m.gain(a, &y.effect), m.gain(a, &x.effect)) })
	return nil
}

// autoOptions are the candidates that qualify, in ECI's order, down to the first
// existing cache: what comes after it is never picked.
func (m *model) autoOptions(a *app, picker *matcher.Picker) error {
	a.blocker = ""
	for _, i := range picker.Order(a.group) {
		if i >= len(m.candidates) {
			a.blocker = m.Existing[i-len(m.candidates)].ID
			break
		}
		e, err := m.effect(a, i, m.servedBy)
		if err != nil {
			return err
		}
		a.options = append(a.options, option{m.set(i), e})
	}
	return nil
}

// servedBy are the findings that ECI's matching replaces by a candidate.
func (m *model) servedBy(a *app, c *candidate) []finding {
	if m.holdsAll(a, c) {
		return a.baseline
	}
	return m.preferred(a, c)
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
