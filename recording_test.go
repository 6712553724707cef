package cachebench_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// plain is a profile on which a start that finds nothing takes a second for 10 MB of its
// images, and one that finds a cache takes 5 s.
func plain(t *testing.T) *simulate.Profile {
	t.Helper()
	p, err := simulate.ReadProfile("plain.yaml", []byte(`
apiVersion: cachebench/v1
kind: Profile
name: plain
base: eci
network: {roundTripSeconds: 0, requestSeconds: 0, registryBytesPerSecond: unlimited, uplinkBytesPerSecond: unlimited, nodeBytesPerSecond: 10MB/s, connectionBytesPerSecond: unlimited, goodputFraction: 1, registryRequestsPerSecond: unlimited, errorFraction: 0}
unpack: {gzipBytesPerSecond: unlimited, zstdBytesPerSecond: unlimited, diskBytesPerSecond: unlimited, layerSeconds: 0, fileSeconds: 0}
start: {admitPerSecond: unlimited, provisionSeconds: 0, createSeconds: 0, readySeconds: 0}
cache: {attachSeconds: 5, readFraction: 0, buildSeconds: 60}
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// line is a start of app k of made, in whole hours.
func line(hour float64, app int, count int) workload.TraceStart {
	return workload.TraceStart{
		At: time.Duration(hour * float64(time.Hour)), App: fmt.Sprint("app", app), Count: count,
		Images: []string{fmt.Sprintf("registry.example.com/team/app%d:1", app)},
	}
}

// traceScenario plans for a trace, for the most time whatever it costs.
func traceScenario(t *testing.T, starts ...workload.TraceStart) *cachebench.Scenario {
	s := load(t)
	s.Workload, s.Caches, s.Trace = nil, nil, &workload.Trace{Name: "t.csv", Starts: starts}
	s.Assume = cachebench.Assumed{Runtime: time.Minute, CPU: 1, MemoryGiB: 2}
	s.Profile, s.Baseline, s.BudgetPerMonth, s.WorthPerHour = plain(t), plan.Cold, 1e6, 0
	return s
}

// app0 has 1000 MB and takes 100 s cold, app1 500 MB and 50 s, app2 200 MB and 20 s; 5 s
// each with a cache, which so saves 95, 45 and 15 s. In the first 7 of 10 hours app0 starts
// 6 times and app1 4 times, in the last 3 app0 once and app2 3 times.
//
// Cold baseline: the plan on the first part has app0 and app1, and counts on
// (6·95 + 4·45) / 10 = 75 s a start. Of the 4 starts of the rest it serves one: 95 / 4 =
// 23.75 s. The best there has app0 and app2: (95 + 3·15) / 4 = 35 s.
//
// Automatic baseline: what the first part starts has its automatic cache from the round
// ahead of it, so that there is nothing to save, and app0 finds its own later too. The first
// start of app2 has none, the others have: the best plan saves that one's 15 s, 15 / 4 =
// 3.75 s.
func TestHoldOutTrace(t *testing.T) {
	inv := made("linux/amd64", 970, 470, 170)
	starts := []workload.TraceStart{
		line(0, 0, 1), line(0, 1, 1), line(1, 0, 2), line(2, 1, 3), line(5, 0, 3),
		line(8, 2, 1), line(9, 0, 1), line(9.5, 2, 1), line(9.9, 2, 1),
	}
	for _, test := range []struct {
		baseline              string
		planned, actual, best time.Duration
	}{
		{plan.Cold, 75 * time.Second, 23750 * time.Millisecond, 35 * time.Second},
		{plan.Automatic, 0, 0, 3750 * time.Millisecond},
	} {
		s := traceScenario(t, starts...)
		s.Baseline, s.TraceSpan, s.PlanOptions.HoldOutFraction = test.baseline, 10*time.Hour, 0.3
		p, err := planOn(t, s, inv)
		if err != nil {
			t.Fatal(err)
		}
		h := p.HeldOut[0]
		for _, x := range []struct {
			what      string
			got, want time.Duration
		}{{"planned", h.PlannedSaved, test.planned}, {"actual", h.ActualSaved, test.actual}, {"best", *h.BestSaved, test.best}, {"after", *h.After, 7 * time.Hour}, {"for", *h.For, 3 * time.Hour}} {
			if (x.got - x.want).Abs() > time.Millisecond {
				t.Errorf("%s: %s %v, want %v", test.baseline, x.what, x.got, x.want)
			}
		}
		if h.Starts != 4 || !slices.Equal(h.NewApps, []plan.NewApp{{App: "app2", Starts: 3}}) || !slices.Equal(h.GoneApps, []string{"app1"}) {
			t.Errorf("%s: %+v", test.baseline, h)
		}
		// 72 times 10 h are 30 days: app0 starts 7 · 72 times a month.
		if a := p.Assignments[0]; a.App != "app0" || math.Abs(a.StartsPerMonth-504) > 1e-6 {
			t.Errorf("%s: %+v", test.baseline, a)
		}
	}
}

// app0 starts twice an hour for 7 hours, and 40 times an hour for 3: 9,600 a day. Its cache of
// 20 GiB, planned at 1,440 a month, has a disk for 28,800 there, each for the 60 s of a run
// (the 5 s of its start come before instances are paid), and is stored and built once: that is the bill, above a budget
// that pays for the 9,648 of the whole trace's month. What its starts no longer pay for are the 100 s of a pull.
func TestHoldOutBill(t *testing.T) {
	var starts []workload.TraceStart
	for hour := range 10 {
		n := 2
		if hour >= 7 {
			n = 40
		}
		starts = append(starts, line(float64(hour), 0, n))
	}
	s := traceScenario(t, starts...)
	s.TraceSpan, s.PlanOptions.HoldOutFraction = 10*time.Hour, 0.3
	disk, err := s.Prices.Use(20, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.BudgetPerMonth = 12_000*disk.Amount + 1
	p, err := planOn(t, s, made("linux/amd64", 970))
	if err != nil {
		t.Fatal(err)
	}
	instance, err := s.Prices.Instance(1, 2, 100*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	h, fixed := p.HeldOut[0], p.Caches[0].Cost.Build.Amount+p.Caches[0].Cost.Keep.Amount
	bill := 28800*disk.Amount + fixed
	if p.Caches[0].SizeGiB != 20 || math.Abs(h.CostPerMonth.Amount-bill) > 1e-3*bill || h.CostPerMonth.Amount <= s.BudgetPerMonth {
		t.Errorf("costs %v, want %v; a budget of %v", h.CostPerMonth, bill, s.BudgetPerMonth)
	}
	if net := 28800*instance.Amount - bill; math.Abs(h.NetSavedPerMonth.Amount-net) > 1e-3*bill {
		t.Errorf("net saved %v, want %v", h.NetSavedPerMonth, net)
	}
}

// An explicit plan on the first 7 of 10 hours names a cache for app0. In the last 3 app0
// starts once, and app twin, which has its image, 3 times: twin is new and names none, so
// that of the 4 starts one saves 95 s, 23.75 s a start; by ECI's matching all save 95 s.
func TestHoldOutExplicit(t *testing.T) {
	inv := made("linux/amd64", 970)
	twin := line(9, 0, 3)
	twin.App = "twin"
	for assign, want := range map[string]time.Duration{plan.Explicit: 23750 * time.Millisecond, plan.Auto: 95 * time.Second} {
		s := traceScenario(t, line(0, 0, 1), line(1, 0, 3), line(8, 0, 1), twin)
		s.Assign, s.TraceSpan, s.PlanOptions.HoldOutFraction = assign, 10*time.Hour, 0.3
		p, err := planOn(t, s, inv)
		if err != nil {
			t.Fatal(err)
		}
		h := p.HeldOut[0]
		if (h.ActualSaved-want).Abs() > time.Millisecond || (*h.BestSaved-95*time.Second).Abs() > time.Millisecond {
			t.Errorf("%s: saves %v, want %v; the best %v", assign, h.ActualSaved, want, *h.BestSaved)
		}
	}
}

// What comes later is another app where it has other images, and is told so.
func TestHoldOutOtherImages(t *testing.T) {
	inv := made("linux/amd64", 970, 470)
	later := line(9, 1, 2)
	later.App = "app0"
	s := traceScenario(t, line(0, 0, 1), line(5, 0, 1), later)
	s.PlanOptions.HoldOutFraction = 0.3
	p, err := planOn(t, s, inv)
	if err != nil {
		t.Fatal(err)
	}
	if want := []plan.NewApp{{App: "app0 [app1:1]", Starts: 2, OtherImages: true}}; !slices.Equal(p.HeldOut[0].NewApps, want) {
		t.Errorf("%+v", p.HeldOut[0].NewApps)
	}
	if p.Assignments[0].App != "app0 [app0:1]" || !slices.ContainsFunc(p.Recorded.Notes, func(n string) bool { return strings.Contains(n, "several sets of images") }) {
		t.Errorf("%+v, notes %q", p.Assignments, p.Recorded.Notes)
	}
}

// Apps of one name are told apart by what they do not have in common; where that is the same,
// by all of their images in order, and where references differ in the registry alone, by a
// number.
func TestTraceAppNames(t *testing.T) {
	inv := made("linux/amd64", 100, 200, 300)
	mirror := inv.Images[0]
	mirror.Reference = "mirror.example.com/team/app0:1"
	pinned := inv.Images[1]
	pinned.Reference = "registry.example.com/team/app1@" + string(pinned.Digest)
	inv.Images = append(inv.Images, mirror, pinned)
	of := func(hour float64, images ...int) workload.TraceStart {
		x := workload.TraceStart{At: time.Duration(hour * float64(time.Hour)), App: "web", Count: 1}
		for _, i := range images {
			x.Images = append(x.Images, inv.Images[i].Reference)
		}
		return x
	}
	s := traceScenario(t, of(0, 0, 2), of(1, 3, 2), of(2, 2, 0), of(3, 4, 2), of(4, 0, 2), line(5, 1, 1))
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range job.Workload.Apps {
		names = append(names, a.Name)
	}
	want := []string{"web [app0:1 app2:1]", "web [app0:1 app2:1 #2]", "web [app2:1 app0:1]", "web [app1@" + string(pinned.Digest)[:19] + "]", "app1"}
	if !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	// simulate has them too, so that each start names the cache that the plan gives it.
	s.Assign, s.Arms = plan.Explicit, []string{simulate.ArmCached}
	p, err := planOn(t, s, inv)
	if err != nil {
		t.Fatal(err)
	}
	timeline, err := s.SimulateTrace(t.Context(), inv, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range timeline.Startups {
		i := slices.IndexFunc(p.Assignments, func(a plan.Assignment) bool { return a.App == x.App })
		if i < 0 || p.Assignments[i].Cache == "" || x.CacheID != p.Assignments[i].Cache {
			t.Errorf("a start of %q finds %q; assigned %+v", x.App, x.CacheID, p.Assignments)
		}
	}
}

// Of a trace too: the tag of app0 comes to mean an image of 500 MB, 50 s cold. Its cache, as
// it was built for one of 1000 MB, holds nothing of it, and attaching it takes 5 s more; built
// again it saves 45 s.
func TestJudgeTraceAtLaterTags(t *testing.T) {
	inv := made("linux/amd64", 970, 470)
	s := traceScenario(t, line(0, 0, 1), line(10, 0, 3))
	moved := inv.Images[1]
	moved.Reference, moved.From = inv.Images[0].Reference, s.Now.Add(24*time.Hour)
	inv.Images = append(inv.Images, moved)
	s.PlanOptions.JudgeAt = s.Now.Add(48 * time.Hour)
	h := mustPlan(t, s, inv).HeldOut[0]
	for _, x := range []struct {
		what      string
		got, want time.Duration
	}{{"planned", h.PlannedSaved, 95 * time.Second}, {"actual", h.ActualSaved, -5 * time.Second}, {"built again", *h.BestSaved, 45 * time.Second}} {
		if (x.got - x.want).Abs() > time.Millisecond {
			t.Errorf("%s %v, want %v", x.what, x.got, x.want)
		}
	}
	if h.Of != "tags" || h.Starts != 4 || h.After != nil {
		t.Errorf("%+v", h)
	}
}

// What a trace does not tell enough for is refused before images are looked up, with what to
// do.
func TestTraceRefused(t *testing.T) {
	onNode := line(3, 0, 1)
	onNode.Node = "n1"
	pooled := &workload.Workload{
		Apps:      []workload.App{{Name: "app0", Images: []string{"registry.example.com/team/app0:1"}, NodePool: "p"}},
		NodePools: []workload.NodePool{{Name: "p", Platform: "linux/amd64", Count: 1}},
	}
	two := []workload.TraceStart{line(0, 0, 1), line(10, 0, 1)}
	for name, test := range map[string]struct {
		starts []workload.TraceStart
		change func(*cachebench.Scenario)
		want   string
	}{
		"one instant":      {[]workload.TraceStart{line(2, 0, 5), line(2, 1, 1)}, nil, "all its starts are at one time, which is no rate: say how long was recorded (traceSpanSeconds, --trace-span)"},
		"too short":        {[]workload.TraceStart{line(0, 0, 5), line(0.5, 0, 1)}, nil, "it covers 30 min, from which no month can be told: give at least 1 h"},
		"span too short":   {two, func(s *cachebench.Scenario) { s.TraceSpan = 9 * time.Hour }, "its last start comes after 10 h, and it is said to last 9 h"},
		"unordered":        {[]workload.TraceStart{line(2, 0, 5), line(1, 0, 1)}, nil, "not in order of time: sort them"},
		"on nodes":         {[]workload.TraceStart{onNode, onNode}, func(s *cachebench.Scenario) { s.TraceSpan = 9 * time.Hour }, "all its starts are on named nodes"},
		"no run time":      {two, func(s *cachebench.Scenario) { s.Assume.Runtime = 0 }, "depends on how long starts run, and that is not known of app0: give column runtime_seconds of the trace, runtimeSeconds in a Workload"},
		"no size":          {two, func(s *cachebench.Scenario) { s.Assume.CPU = 0 }, "--assume-cpu and --assume-memory-gib (assume) for all of them"},
		"on a pool":        {two, func(s *cachebench.Scenario) { s.Workload = pooled }, "app app0 is on node pool p in the workload, and starts of it name no node"},
		"empty first part": {[]workload.TraceStart{line(9, 0, 1), line(10, 0, 1)}, func(s *cachebench.Scenario) { s.TraceSpan, s.PlanOptions.HoldOutFraction = 11*time.Hour, 0.5 }, "none of its 2 starts comes in its first 5 h 30 min, the part to plan on: hold out less than 0.5"},
		"empty last part":  {[]workload.TraceStart{line(0, 0, 1), line(1, 0, 1)}, func(s *cachebench.Scenario) { s.TraceSpan, s.PlanOptions.HoldOutFraction = 10*time.Hour, 0.3 }, "none of its 2 starts comes in its last 3 h, the part to judge on: hold out more than 0.3"},
	} {
		s := traceScenario(t, test.starts...)
		if test.change != nil {
			test.change(s)
		}
		if err := s.CheckPlan(); !errors.Is(err, cachebench.ErrTrace) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A trace's own run times go before those of a Workload, and its apps that a Workload knows
// need no assumption.
func TestTraceBesideWorkload(t *testing.T) {
	first, second := line(0, 0, 1), line(10, 0, 3)
	ten, thirty := 10*time.Minute, 30*time.Minute
	first.Runtime, second.Runtime = &ten, &thirty
	s := traceScenario(t, first, line(1, 1, 1), second)
	s.Assume = cachebench.Assumed{}
	s.Workload = &workload.Workload{}
	for i := range 3 {
		s.Workload.Apps = append(s.Workload.Apps, workload.App{
			Name: fmt.Sprint("app", i), Images: []string{fmt.Sprintf("registry.example.com/team/app%d:1", i)},
			StartsPerDay: 1000, Runtime: time.Hour, CPU: 1, MemoryGiB: 2, ReleasesPerMonth: 4,
		})
	}
	job, err := s.Cover(made("linux/amd64", 970, 470, 170))
	if err != nil {
		t.Fatal(err)
	}
	// (10 + 3 · 30) / 4 min.
	apps := job.Workload.Apps
	if len(apps) != 2 || apps[0].Runtime != 25*time.Minute || apps[1].Runtime != time.Hour || apps[0].ReleasesPerMonth != 4 {
		t.Errorf("%+v", apps)
	}
	if _, doubts := job.Recorded(); !slices.ContainsFunc(doubts, func(d string) bool { return strings.Contains(d, "No start of app2 is in the trace") }) {
		t.Errorf("doubts: %q", doubts)
	}
}

// Of 4 starts one line tells the run time of one, 10 min: the others run as long as the
// workload says, 1 h, so that the mean is (10 + 3 · 60) / 4 min = 47.5 min; else as long as is
// assumed, 30 min: 25 min; else as that one, which is said with the count.
func TestRunTimesInPart(t *testing.T) {
	first, ten := line(0, 0, 1), 10*time.Minute
	first.Runtime = &ten
	for name, test := range map[string]struct {
		beside, assumed, want time.Duration
		doubt                 string
	}{
		"workload": {time.Hour, 30 * time.Minute, 47*time.Minute + 30*time.Second, "3 of 4 starts of app0 have no run time in the trace: they are taken to run as long as the workload says"},
		"assumed":  {0, 30 * time.Minute, 25 * time.Minute, "3 of 4 starts of app0 have no run time in the trace: they are assumed to run for 30 min (--assume-runtime)"},
		"neither":  {0, 0, 10 * time.Minute, "3 of 4 starts of app0 have no run time in the trace: they are taken to run as long as the others"},
	} {
		s := traceScenario(t, first, line(10, 0, 3))
		s.Assume.Runtime = test.assumed
		if test.beside > 0 {
			s.Workload = &workload.Workload{Apps: []workload.App{{Name: "app0", Images: first.Images, StartsPerDay: 1, Runtime: test.beside, CPU: 1, MemoryGiB: 2}}}
		}
		job, err := s.Cover(made("linux/amd64", 970))
		if err != nil {
			t.Fatal(name, err)
		}
		_, doubts := job.Recorded()
		if got := job.Workload.Apps[0].Runtime; got != test.want || !slices.ContainsFunc(doubts, func(d string) bool { return strings.HasPrefix(d, test.doubt) }) {
			t.Errorf("%s: runs %v, want %v; doubts %q", name, got, test.want, doubts)
		}
		if err := s.CheckPlan(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// 2 of a trace's 9 starts are on a node, 4 are of an image that is not known.
func TestTraceStartsOnNodes(t *testing.T) {
	onNode := line(1, 0, 2)
	onNode.Node = "n1"
	s := traceScenario(t, line(0, 0, 1), onNode, line(2, 1, 4), line(10, 0, 2))
	s.MinCoverage = 0
	job, err := s.Cover(made("linux/amd64", 970))
	if err != nil {
		t.Fatal(err)
	}
	if _, doubts := job.Recorded(); !slices.Contains(doubts, "2 of the trace's 9 starts are on named nodes, which use no image cache: they are left out.") {
		t.Errorf("doubts: %q", doubts)
	}
}

// One name with three lists of images of two: each app is called so that its images tell it
// from the others, in their order where that alone does.
func TestNamesOfOneNamesApps(t *testing.T) {
	with := func(hour float64, images ...string) workload.TraceStart {
		l := line(hour, 0, 1)
		l.App, l.Images = "web", nil
		for _, image := range images {
			l.Images = append(l.Images, "registry.example.com/team/"+image)
		}
		return l
	}
	s := traceScenario(t, with(0, "app0:1"), with(1, "app0:1", "app1:1"), with(2, "app1:1", "app0:1"), with(10, "app0:1", "app2:1"))
	job, err := s.Cover(made("linux/amd64", 970, 470, 170))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, app := range job.Workload.Apps {
		names = append(names, app.Name)
	}
	if want := []string{"web [app0:1]", "web [app0:1 app1:1]", "web [app1:1 app0:1]", "web [app2:1]"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// Stopped at any time, a plan on a trace is either the best so far, which says what it left
// out, or an error that says it was stopped.
func TestStoppedOnTrace(t *testing.T) {
	s := traceScenario(t, line(0, 0, 4), line(2, 1, 3), line(8, 0, 1), line(9, 2, 3))
	s.PlanOptions.HoldOutFraction, s.PlanOptions.Effort, s.PlanOptions.MaxCandidates = 0.3, 0.1, 5
	job, err := s.Cover(made("linux/amd64", 970, 470, 170))
	if err != nil {
		t.Fatal(err)
	}
	m, err := job.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole := &stopsAfter{Context: t.Context(), most: 1 << 60}
	if _, err := job.Plan(whole, m); err != nil {
		t.Fatal(err)
	}
	partly := 0
	for most := int64(0); most < whole.calls; most += whole.calls/40 + 1 {
		p, err := job.Plan(&stopsAfter{Context: t.Context(), most: most}, m)
		switch {
		case errors.Is(err, context.Canceled) && p == nil:
		case err != nil || p.Recorded == nil || (len(p.HeldOut) == 1) == strings.Contains(p.LeftOut, "what is held out"):
			t.Fatalf("stopped after %d of %d: %+v, %v", most, whole.calls, p, err)
		case len(p.HeldOut) == 0:
			partly++
		}
	}
	if partly == 0 {
		t.Errorf("no plan of %d was stopped before it was judged", whole.calls)
	}
}
