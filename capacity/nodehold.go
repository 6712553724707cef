package capacity

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
	"github.com/cachebench/cachebench/workload"
)

// holding is what a plan for node pools has nodes of a pool hold, on disks of a size.
type holding struct {
	gib  float64
	pool *plan.Pool
	arm  *plan.PoolArm
	// images are those that the arm holds; none where it is not advised to.
	images []plan.PlannedImage
	// without and with are the pool as it is and with them; with is nil where none are held.
	without, with *poolStarts
}

// poolStarts are the starts of a pool, repeat by repeat.
type poolStarts struct {
	repeats []poolRepeat
}

type poolRepeat struct {
	starts, hits int
	// ready are times to ready in seconds, infinite where the disk does not hold the images.
	ready []float64
	// pulling is what pulls take, by app, in seconds.
	pulling map[string]float64
}

// hold asks the planner which images the nodes should hold, on the disks that there are and
// on those that the answer names, and simulates what that brings.
func (d *nodeDisk) hold(ctx context.Context) error {
	sizes := []float64{d.now}
	if named := d.named(); named > 0 && named != d.now {
		sizes = append(sizes, named)
	}
	var list []holding
	for _, gib := range sizes {
		d.tell("choosing images to hold on disks of %s", reports.CapacityAmount(gib, "GiB"))
		held, err := d.holdingsOn(ctx, gib)
		if err != nil {
			return err
		}
		list = append(list, held...)
	}
	d.tellHeld(list)
	d.tellEffect(list)
	d.tellCost(list)
	return nil
}

// holdingsOn plans for disks of a size and simulates each pool, without and with the images.
func (d *nodeDisk) holdingsOn(ctx context.Context, gib float64) ([]holding, error) {
	job, m, err := d.matched(ctx, func(s *cachebench.Scenario) {
		p, w := *s.Profile, *s.Workload
		diskSize.set(&p, gib)
		w.Apps = slices.DeleteFunc(slices.Clone(w.Apps), func(app workload.App) bool { return !onPool(app) })
		s.Profile, s.Workload = &p, &w
	})
	if err != nil && job == nil {
		return nil, err
	}
	if m == nil {
		return nil, err
	}
	chosen, err := job.Plan(ctx, m)
	if err == nil {
		err = ctx.Err() // a plan that was stopped is no error
	}
	if err != nil {
		return nil, err
	}
	var list []holding
	for i := range chosen.Pools {
		h := holding{gib: gib, pool: &chosen.Pools[i]}
		if h.arm = h.pool.Arm(h.pool.Verdict); h.arm != nil && h.arm.Images > 0 {
			h.images = h.pool.Images[:min(h.arm.Images, len(h.pool.Images))]
		}
		d.tell("simulating what images held on disks of %s bring to node pool %s", reports.CapacityAmount(gib, "GiB"), h.pool.Name)
		if h.without, err = d.poolStarts(ctx, job, &h, plan.PoolNothing); err != nil {
			return nil, err
		}
		if len(h.images) > 0 {
			if h.with, err = d.poolStarts(ctx, job, &h, h.arm.Arm); err != nil {
				return nil, err
			}
		}
		list = append(list, h)
	}
	return list, nil
}

// poolStarts simulates a pool in an arm.
func (d *nodeDisk) poolStarts(ctx context.Context, job *cachebench.Job, h *holding, arm string) (*poolStarts, error) {
	var references []string
	if arm != plan.PoolNothing {
		for i := range h.images {
			references = append(references, h.images[i].Reference)
		}
	}
	d.tried++
	out := &poolStarts{}
	err := job.SimulatePool(ctx, h.pool.Name, arm, references, func(repeat int, s *simulate.Startup) {
		for repeat >= len(out.repeats) {
			out.repeats = append(out.repeats, poolRepeat{pulling: make(map[string]float64)})
		}
		r := &out.repeats[repeat]
		r.starts++
		if s.Void != "" || d.tooLarge(s.App, h.gib) {
			r.ready = append(r.ready, math.Inf(1))
			return
		}
		if s.Hit == matcher.FullHit {
			r.hits++
		}
		r.ready = append(r.ready, s.Ready.Seconds())
		for _, phase := range []*time.Duration{s.Phases.Resolve, s.Phases.Fetch, s.Phases.Unpack} {
			if phase != nil {
				r.pulling[s.App] += phase.Seconds()
			}
		}
	})
	for i := range out.repeats {
		slices.Sort(out.repeats[i].ready)
	}
	return out, err
}

