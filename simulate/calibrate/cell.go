package calibrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// Classes of arms, which are judged apart.
const (
	// ClassShaped: one start, behind a link that the experiment set.
	ClassShaped = "one pull, link set"
	// ClassUnshaped: one start, the link as it is.
	ClassUnshaped = "one pull, link open"
	// ClassPresent: one start of which everything was present.
	ClassPresent = "all present"
	// ClassTogether: several starts at once on one node.
	ClassTogether = "together, one node"
	// ClassNodes: starts on several nodes at once.
	ClassNodes = "several nodes"
)

// Classes lists the classes of arms.
func Classes() []string {
	return []string{ClassShaped, ClassUnshaped, ClassPresent, ClassTogether, ClassNodes}
}

// A cell is an arm: runs in the same conditions, with what it takes to simulate
// them.
type cell struct {
	arm, class string
	// images are what was started, shown names are of the timelines.
	images []string
	inv    *layers.Inventory // of the arm's own images
	starts []simulate.Start
	nodes  []simulate.NewNode
	kept   []int
	// profile is the base with what the experiment set; held says of which
	// parameters it set them, or of which the runs know nothing.
	profile *simulate.Profile
	held    [parameters]bool
	// set are the profile values that the experiment set, by group and key.
	set map[string]document.Raw
	// setsLink: the experiment set the rate of a link; dropped: it emptied the page cache.
	setsLink, dropped bool
	// gzipScale is how fast the arm's decoder is beside the one that is fitted.
	gzipScale float64
	runs      []run
	// ranked are seeds of draws by the makespan they lead to, of starts together.
	ranked []uint64
	// measured are the medians of the runs, spread how far each is from itself when
	// measured again, as a share of it.
	measured, spread outcome
	// knowsReady: its runs tell the program's own time to ready.
	knowsReady bool
	work       work
	// dealtBy names what goes together into folds (Options.FoldBy).
	dealtBy    string
	fold, half int
	// fitted: a fit that knew only some arms knew this one.
	fitted bool
}

// run is one run of an arm.
type run struct {
	startups []*simulate.Startup
	outcome  outcome
	at       time.Time
	file     string // the timeline's
}

// single says whether one start is all there is.
func (c *cell) single() bool { return len(c.starts) == 1 }

func (c *cell) public() Arm {
	return Arm{Name: c.arm, Class: c.class, Images: slices.Clone(c.images), Cold: len(c.kept) == 0, Half: c.half}
}

// shaped says whether the experiment set the rate of a link.
func (c *cell) shaped() bool { return c.setsLink && c.linkRate() < network.Unlimited }

// linkRate is the least stated rate of the links that all share.
func (c *cell) linkRate() network.Rate {
	n := &c.profile.Network
	rate := min(n.Registry.Value, n.Uplink.Value)
	if c.held[node] {
		rate = min(rate, n.Node.Value)
	}
	return rate
}

// outcome is what is compared: times in seconds, NaN where unknown.
type outcome struct {
	// total is the time until the last start of the run is ready, created until its
	// containers were created: without the programs' own time.
	total, created float64
	// phases are of the only start, in the order of simulate.AllPhases; of starts
	// together they are unknown.
	phases [phases]float64
	// bare is a prediction's that knows no time of the programs' own: total ends as
	// created does.
	bare bool
	// simulated is of how many runs it is, where they were.
	simulated int
}

const phases = 9 // as many as simulate.AllPhases

func unknownOutcome() outcome {
	o := outcome{total: math.NaN(), created: math.NaN()}
	for i := range o.phases {
		o.phases[i] = math.NaN()
	}
	return o
}

// outcomeOf is that of the startups of one run.
func outcomeOf(startups []*simulate.Startup) outcome {
	o := unknownOutcome()
	first, last, created := startups[0].Requested, time.Duration(0), time.Duration(0)
	for _, s := range startups {
		own, _ := s.Phases.Of(simulate.Ready)
		first, last, created = min(first, s.Requested), max(last, s.Requested+s.Ready), max(created, s.Requested+s.Ready-own)
	}
	o.total, o.created = (last - first).Seconds(), (created - first).Seconds()
	if len(startups) > 1 {
		return o
	}
	for i, phase := range simulate.AllPhases() {
		if d, known := startups[0].Phases.Of(phase); known {
			o.phases[i] = d.Seconds()
		}
	}
	return o
}

