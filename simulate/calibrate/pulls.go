package calibrate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// A pull is one of which no more is known than its time and size, as a cluster's
// events tell it.
//
// What they tell of a profile: a pull takes a fixed time and a time for each byte.
// The fixed one is pull.startSeconds, the runtime's own time for a pull, which is paid
// once whatever there is to fetch; to put it into the time of requests would make every
// layer of a real image pay for it. The time for each byte is fetching, inflating,
// writing and entries together, in a proportion that events do not tell; so it is the
// base's proportion, and one factor holds for all rates of a pull and for the times of
// layers and entries. To put all into the network instead would fail wherever unpacking
// by the base alone takes longer than the pull did, and would make a cached start's
// unpacking free.
type pull struct {
	image   string
	at      int // of the inventory of pulls
	bytes   int64
	seconds float64
	fold    int
	half    int
	// known may know the image's layers; nil where nothing does.
	known *layers.Inventory
}

// pullModel is what a pull takes on the base: scaled seconds that the factor
// divides, how often it pays the time of a pull's start, and fixed seconds.
type pullModel struct{ scaled, starts, fixed float64 }

func (d *Data) addPulls(f *File) error {
	t := f.Timeline
	origin := originOf(t.Measurement)
	known := t.Measurement.Inventory // what was pulled, where the timeline knows it
	if known == nil {
		known = d.opt.Inventory
	}
	behind := besideOthers(t.Startups)
	for i := range t.Startups {
		s := &t.Startups[i]
		if s.Source != simulate.Measured || s.Arm == simulate.ArmStart { // whole starts hold the pulls again
			continue
		}
		if d.again.isPullAgain(f.Name, origin, s) {
			continue
		}
		took, pulled := pullTime(s)
		switch {
		case s.Void != "":
			d.runs++
			d.voidRuns++
		case !pulled: // it was present
			d.present++
		case s.Unsized || s.FetchedBytes <= 0:
			d.noSize++
			if s.UnpackedBytes > 0 {
				d.unpacked++
			}
		case behind[i]:
			d.behind++
		default:
			d.runs++
			d.startups++
			d.pulls = append(d.pulls, &pull{image: s.Images[0], bytes: s.FetchedBytes, seconds: took.Seconds(), known: known})
		}
	}
	return nil
}

// pullTime is how long a startup that pulled something pulled.
func pullTime(s *simulate.Startup) (took time.Duration, pulled bool) {
	took, known := s.Phases.Of(simulate.Pull)
	return took, known && took > 0 && len(s.Images) > 0
}

// leastOverlap is what pulls overlap by at least to be known to. Events bear whole seconds:
// what is less than two of them is no overlap, and of two begins it is no order.
const leastOverlap = 2 * time.Second

// A pullTurn is when a startup, by its place, pulled on its node.
type pullTurn struct {
	from, to time.Duration
	at       int
}

// besideOthers says which pulls are left out for others of their node: a profile is
// compared with pulls on a node that does nothing else. Of two that overlap by more than
// two seconds that is the one that began while the other was under way and ended after
// it: its time may hold its wait for the other, where the event does not say how long it
// waited. But on a node where some pull lies within another (it begins two seconds later
// or more, and ends before it), which a kubelet that pulls in turn cannot show, each of
// two had a part of the other's link: there every pull that overlaps another by more than
// two seconds is left out, and every one that lies within another.
func besideOthers(startups []simulate.Startup) []bool {
	nodes := make(map[string][]pullTurn)
	for i := range startups {
		s := &startups[i]
		if s.Source != simulate.Measured || s.Arm == simulate.ArmStart || s.Void != "" || s.Node == "" {
			continue
		}
		if took, pulled := pullTime(s); pulled {
			nodes[s.Node] = append(nodes[s.Node], pullTurn{s.Requested, s.Requested + took, i})
		}
	}
	out := make([]bool, len(startups))
	for _, list := range nodes {
		slices.SortFunc(list, func(x, y pullTurn) int {
			return cmp.Or(cmp.Compare(x.to, y.to), cmp.Compare(x.from, y.from), cmp.Compare(x.at, y.at))
		})
		leaveBehind(list, out)
		leaveTogether(list, out)
	}
	return out
}

