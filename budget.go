package cachebench

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ErrNoBudget is wrapped when a budget is to be judged and the scenario sets none: what
// judges nothing must not pass.
var ErrNoBudget = errors.New("the scenario sets no budget: give one, as budget: {web: {coldP50Seconds: 8s}}")

// AppBudget is the most that an app may take. What is not given is not judged.
type AppBudget struct {
	// ColdP50 and ColdP99 bound quantiles of the times to ready of its starts in arm
	// cold.
	ColdP50 *time.Duration `json:"coldP50Seconds,omitempty"`
	ColdP99 *time.Duration `json:"coldP99Seconds,omitempty"`
	// CachedP50 and CachedP99 are of arm cached; of arm warm for an app on a node pool,
	// whose nodes use no image cache.
	CachedP50 *time.Duration `json:"cachedP50Seconds,omitempty"`
	CachedP99 *time.Duration `json:"cachedP99Seconds,omitempty"`
	// NewBytes bounds the compressed bytes that a host with the image Base fetches for
	// the app's image of the same repository, for its first image where there is none.
	// Base is a reference, and looked up as the app's images are.
	NewBytes *int64 `json:"newBytes,omitempty"`
	Base     string `json:"base,omitempty"`
	// CostPerMonth bounds the bill of the planned caches that serve the app, in the
	// prices' currency: each counts whole, whatever else it serves.
	CostPerMonth *float64 `json:"costPerMonth,omitempty"`
}

// validate reports what cannot be; its paths are below the app's.
func (b *AppBudget) validate() error {
	switch {
	case *b == AppBudget{}, *b == AppBudget{Base: b.Base}:
		return document.At("", "a budget without a limit judges nothing: give coldP50Seconds, coldP99Seconds, cachedP50Seconds, cachedP99Seconds, newBytes with base, or costPerMonth")
	case b.NewBytes != nil && b.Base == "":
		return document.At("newBytes", "bytes are new against an image: name it as base")
	case b.NewBytes == nil && b.Base != "":
		return document.At("base", "a base without a limit judges nothing: give newBytes too")
	case b.CostPerMonth != nil && !(*b.CostPerMonth >= 0 && *b.CostPerMonth <= mostMoney):
		return document.At("costPerMonth", "a limit of %v cannot be: give 0 to %v", *b.CostPerMonth, float64(mostMoney))
	}
	return nil
}

// validateBudget reports what cannot be of every app's.
func (f *ScenarioFile) validateBudget() error {
	for _, app := range sortedKeys(f.Budget) {
		b := f.Budget[app]
		if err := b.validate(); err != nil {
			return document.Under("budget."+app, err)
		}
	}
	return nil
}

// checkBudget refuses a budget of an app that there is not: it would never be judged.
func (s *Scenario) checkBudget(at func(key string, err error) error) error {
	var names []string
	if s.Workload != nil {
		for i := range s.Workload.Apps {
			names = append(names, s.Workload.Apps[i].Name)
		}
	}
	if s.Trace != nil {
		for i := range s.Trace.Starts {
			names = append(names, s.Trace.Starts[i].App)
		}
	}
	for _, app := range sortedKeys(s.Budget) {
		if len(names) > 0 && !slices.Contains(names, app) {
			return at("budget."+app, fmt.Errorf("no app of the workload is called %q: %s", app, document.Suggestion(app, names)))
		}
	}
	return nil
}

// bases are the references that budgets compare with.
func (s *Scenario) bases() []string {
	var references []string
	for _, app := range sortedKeys(s.Budget) {
		if base := s.Budget[app].Base; base != "" {
			references = append(references, base)
		}
	}
	return references
}

