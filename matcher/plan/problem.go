package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
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
	// Candidates are caches to consider beside the generated ones.
	Candidates []Candidate
	// Policy are the readings of ECI's undocumented rules.
	Policy matcher.Policy
	// Prices must have every price of caches and instances.
	Prices cost.Book
	// Baseline is Automatic or Cold.
	Baseline string
	// Assign is Auto or Explicit.
	Assign string
	// Goal is GoalSeconds, GoalNet or GoalLimit; empty is GoalSeconds.
	Goal string
	// Limit is the time to ready of GoalLimit, in the mean of each app's starts; or, where
	// LimitStartsFraction is above 0, of that share of all starts.
	Limit               time.Duration
	LimitStartsFraction float64
	// Storage is Separate or Shared; empty is Separate.
	Storage string
	// BudgetPerMonth is the most that the planned caches' bills may come to, in
	// the currency of Prices; instance time saved does not count against it. +Inf is
	// no budget.
	BudgetPerMonth float64
	// WorthPerHour is what an hour of waiting saved is worth, in the currency of
	// Prices: under GoalSeconds each unit of the bill counts as that much less time
	// saved. At 0 only the budget counts.
	WorthPerHour float64
	// Quota is the most manual caches that there may be (eci §1.5), at least 1: those to build
	// and those of Existing that are kept beside them.
	Quota int
	// MaxCandidates bounds the candidates generated beside apps' own sets and
	// Candidates, which are always considered; 0 is 200.
	MaxCandidates int
	// GapFraction is how far from its bound a plan may be: branching ends there; that of
	// small problems where it is much smaller. 0 asks for the best.
	GapFraction float64
	// Effort multiplies the steps of the search; 0 is 1. It is a count and not a time, so
	// that the same Problem has the same Plan everywhere.
	Effort float64
	// TimeLimit ends the search, and that for other budgets, with the best so far; 0 does
	// not. A plan that it ends need not be the same everywhere.
	TimeLimit time.Duration
	// Points is how many points the curve of budgets has; 0 is no curve. More asks for what
	// a tenth more of budget would bring.
	Points int
	More   bool
	// Explain are the names of apps to explain.
	Explain []string
	// Progress is told what is being done; nil is none.
	Progress func(what string)
	// Estimate is the time of one start of app that finds the images held
	// unpacked; nil is none.
	Estimate func(app *workload.App, held []string) Estimate
	// BuildTime is how long building a cache of these images takes, until Ready.
	BuildTime func(images []string, sizeGiB float64) time.Duration
}

// Candidate is a cache that might be built.
type Candidate struct {
	// Images are 1 to 20 references.
	Images []string
	// SizeGiB is its size; 0 is the smallest that holds the images.
	SizeGiB float64
}

// App is an app with what its starts find without the plan.
type App struct {
	App *workload.App
	// Outcome is of the automatic baseline, over any span: its shares are
	// applied to the app's starts a month. The cold baseline can do without.
	Outcome matcher.Outcome
	// Primed is the Outcome were PrimesPerMonth starts made so that automatic caches are
	// there in time: after releases and before bursts. They are not counted in it. Nil is
	// not known.
	Primed         *matcher.Outcome
	PrimesPerMonth float64
}

// Estimate is the time of one start.
type Estimate struct {
	// Ready is from the request.
	Ready time.Duration
	// Billed is from the pull's start to ready: what an instance is paid for
	// before it is useful (eci §3.3).
	Billed time.Duration
	// Floor is the part of Ready that no cache changes, before and after what a cache
	// holds is fetched or read; 0 is not known.
	Floor time.Duration
}

const defaultMaxCandidates = 200

// ErrInvalid is wrapped by errors of a Problem that cannot be.
var ErrInvalid = errors.New("invalid planning problem")

// invalid says that an error is of the Problem itself.
type invalid struct{ error }

func (i invalid) Is(target error) bool { return target == ErrInvalid }

func (i invalid) Unwrap() error { return i.error }

// Choose returns the plan. When ctx is done it returns the best plan so far with
// its bound, or an error if it had none yet.
func Choose(ctx context.Context, p Problem) (*Plan, error) {
	if err := p.settle(); err != nil {
		return nil, err
	}
	m, err := newModel(ctx, &p)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return m.choose(ctx)
}

// settle checks a problem and puts it in order.
func (p *Problem) settle() error {
	p.Goal, p.Storage = cmp.Or(p.Goal, GoalSeconds), cmp.Or(p.Storage, Separate)
	if err := p.validate(); err != nil {
		return fmt.Errorf("plan: %w", invalid{err})
	}
	*p = p.sorted()
	return nil
}

// choose searches with the options that there are.
func (m *model) choose(ctx context.Context) (*Plan, error) {
	p := m.Problem
	searching, stop := ctx, context.CancelFunc(func() {})
	if p.TimeLimit > 0 {
		searching, stop = context.WithTimeout(ctx, p.TimeLimit)
	}
	defer stop()
	found, err := m.withinQuota(searching)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	by := ""
	switch {
	case ctx.Err() != nil:
		by = ByInterrupt
	case searching.Err() != nil:
		by = ByTimeLimit
	}
	plan, err := m.answer(searching, found)
	if err != nil {
		return nil, err
	}
	if plan.StoppedBy = by; by == "" && plan.Status == Stopped {
		plan.StoppedBy = BySteps
	}
	return plan, nil
}

func (p *Problem) progress(format string, args ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, args...))
	}
}

