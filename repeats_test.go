package cachebench_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
	"github.com/cachebench/cachebench/workload"
)

// noisy is the quickstart on a profile that draws, five times over.
func noisy(t testing.TB) *cachebench.Scenario {
	s := load(t)
	s.Profile = simulate.ECI()
	s.Profile.Start.Provision = simulate.Parameter[time.Duration]{Distribution: "lognormal", Median: 8 * time.Second, Sigma: 0.3}
	s.Repeats, s.Window, s.Observe = 5, 6*time.Hour, true
	return s
}

// TestNoStartups: without the list, the timeline says the same of its repeats, and
// the report has the same tables and curves within the stated error.
func TestNoStartups(t *testing.T) {
	race.Skip(t)
	with := runAll(t, noisy(t))
	s := noisy(t)
	s.NoStartups = true
	without := runAll(t, s)
	if len(without.Timeline.Startups) != 0 || len(with.Timeline.Startups) == 0 {
		t.Fatalf("%d startups with the list, %d without", len(with.Timeline.Startups), len(without.Timeline.Startups))
	}
	summaries := without.Timeline.Summaries
	for i := range summaries {
		if (summaries[i].ReadyTimes != nil) != (summaries[i].App == "") {
			t.Errorf("summary of app %q: sketch %v", summaries[i].App, summaries[i].ReadyTimes)
		}
		summaries[i].ReadyTimes = nil
	}
	for name, pair := range map[string][2]any{
		"summaries":    {with.Timeline.Summaries, summaries},
		"differences":  {with.Timeline.Differences, without.Timeline.Differences},
		"observations": {with.Timeline.Observations, without.Timeline.Observations},
		"doubts":       {with.Timeline.Doubts, without.Timeline.Doubts},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s, -with +without a list:\n%s", name, diff)
		}
	}
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if math.Abs(float64(got-want)) > sketch.RelativeError*float64(want)+1 {
			t.Errorf("%s is %v without a list, %v with it", what, got, want)
		}
	}
	for i, want := range with.Report.Arms {
		got := without.Report.Arms[i]
		if got.Arm != want.Arm || got.Starts != want.Starts || got.Hits != want.Hits || got.Misses != want.Misses || got.MeanFetchedBytes != want.MeanFetchedBytes || got.Slowest != want.Slowest {
			t.Errorf("got %+v, want %+v", got, want)
		}
		near("p50", got.P50, want.P50)
		near("p99", got.P99, want.P99)
		near("mean", got.Mean, want.Mean)
		for _, q := range []float64{0.1, 0.5, 0.9, 0.99, 1} {
			near(fmt.Sprint("the curve at ", q), without.Report.Distributions[i].Quantile(q), with.Report.Distributions[i].Quantile(q))
		}
	}
	if len(with.Report.Summaries) != len(without.Report.Summaries) {
		t.Errorf("%d summaries with the list, %d without", len(with.Report.Summaries), len(without.Report.Summaries))
	}
}

// TestListBound: what is too much to list is simulated without a list.
func TestListBound(t *testing.T) {
	s := noisy(t)
	s.Repeats, s.Window, s.Observe, s.Arms = 700, 30*24*time.Hour, false, []string{simulate.ArmCold}
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := job.Simulate(t.Context(), nil); !errors.Is(err, cachebench.ErrTooMuch) {
		t.Errorf("with a list: %v", err)
	}
	s.NoStartups, s.Repeats = true, 80
	if race.Enabled || testing.Short() {
		s.Repeats = 2 // a million starts take minutes with the race detector
	}
	timeline, err := job.Simulate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all := timeline.Summaries[0]
	if all.Repeats != s.Repeats {
		t.Errorf("%d repeats, want %d", all.Repeats, s.Repeats)
	}
	if s.Repeats == 80 && all.Starts*int64(all.Repeats) <= cachebench.MaxStartups {
		t.Errorf("only %d starts, %d times", all.Starts, all.Repeats)
	}
}