// against is a measured outcome as far as a prediction says anything of it.
func (o outcome) against(p *outcome) outcome {
	if p.bare {
		o.total = o.created
		o.phases[phase(simulate.Ready)] = math.NaN()
	}
	return o
}

// combined works out each figure of outcomes by itself.
func combined(list []outcome, of func([]float64) float64) outcome {
	figures := func(figure func(*outcome) float64) float64 {
		values := make([]float64, 0, len(list))
		for i := range list {
			if v := figure(&list[i]); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		return of(values)
	}
	o := outcome{
		total:   figures(func(x *outcome) float64 { return x.total }),
		created: figures(func(x *outcome) float64 { return x.created }),
	}
	for i := range o.phases {
		o.phases[i] = figures(func(x *outcome) float64 { return x.phases[i] })
	}
	return o
}

func medianOutcome(list []outcome) outcome { return combined(list, median) }

// spreadOutcome is the noise of each figure's median.
func spreadOutcome(list []outcome) outcome { return combined(list, sketch.MedianNoise) }

func medianOf[T any](list []T, of func(*T) float64) float64 {
	values := make([]float64, 0, len(list))
	for i := range list {
		if v := of(&list[i]); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return median(values)
}

// median is NaN of nothing; it sorts values.
func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile interpolates between the nearest values; it sorts them.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	at := q * float64(len(values)-1)
	i := int(at)
	if i+1 == len(values) {
		return values[i]
	}
	return values[i] + (at-float64(i))*(values[i+1]-values[i])
}

// phase is the place of a phase in an outcome.
func phase(p simulate.Phase) int { return slices.Index(simulate.AllPhases(), p) }

// profileWith is the arm's profile with parameters set to v.
func (c *cell) profileWith(all *[parameters]parameter, v *values) *simulate.Profile {
	p := *c.profile
	for i := range all {
		x := v[i]
		if math.IsNaN(x) || c.held[i] {
			continue
		}
		if i == gzip {
			x *= c.gzipScale
		}
		all[i].set(&p, all[i].clamp(x))
	}
	return &p
}

// simulate replays the arm on its profile with v; ready are the programs' own times
// to ready.
func (c *cell) simulate(ctx context.Context, all *[parameters]parameter, v *values, ready readiness, opt simulate.Options) (outcome, error) {
	p := c.profileWith(all, v)
	repeats := opt.Repeats
	if !p.Draws() {
		repeats = 1
	}
	opt.Arm, opt.NewNodes = c.arm, c.nodes
	own, bare := ready.of(c)
	starts := slices.Clone(c.starts)
	for i := range starts {
		starts[i].Ready = &own[i]
	}
	var outcomes []outcome
	draw := func(seed uint64, repeats int) error {
		opt.Seed, opt.Repeats = seed, repeats
		startups, err := simulate.Run(ctx, c.inv, p, starts, opt)
		if err != nil {
			return fmt.Errorf("arm %s: %w", c.arm, err)
		}
		for k := range repeats {
			of := make([]*simulate.Startup, len(starts))
			for i := range of {
				of[i] = &startups[k*len(starts)+i]
				if of[i].Void != "" {
					return &voidError{c.arm, of[i].Void}
				}
			}
			outcomes = append(outcomes, outcomeOf(of))
		}
		return nil
	}
	if c.ranked == nil || repeats == 1 {
		if err := draw(opt.Seed, repeats); err != nil {
			return outcome{}, err
		}
	} else {
		for k := range repeats {
			if err := draw(c.ranked[(2*k+1)*len(c.ranked)/(2*repeats)], 1); err != nil {
				return outcome{}, err
			}
		}
	}
	o := medianOutcome(outcomes)
	o.bare, o.simulated = bare, repeats
	return o, nil
}

// rankDraws ranks seeds of an arm of starts together by the makespan on the base. Which
// of several pulls begins the layers that they share is chance, and decides between
// makespans that lie far apart, so that the median of few draws would often be the wrong
// one of them; of ranked draws those are taken that lie evenly among all.
func (d *Data) rankDraws(ctx context.Context, c *cell) error {
	if c.class != ClassTogether || !c.profile.Draws() {
		return nil
	}
	const draws = 99
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x6472617773))
	v := unset()
	times := make(map[uint64]float64, draws)
	for range draws {
		seed := random.Uint64()
		o, err := c.simulate(ctx, &d.all, &v, nil, simulate.Options{Seed: seed, Repeats: 1, Workers: 1})
		if void := (*voidError)(nil); errors.As(err, &void) {
			c.ranked = nil // the base fails, of which the predictions on it tell
			return nil
		}
		if err != nil {
			return err
		}
		times[seed] = o.total
		c.ranked = append(c.ranked, seed)
	}
	slices.SortStableFunc(c.ranked, func(x, y uint64) int { return cmp.Compare(times[x], times[y]) })
	return nil
}

