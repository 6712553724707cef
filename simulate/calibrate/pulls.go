package calibrate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// A pull is one of which no more is known than its time and size, as a cluster's
// events tell it.
//
// What they tell of a profile: a pull takes a fixed time and a time for each byte.
// The fixed one is carried by network.requestSeconds, the only time of a pull besides
// the round trip that no layer's size changes and that is paid once a pull or nearly
// so. The time for each byte is fetching, inflating, writing and entries together, in
// a proportion that events do not tell; so it is the base's proportion, and one
// factor holds for all rates of a pull and for the times of layers and entries. To
// put all into the network instead would fail wherever unpacking by the base alone
// takes longer than the pull did, and would make a cached start's unpacking free.
type pull struct {
	image   string
	at      int // of the inventory of pulls
	bytes   int64
	seconds float64
	fold    int
	half    int
}

// pullModel is what a pull takes on the base: scaled seconds that the factor
// divides, answers that are waited for, and fixed seconds.
type pullModel struct{ scaled, answers, fixed float64 }

func (d *Data) addPulls(t *simulate.Timeline) error {
	for i := range t.Startups {
		s := &t.Startups[i]
		if s.Source != simulate.Measured || s.Arm == simulate.ArmStart { // whole starts hold the pulls again
			continue
		}
		took, known := s.Phases.Of(simulate.Pull)
		switch {
		case s.Void != "":
			d.runs++
			d.voidRuns++
		case !known || took <= 0 || len(s.Images) == 0: // it was present
			d.present++
		case s.FetchedBytes <= 0:
			d.noSize++
		default:
			d.runs++
			d.startups++
			d.pulls = append(d.pulls, &pull{image: s.Images[0], bytes: s.FetchedBytes, seconds: took.Seconds()})
		}
	}
	if d.known == nil {
		if d.known = t.Measurement.Inventory; d.opt.Inventory != nil {
			d.known = d.opt.Inventory
		}
	}
	return nil
}

