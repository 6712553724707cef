package plan

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
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
	*numbering
	// prepared: it is asked for one limit after another.
	prepared bool
	// made are the candidates by what tells their sets apart: the same ones whatever the limit.
	made map[string]*candidate
	// released are releases of images in a month, worked out once.
	released map[string]float64
	// near says which images share a layer with what an app needs: 0 is not known yet.
	near   []vicinity
	nearTo *app
	// freeing are the apps that, under explicit, may name a cache that gains them nothing:
	// they leave one that exists, so that its place of the quota is free. Nil where the quota
	// does not bind.
	freeing map[*app]bool
	// layerMoney is what storing each layer costs a month, of shared storage.
	layerMoney []float64
	// noBudget: it is proven that without a budget no choice keeps the limit either.
	noBudget bool
	// keepExisting is what storing each existing cache costs a month, by its ID; absent
	// where it is not known.
	keepExisting map[string]*cost.Money
}

// numbering are the images that were asked for: their numbers, references and layers.
type numbering struct {
	numbers    map[string]int32
	references []string
	layers     []layerSet
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
	// floor is what of every start's time no cache changes; 0 is not known.
	floor time.Duration
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
	// known are the effects of candidates that were worked out. Under explicit options are of
	// the first looked candidates, and are only added to.
	known  map[*candidate]*worked
	looked int
	// query asks for the app's group, and found are the baseline's caches; nil until they are
	// needed.
	query *matcher.Query
	found *matcher.Picker
	// primed is the effect of so many priming starts a month, on which starts take primedPaces;
	// nil where it gains nothing.
	primed      *effect
	primes      float64
	primedPaces []pace
	// blocker is the existing cache that ends the options under auto.
	blocker string
	memo    map[string]Estimate
}

func newModel(ctx context.Context, p *Problem) (*model, error) {
	m, err := prepareModel(p)
	if err != nil {
		return nil, err
	}
	return m, m.setOptions(ctx)
}

// prepareModel is a model whose candidates are generated, and without options.
func prepareModel(p *Problem) (*model, error) {
	m := &model{
		Problem: p, matcher: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), numbering: &numbering{numbers: make(map[string]int32)},
		made: make(map[string]*candidate), released: make(map[string]float64),
	}
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
	return m, nil
}

// consider makes a set a candidate.
func (m *model) consider(s imageSet) error {
	key := s.key()
	c := m.made[key]
	if c == nil {
		var err error
		if c, err = m.newCandidate(s); err != nil {
			return err
		}
		c.numbers = m.numbered(c.images)
		m.made[key] = c
	}
	m.candidates = append(m.candidates, c)
	return nil
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
		starts: given.App.StartsPerMonth(), memo: make(map[string]Estimate), known: make(map[*candidate]*worked),
	}
	cold := m.estimate(a, nil)
	a.cold, a.floor = inSeconds(cold), cold.Floor
	second, err := m.Prices.Instance(a.CPU, a.MemoryGiB, time.Second)
	if err != nil {
		return err
	}
	a.instance = second.Amount
	if err := m.setBaseline(a, &given.Outcome); err != nil {
		return err
	}
	a.withinNow = m.within(a, paces(a.baseline))
	m.apps = append(m.apps, a)
	return m.setPriming(a, given)
}

// toldApps is after how many apps progress is told.
const toldApps = 50

