package capacity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// NodeDiskOptions say what is asked of the disks of nodes.
type NodeDiskOptions struct {
	// SLO is to be kept; without a figure the disk is sought above which there are no more
	// hits.
	SLO SLO
	// MostGiB bounds what is tried; 0 is so much that nothing is evicted.
	MostGiB float64
}

// ErrNoPool is wrapped where a question is about node pools and no app is on one.
var ErrNoPool = errors.New("no app is on a node pool")

// Saturation is how much more of the starts the largest disk may hit.
const saturation = 0.01

// NodeDisk says how large the disks of node pools are to be: hits and times to ready by size,
// under the kubelet's eviction; which images to hold, and what that brings and costs; and when
// pulling is faster than a start on a disk that was filled before.
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
	d := &nodeDisk{Question: q, c: c, opt: opt, sizes: make(map[float64]*diskPlay)}
	defer q.outside(c)
	return c, errors.Join(err, stopped(c, d.find(ctx)))
}

type nodeDisk struct {
	*Question
	c   *reports.Capacity
	opt NodeDiskOptions
	// sizes are what disks of a size come to.
	sizes map[float64]*diskPlay
	now   float64
	told  bool // the doubts
	// apps are those on disks whose size is tried, largest the one that needs most.
	disks   []appDisk
	largest appDisk
	// top is a size on which nothing is evicted. bounded: less was to be tried.
	top     float64
	bounded bool
	// enough is the least size that has the hits of the largest, keeps that which keeps the
	// limit; 0 where there is none.
	enough, keeps float64
}

// diskPlay is what disks of a size come to.
type diskPlay struct {
	// Summary is nil where no start is ready.
	*simulate.Summary
	// hits is the share of all starts that pull nothing, never that of those which are never
	// ready: their images do not fit.
	hits  simulate.Statistic
	never float64
	// evicted are the images that went from disks of this size, in a repeat.
	evicted float64
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
	disks, err := q.appDisks()
	for _, a := range disks {
		if a.gib > most.gib || a.gib == most.gib && a.bytes > most.bytes {
			most = a
		}
	}
	return most, err
}

// appDisks are those of the apps on disks whose size is tried.
func (q *Question) appDisks() ([]appDisk, error) {
	var disks []appDisk
	for _, app := range q.apps() {
		pool := q.Scenario.Workload.Pool(app.NodePool)
		if pool == nil {
			continue
		}
		class, own, err := q.classOf(pool)
		if err != nil {
			return nil, err
		}
		if own {
			continue
		}
		a := appDisk{app: app.Name, pool: pool.Name, high: class.Node.HighFraction.Value}
		a.bytes = q.onDisk(class, app.AllImages())
		if a.high > 0 {
			a.gib = math.Ceil(float64(a.bytes) / a.high / (1 << 30))
		}
		disks = append(disks, a)
	}
	return disks, nil
}

// onDisk is what images take on a node of a class, all of them together.
func (q *Question) onDisk(class *simulate.Profile, references []string) int64 {
	inv := q.Inventory.Estimated()
	size := inv.Union(positionsOf(inv, references)...)
	if class.Pull.KeepBlobs.Value {
		return size.UnpackedBytes + size.CompressedBytes
	}
	return size.UnpackedBytes
}

// fits says whether a disk is large enough for the images of each app.
func (a *appDisk) fits(gib float64) bool { return float64(a.bytes) <= a.high*gib*(1<<30) }

func imagesOf(inv *layers.Inventory, app *workload.App) []int {
	return positionsOf(inv, app.AllImages())
}

func positionsOf(inv *layers.Inventory, references []string) []int {
	var images []int
	for _, ref := range references {
		for i := range inv.Images {
			if inv.Images[i].Reference == ref {
				images = append(images, i)
				break
			}
		}
	}
	return images
}

// tooLarge says that a disk is too small for an app's images; false of apps that are on none.
func (d *nodeDisk) tooLarge(app string, gib float64) bool {
	return slices.ContainsFunc(d.disks, func(a appDisk) bool { return a.app == app && !a.fits(gib) })
}

