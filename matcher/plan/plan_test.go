package plan_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// twoApps share a base layer of 4 GiB; web adds 1 GiB, job 2 GiB.
func twoApps() plan.Problem {
	inv := inventory([]float64{4, 1, 2}, map[string][]int{"r/web:1": {0, 1}, "r/job:1": {0, 2}})
	p := problem(inv,
		found(&workload.App{Name: "web", Images: []string{"r/web:1"}, StartsPerDay: 10, Runtime: 10 * time.Minute, CPU: 2, MemoryGiB: 4}),
		found(&workload.App{Name: "job", Images: []string{"r/job:1"}, StartsPerDay: 1, Runtime: time.Hour, CPU: 2, MemoryGiB: 4}),
	)
	p.Baseline = plan.Cold
	return p
}

// Worked by hand. Cold, web takes 5 + 20 × 5 = 105 s and job 5 + 20 × 6 = 125 s;
// on a cache that holds everything 7 s; job on web's cache, which holds the base,
// 7 + 20 × 2 = 47 s. So web's 300 starts a month save 98 s each, job's 30 save
// 118 s or 78 s. Every cache has 20 GiB and is built in 300 s:
//
//	build        (2 × 0.0000077 + 4 × 0.00000096 + 20 × 0.0005 / 3600) × 300 = 0.006605
//	keep         0.02 × 5, 6, 7 GiB = 0.10 web, 0.12 job, 0.14 both
//	use web      300 × 20 × 0.0005 × (600 + 4) / 3600   = 0.503333
//	use job      30 × 20 × 0.0005 × (3600 + 4) / 3600   = 0.300333
//	use job on web's   30 × 20 × 0.0005 × (3600 + 44) / 3600 = 0.303667
//
//	caches        auto: bill, saved      explicit besides
//	web           0.609939, 29,400       with job on it: 0.913605, 31,740
//	job           0.426939,  3,540
//	web and job   1.036877, 32,940
//	both in one   0.950272, 32,940
func TestHandWorked(t *testing.T) {
	tests := []struct {
		name   string
		assign string
		budget float64
		apps   []string // of the only cache
		saved  float64
		bill   float64
	}{
		{"nothing affordable", plan.Auto, 0.4, nil, 0, 0},
		{"only job affordable", plan.Auto, 0.5, []string{"job"}, 3540, 0.426939},
		{"web", plan.Auto, 0.8, []string{"web"}, 29400, 0.609939},
		{"web though job might use it", plan.Auto, 0.92, []string{"web"}, 29400, 0.609939},
		{"one cache for both", plan.Auto, 1, []string{"job", "web"}, 32940, 0.950272},
		{"one is cheaper than two", plan.Auto, 100, []string{"job", "web"}, 32940, 0.950272},
		{"explicit web", plan.Explicit, 0.8, []string{"web"}, 29400, 0.609939},
		{"explicit job on web's cache", plan.Explicit, 0.92, []string{"job", "web"}, 31740, 0.913605},
		{"explicit one cache for both", plan.Explicit, 0.96, []string{"job", "web"}, 32940, 0.950272},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := twoApps()
			p.Assign, p.BudgetPerMonth = test.assign, test.budget
			got := choose(t, p)
			if got.Status != plan.Optimal || got.GapFraction != 0 || got.BoundSeconds != got.SavedSeconds {
				t.Errorf("status %s, gap %v, bound %v of %v", got.Status, got.GapFraction, got.BoundSeconds, got.SavedSeconds)
			}
			if got.SavedSeconds != seconds(test.saved) {
				t.Errorf("saves %v, want %v s", got.SavedSeconds, test.saved)
			}
			if test.apps == nil {
				if got.Verdict != plan.BuildNothing || len(got.Caches) != 0 {
					t.Errorf("verdict %q with %d caches", got.Verdict, len(got.Caches))
				}
				return
			}
			if got.Verdict != plan.Build || len(got.Caches) != 1 {
				t.Fatalf("verdict %q with %d caches, want 1", got.Verdict, len(got.Caches))
			}
			c := got.Caches[0]
			if !slices.Equal(c.Apps, test.apps) || !near(c.Cost.Total.Amount, test.bill, 1e-5) || c.Cost.Total.Currency != "USD" {
				t.Errorf("a cache for %v costs %v, want %v for %v", c.Apps, c.Cost.Total, test.apps, test.bill)
			}
		})
	}
}

