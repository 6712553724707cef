package reports

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// BenchSweep has an app's startups in an arm of one run of a sweep, those of all apps, or
// the run's plan.
const BenchSweep = "Sweep"

// The units of sweeps that no other result has.
const (
	unitSlowest = "startup-slowest-sec"
	unitFetched = "fetched-B"
)

// sweepBench writes a sweep: of each run a line for each arm, of all apps and of each, and
// one for its plan. The names have the scenario, the parameters' values and the seed. A run
// without a result has no line.
type sweepBench struct {
	head   *SweepResult
	units  map[string]bool
	inputs map[simulate.Input]bool
	text   benchText
	made   int
	doubts []string
	failed int
	// unread says that a run has layers that could not be read.
	unread bool
}

func (s *sweepBench) begin() ([]byte, error) {
	s.units, s.inputs = make(map[string]bool), make(map[simulate.Input]bool)
	var b bytes.Buffer
	if s.head.Version != "" {
		fmt.Fprintf(&b, "# cachebench-version %s\n", oneLine(s.head.Version))
	}
	return b.Bytes(), nil
}

func (s *sweepBench) run(r *SweepRun) ([]byte, error) {
	s.made++
	if r.Failed() {
		if s.failed++; len(s.doubts) < mostSweepFailures {
			s.doubts = append(s.doubts, fmt.Sprintf("Run %d (%s) has no whole result: %s", r.Run, r.point(), r.Failure))
		}
	}
	if r.UnreadLayers > 0 && !s.unread {
		s.unread = true
		s.text.incomparable(fmt.Sprintf("%s of the images of run %d could not be read", count(r.UnreadLayers, "layer"), r.Run))
	}
	for _, input := range r.Inputs {
		if !s.inputs[input] {
			s.inputs[input] = true
			fmt.Fprintf(&s.text, "# input %s %s\n", oneLine(string(input.Digest)), oneLine(input.Name))
		}
	}
	for _, l := range s.lines(r) {
		for _, v := range l.Values {
			if !s.units[v.Unit] {
				s.units[v.Unit] = true
				s.text.units([]string{v.Unit})
			}
		}
		s.text.set(l.Config)
		s.text.result(l)
	}
	data := bytes.Clone(s.text.Bytes())
	s.text.Reset()
	return data, nil
}

// lines are those of a run.
func (s *sweepBench) lines(r *SweepRun) []BenchLine {
	config := map[string]string{BenchSource: simulate.Simulated, BenchProfile: r.Profile, BenchProfileDigest: short(r.ProfileDigest), BenchWorkloadDigest: short(r.WorkloadDigest), BenchPlatform: r.Platform}
	if r.CoverageFraction != nil {
		config[BenchCoverage] = exact(*r.CoverageFraction)
	}
	if s.head.Model != 0 {
		config[BenchModel] = fmt.Sprint(s.head.Model)
	}
	keys := []string{"scenario", r.Scenario}
	for _, p := range r.Parameters {
		keys = append(keys, p.Key, p.Value)
	}
	keys = append(keys, "seed", fmt.Sprint(r.Seed))
	var list []BenchLine
	for i := range r.Arms {
		a := &r.Arms[i]
		list = append(list, BenchLine{Config: config, Name: BenchSweep, Keys: slices.Concat(keys, []string{"app", a.App, "arm", a.Arm}), Starts: int(max(1, a.Starts)), Values: a.bench()})
	}
	if p := r.Plan; p != nil {
		planned := maps.Clone(config)
		planned[BenchSource] = simulate.Estimated
		list = append(list, BenchLine{Config: planned, Name: BenchSweep, Keys: slices.Concat(keys, []string{"arm", armPlanned}), Starts: 1, Values: p.bench()})
	}
	return list
}

// bench are the figures of an arm's startups.
func (a *SweepArm) bench() []BenchValue {
	var values []BenchValue
	add := func(v *simulate.Statistic, unit string) {
		values = append(values, BenchValue{v.Value, unit})
	}
	add(&a.P50, UnitStartup)
	add(&a.P90, "startup-p90-sec")
	add(&a.P99, UnitStartupP99)
	add(&a.Mean, UnitMean)
	add(&a.Slowest, unitSlowest)
	if a.App == "" {
		add(&a.Makespan, "makespan-sec")
	}
	add(&a.Fetched, unitFetched)
	if n := a.Hits.Value + a.Partials.Value + a.Misses.Value; n > 0 {
		values = append(values, BenchValue{a.Hits.Value / n, unitHit}, BenchValue{a.Partials.Value / n, unitPartial}, BenchValue{a.Misses.Value / n, unitMiss})
	}
	return values
}

// bench are the figures of a run's plan.
func (p *SweepPlan) bench() []BenchValue {
	values := []BenchValue{{p.Saved.Seconds(), unitSaved}, {float64(p.Caches), unitBuilt}}
	if p.Bill != nil && p.Bill.Currency != "" {
		values = append(values, BenchValue{p.Bill.Amount, moneyCost + "-" + p.Bill.Currency})
	}
	if p.NetSaved != nil && p.NetSaved.Currency != "" && !math.IsNaN(p.NetSaved.Amount) {
		values = append(values, BenchValue{p.NetSaved.Amount, moneyNet + "-" + p.NetSaved.Currency})
	}
	return values
}

func (s *sweepBench) end() ([]byte, error) {
	var b bytes.Buffer
	doubt := func(text string) { fmt.Fprintf(&b, "# doubt %s\n", oneLine(text)) }
	if s.head.Shard != nil {
		doubt(fmt.Sprintf("This is shard %d of %d, counted from 0, and not the whole sweep.", s.head.Shard.Index, s.head.Shard.Of))
	}
	if from, to := s.head.Shard.Range(s.head.GridRuns); s.made < to-from {
		doubt(fmt.Sprintf("The sweep was interrupted: %d of %s are made.", s.made, count(to-from, "run")))
	}
	for _, text := range s.doubts {
		doubt(text)
	}
	if rest := s.failed - len(s.doubts); rest > 0 {
		doubt(fmt.Sprintf("%s more without a whole result.", count(rest, "run")))
	}
	return b.Bytes(), nil
}

// point is the combination of a run with its seed, for people.
func (r *SweepRun) point() string {
	return r.combination() + fmt.Sprintf(" seed=%d", r.Seed)
}
