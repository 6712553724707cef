// Package cachebench answers which images to cache, how much startup time and
// money that saves, and how sure that is.
//
// The main job is one pipeline of plain values; only this package knows the
// order of its stages:
//
//	references ─layers→ Inventory ─matcher→ Matches ─plan→ Plan ─simulate→ Timeline ─reports→ Report
//
// Run is the whole of it. Each stage is a method of Scenario, so that a saved
// value can take the place of what comes before it: the commands analyze,
// match, plan and simulate are these methods, and run is their composition.
package cachebench

import (
	"context"
	"errors"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// Results are the values that the stages hand on.
type Results struct {
	Inventory *layers.Inventory
	Matches   *matcher.Matches
	Plan      *plan.Plan
	Timeline  *simulate.Timeline
	Report    *reports.Report

	// bursts says that they alone were simulated.
	bursts bool
}

// Run does the main job: it looks the images up, finds their overlaps, matches
// each app against the existing caches, plans which caches to build, simulates
// every start with and without them, and reports. When coverage is below the
// scenario's minimum, the results are returned with an error that wraps
// ErrCoverage; where no plan keeps the limit that is asked for, with one that wraps
// ErrLimit; when ctx ends, with what was done so far.
func Run(ctx context.Context, s *Scenario) (*Results, error) {
	var r Results
	err := s.CheckPlan()
	if err != nil {
		return &r, err
	}
	if r.Inventory, err = s.Analyze(ctx); err != nil {
		return &r, err
	}
	job, covered := s.Cover(r.Inventory)
	if covered != nil && !errors.Is(covered, ErrCoverage) {
		return &r, covered
	}
	if r.Matches, err = job.Match(ctx); err != nil {
		return &r, err
	}
	if r.Plan, err = job.Plan(ctx, r.Matches); err != nil {
		return &r, err
	}
	// The plan is good for a window in which nothing starts too.
	switch r.Timeline, err = job.Simulate(ctx, r.Plan); {
	case errors.Is(err, ErrCoverage) && r.Timeline != nil:
		covered = err // of a trace: of its starts on named nodes too
	case err != nil && !errors.Is(err, ErrNoStart):
		return &r, err
	}
	r.Report, r.bursts = job.Report(r.Matches, r.Plan, r.Timeline), len(s.Bursts) > 0
	return &r, errors.Join(covered, LimitKept(r.Plan))
}
