package cachebench

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// What a digest of the workload is made of: what is started when, for how long and where.
// Images are none of it, nor how they are placed, so that results of two versions of an
// image have the same one; nor are the sizes of instances and the apps' own time to ready,
// which are properties of what is started.
type (
	loadApp struct {
		// Name is left out of an only app, which may be called after its image.
		Name                    string
		StartsPerDay            float64
		Bursts                  []workload.Burst
		Runtime                 time.Duration
		PullPolicy              string
		ReleasesPerMonth        float64
		ReleaseNewBytesFraction *float64
		NodePool                string
	}
	loadPool struct {
		Name, NodeClass, Placement                    string
		Count                                         int
		LifetimeHours, NewNodesPerDay, CPU, MemoryGiB float64
	}
	loadBurst struct {
		App        string
		Count      int
		At, Within time.Duration
	}
	loadStart struct {
		At                   time.Duration
		App, Node, NodeClass string
		Count                int
		Runtime              *time.Duration
	}
)

// WorkloadDigest tells workloads apart by what is started when.
func (s *Scenario) WorkloadDigest() (layers.Digest, error) {
	return digestLoad(func(add func(any)) {
		s.addMonth(add)
		if w := s.Workload; w != nil {
			bursts := make([]loadBurst, len(s.Bursts))
			for i, b := range s.Bursts {
				bursts[i] = loadBurst{s.loadName(b.App), b.Count, b.At, b.Within}
			}
			add(bursts)
		}
		if s.Trace == nil {
			add([]time.Duration{s.WindowStart, s.window()})
		} else {
			add([]time.Duration{s.TraceSpan, s.Assume.Runtime})
			s.addTrace(add)
		}
	})
}

// monthDigest tells workloads apart by what a plan is made from: a month of them, or the
// starts of a trace. Which window is simulated, or which burst, is none of it.
func (s *Scenario) monthDigest() (layers.Digest, error) {
	return digestLoad(func(add func(any)) {
		if s.Trace == nil {
			s.addMonth(add)
		} else {
			add(s.Assume.Runtime)
			s.addTrace(add)
		}
	})
}

// digestLoad is that of the values that are added.
func digestLoad(load func(add func(any))) (layers.Digest, error) {
	hash := sha256.New()
	to := json.NewEncoder(hash)
	var err error
	load(func(value any) { err = cmp.Or(err, to.Encode(value)) })
	if err != nil {
		return "", fmt.Errorf("the digest of the workload: %w", err) // a number that is none
	}
	return layers.Digest("sha256:" + hex.EncodeToString(hash.Sum(nil))), nil
}

// loadName is an app's name; empty of an only one, which may be called after its image.
func (s *Scenario) loadName(app string) string {
	if len(s.Workload.Apps) == 1 && s.Trace == nil {
		return ""
	}
	return app
}

// addMonth adds the apps and node pools of the workload.
func (s *Scenario) addMonth(add func(any)) {
	if w := s.Workload; w != nil {
		apps := make([]loadApp, len(w.Apps))
		for i := range w.Apps {
			a := &w.Apps[i]
			apps[i] = loadApp{s.loadName(a.Name), a.StartsPerDay, a.Bursts, a.Runtime, a.PullPolicy, a.ReleasesPerMonth, a.ReleaseNewBytesFraction, a.NodePool}
			if len(a.Bursts) == 0 {
				apps[i].Bursts = nil
			}
		}
		slices.SortFunc(apps, func(a, b loadApp) int { return cmp.Compare(a.Name, b.Name) })
		pools := make([]loadPool, len(w.NodePools))
		for i, p := range w.NodePools {
			pools[i] = loadPool{p.Name, p.NodeClass, p.Placement, p.Count, p.LifetimeHours, p.NewNodesPerDay, p.CPU, p.MemoryGiB}
		}
		slices.SortFunc(pools, func(a, b loadPool) int { return cmp.Compare(a.Name, b.Name) })
		add(apps)
		add(pools)
	}
}

// addTrace adds the starts of the trace.
func (s *Scenario) addTrace(add func(any)) {
	for i := range s.Trace.Starts {
		t := &s.Trace.Starts[i]
		add(loadStart{t.At, t.App, t.Node, t.NodeClass, t.Count, t.Runtime})
	}
}