// The break-even run time of web on its own cache, from the numbers above: an
// instance of 2 vCPU and 4 GiB costs 0.00001924 a second, so 29,400 s are worth
// 0.565656; less build and keep 0.459051; that pays 300 disks of 20 GiB for
// 0.459051 / (300 × 20 × 0.0005 / 3600) = 550.86 s, of which 4 s are the start.
func TestBreakEven(t *testing.T) {
	p := twoApps()
	p.BudgetPerMonth = 0.8
	got := choose(t, p)
	job, web := got.Assignments[0], got.Assignments[1]
	if job.Cache != "" || job.PlannedSeconds != seconds(125) {
		t.Errorf("job has no cache: %+v", job)
	}
	// Job's own would spare 3,540 s, worth 0.068110: less than its build and storage, 0.126605.
	if job.BreakEven != plan.PaysNever || job.BreakEvenSeconds != nil || !slices.Equal(job.BreakEvenOf, []string{"r/job:1"}) {
		t.Errorf("job's best cache pays %s %v, of %v; want never, of its own", job.BreakEven, job.BreakEvenSeconds, job.BreakEvenOf)
	}
	if web.BreakEven != plan.PaysUpTo || web.BreakEvenOf != nil || !near(web.BreakEvenSeconds.Seconds(), 546.86, 0.01) {
		t.Errorf("web breaks even at %v, want 546.86 s", web.BreakEvenSeconds)
	}
	if web.ColdSeconds != seconds(105) || web.PlannedSeconds != seconds(7) || web.StartsPerMonth != 300 {
		t.Errorf("web: %+v", web)
	}
	net := got.Totals[len(got.Totals)-1].NetSaved
	if !near(net.Amount, 0.565656-0.609939, 1e-5) || !near(got.Caches[0].Cost.NetSaved.Amount, net.Amount, 1e-9) {
		t.Errorf("net saved is %v, want %v: the run time is above the break-even", net, 0.565656-0.609939)
	}
}

// Gateway's starts find an existing cache of 200 GiB now, so that one of 20 GiB spares each
// 180 × 0.0005 / 3600 a second, its start of 4 s among them. 300 starts pay its build and
// storage, 0.106605, when they run 10.214 s and longer; 300,000 always. Where they find the
// base on as large a disk, run times change nothing, and 20 s of 300 instances are more than
// build and storage.
func TestBreakEvenLargerDisk(t *testing.T) {
	inv := inventory([]float64{4, 1}, map[string][]int{"r/base:1": {0}, "r/gateway:1": {0, 1}})
	for _, test := range []struct {
		name, pays   string
		image        string
		sizeGiB      float64
		startsPerDay float64
		at           float64
	}{
		{"many starts on a large disk", plan.PaysAlways, "r/gateway:1", 200, 10000, 0},
		{"few starts on a large disk", plan.PaysFrom, "r/gateway:1", 200, 10, 10.214},
		{"base on the same disk", plan.PaysAlways, "r/base:1", 20, 10, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := &workload.App{Name: "gateway", Images: []string{"r/gateway:1"}, StartsPerDay: test.startsPerDay, Runtime: 24 * time.Hour, CPU: 2, MemoryGiB: 4}
			p := problem(inv, found(app, matcher.Found{CacheID: "imc-1", Images: []string{test.image}, SizeGiB: test.sizeGiB, Starts: 10}))
			p.Existing = []matcher.Cache{{ID: "imc-1", Images: []string{test.image}, SizeGiB: test.sizeGiB, Status: matcher.StatusReady, CreationTime: noon.AddDate(0, 0, -1)}}
			p.Assign, p.Goal, p.BudgetPerMonth = plan.Explicit, plan.GoalNet, math.Inf(1)
			a := choose(t, p).Assignments[0]
			if a.BreakEven != test.pays || (a.BreakEvenSeconds != nil) != (test.at > 0) || test.at > 0 && !near(a.BreakEvenSeconds.Seconds(), test.at, 0.001) {
				t.Errorf("pays %s %v, want %s %v (%s)", a.BreakEven, a.BreakEvenSeconds, test.pays, test.at, a.Reason)
			}
		})
	}
}

