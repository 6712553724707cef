package cachebench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// Defaults of plans for node pools.
const (
	// DefaultRebuild is assumed: vendors build the disks of nodes about once a week.
	DefaultRebuild = 7 * 24 * time.Hour
	// assumedFirstRead is how fast a disk made from a snapshot is read the first time
	// where the profile has no limit, for its disks are not made so: as profile eci
	// assumes of a PL1 disk of 20 GiB (eci §6 #14). Published figures go from 5 to 300
	// MiB/s (facts on pulls).
	assumedFirstRead network.Rate = 130e6
	// mostDiskGiB is more than the disk of any node.
	mostDiskGiB = 1 << 30
)

// poolPlanner plans for one node pool.
type poolPlanner struct {
	// job has the apps of the pool alone, and the pool alone, on its class of nodes.
	job   *Job
	pool  *workload.NodePool
	class *simulate.Profile
	// nodeClass is what the class is called in the profile.
	nodeClass string
	setup     simulate.NodeSetup
	// firstReadAssumed: the profile has none.
	firstReadAssumed bool

	inv       *layers.Inventory // with the lower parts of images
	estimator *simulate.Estimator
	// lower are, for each image, the numbers of its lower parts in inv, by their layers.
	lower map[int][]int
	err   error // of an estimate

	// counted are the pulls of a month as the pool is.
	counted *pullCounter
	// tell is told what is done; nil where nobody listens.
	tell func(what string)
	// mostStarts are simulated for each arm; played are the arms that were, by their images.
	mostStarts float64
	played     map[string]*plan.PoolTimes
}

// poolPlans are the plans of the node pools, with what was asked of each.
type poolPlans struct {
	pools    []plan.Pool
	planners []*poolPlanner
	problems []*plan.PoolProblem
	// leftOut names the pools that were not looked at.
	leftOut []string
}

// planPools says for each node pool that apps run on which images its nodes should hold.
// Some pulls are counted whatever time there is; limited ends the rest. Where ctx itself ends
// before the pulls of a pool are counted, the pool is left out.
func (j *Job) planPools(ctx, limited context.Context) (*poolPlans, error) {
	pools, err := j.pools()
	if err != nil {
		return nil, err
	}
	plans := &poolPlans{}
	for k := range pools {
		err := j.planPool(ctx, limited, &pools[k], plans)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			plans.leftOut = append(plans.leftOut, pools[k].Name)
		default:
			return nil, fmt.Errorf("node pool %s: %w", pools[k].Name, err)
		}
	}
	return plans, nil
}

func (j *Job) planPool(ctx, limited context.Context, pool *nodePool, plans *poolPlans) error {
	p, err := j.newPoolPlanner(pool)
	if err != nil {
		return err
	}
	p.told("counting its pulls")
	if p.counted, err = p.job.countPulls(ctx, limited, leastCounted); err != nil {
		return err
	}
	problem, err := p.problem(p.counted)
	if err != nil {
		return err
	}
	warning, err := p.lifetimeWarning(ctx, limited)
	if err != nil {
		return err
	}
	if warning != "" {
		problem.Warnings = append(problem.Warnings, warning)
	}
	answer, err := plan.ChoosePool(limited, *problem)
	if err := errors.Join(err, p.err); err != nil {
		return err
	}
	answer.NodeClass = p.nodeClass
	plans.pools, plans.planners, plans.problems = append(plans.pools, *answer), append(plans.planners, p), append(plans.problems, problem)
	return nil
}

// told tells what is being done for the pool.
func (p *poolPlanner) told(what string) {
	if p.tell != nil {
		p.tell(what)
	}
}

// newPoolPlanner has a job of its own, of the pool and its apps, over the whole month.
func (j *Job) newPoolPlanner(pool *nodePool) (*poolPlanner, error) {
	p := &poolPlanner{nodeClass: pool.NodeClass, setup: pool.setup, mostStarts: maxPlannedStarts, played: make(map[string]*plan.PoolTimes)}
	if j.Scenario.Progress != nil {
		p.tell = func(what string) { j.Scenario.progress("node pool %s: %s", pool.Name, what) }
	}
	class := *pool.class
	class.NodeClasses = nil
	if r := &class.Cache.FirstRead; r.Distribution == "" && r.Value == network.Unlimited {
		r.Value, p.firstReadAssumed = assumedFirstRead, true
	}
	p.class = &class
	spec := *pool.NodePool
	spec.NodeClass = ""
	p.pool = &spec
	p.job = p.jobOn(j, &class, &spec)
	return p, nil
}