type voidError struct{ arm, why string }

func (e *voidError) Error() string {
	return "arm " + e.arm + " was measured, but its simulation never becomes ready: " + e.why
}

// readiness is the program's own time to ready of each app.
type readiness map[string]time.Duration

// of are the own times to ready of an arm's programs, start by start: none where its
// runs know of none. Where one of them is not known they are all taken for none, and
// what comes of it is bare.
func (r readiness) of(c *cell) (own []time.Duration, bare bool) {
	own = make([]time.Duration, len(c.starts))
	if !c.knowsReady {
		return own, false
	}
	for i := range c.starts {
		d, known := r[c.starts[i].App]
		if !known {
			return make([]time.Duration, len(c.starts)), true
		}
		own[i] = d
	}
	return own, false
}

// readinessFor is what a prediction of an arm may know of the programs' own times.
type readinessFor func(*cell) readiness

// always is the same for all arms.
func always(r readiness) readinessFor { return func(*cell) readiness { return r } }

// readinessOf are the medians of the runs of arms, a start at a time.
func readinessOf(cells []*cell) readiness {
	times := make(map[string][]float64)
	at := phase(simulate.Ready)
	for _, c := range cells {
		if !c.knowsReady {
			continue
		}
		if c.single() && !math.IsNaN(c.measured.phases[at]) {
			times[c.starts[0].App] = append(times[c.starts[0].App], c.measured.phases[at])
		}
	}
	ready := make(readiness, len(times))
	for app, list := range times {
		ready[app] = time.Duration(math.Round(median(list) * 1e9))
	}
	return ready
}

// work is what an arm's starts have to do, by the layers that are missing.
type work struct {
	// fetchBytes are compressed: of all nodes together, and of the node that has most.
	fetchBytes, nodeBytes int64
	// fetches are blobs, of one start the most.
	fetches int
	// unpacks are the layers of the start that has most to unpack, by position in the
	// inventory.
	unpacks [][]int
}

// workOf counts, node by node, layers whose chain is missing and is asked for by no
// start before.
func (c *cell) workOf() work {
	var w work
	chains := c.inv.Chains()
	byNode := make(map[string]int64)
	has := make(map[string]map[int]bool)
	blobs := make(map[string]map[int]bool)
	order := make([]int, len(c.starts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(c.starts[i].Requested, c.starts[j].Requested) })
	for _, i := range order {
		s := &c.starts[i]
		if has[s.Node] == nil {
			has[s.Node], blobs[s.Node] = make(map[int]bool), make(map[int]bool)
			for _, k := range c.kept {
				for j, l := range c.inv.Images[k].Layers {
					has[s.Node][chains.Images[k][j]] = true
					blobs[s.Node][l] = c.profile.Pull.KeepBlobs.Value
				}
			}
		}
		var unpack []int
		for _, image := range s.Images {
			for j, l := range c.inv.Images[image].Layers {
				if chain := chains.Images[image][j]; !has[s.Node][chain] {
					has[s.Node][chain] = true
					unpack = append(unpack, l)
					if !blobs[s.Node][l] {
						blobs[s.Node][l] = true
						byNode[s.Node] += c.inv.Layers[l].CompressedBytes
						w.fetches++
					}
				}
			}
		}
		w.unpacks = append(w.unpacks, unpack)
	}
	for _, bytes := range byNode {
		w.fetchBytes += bytes
		w.nodeBytes = max(w.nodeBytes, bytes)
	}
	return w
}