// leaveBehind leaves out the pulls of a node, in order of their end, that overlap one that
// ended before.
func leaveBehind(list []pullTurn, out []bool) {
	var end time.Duration // the last of pulls that are long enough to overlap, if there are
	long := false
	for _, x := range list {
		if long && end-x.from > leastOverlap {
			out[x.at] = true
		}
		if x.to-x.from > leastOverlap {
			end, long = x.to, true
		}
	}
}

// leaveTogether leaves out the pulls of a node, in order of their end, that lie within
// another; and where there are such, those that overlap one that ended after.
func leaveTogether(list []pullTurn, out []bool) {
	var overlapped []int
	within := false
	first := list[len(list)-1].from // when the first of those began that ended after
	for k := len(list) - 2; k >= 0; k-- {
		x := list[k]
		if x.from-first >= leastOverlap {
			out[x.at], within = true, true
		} else if x.to-max(first, x.from) > leastOverlap {
			overlapped = append(overlapped, x.at)
		}
		first = min(first, x.from)
	}
	if within {
		for _, at := range overlapped {
			out[at] = true
		}
	}
}

// dealPulls gives each image a fold, and makes the inventory of what was pulled:
// with its layers where they are known, else as one layer.
func (d *Data) dealPulls(random *rand.Rand) {
	if len(d.pulls) == 0 {
		return
	}
	d.arms = imagesIn(d.pulls)
	place := random.Perm(d.arms)
	folds := min(d.opt.Folds, d.arms)
	m := &pulledImages{to: &layers.Inventory{}, of: make(map[*layers.Inventory]*ownImages), made: make(map[sizedImage]int)}
	k := -1
	for i, p := range d.pulls {
		if i == 0 || d.pulls[i-1].image != p.image {
			k++
		}
		p.fold, p.half = place[k]%folds, place[k]%2
		var known, same bool
		if p.at, known, same = m.layered(p); known && same {
			d.layered++
			continue
		}
		if known {
			d.resized++
		}
		p.at = m.single(p)
	}
	d.pulled = m.to.Estimated()
}

// pulledImages makes the inventory of what was pulled.
type pulledImages struct {
	to   *layers.Inventory
	of   map[*layers.Inventory]*ownImages
	made map[sizedImage]int
}

type sizedImage struct {
	image string
	bytes int64
}

// layered is a pull's image with its layers, where they are known: same says whether
// they are of the size that was pulled. A tag that has moved since, or another platform,
// are other layers.
func (m *pulledImages) layered(p *pull) (at int, known, same bool) {
	if p.known == nil {
		return 0, false, false
	}
	own := m.of[p.known]
	if own == nil {
		own = &ownImages{from: p.known.Estimated(), to: m.to, images: make(map[int]int), layers: make(map[int]int)}
		m.of[p.known] = own
	}
	i, err := find(own.from, p.image)
	if err != nil {
		return 0, false, false
	}
	const most = 0.05 // manifests and configs are in one of the two sizes
	bytes := float64(own.from.Union(i).CompressedBytes)
	if math.Abs(bytes/float64(p.bytes)-1) > most {
		return 0, true, false
	}
	return own.image(i), true, true
}

// single is a pull's image as one layer of its size.
func (m *pulledImages) single(p *pull) int {
	key := sizedImage{p.image, p.bytes}
	at, made := m.made[key]
	if made {
		return at
	}
	at = len(m.to.Images)
	m.made[key] = at
	m.to.Layers = append(m.to.Layers, layers.Layer{
		Digest: layers.Digest(fmt.Sprintf("pulled %d", at)), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: p.bytes,
	})
	m.to.Images = append(m.to.Images, layers.Image{
		Reference: p.image, Digest: layers.Digest(fmt.Sprintf("pulled image %d", at)), Layers: []int{len(m.to.Layers) - 1},
	})
	return at
}

// missesOf are the errors of pulls predicted by the times of their images.
func missesOf(pulls []*pull, times []float64) []miss {
	list := make([]miss, len(pulls))
	for i, p := range pulls {
		list[i] = miss{times[p.at]/p.seconds - 1, p.image}
	}
	return list
}

// rateOf is the median of bytes over time of pulls.
func rateOf(pulls []*pull) float64 {
	rates := make([]float64, len(pulls))
	for i, p := range pulls {
		rates[i] = float64(p.bytes) / p.seconds
	}
	return median(rates)
}