// setOptions works out what the candidates do for each app.
func (m *model) setOptions(ctx context.Context) error {
	var picker *matcher.Picker
	var holders [][]int
	if m.Assign == Auto {
		picker = m.matcher.Picker(m.rivals())
	} else if len(m.apps) > 0 {
		holders = m.holders(m.apps[0].looked)
	}
	for i, a := range m.apps {
		if i > 0 && i%toldApps == 0 {
			m.progress("working out what caches do for apps: %d of %d", i, len(m.apps))
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before a plan was found: %w", err)
		}
		var err error
		if m.Assign == Auto {
			a.options = nil
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

// estimate asks for the time of a start that finds the images of a cache, by their numbers in
// the order of their references. Only those that share a layer with the app's need can matter.
func (m *model) estimate(a *app, images []int32) Estimate {
	if m.nearTo != a || len(m.near) < len(m.references) {
		m.near = slices.Grow(m.near[:0], len(m.references))[:len(m.references)]
		clear(m.near)
		m.nearTo = a
	}
	key := make([]byte, 0, 64)
	for _, n := range images {
		if m.near[n] == 0 {
			if m.near[n] = far; intersect(a.need, m.layers[n]) {
				m.near[n] = shares
			}
		}
		if m.near[n] == shares {
			key = binary.LittleEndian.AppendUint32(key, uint32(n))
		}
	}
	e, ok := a.memo[string(key)]
	if !ok {
		var held []string
		for k := 0; k < len(key); k += 4 {
			held = append(held, m.references[binary.LittleEndian.Uint32(key[k:])])
		}
		e = m.Estimate(a.App, held)
		a.memo[string(key)] = e
	}
	return e
}

// vicinity says whether an image shares a layer with what an app needs.
type vicinity int8

const (
	far vicinity = 1 + iota
	shares
)

// numbered are the numbers of images, in the order of their references, each once.
func (m *model) numbered(images []string) []int32 {
	sorted := slices.Compact(slices.Sorted(slices.Values(images)))
	numbers := make([]int32, len(sorted))
	for k, ref := range sorted {
		n, ok := m.numbers[ref]
		if !ok {
			n = int32(len(m.references))
			m.numbers[ref] = n
			m.references, m.layers = append(m.references, ref), append(m.layers, m.layersOf([]string{ref}))
		}
		numbers[k] = n
	}
	return numbers
}

// holders are the candidates that hold each layer, from one on.
func (m *model) holders(from int) [][]int {
	holders := make([][]int, len(m.Inventory.Layers))
	for i, c := range m.candidates[from:] {
		for _, l := range c.layers {
			holders[l] = append(holders[l], from+i)
		}
	}
	return holders
}

// explicitOptions are the candidates that gain something, the best first. Of thousands few
// have a layer of the app, and only these are looked at, each once; unless the app is to
// free a place.
func (m *model) explicitOptions(a *app, holders [][]int) error {
	a.options = slices.DeleteFunc(a.options, func(o option) bool { return m.candidateOf(o.set) == nil })
	var near []int
	for _, l := range a.need {
		near = append(near, holders[l]...)
	}
	if slices.Sort(near); m.freeing[a] {
		a.options, near = nil, near[:0] // those of before were not all that there are
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
	a.looked = len(m.candidates)
	slices.SortFunc(a.options, func(x, y option) int {
		return cmp.Or(cmp.Compare(m.gain(a, &y.effect), m.gain(a, &x.effect)), cmp.Compare(x.set, y.set))
	})
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
		e, err := m.effect(a, i, func(a *app, c *candidate) []finding { return m.servedBy(a, c, picker, i) })
		if err != nil {
			return err
		}
		a.options = append(a.options, option{m.set(i), e})
	}
	return nil
}

// servedBy are the findings that ECI's matching replaces by a candidate, which is at a
// position of the picker.
func (m *model) servedBy(a *app, c *candidate, picker *matcher.Picker, position int) []finding {
	if m.holdsAll(a, c) {
		return a.baseline
	}
	return m.preferred(a, c, picker, position)
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
func (m *model) preferred(a *app, c *candidate, picker *matcher.Picker, position int) []finding {
	if a.query == nil {
		caches := make([]matcher.Cache, len(a.baseline))
		for k, f := range a.baseline {
			if f.cache != nil {
				caches[k] = *f.cache
			}
		}
		a.query, a.found = picker.Query(a.group), m.matcher.Picker(caches)
	}
	var served []finding
	for k, f := range a.baseline {
		if f.cache == nil || f.cache.ID == c.cache.ID || picker.Before(a.query, position, a.found, k) {
			served = append(served, f)
		}
	}
	return served
}