// jobOn is a job of the apps of a pool, of which it takes the description given.
func (p *poolPlanner) jobOn(j *Job, class *simulate.Profile, pool *workload.NodePool) *Job {
	s := *j.Scenario
	s.Profile, s.Bursts, s.Faults, s.Progress = class, nil, nil, nil
	s.WindowStart, s.Window = 0, workload.Month
	job := *j
	job.Scenario, job.turn, job.told = &s, new(sync.Mutex), nil
	job.month, job.warm, job.crowded, job.played, job.repeat = nil, nil, nil, nil, 0
	job.Workload = workload.Workload{NodePools: []workload.NodePool{*pool}}
	for _, app := range j.Workload.Apps {
		if app.NodePool == pool.Name {
			job.Workload.Apps = append(job.Workload.Apps, app)
		}
	}
	s.Workload = &job.Workload
	return &job
}

// problem is what the planner is asked.
func (p *poolPlanner) problem(counted *pullCounter) (*plan.PoolProblem, error) {
	s := p.job.Scenario
	images, leftOut := p.candidates()
	if err := p.prepareEstimates(images); err != nil {
		return nil, err
	}
	placeOf := make(map[int]int, len(images))
	for place := range images {
		placeOf[images[place].Image] = place
	}
	node := &p.class.Node
	free := p.freeBytes(node.HighFraction.Value)
	budget, err := p.budget(free)
	if err != nil {
		return nil, err
	}
	rebuild := DefaultRebuild
	if h := p.pool.RebuildHours; h > 0 {
		rebuild = time.Duration(h * float64(time.Hour))
	}
	gap := DefaultGapFraction
	if g := s.PlanOptions.GapFraction; g != nil {
		gap = *g
	}
	return &plan.PoolProblem{
		Pool: p.pool, Inventory: p.job.Inventory, Images: images, Held: p.held(),
		Pulls: counted.pulls(p.job.Workload.Apps, placeOf), StartsPerMonth: counted.startsPerMonth(),
		DiskBudgetBytes: budget, FreeBytes: free, LowBytes: p.freeBytes(node.LowFraction.Value), KeepBlobs: p.class.Pull.KeepBlobs.Value, Rebuild: rebuild,
		FirstRead: p.class.FirstReadTime, PullTime: p.pullTime, Simulate: p.simulate, Parallel: p.class.Pull.MaxParallelPulls.Value < manyPulls,
		Prices: s.Prices, WorthPerHour: s.WorthPerHour, Limit: s.poolLimit(), LimitStartsFraction: s.PlanOptions.LimitStartsFraction,
		GapFraction: gap, Effort: s.PlanOptions.Effort, Points: s.PlanOptions.CurvePoints, More: s.PlanOptions.Sensitivity, Progress: p.tell,
		LeftOut: leftOut, Warnings: p.warnings(), Assumptions: p.assumptions(rebuild),
	}, nil
}

// poolLimit is within what the starts on node pools are to be ready: the limit of their own
// where there is one, else that of goal limit, as with the flag --limit; 0 is none.
func (s *Scenario) poolLimit() time.Duration {
	return cmp.Or(s.StartupLimit, s.PlanOptions.Limit)
}

// held are the images that new nodes have without a plan.
func (p *poolPlanner) held() []int {
	held := slices.Concat(p.setup.Baked, p.setup.Held)
	for _, pod := range p.setup.Daemon {
		held = append(held, pod...)
	}
	return held
}

// freeBytes are what the kubelet leaves for images beside those that new nodes have, up to
// a mark of the disk: the high one, above which it removes images, or the low one, down to
// which it does.
func (p *poolPlanner) freeBytes(markFraction float64) int64 {
	free := p.class.Node.DiskGiB.Value * (1 << 30) * markFraction
	size := p.job.Inventory.Union(p.held()...)
	free -= float64(size.UnpackedBytes)
	if p.class.Pull.KeepBlobs.Value {
		free -= float64(size.CompressedBytes)
	}
	return int64(max(0, min(free, 1<<62)))
}

// budget is the pool's own, else the scenario's, else what is free.
func (p *poolPlanner) budget(free int64) (int64, error) {
	gib := p.job.Scenario.DiskBudgetGiB
	if own := p.pool.DiskBudgetGiB; own != nil {
		gib = own
	}
	switch {
	case gib == nil:
		return free, nil
	case !(*gib > 0) || *gib > mostDiskGiB:
		return 0, fmt.Errorf("a disk budget of %v GiB: give more than 0, or none for what the kubelet leaves (%.1f GiB)", *gib, float64(free)/(1<<30))
	}
	return int64(*gib * (1 << 30)), nil
}

