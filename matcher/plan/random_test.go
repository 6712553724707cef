package plan_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// source is where a random instance takes its numbers from.
type source interface {
	// Int is in [0, n).
	Int(n int) int
}

type seeded struct{ *rand.Rand }

func (s seeded) Int(n int) int { return s.IntN(n) }

type drawn struct{ t *rapid.T }

func (d drawn) Int(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "n") }

// tiny is a random instance small enough for brute force: up to 3 apps of up to
// 2 of 4 images over 5 layers.
func tiny(r source) plan.Problem {
	sizes := make([]float64, 5)
	for i := range sizes {
		sizes[i] = float64(1+r.Int(40)) / 4
	}
	images := make(map[string][]int)
	for i := range 4 {
		l := []int{r.Int(3)}
		if top := 3 + r.Int(3); top < len(sizes) {
			l = append(l, top)
		}
		images[fmt.Sprintf("r/%c:1", 'a'+i)] = l
	}
	p := problem(inventory(sizes, images))
	for i := range 1 + r.Int(3) {
		p.Apps = append(p.Apps, tinyApp(r, i))
	}
	p.Assign = []string{plan.Auto, plan.Explicit}[r.Int(2)]
	p.Baseline = []string{plan.Automatic, plan.Cold}[min(1, r.Int(4))]
	p.Quota = 1 + r.Int(3)
	// Half of the time the budget is small against the caches' bills.
	p.BudgetPerMonth = math.Pow(10, float64(r.Int(400))/100-1)
	if r.Int(2) == 0 {
		p.Existing = []matcher.Cache{{
			ID: "imc-1", Images: []string{tinyImage(r)}, SizeGiB: 20 + 5*float64(r.Int(4)),
			Status: matcher.StatusReady, CreationTime: noon.Add(-time.Hour),
		}}
	}
	if r.Int(2) == 0 {
		p.Candidates = [][]string{{tinyImage(r)}}
	}
	return p
}

func tinyApp(r source, i int) plan.App {
	app := &workload.App{
		Name: fmt.Sprintf("app%d", i), Images: []string{tinyImage(r)},
		StartsPerDay: float64(1 + r.Int(100)), Runtime: time.Duration(r.Int(7200)) * time.Second,
		CPU: float64(1 + r.Int(4)), MemoryGiB: float64(1 + r.Int(16)), ReleasesPerMonth: float64(r.Int(3) * r.Int(10)),
	}
	if ref := tinyImage(r); ref != app.Images[0] {
		if r.Int(2) == 0 {
			app.Images = append(app.Images, ref)
		} else {
			app.InitImages = []string{ref}
		}
	}
	return found(app, nothing(1+r.Int(10)), automatic(1+r.Int(20), app.AllImages()...), automatic(1+r.Int(5), app.Images[len(app.Images)-1]))
}

func tinyImage(r source) string { return fmt.Sprintf("r/%c:1", 'a'+r.Int(4)) }

// oracle evaluates choices the plain way: no options, no sums kept.
type oracle struct {
	p      plan.Problem
	names  []string
	images [][]string
	sizes  []float64
	match  *matcher.Matcher
}

func newOracle(p plan.Problem) *oracle {
	o := &oracle{p: p, match: matcher.New(p.Inventory, p.Platform, p.At, p.Policy)}
	o.names, o.images, o.sizes = plan.Candidates(p)
	return o
}

func (o *oracle) cache(c int) matcher.Cache {
	return matcher.Cache{ID: o.names[c], Images: o.images[c], SizeGiB: o.sizes[c], Status: matcher.StatusReady, CreationTime: noon}
}

// fixed is build and keep of candidate c.
func (o *oracle) fixed(c int) float64 {
	builds := 1.0
	for _, a := range o.p.Apps {
		if slices.Contains(o.images[c], a.App.Images[0]) {
			builds += a.App.ReleasesPerMonth
		}
	}
	var have []int
	for _, ref := range o.images[c] {
		have = append(have, o.p.Inventory.Find(ref, platform, noon))
	}
	build, _ := o.p.Prices.Build(o.p.BuildTime(o.images[c], o.sizes[c]), o.sizes[c])
	keep, _ := o.p.Prices.Keep(float64(o.p.Inventory.Union(have...).UnpackedBytes)/gib, workload.Month)
	return builds*build.Amount + keep.Amount
}

