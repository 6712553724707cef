package cachebench_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

const quickstart = "testdata/quickstart/scenario.yaml"

func load(t testing.TB) *cachebench.Scenario {
	t.Helper()
	data, err := os.ReadFile(quickstart)
	if err != nil {
		t.Fatal(err)
	}
	file, err := cachebench.ReadScenarioFile(quickstart, data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := file.Scenario(quickstart, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func runAll(t testing.TB, s *cachebench.Scenario) *cachebench.Results {
	t.Helper()
	r, err := cachebench.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestEmptyWindow: where nothing starts in the window, simulating it is an error, and
// the main job's plan is good all the same and says so.
func TestEmptyWindow(t *testing.T) {
	s := load(t)
	s.Window = 1
	r := runAll(t, s)
	if r.Plan == nil || !slices.ContainsFunc(r.Report.Doubts, func(d string) bool {
		return strings.HasPrefix(d, "Nothing is simulated: no start falls into the window of 1ns")
	}) {
		t.Errorf("plan %v, doubts %q", r.Plan, r.Report.Doubts)
	}
	job, err := s.Cover(r.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := job.Simulate(t.Context(), nil); !errors.Is(err, cachebench.ErrNoStart) {
		t.Errorf("simulated: %v", err)
	}
}

func rendered(t testing.TB, r *reports.Report) string {
	t.Helper()
	var b bytes.Buffer
	for _, format := range reports.Formats() {
		if err := reports.Write(&b, format, r, reports.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestSameBytes: the same seed gives the same bytes in every format, on one core
// and on several; another seed does not.
func TestSameBytes(t *testing.T) {
	was := runtime.GOMAXPROCS(1)
	one := rendered(t, runAll(t, load(t)).Report)
	runtime.GOMAXPROCS(max(2, was))
	two := rendered(t, runAll(t, load(t)).Report)
	runtime.GOMAXPROCS(was)
	if one != two {
		t.Error("one and several cores differ")
	}
	other := load(t)
	other.Seed = 2
	if rendered(t, runAll(t, other).Report) == one {
		t.Error("another seed changes nothing")
	}
}

// TestOrderOfApps: the order in which a workload lists its apps changes no
// app's result.
func TestOrderOfApps(t *testing.T) {
	race.Skip(t)
	s, reversed := load(t), load(t)
	slices.Reverse(reversed.Workload.Apps)
	a, b := runAll(t, s), runAll(t, reversed)
	if a.Plan.SavedSeconds != b.Plan.SavedSeconds || a.Plan.BoundSeconds != b.Plan.BoundSeconds || len(a.Plan.Caches) != len(b.Plan.Caches) {
		t.Errorf("the plan saves %v of %v, reversed %v of %v", a.Plan.SavedSeconds, a.Plan.BoundSeconds, b.Plan.SavedSeconds, b.Plan.BoundSeconds)
	}
	for i := range a.Plan.Caches {
		if a.Plan.Caches[i].Name != b.Plan.Caches[i].Name {
			t.Errorf("cache %d is %s, reversed %s", i, a.Plan.Caches[i].Name, b.Plan.Caches[i].Name)
		}
	}
	byApp := func(r *cachebench.Results) map[string]simulate.Startup {
		m := map[string]simulate.Startup{}
		for _, s := range r.Timeline.Startups {
			m[s.Arm+" "+s.App+" "+s.Requested.String()] = s
		}
		return m
	}
	first, second := byApp(a), byApp(b)
	if len(first) != len(second) {
		t.Fatalf("%d startups, reversed %d", len(first), len(second))
	}
	for key, s := range first {
		if other := second[key]; s.Ready != other.Ready || s.Hit != other.Hit {
			t.Errorf("%s: ready %v %s, reversed %v %s", key, s.Ready, s.Hit, other.Ready, other.Hit)
		}
	}
}

// TestStagesFromFiles: a stage that starts from the saved value of the one
// before gives what Run gives.
func TestStagesFromFiles(t *testing.T) {
	race.Skip(t)
	want := runAll(t, load(t))
	s := load(t)
	s.Registries = nil // nothing is looked up any more
	s.Inventory = again(t, layers.InventoryKind, want.Inventory, layers.Read)
	job, err := s.Cover(s.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	matches, err := job.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, matcher.MatchesKind, matches, want.Matches)
	p, err := job.Plan(t.Context(), again(t, matcher.MatchesKind, matches, matcher.ReadMatches))
	if err != nil {
		t.Fatal(err)
	}
	same(t, plan.Kind, p, want.Plan)
	timeline, err := job.Simulate(t.Context(), again(t, plan.Kind, want.Plan, plan.Read))
	if err != nil {
		t.Fatal(err)
	}
	same(t, simulate.TimelineKind, timeline, want.Timeline)
}

// again is v written and read.
func again[T any](t *testing.T, kind string, v *T, read func(string, []byte) (*T, error)) *T {
	t.Helper()
	data, err := document.Marshal(kind, v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(kind+".json", data)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func same(t *testing.T, kind string, got, want any) {
	t.Helper()
	a, err := document.Marshal(kind, got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := document.Marshal(kind, want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s differs from that of Run", kind)
	}
}

// TestPlanAndSimulationAgree: the plan's estimates for an app that nothing but
// its own image set concerns are near the simulation's mean.
func TestPlanAndSimulationAgree(t *testing.T) {
	race.Skip(t)
	r := runAll(t, load(t))
	for _, a := range r.Plan.Assignments {
		var sum, n float64
		for _, s := range r.Timeline.Startups {
			if s.App == a.App && s.Arm == simulate.ArmCold {
				sum += s.Ready.Seconds()
				n++
			}
		}
		if n == 0 {
			continue
		}
		if simulated, estimated := sum/n, a.ColdSeconds.Seconds(); simulated < 0.99*estimated || simulated > 1.05*estimated {
			t.Errorf("%s cold: estimated %.2f s, simulated %.2f s", a.App, estimated, simulated)
		}
	}
}

// TestCoverage: an app whose image is missing is left out and listed; too little
// coverage is an error that comes with the results.
func TestCoverage(t *testing.T) {
	race.Skip(t)
	s := load(t)
	s.Workload.Apps[0].Images[0] = "registry.example.com/shop/web:gone"
	r, err := cachebench.Run(t.Context(), s)
	if !errors.Is(err, cachebench.ErrCoverage) || r.Report == nil {
		t.Fatalf("err %v, report %v", err, r.Report != nil)
	}
	c := r.Timeline.Coverage
	if c.Apps != 8 || len(c.LeftOut) != 1 || c.LeftOut[0].App != "web" || !strings.Contains(c.LeftOut[0].Reason, "no such repository or tag") {
		t.Errorf("coverage %+v", c)
	}
	s.MinCoverage = 0.5
	if _, err := cachebench.Run(t.Context(), s); err != nil {
		t.Errorf("above the minimum: %v", err)
	}
}

// TestInterrupted: a context that ends stops the job with its error.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := cachebench.Run(ctx, load(t))
	if !errors.Is(err, context.Canceled) || r.Inventory == nil || r.Report != nil {
		t.Errorf("err %v, inventory %v, report %v", err, r.Inventory != nil, r.Report != nil)
	}
}

// TestScenarioErrors: what is wrong in a scenario's files is told with file and
// line.
func TestScenarioErrors(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, file, content, want string }{
		{"unknown key", "scenario.yaml", "budgetPerMont: 3\n", "scenario.yaml:3: budgetPerMont: unknown key; did you mean budgetPerMonth?"},
		{"negative budget", "scenario.yaml", "budgetPerMonth: -3\n", "scenario.yaml:3: budgetPerMonth: a budget of -3 cannot be"},
		{"a quota of none", "scenario.yaml", "quota: 0\n", "scenario.yaml:3: quota: a quota of 0 cannot be: give at least 1"},
		{"unknown policy", "scenario.yaml", "policies: {size: huge}\n", `scenario.yaml:3: policies: policy size: "huge" is neither closest nor matched-bytes`},
		{"unknown profile", "scenario.yaml", "profile: k8s\n", `no built-in profile is called "k8s"; there are containerd, containerd-1, docker, eci, eci-calls, eci-virtual-nodes`},
		{"missing file", "scenario.yaml", "workload: w.yaml\n", "w.yaml: no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(dir, test.file)
			content := "apiVersion: cachebench/v1\nkind: Scenario\n" + test.content
			file, err := cachebench.ReadScenarioFile(name, []byte(content))
			if err == nil {
				_, err = file.Scenario(name, os.ReadFile)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// Without releases the automatic baseline is better than it is in truth: that is said, once.
func TestReleaseDoubt(t *testing.T) {
	for _, test := range []struct {
		releases float64
		baseline string
		want     int
	}{{0, plan.Automatic, 1}, {1, plan.Automatic, 0}, {0, plan.Cold, 0}} {
		s := load(t)
		s.Baseline = test.baseline
		for i := range s.Workload.Apps {
			s.Workload.Apps[i].ReleasesPerMonth = 0
		}
		s.Workload.Apps[0].ReleasesPerMonth = test.releases
		r, err := cachebench.Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, doubt := range r.Report.Doubts {
			got += strings.Count(doubt, "releasesPerMonth")
		}
		if got != test.want {
			t.Errorf("%v releases on baseline %s: %d doubts name releasesPerMonth, want %d: %q", test.releases, test.baseline, got, test.want, r.Report.Doubts)
		}
	}
}
