package cachebench

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
	"github.com/cachebench/cachebench/workload"
)

const (
	// maxPlannedStarts bounds the starts, and the pulls ahead of them, that are simulated
	// for each arm of a pool; of busier pools a part of the month is.
	maxPlannedStarts = 1_000_000
	// manyPulls at once are as good as any number.
	manyPulls = 1000
	// prePullApp is what the pods that pull ahead are called; no app can be.
	prePullApp = "\x00pre-pull"
)

// simulate plays the pool in an arm that holds these images, once.
func (p *poolPlanner) simulate(ctx context.Context, arm string, images []int) (*plan.PoolTimes, error) {
	key := fmt.Sprint(arm, images)
	if times := p.played[key]; times != nil {
		return times, nil
	}
	times, err := p.play(ctx, arm, images)
	if err == nil {
		p.played[key] = times
	}
	return times, err
}

func (p *poolPlanner) play(ctx context.Context, arm string, images []int) (*plan.PoolTimes, error) {
	j := p.armJob(arm, images)
	j.Scenario.Window = p.simulated()
	pools, starts, err := p.startsOf(ctx, j, arm, images)
	if err != nil {
		return nil, err
	}
	end := j.Scenario.window()
	times := &plan.PoolTimes{Span: end}
	var ready sketch.Times
	shown := 0
	opt := simulate.Options{Arm: arm, Seed: j.Scenario.Seed, NewNodes: pools.nodes}
	err = simulate.Stream(ctx, pools.inv, j.Scenario.Profile, starts, opt, func(_ int, s *simulate.Startup) {
		if percent := int(100 * s.Requested / end); p.tell != nil && percent > shown {
			shown = percent
			p.told(fmt.Sprintf("simulating arm %s: %d %% of %s", arm, percent, span(end)))
		}
		times.FetchedBytes += s.FetchedBytes
		if s.App == prePullApp || s.Void != "" {
			return
		}
		times.Starts++
		times.Ready += s.Ready
		for _, d := range []*time.Duration{s.Phases.Resolve, s.Phases.Fetch, s.Phases.Unpack} {
			if d != nil {
				times.Pull += *d
			}
		}
		ready.Add(s.Ready)
	})
	if err != nil {
		return nil, fmt.Errorf("simulate arm %s: %w", arm, err)
	}
	times.P99, _ = ready.Quantile(0.99)
	times.Limited = times.P99
	if f := p.job.Scenario.PlanOptions.LimitStartsFraction; f > 0 {
		times.Limited, _ = ready.Quantile(f)
	}
	times.Slowest, _ = ready.Max()
	return times, nil
}

// startsOf are the nodes of the pool in an arm that holds these images, and all starts there,
// with the pods that pull ahead among them, in order of time.
func (p *poolPlanner) startsOf(ctx context.Context, j *Job, arm string, images []int) (*pooled, iter.Seq[*simulate.Start], error) {
	pools, err := j.onPools(ctx, simulate.ArmWarm)
	if err != nil {
		return nil, nil, err
	}
	a := &poolArmPlay{planner: p, job: j, arm: arm, images: images, end: j.Scenario.window()}
	a.readReleases()
	ahead := a.prepare(pools.nodes)
	return pools, merged(slices.Values(ahead), pools.starts), nil
}

// armJob is the planner's job with what an arm changes, over the month.
func (p *poolPlanner) armJob(arm string, images []int) *Job {
	class, pool := *p.class, *p.pool
	var refs []string
	for _, i := range images {
		refs = append(refs, p.job.Inventory.Images[i].Reference)
	}
	switch arm {
	case plan.PoolParallel:
		class.Pull.MaxParallelPulls.Value = manyPulls
	case plan.PoolPrePull:
		pool.DaemonImages = slices.Concat(pool.DaemonImages, refs)
	case plan.PoolBaked:
		pool.Baked = slices.Concat(pool.Baked, refs)
	}
	return p.jobOn(p.job, &class, &pool)
}