// CheckBudget judges the results of Run by the budgets of s: every limit is a rule
// about one figure, named by the app and the figure, and a figure that is not known
// passes no rule. The error wraps ErrNoBudget when there is none; what the rules say
// is the error of the Gate.
func (r *Results) CheckBudget(s *Scenario) (*reports.Gate, error) {
	if len(s.Budget) == 0 {
		return nil, ErrNoBudget
	}
	var rules []reports.Rule
	var figures []reports.Figure
	for _, app := range sortedKeys(s.Budget) {
		j := budgetJudge{results: r, scenario: s, app: app, budget: s.Budget[app]}
		for _, figure := range j.figures() {
			rules = append(rules, reports.Rule{Name: figure.Name, Op: reports.AtMost, Amount: figure.limit, Unit: figure.Unit})
			figures = append(figures, figure.Figure)
		}
	}
	return reports.Judge(rules, figures), nil
}

// A budgetJudge finds the figures that an app's budget is about.
type budgetJudge struct {
	results  *Results
	scenario *Scenario
	app      string
	budget   AppBudget
}

// budgetFigure is a figure and the most that it may be.
type budgetFigure struct {
	reports.Figure
	limit float64
}

func (j *budgetJudge) figures() []budgetFigure {
	var list []budgetFigure
	leftOut := j.results.leftOut(j.app)
	add := func(name, unit string, limit float64, of func() (value float64, estimated bool, err error)) {
		f := budgetFigure{Figure: reports.Figure{Name: j.app + " " + name, Unit: unit}, limit: limit}
		err := leftOut
		if err == nil {
			f.Value, f.Estimated, err = of()
		}
		if err != nil {
			f.Unknown = err.Error()
		}
		list = append(list, f)
	}
	for _, q := range []struct {
		name, arm string
		limit     *time.Duration
		of        func(*reports.Summary) time.Duration
	}{
		{"cold-p50-sec", simulate.ArmCold, j.budget.ColdP50, func(s *reports.Summary) time.Duration { return s.P50 }},
		{"cold-p99-sec", simulate.ArmCold, j.budget.ColdP99, func(s *reports.Summary) time.Duration { return s.P99 }},
		{"cached-p50-sec", j.cachedArm(), j.budget.CachedP50, func(s *reports.Summary) time.Duration { return s.P50 }},
		{"cached-p99-sec", j.cachedArm(), j.budget.CachedP99, func(s *reports.Summary) time.Duration { return s.P99 }},
	} {
		if q.limit == nil {
			continue
		}
		// Both are divided in the same way, so that equal times are equal seconds.
		add(q.name, reports.UnitSeconds, float64(*q.limit)/float64(time.Second), func() (float64, bool, error) {
			summary, err := j.results.Startups(j.app, q.arm)
			if err != nil {
				return 0, false, err
			}
			return float64(q.of(summary)) / float64(time.Second), j.estimated(), nil
		})
	}
	if j.budget.NewBytes != nil {
		add("new-B", reports.UnitBytes, float64(*j.budget.NewBytes), j.newBytes)
	}
	if j.budget.CostPerMonth != nil {
		add("cost-per-month", j.scenario.Prices.Currency, *j.budget.CostPerMonth, j.cost)
	}
	return list
}

func (j *budgetJudge) workloadApp() *workload.App {
	if w := j.scenario.Workload; w != nil {
		for i := range w.Apps {
			if w.Apps[i].Name == j.app {
				return &w.Apps[i]
			}
		}
	}
	return nil
}

// cachedArm is the arm in which the app's starts find what they can find.
func (j *budgetJudge) cachedArm() string {
	if app := j.workloadApp(); app != nil && app.NodePool != "" {
		return simulate.ArmWarm
	}
	return simulate.ArmCached
}

// estimated says that compressed sizes of the app's images are, so that its times are
// too. Unpacked sizes that are estimated are so by one rule, whatever the image.
func (j *budgetJudge) estimated() bool {
	app, inv := j.workloadApp(), j.results.Inventory
	if app == nil {
		return false
	}
	for _, reference := range app.AllImages() {
		i := inv.Find(reference, j.platform(app), j.scenario.Now)
		if i < 0 {
			continue
		}
		for _, l := range inv.Images[i].Layers {
			if inv.Layers[l].CompressedSource == layers.Estimated {
				return true
			}
		}
	}
	return false
}