// price is how many units of the goal a unit of money is worth.
func (p *Problem) price() float64 {
	switch {
	case p.Goal == GoalNet:
		return 1
	case p.Goal == GoalSeconds && p.WorthPerHour > 0:
		return time.Hour.Seconds() / p.WorthPerHour
	}
	return 0
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
		return fmt.Errorf("baseline %s", document.NoneOf(p.Baseline, Automatic, Cold))
	case p.Assign != Auto && p.Assign != Explicit:
		return fmt.Errorf("assign %s", document.NoneOf(p.Assign, Auto, Explicit))
	case !(p.BudgetPerMonth >= 0):
		return fmt.Errorf("budget %v a month: it must be an amount of at least 0", p.BudgetPerMonth)
	case !(p.WorthPerHour >= 0) || math.IsInf(p.WorthPerHour, 1):
		return fmt.Errorf("an hour saved is worth %v: it must be a finite amount of at least 0", p.WorthPerHour)
	case p.Quota < 1:
		return fmt.Errorf("quota %d: a plan needs room for at least 1 cache", p.Quota)
	case p.MaxCandidates < 0:
		return fmt.Errorf("at most %d candidates: give at least 1, or 0 for %d", p.MaxCandidates, defaultMaxCandidates)
	case !(p.GapFraction >= 0 && p.GapFraction < 1):
		return fmt.Errorf("a gap of %v: it must be at least 0 and below 1", p.GapFraction)
	case !(p.Effort >= 0) || math.IsInf(p.Effort, 1):
		return fmt.Errorf("an effort of %v: it must be at least 0", p.Effort)
	case p.TimeLimit < 0:
		return fmt.Errorf("a time limit of %v: it must be above 0, or 0 for none", p.TimeLimit)
	case p.Points < 0:
		return fmt.Errorf("a curve of %d points: give at least 1, or 0 for none", p.Points)
	case p.Inventory == nil || p.Estimate == nil || p.BuildTime == nil:
		return fmt.Errorf("an inventory and functions for start and build times are needed")
	}
	if err := p.Prices.Validate(); err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	return errors.Join(p.validateGoal(), p.validateApps())
}

func (p *Problem) validateGoal() error {
	switch {
	case p.Storage != Separate && p.Storage != Shared:
		return fmt.Errorf("storage %s", document.NoneOf(p.Storage, Separate, Shared))
	case p.Goal != GoalSeconds && p.Goal != GoalNet && p.Goal != GoalLimit:
		return fmt.Errorf("goal %s", document.NoneOf(p.Goal, GoalSeconds, GoalNet, GoalLimit))
	case p.Goal == GoalSeconds && p.WorthPerHour == 0 && math.IsInf(p.BudgetPerMonth, 1):
		return fmt.Errorf("goal %s without a budget: the most time is saved by spending most; give a budget, or what an hour is worth", GoalSeconds)
	case p.Goal == GoalLimit && p.Limit <= 0:
		return fmt.Errorf("a limit of %v: goal %s needs the time, above 0, in which starts are to be ready", p.Limit, GoalLimit)
	case !(p.LimitStartsFraction >= 0 && p.LimitStartsFraction <= 1):
		return fmt.Errorf("a share of starts of %v: it must be above 0 and at most 1, or 0 for the mean of every app", p.LimitStartsFraction)
	}
	return nil
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
	for _, name := range p.Explain {
		if len(seen) == 0 {
			return fmt.Errorf("no app %q to explain: no app starts on an instance of its own", name)
		}
		if !seen[name] {
			return fmt.Errorf("no app %q to explain: there are %s", name, strings.Join(sortedKeys(seen), ", "))
		}
	}
	for i := range p.Candidates {
		if err := p.validateCandidate(&p.Candidates[i]); err != nil {
			err.Candidate = i
			return err
		}
	}
	return nil
}

// CandidateError says why one of Problem.Candidates cannot be a cache. It is an ErrInvalid.
type CandidateError struct {
	// Candidate is its place, from 0; Key what of it is wrong: images or sizeGiB.
	Candidate int
	Key       string
	problem   string
}

func (e *CandidateError) Error() string {
	return fmt.Sprintf("candidate %d: %s", e.Candidate+1, e.problem)
}

// Is makes it an ErrInvalid.
func (e *CandidateError) Is(target error) bool { return target == ErrInvalid }

// validateCandidate says what is wrong with a candidate; nil where nothing is.
func (p *Problem) validateCandidate(c *Candidate) *CandidateError {
	wrong := func(key, format string, args ...any) *CandidateError {
		return &CandidateError{Key: key, problem: fmt.Sprintf(format, args...)}
	}
	if n := len(c.Images); n == 0 || n > matcher.MaxCacheImages {
		return wrong("images", "%d images: a cache holds 1 to %d", n, matcher.MaxCacheImages)
	}
	for _, ref := range c.Images {
		if p.find(ref) < 0 {
			return wrong("images", "the inventory does not list image %s for platform %q: resolve it, or leave it out", ref, p.Platform)
		}
	}
	bytes, _ := p.unpacked(p.layersOf(c.Images))
	least, holds := matcher.SizeToHold(bytes), float64(bytes)/bytesPerGiB
	switch {
	case least > matcher.MaxCacheGiB:
		return wrong("images", "its images need %v GiB, and a cache has at most %d: leave some out", least, matcher.MaxCacheGiB)
	case c.SizeGiB != 0 && !(c.SizeGiB >= matcher.MinCacheGiB && c.SizeGiB <= matcher.MaxCacheGiB):
		return wrong("sizeGiB", "a size of %v GiB: caches have %d to %d", c.SizeGiB, matcher.MinCacheGiB, matcher.MaxCacheGiB)
	case c.SizeGiB != 0 && c.SizeGiB < holds:
		return wrong("sizeGiB", "a cache of %v GiB cannot hold its images, which are %.3g GiB unpacked: give at least %v, or no size", c.SizeGiB, holds, least)
	}
	return nil
}

func (p *Problem) find(reference string) int {
	return p.Inventory.Find(reference, p.Platform, p.At)
}
