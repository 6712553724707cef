package cachebench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// PlanOptions say what a plan is to reach and how it is looked for.
type PlanOptions struct {
	// Goal is seconds (default: the most startup time saved within the budget), net (the
	// most money saved) or limit (the least bill with starts ready within a limit).
	Goal string `json:"goal,omitempty" document:"enum=seconds|net|limit"`
	// Limit is the limit's time to ready: of each app's mean start, or of
	// LimitStartsFraction of all starts; on node pools without a limit of their own
	// (startupLimitSeconds) of their p99, or of that share.
	Limit               time.Duration `json:"limitSeconds,omitempty"`
	LimitStartsFraction float64       `json:"limitStartsFraction,omitempty"`
	// Storage is separate (default: ECI's snapshots) or shared: each layer is stored once
	// for all caches.
	Storage string `json:"storage,omitempty" document:"enum=separate|shared"`
	// GapFraction is how far from the proven best the plan may be; 0.01 when not given.
	GapFraction *float64 `json:"gapFraction,omitempty"`
	// Effort multiplies the steps of the search; 1 when not given.
	Effort float64 `json:"effort,omitempty"`
	// TimeLimit ends the search with the best plan so far: that for caches, then that for
	// the images of node pools with the counting of their pulls and the simulation of arms,
	// and what is asked beside them: other budgets, sensitivity, what is held out. What it
	// leaves out is said. None when not given.
	TimeLimit time.Duration `json:"timeLimitSeconds,omitempty"`
	// CurvePoints asks for what that many other budgets would bring, of node pools that many
	// other disk budgets.
	CurvePoints int `json:"curvePoints,omitempty"`
	// Candidates are caches to consider beside the generated ones, at most
	// MaxCandidates (200 when not given).
	Candidates    []PlanCandidate `json:"candidates,omitempty"`
	MaxCandidates int             `json:"maxCandidates,omitempty"`
	// HoldOutFraction plans again on the first part of the month, or of the trace, and
	// judges that plan on the last, which is this share; 0 does not.
	HoldOutFraction float64 `json:"holdOutFraction,omitempty"`
	// JudgeAt judges the plan's caches on what their references mean at a later time, which
	// the inventory has to list beside the present.
	JudgeAt time.Time `json:"judgeAt,omitzero"`
	// Sensitivity asks what a tenth more of budget would bring, of node pools a tenth more of
	// disk, and which price or rate would change the verdict.
	Sensitivity bool `json:"sensitivity,omitempty"`
	// Explain names apps of which the plan says why they got their cache.
	Explain []string `json:"explain,omitempty"`
}

// PlanCandidate is a cache to consider.
type PlanCandidate struct {
	// Images are 1 to 20 references.
	Images []string `json:"images" document:"required"`
	// SizeGiB is its size; the smallest that holds the images when not given.
	SizeGiB float64 `json:"sizeGiB,omitempty"`
}

// validate reports what cannot be.
func (o *PlanOptions) validate() error {
	switch {
	case o.Goal == plan.GoalLimit && o.Limit <= 0:
		return document.At("limitSeconds", "goal limit needs a limit (limitSeconds of plan, or --limit 10s): the time, above 0, within which starts are to be ready")
	case o.Goal != plan.GoalLimit && o.Limit != 0:
		return document.At("limitSeconds", "a limit of %v has no meaning without goal: limit", o.Limit)
	case !(o.LimitStartsFraction >= 0 && o.LimitStartsFraction <= 1):
		return document.At("limitStartsFraction", "%v is not a share above 0 and at most 1", o.LimitStartsFraction)
	case o.Goal != plan.GoalLimit && o.LimitStartsFraction != 0:
		return document.At("limitStartsFraction", "a share of starts has no meaning without goal: limit")
	case o.GapFraction != nil && !(*o.GapFraction >= 0 && *o.GapFraction < 1):
		return document.At("gapFraction", "%v is not a share of at least 0 and below 1", *o.GapFraction)
	case !(o.Effort >= 0) || o.Effort > MaxEffort:
		return document.At("effort", "%v times the steps cannot be: give more than 0, at most %d", o.Effort, MaxEffort)
	case !(o.HoldOutFraction >= 0 && o.HoldOutFraction < 1):
		return document.At("holdOutFraction", "%v of the month or trace cannot be held out: give a share above 0 and below 1", o.HoldOutFraction)
	case o.TimeLimit < 0:
		return document.At("timeLimitSeconds", "%v cannot be: give a time above 0", o.TimeLimit)
	case o.CurvePoints < 0 || o.CurvePoints > MaxCurvePoints:
		return document.At("curvePoints", "a curve of %d points cannot be: give 1 to %d", o.CurvePoints, MaxCurvePoints)
	case o.MaxCandidates < 0:
		return document.At("maxCandidates", "%d candidates cannot be: give at least 1", o.MaxCandidates)
	}
	return nil
}