// serve is what app a saves and pays when it gets candidate c.
func (o *oracle) serve(a, c int) (gain, use float64) {
	app := o.p.Apps[a].App
	cold := o.p.Estimate(app, nil)
	hit := o.p.Estimate(app, o.relevant(app, o.images[c]))
	missed := 0.0
	if slices.Contains(o.images[c], app.Images[0]) {
		missed = min(1, app.ReleasesPerMonth*o.p.BuildTime(o.images[c], o.sizes[c]).Seconds()/workload.Month.Seconds())
	}
	whole := true
	for _, ref := range app.AllImages() {
		whole = whole && slices.Contains(o.images[c], ref)
	}
	findings := o.p.Apps[a].Outcome.Found
	if o.p.Baseline == plan.Cold {
		findings = []matcher.Found{nothing(1)}
	}
	counted := 0
	for _, f := range findings {
		counted += f.Starts
	}
	perStart, _ := o.p.Prices.Use(o.sizes[c], app.Runtime+hit.Billed)
	for _, f := range findings {
		starts := app.StartsPerMonth() * float64(f.Starts) / float64(counted)
		before := cold
		if f.Images != nil {
			before = o.p.Estimate(app, o.relevant(app, f.Images))
			other := matcher.Cache{ID: "automatic", Images: f.Images, SizeGiB: f.SizeGiB, Automatic: true, Status: matcher.StatusReady, CreationTime: noon.Add(time.Minute)}
			first := o.match.Rank(matcher.GroupOf(app), []matcher.Cache{o.cache(c), other})[0].CacheID
			if o.p.Assign == plan.Auto && !whole && first != o.names[c] {
				continue
			}
		}
		after := (1-missed)*hit.Ready.Seconds() + missed*cold.Ready.Seconds()
		gain += starts * (before.Ready.Seconds() - after)
		use += starts * (1 - missed) * perStart.Amount
	}
	return gain, use
}

// relevant are the images that share a layer with the app's.
func (o *oracle) relevant(app *workload.App, images []string) []string {
	var held []string
	for _, ref := range images {
		one := o.match.Overlap(app.AllImages(), []string{ref})
		if one.ByDigest.PresentLayers > 0 {
			held = append(held, ref)
		}
	}
	return held
}

// best is the most that any choice within budget and quota gains.
func (o *oracle) best() float64 {
	gain, use := make([][]float64, len(o.p.Apps)), make([][]float64, len(o.p.Apps))
	for a := range o.p.Apps {
		for c := range o.names {
			g, u := o.serve(a, c)
			gain[a], use[a] = append(gain[a], g), append(use[a], u)
		}
	}
	fixed := make([]float64, len(o.names))
	for c := range fixed {
		fixed[c] = o.fixed(c)
	}
	if o.p.Assign == plan.Explicit {
		return o.bestNamed(gain, use, fixed)
	}
	return o.bestMatched(gain, use, fixed)
}

// bestNamed tries every cache, or none, for every app.
func (o *oracle) bestNamed(gain, use [][]float64, fixed []float64) float64 {
	best := 0.0
	pick := make([]int, len(gain))
	var try func(a int)
	try = func(a int) {
		if a < len(pick) {
			for c := -1; c < len(fixed); c++ {
				pick[a] = c
				try(a + 1)
			}
			return
		}
		open := make(map[int]bool)
		total, bill := 0.0, 0.0
		for a, c := range pick {
			if c < 0 {
				continue
			}
			total += gain[a][c]
			bill += use[a][c]
			if !open[c] {
				bill += fixed[c]
			}
			open[c] = true
		}
		if bill <= o.p.BudgetPerMonth && len(open) <= o.p.Quota {
			best = max(best, total)
		}
	}
	try(0)
	return best
}

// bestMatched tries every set of caches, each matched as ECI would.
func (o *oracle) bestMatched(gain, use [][]float64, fixed []float64) float64 {
	orders := o.orders()
	best := 0.0
	for set := range 1 << len(fixed) {
		total, bill, opened := 0.0, 0.0, 0
		for c := range fixed {
			if set>>c&1 == 1 {
				bill += fixed[c]
				opened++
			}
		}
		for a, order := range orders {
			for _, c := range order {
				if c < 0 {
					break
				}
				if set>>c&1 == 1 {
					total += gain[a][c]
					bill += use[a][c]
					break
				}
			}
		}
		if bill <= o.p.BudgetPerMonth && opened <= o.p.Quota {
			best = max(best, total)
		}
	}
	return best
}