// of is the mean over repeats of what each comes to, with its interval.
func (s *poolStarts) of(value func(*poolRepeat) float64) simulate.Statistic {
	var values []float64
	for i := range s.repeats {
		if s.repeats[i].starts > 0 {
			values = append(values, value(&s.repeats[i]))
		}
	}
	if len(values) == 0 {
		return simulate.Statistic{Value: math.NaN()}
	}
	if slices.ContainsFunc(values, func(v float64) bool { return math.IsInf(v, 1) }) {
		return simulate.Statistic{Value: math.Inf(1)}
	}
	return statisticOf(values)
}

func (s *poolStarts) hits() simulate.Statistic {
	m := atLeast(s.of(func(r *poolRepeat) float64 { return float64(r.hits) / float64(r.starts) }), 0)
	if m.High != nil && *m.High > 1 {
		high := 1.0
		m.High = &high
	}
	return m
}

// quantile is the time by which a share of the starts is ready, by nearest rank.
func (s *poolStarts) quantile(fraction float64) simulate.Statistic {
	return atLeast(s.of(func(r *poolRepeat) float64 {
		return r.ready[sketch.Rank(int64(len(r.ready)), fraction)-1]
	}), 0)
}

func timeWords(s simulate.Statistic) string {
	switch {
	case math.IsNaN(s.Value):
		return "no start"
	case math.IsInf(s.Value, 1):
		return "never ready"
	}
	return (&reports.CapacityFigure{Unit: reports.UnitSeconds, Value: s.Value, Low: s.Low, High: s.High}).Words()
}

func gibWords(bytes int64) string {
	return reports.CapacityAmount(float64(bytes)/(1<<30), "GiB")
}

// tellHeld lists the images to hold.
func (d *nodeDisk) tellHeld(list []holding) {
	t := reports.CapacityTable{Title: "Which images nodes should hold (the plan for node pools, docs/pools.md)", Heads: []string{"disks of", "pool", "advice", "image", ">adds"}}
	for i := range list {
		h := &list[i]
		size := d.sizeWords(h.gib)
		if len(h.images) == 0 {
			t.Rows = append(t.Rows, []string{size, h.pool.Name, h.pool.Verdict, "none: " + h.pool.Reason, "-"})
			continue
		}
		for k := range h.images {
			x := &h.images[k]
			t.Rows = append(t.Rows, []string{size, h.pool.Name, h.arm.Arm, x.Reference, gibWords(x.AddedBytes)})
		}
	}
	d.c.Tables = append(d.c.Tables, t)
	d.c.Assumptions = append(d.c.Assumptions, "Which images to hold is chosen as cachebench plan does for node pools, for disks of each size named (docs/pools.md); what they bring is simulated over the window, with and without them, of the same starts.")
}

// sizeWords names a size of disks, and says which are there now.
func (d *nodeDisk) sizeWords(gib float64) string {
	words := reports.CapacityAmount(gib, "GiB")
	if gib == d.now {
		words += " (now)"
	}
	return words
}