// 20,000 one-hour pods a day on automatic caches: 600,000 starts a month, of
// which 10 find nothing. A cache of 20 GiB would save those 10 × 98 s, worth
// 980 × 0.00001924 = 0.01885 of instances, and cost a disk for all the others:
// 600,000 × 20 × 0.0005 × 3604 / 3600 = 6,006.67.
func TestManyPodsOnAutomaticCaches(t *testing.T) {
	inv := inventory([]float64{4, 1}, map[string][]int{"r/web:1": {0, 1}})
	p := problem(inv, found(
		&workload.App{Name: "web", Images: []string{"r/web:1"}, StartsPerDay: 20000, Runtime: time.Hour, CPU: 2, MemoryGiB: 4},
		nothing(10), automatic(599990, "r/web:1")))
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p.Assign, p.BudgetPerMonth = assign, 1000
		got := choose(t, p)
		if got.Verdict != plan.BuildNothing || got.Status != plan.Optimal {
			t.Errorf("%s: verdict %q, %s", assign, got.Verdict, got.Status)
		}
		for _, words := range []string{"saves 16.3 min a month", "costs USD 6,006.77", "USD 6,006.67 is disks in use", "budget of USD 1,000.00"} {
			if !strings.Contains(got.Reason, words) {
				t.Errorf("%s: reason %q does not say %q", assign, got.Reason, words)
			}
		}
		// The 10 starts' 0.01885 are less than build and storage, 0.106605: on automatic
		// caches no run is short enough.
		if a := got.Assignments[0]; a.BreakEven != plan.PaysNever || a.BreakEvenSeconds != nil || !slices.Equal(a.BreakEvenOf, []string{"r/web:1"}) {
			t.Errorf("%s: the best cache pays %s %v, of %v; want never", assign, a.BreakEven, a.BreakEvenSeconds, a.BreakEvenOf)
		}
		p.BudgetPerMonth = 10000
		got = choose(t, p)
		if got.SavedSeconds != seconds(980) {
			t.Errorf("%s: a budget of 10,000 saves %v, want 980 s", assign, got.SavedSeconds)
		}
		if net := got.Caches[0].Cost.NetSaved.Amount; !near(net, 0.018855-6006.667-0.106605, 0.001) {
			t.Errorf("%s: the plan saves %v net, want -6,006.75", assign, net)
		}
		if a := got.Assignments[0]; a.BreakEven != plan.PaysNever || a.BreakEvenSeconds != nil {
			t.Errorf("%s: breaks even %s %v, want never", assign, a.BreakEven, a.BreakEvenSeconds)
		}
	}
}

// A release of web's only image 3 times a month: 4 builds of 300 s, and 3 × 300 s
// of a month's 2,592,000 s in which starts are cold. Job, in the same cache,
// misses nothing.
func TestReleases(t *testing.T) {
	p := twoApps()
	web := *p.Apps[0].App
	web.ReleasesPerMonth = 3
	p.Apps[0].App = &web
	got := choose(t, p)
	c := got.Caches[0]
	if !near(c.Cost.Build.Amount, 4*0.00660533, 1e-6) {
		t.Errorf("builds cost %v, want 4 builds", c.Cost.Build)
	}
	missed := 3 * 300.0 / 2592000
	if a := got.Assignments[1]; !near(a.MissedPerMonth, 300*missed, 1e-9) || !near(a.PlannedSeconds.Seconds(), 7+98*missed, 1e-6) {
		t.Errorf("web misses %v starts and takes %v", a.MissedPerMonth, a.PlannedSeconds)
	}
	if a := got.Assignments[0]; a.MissedPerMonth != 0 || a.PlannedSeconds != seconds(7) {
		t.Errorf("job misses %v starts and takes %v", a.MissedPerMonth, a.PlannedSeconds)
	}
}

