package cachebench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// played is what a month of starts finds in one arm: by app, the window's starts
// one by one, and by day.
type played struct {
	outcomes []matcher.Outcome
	picks    []matcher.Pick
	days     []matcher.HitRate
}

// playedKey is what a replay depends on besides the Job.
type playedKey struct {
	arm  string
	plan *plan.Plan
	// bursts: with the Scenario's bursts in place of the window's starts.
	bursts bool
}

// HitRates are what the month's starts find by day with the plan's caches beside
// the existing and the automatic ones.
func (j *Job) HitRates(ctx context.Context, p *plan.Plan) ([]matcher.HitRate, error) {
	if _, err := j.PlanDoubts(p); err != nil {
		return nil, err
	}
	j.Scenario.progress("replaying the starts of the %s on the planned caches", j.of())
	played, err := j.replay(ctx, simulate.ArmCached, p)
	if err != nil {
		return nil, err
	}
	return played.days, nil
}

// replay plays the month in an arm, once: the plan counts only in arm cached.
func (j *Job) replay(ctx context.Context, arm string, p *plan.Plan) (*played, error) {
	return j.replayOf(ctx, arm, p, false)
}

func (j *Job) replayOf(ctx context.Context, arm string, p *plan.Plan, bursts bool) (*played, error) {
	key := playedKey{arm: arm, bursts: bursts}
	if arm == simulate.ArmCached {
		key.plan = p
	}
	if known := j.played[key]; known != nil {
		return known, nil
	}
	caches, opt, err := j.arm(arm, p)
	if err != nil {
		return nil, err
	}
	e, err := j.newEstimates()
	if err != nil {
		return nil, err
	}
	opt.BuildTime, opt.Group, opt.To = e.buildTime, j.group, j.horizon()
	if bursts {
		return j.replayBursts(ctx, key, caches, opt, e)
	}
	var r played
	opt.PicksFrom, opt.PicksTo = j.Scenario.WindowStart, j.Scenario.WindowStart+j.Scenario.window()
	opt.Day = func(d matcher.HitRate) { r.days = append(r.days, d) }
	apps, events := j.Workload.Apps, j.own()
	if arm == simulate.ArmCached && p != nil && len(p.Primes) > 0 {
		apps, events = j.twins(), j.with(j.primings(e, j.horizon(), p.Primed), j.horizon())
	}
	if arm == simulate.ArmCached {
		nameCaches(&opt, p, apps)
	}
	r.outcomes, r.picks, err = j.matcher.Replay(ctx, apps, caches, events, opt)
	if err == nil {
		// Priming starts are made for the others alone.
		r.outcomes = r.outcomes[:len(j.Workload.Apps)]
		r.picks = slices.DeleteFunc(r.picks, func(x matcher.Pick) bool { return x.Event.App >= len(j.Workload.Apps) })
	}
	return j.keep(key, &r, errors.Join(err, e.err))
}

// keep keeps what was played.
func (j *Job) keep(key playedKey, r *played, err error) (*played, error) {
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(r.days, func(d matcher.HitRate) bool { return d.Starts > 0 }) {
		r.days = nil
	}
	if j.played == nil {
		j.played = make(map[playedKey]*played)
	}
	j.played[key] = r
	return r, nil
}

// standing is how the caches stand when bursts begin.
type standing struct {
	playback *matcher.Playback
	days     []matcher.HitRate
	// releases are those of the month that come later.
	releases  []workload.Event
	estimates *estimates
}

// replayBursts plays bursts, and the releases meanwhile, on caches as the month's starts
// before them leave those.
func (j *Job) replayBursts(ctx context.Context, key playedKey, caches []matcher.Cache, opt matcher.ReplayOptions, e *estimates) (*played, error) {
	start := j.Scenario.WindowStart
	s := j.before[key]
	if s == nil {
		s = &standing{estimates: e}
		opt.Day = func(d matcher.HitRate) { s.days = append(s.days, d) }
		if key.arm == simulate.ArmCached {
			nameCaches(&opt, key.plan, j.Workload.Apps)
		}
		s.playback = j.matcher.Playback(j.Workload.Apps, caches, opt)
		err := s.playback.Play(ctx, func(yield func(workload.Event) bool) {
			for event := range j.events(isOwn) {
				switch {
				case event.At < start:
					if !yield(event) {
						return
					}
				case event.Release:
					s.releases = append(s.releases, event)
				}
			}
		})
		if err := errors.Join(err, e.err); err != nil {
			return nil, err
		}
		j.before[key] = s
	}
	r := played{days: slices.Clone(s.days)}
	day := func(d matcher.HitRate) { r.days = append(r.days, d) }
	playback := s.playback.Fork(start, start+j.Scenario.window(), day)
	err := playback.Play(ctx, among(slices.Values(s.releases), j.Scenario.burstEvents(j, isOwn)))
	r.outcomes, r.picks = playback.Finish()
	return j.keep(key, &r, errors.Join(err, s.estimates.err))
}

// withPlanned adds to the matches what the month's starts find with the plan's
// caches, where Simulate replayed that.
func (j *Job) withPlanned(m *matcher.Matches, p *plan.Plan) *matcher.Matches {
	known := j.played[playedKey{arm: simulate.ArmCached, plan: p}]
	if m == nil || p == nil || known == nil {
		return m
	}
	with := *m
	with.PlannedHitRates = known.days
	return &with
}

// arm says which caches there are in an arm, and how they live.
func (j *Job) arm(arm string, p *plan.Plan) ([]matcher.Cache, matcher.ReplayOptions, error) {
	switch arm {
	case simulate.ArmCold, simulate.ArmWarm:
		return nil, matcher.ReplayOptions{}, nil
	case simulate.ArmAutomatic:
		return j.Scenario.Caches, matcher.ReplayOptions{Automatic: true}, nil
	case simulate.ArmCached:
		planned := j.planned(p)
		return slices.Concat(j.Scenario.Caches, planned), matcher.ReplayOptions{Automatic: true, Rebuild: func(id string) bool {
			return slices.ContainsFunc(planned, func(c matcher.Cache) bool { return c.ID == id })
		}}, nil
	}
	return nil, matcher.ReplayOptions{}, fmt.Errorf("no arm is called %q; there are cold, warm, automatic and cached", arm)
}

// nameCaches has starts name the caches that an explicit plan gives their apps. The others
// are matched without those caches, as the planner counts them.
func nameCaches(opt *matcher.ReplayOptions, p *plan.Plan, apps []workload.App) {
	if p == nil || p.Assign != plan.Explicit {
		return
	}
	built, named := make(map[string]bool), make(map[string]string)
	for i := range p.Caches {
		built[p.Caches[i].Name] = true
	}
	for i := range p.Assignments {
		if a := &p.Assignments[i]; built[a.Cache] {
			named[a.App] = a.Cache
		}
	}
	opt.Named = func(app int) string { return named[apps[app].Name] }
	opt.NamedOnly = func(cacheID string) bool { return built[cacheID] }
}

// planned are the plan's caches, as if they had been Ready for a while.
func (j *Job) planned(p *plan.Plan) []matcher.Cache {
	caches := make([]matcher.Cache, len(p.Caches))
	for i, c := range p.Caches {
		caches[i] = matcher.Cache{
			ID: c.Name, Name: c.Name, Images: c.Images, SizeGiB: c.SizeGiB,
			Status: matcher.StatusReady, CreationTime: j.Scenario.Now,
		}
	}
	return caches
}