func (j *budgetJudge) platform(app *workload.App) string {
	if pool := j.scenario.Workload.Pool(app.NodePool); pool != nil {
		return pool.Platform
	}
	return j.scenario.platform()
}

// newBytes are those of AppBudget.NewBytes.
func (j *budgetJudge) newBytes() (float64, bool, error) {
	app, inv := j.workloadApp(), j.results.Inventory
	if app == nil {
		return 0, false, errors.New("a trace does not tell which image the base is of: it needs a workload of apps")
	}
	image, base := imageOfBase(app, j.budget.Base), inv.Find(j.budget.Base, j.platform(app), j.scenario.Now)
	if base < 0 {
		for _, u := range inv.Unresolved {
			if u.Reference == j.budget.Base {
				return 0, false, fmt.Errorf("base %s could not be read: %s", u.Reference, u.Reason)
			}
		}
		return 0, false, fmt.Errorf("base %s is not in the inventory for %s", j.budget.Base, j.platform(app))
	}
	d, err := Diff(DiffSide{Inventory: inv, Image: base},
		DiffSide{Inventory: inv, Image: inv.Find(image, j.platform(app), j.scenario.Now)}, j.scenario.Profile, DiffOptions{})
	if err != nil {
		return 0, false, err
	}
	return float64(d.ByDigest.FetchBytes), d.ByDigest.EstimatedFetchBytes > 0, nil
}

// ImageBudget are the limits of new bytes as rules of a diff, by the repository of the
// app's image that they are about: there OLD takes the base's place. Of several apps
// with one image the least limit counts. It is nil without any.
func (s *Scenario) ImageBudget() *reports.Budget {
	least := make(map[string]int64)
	for _, app := range sortedKeys(s.Budget) {
		j := budgetJudge{scenario: s, app: app, budget: s.Budget[app]}
		a := j.workloadApp()
		if a == nil || j.budget.NewBytes == nil {
			continue
		}
		match := imageOfBase(a, j.budget.Base)
		if name, err := layers.ParseName(match); err == nil {
			match = name.RepositoryName()
		}
		if known, ok := least[match]; !ok || *j.budget.NewBytes < known {
			least[match] = *j.budget.NewBytes
		}
	}
	if len(least) == 0 {
		return nil
	}
	b := &reports.Budget{}
	for _, match := range sortedKeys(least) {
		b.Overrides = append(b.Overrides, reports.BudgetOverride{Match: match, Rules: []string{fmt.Sprintf("new-B<=%dB", least[match])}})
	}
	return b
}

// imageOfBase is the app's image of the base's repository, else its first.
func imageOfBase(app *workload.App, base string) string {
	name, err := layers.ParseName(base)
	for _, reference := range app.Images {
		if other, otherErr := layers.ParseName(reference); err == nil && otherErr == nil && other.RepositoryName() == name.RepositoryName() {
			return reference
		}
	}
	return app.Images[0]
}

// cost is that of AppBudget.CostPerMonth.
func (j *budgetJudge) cost() (float64, bool, error) {
	p := j.results.Plan
	if app := j.workloadApp(); p == nil || app == nil || app.NodePool != "" {
		return 0, false, errors.New("only the caches of a plan have a bill for an app, not node pools")
	}
	for i := range p.Assignments {
		if a := &p.Assignments[i]; a.App == j.app {
			return j.bill(a.Cache)
		}
	}
	return 0, false, errors.New("the plan says nothing of it")
}

// bill sums the planned caches that serve the app. Of the one that exists and serves it,
// the plan states no bill of its use.
func (j *budgetJudge) bill(assigned string) (float64, bool, error) {
	var sum float64
	found := assigned == ""
	for i := range j.results.Plan.Caches {
		c := &j.results.Plan.Caches[i]
		found = found || c.Name == assigned
		if c.Name == assigned || slices.Contains(c.Apps, j.app) {
			sum += c.Cost.Total.Amount
		}
	}
	if !found {
		return 0, false, fmt.Errorf("cache %s, which serves it, exists already, and the plan bills those that it builds", assigned)
	}
	return sum, false, nil
}