// tellEffect says what images held bring, on disks of each size; in sentences on the disk that
// the answer is about, of a few pools.
func (d *nodeDisk) tellEffect(list []holding) {
	t := reports.CapacityTable{Title: "What images held bring, simulated", Heads: []string{"disks of", "pool", "nodes hold", ">pull nothing", ">p50", ">p90", ">spares its apps", ">costs others"}}
	about := d.named()
	if !slices.ContainsFunc(list, func(h holding) bool { return h.gib == about && len(h.images) > 0 }) {
		about = d.now
	}
	told, free := 0, true
	for i := range list {
		h := &list[i]
		if len(h.without.repeats) == 0 {
			continue
		}
		row := func(what string, s *poolStarts, more ...string) []string {
			return append([]string{d.sizeWords(h.gib), h.pool.Name, what, hitsWords(s.hits()), timeWords(s.quantile(0.5)), timeWords(s.quantile(0.9))}, more...)
		}
		t.Rows = append(t.Rows, row("what starts leave there", h.without, "-", "-"))
		if h.with == nil || len(h.with.repeats) == 0 {
			continue
		}
		e := d.effectOf(h)
		t.Rows = append(t.Rows, row(fmt.Sprintf("%s more (%s), %s", plural(len(h.images), "image"), gibWords(h.arm.AddedBytes), h.arm.Arm), h.with, timeWords(e.spared), timeWords(e.others)))
		where := fmt.Sprintf("with %s held, on disks of %s", plural(len(h.images), "image"), reports.CapacityAmount(h.gib, "GiB"))
		if d.pools() > 1 {
			where += " in pool " + h.pool.Name
		}
		d.c.Figures = append(d.c.Figures, hitsFigure("starts that pull nothing, "+where, h.with.hits()))
		for _, f := range sloFigures[:2] {
			if m := h.with.quantile(f.fraction); !math.IsInf(m.Value, 1) {
				d.c.Figures = append(d.c.Figures, (&outcome{Statistic: m}).figure(f.name+" "+where, reports.UnitSeconds, nil))
			}
		}
		const mostTold = 3
		if h.gib != about {
			continue
		}
		if told++; told > mostTold {
			continue
		}
		without, with := timeWords(h.without.quantile(0.9)), timeWords(h.with.quantile(0.9))
		ready := fmt.Sprintf("within %s rather than %s", with, without)
		if with == without {
			ready = fmt.Sprintf("within %s, as without", with)
		}
		d.c.Sentences = append(d.c.Sentences, fmt.Sprintf("Pool %s: with %s more held on disks of %s (%s, by %s) %s of the starts pull nothing rather than %s, and 90 %% are ready %s.",
			h.pool.Name, plural(len(h.images), "image"), reports.CapacityAmount(h.gib, "GiB"), gibWords(h.arm.AddedBytes), armWords(h.arm.Arm), hitsWords(h.with.hits()), hitsWords(h.without.hits()), ready))
		if e.others.Value != 0 || e.spared.Value <= 0 {
			free = false
			d.c.Sentences = append(d.c.Sentences, "That is not free: "+e.words+".")
		}
	}
	if len(t.Rows) > 0 {
		d.c.Tables = append(d.c.Tables, t)
	}
	switch {
	case told == 0:
	case free:
		d.c.Sentences = append(d.c.Sentences, "Holding costs the other starts nothing there: they pull for as long as before.")
	}
	if slices.ContainsFunc(list, func(h holding) bool { return len(h.images) > 0 }) {
		d.c.Sentences = append(d.c.Sentences, "To apply it: cachebench plan with the same inputs and node.diskGiB of the disk, --save plan.json, then cachebench plan export plan.json --as daemonset, or for a baked disk docs/choose-node-images.md.")
	}
	if len(d.Scenario.Faults) > 0 {
		d.c.Assumptions = append(d.c.Assumptions, "What images held bring is simulated without the scenario's faults.")
	}
	d.c.Assumptions = append(d.c.Assumptions, "What images held spare their apps, and cost the others, is time of pulling in the window, of all starts together.")
}

// armWords name how images are held.
func armWords(arm string) string {
	if arm == plan.PoolBaked {
		return "a baked disk"
	}
	return "a DaemonSet that pulls them ahead"
}

// pools is how many node pools apps start on.
func (d *nodeDisk) pools() int {
	names := make(map[string]bool)
	for _, app := range d.apps() {
		if onPool(app) {
			names[app.NodePool] = true
		}
	}
	return len(names)
}