// orders are each app's qualified caches in ECI's order; -1 is an existing one.
func (o *oracle) orders() [][]int {
	var orders [][]int
	for _, a := range o.p.Apps {
		var caches []matcher.Cache
		for c := range o.names {
			caches = append(caches, o.cache(c))
		}
		if o.p.Baseline == plan.Automatic {
			caches = append(caches, o.p.Existing...)
		}
		var order []int
		for _, r := range o.match.Rank(matcher.GroupOf(a.App), caches) {
			if r.Qualified {
				order = append(order, slices.Index(o.names, r.CacheID))
			}
		}
		orders = append(orders, order)
	}
	return orders
}

// Choose finds what brute force finds.
func TestBruteForce(t *testing.T) {
	built, both := 0, 0
	for i := range 600 {
		p := tiny(seeded{rand.New(rand.NewPCG(1, uint64(i)))})
		got := choose(t, p)
		want := newOracle(p).best()
		if !near(got.SavedSeconds.Seconds(), want, 1e-6*(1+want)) {
			t.Errorf("instance %d (%s, %s): saves %v s, brute force %v s", i, p.Assign, p.Baseline, got.SavedSeconds.Seconds(), want)
		}
		if got.Status != plan.Optimal || got.GapFraction != 0 {
			t.Errorf("instance %d: status %s, gap %v", i, got.Status, got.GapFraction)
		}
		if len(got.Caches) > 0 {
			built++
		}
		if len(got.Caches) > 1 {
			both++
		}
	}
	if built < 200 || both < 20 {
		t.Errorf("%d of 600 instances build, %d more than one cache: too few to mean anything", built, both)
	}
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tiny(drawn{t})
		got, err := plan.Choose(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, p, got)
		if p.Assign == plan.Explicit {
			more := p
			more.BudgetPerMonth *= 1 + rapid.Float64Range(0, 5).Draw(t, "more")
			richer, err := plan.Choose(context.Background(), more)
			if err != nil {
				t.Fatal(err)
			}
			if richer.SavedSeconds < got.SavedSeconds-time.Microsecond {
				t.Errorf("a budget of %v saves %v, of %v only %v", p.BudgetPerMonth, got.SavedSeconds, more.BudgetPerMonth, richer.SavedSeconds)
			}
		}
		checkPermuted(t, p, got)
	})
}

// checkPlan holds for every plan.
func checkPlan(t *rapid.T, p plan.Problem, got *plan.Plan) {
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	bill, last := 0.0, time.Duration(0)
	for _, c := range got.Caches {
		bill += c.Cost.Total.Amount
		last = c.CumulativeSeconds
	}
	if bill > p.BudgetPerMonth*(1+1e-9) || len(got.Caches) > p.Quota {
		t.Errorf("%d caches for %v exceed a quota of %d or a budget of %v", len(got.Caches), bill, p.Quota, p.BudgetPerMonth)
	}
	if !near(last.Seconds(), got.SavedSeconds.Seconds(), 1e-6) {
		t.Errorf("caches add up to %v, the plan saves %v", last, got.SavedSeconds)
	}
	if (got.Verdict == plan.Build) != (len(got.Caches) > 0) || got.Reason == "" || len(got.Assignments) != len(p.Apps) {
		t.Errorf("verdict %q (%s) with %d caches and %d assignments", got.Verdict, got.Reason, len(got.Caches), len(got.Assignments))
	}
	if p.Assign == plan.Auto && p.Baseline == plan.Automatic {
		checkMatched(t, p, got)
	}
}

// checkMatched asks the matcher itself what each app would get.
func checkMatched(t *rapid.T, p plan.Problem, got *plan.Plan) {
	caches := slices.Clone(p.Existing)
	for _, c := range got.Caches {
		caches = append(caches, matcher.Cache{ID: c.Name, Images: c.Images, SizeGiB: c.SizeGiB, Status: matcher.StatusReady, CreationTime: noon})
	}
	m := matcher.New(p.Inventory, p.Platform, p.At, p.Policy)
	for i, a := range p.Apps {
		if want := m.Match(matcher.GroupOf(a.App), caches).CacheID; got.Assignments[i].Cache != want {
			t.Errorf("app %s is assigned %q, ECI would pick %q", a.App.Name, got.Assignments[i].Cache, want)
		}
	}
}

// checkPermuted: the order of apps, existing caches and candidates says nothing.
func checkPermuted(t *rapid.T, p plan.Problem, want *plan.Plan) {
	p.Apps = rapid.Permutation(p.Apps).Draw(t, "apps")
	p.Candidates = rapid.Permutation(append(p.Candidates, p.Candidates...)).Draw(t, "candidates")
	got, err := plan.Choose(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("another order of apps and candidates changes the plan (-before +after):\n%s", diff)
	}
}