// A cache that holds one of two images serves only the starts that found
// nothing: the automatic cache, which holds both, comes before it (eci §1.9).
func TestPartialCache(t *testing.T) {
	inv := inventory([]float64{4, 3}, map[string][]int{"r/a:1": {0}, "r/b:1": {1}})
	p := problem(inv, found(
		&workload.App{Name: "app", Images: []string{"r/a:1", "r/b:1"}, StartsPerDay: 10, CPU: 2, MemoryGiB: 4},
		nothing(1), automatic(2, "r/a:1", "r/b:1")))
	p.Candidates = []plan.Candidate{{Images: []string{"r/a:1"}}}
	// The whole cache costs 0.14 to keep, the half 0.08, and 0.024 to build and use.
	p.BudgetPerMonth = 0.11
	got := choose(t, p)
	// 100 of 300 starts save the base's 80 s less 2 s to attach.
	if got.SavedSeconds != seconds(100*78) || got.Caches[0].Images[0] != "r/a:1" {
		t.Fatalf("saves %v with %v, want 7,800 s with r/a:1", got.SavedSeconds, got.Caches)
	}
	if reason := got.Assignments[0].Reason; !strings.Contains(reason, "1 of 2 images") || !strings.Contains(reason, "100 of 300 starts") {
		t.Errorf("reason: %s", reason)
	}
	p.BudgetPerMonth = 1
	if got := choose(t, p); got.SavedSeconds != seconds(100*138) {
		t.Errorf("with money for both images it saves %v, want 13,800 s", got.SavedSeconds)
	}
}

// Under auto a cache can take another app's starts: of two caches that hold all
// images, ECI prefers the one closer to 30 GiB (eci §1.9). Here the large union
// is the worse one for small, whose every start it bills with a larger disk.
func TestCacheTakesStarts(t *testing.T) {
	inv := inventory([]float64{1, 24}, map[string][]int{"r/small:1": {0}, "r/large:1": {0, 1}})
	p := problem(inv,
		found(&workload.App{Name: "small", Images: []string{"r/small:1"}, StartsPerDay: 1000, Runtime: time.Hour, CPU: 1, MemoryGiB: 1}),
		found(&workload.App{Name: "large", Images: []string{"r/large:1"}, StartsPerDay: 1, CPU: 1, MemoryGiB: 1}))
	p.Baseline, p.Candidates = plan.Cold, []plan.Candidate{{Images: []string{"r/large:1", "r/small:1"}}}
	// One disk of 20 GiB for all starts of small costs 300.3; of 28 GiB 420.5.
	p.BudgetPerMonth = 310
	got := choose(t, p)
	for _, c := range got.Caches {
		if len(c.Images) > 1 {
			t.Errorf("builds %v, which takes the starts of small and breaks the budget", c.Images)
		}
	}
	if got.Status != plan.Optimal || len(got.Caches) != 2 || got.Caches[0].CumulativeCost.Amount >= got.Caches[1].CumulativeCost.Amount {
		t.Errorf("got %d caches, %s", len(got.Caches), got.Status)
	}
	if last := got.Caches[1]; last.CumulativeSeconds != got.SavedSeconds || !near(last.CumulativeCost.Amount, got.Caches[0].Cost.Total.Amount+last.Cost.Total.Amount, 1e-9) {
		t.Errorf("the last cache adds up to %v and %v", last.CumulativeSeconds, last.CumulativeCost)
	}
}

