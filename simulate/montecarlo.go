package simulate

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cachebench/cachebench/layers"
)

// Result is what the repeats of one arm gave.
type Result struct {
	// Startups are one for each repeat and start, repeat by repeat in the order
	// of the starts; nil where no list was kept.
	Startups []Startup
	// Repeats are the statistics of each repeat.
	Repeats *Repeats
	// Observation is what happened over time; nil unless Options.Observe.
	Observation *Observation
}

// RunArm simulates starts, which need no order, and lists a startup for each and
// each repeat. It stops when ctx ends.
func RunArm(ctx context.Context, inv *layers.Inventory, profile *Profile, starts []Start, opt Options) (*Result, error) {
	w, err := newWorld(inv, profile)
	if err != nil {
		return nil, err
	}
	if err := w.checkOptions(&opt); err != nil {
		return nil, err
	}
	for i := range starts {
		if err := w.check(&starts[i]); err != nil {
			return nil, err
		}
	}
	repeats := max(1, opt.Repeats)
	if len(starts) > 0 && repeats > math.MaxInt32/len(starts) {
		return nil, fmt.Errorf("simulate: %d repeats of %d starts are more than fit into memory: use fewer, or StreamArm", repeats, len(starts))
	}
	startups := make([]Startup, repeats*len(starts))
	result, err := w.repeats(ctx, inRequestOrder(starts), &opt, func(repeat, i int, s *Startup) {
		startups[repeat*len(starts)+i] = s.clone()
	})
	if err != nil {
		return nil, err
	}
	result.Startups = startups
	return result, nil
}

// inRequestOrder goes through starts, with their places. Those of one instant are
// served by name, so that the order of the input changes nothing.
func inRequestOrder(starts []Start) iter.Seq2[int, *Start] {
	order := make([]int32, len(starts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return compareStarts(&starts[i], &starts[j]) })
	return func(yield func(int, *Start) bool) {
		for _, i := range order {
			if !yield(int(i), &starts[i]) {
				return
			}
		}
	}
}

// StreamArm simulates starts that come in order of their requests, as often as
// opt says, and keeps no list: what it needs is memory for the starts under way
// and for the statistics of each app. The sequence is gone through once for each
// repeat, by several goroutines at once. Its result is that of RunArm, without
// the Startups.
func StreamArm(ctx context.Context, inv *layers.Inventory, profile *Profile, starts iter.Seq[*Start], opt Options) (*Result, error) {
	w, err := newWorld(inv, profile)
	if err != nil {
		return nil, err
	}
	if err := w.checkOptions(&opt); err != nil {
		return nil, err
	}
	return w.repeats(ctx, inOrder(starts), &opt, func(int, int, *Startup) {})
}

// inOrder puts starts of one instant into the order in which RunArm serves them.
func inOrder(starts iter.Seq[*Start]) iter.Seq2[int, *Start] {
	return func(yield func(int, *Start) bool) {
		var same []Start
		n := 0
		hand := func() bool {
			slices.SortStableFunc(same, func(x, y Start) int { return compareStarts(&x, &y) })
			for i := range same {
				if !yield(n, &same[i]) {
					return false
				}
				n++
			}
			same = same[:0]
			return true
		}
		for s := range starts {
			if len(same) > 0 && same[0].Requested != s.Requested && !hand() {
				return
			}
			same = append(same, *s)
		}
		hand()
	}
}

// repeats simulates every repeat and sums it up; emit gets each startup, from
// several goroutines at once.
func (w *world) repeats(ctx context.Context, starts iter.Seq2[int, *Start], opt *Options, emit func(repeat, index int, s *Startup)) (*Result, error) {
	n := max(1, opt.Repeats)
	result := &Result{Repeats: NewRepeats(Simulated, opt.Arm, n)}
	observed := make([]observed, n)
	var lock sync.Mutex
	err := eachRepeat(n, opt.Workers, func(repeat int) error {
		var sums Accumulator
		var e *engine
		e = newEngine(w, opt, repeat, func(i int, s *Startup) {
			sums.Add(s)
			e.observer.ready(s)
			emit(repeat, i, s)
		})
		if opt.Observe {
			e.observer = newObserver(e)
		}
		if err := e.run(ctx, starts); err != nil {
			return err
		}
		observed[repeat] = e.observer.end(e)
		lock.Lock()
		defer lock.Unlock()
		return result.Repeats.Put(repeat, &sums)
	})
	if err != nil {
		return nil, err
	}
	if opt.Observe {
		result.Observation, err = observation(w, opt.Arm, observed)
	}
	return result, err
}

// eachRepeat calls do for every repeat from 0 to n-1, at most so many at once; 0
// workers are one for each processor. The error is that of the lowest repeat that
// fails, whatever the workers: those below it were all begun before it, and end.
func eachRepeat(n, workers int, do func(repeat int) error) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var wait sync.WaitGroup
	for range min(n, workers) {
		wait.Go(func() {
			for !failed.Load() {
				r := int(next.Add(1)) - 1
				if r >= n {
					return
				}
				if errs[r] = do(r); errs[r] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Add puts what an arm's repeats gave into the timeline: its startups, what they
// have in common, how much sooner they are ready than those of the arms before,
// and what happened over time. Before are the repeats of those arms, in order.
func (t *Timeline) Add(result *Result, before ...*Repeats) error {
	summaries, err := result.Repeats.Summaries()
	if err != nil {
		return err
	}
	if result.Startups == nil && len(summaries) > 0 {
		summaries[0].ReadyTimes = result.Repeats.ReadyTimes()
	}
	t.Startups = append(t.Startups, result.Startups...)
	t.Summaries = append(t.Summaries, summaries...)
	for _, base := range before {
		differences, err := Differences(base, result.Repeats)
		if err != nil {
			return err
		}
		t.Differences = append(t.Differences, differences...)
	}
	if result.Observation != nil {
		t.Observations = append(t.Observations, *result.Observation)
	}
	return nil
}

// Draws reports whether anything in the profile is drawn at random, so that
// repeats differ; without faults, which may make pulls fail that else do not.
func (p *Profile) Draws() bool {
	drawn := func(p *Profile) bool {
		return p.Network.ErrorFraction.Value > 0 || p.Pull.RequestOrder.Value == "race" ||
			slices.ContainsFunc(p.Values(), func(v Value) bool {
				if v.Name == "pull.retry.syncSeconds" && !p.Network.refuses() {
					return false // nothing fails, but by a fault
				}
				return strings.HasPrefix(v.Value, "lognormal") || strings.HasPrefix(v.Value, "uniform")
			})
	}
	for name := range p.NodeClasses {
		if c, err := p.Class(name); err == nil && drawn(c) {
			return true
		}
	}
	return drawn(p)
}
