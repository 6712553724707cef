package capacity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// NodeDiskOptions say what is asked of the disks of nodes.
type NodeDiskOptions struct {
	// SLO is to be kept; without a figure the disk is sought above which there are no more
	// hits.
	SLO SLO
	// MostGiB bounds what is tried; 0 is eight times what it is.
	MostGiB float64
}

// ErrNoPool is wrapped where a question is about node pools and no app is on one.
var ErrNoPool = errors.New("no app is on a node pool")

// Saturation is how much more of the starts the largest disk may hit.
const saturation = 0.01

// NodeDisk says how large the disks of node pools are to be: hits and times to ready by size,
// under the kubelet's eviction; which images to hold; and when pulling is faster than a start
// on a disk that was filled before.
func (q *Question) NodeDisk(ctx context.Context, opt NodeDiskOptions) (*reports.Capacity, error) {
	if !slices.ContainsFunc(q.apps(), onPool) {
		return nil, fmt.Errorf("%w: disks are of nodes: name a nodePool of the workload (docs/pools.md)", ErrNoPool)
	}
	if q.Arm == "" {
		q.Arm = simulate.ArmWarm
	}
	q.judges(opt.SLO)
	c, err := q.answer(ctx, "node-disk")
	if c == nil {
		return nil, err
	}
	d := &nodeDisk{Question: q, c: c, opt: opt, sizes: make(map[float64]*simulate.Summary)}
	defer q.outside(c)
	return c, errors.Join(err, stopped(c, d.find(ctx)))
}

type nodeDisk struct {
	*Question
	c   *reports.Capacity
	opt NodeDiskOptions
	// sizes are what disks of a size come to; nil where starts are never ready.
	sizes map[float64]*simulate.Summary
	now   float64
	told  bool // the doubts
	// largest is the app that needs the largest disk.
	largest appDisk
}

// appDisk is what the images of an app take on a node, all of them together, and the least
// disk that holds them.
type appDisk struct {
	app, pool string
	bytes     int64
	high      float64 // the share of a disk above which the kubelet evicts
	gib       float64
}

func (a *appDisk) words() string {
	return fmt.Sprintf("images of %s (node pool %s) take %s on a node, and the kubelet evicts above %s of a disk, so that a disk below %s does not hold them",
		a.app, a.pool, reports.CapacityAmount(float64(a.bytes), reports.UnitBytes), reports.CapacityAmount(a.high, reports.UnitFraction), reports.CapacityAmount(a.gib, "GiB"))
}

// largestApp is that of the apps on disks whose size is tried. The simulator lets a disk grow
// to an image that is larger, and a node's does not.
func (q *Question) largestApp() (appDisk, error) {
	var most appDisk
	inv := q.Inventory.Estimated()
	for _, app := range q.apps() {
		pool := q.Scenario.Workload.Pool(app.NodePool)
		if pool == nil {
			continue
		}
		class, own, err := q.classOf(pool)
		if err != nil {
			return most, err
		}
		if own {
			continue
		}
		size := inv.Union(imagesOf(inv, &app)...)
		a := appDisk{app: app.Name, pool: pool.Name, bytes: size.UnpackedBytes, high: class.Node.HighFraction.Value}
		if class.Pull.KeepBlobs.Value {
			a.bytes += size.CompressedBytes
		}
		if a.high > 0 {
			a.gib = math.Ceil(float64(a.bytes) / a.high / (1 << 30))
		}
		if a.gib > most.gib || a.gib == most.gib && a.bytes > most.bytes {
			most = a
		}
	}
	return most, nil
}

// fits says whether a disk is large enough for the images of each app.
func (a *appDisk) fits(gib float64) bool { return float64(a.bytes) <= a.high*gib*(1<<30) }

func imagesOf(inv *layers.Inventory, app *workload.App) []int {
	var images []int
	for _, ref := range app.AllImages() {
		for i := range inv.Images {
			if inv.Images[i].Reference == ref {
				images = append(images, i)
				break
			}
		}
	}
	return images
}