// Bounds of PlanOptions.
const (
	MaxEffort      = 1000
	MaxCurvePoints = 200
)

// DefaultGapFraction is how far from the proven best a plan may be.
const DefaultGapFraction = 0.01

// estimate is one start for the planner that finds the images held.
func (e *estimates) estimate(app *workload.App, held []string) plan.Estimate {
	start := e.job.start(app)
	if held != nil {
		start.CacheID, start.Held = "planned", e.job.positions(held)
	}
	result := e.of(&start)
	return plan.Estimate{Ready: result.Ready, Billed: result.Billed, Floor: result.Floor}
}

// ErrLimit is wrapped where no plan keeps the limit that was asked for.
var ErrLimit = errors.New("the limit is not met")

// LimitKept is an error that wraps ErrLimit where neither a plan, for caches or for a node pool,
// nor what it puts first is known to keep the limit that was asked for.
func LimitKept(p *plan.Plan) error {
	notMet := !p.KeepsLimit()
	var unchecked []string
	for i := range p.Pools {
		if x := &p.Pools[i]; x.LimitUnchecked() {
			unchecked = append(unchecked, x.Name)
		} else if x.LimitNotMet() {
			notMet = true
		}
	}
	var err error
	if notMet {
		err = fmt.Errorf("%w: see the plan for what stays above it", ErrLimit)
	}
	if len(unchecked) > 0 {
		err = errors.Join(err, fmt.Errorf("%w as far as is known: no arm was simulated before the search of node pools %s was stopped: give it more time", ErrLimit, few(unchecked)))
	}
	return err
}

// Plan chooses the caches to build beyond what the matches' outcomes find. Where what is
// asked beside the plan cannot be done, it returns the plan with the error.
func (j *Job) Plan(ctx context.Context, m *matcher.Matches) (*plan.Plan, error) {
	problem, e, err := j.problemFor(ctx, m)
	if err != nil {
		return nil, err
	}
	limited, stop := j.timeLimited(ctx)
	defer stop()
	p, err := plan.Choose(ctx, *problem)
	if err := errors.Join(j.blamedCandidate(err), e.err); err != nil {
		return nil, err
	}
	if err := j.signed(p, m); err != nil {
		return nil, err
	}
	if !j.hasOwn() {
		p.LeftOut, p.Assumptions = "", []string{} // they are about caches
		p.Reason = "No app starts on an instance of its own; node pools are planned for apart."
	}
	pools, perr := j.planPools(ctx, limited)
	if perr != nil {
		return nil, fmt.Errorf("plan: %w", perr)
	}
	if p.PoolsLeftOut = pools.leftOut; len(p.PoolsLeftOut) > 0 {
		leaveOut(p, "these node pools (interrupted before them): "+strings.Join(p.PoolsLeftOut, ", "))
	}
	if j.hasOwn() {
		err = j.addBeside(limited, p, problem)
	}
	if j.Scenario.PlanOptions.Sensitivity {
		err = errors.Join(err, pools.addTurns(limited))
	}
	p.Pools = pools.pools
	return p, err
}