// at simulates disks of a size, once.
func (d *nodeDisk) at(ctx context.Context, gib float64) (*diskPlay, error) {
	if p, ok := d.sizes[gib]; ok {
		return p, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.tell("simulating disks of %s", reports.CapacityAmount(gib, "GiB"))
	t, err := d.simulate(ctx, change{profile: func(p *simulate.Profile) {
		diskSize.set(p, gib)
	}})
	if err != nil && !(t != nil && errors.Is(err, cachebench.ErrNoStart)) {
		return nil, err
	}
	if !d.told {
		d.told, d.c.Doubts = true, append(d.c.Doubts, t.Doubts...)
	}
	d.sizes[gib] = d.playOf(t, gib)
	return d.sizes[gib], nil
}

// playOf counts what was simulated. Starts whose images a disk does not hold are never ready
// there, and find nothing.
func (d *nodeDisk) playOf(t *simulate.Timeline, gib float64) *diskPlay {
	s, voids := d.whole(t)
	p := &diskPlay{Summary: s}
	repeats := 1.0
	if s != nil {
		repeats = float64(max(1, s.Repeats))
	}
	never := float64(voids) / repeats
	var hits, starts float64
	for i := range t.Summaries {
		x := &t.Summaries[i]
		if x.App == "" || d.App != "" && x.App != d.App {
			continue
		}
		if slices.ContainsFunc(d.disks, func(a appDisk) bool { return a.app == x.App }) {
			p.evicted += x.EvictedImages.Value
		}
		starts += float64(x.Starts)
		if d.tooLarge(x.App, gib) {
			never += float64(x.Starts)
			continue
		}
		hits += x.Hits.Value
	}
	all := max(1, starts+float64(voids)/repeats)
	p.never = never / all
	if s == nil || never > 0 {
		p.hits.Value = hits / all
		return p
	}
	p.hits = shareOf(s.Hits, float64(s.Starts))
	// The number of starts differs between repeats too: where few pull, how many do says more of
	// the share than how many do not.
	pulled := s.Misses
	if m := s.Partials; m.Value > 0 || pulled.Low == nil {
		pulled = sumOf(pulled, m)
	}
	if others := complement(shareOf(pulled, float64(s.Starts))); p.hits.Low != nil && others.Low != nil && *others.High-*others.Low < *p.hits.High-*p.hits.Low {
		p.hits.Low, p.hits.High = others.Low, others.High
	}
	return p
}

// sumOf is a sum whose interval holds those of both.
func sumOf(a, b simulate.Statistic) simulate.Statistic {
	sum := simulate.Statistic{Value: a.Value + b.Value, Level: a.Level}
	if a.Low != nil && b.Low != nil {
		low, high := *a.Low+*b.Low, *a.High+*b.High
		sum.Low, sum.High = &low, &high
	}
	return sum
}

// shareOf is a number of starts as a share of them all.
func shareOf(of simulate.Statistic, all float64) simulate.Statistic {
	all = max(1, all)
	share := simulate.Statistic{Value: of.Value / all, Level: of.Level}
	if of.Low != nil && of.High != nil {
		low, high := max(0, *of.Low/all), min(1, *of.High/all)
		share.Low, share.High = &low, &high
	}
	return share
}

// response is a figure by the size of disks; missed is the share of starts that do not find
// all that they need.
func (d *nodeDisk) response(f figure) *response {
	return d.responseOf(func(p *diskPlay) simulate.Statistic { return f.of(p.Summary) })
}

func (d *nodeDisk) missed() *response {
	return d.responseOf(func(p *diskPlay) simulate.Statistic { return complement(p.hits) })
}

func (d *nodeDisk) responseOf(of func(*diskPlay) simulate.Statistic) *response {
	return &response{at: func(ctx context.Context, x float64) (outcome, error) {
		p, err := d.at(ctx, x)
		if err != nil {
			return outcome{}, err
		}
		if p.Summary == nil || p.never > 0 {
			return outcome{never: true}, nil
		}
		return outcome{Statistic: of(p)}, nil
	}}
}

// complement is the share of the others.
func complement(s simulate.Statistic) simulate.Statistic {
	other := simulate.Statistic{Value: 1 - s.Value, Level: s.Level}
	if s.Low != nil && s.High != nil {
		low, high := 1-*s.High, 1-*s.Low
		other.Low, other.High = &low, &high
	}
	return other
}

func (d *nodeDisk) find(ctx context.Context) error {
	own, err := d.ownSizes()
	if err != nil {
		return err
	}
	if d.disks, err = d.appDisks(); err != nil {
		return err
	}
	if d.largest, err = d.largestApp(); err != nil {
		return err
	}
	d.now = d.Scenario.Profile.Node.DiskGiB.Value
	const low = 1
	if most := d.opt.MostGiB; most != 0 && most < low+1 {
		return fmt.Errorf("%w: disks of at most %s are none to search among: give at least %s (--most-gib)", cachebench.ErrUnfit, reports.CapacityAmount(most, "GiB"), reports.CapacityAmount(low+1, "GiB"))
	}
	now, err := d.at(ctx, d.now)
	if err != nil {
		return err
	}
	defer d.curves()
	d.c.Headline = "Interrupted before a size was found. " + strings.TrimSuffix(d.nowWords(now), ".") + " of the starts pull nothing."
	if d.top, err = d.roomForAll(ctx); err != nil {
		return err
	}
	b := bracket{low: low, high: d.top, whole: true}
	if most := math.Floor(d.opt.MostGiB); most != 0 && most < d.top {
		d.bounded, b.high = true, most
	}
	pulls := d.missed()
	for _, x := range b.grid(probes) {
		if _, err := pulls.of(ctx, x); err != nil {
			return err
		}
	}
	largest := pulls.known[b.high]
	good := func(o *outcome) bool { return o.within(largest.Value + saturation) }
	enough, found, err := pulls.least(ctx, b, good)
	if err != nil {
		return err
	}
	monotone := true
	if found {
		if enough, monotone, err = pulls.steady(ctx, b, enough, good); err != nil {
			return err
		}
		d.enough = enough
	}
	d.answerOf(now)
	if !monotone {
		d.c.Doubts = append(d.c.Doubts, "More disk does not always bring more hits here: what is evicted when changes with it. The size named is the least above which all that were tried are enough.")
	}
	if err := d.limit(ctx, b, now); err != nil {
		return err
	}
	if len(own) > 0 {
		d.c.Doubts = append(d.c.Doubts, "Node classes that state their own node.diskGiB keep it, whatever is tried: "+list(own)+".")
	}
	if doubt := d.windowDoubt(); doubt != "" {
		d.c.Doubts = append(d.c.Doubts, doubt)
	}
	if err := d.hold(ctx); err != nil {
		return err
	}
	return d.breakEvens()
}

// windowDoubt is about older versions of images, of which a short window sees few beside those
// that are current; empty where there are none.
func (d *nodeDisk) windowDoubt() string {
	window := cmp.Or(d.Scenario.Window, 24*time.Hour)
	releasing := slices.ContainsFunc(d.apps(), func(app workload.App) bool { return onPool(app) && app.ReleasesPerMonth > 0 })
	if !releasing || window >= workload.Month/3 || len(d.Scenario.Bursts) > 0 {
		return ""
	}
	return fmt.Sprintf("Older versions of released images take room until they are evicted, and a window of %.3g days sees few of them: --window 30d sees those of a month.", window.Hours()/24)
}

// roomForAll is a size of disks on which nothing is evicted, so that a larger one brings
// nothing: all images of a pool, unpacked and their blobs where the runtime keeps them, below
// the kubelet's high mark; more where older versions stand beside them.
func (d *nodeDisk) roomForAll(ctx context.Context) (float64, error) {
	least := 2.0
	for i := range d.Scenario.Workload.NodePools {
		pool := &d.Scenario.Workload.NodePools[i]
		class, own, err := d.classOf(pool)
		if err != nil {
			return 0, err
		}
		references := pool.References()
		for _, app := range d.apps() {
			if app.NodePool == pool.Name {
				references = append(references, app.AllImages()...)
			}
		}
		if high := class.Node.HighFraction.Value; !own && high > 0 {
			least = max(least, math.Ceil(float64(d.onDisk(class, references))/high/(1<<30)))
		}
	}
	for x := least; ; x *= 2 {
		p, err := d.at(ctx, x)
		if err != nil {
			return 0, err
		}
		const most = 1 << 8 // times as much
		if p.evicted == 0 {
			return x, nil
		} else if x >= most*least {
			d.c.Doubts = append(d.c.Doubts, fmt.Sprintf("Images are evicted on disks of %s too, the largest that were tried: more may bring more.", reports.CapacityAmount(x, "GiB")))
			return x, nil
		}
	}
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

// hitsFigure is a share of starts as a report has it.
func hitsFigure(name string, s simulate.Statistic) reports.CapacityFigure {
	return reports.CapacityFigure{Name: name, Unit: reports.UnitFraction, Value: s.Value, Low: s.Low, High: s.High}
}

func hitsWords(s simulate.Statistic) string {
	f := hitsFigure("", s)
	return f.Words()
}

// nowWords say what the disks that there are come to.
func (d *nodeDisk) nowWords(now *diskPlay) string {
	words := fmt.Sprintf("Now %s: %s", reports.CapacityAmount(d.now, "GiB"), hitsWords(now.hits))
	if d.bounded && d.now > d.opt.MostGiB {
		words += ", on more disk than --most-gib has"
	}
	return words + "."
}

func (d *nodeDisk) answerOf(now *diskPlay) {
	size := func(gib float64) string { return reports.CapacityAmount(gib, "GiB") }
	if d.largest.gib > 0 {
		d.c.Figures = append(d.c.Figures, reports.CapacityFigure{Name: "least disk that holds the images of " + d.largest.app, Unit: "GiB", Value: d.largest.gib})
	}
	all := d.sizes[d.top]
	within := ""
	if d.bounded {
		within = fmt.Sprintf("within --most-gib (%s)", size(d.opt.MostGiB))
	}
	answer, name := "", "least disk that is enough"
	if d.enough > 0 {
		at := d.sizes[d.enough]
		// What bounds the search bounds the answer, unless more brings nothing either.
		short := d.bounded && complement(at.hits).Value > complement(all.hits).Value+saturation
		answer = fmt.Sprintf("Disks of %s are enough: %s of the starts pull nothing, and larger disks bring at most %s more.",
			size(d.enough), hitsWords(at.hits), reports.CapacityAmount(saturation, reports.UnitFraction))
		if short {
			name += " " + within
			answer = fmt.Sprintf("%s disks of %s do as well as any, but for %s: %s of the starts pull nothing. On disks of %s, on which nothing is evicted, %s would.",
				upperFirst(within), size(d.enough), reports.CapacityAmount(saturation, reports.UnitFraction), hitsWords(at.hits), size(d.top), hitsWords(all.hits))
		}
	}
	switch {
	case now.never > 0 || now.Summary == nil:
		tooSmall := "some starts"
		if !d.largest.fits(d.now) {
			tooSmall = "the images of " + d.largest.app
			d.c.Sentences = append(d.c.Sentences, "The "+d.largest.words()+".")
		}
		d.c.Headline = fmt.Sprintf("Disks of %s, as they are, are too small for %s: %s of the starts are never ready, and %s pull nothing.",
			size(d.now), tooSmall, reports.CapacityAmount(now.never, reports.UnitFraction), hitsWords(now.hits))
		if d.enough == 0 && d.bounded {
			d.c.Headline += " So are all that were tried, " + within + "."
		} else if d.enough == 0 {
			d.c.Headline += " So are all that were tried."
		} else {
			d.c.Headline += " " + answer
		}
	case d.enough == 0:
		d.c.Headline = fmt.Sprintf("All disks %s are too small for the images of %s. %s", within, d.largest.app, d.nowWords(now))
		d.c.Sentences = append(d.c.Sentences, "The "+d.largest.words()+".")
	default:
		d.c.Headline = answer + " " + d.nowWords(now)
		if d.enough <= d.largest.gib {
			d.c.Sentences = append(d.c.Sentences, "No smaller one is: the "+d.largest.words()+".")
		}
	}
	if complement(all.hits).Value > saturation {
		d.c.Sentences = append(d.c.Sentences, fmt.Sprintf("On disks of %s nothing is evicted, and %s of the starts still pull: what they need is new on its node, after a fresh node or a release.", size(d.top), hitsWords(complement(all.hits))))
	}
	d.figuresOf("now", now)
	if d.enough > 0 {
		d.figuresOf("on disks of "+size(d.enough), d.sizes[d.enough])
		d.c.Figures = append(d.c.Figures, reports.CapacityFigure{Name: name, Unit: "GiB", Value: d.enough})
	}
	if d.top != d.enough {
		d.c.Figures = append(d.c.Figures, hitsFigure("starts that pull nothing, on disks of "+size(d.top)+", on which nothing is evicted", all.hits))
	}
}

func upperFirst(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// figuresOf puts what disks of a size come to among the figures.
func (d *nodeDisk) figuresOf(where string, p *diskPlay) {
	d.c.Figures = append(d.c.Figures, hitsFigure("starts that pull nothing, "+where, p.hits))
	if p.never > 0 {
		d.c.Figures = append(d.c.Figures, reports.CapacityFigure{Name: "starts that are never ready, " + where, Unit: reports.UnitFraction, Value: p.never})
	}
	if p.Summary == nil || p.never > 0 {
		return
	}
	for _, f := range sloFigures[:4] {
		d.c.Figures = append(d.c.Figures, (&outcome{Statistic: f.of(p.Summary)}).figure(f.name+" "+where, reports.UnitSeconds, nil))
	}
	d.c.Figures = append(d.c.Figures, (&outcome{Statistic: p.EvictedImages}).figure("images evicted "+where, "images", nil))
}

// limit judges the limit, and finds the least disk that keeps it.
func (d *nodeDisk) limit(ctx context.Context, b bracket, now *diskPlay) error {
	f, _, asked := d.opt.SLO.figure()
	if !asked {
		return nil
	}
	limit := d.opt.SLO.Limit.Seconds()
	as := outcome{never: now.Summary == nil || now.never > 0}
	if !as.never {
		as.Statistic = f.of(now.Summary)
	}
	d.c.Verdict = judge(&as, limit)
	n, monotone, err := d.response(f).need(ctx, b, limit)
	if err != nil {
		return err
	}
	n.Parameter, n.Unit, n.Now = "node.diskGiB", "GiB", &d.now
	d.c.Needs = append(d.c.Needs, *n)
	words := "no size of disk keeps it; what pulls is new on its node (fresh nodes, releases), or waits for what no disk brings"
	switch all := d.sizes[d.top]; {
	case n.Need != nil:
		d.keeps = *n.Need
		words = "the least disk that keeps it is " + reports.CapacityAmount(*n.Need, "GiB")
	case d.bounded:
		words = "no size within --most-gib keeps it"
		if all.Summary != nil && f.of(all.Summary).Value <= limit {
			words += fmt.Sprintf(", and %s would, on which nothing is evicted", reports.CapacityAmount(d.top, "GiB"))
		}
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

// named is the size that the answer names; 0 where it names none.
func (d *nodeDisk) named() float64 {
	if d.keeps > 0 {
		return d.keeps
	}
	return d.enough
}

// curves are hits and times by size, of all sizes that were simulated.
func (d *nodeDisk) curves() {
	curve := func(name, unit, title string, named float64, limit *float64, of func(*diskPlay) outcome) {
		k := reports.CapacityCurve{Title: title, Parameter: "node.diskGiB", XUnit: "GiB", Figure: name, YUnit: unit, Now: &d.now, Limit: limit}
		if named > 0 {
			k.Named = &named
		}
		r := &response{known: make(map[float64]outcome)}
		for x, p := range d.sizes {
			r.known[x] = of(p)
		}
		k.Points = r.points()
		if len(k.Points) > 1 {
			if unit == reports.UnitFraction { // more of it is better
				for x, o := range r.known {
					r.known[x] = outcome{Statistic: complement(o.Statistic)}
				}
			}
			k.NotMonotone = !r.falls(bracket{low: k.Points[0].X, high: k.Points[len(k.Points)-1].X})
		}
		d.c.Curves = append(d.c.Curves, k)
	}
	curve("starts that pull nothing", reports.UnitFraction, "Starts that pull nothing, by the size of disks", d.enough, nil, func(p *diskPlay) outcome {
		return outcome{Statistic: p.hits}
	})
	times := func(f figure, named float64, limit *float64) {
		curve(f.name, reports.UnitSeconds, "Time to ready, by the size of disks", named, limit, func(p *diskPlay) outcome {
			if p.Summary == nil || p.never > 0 {
				return outcome{never: true}
			}
			return outcome{Statistic: f.of(p.Summary)}
		})
	}
	if f, _, asked := d.opt.SLO.figure(); asked {
		limit := d.opt.SLO.Limit.Seconds()
		times(f, d.named(), &limit)
		return
	}
	// The mean moves with every hit, where quantiles stand still and jump.
	mean, _, _ := SLO{Figure: "mean"}.figure()
	times(mean, d.named(), nil)
}
