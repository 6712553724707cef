package cachebench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	if !opt.JudgeAt.IsZero() {
		h, err := j.heldOutTags(ctx, p)
		if err != nil {
			return fmt.Errorf("judge on the tags of %s: %w", opt.JudgeAt.UTC().Format(time.DateOnly), err)
		}
		p.HeldOut = append(p.HeldOut, *h)
	}
	return nil
}

// heldOutStarts plans anew on the first part of the month, with the starts and releases
// that it has and what those find, and judges that plan on the rest.
func (j *Job) heldOutStarts(ctx context.Context) (*plan.HeldOut, error) {
	at := time.Duration((1 - j.Scenario.PlanOptions.HoldOutFraction) * float64(workload.Month))
	if j.month == nil {
		j.month = slices.Collect(j.events(isOwn))
	}
	j.Scenario.progress("planning on the first %s of the month, to judge on the rest", span(at.Round(time.Second)))
	made, err := j.planOn(ctx, -warmUp, at, 0)
	if err != nil {
		return nil, err
	}
	best, err := j.planOn(ctx, at, workload.Month, at)
	if err != nil {
		return nil, err
	}
	arms := make([]judged, 3)
	for i, p := range []*plan.Plan{nil, made, best} {
		if arms[i], err = j.judge(ctx, p, at); err != nil {
			return nil, err
		}
	}
	h := &plan.HeldOut{Of: "starts", From: j.Scenario.Now.Add(at), Starts: arms[0].starts, PlannedSaved: perStart(made)}
	h.ActualSaved = arms[0].mean() - arms[1].mean()
	bestSaved := max(h.ActualSaved, arms[0].mean()-arms[2].mean())
	h.BestSaved = &bestSaved
	return h, nil
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

// planOn plans for the starts and releases of a part of the month; what they find is
// counted from a time on.
func (j *Job) planOn(ctx context.Context, from, to, count time.Duration) (*plan.Plan, error) {
	starts, releases := make([]int, len(j.Workload.Apps)), make([]int, len(j.Workload.Apps))
	var events []workload.Event
	for _, e := range j.month {
		if e.At >= to {
			break
		}
		events = append(events, e)
		switch {
		case e.At < max(from, count):
		case e.Release:
			releases[e.App]++
		default:
			starts[e.App]++
		}
	}
	months := float64(to-max(from, count)) / float64(workload.Month)
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
	part.month, part.played = events, nil
	e, err := part.newEstimates()
	if err != nil {
		return nil, err
	}
	caches, opt, err := j.arm(simulate.ArmAutomatic, nil)
	if err != nil {
		return nil, err
	}
	opt.BuildTime, opt.Group, opt.From = e.buildTime, j.group, count
	outcomes, _, err := j.matcher.Replay(ctx, part.Workload.Apps, caches, events, opt)
	if err != nil {
		return nil, err
	}
	problem, err := part.planProblem(ctx, &matcher.Matches{Outcomes: outcomes}, e)
	if err != nil {
		return nil, err
	}
	problem.Points, problem.More, problem.Explain = 0, false, nil
	p, err := plan.Choose(ctx, *problem)
	return p, errors.Join(err, e.err)
}

const daysPerMonth = float64(workload.Month / (24 * time.Hour))

// judged is what starts took in one arm.
type judged struct {
	starts int
	ready  time.Duration
}

func (x *judged) mean() time.Duration {
	if x.starts == 0 {
		return 0
	}
	return x.ready / time.Duration(x.starts)
}

// judge replays the month, with a plan's caches where it is not nil, and estimates how
// long its starts take from a time on.
func (j *Job) judge(ctx context.Context, p *plan.Plan, from time.Duration) (judged, error) {
	arm := simulate.ArmAutomatic
	if p != nil {
		arm = simulate.ArmCached
	}
	caches, opt, err := j.arm(arm, p)
	if err != nil {
		return judged{}, err
	}
	return j.judgeOn(ctx, caches, opt, from)
}

func (j *Job) judgeOn(ctx context.Context, caches []matcher.Cache, opt matcher.ReplayOptions, from time.Duration) (judged, error) {
	var x judged
	e, err := j.newEstimates()
	if err != nil {
		return x, err
	}
	opt.BuildTime, opt.Group, opt.From = e.buildTime, j.group, from
	outcomes, _, err := j.matcher.Replay(ctx, j.Workload.Apps, caches, j.month, opt)
	if err != nil {
		return x, err
	}
	for i := range outcomes {
		for _, f := range outcomes[i].Found {
			x.starts += f.Starts
			x.ready += time.Duration(f.Starts) * e.estimate(&j.Workload.Apps[i], f.Images).Ready
		}
	}
	return x, e.err
}

// heldOutTags judges the plan's caches, as they are built now and not built again, on what
// their references mean later.
func (j *Job) heldOutTags(ctx context.Context, p *plan.Plan) (*plan.HeldOut, error) {
	at := j.Scenario.PlanOptions.JudgeAt
	if !at.After(j.Scenario.Now) {
		return nil, fmt.Errorf("it must be after the plan's own time, %s", j.Scenario.Now.UTC().Format(time.RFC3339))
	}
	later := *j
	scenario := *j.Scenario
	scenario.Now = at
	later.Scenario, later.matcher, later.played = &scenario, matcher.New(j.Inventory, scenario.platform(), at, scenario.policy()), nil
	stale, moved := j.staleLater(&later, p)
	if moved == 0 {
		return nil, errors.New("no tag of the plan's caches means another image by then in the inventory: resolve the images again later, and give an inventory that has both")
	}
	caches, opt, err := later.arm(simulate.ArmCached, p)
	if err != nil {
		return nil, err
	}
	old := slices.Clone(caches)
	for i := range old {
		if old[i].Contents == nil {
			old[i].Contents = j.contents(old[i].Images)
		}
	}
	opt.Rebuild = func(string) bool { return false }
	var arms [3]judged
	for i, c := range [][]matcher.Cache{later.Scenario.Caches, old, caches} {
		if arms[i], err = later.judgeOn(ctx, c, opt, 0); err != nil {
			return nil, err
		}
	}
	best := arms[0].mean() - arms[2].mean()
	return &plan.HeldOut{
		Of: "tags", From: at, Starts: arms[0].starts, PlannedSaved: perStart(p),
		ActualSaved: arms[0].mean() - arms[1].mean(), BestSaved: &best, StaleUnpackedBytes: &stale,
	}, nil
}

// contents are the digests that references mean now.
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
