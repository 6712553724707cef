package cachebench

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestPlanFits: a plan of which nothing is in a workload is refused, one of which a part is
// gets a doubt that names the rest, and so do apps that start at other rates than in it.
func TestPlanFits(t *testing.T) {
	w := &workload.Workload{
		Apps: []workload.App{
			{Name: "web", StartsPerDay: 10}, {Name: "api", StartsPerDay: 1}, {Name: "batch", StartsPerDay: 1, NodePool: "general"},
		},
		NodePools: []workload.NodePool{{Name: "general"}},
	}
	for _, test := range []struct {
		name        string
		apps        map[string]float64
		pools       []string
		doubt, fail string
	}{
		{"its own", map[string]float64{"web": 300, "api": 30}, []string{"general"}, "", ""},
		{"of a part of it", map[string]float64{"api": 30}, nil, "", ""},
		{"nothing", nil, nil, "", ""},
		{"one app more", map[string]float64{"web": 300, "edge": 3}, nil, "1 of the plan's 2 apps on instances of their own are here; it has besides edge", ""},
		{"other rates", map[string]float64{"web": 600, "api": 30}, nil, "web (600 a month in the plan, 300 here)", ""},
		{"other apps", map[string]float64{"edge": 3, "pay": 3}, nil, "", "0 of the plan's 2 apps on instances of their own are here"},
		{"an app that is on nodes here", map[string]float64{"batch": 30}, nil, "", "0 of the plan's 1 apps"},
		{"other pools", nil, []string{"graviton"}, "", "0 of the plan's 1 node pools are here (it has graviton)"},
		{"the pools alone", map[string]float64{"edge": 3}, []string{"general"}, "0 of the plan's 1 apps on instances of their own are here (it has edge)", ""},
	} {
		p := &plan.Plan{}
		for app, starts := range test.apps {
			p.Assignments = append(p.Assignments, plan.Assignment{App: app, StartsPerMonth: starts})
		}
		for _, pool := range test.pools {
			p.Pools = append(p.Pools, plan.Pool{Name: pool})
		}
		j := &Job{Scenario: &Scenario{Workload: w}}
		doubts, err := j.PlanDoubts(p)
		switch {
		case test.fail != "":
			if !errors.Is(err, ErrOtherPlan) || !strings.Contains(err.Error(), test.fail) {
				t.Errorf("%s: %v, want %q", test.name, err, test.fail)
			}
		case err != nil, (test.doubt == "") != (len(doubts) == 0), !strings.Contains(strings.Join(doubts, " "), test.doubt):
			t.Errorf("%s: %q, %v, want %q", test.name, doubts, err, test.doubt)
		}
	}
}

// TestTracePlanFits: an app of a trace with several lists of images is named by its own name
// in it, and nodes tell their pool or class.
func TestTracePlanFits(t *testing.T) {
	s := &Scenario{Trace: &workload.Trace{Starts: []workload.TraceStart{{App: "web"}, {App: "job", Node: "general/1"}, {App: "job", Node: "n2", NodeClass: "big"}}}}
	for _, test := range []struct {
		app, pool string
		fits      bool
	}{
		{"web", "", true}, {"web [web:1.4.2]", "", true}, {"webs", "", false}, {"job", "", false},
		{"", "general", true}, {"", "big", true}, {"", "n2", true}, {"", "small", false},
	} {
		p := &plan.Plan{}
		if test.app != "" {
			p.Assignments = []plan.Assignment{{App: test.app}}
		} else {
			p.Pools = []plan.Pool{{Name: test.pool}}
		}
		if doubts, err := s.tracePlanFits(p); (err == nil) != test.fits || len(doubts) > 0 {
			t.Errorf("%+v: %q, %v", test, doubts, err)
		}
	}
}

// TestPlanOfOtherDigest: a plan of a workload with the same apps at the same rates is told
// from it by its digest, and the window or bursts that are simulated are none of that.
func TestPlanOfOtherDigest(t *testing.T) {
	scenario := func(change func(*Scenario)) *Scenario {
		s := &Scenario{Workload: &workload.Workload{Apps: []workload.App{{Name: "web", StartsPerDay: 10, ReleasesPerMonth: 2}, {Name: "api", StartsPerDay: 1}}}}
		change(s)
		return s
	}
	made, err := scenario(func(*Scenario) {}).monthDigest()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*Scenario)
		doubt  string
	}{
		"the same":       {func(*Scenario) {}, ""},
		"a window":       {func(s *Scenario) { s.WindowStart, s.Window = time.Hour, time.Hour }, ""},
		"a burst":        {func(s *Scenario) { s.Bursts = []StartBurst{{App: "web", Count: 9}} }, ""},
		"another image":  {func(s *Scenario) { s.Workload.Apps[0].Images = []string{"web:2"} }, ""},
		"more releases":  {func(s *Scenario) { s.Workload.Apps[0].ReleasesPerMonth = 20 }, "another workload, as its digest tells"},
		"other runtimes": {func(s *Scenario) { s.Workload.Apps[1].Runtime = time.Hour }, "another workload, as its digest tells"},
		"an app more":    {func(s *Scenario) { s.Workload.Apps = append(s.Workload.Apps, workload.App{Name: "job"}) }, "another workload, as its digest tells"},
		"other rates":    {func(s *Scenario) { s.Workload.Apps[0].StartsPerDay = 20 }, "more or less often"},
	} {
		p := &plan.Plan{
			Provenance:  &plan.Provenance{WorkloadDigest: made},
			Assignments: []plan.Assignment{{App: "web", StartsPerMonth: 300}, {App: "api", StartsPerMonth: 30}},
		}
		j := &Job{Scenario: scenario(test.change)}
		doubts, err := j.PlanDoubts(p)
		if text := strings.Join(doubts, " "); err != nil || (test.doubt == "") != (text == "") || !strings.Contains(text, test.doubt) || len(doubts) > 1 {
			t.Errorf("%s: %q, %v, want %q", name, doubts, err, test.doubt)
		}
		// A plan of before had no digest.
		p.Provenance.WorkloadDigest = ""
		if doubts, err := j.PlanDoubts(p); err != nil || strings.Contains(strings.Join(doubts, " "), "digest") {
			t.Errorf("%s, without a digest: %q, %v", name, doubts, err)
		}
	}
	// Of a trace: the same app at another time.
	trace := func(at time.Duration) *Scenario {
		return &Scenario{Trace: &workload.Trace{Starts: []workload.TraceStart{{App: "web", At: at}}}}
	}
	p := &plan.Plan{Provenance: &plan.Provenance{}, Assignments: []plan.Assignment{{App: "web"}}}
	if p.Provenance.WorkloadDigest, err = trace(0).monthDigest(); err != nil {
		t.Fatal(err)
	}
	longer := trace(0)
	longer.TraceSpan = time.Hour
	for _, s := range []*Scenario{trace(0), longer} {
		if doubts, err := s.tracePlanFits(p); err != nil || len(doubts) > 0 {
			t.Errorf("the same trace: %q, %v", doubts, err)
		}
	}
	if doubts, err := trace(time.Minute).tracePlanFits(p); err != nil || len(doubts) != 1 || !strings.Contains(doubts[0], "another recording") {
		t.Errorf("another trace: %q, %v", doubts, err)
	}
}