// simulated is the part of the month that is simulated: all of it, or as many whole days
// as have few enough starts and pulls ahead, or less than one.
func (p *poolPlanner) simulated() time.Duration {
	var perMonth float64
	if life := p.pool.Lifetime(); life > 0 {
		perMonth += float64(p.pool.Count) * float64(workload.Month) / float64(life) * float64(len(p.job.Workload.References()))
	}
	for i := range p.job.Workload.Apps {
		app := &p.job.Workload.Apps[i]
		perMonth += app.StartsPerMonth() + app.ReleasesPerMonth*float64(p.pool.Count)
	}
	const day = 24 * time.Hour
	if perMonth <= p.mostStarts {
		return workload.Month
	}
	span := time.Duration(float64(workload.Month) * p.mostStarts / perMonth)
	if span > day {
		return span.Truncate(day)
	}
	return max(time.Minute, span.Truncate(time.Minute))
}

// poolArmPlay is what an arm does to nodes over time.
type poolArmPlay struct {
	planner  *poolPlanner
	job      *Job
	arm      string
	images   []int
	end      time.Duration
	releases []poolRelease
}

// poolRelease is a version that takes an image's place.
type poolRelease struct {
	at             time.Duration
	image, version int
}

// readReleases lists those within the window, in order, with the versions that they
// bring.
func (a *poolArmPlay) readReleases() {
	w := a.job.warm
	next := w.versions.next
	begin := a.job.Scenario.WindowStart
	for e := range a.job.simulated(func(app *workload.App) bool { return isPooled(app) && app.ReleasesPerMonth > 0 }) {
		if at := e.At - begin; e.Release && at >= 0 && at < a.end {
			a.releases = append(a.releases, poolRelease{at, w.apps[e.App].released, next[0]})
			next = next[1:]
		}
	}
}

// at are the arm's images as they are at a time.
func (a *poolArmPlay) at(t time.Duration) []int {
	images := slices.Clone(a.images)
	for _, r := range a.releases {
		if r.at > t {
			break
		}
		for k, image := range a.images {
			if image == r.image {
				images[k] = r.version
			}
		}
	}
	return images
}

// prepare gives nodes what the arm has on them, and returns the starts of the pods that
// pull ahead, in order of time.
func (a *poolArmPlay) prepare(nodes []simulate.NewNode) []*simulate.Start {
	if len(a.images) == 0 {
		return nil
	}
	own := a.planner.setup
	var ahead []*simulate.Start
	for i := range nodes {
		n := &nodes[i]
		if a.arm == plan.PoolBaked {
			if !n.Up {
				built := n.At - n.At%a.rebuild()
				n.Setup = &simulate.NodeSetup{Daemon: own.Daemon, Held: own.Held, Baked: slices.Concat(own.Baked, a.at(built))}
			}
			continue
		}
		if !n.Up {
			setup := own
			n.Setup = &setup
		} else {
			setup := *n.Setup
			setup.Daemon = own.Daemon
			setup.Held = slices.Concat(slices.DeleteFunc(slices.Clone(setup.Held), func(image int) bool { return slices.Contains(a.images, image) }), a.images)
			n.Setup = &setup
		}
		ahead = append(ahead, a.pods(n)...)
	}
	slices.SortStableFunc(ahead, func(x, y *simulate.Start) int { return cmp.Compare(x.Requested, y.Requested) })
	return ahead
}

func (a *poolArmPlay) rebuild() time.Duration {
	if h := a.planner.pool.RebuildHours; h > 0 {
		return time.Duration(h * float64(time.Hour))
	}
	return DefaultRebuild
}

// pods are the one that pulls when a node is made, and one for each release in its life.
// They run as long as it does.
func (a *poolArmPlay) pods(n *simulate.NewNode) []*simulate.Start {
	until := n.Until
	if until == 0 {
		until = a.end
	}
	pod := func(at time.Duration, images []int) *simulate.Start {
		return &simulate.Start{
			App: prePullApp, Requested: at, Images: images, PullPolicy: "IfNotPresent", Node: n.Name, NodeClass: n.NodeClass,
			Runtime: workload.Month * 12, Apart: true,
		}
	}
	pods := []*simulate.Start{pod(n.At, a.at(n.At))}
	for _, r := range a.releases {
		if r.at > n.At && r.at < until && slices.Contains(a.images, r.image) {
			pods = append(pods, pod(r.at, []int{r.version}))
		}
	}
	return pods
}
