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
	// Disturbance is what Options.Faults did to the starts; nil without any. Each
	// repeat is then simulated without them first, which takes 8 bytes a start.
	Disturbance *Disturbance
	// Explanations are the caller's, for Timeline.Add.
	Explanations []Explanation

	// What Observation and Disturbance are made of, repeat by repeat.
	links    []namedLink
	observed []observed
	met      []*disturbed
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
	if opt.Observe {
		result.links, result.observed = w.linkNames(opt.Faults), make([]observed, n)
	}
	if len(opt.Faults) > 0 {
		result.met = make([]*disturbed, n)
	}
	var lock sync.Mutex
	var spare []*engine // as many as ran at once
	if opt.Memory != nil {
		spare = opt.Memory.engines
		defer func() { opt.Memory.engines = spare }()
	}
	err := eachRepeat(n, opt.Workers, func(k int) error {
		lock.Lock()
		var old *engine
		if last := len(spare) - 1; last >= 0 {
			old, spare = spare[last], spare[:last]
		}
		lock.Unlock()
		sums, e, err := w.repeat(ctx, starts, opt, k, old, result, emit)
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		spare = append(spare, e)
		return result.Repeats.Put(k, sums)
	})
	if err != nil {
		return nil, err
	}
	return result, result.conclude(opt.Arm)
}

// repeat simulates the k-th of the repeats asked for, in the memory of an engine
// that has ended, unless that is nil. It returns its own.
func (w *world) repeat(ctx context.Context, starts iter.Seq2[int, *Start], opt *Options, k int, old *engine, result *Result, emit func(repeat, index int, s *Startup)) (*Accumulator, *engine, error) {
	var met *disturbed
	if result.met != nil {
		var err error
		if met, err = w.undisturbed(ctx, starts, opt, opt.Repeat+k); err != nil {
			return nil, nil, err
		}
		result.met[k] = met
	}
	sums, told := &Accumulator{}, teller{to: opt.Progress}
	var e *engine
	e = newEngine(w, opt, opt.Repeat+k, func(i int, s *Startup) {
		if met != nil {
			met.add(i, s)
		}
		sums.Add(s)
		e.observer.ready(s)
		emit(k, i, s)
		told.ready()
	})
	if old != nil {
		e.reuse(old)
	}
	if opt.Observe {
		e.observer = newObserver(e)
	}
	if err := e.run(ctx, starts); err != nil {
		return nil, nil, err
	}
	told.rest()
	if opt.Observe {
		result.observed[k] = e.observer.end(e)
	}
	if met != nil {
		met.without = nil
	}
	return sums, e, nil
}

// conclude puts together what was observed of the repeats.
func (r *Result) conclude(arm string) (err error) {
	if r.met != nil {
		r.Disturbance = disturbance(arm, r.met)
	}
	if r.observed != nil {
		r.Observation, err = observation(arm, r.links, r.observed)
	}
	return err
}

// RunEach simulates the repeats that opt asks for, each with starts of its own, in
// the way of opt.Workers: do simulates one, with the Options that it is given. Its
// result is theirs together; Startups are repeat by repeat. Where same is not nil, it says
// of each repeat the first that has the same result, which is simulated for both; nothing is
// observed then.
func RunEach(opt Options, same []int, do func(opt Options) (*Result, error)) (*Result, error) {
	n := max(1, opt.Repeats)
	results := make([]*Result, n)
	err := eachRepeat(n, opt.Workers, func(k int) (err error) {
		if same != nil && same[k] != k {
			return nil
		}
		one := opt
		one.Repeats, one.Repeat, one.Workers = 1, opt.Repeat+k, 1
		results[k], err = do(one)
		return err
	})
	if err != nil {
		return nil, err
	}
	all := &Result{Repeats: NewRepeats(Simulated, opt.Arm, n), links: results[0].links, Explanations: results[0].Explanations}
	for k, r := range results {
		if same != nil {
			r = results[same[k]]
		}
		first := len(all.Startups)
		all.Startups = append(all.Startups, r.Startups...)
		for i := range all.Startups[first:] {
			all.Startups[first+i].Repeat = opt.Repeat + k
		}
		all.observed, all.met = append(all.observed, r.observed...), append(all.met, r.met...)
		all.Repeats.take(k, r.Repeats)
	}
	return all, all.conclude(opt.Arm)
}

// teller counts the starts of a repeat that are ready.
type teller struct {
	to  func(starts int)
	few int // not told yet
}

func (t *teller) ready() {
	if t.to == nil {
		return
	}
	if t.few++; t.few == 1024 {
		t.rest()
	}
}

func (t *teller) rest() {
	if t.few > 0 {
		t.to(t.few)
		t.few = 0
	}
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
// what faults did to them and what happened over time. Before are the repeats of those arms, in order.
func (t *Timeline) Add(result *Result, before ...*Repeats) error {
	summaries, err := result.Repeats.Summaries()
	if err != nil {
		return err
	}
	if result.Startups == nil {
		t.Voids = append(t.Voids, result.Repeats.Voids()...)
		if len(summaries) > 0 {
			summaries[0].ReadyTimes = result.Repeats.ReadyTimes()
		}
	}
	t.Startups = append(t.Startups, result.Startups...)
	t.Summaries = append(t.Summaries, summaries...)
	t.Explanations = append(t.Explanations, result.Explanations...)
	for _, base := range before {
		differences, err := Differences(base, result.Repeats)
		if err != nil {
			return err
		}
		t.Differences = append(t.Differences, differences...)
	}
	if result.Disturbance != nil {
		t.Disturbances = append(t.Disturbances, *result.Disturbance)
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
