package cachebench

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
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
	// the app's image of the same repository, for its first image where there is none but
	// Base itself, which an app's further images may be.
	// Base is a reference, and looked up as the app's images are.
	NewBytes *int64 `json:"newBytes,omitempty"`
	Base     string `json:"base,omitempty"`
	// CostPerMonth bounds the bill of the planned caches that serve the app, in the
	// prices' currency, which it may name (5 USD): each counts whole, whatever else it
	// serves.
	CostPerMonth *MoneyLimit `json:"costPerMonth,omitempty"`
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
	case b.CostPerMonth != nil:
		if err := b.CostPerMonth.validate(); err != nil {
			return document.Under("costPerMonth", err)
		}
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

// checkBudget refuses a budget of an app that there is not: it would never be judged. A name
// that a trace gives several sets of images is none: each set has its own. So it refuses a
// base that is the app's own image, and a limit in a currency that no price is in.
func (s *Scenario) checkBudget(at func(key string, err error) error) error {
	if len(s.Budget) == 0 {
		return nil
	}
	var names []string
	labels := s.traceLabels()
	if s.Workload != nil {
		for i := range s.Workload.Apps {
			names = append(names, s.Workload.Apps[i].Name)
		}
	}
	for _, name := range sortedKeys(labels) {
		names = append(names, labels[name]...)
	}
	for _, app := range sortedKeys(s.Budget) {
		of := labels[app]
		switch {
		case len(of) > 0 && !slices.Contains(of, app):
			return at("budget."+app, fmt.Errorf("the trace has starts of %s with several sets of images, which are judged apart: give a budget of %s", app, strings.Join(of, ", ")))
		case len(names) > 0 && !slices.Contains(names, app):
			return at("budget."+app, fmt.Errorf("no app of the workload is called %q%s", app, document.Suggestion(app, names)))
		}
		if err := (&budgetJudge{scenario: s, app: app, budget: s.Budget[app]}).checkBase(); err != nil {
			return at("budget."+app+".base", err)
		}
		if limit := s.Budget[app].CostPerMonth; limit != nil {
			if err := limit.in(&s.Prices); err != nil {
				return at("budget."+app+".costPerMonth", err)
			}
		}
	}
	return nil
}

// traceLabels are what starts of each name in the trace are called, in order: several where
// they have several sets of images. Empty without a trace.
func (s *Scenario) traceLabels() map[string][]string {
	labels := make(map[string][]string)
	if s.Trace == nil {
		return labels
	}
	called := (&Job{Scenario: s}).called()
	seen := make(map[string]bool)
	for i := range s.Trace.Starts {
		line := &s.Trace.Starts[i]
		if label := cmp.Or(called[lineKey(line)], line.App); !seen[label] {
			seen[label] = true
			labels[line.App] = append(labels[line.App], label)
		}
	}
	for _, of := range labels {
		slices.Sort(of)
	}
	return labels
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
	return r.judgeBudget(s, nil)
}

// UnjudgedBudget are the rules of the budgets of s where Run ended with err before their
// figures were known: none of them is met. It is nil where there is no budget.
func (s *Scenario) UnjudgedBudget(err error) *reports.Gate {
	gate, _ := (&Results{}).judgeBudget(s, err)
	return gate
}

func (r *Results) judgeBudget(s *Scenario, why error) (*reports.Gate, error) {
	if len(s.Budget) == 0 {
		return nil, ErrNoBudget
	}
	var rules []reports.Rule
	var figures []reports.Figure
	var keys []string
	for _, app := range sortedKeys(s.Budget) {
		j := budgetJudge{results: r, scenario: s, app: app, budget: s.Budget[app], why: why}
		for _, figure := range j.figures() {
			rules = append(rules, reports.Rule{Name: figure.Name, Op: reports.AtMost, Amount: figure.limit, Unit: figure.Unit})
			figures = append(figures, figure.Figure)
			keys = append(keys, "budget."+app+"."+figure.key)
		}
	}
	gate := reports.Judge(rules, figures)
	for i := range gate.Outcomes { // one for each rule, for figures have names of their own
		var at *document.Error
		if errors.As(s.blamed(keys[i], errors.New("")), &at) {
			gate.Outcomes[i].File, gate.Outcomes[i].Line = filepath.ToSlash(at.File), at.Line
		}
	}
	return gate, nil
}

// ImageBudget are the limits of new bytes as rules of a diff, by the repository of the
// app's image that they are about: there OLD takes the base's place. Of several apps
// with one image the least limit counts. It is nil without any.
func (s *Scenario) ImageBudget() *reports.Budget {
	least := make(map[string]int64)
	for _, app := range sortedKeys(s.Budget) {
		j := budgetJudge{scenario: s, app: app, budget: s.Budget[app]}
		image := j.imageOfBase()
		if image == "" || j.budget.NewBytes == nil {
			continue
		}
		match := repository(image)
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