// pullNoise is how far each pull is from the median of the others of its image. Pulls
// of one image stand together.
func pullNoise(pulls []*pull) []miss {
	var list []miss
	for from := 0; from < len(pulls); {
		var times []float64
		to := from
		for ; to < len(pulls) && pulls[to].at == pulls[from].at; to++ {
			times = append(times, pulls[to].seconds)
		}
		list = append(list, noiseOf(times, pulls[from].image)...)
		from = to
	}
	return list
}

// beginPulls is a Calibration of pulls before its errors.
func (d *Data) beginPulls() *Calibration {
	c := d.begin()
	c.Basis, c.Arms, c.MedianRate = "pulls", d.arms, math.Round(rateOf(d.pulls))
	doubt := func(n int, format string, values ...any) {
		if n > 0 {
			c.Doubts = append(c.Doubts, fmt.Sprintf(format, values...))
		}
	}
	if d.layered == len(d.pulls) {
		c.Basis = "images"
	}
	single := len(d.pulls) - d.layered
	doubt(single, "Of %d of %d pulls the layers are not known: each is taken for one layer of its size, with an estimated unpacked size, of which nothing was present.", single, len(d.pulls))
	doubt(d.resized, "Of %d of them the inventory's image is not of the size that was pulled, by more than 5 %%: its tag has moved, or it is of another platform.", d.resized)
	doubt(1, "Events do not tell which layers of an image a node had already, nor what else was pulled meanwhile, nor fetching from unpacking.")
	doubt(d.present, "Starts that found their image present, %d of them, tell nothing of pulls.", d.present)
	doubt(d.noSize, "Pulls of which it is not known how much they fetched, or in what time, %d of them, are left out.", d.noSize)
	doubt(d.behind, "Pulls beside another of their node, %d of them, are left out, for their times may hold a wait for it or a share of its link: of two that overlap by more than two seconds the one that began while the other was under way and ended after it; and where one lies within another, so that the node does not pull in turn, all that overlap another so long or lie within one.", d.behind)
	return c
}

func (c *Calibration) addScores(what string, scores map[string][]miss, order ...string) {
	s := Scored{What: what}
	for _, by := range order {
		if one, ok := score(by, scores[by]); ok {
			s.Scores = append(s.Scores, one)
		}
	}
	c.Totals = append(c.Totals, s)
}

// checkPulls says how wrong the base is of pulls.
func (d *Data) checkPulls(ctx context.Context) (*Calibration, error) {
	c := d.beginPulls()
	c.Base = ""
	times, err := d.pullTimes(ctx, d.opt.Base)
	if err != nil {
		return nil, err
	}
	c.addScores("all", map[string][]miss{ByProfile: missesOf(d.pulls, times), ByBytes: byRate(d.pulls, rateOf(d.pulls)), Noise: pullNoise(d.pulls)}, ByProfile, ByBytes, Noise)
	d.doubtOwnRuns(c)
	if err := d.checkCounts(ctx, c, d.opt.Base); err != nil {
		return nil, err
	}
	c.Simulated = d.evaluations
	return c, nil
}

// byRate predicts pulls by their bytes over one rate.
func byRate(pulls []*pull, bytesPerSecond float64) []miss {
	list := make([]miss, len(pulls))
	for i, p := range pulls {
		list[i] = miss{float64(p.bytes)/bytesPerSecond/p.seconds - 1, p.image}
	}
	return list
}

