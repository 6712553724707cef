package calibrate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
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
	// setsLink: the experiment set the rate of a link.
	setsLink bool
	// gzipScale is how fast the arm's decoder is beside that of the base.
	gzipScale float64
	runs      []run
	// measured are the medians of the runs.
	measured outcome
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
	// total is the time until the last start of the run is ready.
	total float64
	// phases are of the only start, in the order of simulate.AllPhases; of starts
	// together they are unknown.
	phases [phases]float64
}

const phases = 9 // as many as simulate.AllPhases

func unknownOutcome() outcome {
	o := outcome{total: math.NaN()}
	for i := range o.phases {
		o.phases[i] = math.NaN()
	}
	return o
}

// outcomeOf is that of the startups of one run.
func outcomeOf(startups []*simulate.Startup) outcome {
	o := unknownOutcome()
	first, last := startups[0].Requested, time.Duration(0)
	for _, s := range startups {
		first, last = min(first, s.Requested), max(last, s.Requested+s.Ready)
	}
	o.total = (last - first).Seconds()
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

// medianOutcome takes the median of each figure by itself.
func medianOutcome(list []outcome) outcome {
	o := unknownOutcome()
	o.total = medianOf(list, func(x *outcome) float64 { return x.total })
	for i := range o.phases {
		o.phases[i] = medianOf(list, func(x *outcome) float64 { return x.phases[i] })
	}
	return o
}

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

// simulate replays the arm on its profile with v; readyOf are the programs' own
// times to ready.
func (c *cell) simulate(ctx context.Context, all *[parameters]parameter, v *values, ready readiness, opt simulate.Options) (outcome, error) {
	p := c.profileWith(all, v)
	repeats := opt.Repeats
	if !p.Draws() {
		repeats = 1
	}
	opt.Arm, opt.Repeats, opt.NewNodes = c.arm, repeats, c.nodes
	starts := c.starts
	if c.knowsReady {
		starts = slices.Clone(starts)
		for i := range starts {
			if d, ok := ready[starts[i].App]; ok {
				starts[i].Ready = &d
			}
		}
	}
	startups, err := simulate.Run(ctx, c.inv, p, starts, opt)
	if err != nil {
		return outcome{}, fmt.Errorf("arm %s: %w", c.arm, err)
	}
	outcomes := make([]outcome, repeats)
	for k := range outcomes {
		of := make([]*simulate.Startup, len(starts))
		for i := range of {
			of[i] = &startups[k*len(starts)+i]
			if of[i].Void != "" {
				return outcome{}, &voidError{c.arm, of[i].Void}
			}
		}
		outcomes[k] = outcomeOf(of)
	}
	return medianOutcome(outcomes), nil
}

type voidError struct{ arm, why string }

func (e *voidError) Error() string {
	return "arm " + e.arm + " was measured, but its simulation never becomes ready: " + e.why
}

// readiness is the program's own time to ready of each app.
type readiness map[string]time.Duration

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