func TestExistingCaches(t *testing.T) {
	p := twoApps()
	p.Baseline = plan.Automatic
	web := matcher.Cache{
		ID: "imc-web", Images: []string{"r/web:1"}, SizeGiB: 30, Status: matcher.StatusReady, CreationTime: noon.Add(-time.Hour),
		Contents: []matcher.Content{{Reference: "r/web:1", Digest: string(digest(imageDigest, 1))}},
	}
	other, failed, making, auto := web, web, web, web
	other.ID, other.Images, other.Contents = "imc-other", []string{"r/other:1"}, nil
	failed.ID, failed.Status = "imc-failed", matcher.StatusFailed
	making.ID, making.Status, making.Images, making.Contents = "imc-job", matcher.StatusCreating, []string{"r/job:1"}, nil
	auto.ID, auto.Automatic, auto.SizeGiB = "imc-auto", true, 30
	auto.CreationTime = noon.Add(-2 * time.Hour)
	p.Existing = []matcher.Cache{web, other, failed, making, auto}
	p.Apps[0].Outcome.Found = []matcher.Found{{Images: web.Images, SizeGiB: 30, CacheID: "imc-web", Starts: 1}}
	p.Apps[1].Outcome.Found = []matcher.Found{nothing(1)}
	p.BudgetPerMonth, p.Explain = 0, []string{"web"}

	got := choose(t, p)
	want := map[string]string{"imc-web": plan.Keep, "imc-other": plan.Drop, "imc-failed": plan.Drop, "imc-job": plan.Keep, "imc-auto": plan.Keep}
	for _, e := range got.Existing {
		if e.Advice != want[e.ID] || e.Reason == "" {
			t.Errorf("%s: %s (%s), want %s", e.ID, e.Advice, e.Reason, want[e.ID])
		}
	}
	if a := got.Assignments[1]; a.Cache != "imc-web" || a.BaselineSeconds != seconds(7) {
		t.Errorf("web: %+v", a)
	}
	// Its starts pay for a disk of 30 GiB on the automatic arm already:
	// 300 × 30 × 0.0005 × 604 / 3600. Storing the 5 GiB of web and the 6 GiB of job costs 0.02
	// each; what other holds is not known, nothing is kept of the failed one, and the
	// automatic one is free (eci §5.1).
	for _, arm := range got.Totals[1:] {
		if !near(arm.Caches.Amount, 0.755+11*0.02, 1e-9) || arm.NetSaved.Amount != 0 {
			t.Errorf("arm: %+v", arm)
		}
	}
	if cold := got.Totals[0]; cold.Caches.Amount != 0 || !near(cold.NetSaved.Amount, 0.755+0.22-300*98*0.00001924, 1e-6) {
		t.Errorf("cold arm: %+v", cold)
	}
	keeps := map[string]float64{"imc-web": 0.1, "imc-job": 0.12, "imc-failed": 0, "imc-auto": 0}
	for _, e := range got.Existing {
		if keep, known := keeps[e.ID]; known != (e.KeepPerMonth != nil) || known && !near(e.KeepPerMonth.Amount, keep, 1e-9) {
			t.Errorf("keeping %s costs %v, want %v", e.ID, e.KeepPerMonth, keep)
		}
	}
	// The app that an existing cache serves is explained by that cache.
	if x := got.Explained[0]; len(x.Options) == 0 || x.Options[0].Cache != "imc-web" || !x.Options[0].Chosen || !x.Options[0].Existing || !near(x.Options[0].Use.Amount, 0.755, 1e-9) || x.Considered < len(x.Options) {
		t.Errorf("explained: %+v", x)
	}

	if e := got.Existing[4]; e.ID != "imc-web" || e.KeepAssumed {
		t.Errorf("imc-web says what it was built from: %+v", e)
	}

	p.Existing[0].Contents = []matcher.Content{{Reference: "r/web:1", Digest: "sha256:old"}}
	got = choose(t, p)
	if e := got.Existing[4]; e.ID != "imc-web" || e.Advice != plan.Rebuild {
		t.Errorf("stale cache: %+v", e)
	}
	if a := got.Assignments[1]; a.BaselineSeconds != seconds(105) {
		t.Errorf("a stale image counts as absent, got %v", a.BaselineSeconds)
	}
}