func (p *poolPlanner) warnings() []string {
	var list, moving []string
	if p.nodeClass == "" && p.class.OfECI() {
		list = append(list, fmt.Sprintf("Profile %s describes instances, not nodes that keep images: name the pool's nodeClass, or take --profile containerd.", p.class.Name))
	}
	for i := range p.job.Workload.Apps {
		app := &p.job.Workload.Apps[i]
		if app.ReleasesPerMonth > 0 && app.PullPolicy == "IfNotPresent" && asksAgain(&workload.App{}, app.Images[0]) {
			moving = append(moving, app.Name)
		}
	}
	if len(moving) > 0 {
		list = append(list, fmt.Sprintf("Tag latest with pull policy IfNotPresent: nodes that hold an older version run it after a release: %s.", few(moving)))
	}
	for i := range p.job.Inventory.Images {
		img := &p.job.Inventory.Images[i]
		if !layers.SamePlatform(img.Platform, p.pool.Platform) {
			list = append(list, fmt.Sprintf("Pull and bake for %s: the same references mean other images on other platforms.", p.pool.Platform))
			break
		}
	}
	return list
}

func (p *poolPlanner) assumptions(rebuild time.Duration) []string {
	count := "Pulls of node pools are counted: a month of starts is placed on the pool's nodes after another to warm up, nodes are replaced, versions released, and images evicted by the kubelet's rule; a start pulls what its node lacks."
	list := []string{count}
	var told []string
	for i := range p.job.Workload.Apps {
		if app := &p.job.Workload.Apps[i]; app.PulledFraction != nil {
			told = append(told, app.Name)
		}
	}
	if len(told) > 0 {
		list = append(list, "As many starts pull as a cluster told (pulledFraction), where the images are chosen; arms are simulated on what the replay gives: "+few(told)+".")
	}
	if c := p.counted; c != nil && c.played != workload.Month {
		list = append(list, fmt.Sprintf("The search was stopped before a month was counted: pulls and starts are those of %.3g days, after %.3g days to warm up, times what makes a month of them; releases at other times are not among them.", c.played.Hours()/24, (c.from+warmUp).Hours()/24))
	}
	if p.firstReadAssumed {
		list = append(list, fmt.Sprintf("A disk made from a snapshot is read at %.0f MB/s the first time: assumed, for the profile has no limit (cache.firstReadBytesPerSecond); measure it before you bake.", float64(assumedFirstRead)/1e6))
	}
	if p.pool.RebuildHours == 0 {
		list = append(list, fmt.Sprintf("Baked disks are built every %s: assumed (rebuildHours of the pool).", span(rebuild)))
	}
	if len(p.held()) > 0 {
		list = append(list, "What the pool's new nodes have already (baked, prePulled, daemonImages) is taken as given: it takes no more room.")
	}
	return list
}

// prepareEstimates adds the lower parts of images to an Inventory of the estimator's own.
func (p *poolPlanner) prepareEstimates(images []plan.PoolImage) error {
	inv := *p.job.Inventory
	inv.Images = slices.Clone(inv.Images)
	p.lower = make(map[int][]int, len(images))
	for _, x := range images {
		img := inv.Images[x.Image]
		parts := []int{-1}
		for n := 1; n <= len(img.Layers); n++ {
			part := img
			part.Layers = img.Layers[:n:n]
			parts = append(parts, len(inv.Images))
			inv.Images = append(inv.Images, part)
		}
		p.lower[x.Image] = parts
	}
	var err error
	p.inv = &inv
	p.estimator, err = simulate.NewEstimator(&inv, p.class)
	return err
}

// pullTime estimates one pull; its first error stays.
func (p *poolPlanner) pullTime(image, present int, held, again bool) time.Duration {
	start := &simulate.Start{App: "pull", Images: []int{image}, PullPolicy: "IfNotPresent"}
	if again {
		start.PullPolicy = "Always"
	}
	switch {
	case held:
		start.CacheID, start.Held = "held", []int{image}
	case present > 0:
		start.CacheID, start.Held = "held", []int{p.lower[image][present]}
	}
	e, err := p.estimator.Estimate(start)
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("estimate a pull of %s: %w", strings.TrimSpace(p.inv.Images[image].Reference), err)
	}
	return e.Pull
}
