package cachebench_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench"
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
	if testing.Short() {
		t.Skip("a million starts take some seconds")
	}
	s.NoStartups, s.Repeats = true, 80
	timeline, err := job.Simulate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := timeline.Summaries[0]; all.Starts*int64(all.Repeats) <= cachebench.MaxStartups {
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

// TestStartsDrawnAnew: starts that come at random do so anew in each repeat, the
// same in all arms; those of a burst stay. The first repeat is that of one alone,
// and the number of workers changes nothing.
func TestStartsDrawnAnew(t *testing.T) {
	type start struct {
		app string
		at  time.Duration
	}
	// starts are those of each arm and repeat, of startups in any order.
	starts := func(timeline *simulate.Timeline) map[string]map[start]int {
		all := make(map[string]map[start]int)
		for _, s := range timeline.Startups {
			key := fmt.Sprint(s.Arm, " ", s.Repeat)
			if all[key] == nil {
				all[key] = make(map[start]int)
			}
			all[key][start{s.App, s.Requested}]++
		}
		return all
	}
	s := noisy(t)
	s.Profile = instant()
	several := runAll(t, s).Timeline
	got := starts(several)
	if len(got) != 15 {
		t.Fatalf("%d arms and repeats", len(got))
	}
	for r := range 5 {
		for _, arm := range []string{simulate.ArmAutomatic, simulate.ArmCached} {
			if diff := cmp.Diff(got[fmt.Sprint("cold ", r)], got[fmt.Sprint(arm, " ", r)], cmp.AllowUnexported(start{})); diff != "" {
				t.Errorf("repeat %d, -cold +%s:\n%s", r, arm, diff)
			}
		}
		for q := range r {
			if cmp.Equal(got[fmt.Sprint("cold ", r)], got[fmt.Sprint("cold ", q)], cmp.AllowUnexported(start{})) {
				t.Errorf("repeats %d and %d have the same starts", q, r)
			}
		}
	}
	if all := several.Summaries[0]; all.Misses.Low == nil || *all.Misses.Low >= *all.Misses.High || all.Total() != int64(len(several.Startups)/3) {
		t.Errorf("summary %+v of %d startups", all, len(several.Startups))
	}
	one := noisy(t)
	one.Profile, one.Repeats = instant(), 1
	if diff := cmp.Diff(starts(runAll(t, one).Timeline)["cold 0"], got["cold 0"], cmp.AllowUnexported(start{})); diff != "" {
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
		for k, got := range starts(burst) {
			if len(got) != 7 {
				t.Errorf("%s: %d times of a burst of 7", k, len(got))
			}
		}
		if all := burst.Summaries[0]; all.Starts != 7 || all.AllStarts != 0 {
			t.Errorf("listed %v: %d starts, %d in all, of bursts of 7", !none, all.Starts, all.AllStarts)
		}
	}
}
