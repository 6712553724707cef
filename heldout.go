package cachebench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// addHeldOut judges plans on what they were not made for, as the Scenario asks.
func (j *Job) addHeldOut(ctx context.Context, p *plan.Plan) error {
	opt := &j.Scenario.PlanOptions
	if opt.HoldOutFraction > 0 {
		h, err := j.heldOutStarts(ctx)
		if err != nil {
			return fmt.Errorf("hold out starts: %w", err)
		}
		p.HeldOut = append(p.HeldOut, *h)
	}
	switch {
	case opt.JudgeAt.IsZero():
	case len(p.Caches) == 0:
		p.Assumptions = append(p.Assumptions, "Nothing is judged on later tags: the plan builds no cache.")
	default:
		h, err := j.heldOutTags(ctx, p)
		if err != nil {
			return fmt.Errorf("judge on the tags of %s: %w", opt.JudgeAt.UTC().Format(time.DateOnly), err)
		}
		p.HeldOut = append(p.HeldOut, *h)
	}
	return nil
}

// heldOutStarts plans anew on the first part of the month or trace, with the starts and
// releases that it has and what those find, and judges that plan on the rest.
func (j *Job) heldOutStarts(ctx context.Context) (*plan.HeldOut, error) {
	at, end := j.heldFrom(), j.horizon()
	j.Scenario.progress("planning on the first %s of the %s, to judge on the rest", document.FormatTime(at), j.of())
	j = j.knowing(at)
	made, err := j.planOn(ctx, 0, at)
	if err != nil {
		return nil, err
	}
	best, err := j.planOn(ctx, at, end)
	if err != nil {
		return nil, err
	}
	base, err := j.judge(ctx, j.baselineOf(nil), at)
	if err != nil {
		return nil, err
	}
	there, err := j.judge(ctx, j.baselineOf(made), at)
	if err != nil {
		return nil, err
	}
	most, err := j.judge(ctx, j.baselineOf(best), at)
	if err != nil {
		return nil, err
	}
	bestSaved := base.mean() - most.mean()
	h := &plan.HeldOut{
		Of: "starts", From: j.Scenario.Now.Add(at), Starts: base.starts,
		PlannedSaved: perStart(made), ActualSaved: base.mean() - there.mean(), BestSaved: &bestSaved,
	}
	if err := j.billFrom(h, made, at, &base.spent, &there.spent); err != nil {
		return nil, err
	}
	if j.recording != nil {
		j.recording.tellHeldOut(h, at, j.Workload.Apps)
	}
	return h, ctx.Err()
}

// perStart is what a plan saves a start in the mean.
func perStart(p *plan.Plan) time.Duration {
	starts := 0.0
	for _, a := range p.Assignments {
		starts += a.StartsPerMonth
	}
	if starts == 0 {
		return 0
	}
	return time.Duration(float64(p.SavedSeconds) / starts)
}

// planOn plans for the starts and releases of a part of the month, and what they find.
func (j *Job) planOn(ctx context.Context, from, to time.Duration) (*plan.Plan, error) {
	starts, releases := make([]int, len(j.Workload.Apps)), make([]int, len(j.Workload.Apps))
	for e := range j.own() {
		switch {
		case e.At < from || e.At >= to:
		case e.Release:
			releases[e.App]++
		default:
			starts[e.App]++
		}
	}
	primed, err := j.primed(ctx, from, to)
	if err != nil {
		return nil, err
	}
	months := float64(to-from) / float64(workload.Month)
	part := *j
	part.Workload.Apps = slices.Clone(j.Workload.Apps)
	for i := range part.Workload.Apps {
		a := &part.Workload.Apps[i]
		if !isOwn(a) {
			continue
		}
		a.Bursts, a.StartsPerDay = nil, float64(starts[i])/months/daysPerMonth
		a.ReleasesPerMonth = float64(releases[i]) / months
	}
	e, err := part.newEstimates()
	if err != nil {
		return nil, err
	}
	caches, opt, err := j.arm(simulate.ArmAutomatic, nil)
	if err != nil {
		return nil, err
	}
	opt.BuildTime, opt.Group, opt.From = e.buildTime, j.group, from
	outcomes, _, err := j.matcher.Replay(ctx, part.Workload.Apps, caches, j.with(nil, to), opt)
	if err != nil {
		return nil, err
	}
	problem := part.planProblem(&matcher.Matches{Outcomes: outcomes}, primed, e)
	// ctx ends with the time limit of the whole search.
	problem.Points, problem.More, problem.Explain, problem.TimeLimit = 0, false, nil, 0
	if j.recording != nil { // who has only this part of a trace knows no other app
		problem.Apps = slices.DeleteFunc(problem.Apps, func(a plan.App) bool { return a.App.StartsPerDay == 0 })
	}
	p, err := plan.Choose(ctx, *problem)
	return p, errors.Join(err, e.err)
}