// dealPulls gives each image a fold, and makes the inventory of what was pulled:
// with its layers where they are known, else as one layer.
func (d *Data) dealPulls(random *rand.Rand) {
	if len(d.pulls) == 0 {
		return
	}
	var names []string
	for _, p := range d.pulls {
		if n := len(names); n == 0 || names[n-1] != p.image {
			names = append(names, p.image)
		}
	}
	place := random.Perm(len(names))
	folds := min(d.opt.Folds, len(names))
	d.pulled = &layers.Inventory{}
	known := d.known
	var own *ownImages
	if known != nil {
		own = &ownImages{from: known.Estimated(), to: d.pulled, images: make(map[int]int), layers: make(map[int]int)}
	}
	type sized struct {
		image string
		bytes int64
	}
	made := make(map[sized]int)
	k := -1
	for i, p := range d.pulls {
		if i == 0 || d.pulls[i-1].image != p.image {
			k++
		}
		p.fold, p.half = place[k]%folds, place[k]%2
		if own != nil {
			if at, err := find(own.from, p.image); err == nil {
				p.at = own.image(at)
				d.layered++
				continue
			}
		}
		key := sized{p.image, p.bytes}
		at, ok := made[key]
		if !ok {
			at = len(d.pulled.Images)
			made[key] = at
			d.pulled.Layers = append(d.pulled.Layers, layers.Layer{
				Digest: layers.Digest(fmt.Sprintf("pulled %d", at)), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: p.bytes,
			})
			d.pulled.Images = append(d.pulled.Images, layers.Image{
				Reference: p.image, Digest: layers.Digest(fmt.Sprintf("pulled image %d", at)), Layers: []int{len(d.pulled.Layers) - 1},
			})
		}
		p.at = at
	}
	d.pulled = d.pulled.Estimated()
	d.arms = len(names)
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

// pullNoise is how far each pull is from the median of the others of its image.
func (d *Data) pullNoise() []miss {
	var list []miss
	for from := 0; from < len(d.pulls); {
		to := from
		for to < len(d.pulls) && d.pulls[to].at == d.pulls[from].at {
			to++
		}
		c := &cell{arm: d.pulls[from].image}
		for _, p := range d.pulls[from:to] {
			c.runs = append(c.runs, run{outcome: outcome{total: p.seconds}})
		}
		list = append(list, c.noise(total)...)
		from = to
	}
	return list
}

// beginPulls is a Calibration of pulls before its errors.
func (d *Data) beginPulls() *Calibration {
	c := d.begin()
	c.Basis, c.Arms, c.MedianRate = "pulls", d.arms, math.Round(rateOf(d.pulls))
	if d.layered == len(d.pulls) {
		c.Basis = "images"
	} else {
		c.Doubts = append(c.Doubts, fmt.Sprintf("Of %d of %d pulls the layers are not known: each is taken for one layer of its size, with an estimated unpacked size, of which nothing was present.", len(d.pulls)-d.layered, len(d.pulls)))
	}
	c.Doubts = append(c.Doubts, "Events do not tell which layers of an image a node had already, nor what else was pulled meanwhile, nor fetching from unpacking.")
	if d.present > 0 {
		c.Doubts = append(c.Doubts, fmt.Sprintf("Starts that found their image present, %d of them, tell nothing of pulls.", d.present))
	}
	if d.noSize > 0 {
		c.Doubts = append(c.Doubts, fmt.Sprintf("Pulls of unknown size, %d of them, are left out.", d.noSize))
	}
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
	times, err := d.pullTimes(d.opt.Base)
	if err != nil {
		return nil, err
	}
	c.addScores("all", map[string][]miss{ByProfile: missesOf(d.pulls, times), ByBytes: d.byRate(d.pulls), Noise: d.pullNoise()}, ByProfile, ByBytes, Noise)
	c.Simulated = d.evaluations
	return c, ctx.Err()
}

// byRate predicts pulls by their bytes over the median rate of all.
func (d *Data) byRate(pulls []*pull) []miss {
	rate := rateOf(d.pulls)
	list := make([]miss, len(pulls))
	for i, p := range pulls {
		list[i] = miss{float64(p.bytes)/rate/p.seconds - 1, p.image}
	}
	return list
}

// fitPulls fits what pulls tell.
func (d *Data) fitPulls(ctx context.Context) (*Calibration, *simulate.Profile, error) {
	c := d.beginPulls()
	in, out := d.pulls, []*pull(nil)
	if d.opt.FitOn != nil {
		in = nil
		for _, p := range d.pulls {
			if d.opt.FitOn(Arm{Name: p.image, Class: ClassUnshaped, Cold: true, Half: p.half}) {
				in = append(in, p)
			} else {
				out = append(out, p)
			}
		}
		if len(in) == 0 || len(out) == 0 {
			return nil, nil, fmt.Errorf("%w: of %d pulls %d are to be fitted, and %d are left to check with: both need some", ErrNothing, len(d.pulls), len(in), len(out))
		}
		c.FittedArms = imagesIn(in)
	}
	models, err := d.models()
	if err != nil {
		return nil, nil, err
	}
	f, factor, fixed := d.decidePulls(in, models)
	source := fmt.Sprintf("%s, all rates of a pull by one factor %.3g, %d %% interval %.3g to %.3g", d.origin(len(in), "pulls"), f.factor, int(level*100), factor.low, factor.high)
	p := f.on(d, source)
	scores := map[string][]miss{ByBytes: d.byRate(d.pulls), Noise: d.pullNoise()}
	for by, profile := range map[string]*simulate.Profile{ByBase: d.opt.Base, ByFit: p} {
		times, err := d.pullTimes(profile)
		if err != nil {
			return nil, nil, err
		}
		scores[by] = missesOf(d.pulls, times)
		if by == ByFit && out != nil {
			scores[ByHeldOut] = missesOf(out, times)
		}
	}
	if out == nil {
		if scores[ByHeldOut], err = d.heldOutPulls(c, models); err != nil {
			return nil, nil, err
		}
	}
	c.addScores("all", scores, ByBase, ByFit, ByHeldOut, ByBytes, Noise)
	c.Parameters, c.Factor = d.pullParameters(f, p, factor, fixed), &Factor{digits(f.factor), digits(factor.low), digits(factor.high)}
	c.Profile, c.Simulated = p.Name, d.evaluations
	return c, p, errorOf(ctx, p)
}

func errorOf(ctx context.Context, p *simulate.Profile) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.Validate()
}

func imagesIn(pulls []*pull) int {
	var names []string
	for _, p := range pulls {
		if !slices.Contains(names, p.image) {
			names = append(names, p.image)
		}
	}
	return len(names)
}

// heldOutPulls predicts each image by a fit to the others.
func (d *Data) heldOutPulls(c *Calibration, models []pullModel) ([]miss, error) {
	folds := min(d.opt.Folds, d.arms)
	if folds < 2 {
		c.Doubts = append(c.Doubts, "All pulls are of one image: the error of the fit is on what it was fitted to.")
		return nil, nil
	}
	c.Folds = folds
	var list []miss
	for k := range folds {
		var in, left []*pull
		for _, p := range d.pulls {
			if p.fold == k {
				left = append(left, p)
			} else {
				in = append(in, p)
			}
		}
		f, _, _ := d.decidePulls(in, models)
		times, err := d.pullTimes(f.on(d, ""))
		if err != nil {
			return nil, err
		}
		list = append(list, missesOf(left, times)...)
	}
	return list, nil
}

// pullParameters say what pulls tell of each parameter.
func (d *Data) pullParameters(f pullFit, p *simulate.Profile, factor, fixed interval) []Parameter {
	const (
		apart   = "events tell only how long a whole pull took"
		layered = "pulls with spans of layers: cachebench measure containerd or measure pull"
	)
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
		case i == request && f.told:
			low, high := digits(fixed.low), digits(fixed.high)
			x.Low, x.High = &low, &high
		case i == request:
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
