package cachebench

import (
	"errors"
	"strings"
	"testing"

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
		doubts, err := j.planFits(p)
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
