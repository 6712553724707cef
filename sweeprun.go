package cachebench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// SweepRunner makes the runs of a sweep.
type SweepRunner struct {
	// Sweep and Name are the sweep and the name of its file, from whose directory
	// scenarios are found.
	Sweep *Sweep
	Name  string
	// Read reads files.
	Read ReadFunc
	// Workers is how many repeats of a run are simulated at once; it changes no result.
	Workers int

	files map[int]*ScenarioFile
	// inventory is that of the last run, which holds for the next where that looks the same
	// up.
	inventory *layers.Inventory
	looked    string
}

// Check prepares every run without making it, so that what is wrong with the last one is
// said before the first, and returns the head of the result. Its digest is that of the
// sweep's file, whose bytes are given, and of all files that runs read: two shards with one
// digest are of one sweep.
func (r *SweepRunner) Check(data []byte) (*reports.SweepResult, error) {
	inputs := []simulate.Input{InputOf(filepath.Base(r.Name), data)}
	seen := make(map[simulate.Input]bool)
	for run := range r.Sweep.Runs() {
		p := r.Sweep.Point(run)
		if !r.first(p) {
			continue
		}
		s, err := r.scenario(p)
		if err != nil {
			return nil, err
		}
		for _, input := range s.Inputs {
			if !seen[input] {
				seen[input] = true
				inputs = append(inputs, input)
			}
		}
	}
	var all strings.Builder
	for _, input := range inputs {
		fmt.Fprintf(&all, "%s %q\n", input.Digest, input.Name)
	}
	return &reports.SweepResult{
		Version: Version, Model: simulate.ModelVersion, Sweep: InputOf("", []byte(all.String())).Digest,
		GridRuns: r.Sweep.Runs(), Runs: []reports.SweepRun{},
	}, nil
}

// first says that no run before has the same values: seeds change nothing of what is
// read.
func (r *SweepRunner) first(p SweepPoint) bool {
	return len(r.Sweep.Seeds) < 2 || p.Seed == r.Sweep.Seeds[0]
}

func (r *SweepRunner) path(p SweepPoint) string {
	name := r.Sweep.Scenarios[p.Scenario]
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.Name), name)
}

func (r *SweepRunner) scenario(p SweepPoint) (*Scenario, error) {
	path := r.path(p)
	file := r.files[p.Scenario]
	if file == nil {
		data, err := r.Read(path)
		if err != nil {
			return nil, r.Sweep.whole.At(fmt.Sprintf("scenarios[%d]", p.Scenario), "%v", err)
		}
		if file, err = ReadScenarioFile(path, data); err != nil {
			return nil, err
		}
		file.self = InputOf(filepath.Base(path), data)
		if r.files == nil {
			r.files = make(map[int]*ScenarioFile)
		}
		r.files[p.Scenario] = file
	}
	s, err := r.Sweep.prepare(p, file, path, r.Read)
	if err != nil {
		return nil, err
	}
	s.Inputs = append([]simulate.Input{file.self}, s.Inputs...)
	s.Workers = r.Workers
	return s, nil
}

// Run makes one run. What keeps the run from a result is part of the result; an error
// means that ctx ended, or that the sweep cannot be.
func (r *SweepRunner) Run(ctx context.Context, run int) (*reports.SweepRun, error) {
	p := r.Sweep.Point(run)
	s, err := r.scenario(p)
	if err != nil {
		return nil, err
	}
	made := &reports.SweepRun{Run: run, Scenario: r.Sweep.Scenarios[p.Scenario], Seed: p.Seed, Inputs: s.Inputs, Profile: s.Profile.Name, ProfileDigest: s.Profile.Digest(), Arms: []reports.SweepArm{}}
	for i := range r.Sweep.Parameters {
		made.Parameters = append(made.Parameters, reports.SweepValue{Key: r.Sweep.Parameters[i].Key, Value: r.Sweep.Parameters[i].Values[p.Values[i]]})
	}
	if looked := r.lookedUp(p, s); looked == r.looked {
		s.Inventory = r.inventory
	} else {
		r.looked, r.inventory = looked, nil
	}
	results, err := Run(ctx, s)
	r.inventory = results.Inventory
	if ctx.Err() != nil {
		return nil, fmt.Errorf("run %d of the sweep (%s): %w", run, r.Sweep.Words(p), ctx.Err())
	}
	if err != nil {
		made.Failure = err.Error()
		made.LimitNotMet = errors.Is(err, ErrLimit) && !errors.Is(err, ErrCoverage)
	}
	made.Take(results.Plan, results.Timeline)
	return made, nil
}

// lookedUp says what a run looks up: runs that look the same up have one Inventory.
func (r *SweepRunner) lookedUp(p SweepPoint, s *Scenario) string {
	var words strings.Builder
	fmt.Fprintf(&words, "%d %s %v %v %v %q %v %v %v", p.Scenario, s.Now, s.platform(), s.Platforms, s.poolPlatforms(), s.References(), s.Registries, s.Resolve.Aliases, s.Resolve.PlainHTTP)
	for i := range s.Inputs[1:] { // layer sizes, locks, inventories among them
		fmt.Fprintf(&words, " %s", s.Inputs[1+i].Digest)
	}
	return words.String()
}