// problemFor is what the planner is asked, with the estimates that it is given.
func (j *Job) problemFor(ctx context.Context, m *matcher.Matches) (*plan.Problem, *estimates, error) {
	if err := j.plannable(); err != nil {
		return nil, nil, err
	}
	e, err := j.newEstimates()
	if err != nil {
		return nil, nil, err
	}
	primed, err := j.primed(ctx, 0, j.horizon())
	if err != nil {
		return nil, nil, err
	}
	problem := j.planProblem(m, primed, e)
	if j.Scenario.PlanRepeats && j.recording == nil && j.drawsStarts() {
		for repeat := 1; repeat < j.Scenario.Repeats; repeat++ {
			if err := j.addRepeat(ctx, problem, repeat); err != nil {
				return nil, nil, err
			}
		}
		for i := range problem.Apps {
			problem.Apps[i].PrimesPerMonth /= float64(max(1, j.Scenario.Repeats))
		}
	}
	return problem, e, nil
}

// addRepeat counts what the starts of another repeat's month find with those of a problem.
func (j *Job) addRepeat(ctx context.Context, problem *plan.Problem, repeat int) error {
	other := j.ofRepeat(repeat)
	played, err := other.replay(ctx, simulate.ArmAutomatic, nil)
	if err != nil {
		return fmt.Errorf("replay the starts of repeat %d: %w", repeat, err)
	}
	primed, err := other.primed(ctx, 0, other.horizon())
	if err != nil {
		return err
	}
	found := make(map[string]matcher.Outcome, len(played.outcomes))
	for _, o := range played.outcomes {
		found[o.App] = o
	}
	for i := range problem.Apps {
		app := &problem.Apps[i]
		of, ok := primed[app.App.Name]
		// A month without any release has nothing to start ahead of.
		if ok || app.Primed != nil {
			before, now := app.Outcome, found[app.App.Name]
			if app.Primed != nil {
				before = *app.Primed
			}
			if ok {
				now = *of.outcome
			}
			both := together(before, now)
			app.Primed = &both
		}
		app.Outcome = together(app.Outcome, found[app.App.Name])
		app.PrimesPerMonth += of.starts
	}
	return nil
}

// together counts the starts of two outcomes of an app.
func together(a, b matcher.Outcome) matcher.Outcome {
	all := matcher.Outcome{App: cmp.Or(a.App, b.App), Starts: a.Starts + b.Starts, Found: slices.Clone(a.Found)}
	for _, f := range b.Found {
		i := slices.IndexFunc(all.Found, func(g matcher.Found) bool {
			return f.CacheID == g.CacheID && f.Automatic == g.Automatic && f.SizeGiB == g.SizeGiB && f.Full == g.Full && slices.Equal(f.Images, g.Images) && slices.Equal(f.Stale, g.Stale)
		})
		if i < 0 {
			all.Found = append(all.Found, f)
		} else {
			all.Found[i].Starts += f.Starts
		}
	}
	return all
}

// blamedCandidate says of a candidate that cannot be where the scenario has it.
func (j *Job) blamedCandidate(err error) error {
	var candidate *plan.CandidateError
	if errors.As(err, &candidate) {
		return j.Scenario.blamed(fmt.Sprintf("plan.candidates[%d].%s", candidate.Candidate, candidate.Key), candidate)
	}
	return err
}

// signed says in a plan what it was made from.
func (j *Job) signed(p *plan.Plan, m *matcher.Matches) error {
	provenance, err := j.planProvenance()
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	coverage := j.Coverage.StartsFraction
	p.Profile, p.CoverageFraction, p.Provenance = j.Scenario.Profile.Name, &coverage, provenance
	p.Bill = j.CheckBill(m)
	if j.recording != nil {
		p.Recorded, p.Assumptions = j.recordedSpan(), slices.Concat(j.recording.said, p.Assumptions)
	}
	return nil
}

// LimitPlanner plans caches for one limit after another. What no limit changes is worked out
// once.
type LimitPlanner struct {
	job       *Job
	matches   *matcher.Matches
	estimates *estimates
	problem   *plan.Problem
	prepared  *plan.Prepared
}

// LimitPlanner prepares to plan for limits, which take the place of the scenario's goal. Node
// pools are left out, and what is asked beside a plan.
func (j *Job) LimitPlanner(ctx context.Context, m *matcher.Matches) (*LimitPlanner, error) {
	problem, e, err := j.problemFor(ctx, m)
	if err != nil {
		return nil, err
	}
	problem.Points, problem.More, problem.Explain = 0, false, nil
	prepared, err := plan.Prepare(*problem)
	if err := errors.Join(j.blamedCandidate(err), e.err); err != nil {
		return nil, err
	}
	return &LimitPlanner{j, m, e, problem, prepared}, nil
}

