package cachebench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ErrTrace is wrapped when a trace is given where apps with rates are needed.
var ErrTrace = errors.New("a trace lists single starts: only simulate takes one, the other stages need a Workload of apps")

// SimulateTrace replays the Scenario's trace: every start as it stands there,
// without image caches; starts on one named node share what it holds. Starts
// whose images are not all in the Inventory are left out and listed.
func (s *Scenario) SimulateTrace(ctx context.Context, inv *layers.Inventory) (*simulate.Timeline, error) {
	inv = inv.Estimated()
	j := &Job{Scenario: s, Inventory: inv, lookup: inv.Lookup()}
	starts, all := j.traced()
	if len(starts) == 0 {
		return nil, fmt.Errorf("no start of the trace has all its images: %s: %s", j.Coverage.LeftOut[0].App, j.Coverage.LeftOut[0].Reason)
	}
	if err := s.boundedTrace(len(starts)); err != nil {
		return nil, err
	}
	j.Coverage.StartsFraction = float64(len(starts)) / float64(all)
	s.progress("simulating %d starts", len(starts))
	result, err := j.simulateStarts(ctx, simulate.ArmCold, starts)
	if err != nil {
		return nil, err
	}
	provenance := j.provenance()
	provenance.PriceDate, provenance.Currency = "", "" // no money is involved
	t := &simulate.Timeline{Provenance: provenance, Coverage: &j.Coverage, Startups: []simulate.Startup{}, Doubts: append(j.imageDoubts(), j.repeatDoubts()...)}
	if err := t.Add(result); err != nil {
		return nil, err
	}
	if j.Coverage.StartsFraction < s.MinCoverage {
		return t, j.tooLittle()
	}
	return t, nil
}

// traced are the trace's starts whose images are known, and how many there are
// in all.
func (j *Job) traced() (starts []simulate.Start, all int) {
	leftOut := make(map[string]bool)
	apps := make(map[string]bool)
	for _, line := range j.Scenario.Trace.Starts {
		all += line.Count
		apps[line.App] = true
		if why := j.lacksAny(line.Images); why != "" {
			if !leftOut[line.App] {
				leftOut[line.App] = true
				j.Coverage.LeftOut = append(j.Coverage.LeftOut, simulate.LeftOut{App: line.App, Reason: why})
			}
			continue
		}
		start := simulate.Start{
			App: line.App, Requested: line.At, Images: j.positions(line.Images), Node: line.Node, NodeClass: line.NodeClass,
		}
		starts = append(starts, slices.Repeat([]simulate.Start{start}, line.Count)...)
	}
	j.Coverage.Apps = len(apps) - len(leftOut)
	return starts, all
}

// TraceReport gathers what a trace's simulation found.
func (s *Scenario) TraceReport(inv *layers.Inventory, t *simulate.Timeline) *reports.Report {
	return reports.New(reports.Input{
		Title: s.Title, Provenance: t.Provenance, Coverage: t.Coverage, Platform: s.platform(),
		Inventory: inv, Timeline: t, Profile: s.profileSummary(),
		Assumptions: []string{"No start of a trace finds an image cache; a node's layers last from its first start in the trace on."},
	})
}

func (s *Scenario) profileSummary() reports.Profile {
	return reports.Profile{Name: s.Profile.Name, Basis: s.Profile.Basis(), Parameters: s.Profile.Values()}
}

// lacksAny says which of the references is not known, and why.
func (j *Job) lacksAny(references []string) string {
	for _, ref := range references {
		if j.find(ref) >= 0 {
			continue
		}
		for _, u := range j.Inventory.Unresolved {
			if u.Reference == ref {
				return fmt.Sprintf("image %s: %s", ref, u.Reason)
			}
		}
		return fmt.Sprintf("image %s is not in the inventory for %s", ref, j.Scenario.platform())
	}
	return ""
}

// lacks says which image of an app is not known, and why.
func (j *Job) lacks(app *workload.App) string { return j.lacksAny(app.AllImages()) }

// tooLittle is the error of coverage below the minimum.
func (j *Job) tooLittle() error {
	out := j.Coverage.LeftOut[0]
	return fmt.Errorf("%w: %.1f %% of starts are covered, %.1f %% are asked for (--min-coverage); left out: %s: %s",
		ErrCoverage, 100*j.Coverage.StartsFraction, 100*j.Scenario.MinCoverage, out.App, out.Reason)
}