// at simulates disks of a size, once.
func (d *nodeDisk) at(ctx context.Context, gib float64) (*simulate.Summary, error) {
	if s, ok := d.sizes[gib]; ok {
		return s, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !d.largest.fits(gib) {
		d.sizes[gib] = nil
		return nil, nil
	}
	d.tell("simulating disks of %s", reports.CapacityAmount(gib, "GiB"))
	t, err := d.simulate(ctx, change{profile: func(p *simulate.Profile) {
		diskSize.set(p, gib)
	}})
	if err != nil && !(t != nil && errors.Is(err, cachebench.ErrNoStart)) {
		return nil, err
	}
	s, voids := d.whole(t)
	if !d.told {
		d.told, d.c.Doubts = true, append(d.c.Doubts, t.Doubts...)
	}
	if voids > 0 {
		s = nil
	}
	d.sizes[gib] = s
	return s, nil
}

// response is a figure by the size of disks.
func (d *nodeDisk) response(f figure) *response {
	return &response{at: func(ctx context.Context, x float64) (outcome, error) {
		s, err := d.at(ctx, x)
		if err != nil {
			return outcome{}, err
		}
		if s == nil {
			return outcome{never: true}, nil
		}
		return outcome{Statistic: f.of(s)}, nil
	}}
}

// missed is the share of starts that did not find all that they needed.
var missed = figure{name: "starts that pull", of: func(s *simulate.Summary) simulate.Statistic {
	n := max(1, float64(s.Starts))
	m := simulate.Statistic{Value: 1 - s.Hits.Value/n}
	if s.Hits.Low != nil && s.Hits.High != nil {
		low, high := max(0, 1-*s.Hits.High/n), min(1, 1-*s.Hits.Low/n)
		m.Low, m.High = &low, &high
	}
	return m
}}

func (d *nodeDisk) find(ctx context.Context) error {
	own, err := d.ownSizes()
	if err != nil {
		return err
	}
	if d.largest, err = d.largestApp(); err != nil {
		return err
	}
	d.now = d.Scenario.Profile.Node.DiskGiB.Value
	most := d.opt.MostGiB
	if most == 0 {
		most = 8 * d.now
	}
	const low = 1
	if most <= low {
		return fmt.Errorf("%w: disks of at most %s are none to search among: give more than %s", cachebench.ErrUnfit, reports.CapacityAmount(most, "GiB"), reports.CapacityAmount(low, "GiB"))
	}
	b := bracket{low: low, high: math.Ceil(most), whole: true}
	now, err := d.at(ctx, d.now)
	if err != nil {
		return err
	}
	defer d.curves()
	pulls := d.response(missed)
	for _, x := range b.grid(probes) {
		if _, err := pulls.of(ctx, x); err != nil {
			return err
		}
	}
	largest := pulls.known[b.high]
	enough, found, err := pulls.least(ctx, b, func(o *outcome) bool { return o.within(largest.Value + saturation) })
	if err != nil {
		return err
	}
	monotone := true
	if found {
		if enough, monotone, err = pulls.steady(ctx, b, enough, func(o *outcome) bool { return o.within(largest.Value + saturation) }); err != nil {
			return err
		}
	}
	d.answerOf(now, enough, found)
	if !monotone {
		d.c.Doubts = append(d.c.Doubts, "More disk does not always bring more hits here: what is evicted when changes with it. The size named is the least above which all that were tried are enough.")
	}
	if err := d.limit(ctx, b, now); err != nil {
		return err
	}
	if len(own) > 0 {
		d.c.Doubts = append(d.c.Doubts, "Node classes that state their own node.diskGiB keep it, whatever is tried: "+list(own)+".")
	}
	if err := d.hold(ctx); err != nil {
		return err
	}
	return d.breakEvens()
}

// ownSizes are the node classes that state a disk of their own.
func (d *nodeDisk) ownSizes() ([]string, error) {
	var own []string
	all := true
	for i := range d.Scenario.Workload.NodePools {
		pool := &d.Scenario.Workload.NodePools[i]
		_, its, err := d.classOf(pool)
		if err != nil {
			return nil, err
		}
		if !its {
			all = false
		} else if !slices.Contains(own, pool.NodeClass) {
			own = append(own, pool.NodeClass)
		}
	}
	if all {
		return nil, fmt.Errorf("%w: every node class states its own node.diskGiB (%s), so that no other size can be tried: take it out of the classes", cachebench.ErrUnfit, list(own))
	}
	return own, nil
}

// classOf is the class of a pool's nodes, and whether it states a disk of its own.
func (q *Question) classOf(pool *workload.NodePool) (class *simulate.Profile, own bool, err error) {
	with := *q.Scenario.Profile
	with.Node.DiskGiB = simulate.Parameter[float64]{Value: q.Scenario.Profile.Node.DiskGiB.Value + 1}
	if class, err = with.Class(pool.NodeClass); err != nil {
		return nil, false, fmt.Errorf("node pool %s: %w", pool.Name, err)
	}
	return class, class.Node.DiskGiB.Value != with.Node.DiskGiB.Value, nil
}

func (d *nodeDisk) answerOf(now *simulate.Summary, enough float64, found bool) {
	if d.largest.gib > 0 {
		d.c.Figures = append(d.c.Figures, reports.CapacityFigure{Name: "least disk that holds the images of " + d.largest.app, Unit: "GiB", Value: d.largest.gib})
	}
	if now == nil || !found {
		tooSmall := "some starts, which are never ready"
		if !d.largest.fits(d.now) {
			tooSmall = "the images of " + d.largest.app
			d.c.Sentences = append(d.c.Sentences, "The "+d.largest.words()+".")
		}
		d.c.Headline = fmt.Sprintf("Disks of %s, as they are, are too small for %s.", reports.CapacityAmount(d.now, "GiB"), tooSmall)
		if !found {
			d.c.Headline += " So are all that were tried."
			return
		}
		d.c.Headline += fmt.Sprintf(" Disks of %s are enough.", reports.CapacityAmount(enough, "GiB"))
		d.c.Figures = append(d.c.Figures, reports.CapacityFigure{Name: "least disk that is enough", Unit: "GiB", Value: enough})
		return
	}
	if enough <= d.largest.gib {
		d.c.Sentences = append(d.c.Sentences, "No smaller one is: the "+d.largest.words()+".")
	}
	hits := func(s *simulate.Summary) reports.CapacityFigure {
		m := missed.of(s)
		f := reports.CapacityFigure{Unit: reports.UnitFraction, Value: 1 - m.Value}
		if m.Low != nil && m.High != nil {
			low, high := 1-*m.High, 1-*m.Low
			f.Low, f.High = &low, &high
		}
		return f
	}
	at, whatNow := d.sizes[enough], hits(now)
	there := hits(at)
	d.c.Headline = fmt.Sprintf("Disks of %s are enough: %s of the starts pull nothing, and larger disks bring at most %s more. Now %s: %s.",
		reports.CapacityAmount(enough, "GiB"), there.Words(), reports.CapacityAmount(saturation, reports.UnitFraction), reports.CapacityAmount(d.now, "GiB"), whatNow.Words())
	whatNow.Name, there.Name = "starts that pull nothing, now", reports.CapacityHitsOnDisks+reports.CapacityAmount(enough, "GiB")
	d.c.Figures = append(d.c.Figures, whatNow, there, reports.CapacityFigure{Name: "least disk that is enough", Unit: "GiB", Value: enough})
	for _, f := range sloFigures[:3] {
		d.c.Figures = append(d.c.Figures, (&outcome{Statistic: f.of(now)}).figure(f.name+" now", reports.UnitSeconds, nil))
	}
	d.c.Figures = append(d.c.Figures, (&outcome{Statistic: now.EvictedImages}).figure("images evicted now", "images", nil))
}

// limit judges the limit, and finds the least disk that keeps it.
func (d *nodeDisk) limit(ctx context.Context, b bracket, now *simulate.Summary) error {
	f, _, asked := d.opt.SLO.figure()
	if !asked {
		return nil
	}
	limit := d.opt.SLO.Limit.Seconds()
	as := outcome{never: now == nil}
	if now != nil {
		as.Statistic = f.of(now)
	}
	d.c.Verdict = judge(&as, limit)
	n, monotone, err := d.response(f).need(ctx, b, limit)
	if err != nil {
		return err
	}
	n.Parameter, n.Unit, n.Now = "node.diskGiB", "GiB", &d.now
	d.c.Needs = append(d.c.Needs, *n)
	words := "no size of disk keeps it; what pulls is new on its node (fresh nodes, releases), or waits for what no disk brings"
	if n.Need != nil {
		words = "the least disk that keeps it is " + reports.CapacityAmount(*n.Need, "GiB")
	}
	if !monotone {
		words += ", though not every larger one does"
	}
	d.c.Sentences = append([]string{d.c.Headline}, d.c.Sentences...)
	figure := as.figure("", reports.UnitSeconds, &limit)
	at := "some starts are never ready"
	if !as.never {
		at = figure.Words()
	}
	d.c.Headline = fmt.Sprintf("%s: %s on disks of %s: %s; %s.", word(d.c.Verdict), d.opt.SLO, reports.CapacityAmount(d.now, "GiB"), at, words)
	return nil
}

// curves are hits and times by size, of all sizes that were simulated.
func (d *nodeDisk) curves() {
	curve := func(f figure, unit, title string, limit *float64) {
		k := reports.CapacityCurve{Title: title, Parameter: "node.diskGiB", XUnit: "GiB", Figure: f.name, YUnit: unit, Now: &d.now, Limit: limit}
		r := &response{known: make(map[float64]outcome)}
		for x, s := range d.sizes {
			o := outcome{never: s == nil}
			if s != nil {
				o.Statistic = f.of(s)
			}
			r.known[x] = o
		}
		k.Points = r.points()
		k.NotMonotone = len(k.Points) > 1 && !r.falls(bracket{low: k.Points[0].X, high: k.Points[len(k.Points)-1].X})
		d.c.Curves = append(d.c.Curves, k)
	}
	curve(missed, reports.UnitFraction, "Starts that pull, by the size of disks", nil)
	f, _, asked := d.opt.SLO.figure()
	limit := d.opt.SLO.Limit.Seconds()
	if !asked {
		f = sloFigures[2].figure
		curve(f, reports.UnitSeconds, "Time to ready, by the size of disks", nil)
		return
	}
	curve(f, reports.UnitSeconds, "Time to ready, by the size of disks", &limit)
}

// hold asks the planner which images the nodes should hold.
func (d *nodeDisk) hold(ctx context.Context) error {
	d.tell("choosing images to hold")
	p, err := d.plan(ctx, nil)
	if err != nil {
		return err
	}
	t := reports.CapacityTable{Title: "Which images nodes should hold, as they are now (docs/pools.md)", Heads: []string{"pool", "advice", "image"}}
	for i := range p.Pools {
		pool := &p.Pools[i]
		if len(pool.Images) == 0 || pool.Verdict == plan.PoolNothing || pool.Verdict == plan.PoolParallel {
			t.Rows = append(t.Rows, []string{pool.Name, pool.Verdict, "none: " + pool.Reason})
			continue
		}
		for k := range pool.Images {
			t.Rows = append(t.Rows, []string{pool.Name, pool.Verdict, pool.Images[k].Reference})
		}
	}
	d.c.Tables = append(d.c.Tables, t)
	return nil
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

// breakEvens says for each app when pulling is as fast as a start on a disk made from a
// snapshot that holds its images: a cache, or a baked node.
func (d *nodeDisk) breakEvens() error {
	t := reports.CapacityTable{Title: "When pulling is faster than a disk made from a snapshot that holds the images (one start, estimated)", Heads: []string{"app", ">pulled", ">from the disk", ">pulling is faster above"}}
	for _, app := range d.apps() {
		start := simulate.Start{App: app.Name, PullPolicy: app.PullPolicy, Runtime: app.Runtime, Ready: app.Ready, ReadFraction: app.ReadFraction}
		start.Images = imagesOf(d.Inventory, &app)
		row, err := breakEven(d, start)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	d.c.Tables = append(d.c.Tables, t)
	d.c.Assumptions = append(d.c.Assumptions, "Pulling is taken to be faster where every link and connection has the rate named and the rest stays; a disk made from a snapshot is attached and read at the profile's cache.attachSeconds and cache.firstReadBytesPerSecond.")
	return nil
}

func breakEven(d *nodeDisk, start simulate.Start) ([]string, error) {
	inv := d.Inventory.Estimated()
	estimate := func(p *simulate.Profile, held bool) (float64, error) {
		s := start
		if held {
			s.CacheID, s.Held = "snapshot", s.Images
		}
		e, err := simulate.EstimateStart(inv, p, &s)
		return e.Ready.Seconds(), err
	}
	pulled, err := estimate(d.Scenario.Profile, false)
	if err != nil {
		return nil, err
	}
	held, err := estimate(d.Scenario.Profile, true)
	if err != nil {
		return nil, err
	}
	r := &response{at: func(_ context.Context, x float64) (outcome, error) {
		p := *d.Scenario.Profile
		for _, of := range []*simulate.Parameter[network.Rate]{&p.Network.Registry, &p.Network.Uplink, &p.Network.Node, &p.Network.Connection} {
			*of = simulate.Parameter[network.Rate]{Value: network.Rate(x), Source: tried}
		}
		v, err := estimate(&p, false)
		return outcome{Statistic: simulate.Statistic{Value: v}}, err
	}}
	x, found, err := r.least(context.Background(), bracket{low: 100 * kilo, high: 100 * giga}, func(o *outcome) bool { return o.Value <= held })
	if err != nil {
		return nil, err
	}
	above := "no rate: unpacking alone takes longer"
	if found {
		above = reports.CapacityAmount(x, reports.UnitRate)
	}
	return []string{start.App, secondsWords(pulled), secondsWords(held), above}, nil
}