const daysPerMonth = float64(workload.Month / (24 * time.Hour))

// arrangement is what there is when starts are judged: caches and how they live, and the
// apps that are primed.
type arrangement struct {
	caches []matcher.Cache
	opt    matcher.ReplayOptions
	primed func(app string) bool
	// still leaves releases out: what references mean is told by the inventory.
	still bool
	// plan is whose caches they are; nil where they are nobody's.
	plan *plan.Plan
}

// baselineOf is the plan's baseline, with the caches and primings of a plan unless it is
// nil.
func (j *Job) baselineOf(p *plan.Plan) arrangement {
	a := arrangement{primed: func(string) bool { return false }}
	if j.Scenario.Baseline == plan.Automatic {
		a.caches, a.opt.Automatic = j.Scenario.Caches, true
	}
	if p == nil {
		return a
	}
	planned := j.planned(p)
	a.caches = slices.Concat(a.caches, planned)
	a.opt.Rebuild = func(id string) bool {
		return slices.ContainsFunc(planned, func(c matcher.Cache) bool { return c.ID == id })
	}
	a.primed, a.plan = p.Primed, p
	return a
}

// judged is what starts took: theirs, and that of priming ones, which are not counted.
type judged struct {
	starts int
	ready  time.Duration
	spent
}

func (x *judged) mean() time.Duration {
	if x.starts == 0 {
		return 0
	}
	return x.ready / time.Duration(x.starts)
}

// startsOf are the events that are no releases.
func startsOf(events iter.Seq[workload.Event]) iter.Seq[workload.Event] {
	return func(yield func(workload.Event) bool) {
		for e := range events {
			if !e.Release && !yield(e) {
				return
			}
		}
	}
}

// judge replays the month and estimates how long its starts take from a time on.
func (j *Job) judge(ctx context.Context, a arrangement, from time.Duration) (judged, error) {
	var x judged
	e, err := j.newEstimates()
	if err != nil {
		return x, err
	}
	a.opt.BuildTime, a.opt.Group, a.opt.From = e.buildTime, j.group, from
	events := j.with(j.primings(e, j.horizon(), a.primed), j.horizon())
	if a.still {
		events = startsOf(events)
	}
	apps := j.twins()
	nameCaches(&a.opt, a.plan, apps)
	outcomes, _, err := j.matcher.Replay(ctx, apps, a.caches, events, a.opt)
	if err != nil {
		return x, err
	}
	for i := range outcomes {
		for k := range outcomes[i].Found {
			f := &outcomes[i].Found[k]
			took := e.estimate(&apps[i], j.fresh(f, a.caches))
			x.ready += time.Duration(f.Starts) * took.Ready
			priming := i >= len(j.Workload.Apps)
			if !priming {
				x.starts += f.Starts
			}
			if err := x.add(j.Scenario.Prices, &apps[i], f, took.Billed, priming, a.plan); err != nil {
				return x, err
			}
		}
	}
	return x, e.err
}

// fresh are the images of what starts found that are still those of their references: a
// cache that says what it was built from may hold others.
func (j *Job) fresh(f *matcher.Found, caches []matcher.Cache) []string {
	i := slices.IndexFunc(caches, func(c matcher.Cache) bool { return f.CacheID != "" && c.ID == f.CacheID })
	if i < 0 || f.Images == nil {
		return f.Images
	}
	fresh := []string{}
	for _, ref := range f.Images {
		k := slices.IndexFunc(caches[i].Contents, func(c matcher.Content) bool { return c.Reference == ref })
		if now := j.find(ref); k >= 0 && now >= 0 {
			img := &j.Inventory.Images[now]
			if built := caches[i].Contents[k].Digest; built != string(img.Digest) && built != string(img.IndexDigest) {
				continue
			}
		}
		fresh = append(fresh, ref)
	}
	return fresh
}

