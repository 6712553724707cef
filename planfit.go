package cachebench

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
)

// ErrOtherPlan is wrapped where a plan is of another workload than is looked at.
var ErrOtherPlan = errors.New("the plan is of another workload")

// fitted is what a plan names, and what of it a workload has.
type fitted struct {
	noun    string
	all     int
	missing []string
}

func (f *fitted) here() int { return f.all - len(f.missing) }

// words are 2 of 9 apps that start on instances of their own.
func (f *fitted) words() string {
	return fmt.Sprintf("%d of the plan's %d %s", f.here(), f.all, f.noun)
}

// planFits refuses a plan of which neither an app nor a node pool is among those that there
// are: its caches would be read as if they were made for these. Of one that fits in part it
// says what is not here, one sentence each.
func planFits(p *plan.Plan, own, pools map[string]bool) (doubts []string, err error) {
	if p == nil {
		return nil, nil
	}
	apps, nodes := fitted{noun: "apps on instances of their own"}, fitted{noun: "node pools"}
	for i := range p.Assignments {
		apps.add(p.Assignments[i].App, own)
	}
	for i := range p.Pools {
		nodes.add(p.Pools[i].Name, pools)
	}
	var none []string
	for _, f := range []*fitted{&apps, &nodes} {
		switch {
		case f.all == 0:
		case f.here() == 0:
			none = append(none, fmt.Sprintf("%s are here (it has %s)", f.words(), few(f.missing)))
		case len(f.missing) > 0:
			doubts = append(doubts, fmt.Sprintf("The plan is of another workload in part: only %s are here; it has besides %s.", f.words(), few(f.missing)))
		}
	}
	if apps.here()+nodes.here() == 0 && len(none) > 0 {
		return nil, fmt.Errorf("%w: %s: plan this workload anew (cachebench plan --save), or give the workload that the plan was made for", ErrOtherPlan, strings.Join(none, "; "))
	}
	for _, words := range none {
		doubts = append(doubts, "The plan is of another workload in part: "+words+".")
	}
	return doubts, nil
}

func (f *fitted) add(name string, in map[string]bool) {
	f.all++
	if !in[name] {
		f.missing = append(f.missing, name)
	}
}

// PlanDoubts says how a plan fits the workload, all of it, whatever could be read of its
// images: a plan of which nothing is here is refused, with an error that wraps ErrOtherPlan.
func (j *Job) PlanDoubts(p *plan.Plan) ([]string, error) {
	if p == nil {
		return nil, nil
	}
	if j.recording != nil {
		return j.Scenario.tracePlanFits(p)
	}
	w := j.Scenario.Workload
	if w == nil {
		w = &j.Workload
	}
	own, pools := make(map[string]bool), make(map[string]bool)
	starts := make(map[string]float64)
	for i := range w.Apps {
		if a := &w.Apps[i]; isOwn(a) {
			own[a.Name], starts[a.Name] = true, a.StartsPerMonth()
		}
	}
	for i := range w.NodePools {
		pools[w.NodePools[i].Name] = true
	}
	doubts, err := planFits(p, own, pools)
	if err != nil {
		return nil, err
	}
	return j.Scenario.orOtherDigest(p, append(doubts, otherStarts(p, starts)...))
}

// orOtherDigest are the doubts, or where there is none one that the plan is of another
// workload, as digests tell: what its apps are and how often they start is the same.
func (s *Scenario) orOtherDigest(p *plan.Plan, doubts []string) ([]string, error) {
	if len(doubts) > 0 || p.Provenance == nil || p.Provenance.WorkloadDigest == "" {
		return doubts, nil
	}
	here, err := s.monthDigest()
	if err != nil || here == p.Provenance.WorkloadDigest {
		return nil, err
	}
	of, differs := "workload", "releases, run times, bursts, pull policies, node pools or apps that the plan lacks differ"
	if s.Trace != nil {
		of, differs = "recording", "when they start differs"
	}
	return []string{fmt.Sprintf("The plan was made for another %s, as its digest tells (%s there, %s here): its apps are here, but %s, so that what it says of a month may not hold. Plan this %s anew to be sure.",
		of, firstDigits(p.Provenance.WorkloadDigest), firstDigits(here), differs, of)}, nil
}

// firstDigits are enough of a digest to tell it from another.
func firstDigits(d layers.Digest) string {
	_, digits, _ := strings.Cut(string(d), ":")
	return digits[:min(len(digits), 12)]
}

// otherStarts names apps that start more or less often than in the plan.
func otherStarts(p *plan.Plan, starts map[string]float64) []string {
	var other []string
	for i := range p.Assignments {
		a := &p.Assignments[i]
		here, ok := starts[a.App]
		if ok && math.Abs(here-a.StartsPerMonth) > 0.01*max(here, a.StartsPerMonth) {
			other = append(other, fmt.Sprintf("%s (%.4g a month in the plan, %.4g here)", a.App, a.StartsPerMonth, here))
		}
	}
	if other == nil {
		return nil
	}
	return []string{"Apps start more or less often than in the plan, so that what it says of a month is of another: " + few(other) + "."}
}

// tracePlanFits says how a plan fits the starts of a trace. Of an app with several lists of
// images, web [web:1.4.2], the name is enough.
func (s *Scenario) tracePlanFits(p *plan.Plan) ([]string, error) {
	if p == nil {
		return nil, nil
	}
	own, pools := make(map[string]bool), make(map[string]bool)
	for i := range s.Trace.Starts {
		line := &s.Trace.Starts[i]
		if line.Node == "" {
			own[line.App] = true
			continue
		}
		pool, _, _ := strings.Cut(line.Node, "/")
		pools[pool], pools[line.NodeClass] = true, true
	}
	for i := range p.Assignments {
		name := p.Assignments[i].App
		if bare, _, listed := strings.Cut(name, " ["); listed && own[bare] {
			own[name] = true
		}
	}
	doubts, err := planFits(p, own, pools)
	if err != nil {
		return nil, err
	}
	return s.orOtherDigest(p, doubts)
}
