package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// Problem is what to plan for.
type Problem struct {
	// Inventory must hold every image of the Apps on Platform; an empty Platform
	// is the first listed.
	Inventory *layers.Inventory
	Platform  string
	// At is when the caches would be built, and the time as of which references
	// are read.
	At time.Time
	// Apps are those to plan for; names are unique.
	Apps []App
	// Existing are the caches that there are. Under the cold baseline they are
	// left out of account but for the advice on them.
	Existing []matcher.Cache
	// Candidates are sets of references to consider beside the generated ones.
	Candidates [][]string
	// Policy are the readings of ECI's undocumented rules.
	Policy matcher.Policy
	// Prices must have every price of caches and instances.
	Prices cost.Book
	// Baseline is Automatic or Cold.
	Baseline string
	// Assign is Auto or Explicit.
	Assign string
	// BudgetPerMonth is the most that the planned caches' bills may come to, in
	// the currency of Prices; instance time saved does not count against it.
	BudgetPerMonth float64
	// WorthPerHour is what an hour of waiting saved is worth, in the currency of
	// Prices: a cache that costs more for what it adds is not built. At 0 only
	// the budget counts.
	WorthPerHour float64
	// Quota is the most caches to build, at least 1.
	Quota int
	// MaxCandidates bounds the candidates generated from unions of apps; 0 is
	// 200. Apps' own sets and Candidates are always considered.
	MaxCandidates int
	// Estimate is the time of one start of app that finds the images held
	// unpacked; nil is none.
	Estimate func(app *workload.App, held []string) Estimate
	// BuildTime is how long building a cache of these images takes, until Ready.
	BuildTime func(images []string, sizeGiB float64) time.Duration
}

// App is an app with what its starts find without the plan.
type App struct {
	App *workload.App
	// Outcome is of the automatic baseline, over any span: its shares are
	// applied to the app's starts a month. The cold baseline can do without.
	Outcome matcher.Outcome
}

// Estimate is the time of one start.
type Estimate struct {
	// Ready is from the request.
	Ready time.Duration
	// Billed is from the pull's start to ready: what an instance is paid for
	// before it is useful (eci §3.3).
	Billed time.Duration
}

const defaultMaxCandidates = 200

// Choose returns the plan. When ctx is done it returns the best plan so far with
// its bound, or an error if it had none yet.
func Choose(ctx context.Context, p Problem) (*Plan, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p = p.sorted()
	m, err := newModel(ctx, &p)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	found := m.program.solve(ctx)
	kept := m.program.prune(found.choice, p.gainPerMoney())
	m.pruned = pruned{found.gain - kept.gain, found.cost - kept.cost}
	found.choice = kept
	return m.answer(found)
}

// gainPerMoney is how many seconds a unit of money must save at least.
func (p *Problem) gainPerMoney() float64 {
	if p.WorthPerHour == 0 {
		return 0
	}
	return time.Hour.Seconds() / p.WorthPerHour
}

// sorted is p in an order of its own, so that no result depends on the caller's.
func (p Problem) sorted() Problem {
	p.Apps = slices.Clone(p.Apps)
	slices.SortFunc(p.Apps, func(x, y App) int { return cmp.Compare(x.App.Name, y.App.Name) })
	p.Existing = slices.Clone(p.Existing)
	slices.SortStableFunc(p.Existing, func(x, y matcher.Cache) int { return cmp.Compare(x.ID, y.ID) })
	return p
}

func (p *Problem) validate() error {
	switch {
	case p.Baseline != Automatic && p.Baseline != Cold:
		return fmt.Errorf("baseline %q is neither %s nor %s", p.Baseline, Automatic, Cold)
	case p.Assign != Auto && p.Assign != Explicit:
		return fmt.Errorf("assign %q is neither %s nor %s", p.Assign, Auto, Explicit)
	case !(p.BudgetPerMonth >= 0) || math.IsInf(p.BudgetPerMonth, 1):
		return fmt.Errorf("budget %v a month: it must be a finite amount of at least 0", p.BudgetPerMonth)
	case !(p.WorthPerHour >= 0) || math.IsInf(p.WorthPerHour, 1):
		return fmt.Errorf("an hour saved is worth %v: it must be a finite amount of at least 0", p.WorthPerHour)
	case p.Quota < 1:
		return fmt.Errorf("quota %d: a plan needs room for at least 1 cache", p.Quota)
	case p.MaxCandidates < 0:
		return fmt.Errorf("at most %d candidates: give at least 1, or 0 for %d", p.MaxCandidates, defaultMaxCandidates)
	case p.Inventory == nil || p.Estimate == nil || p.BuildTime == nil:
		return fmt.Errorf("an inventory and functions for start and build times are needed")
	}
	if err := p.Prices.Validate(); err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	return p.validateApps()
}

func (p *Problem) validateApps() error {
	seen := make(map[string]bool, len(p.Apps))
	for _, a := range p.Apps {
		if a.App == nil || len(a.App.Images) == 0 {
			return fmt.Errorf("an app without images cannot be planned for")
		}
		if seen[a.App.Name] {
			return fmt.Errorf("app %q stands twice: names must be unique", a.App.Name)
		}
		seen[a.App.Name] = true
		for _, ref := range a.App.AllImages() {
			if p.find(ref) < 0 {
				return fmt.Errorf("app %q needs image %s, which the inventory does not list for platform %q: leave the app out or resolve the image", a.App.Name, ref, p.Platform)
			}
		}
	}
	for _, images := range p.Candidates {
		if len(images) == 0 || len(images) > matcher.MaxCacheImages {
			return fmt.Errorf("a candidate of %d images: a cache holds 1 to %d", len(images), matcher.MaxCacheImages)
		}
		for _, ref := range images {
			if p.find(ref) < 0 {
				return fmt.Errorf("a candidate holds image %s, which the inventory does not list for platform %q", ref, p.Platform)
			}
		}
	}
	return nil
}

func (p *Problem) find(reference string) int {
	return p.Inventory.Find(reference, p.Platform, p.At)
}