// Totals of a plan on the automatic baseline add up to the bills of its caches.
func TestNetAddsUp(t *testing.T) {
	p := twoApps()
	p.Baseline = plan.Automatic
	p.Apps[0].Outcome.Found = []matcher.Found{nothing(1), automatic(3, "r/web:1")}
	p.Apps[1].Outcome.Found = []matcher.Found{nothing(1)}
	got := choose(t, p)
	net := 0.0
	for _, c := range got.Caches {
		net += c.Cost.NetSaved.Amount
	}
	planned := got.Totals[2]
	if len(got.Caches) == 0 || !near(planned.NetSaved.Amount, net, 1e-9) || got.Totals[1].NetSaved.Amount != 0 {
		t.Errorf("net %v, caches %v", planned.NetSaved, net)
	}
	if s := got.Totals[1].StartupSeconds - planned.StartupSeconds; !near(s.Seconds(), got.SavedSeconds.Seconds(), 1e-6) {
		t.Errorf("arms differ by %v, the plan says %v", s, got.SavedSeconds)
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		change func(*plan.Problem)
		want   string
	}{
		{"baseline", func(p *plan.Problem) { p.Baseline = "warm" }, `baseline "warm" is neither automatic nor cold`},
		{"assign", func(p *plan.Problem) { p.Assign = "" }, "neither auto nor explicit"},
		{"budget", func(p *plan.Problem) { p.BudgetPerMonth = -1 }, "budget -1 a month"},
		{"budget that is none", func(p *plan.Problem) { p.BudgetPerMonth = math.NaN() }, "budget NaN"},
		{"quota", func(p *plan.Problem) { p.Quota = 0 }, "room for at least 1 cache"},
		{"no functions", func(p *plan.Problem) { p.Estimate = nil }, "functions"},
		{"app twice", func(p *plan.Problem) { p.Apps = append(p.Apps, p.Apps[0]) }, `app "web" stands twice`},
		{"app without images", func(p *plan.Problem) { p.Apps[0] = plan.App{} }, "without images"},
		{"image not listed", func(p *plan.Problem) { p.Platform = "linux/arm64" }, "does not list for platform"},
		{"candidate not listed", func(p *plan.Problem) { p.Candidates = []plan.Candidate{{Images: []string{"r/none:1"}}} }, "r/none:1"},
		{"empty candidate", func(p *plan.Problem) { p.Candidates = []plan.Candidate{{}} }, "0 images: a cache holds 1 to 20"},
		{"outcome unknown", func(p *plan.Problem) { p.Baseline = plan.Automatic }, "replay the workload first"},
		{"no disk price", func(p *plan.Problem) { p.Prices = cost.China() }, "diskGiBHour"},
		{"no prices", func(p *plan.Problem) { p.Prices = cost.Book{} }, "prices: currency"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := twoApps()
			test.change(&p)
			got, err := plan.Choose(context.Background(), p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want an error with %q", got, err, test.want)
			}
		})
	}
}

// A plan is what its file says.
func TestRoundTrip(t *testing.T) {
	want := choose(t, twoApps())
	data, err := document.Marshal(plan.Kind, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.Read("plan.json", data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.Marshal(plan.Kind, got)
	if err != nil || string(again) != string(data) {
		t.Errorf("after a round trip (%v):\n%s\nwant\n%s", err, again, data)
	}
	got.BoundSeconds = got.ObjectiveSeconds - 1
	if err := got.Validate(); err == nil {
		t.Error("a bound below the plan is accepted")
	}
	got.Caches = append(got.Caches, got.Caches[0])
	if err := got.Validate(); err == nil || !strings.Contains(err.Error(), "duplicate cache") {
		t.Errorf("two caches of one name: %v", err)
	}
}

// A plan of another version says what to do; one that is broken does not.
func TestReadOtherVersion(t *testing.T) {
	const head = "apiVersion: cachebench/v1\nkind: Plan\n"
	for data, want := range map[string]bool{head + "nets: 1\n": true, head + "reason: [\n": false} {
		if _, err := plan.Read("plan.yaml", []byte(data)); err == nil || strings.Contains(err.Error(), "plan anew") != want {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func choose(t testing.TB, p plan.Problem) *plan.Plan {
	t.Helper()
	got, err := plan.Choose(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func near(got, want, within float64) bool { return math.Abs(got-want) <= within }