// StartsAhead are what apps can have started ahead of others, with what it costs.
func (l *LimitPlanner) StartsAhead() []plan.PrimedApp { return l.prepared.StartsAhead() }

// CachesOf plans caches alone, without starts ahead of others, for some of the apps as if
// there were no others.
func (l *LimitPlanner) CachesOf(apps ...string) (*LimitPlanner, error) {
	own := *l.problem
	own.Apps = nil
	for _, app := range l.problem.Apps {
		if slices.Contains(apps, app.App.Name) {
			app.Primed, app.PrimesPerMonth = nil, 0
			own.Apps = append(own.Apps, app)
		}
	}
	prepared, err := plan.Prepare(own)
	return &LimitPlanner{l.job, l.matches, l.estimates, &own, prepared}, errors.Join(l.job.blamedCandidate(err), l.estimates.err)
}

// anyPrice is so much for an hour saved that what it costs decides between plans alike.
const anyPrice = 1e9

// Shortest is the plan that saves most startup time, whatever it costs.
func (l *LimitPlanner) Shortest(ctx context.Context, effort float64) (*plan.Plan, error) {
	own := *l.problem
	own.Goal, own.Limit, own.LimitStartsFraction, own.Effort, own.WorthPerHour = plan.GoalSeconds, 0, 0, effort, anyPrice
	p, err := plan.Choose(ctx, own)
	if err := errors.Join(err, l.estimates.err); err != nil {
		return nil, err
	}
	return p, l.job.signed(p, l.matches)
}

// Plan is the plan for a limit, as Job.Plan has it.
func (l *LimitPlanner) Plan(ctx context.Context, terms plan.Terms) (*plan.Plan, error) {
	p, err := l.prepared.Choose(ctx, terms)
	if err := errors.Join(err, l.estimates.err); err != nil {
		return nil, err
	}
	return p, l.job.signed(p, l.matches)
}

// planProvenance is the job's, as a plan keeps it.
func (j *Job) planProvenance() (*plan.Provenance, error) {
	from := j.Provenance()
	workload, err := j.Scenario.monthDigest()
	to := &plan.Provenance{
		Version: from.Version, Model: from.Model, Seed: from.Seed, ProfileDigest: from.ProfileDigest, ProfileBasis: from.ProfileBasis,
		WorkloadDigest: workload, PriceDate: from.PriceDate, Currency: from.Currency, Now: from.Now, Unread: from.Unread,
	}
	for _, input := range from.Inputs {
		to.Inputs = append(to.Inputs, plan.Input(input))
	}
	return to, err
}

// planProblem is what the planner is asked.
func (j *Job) planProblem(m *matcher.Matches, primed map[string]priming, e *estimates) *plan.Problem {
	s, opt := j.Scenario, &j.Scenario.PlanOptions
	outcomes := make(map[string]matcher.Outcome, len(m.Outcomes))
	for _, o := range m.Outcomes {
		outcomes[o.App] = o
	}
	var apps []plan.App
	for i := range j.Workload.Apps {
		if app := &j.Workload.Apps[i]; app.NodePool == "" {
			primed := primed[app.Name]
			apps = append(apps, plan.App{App: app, Outcome: outcomes[app.Name], Primed: primed.outcome, PrimesPerMonth: primed.starts})
		}
	}
	gap := DefaultGapFraction
	if opt.GapFraction != nil {
		gap = *opt.GapFraction
	}
	candidates := make([]plan.Candidate, len(opt.Candidates))
	for i, c := range opt.Candidates {
		candidates[i] = plan.Candidate{Images: c.Images, SizeGiB: c.SizeGiB}
	}
	s.progress("choosing caches for %d apps", len(apps))
	return &plan.Problem{
		Inventory: j.Inventory, Platform: s.platform(), At: s.Now, Apps: apps, Existing: s.Caches, Candidates: candidates,
		Policy: s.policy(), Prices: s.Prices, Baseline: s.Baseline, Assign: s.Assign,
		Goal: opt.Goal, Limit: opt.Limit, LimitStartsFraction: opt.LimitStartsFraction, Storage: opt.Storage,
		BudgetPerMonth: s.BudgetPerMonth, WorthPerHour: s.WorthPerHour, Quota: s.Quota,
		MaxCandidates: opt.MaxCandidates, GapFraction: gap, Effort: opt.Effort, Points: opt.CurvePoints, More: opt.Sensitivity && j.hasOwn(), Explain: opt.Explain,
		TimeLimit: opt.TimeLimit, Progress: s.Progress,
		Estimate: e.estimate, BuildTime: e.buildTime,
	}
}

