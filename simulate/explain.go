package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// Explanation says where the time of one start went: the one of an app whose time
// to ready is a quantile of the first repeat.
type Explanation struct {
	Source string `json:"source" document:"required,enum=simulated"`
	Arm    string `json:"arm" document:"required"`
	App    string `json:"app" document:"required"`
	Node   string `json:"node,omitempty"`
	// QuantileFraction is 0.5 for the median of the app's Starts.
	QuantileFraction float64       `json:"quantileFraction"`
	Starts           int           `json:"starts"`
	Requested        time.Duration `json:"requestedSeconds"`
	Ready            time.Duration `json:"readySeconds"`
	// Holds partition Ready, in order of time: the start's critical path.
	Holds []Hold `json:"holds"`
	// Levers are what this quantile would be with one parameter changed,
	// the change that shortens it most first; of the starts of LeverRepeats repeats
	// together, of which Now is the quantile as it is. Several are needed where the
	// profile draws, so that a lever is not what one draw makes of it.
	Levers       []Lever       `json:"levers,omitempty"`
	LeverRepeats int           `json:"leverRepeats,omitempty"`
	Now          time.Duration `json:"nowSeconds,omitempty"`
	// Void says why nothing is told: no start of the app becomes ready.
	Void string `json:"void,omitempty"`
}

// Explain simulates the first repeat of starts, which need no order, and says where
// the time of one of the app's starts went: the quantile in (0, 1] by nearest rank (of
// two as fast, the one requested first). Each lever is another simulation; opt.Workers
// of them run at once. It is an error if no start is of the app.
func Explain(ctx context.Context, inv *layers.Inventory, profile *Profile, starts []Start, opt Options, app string, quantile float64) (*Explanation, error) {
	opt.Repeat, opt.Spans, opt.Observe = 0, nil, false
	w, err := newWorld(inv, profile)
	if err != nil {
		return nil, err
	}
	if err := w.checkOptions(&opt); err != nil {
		return nil, err
	}
	x := &explaining{inv: inv, profile: profile, starts: inRequestOrder(starts), opt: &opt, app: app, quantile: quantile}
	for i := range starts {
		if starts[i].App == app {
			x.count++
		}
	}
	if !(quantile > 0 && quantile <= 1) {
		return nil, fmt.Errorf("explain app %s: %g is no quantile above 0, up to 1", app, quantile)
	}
	if x.count == 0 {
		return nil, fmt.Errorf("explain app %s: no start of it is simulated in arm %s", app, opt.Arm)
	}
	typical, err := x.chosen(ctx, w, 1)
	var none *noneReady
	switch {
	case errors.As(err, &none):
		return &Explanation{Source: Simulated, Arm: opt.Arm, App: app, QuantileFraction: quantile, Starts: x.count, Void: none.why}, nil
	case err != nil:
		return nil, err
	}
	result, err := x.record(ctx, w, typical.start)
	if err != nil {
		return nil, err
	}
	result.Starts = typical.of
	if result.Ready != typical.ready {
		return nil, fmt.Errorf("explain app %s: it is ready after %v when it is looked at, else after %v; this is a fault of cachebench, please report it with the scenario", app, result.Ready, typical.ready)
	}
	if result.Levers, err = x.levers(ctx, result); err != nil {
		return nil, err
	}
	return result, nil
}

// repeatsOfLevers is over how many repeats a lever is tried: enough for 200 starts of
// the app, 20 at most, where the profile draws.
func (x *explaining) repeatsOfLevers() int {
	const enough, most = 200, 20
	if !x.profile.Draws() && len(x.opt.Faults) == 0 {
		return 1
	}
	return min(max(1, (enough+x.count-1)/x.count), most)
}

// explaining is what the simulations for one Explanation share.
type explaining struct {
	inv      *layers.Inventory
	profile  *Profile
	starts   iter.Seq2[int, *Start]
	opt      *Options
	app      string
	count    int // starts of the app
	quantile float64
}

// ended is one start of the app.
type ended struct {
	start int
	ready time.Duration
	of    int // among how many that became ready
}

// errSeen stops a simulation of which nothing more is wanted.
var errSeen = errors.New("the rest is not wanted")