// TestTraceWithoutList: a trace that is not in order of time gives the same with
// and without a list.
func TestTraceWithoutList(t *testing.T) {
	var list []*simulate.Timeline
	for _, none := range []bool{false, true} {
		s := noisy(t)
		s.NoStartups = none
		images := s.Workload.Apps[0].Images
		s.Trace = &workload.Trace{Starts: []workload.TraceStart{
			{At: 2 * time.Second, App: "b", Images: images, Count: 3}, {At: 2 * time.Second, App: "a", Images: images, Count: 2, Node: "n"},
		}}
		inv, err := s.Analyze(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		timeline, err := s.SimulateTrace(t.Context(), inv, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range timeline.Summaries {
			timeline.Summaries[i].ReadyTimes = nil
		}
		list = append(list, timeline)
	}
	if diff := cmp.Diff(list[0].Summaries, list[1].Summaries); diff != "" {
		t.Errorf("-with +without a list:\n%s", diff)
	}
}

// startOf is a start's app and time.
type startOf struct {
	app string
	at  time.Duration
}

// startsOf counts the starts of each arm and repeat.
func startsOf(timeline *simulate.Timeline) map[string]map[startOf]int {
	all := make(map[string]map[startOf]int)
	for _, s := range timeline.Startups {
		key := fmt.Sprint(s.Arm, " ", s.Repeat)
		if all[key] == nil {
			all[key] = make(map[startOf]int)
		}
		all[key][startOf{s.App, s.Requested}]++
	}
	return all
}

// checkDrawnAnew: the arms have the same starts in each repeat, and no two repeats
// do.
func checkDrawnAnew(t *testing.T, starts map[string]map[startOf]int, repeats int, arms ...string) {
	t.Helper()
	if len(starts) != repeats*(1+len(arms)) {
		t.Fatalf("%d arms and repeats", len(starts))
	}
	for r := range repeats {
		cold := starts[fmt.Sprint("cold ", r)]
		for _, arm := range arms {
			if diff := cmp.Diff(cold, starts[fmt.Sprint(arm, " ", r)], cmp.AllowUnexported(startOf{})); diff != "" {
				t.Errorf("repeat %d, -cold +%s:\n%s", r, arm, diff)
			}
		}
		for q := range r {
			if maps.Equal(cold, starts[fmt.Sprint("cold ", q)]) {
				t.Errorf("repeats %d and %d have the same starts", q, r)
			}
		}
	}
}

// TestStartsDrawnAnew: starts that come at random do so anew in each repeat, the
// same in all arms; those of a burst stay. The first repeat is that of one alone,
// and the number of workers changes nothing.
func TestStartsDrawnAnew(t *testing.T) {
	race.Skip(t)
	s := noisy(t)
	s.Profile = instant()
	several := runAll(t, s).Timeline
	got := startsOf(several)
	checkDrawnAnew(t, got, 5, simulate.ArmAutomatic, simulate.ArmCached)
	if all := several.Summaries[0]; all.Misses.Low == nil || *all.Misses.Low >= *all.Misses.High || all.Total() != int64(len(several.Startups)/3) {
		t.Errorf("summary %+v of %d startups", all, len(several.Startups))
	}
	one := noisy(t)
	one.Profile, one.Repeats = instant(), 1
	if diff := cmp.Diff(startsOf(runAll(t, one).Timeline)["cold 0"], got["cold 0"], cmp.AllowUnexported(startOf{})); diff != "" {
		t.Errorf("-alone +first of five:\n%s", diff)
	}
	s = noisy(t)
	s.Profile, s.Workers = instant(), 3
	if diff := cmp.Diff(several, runAll(t, s).Timeline); diff != "" {
		t.Errorf("-all workers +three:\n%s", diff)
	}
	for _, none := range []bool{false, true} {
		s = noisy(t)
		s.NoStartups, s.Bursts = none, []cachebench.StartBurst{{App: "web", Count: 7, Within: time.Minute}}
		burst := runAll(t, s).Timeline
		for k, got := range startsOf(burst) {
			if len(got) != 7 {
				t.Errorf("%s: %d times of a burst of 7", k, len(got))
			}
		}
		if all := burst.Summaries[0]; all.Starts != 7 || all.AllStarts != 0 {
			t.Errorf("listed %v: %d starts, %d in all, of bursts of 7", !none, all.Starts, all.AllStarts)
		}
	}
}

// TestPoolsDrawnAnew: so do starts on node pools, where each repeat has releases,
// and so images, of its own.
func TestPoolsDrawnAnew(t *testing.T) {
	s := noisy(t)
	for i := range s.Workload.Apps {
		s.Workload.Apps[i].NodePool = "work"
	}
	s.Workload.NodePools = []workload.NodePool{{Name: "work", Platform: "linux/amd64", Count: 3}}
	s.Profile, s.Repeats, s.Window = instant(), 3, 48*time.Hour
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	timeline, err := job.Simulate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkDrawnAnew(t, startsOf(timeline), 3, simulate.ArmWarm)
}

// TestNeverPulled: starts of an app that never pulls and finds no cache are void,
// and the report counts them, with a list of startups and without.
func TestNeverPulled(t *testing.T) {
	for _, none := range []bool{false, true} {
		s := load(t)
		s.NoStartups, s.Arms = none, []string{simulate.ArmCold}
		web := &s.Workload.Apps[0]
		web.PullPolicy = "Never"
		r := runAll(t, s)
		starts := 0
		for _, e := range s.Workload.Events(s.Seed, -workload.Month, workload.Month) {
			if e.App == 0 && !e.Release && e.At >= 0 && e.At < s.Window {
				starts++
			}
		}
		all := strings.Join(r.Report.Doubts, "\n")
		if want := fmt.Sprintf("%d startups void and not counted: app web has pull policy Never, and %s is not there", starts, web.Images[0]); starts == 0 || !strings.Contains(all, want) {
			t.Errorf("doubts lack %q:\n%s", want, all)
		}
		if strings.Contains(all, "no start falls into the window") {
			t.Errorf("an app whose starts are void has none:\n%s", all)
		}
		for _, sum := range r.Timeline.Summaries {
			if sum.App == "web" {
				t.Errorf("void starts are counted: %+v", sum)
			}
		}
	}
}
