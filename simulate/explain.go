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
	// the change that shortens it most first.
	Levers []Lever `json:"levers,omitempty"`
}

// Explain simulates the first repeat of starts, which need no order, and says where
// the time of one of the app's starts went: the quantile in (0, 1] by nearest rank (of
// two as fast, the one requested first). Each lever is another simulation; opt.Workers of them run at
// once. It is an error if no start is of the app.
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
	typical, err := x.chosen(ctx, w)
	if err != nil {
		return nil, err
	}
	result, err := x.record(ctx, w, typical.start)
	if err != nil {
		return nil, err
	}
	if result.Ready != typical.ready {
		return nil, fmt.Errorf("explain app %s: it is ready after %v when it is looked at, else after %v; this is a fault of cachebench, please report it with the scenario", app, result.Ready, typical.ready)
	}
	if result.Levers, err = x.levers(ctx, result.Holds); err != nil {
		return nil, err
	}
	return result, nil
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
}

// errSeen stops a simulation of which nothing more is wanted.
var errSeen = errors.New("the rest is not wanted")

// chosen simulates until all starts of the app are ready, or void, and returns the
// quantile.
func (x *explaining) chosen(ctx context.Context, w *world) (ended, error) {
	all := make([]ended, 0, x.count)
	voids := 0
	var e *engine
	e = newEngine(w, x.opt, 0, func(i int, s *Startup) {
		switch {
		case s.App != x.app:
			return
		case s.Void != "":
			voids++
		default:
			all = append(all, ended{i, s.Ready})
		}
		if len(all)+voids == x.count {
			e.err = errSeen
		}
	})
	if err := e.run(ctx, x.starts); !errors.Is(err, errSeen) {
		return ended{}, cmp.Or(err, fmt.Errorf("explain app %s: %d of its %d starts became ready", x.app, len(all), x.count))
	}
	if len(all) == 0 {
		return ended{}, fmt.Errorf("explain app %s: none of its %d starts becomes ready in arm %s", x.app, x.count, x.opt.Arm)
	}
	slices.SortFunc(all, func(a, b ended) int { return cmp.Or(cmp.Compare(a.ready, b.ready), cmp.Compare(a.start, b.start)) })
	return all[max(1, int(math.Ceil(x.quantile*float64(len(all)))))-1], nil
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
	e.rec = &recorder{e: e, start: start, id: none, pulls: make(map[int32]*pullRecord), open: make(map[activityKey]int32)}
	if err := e.run(ctx, x.starts); !errors.Is(err, errSeen) {
		return nil, cmp.Or(err, fmt.Errorf("explain app %s: its start did not become ready", x.app))
	}
	result.Holds = e.rec.holds
	return result, nil
}

// levers tries what could shorten the holds.
func (x *explaining) levers(ctx context.Context, holds []Hold) ([]Lever, error) {
	tried := slices.DeleteFunc(leversOf(x.profile), func(l *lever) bool { return !l.loosens(holds) })
	found := make([]Lever, len(tried))
	err := eachRepeat(len(tried), x.opt.Workers, func(i int) error {
		w, err := newChangedWorld(x.inv, x.profile, tried[i].change)
		if err != nil {
			return fmt.Errorf("explain app %s: %s %s: %w", x.app, tried[i].Parameter, tried[i].Change, err)
		}
		m, err := x.chosen(ctx, w)
		found[i] = tried[i].Lever
		found[i].Ready = m.ready
		return err
	})
	slices.SortStableFunc(found, func(a, b Lever) int { return cmp.Compare(a.Ready, b.Ready) })
	return found, err
}
