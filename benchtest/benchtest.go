// Package benchtest reports how long containers take to start, in a team's own
// go test: as benchmarks that benchstat compares, and as a test that fails when an
// app is over its budget.
//
// What is benchmarked is a scenario: a file that names a Workload of apps, a
// committed Inventory of their images (cachebench analyze --save), a profile and
// whatever else cachebench run takes. From it every start is simulated in virtual
// time, once, however often and long go test is told to run a benchmark. So the
// values are exact: equal on any machine, with any -count, -cpu and -benchtime, and
// nothing is asked of a network. They say what the image costs; how fast the
// program in it starts is a matter of measuring.
//
// The package does not measure, looks no image up, and compiles neither a cloud's
// SDK nor containerd's client.
//
// Use, in a file of tests beside testdata/scenario.yaml:
//
//	func BenchmarkStartup(b *testing.B) {
//		benchtest.Startup(b, benchtest.Load(b, "testdata/scenario.yaml"))
//	}
//
//	func TestStartupBudget(t *testing.T) {
//		benchtest.Check(t, benchtest.Load(t, "testdata/scenario.yaml"))
//	}
//
// and then
//
//	go test -run '^$' -bench Startup -benchtime 1x
package benchtest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// Load reads a scenario file, from the directory of the package that is tested, and
// the files that it names, from its own. Fields of what it returns may be changed
// before it is benchmarked. Where a file is wrong, or would have images looked up, the
// test ends, with the file and line.
func Load(tb testing.TB, file string) *cachebench.Scenario {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatalf("read the scenario: %v", err)
	}
	f, err := cachebench.ReadScenarioFile(file, data)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := f.Scenario(file, os.ReadFile)
	if err != nil {
		tb.Fatal(err)
	}
	if s.Inventory == nil {
		tb.Fatalf("%s names no inventory, so its images would be looked up: cachebench analyze --scenario %s --save inventory.json, commit that file and name it as inventory: inventory.json", file, file)
	}
	s.Inputs = slices.Insert(s.Inputs, 0, cachebench.InputOf(filepath.Base(file), data))
	return s
}

// run does the main job of a scenario that needs no network. Whatever is missing of an
// app ends the test: a figure that is left out would not be missed.
func run(tb testing.TB, s *cachebench.Scenario) (*cachebench.Scenario, *cachebench.Results) {
	tb.Helper()
	switch {
	case s == nil || s.Profile == nil:
		tb.Fatal("the scenario has no profile: take one from Load")
	case s.Inventory == nil:
		tb.Fatal("the scenario has no inventory, and no image is looked up here: cachebench analyze --save writes one")
	}
	whole := *s
	if whole.Platform == "" {
		whole.Platform = layers.DefaultPlatform
	}
	if whole.Now.IsZero() {
		// The clock would change which caches have expired.
		whole.Now = s.Inventory.ResolvedAt
	}
	if len(whole.Arms) == 0 {
		whole.Arms = arms(&whole)
	}
	results, err := cachebench.Run(tb.Context(), &whole)
	if err != nil {
		tb.Fatal(err)
	}
	return &whole, results
}

// arms are those that differ: all find nothing in arm cold, and what they can in the
// others, which are cached for instances of their own and warm for node pools.
func arms(s *cachebench.Scenario) []string {
	own, pooled := false, false
	if s.Workload != nil {
		own = slices.ContainsFunc(s.Workload.Apps, func(a workload.App) bool { return a.NodePool == "" })
		pooled = slices.ContainsFunc(s.Workload.Apps, func(a workload.App) bool { return a.NodePool != "" })
	}
	if s.Trace != nil {
		// Nodes that a trace names begin with nothing in every arm.
		own, pooled = slices.ContainsFunc(s.Trace.Starts, func(start workload.TraceStart) bool { return start.Node == "" }), false
	}
	list := []string{simulate.ArmCold}
	if pooled {
		list = append(list, simulate.ArmWarm)
	}
	if own {
		list = append(list, simulate.ArmCached)
	}
	return list
}

// armsOf are the arms of an app. Without image caches, what starts on a node pool find
// is in arm warm, unless the scenario asks for others.
func armsOf(app *workload.App, given, all []string) []string {
	if len(given) > 0 || app == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(arm string) bool {
		return arm == simulate.ArmCached && app.NodePool != "" || arm == simulate.ArmWarm && app.NodePool == ""
	})
}

// Check fails the test when an app is over a limit of the scenario's budget, and when
// the figure that a limit is of is not known; it shows every limit with the value and
// what is left. A scenario without a budget fails too. Under go test -v they are shown
// of a test that passes.
func Check(tb testing.TB, s *cachebench.Scenario) {
	tb.Helper()
	whole, results := run(tb, s)
	gate, err := results.CheckBudget(whole)
	if err != nil {
		tb.Fatal(err)
	}
	if err := gate.Err(); err != nil {
		tb.Errorf("%v\n%s", err, reports.GateText(gate))
		return
	}
	tb.Logf("every budget is kept\n%s", reports.GateText(gate))
}

// apps are those that start, in the order of the file: of a trace, which may say of an
// app what it needs by itself, or of the workload, of which bursts may name some.
func apps(s *cachebench.Scenario) (names []string, known map[string]*workload.App) {
	known = make(map[string]*workload.App)
	if s.Workload != nil {
		for i := range s.Workload.Apps {
			app := &s.Workload.Apps[i]
			names, known[app.Name] = append(names, app.Name), app
		}
	}
	if s.Trace == nil && len(s.Bursts) > 0 {
		// They take the place of all other starts.
		return slices.DeleteFunc(names, func(app string) bool {
			return !slices.ContainsFunc(s.Bursts, func(b cachebench.StartBurst) bool { return b.App == app })
		}), known
	}
	if s.Trace == nil {
		return names, known
	}
	names = nil
	for i := range s.Trace.Starts {
		if app := s.Trace.Starts[i].App; !slices.Contains(names, app) {
			names = append(names, app)
		}
	}
	return names, known
}

// summaries are those of each app and arm. Given are the arms that the scenario asks for.
func summaries(tb testing.TB, given []string, s *cachebench.Scenario, results *cachebench.Results) [][]*reports.Summary {
	tb.Helper()
	var list [][]*reports.Summary
	var missing error
	names, known := apps(s)
	for _, name := range names {
		var its []*reports.Summary
		for _, arm := range armsOf(known[name], given, s.Arms) {
			summary, err := results.Startups(name, arm)
			if err != nil && (missing == nil || !strings.Contains(missing.Error(), err.Error())) { // arms may say the same
				missing = errors.Join(missing, err)
			}
			its = append(its, summary)
		}
		list = append(list, its)
	}
	if missing != nil {
		tb.Fatal(missing)
	}
	return list
}