// noneReady says that no start of the app becomes ready, and why.
type noneReady struct{ why string }

func (n *noneReady) Error() string { return "none becomes ready: " + n.why }

// chosen simulates so many repeats, each until all starts of the app are ready, or
// void, and returns the quantile of all.
func (x *explaining) chosen(ctx context.Context, w *world, repeats int) (ended, error) {
	all := make([]ended, 0, repeats*x.count)
	var old *engine
	for repeat := range repeats {
		voids, void, begun := 0, "", len(all)
		var e *engine
		e = newEngine(w, x.opt, repeat, func(i int, s *Startup) {
			switch {
			case s.App != x.app:
				return
			case s.Void != "":
				voids, void = voids+1, s.Void
			default:
				all = append(all, ended{start: i, ready: s.Ready})
			}
			if len(all)-begun+voids == x.count {
				e.err = errSeen
			}
		})
		if old != nil {
			e.reuse(old)
		}
		if err := e.run(ctx, x.starts); !errors.Is(err, errSeen) {
			return ended{}, cmp.Or(err, fmt.Errorf("explain app %s: %d of its %d starts became ready", x.app, len(all)-begun, x.count))
		}
		if len(all) == 0 {
			return ended{}, &noneReady{void}
		}
		old = e
	}
	slices.SortFunc(all, func(a, b ended) int { return cmp.Or(cmp.Compare(a.ready, b.ready), cmp.Compare(a.start, b.start)) })
	found := all[max(1, int(math.Ceil(x.quantile*float64(len(all)))))-1]
	found.of = len(all)
	return found, nil
}

// record simulates until one start is ready, and notes what held it up.
func (x *explaining) record(ctx context.Context, w *world, start int) (*Explanation, error) {
	result := &Explanation{Source: Simulated, Arm: x.opt.Arm, App: x.app, QuantileFraction: x.quantile, Starts: x.count}
	var e *engine
	e = newEngine(w, x.opt, 0, func(i int, s *Startup) {
		if i == start && e.err == nil {
			result.Node, result.Requested, result.Ready, e.err = s.Node, s.Requested, s.Ready, errSeen
		}
	})
	e.rec = newRecorders(e, start, x.nodeOf(start))
	if err := e.run(ctx, x.starts); !errors.Is(err, errSeen) {
		return nil, cmp.Or(err, fmt.Errorf("explain app %s: its start did not become ready", x.app))
	}
	result.Holds = e.rec.explained.holds
	return result, nil
}

// nodeOf is the name of a start's node; empty where it has an instance of its own.
func (x *explaining) nodeOf(start int) string {
	for i, s := range x.starts {
		if i == start {
			return s.Node
		}
	}
	return ""
}

// levers tries what could shorten the holds. One with which the simulation comes to
// no end, as when pulls then fail too often, is left out.
func (x *explaining) levers(ctx context.Context, result *Explanation) ([]Lever, error) {
	tried := slices.DeleteFunc(leversOf(x.profile), func(l *lever) bool { return !l.loosens(result.Holds) })
	found := make([]Lever, len(tried))
	repeats := x.repeatsOfLevers()
	w, err := newWorld(x.inv, x.profile)
	if err != nil {
		return nil, err
	}
	now, err := x.chosen(ctx, w, repeats)
	if err != nil {
		return nil, err
	}
	result.LeverRepeats, result.Now = repeats, now.ready
	err = eachRepeat(len(tried), x.opt.Workers, func(i int) error {
		w, err := newChangedWorld(x.inv, x.profile, tried[i].change)
		if err != nil {
			return fmt.Errorf("explain app %s: %s %s: %w", x.app, tried[i].Parameter, tried[i].Change, err)
		}
		m, err := x.chosen(ctx, w, repeats)
		if err == nil {
			found[i] = tried[i].Lever
			found[i].Ready = m.ready
		}
		return ctx.Err()
	})
	found = slices.DeleteFunc(found, func(l Lever) bool { return l.Parameter == "" })
	slices.SortStableFunc(found, func(a, b Lever) int { return cmp.Compare(a.Ready, b.Ready) })
	return found, err
}