// tellCost says what holding an image costs, against pulling it: disk, and what goes sooner
// for it.
func (d *nodeDisk) tellCost(list []holding) {
	prices, worth := d.Scenario.Prices, d.Scenario.WorthPerHour
	price := prices.Node.DiskGiBMonth
	t := reports.CapacityTable{Title: "What holding an image costs, against pulling it (estimated)", Heads: []string{"disks of", "pool", "image", ">on all nodes", ">spares a pull", ">pulls a month"}}
	if price != nil {
		t.Heads = append(t.Heads, ">disk a month", ">pays above")
	}
	for i := range list {
		h := &list[i]
		for k := range h.images {
			x := &h.images[k]
			gib := float64(x.AddedBytes) / (1 << 30) * float64(h.pool.Nodes)
			row := []string{d.sizeWords(h.gib), h.pool.Name, x.Reference, reports.CapacityAmount(gib, "GiB"), "-", reports.CapacityAmount(math.Round(x.PullsPerMonth), "")}
			spares := 0.0
			if x.PullsPerMonth > 0 {
				spares = x.SavedSeconds.Seconds() / x.PullsPerMonth
				row[4] = secondsWords(spares)
			}
			if price != nil {
				costs, pull := *price*gib, spares/3600*worth
				for _, traffic := range []*float64{prices.Node.NATEgressGB, prices.Node.RegistryEgressGB} {
					if traffic != nil {
						pull += *traffic * float64(x.CompressedBytes) / 1e9
					}
				}
				above := "not known"
				if pull > 0 {
					above = reports.CapacityAmount(math.Ceil(costs/pull), "pulls")
				}
				row = append(row, reports.CapacityAmount(costs, prices.Currency), above)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	if len(t.Rows) == 0 {
		return
	}
	d.c.Tables = append(d.c.Tables, t)
	words := fmt.Sprintf("Holding pays above so many pulls a month as cost, in %s an hour of waiting and in traffic, what the disk of all nodes costs that an image takes (node.diskGiBMonth), as if it were bought for it.", reports.CapacityAmount(worth, prices.Currency))
	if price == nil {
		words = fmt.Sprintf("The %s price book has no node.diskGiBMonth: what the disk costs that an image takes is not known, and so not how many pulls a month pay for it. Disk that is there costs what is evicted for it, as the table of what images held bring says.", prices.Currency)
	}
	d.c.Assumptions = append(d.c.Assumptions, words)
}

// heldEffect is what images held spare the apps that need them, and what they cost the others,
// whose images go sooner: time of pulling in the window. words weigh the two.
type heldEffect struct {
	spared, others simulate.Statistic
	words          string
}

func (d *nodeDisk) effectOf(h *holding) heldEffect {
	if len(h.with.repeats) != len(h.without.repeats) {
		unknown := simulate.Statistic{Value: math.NaN()}
		return heldEffect{unknown, unknown, "what it spares and costs is not known"}
	}
	uses := make(map[string]bool)
	for i := range h.images {
		for _, app := range h.images[i].Apps {
			uses[app] = true
		}
	}
	var spared, others, net []float64
	for r := range h.with.repeats {
		var by [2]float64
		for _, app := range d.apps() {
			more := h.with.repeats[r].pulling[app.Name] - h.without.repeats[r].pulling[app.Name]
			if uses[app.Name] {
				by[0] -= more
			} else {
				by[1] += more
			}
		}
		spared, others, net = append(spared, by[0]), append(others, by[1]), append(net, by[0]-by[1])
	}
	words := func(values []float64, sign float64) string {
		signed := make([]float64, len(values))
		for i, v := range values {
			signed[i] = sign * v
		}
		return timeWords(statisticOf(signed))
	}
	apps := make([]string, 0, len(uses))
	for _, app := range d.apps() {
		if uses[app.Name] {
			apps = append(apps, app.Name)
		}
	}
	more, sum := statisticOf(others), statisticOf(net)
	cost := "others, whose images go sooner for it, pull for " + words(others, 1) + " more"
	switch {
	case more.Value == 0:
		cost = "others pull for as long as before"
	case more.Value < 0:
		cost = "others, which wait for fewer pulls, pull for " + words(others, -1) + " less"
	}
	verdict := "holding is better than pulling, by " + words(net, 1)
	switch {
	case sum.Value == 0 || sum.Low != nil && *sum.Low <= 0 && *sum.High >= 0:
		verdict = "which of holding and pulling is better is not clear"
	case sum.Value < 0:
		verdict = "pulling is better than holding, by " + words(net, -1)
	}
	spares := "it spares the starts of " + few(apps) + " " + words(spared, 1) + " of pulling in the window"
	if statisticOf(spared).Value < 0 {
		spares = "the starts of " + few(apps) + " pull for " + words(spared, -1) + " more in the window"
	}
	return heldEffect{statisticOf(spared), more, spares + "; " + cost + "; " + verdict}
}

// few names so many, and how many more there are.
func few(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", list(names[:most]), len(names)-most)
	}
	return list(names)
}

// plan is the planner's, of the scenario with a change.
func (q *Question) plan(ctx context.Context, with func(*cachebench.Scenario)) (*plan.Plan, error) {
	job, m, err := q.matched(ctx, with)
	if err != nil {
		return nil, err
	}
	return job.Plan(ctx, m)
}

// matched is the scenario with a change as a planner needs it.
func (q *Question) matched(ctx context.Context, with func(*cachebench.Scenario)) (*cachebench.Job, *matcher.Matches, error) {
	s := *q.Scenario
	s.Progress = nil
	if with != nil {
		with(&s)
	}
	job, err := cover(&s, q.Inventory)
	if job == nil {
		return nil, nil, err
	}
	m, err := job.Match(ctx)
	return job, m, err
}
