package plan_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
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
		p.Candidates = []plan.Candidate{{Images: []string{tinyImage(r)}, SizeGiB: float64(r.Int(2) * 40)}}
	}
	return p
}

// withGoal gives an instance another goal, storage and worth of time.
func withGoal(p plan.Problem, r source) plan.Problem {
	return aimed(p, []string{plan.GoalSeconds, plan.GoalNet, plan.GoalLimit}[r.Int(3)], r)
}

func aimed(p plan.Problem, goal string, r source) plan.Problem {
	p.Goal = goal
	p.Storage = []string{plan.Separate, plan.Shared}[r.Int(2)]
	switch goal {
	case plan.GoalNet:
		for i := range p.Apps {
			app := *p.Apps[i].App
			app.Runtime /= 60 // caches pay for short runs alone
			p.Apps[i].App = &app
		}
	case plan.GoalLimit:
		p.Limit = time.Duration(10+r.Int(100)) * time.Second
		p.BudgetPerMonth = math.Inf(1)
		if r.Int(2) == 0 {
			p.LimitStartsFraction = float64(1+r.Int(20)) / 20
		}
	default:
		if r.Int(2) == 0 {
			p.WorthPerHour = math.Pow(10, float64(r.Int(300))/100-1)
		}
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

func (o *oracle) cache(c int) matcher.Cache {
	return matcher.Cache{ID: o.names[c], Images: o.images[c], SizeGiB: o.sizes[c], Status: matcher.StatusReady, CreationTime: noon}
}

// fixed is build and keep of candidate c.
func (o *oracle) fixed(c int) (build, keep float64) {
	builds := 1.0
	for _, a := range o.p.Apps {
		if slices.Contains(o.images[c], a.App.Images[0]) {
			builds += a.App.ReleasesPerMonth
		}
	}
	once, _ := o.p.Prices.Build(o.p.BuildTime(o.images[c], o.sizes[c]), o.sizes[c])
	return builds * once.Amount, o.keep(o.images[c])
}

// keep is what storing images costs, each layer once.
func (o *oracle) keep(images []string) float64 {
	var have []int
	for _, ref := range images {
		have = append(have, o.p.Inventory.Find(ref, platform, noon))
	}
	keep, _ := o.p.Prices.Keep(float64(o.p.Inventory.Union(have...).UnpackedBytes)/gib, workload.Month)
	return keep.Amount
}

// served is what app a gains and pays when it gets a candidate.
type served struct{ ready, money, within, use float64 }

// serve is what app a gains and pays when it gets candidate c.
func (o *oracle) serve(a, c int) served {
	app := o.p.Apps[a].App
	cold := o.p.Estimate(app, nil)
	hit := o.p.Estimate(app, o.relevant(app, o.images[c]))
	missed := 0.0
	if slices.Contains(o.images[c], app.Images[0]) {
		releases := 0.0
		for _, other := range o.p.Apps {
			if other.App.Images[0] == app.Images[0] {
				releases += other.App.ReleasesPerMonth
			}
		}
		missed = min(1, releases*o.p.BuildTime(o.images[c], o.sizes[c]).Seconds()/workload.Month.Seconds())
	}
	whole := true
	for _, ref := range app.AllImages() {
		whole = whole && slices.Contains(o.images[c], ref)
	}
	second, _ := o.p.Prices.Instance(app.CPU, app.MemoryGiB, time.Second)
	perStart, _ := o.p.Prices.Use(o.sizes[c], app.Runtime+hit.Billed)
	var s served
	var before, after []start
	for _, f := range o.findings(a) {
		before = append(before, f.start)
		if o.p.Assign == plan.Auto && !whole && f.images != nil {
			other := matcher.Cache{ID: "automatic", Images: f.images, SizeGiB: f.sizeGiB, Automatic: true, Status: matcher.StatusReady, CreationTime: noon.Add(time.Minute)}
			if i := slices.IndexFunc(o.p.Existing, func(e matcher.Cache) bool { return e.ID == f.id }); i >= 0 {
				other = o.p.Existing[i]
			}
			if first := o.match.Rank(matcher.GroupOf(app), []matcher.Cache{o.cache(c), other})[0].CacheID; first != o.names[c] {
				after = append(after, f.start)
				continue
			}
		}
		after = append(after, start{f.starts * (1 - missed), hit.Ready.Seconds()}, start{f.starts * missed, cold.Ready.Seconds()})
		s.ready += f.starts * (f.ready - (1-missed)*hit.Ready.Seconds() - missed*cold.Ready.Seconds())
		s.money += f.starts*f.use + f.starts*second.Amount*(f.billed-(1-missed)*hit.Billed.Seconds()-missed*cold.Billed.Seconds())
		s.use += f.starts * (1 - missed) * perStart.Amount
	}
	s.within = o.within(after) - o.within(before)
	return s
}

// start is a number of starts that take as long.
type start struct{ starts, ready float64 }

// within is what of starts keeps the limit.
func (o *oracle) within(starts []start) float64 {
	kept, total, all := 0.0, 0.0, 0.0
	for _, s := range starts {
		if s.ready <= o.p.Limit.Seconds() {
			kept += s.starts
		}
		total += s.starts * s.ready
		all += s.starts
	}
	switch {
	case o.p.LimitStartsFraction > 0:
		return kept
	case total <= all*o.p.Limit.Seconds()*(1+1e-12):
		return 1
	}
	return 0
}

// foundStart is what a number of starts a month find.
type foundStart struct {
	start
	billed, use, sizeGiB float64
	images               []string
	id                   string
}

func (o *oracle) findings(a int) []foundStart {
	app := o.p.Apps[a].App
	found := o.p.Apps[a].Outcome.Found
	if o.p.Baseline == plan.Cold {
		found = []matcher.Found{nothing(1)}
	}
	counted := 0
	for _, f := range found {
		counted += f.Starts
	}
	var all []foundStart
	for _, f := range found {
		e := o.p.Estimate(app, nil)
		use := cost.Money{}
		if f.Images != nil {
			e = o.p.Estimate(app, o.relevant(app, f.Images))
			use, _ = o.p.Prices.Automatic(max(0, f.SizeGiB-app.ExtraStorageGiB), e.Billed+app.Runtime)
			if !f.Automatic {
				use, _ = o.p.Prices.Use(f.SizeGiB, e.Billed+app.Runtime)
			}
		}
		all = append(all, foundStart{
			start{app.StartsPerMonth() * float64(f.Starts) / float64(counted), e.Ready.Seconds()},
			e.Billed.Seconds(), use.Amount, f.SizeGiB, f.Images, f.CacheID,
		})
	}
	return all
}

// gain is what the goal counts.
func (o *oracle) gain(s served) float64 {
	switch o.p.Goal {
	case plan.GoalNet:
		return s.money
	case plan.GoalLimit:
		return s.within
	}
	return s.ready
}

// price is what a unit of money is worth to the goal.
func (o *oracle) price() float64 {
	switch {
	case o.p.Goal == plan.GoalNet:
		return 1
	case o.p.Goal != plan.GoalLimit && o.p.WorthPerHour > 0:
		return 3600 / o.p.WorthPerHour
	}
	return 0
}

// target is what has to be gained to keep the limit.
func (o *oracle) target() float64 {
	all, now := 0.0, 0.0
	for a := range o.p.Apps {
		var starts []start
		for _, f := range o.findings(a) {
			starts = append(starts, f.start)
		}
		now += o.within(starts)
		if all++; o.p.LimitStartsFraction > 0 {
			all += o.p.Apps[a].App.StartsPerMonth()*o.p.LimitStartsFraction - 1
		}
	}
	return max(0, all-now)
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

// answer is the best of all choices: what it is worth to the goal, of goal limit its
// bill; and whether that keeps the limit.
type answer struct {
	value   float64
	reached bool
}

// best is that of any choice within budget and quota.
func (o *oracle) best() answer {
	gain, use := make([][]float64, len(o.p.Apps)), make([][]float64, len(o.p.Apps))
	for a := range o.p.Apps {
		for c := range o.names {
			s := o.serve(a, c)
			gain[a], use[a] = append(gain[a], o.gain(s)), append(use[a], s.use)
		}
	}
	x := &trial{oracle: o, gain: gain, use: use, best: answer{value: math.Inf(1)}, target: o.target(), most: math.Inf(-1)}
	if o.p.Goal != plan.GoalLimit {
		x.best = answer{value: math.Inf(-1), reached: true}
	}
	if o.p.Assign == plan.Explicit {
		x.named(make([]int, len(gain)), 0)
	} else {
		x.matched()
	}
	return x.best
}

// trial tries all choices.
type trial struct {
	*oracle
	gain, use    [][]float64
	target, most float64
	best         answer
}

// offer weighs one choice: the candidate of each app, −1 for none, and those that are
// built.
func (x *trial) offer(pick []int, open map[int]bool) {
	bill, total := x.bill(open), 0.0
	for a, c := range pick {
		if c >= 0 {
			total += x.gain[a][c]
			bill += x.use[a][c]
		}
	}
	if bill > x.p.BudgetPerMonth || len(open) > x.p.Quota {
		return
	}
	if len(open) > 0 && len(open)+len(x.p.Existing) > x.p.Quota && len(open)+x.kept(pick, open) > x.p.Quota {
		return
	}
	switch reached := total >= x.target-1e-9; {
	case x.p.Goal != plan.GoalLimit:
		x.best.value = max(x.best.value, total-x.price()*bill)
	case reached:
		x.best = answer{min(x.best.value, bill), true}
	}
}

// kept is how many existing caches starts go on using beside those that are built.
func (x *trial) kept(pick []int, open map[int]bool) int {
	caches := slices.Clone(x.p.Existing)
	for c := range x.names {
		if open[c] && x.p.Assign == plan.Auto {
			caches = append(caches, x.cache(c))
		}
	}
	used := make(map[string]bool)
	for a := range x.p.Apps {
		if x.p.Assign == plan.Auto || pick[a] < 0 {
			used[x.match.Match(matcher.GroupOf(x.p.Apps[a].App), caches).CacheID] = true
		}
	}
	n := 0
	for _, e := range x.p.Existing {
		if used[e.ID] {
			n++
		}
	}
	return n
}

// bill is build and keep of caches.
func (x *trial) bill(open map[int]bool) float64 {
	bill := 0.0
	var all []string
	for c := range x.names {
		if open[c] {
			build, keep := x.fixed(c)
			bill += build
			if x.p.Storage != plan.Shared {
				bill += keep
			}
			all = append(all, x.images[c]...)
		}
	}
	if x.p.Storage == plan.Shared && len(all) > 0 {
		bill += x.keep(all)
	}
	return bill
}

// named tries every cache, or none, for every app from a on.
func (x *trial) named(pick []int, a int) {
	if a < len(pick) {
		for c := -1; c < len(x.names); c++ {
			pick[a] = c
			x.named(pick, a+1)
		}
		return
	}
	open := make(map[int]bool)
	for _, c := range pick {
		if c >= 0 {
			open[c] = true
		}
	}
	x.offer(pick, open)
}

// matched tries every set of caches, each matched as ECI would.
func (x *trial) matched() {
	orders := x.orders()
	for set := range 1 << len(x.names) {
		open := make(map[int]bool)
		for c := range x.names {
			if set>>c&1 == 1 {
				open[c] = true
			}
		}
		pick := make([]int, len(orders))
		for a, order := range orders {
			pick[a] = -1
			for _, c := range order {
				if c < 0 {
					break
				}
				if open[c] {
					pick[a] = c
					break
				}
			}
		}
		x.offer(pick, open)
	}
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

// Choose finds what brute force finds: so many instances for every goal and assignment, of
// either storage. The search is short, so that it is the proof that counts.
func TestBruteForce(t *testing.T) {
	for _, goal := range []string{plan.GoalSeconds, plan.GoalNet, plan.GoalLimit} {
		for _, assign := range []string{plan.Auto, plan.Explicit} {
			t.Run(goal+"/"+assign, func(t *testing.T) {
				t.Parallel()
				testBruteForce(t, goal, assign)
			})
		}
	}
}

func testBruteForce(t *testing.T, goal, assign string) {
	built, both, unproven := 0, 0, 0
	for i := range instances {
		r := seeded{rand.New(rand.NewPCG(1, uint64(i)))}
		p := aimed(tiny(r), goal, r)
		p.Assign, p.Effort = assign, 0.1
		got, names, images, sizes := plan.ChooseAmong(p)
		o := &oracle{p: p, match: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), names: names, images: images, sizes: sizes}
		want := o.best()
		value := got.ObjectiveSeconds.Seconds()
		if got.ObjectiveMoney != nil {
			value = got.ObjectiveMoney.Amount
		}
		name := fmt.Sprintf("instance %d (%s, %s)", i, p.Baseline, got.Storage)
		if got.Status == plan.Stopped && len(p.Existing) > 0 {
			unproven++ // what is kept depends on what is built
			checkUnproven(t, name, got, want)
			continue
		}
		if got.Status != plan.Optimal || got.GapFraction != 0 {
			t.Errorf("%s: status %s, gap %v", name, got.Status, got.GapFraction)
		}
		if (got.Verdict != plan.LimitNotMet) != want.reached {
			t.Errorf("%s: verdict %s, brute force reaches the limit: %v", name, got.Verdict, want.reached)
		}
		if want.reached && !near(value, want.value, 1e-6*(1+math.Abs(want.value))) {
			t.Errorf("%s: %v, brute force %v", name, value, want.value)
		}
		if len(got.Caches) > 0 {
			built++
		}
		if len(got.Caches) > 1 {
			both++
		}
	}
	if unproven > instances/20 {
		t.Errorf("%d of %d instances are not proven", unproven, instances)
	}
	if built < instances/10 || both < instances/100 {
		t.Errorf("%d of %d instances build, %d more than one cache: too few to mean anything", built, instances, both)
	}
}

// checkUnproven: a plan is the best of all, and that is not beyond the bound.
func checkUnproven(t *testing.T, name string, got *plan.Plan, want answer) {
	value, bound := upward(got)
	if got.Goal == plan.GoalLimit {
		want.value = -want.value
	}
	if slack := 1e-6 * (1 + math.Abs(want.value)); want.reached && (!near(value, want.value, slack) || bound < want.value-slack) || !want.reached && got.Verdict != plan.LimitNotMet {
		t.Errorf("%s: %v, bound %v, brute force %v", name, value, bound, want)
	}
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tiny(drawn{t})
		if rapid.Bool().Draw(t, "goal") {
			p = withGoal(p, drawn{t})
		}
		got, err := plan.Choose(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, p, got)
		if p.Assign == plan.Explicit && got.Goal == plan.GoalSeconds && p.WorthPerHour == 0 {
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
	if got.Verdict != plan.LimitNotMet && (got.Verdict == plan.Build) != (len(got.Caches) > 0) || got.Reason == "" || len(got.Assignments) != len(p.Apps) {
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
