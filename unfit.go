package cachebench

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ErrUnfit is wrapped when what is to be simulated does not go with the workload: an
// arm that it has not, a fault of a node that there is not.
var ErrUnfit = errors.New("does not go with the workload")

// check refuses, before images are looked up, what does not go with the workload or
// the trace; at puts an error at its key.
func (s *Scenario) check(at func(key string, err error) error) error {
	if err := s.checkArms(); err != nil {
		return at("arms", err)
	}
	if err := s.checkBudget(at); err != nil {
		return err
	}
	if s.Trace == nil {
		return nil
	}
	if err := s.checkTrace(); err != nil {
		return err
	}
	starts := make([]simulate.Start, len(s.Trace.Starts))
	for i, line := range s.Trace.Starts {
		starts[i] = simulate.Start{Node: line.Node, Requested: line.At}
	}
	if err := s.checkLost(starts, nil); err != nil {
		return at("faults", err)
	}
	return nil
}

// checkArms refuses arms that the workload has not.
func (s *Scenario) checkArms() error {
	pooled := func(a workload.App) bool { return a.NodePool != "" }
	switch {
	case !slices.Contains(s.Arms, simulate.ArmWarm):
	case s.Trace != nil:
		return fmt.Errorf("%w: arm warm is of node pools, and a trace's named nodes hold what its own starts leave there", ErrUnfit)
	case s.Workload != nil && !slices.ContainsFunc(s.Workload.Apps, pooled):
		return fmt.Errorf("%w: arm warm is of node pools, and no app runs on one (nodePool)", ErrUnfit)
	}
	return nil
}

// checkTrace refuses a trace without a start and one of node classes that the
// profile has not.
func (s *Scenario) checkTrace() error {
	if len(s.Trace.Starts) == 0 {
		return fmt.Errorf("%w: the trace has no starts", ErrNoStart)
	}
	for i, start := range s.Trace.Starts {
		if start.Count < 1 {
			return s.Trace.Fault(i, "count", "%d is not a number of starts from 1", start.Count)
		}
		if _, ok := s.Profile.NodeClasses[start.NodeClass]; !ok && start.NodeClass != "" {
			return s.Trace.Fault(i, "nodeClass", "profile %s has no node class %q: add it under nodeClasses", s.Profile.Name, start.NodeClass)
		}
	}
	return nil
}

// checkLost refuses the loss of a node that there is not, or not yet: nodes are those
// of pools, and those that starts name, from their first start on.
func (s *Scenario) checkLost(starts []simulate.Start, nodes []simulate.NewNode) error {
	if !slices.ContainsFunc(s.Faults, func(f simulate.Fault) bool { return f.Node != "" }) {
		return nil
	}
	made, ended := make(map[string]time.Duration), make(map[string]time.Duration)
	var names []string
	add := func(name string, at time.Duration) {
		first, known := made[name]
		if !known {
			names = append(names, name)
		}
		if !known || at < first {
			made[name] = at
		}
	}
	for _, n := range nodes {
		add(n.Name, n.At)
		ended[n.Name] = n.Until
	}
	for _, start := range starts {
		if start.Node != "" {
			add(start.Node, start.Requested)
		}
	}
	for _, f := range s.Faults {
		at, known := made[f.Node]
		switch {
		case f.Node == "":
		case len(names) == 0:
			return fmt.Errorf("%w: %s: no start is on a node that has a name", ErrUnfit, f)
		case !known:
			return fmt.Errorf("%w: %s: there are %s", ErrUnfit, f, someOf(names))
		case ended[f.Node] > 0 && f.At >= ended[f.Node]:
			return fmt.Errorf("%w: %s: node %s ends at %v: lose it before, or the one in its place", ErrUnfit, f, f.Node, ended[f.Node])
		// Nodes of pools come before the faults of that instant, starts after them.
		case at > f.At || at == f.At && len(nodes) == 0:
			return fmt.Errorf("%w: %s: node %s comes at %v: lose it later", ErrUnfit, f, f.Node, at)
		}
	}
	return nil
}