// fitPulls fits what pulls tell.
func (d *Data) fitPulls(ctx context.Context) (*Calibration, *simulate.Profile, error) {
	c := d.beginPulls()
	in, judged := d.pulls, d.pulls
	if d.opt.FitOn != nil {
		in, judged = nil, nil
		for _, p := range d.pulls {
			if d.opt.FitOn(Arm{Name: p.image, Class: ClassUnshaped, Cold: true, Half: p.half}) {
				in = append(in, p)
			} else {
				judged = append(judged, p)
			}
		}
		if len(in) == 0 || len(judged) == 0 {
			return nil, nil, fmt.Errorf("%w: of %d pulls %d are to be fitted, and %d are left to check with: both need some", ErrNothing, len(d.pulls), len(in), len(judged))
		}
		c.FittedArms = imagesIn(in)
	}
	models, err := d.models(ctx)
	if err != nil {
		return nil, nil, err
	}
	d.opt.Progress(fmt.Sprintf("fitting to %d pulls", len(in)))
	f, around, err := d.decidePulls(ctx, in, models, d.opt.Samples)
	if err != nil {
		return nil, nil, err
	}
	source := fmt.Sprintf("%s, all rates of a pull by one factor %.3g, %d %% interval %.3g to %.3g", d.origin(len(in), "pulls"), f.factor, int(level*100), around.factor.low, around.factor.high)
	p := f.on(d, source)
	byBase, err := d.pullTimes(ctx, d.opt.Base)
	if err != nil {
		return nil, nil, err
	}
	byFit, err := d.pullTimes(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	scores := map[string][]miss{ByBase: missesOf(judged, byBase), ByFit: missesOf(in, byFit), ByBytes: byRate(judged, rateOf(in)), Noise: pullNoise(judged)}
	if d.opt.FitOn != nil {
		scores[ByHeldOut] = missesOf(judged, byFit)
	} else {
		held, byBytes, err := d.heldOutPulls(ctx, c, models)
		if err != nil {
			return nil, nil, err
		}
		if scores[ByHeldOut] = held; held != nil {
			scores[ByBytes] = byBytes
		}
	}
	c.addScores("all", scores, ByBase, ByFit, ByHeldOut, ByBytes, Noise)
	c.Parameters, c.Factor = d.pullParameters(f, p, around), &Factor{digits(f.factor), digits(around.factor.low), digits(around.factor.high)}
	if err := d.checkCounts(ctx, c, p); err != nil {
		return nil, nil, err
	}
	c.Profile, c.Simulated = p.Name, d.evaluations
	return c, p, p.Validate()
}

// imagesIn counts the images of pulls, of which those of one stand together.
func imagesIn(pulls []*pull) int {
	n := 0
	for i, p := range pulls {
		if i == 0 || pulls[i-1].image != p.image {
			n++
		}
	}
	return n
}

// heldOutPulls predicts each image by a fit to the others.
func (d *Data) heldOutPulls(ctx context.Context, c *Calibration, models []pullModel) (held, byBytes []miss, err error) {
	folds := min(d.opt.Folds, d.arms)
	if folds < 2 {
		c.Doubts = append(c.Doubts, "All pulls are of one image: the error of the fit is on what it was fitted to.")
		return nil, nil, nil
	}
	c.Folds = folds
	for k := range folds {
		d.opt.Progress(fmt.Sprintf("fitting with some images left out: %d %% of %d fits", 100*k/folds, folds))
		var in, left []*pull
		for _, p := range d.pulls {
			if p.fold == k {
				left = append(left, p)
			} else {
				in = append(in, p)
			}
		}
		// What is asked of the intervals is only whether they are vague.
		const samples = 50
		f, _, err := d.decidePulls(ctx, in, models, min(samples, d.opt.Samples))
		if err != nil {
			return nil, nil, err
		}
		times, err := d.pullTimes(ctx, f.on(d, ""))
		if err != nil {
			return nil, nil, err
		}
		held, byBytes = append(held, missesOf(left, times)...), append(byBytes, byRate(left, rateOf(in))...)
	}
	return held, byBytes, nil
}

// pullParameters say what pulls tell of each parameter.
func (d *Data) pullParameters(f pullFit, p *simulate.Profile, around pullIntervals) []Parameter {
	const (
		apart   = "events tell only how long a whole pull took"
		layered = "pulls with spans of layers: cachebench measure containerd or measure pull"
	)
	factor := around.factor
	var list []Parameter
	for i := range d.all {
		base, now := d.all[i].get(d.opt.Base), d.all[i].get(p)
		x := Parameter{Name: d.all[i].name, Value: digits(now)}
		if math.IsInf(base, 1) {
			x.Value, x.Unlimited = 0, true
		} else {
			x.Base = &base
		}
		switch {
		case i == pullStart && f.told:
			low, high := digits(around.start.low), digits(around.start.high)
			x.Low, x.High = &low, &high
		case i == pullStart:
			x.CannotBeTold, x.Measure = "the fixed time of a pull is not told by pulls of so few or so similar sizes", "pulls of small images as well as of large ones"
		case now != base:
			low, high := digits(now*factor.low/f.factor), digits(now*factor.high/f.factor)
			if i == layer || i == file {
				low, high = digits(now*f.factor/factor.high), digits(now*f.factor/factor.low)
			}
			x.Low, x.High, x.Together = &low, &high, true
		case i == create || i == provision:
			x.CannotBeTold, x.Measure = "a pull ends before it", "starts of containers: cachebench measure containerd"
		default:
			x.CannotBeTold, x.Measure = apart, layered
		}
		list = append(list, x)
	}
	return list
}