// checkJudgeAt refuses tags of a time that is not after the plan's own.
func (s *Scenario) checkJudgeAt() error {
	at := s.PlanOptions.JudgeAt
	if at.IsZero() || at.After(s.Now) {
		return nil
	}
	return invalidPlan{fmt.Errorf("the caches are judged on later tags, and %s is not after the plan's own time, %s (now, --now)", at.UTC().Format(time.RFC3339), s.Now.UTC().Format(time.RFC3339))}
}

// invalidPlan is a plan.ErrInvalid that is found before planning.
type invalidPlan struct{ error }

func (invalidPlan) Is(target error) bool { return target == plan.ErrInvalid }

// heldOutTags judges the plan's caches on what their references mean later, as they are
// built now and not built again, and built again.
func (j *Job) heldOutTags(ctx context.Context, p *plan.Plan) (*plan.HeldOut, error) {
	at := j.Scenario.PlanOptions.JudgeAt
	if err := j.Scenario.checkJudgeAt(); err != nil {
		return nil, err
	}
	later := *j
	scenario := *j.Scenario
	scenario.Now = at
	later.Scenario, later.matcher, later.played = &scenario, matcher.New(j.Inventory, scenario.platform(), at, scenario.policy()), nil
	stale, moved := j.staleLater(&later, p)
	if moved == 0 {
		return nil, errors.New("no tag of the plan's caches means another image by then in the inventory: resolve the images again later, and give an inventory that has both")
	}
	arms := map[string]arrangement{"nothing": later.baselineOf(nil), "old": later.baselineOf(p), "new": later.baselineOf(p)}
	means := make(map[string]time.Duration)
	starts := 0
	for name, a := range arms {
		a.still = true
		if name == "old" {
			a.caches = j.builtNow(a.caches, p)
		}
		x, err := later.judge(ctx, a, 0)
		if err != nil {
			return nil, err
		}
		means[name], starts = x.mean(), x.starts
	}
	best := means["nothing"] - means["new"]
	return &plan.HeldOut{
		Of: "tags", From: at, Starts: starts, PlannedSaved: perStart(p),
		ActualSaved: means["nothing"] - means["old"], BestSaved: &best, StaleUnpackedBytes: &stale,
	}, ctx.Err()
}

// builtNow are caches of which those of a plan hold what references mean now.
func (j *Job) builtNow(caches []matcher.Cache, p *plan.Plan) []matcher.Cache {
	built := slices.Clone(caches)
	for i := range built {
		if slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == built[i].ID }) {
			built[i].Contents = j.contents(built[i].Images)
		}
	}
	return built
}

// contents are the digests that references mean now: of the platform's own manifests, where
// a plan names an index. An index may move while the platform's image stays what it was.
func (j *Job) contents(references []string) []matcher.Content {
	var contents []matcher.Content
	for _, ref := range references {
		if i := j.find(ref); i >= 0 {
			contents = append(contents, matcher.Content{Reference: ref, Digest: string(j.Inventory.Images[i].Digest)})
		}
	}
	return contents
}

// staleLater are the unpacked bytes that the plan's caches hold now and that their
// references no longer mean later, and how many references mean another image then.
func (j *Job) staleLater(later *Job, p *plan.Plan) (bytes int64, moved int) {
	for _, c := range p.Caches {
		var now, then []int
		for _, ref := range c.Images {
			a, b := j.find(ref), later.find(ref)
			if a >= 0 {
				now = append(now, a)
			}
			if b >= 0 {
				then = append(then, b)
			}
			if a != b {
				moved++
			}
		}
		bytes += missing(j.Inventory, now, then)
	}
	return bytes, moved
}

// missing are the unpacked bytes of layers of some images that others do not have.
func missing(inv *layers.Inventory, of, in []int) int64 {
	both := inv.Union(slices.Concat(of, in)...)
	return both.UnpackedBytes - inv.Union(in...).UnpackedBytes
}