// priming is what starts would find were their automatic caches made in time, by starts
// that are made for that alone.
type priming struct {
	outcome *matcher.Outcome
	// starts is how many are made in a month.
	starts float64
}

// primed is what the starts of a part of the month would find on the automatic caches were
// one start made after every release of its app, and one in time before each burst.
func (j *Job) primed(ctx context.Context, from, to time.Duration) (map[string]priming, error) {
	if j.Scenario.Baseline != plan.Automatic || j.Scenario.NoPrimes {
		return nil, nil
	}
	caches, opt, err := j.arm(simulate.ArmAutomatic, nil)
	if err != nil {
		return nil, err
	}
	e, err := j.newEstimates()
	if err != nil {
		return nil, err
	}
	opt.BuildTime, opt.Group, opt.From = e.buildTime, j.group, from
	events := j.primings(e, to, func(string) bool { return true })
	if len(events) == 0 {
		return nil, nil
	}
	counts := make([]int, len(j.Workload.Apps))
	for _, event := range events {
		if event.At >= from {
			counts[event.App-len(counts)]++
		}
	}
	outcomes, _, err := j.matcher.Replay(ctx, j.twins(), caches, j.with(events, to), opt)
	if err := errors.Join(err, e.err); err != nil {
		return nil, fmt.Errorf("replay with priming starts: %w", err)
	}
	primed := make(map[string]priming)
	for i := range j.Workload.Apps {
		if counts[i] > 0 {
			primed[outcomes[i].App] = priming{&outcomes[i], float64(counts[i]) * float64(workload.Month) / float64(to-from)}
		}
	}
	return primed, nil
}

// twins are the apps, and each once more: priming starts are of the second ones, so that
// they are counted apart.
func (j *Job) twins() []workload.App { return slices.Concat(j.Workload.Apps, j.Workload.Apps) }

// with are the month's events up to a time with others among them.
func (j *Job) with(events []workload.Event, to time.Duration) iter.Seq[workload.Event] {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(x, y workload.Event) int { return cmp.Compare(x.At, y.At) })
	month := j.own()
	return among(func(yield func(workload.Event) bool) {
		for e := range month {
			if e.At >= to || !yield(e) {
				return
			}
		}
	}, events)
}

// primeMargin is how long before a burst its automatic cache is to be ready.
const primeMargin = time.Minute

// primings are one start after each release, and one before each burst, early enough that
// its automatic cache is ready for it, of the apps that are wanted, up to a time.
func (j *Job) primings(e *estimates, to time.Duration, want func(app string) bool) []workload.Event {
	var events []workload.Event
	add := func(app int, at time.Duration) {
		if at >= -j.lead() && at < to {
			events = append(events, workload.Event{At: at, App: app + len(j.Workload.Apps)})
		}
	}
	for event := range j.own() {
		if event.Release && want(j.Workload.Apps[event.App].Name) {
			add(event.App, event.At)
		}
	}
	for i := range j.Workload.Apps {
		app := &j.Workload.Apps[i]
		if !isOwn(app) || len(app.Bursts) == 0 || !want(app.Name) {
			continue
		}
		lead := e.buildTime(app.AllImages(), matcher.AutomaticCacheGiB) + primeMargin
		for _, b := range app.Bursts {
			every := cmp.Or(b.Every, workload.Month)
			first := b.First - (b.First+warmUp)/every*every
			for at := first; at-lead < to; at += every {
				add(i, at-lead)
			}
		}
	}
	return events
}
