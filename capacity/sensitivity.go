package capacity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// Whose answer Sensitivity moves.
const (
	// OfBurst: when the last start of the bursts is ready.
	OfBurst = "burst"
	// OfStarts: a figure of the window's starts, of node pools too.
	OfStarts = "starts"
	// OfCaches: the same with the cheapest caches that keep the limit, which stay.
	OfCaches = "caches"
	// OfPool: the same with the warm instances that keep the limit, which stay.
	OfPool = "pool"
)

// SensitivityOptions say what answer is moved.
type SensitivityOptions struct {
	// Of is OfBurst and so on; empty is what has a limit, else OfBurst where there are bursts,
	// else OfStarts.
	Of string
	// SLO is the figure of starts, and the limit that it is held to; none where that is 0.
	SLO SLO
	// Within is the limit of a burst; 0 is none.
	Within time.Duration
	// Pool says of which app instances are kept warm; its SLO is not used.
	Pool PoolOptions
}

// Sensitivity says which parameter moves an answer most, one at a time: each quantity of the
// profile, the number of starts, releases, run times and the sizes of images, at half and at
// twice its value; and which of them turns the verdict. What was chosen for the answer, as
// caches and warm instances, stays.
func (q *Question) Sensitivity(ctx context.Context, opt SensitivityOptions) (*reports.Capacity, error) {
	if opt.Of == "" {
		opt.Of = OfStarts
		if opt.Within > 0 || opt.SLO.Limit == 0 && len(q.Scenario.Bursts) > 0 {
			opt.Of = OfBurst
		}
	}
	if opt.Of == OfBurst && len(q.Scenario.Bursts) == 0 {
		return nil, fmt.Errorf("%w: say how many starts, as --count 1000, or under bursts in the scenario", ErrNoBurst)
	}
	s := &sensitivity{Question: q, opt: opt, f: lastReady, limit: opt.Within.Seconds()}
	if opt.Of != OfBurst {
		var known bool
		if s.f, _, known = opt.SLO.figure(); !known {
			return nil, fmt.Errorf("%q is no figure of startup times", opt.SLO.Figure)
		}
		s.f.name += " of all starts"
		s.limit = opt.SLO.Limit.Seconds()
	}
	if (opt.Of == OfCaches || opt.Of == OfPool) && s.limit == 0 {
		return nil, fmt.Errorf("%w: caches and warm instances are those that keep a limit: give one", cachebench.ErrUnfit)
	}
	q.exact = true // starts are listed, so that what differs is known by repeat
	c, err := q.answer(ctx, "sensitivity")
	if c == nil {
		return nil, err
	}
	s.c = c
	defer q.outside(c)
	return c, errors.Join(err, stopped(c, s.find(ctx)))
}

type sensitivity struct {
	*Question
	opt   SensitivityOptions
	c     *reports.Capacity
	f     figure
	limit float64 // 0 is none
	now   outcome
	// never are the values with which starts are never ready, unknown those of which nothing
	// is known, untold those whose change is not told from chance.
	never, unknown, untold []string
	// with is the answer's figure with a change.
	with func(context.Context, change) (outcome, error)
}

func (s *sensitivity) find(ctx context.Context) error {
	ok, err := s.prepare(ctx)
	if err != nil || !ok {
		return err
	}
	s.tell("simulating it as it is")
	if s.now, err = s.with(ctx, change{}); err != nil {
		return err
	}
	switch {
	case s.now.none:
		s.c.Headline = "No answer: there are no starts to judge."
		return fmt.Errorf("%w: no start falls into the window: make it longer (--window), or give a burst (--count)", cachebench.ErrNoStart)
	case s.now.never:
		s.c.Headline = "No answer to move: some starts are never ready."
		if s.limit > 0 {
			s.c.Verdict = s.judge(&s.now)
		}
		return nil
	}
	s.c.Figures = append(s.c.Figures, s.now.figure(s.f.name, reports.UnitSeconds, s.held()))
	if s.limit > 0 {
		s.c.Verdict = s.judge(&s.now)
	}
	s.c.Assumptions = append(s.c.Assumptions, "Half and twice are no range that a value is known to lie in: judge by how well it is known (its source). Parameters are changed one at a time; what two do together is left out.")
	if s.c.Repeats > 1 {
		s.c.Assumptions = append(s.c.Assumptions, "The interval of a change is of its differences repeat by repeat, whose draws are the same; where it holds 0, the change is not told from chance.")
	}
	s.c.Assumptions = append(s.c.Assumptions, s.pairing()...)
	defer func() {
		s.sort()
		s.words()
	}()
	for _, e := range s.changes() {
		if err := s.effect(ctx, &e); err != nil {
			return err
		}
	}
	return nil
}

// judge is the verdict of an outcome: of a burst as Burst has it.
func (s *sensitivity) judge(o *outcome) string {
	if s.opt.Of == OfBurst {
		return judgeBurst(o, s.limit)
	}
	return judge(o, s.limit)
}

// pairing says how other numbers of starts share the draws of those that there are.
func (s *sensitivity) pairing() []string {
	if s.Scenario.Workload == nil || !s.Scenario.Random() {
		return nil
	}
	text := "Half the starts and releases that come at random are some of those that there are, each kept by chance; twice as many are those and as many others. Bursts have another number of starts over the same time."
	if s.Scenario.Profile.Draws() {
		text += " What the profile draws for a start goes by its place among them, and so is drawn anew with another number of starts."
	}
	return []string{text}
}

// sort has the effects that are told from chance first, the largest first.
func (s *sensitivity) sort() {
	slices.SortStableFunc(s.c.Effects, func(a, b reports.CapacityEffect) int {
		switch {
		case a.Unclear == b.Unclear:
			return cmp.Compare(b.Swing, a.Swing)
		case a.Unclear:
			return 1
		}
		return -1
	})
}

// held is the limit; nil for none.
func (s *sensitivity) held() *float64 {
	if s.limit == 0 {
		return nil
	}
	return &s.limit
}

// prepare finds what stays: caches or a number of warm instances. It is false where there is
// no answer to move.
func (s *sensitivity) prepare(ctx context.Context) (bool, error) {
	told := false
	measure := func(ctx context.Context, base, c change) (outcome, error) {
		c.plan, c.arm = base.plan, base.arm
		t, err := s.simulate(ctx, c)
		if err != nil && !(t != nil && errors.Is(err, cachebench.ErrNoStart)) {
			return outcome{}, err
		}
		if !told {
			told, s.c.Doubts = true, append(s.c.Doubts, t.Doubts...)
		}
		return s.outcomeOf(s.f, t), nil
	}
	base := change{}
	switch s.opt.Of {
	case OfCaches:
		caches := &Question{Scenario: s.Scenario, Inventory: s.Inventory, Progress: s.Progress, TimeLimit: s.TimeLimit}
		_, k, err := caches.cheapest(ctx, s.opt.SLO)
		s.tried += caches.tried
		if k == nil || err != nil && !errors.Is(err, cachebench.ErrCoverage) {
			return false, err
		}
		if k.best == nil {
			s.c.Verdict, s.c.Headline = reports.CapacityNotMet, fmt.Sprintf("No answer to move: no caches that were tried keep a %s.", s.opt.SLO)
			return false, nil
		}
		if k.cut {
			s.c.Doubts = append(s.c.Doubts, fmt.Sprintf("The search for the caches was stopped%s after %s: cheaper ones that keep the limit are not ruled out.", k.stoppedBy(), plural(len(k.known), "plan")))
		}
		base = change{plan: k.best.Plan, arm: simulate.ArmCached}
		if base.plan == nil {
			base.arm = cmp.Or(k.best.arm, simulate.ArmAutomatic)
		}
		s.c.Arm = base.arm
		s.c.Assumptions = append(s.c.Assumptions, "What is built stays: "+k.best.name()+".")
	case OfPool:
		app, err := s.pooledApp(s.opt.Pool.App)
		if err != nil {
			return false, err
		}
		s.opt.Pool.SLO = s.opt.SLO
		p := &warmPool{Question: s.Question, c: s.c, opt: s.opt.Pool, app: app}
		t, err := s.simulate(ctx, change{})
		if err != nil {
			return false, err
		}
		s.c.Doubts = append(s.c.Doubts, t.Doubts...)
		most, err := p.take(t)
		if err != nil {
			return false, err
		}
		r := p.response()
		need, _, err := r.need(ctx, bracket{low: 0, high: float64(most), whole: true}, s.limit)
		if err != nil {
			return false, err
		}
		if need.Need == nil {
			s.c.Verdict, s.c.Headline = reports.CapacityNotMet, fmt.Sprintf("No answer to move: no number of warm instances of %s keeps a %s.", app.Name, s.opt.SLO)
			return false, nil
		}
		warm := int(*need.Sure())
		s.f.name = s.opt.SLO.Figure + " of starts of " + app.Name
		s.c.Assumptions = append(s.c.Assumptions, "What is kept warm stays: "+plural(warm, "instance")+" of "+app.Name+".")
		s.with = func(ctx context.Context, c change) (outcome, error) {
			t, err := s.simulate(ctx, c)
			if err != nil && !errors.Is(err, cachebench.ErrNoStart) {
				return outcome{}, err
			}
			if err == nil {
				_, err = p.take(t)
			}
			if none := errors.Is(err, cachebench.ErrNoStart); none || errors.Is(err, cachebench.ErrUnfit) {
				return outcome{never: true, none: none}, nil
			}
			return p.outcome(warm), err
		}
		return true, nil
	}
	s.with = func(ctx context.Context, c change) (outcome, error) { return measure(ctx, base, c) }
	return true, nil
}

// scaledBy is a parameter that is scaled; by is nil where the factor changes nothing.
type scaledBy struct {
	reports.CapacityEffect
	by func(factor float64) *change
	// redraws says that it changes which starts or releases there are, of those that come at
	// random: one repeat does not tell what it does from what another draw would.
	redraws bool
}

// noSource stands for where a value is from that nobody has said.
const noSource = "no source stated"

// changes are what is tried: the question's own and the workload's parameters, then the
// profile's.
func (s *sensitivity) changes() []scaledBy {
	var list []scaledBy
	add := func(name, source string, by func(factor float64) *change) {
		list = append(list, scaledBy{CapacityEffect: reports.CapacityEffect{Parameter: name, Source: source}, by: by})
	}
	redraw := func(name string, by func(factor float64) *change) {
		list = append(list, scaledBy{reports.CapacityEffect{Parameter: name, Source: "the workload"}, by, s.Scenario.Random()})
	}
	if len(s.Scenario.Bursts) > 0 {
		add("starts of the burst", "the question", func(factor float64) *change {
			bursts := slices.Clone(s.Scenario.Bursts)
			for i := range bursts {
				bursts[i].Count = max(1, int(math.Round(factor*float64(bursts[i].Count))))
			}
			return &change{bursts: bursts}
		})
	}
	apps := func(scale func(*workload.App, float64) bool) func(factor float64) *change {
		return func(factor float64) *change {
			w := *s.Scenario.Workload
			w.Apps = slices.Clone(w.Apps)
			some := false
			for i := range w.Apps {
				some = scale(&w.Apps[i], factor) || some
			}
			if !some {
				return nil
			}
			return &change{workload: &w}
		}
	}
	if s.Scenario.Workload != nil {
		redraw("starts of all apps", func(factor float64) *change {
			w, _, err := workload.Scaled(s.Scenario.Workload, nil, []workload.Scale{{Apps: "*", Factor: factor}})
			if err != nil {
				return nil
			}
			for i := range w.Apps {
				w.Apps[i].DrawnAs = s.Scenario.Workload.Apps[i].Paired(1, 1).DrawnAs
			}
			return &change{workload: w}
		})
		redraw("releases of all apps", apps(func(app *workload.App, factor float64) bool {
			*app = app.Paired(1, factor)
			return app.ReleasesPerMonth > 0
		}))
		add("run times of all apps", "the workload", apps(func(app *workload.App, factor float64) bool {
			app.Runtime = time.Duration(factor * float64(app.Runtime))
			return app.Runtime > 0
		}))
	}
	add("sizes of all images", "the inventory", func(factor float64) *change { return &change{inventory: sized(s.Inventory, factor)} })
	for _, v := range s.Scenario.Profile.Values() {
		add(v.Name, cmp.Or(v.Source, noSource), func(factor float64) *change {
			scaled, ok := scaledProfile(s.Scenario.Profile, v.Name, factor)
			if !ok || scaled.Digest() == s.Scenario.Profile.Digest() || scaled.Validate() != nil {
				return nil
			}
			return &change{profile: func(p *simulate.Profile) { *p = *scaled }}
		})
	}
	return list
}

// alsoScaled are the quantities of a profile that are no lever on a start that is held up, and
// move answers all the same.
var alsoScaled = map[string]func(p *simulate.Profile, factor float64) bool{
	"network.goodputFraction":  scaling(func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Network.Goodput }),
	"pull.resolveRequests":     scaling(func(p *simulate.Profile) *simulate.Parameter[int64] { return &p.Pull.ResolveRequests }),
	"pull.startSeconds":        scaling(func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Pull.Start }),
	"pull.blobSeconds":         scaling(func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Pull.Blob }),
	"pull.repeatRequests":      scaling(func(p *simulate.Profile) *simulate.Parameter[int64] { return &p.Pull.RepeatRequests }),
	"unpack.fetchDiskFraction": scaling(func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Unpack.FetchDiskFraction }),
	"cache.copyBytesPerSecond": scaling(func(p *simulate.Profile) *simulate.Parameter[network.Rate] { return &p.Cache.Copy }),
	"cache.buildSeconds":       scaling(func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Cache.Build }),
	"cache.flashSeconds":       scaling(func(p *simulate.Profile) *simulate.Parameter[time.Duration] { return &p.Cache.Flash }),
	"node.diskGiB":             scaling(func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Node.DiskGiB }),
	"node.highFraction":        scaling(func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Node.HighFraction }),
	"node.lowFraction":         scaling(func(p *simulate.Profile) *simulate.Parameter[float64] { return &p.Node.LowFraction }),
}

// scaledProfile is a profile with one quantity times a factor; false where it has none of
// that name, or it is nothing or unlimited.
func scaledProfile(p *simulate.Profile, name string, factor float64) (*simulate.Profile, bool) {
	scale := alsoScaled[name]
	if scale == nil {
		return p.Scaled(name, factor)
	}
	scaled := *p
	return &scaled, scale(&scaled, factor)
}

// scaling multiplies a quantity and all that is drawn from its distribution with it.
func scaling[T ~int64 | ~float64](of func(*simulate.Profile) *simulate.Parameter[T]) func(*simulate.Profile, float64) bool {
	return func(p *simulate.Profile, factor float64) bool {
		x := of(p)
		if v := typical(x); v <= 0 || v >= math.MaxInt64/2 {
			return false
		}
		for _, v := range []*T{&x.Value, &x.Median, &x.Min, &x.Max} {
			*v = T(float64(*v) * factor)
		}
		return true
	}
}

// sized is an inventory whose layers have that many times the bytes and files.
func sized(inv *layers.Inventory, factor float64) *layers.Inventory {
	other := *inv
	other.Layers = slices.Clone(inv.Layers)
	for i := range other.Layers {
		l := &other.Layers[i]
		l.CompressedBytes = int64(math.Round(factor * float64(l.CompressedBytes)))
		for _, of := range []**int64{&l.UnpackedBytes, &l.Files} {
			if *of != nil {
				n := int64(math.Round(factor * float64(**of)))
				*of = &n
			}
		}
	}
	return &other
}

// effect tries one parameter; one that changes nothing is not listed.
func (s *sensitivity) effect(ctx context.Context, of *scaledBy) error {
	e, some := of.CapacityEffect, false
	told, untold := 0.0, 0.0 // the larger of the changes that are told from chance, and of the others
	at := map[float64]string{0.5: "half", 2: "twice"}
	for _, factor := range []float64{0.5, 2} {
		changed := of.by(factor)
		if changed == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.tell("trying %s x%g", e.Parameter, factor)
		o, err := s.with(ctx, *changed)
		value := e.Parameter + " at " + at[factor]
		if errors.Is(err, cachebench.ErrTooMuch) {
			s.unknown = append(s.unknown, value)
			s.c.Doubts = append(s.c.Doubts, fmt.Sprintf("With %s there are too many starts to list, so that what it changes is not known.", value))
			continue
		}
		if err != nil {
			return err
		}
		verdict := ""
		if s.limit > 0 {
			verdict = s.judge(&o)
		}
		var d *reports.CapacityFigure
		switch {
		case o.none:
			s.unknown, verdict = append(s.unknown, value), ""
			s.c.Doubts = append(s.c.Doubts, fmt.Sprintf("With %s no start falls into the window, so that what it changes is not known: make the window longer (--window).", value))
		case o.never:
			some = true
			s.never = append(s.never, value)
			s.c.Doubts = append(s.c.Doubts, fmt.Sprintf("With %s some starts are never ready.", value))
		default:
			d = s.difference(&o)
			some = some || d.Value != 0
			if isTold(d, of.redraws) {
				told = max(told, math.Abs(d.Value))
			} else {
				s.untold = append(s.untold, value)
				untold = max(untold, math.Abs(d.Value))
			}
		}
		if factor < 1 {
			e.Less, e.LessVerdict = d, verdict
		} else {
			e.More, e.MoreVerdict = d, verdict
		}
	}
	if e.Swing = told; told == 0 && untold > 0 {
		e.Swing, e.Unclear = untold, true
	}
	if some {
		s.c.Effects = append(s.c.Effects, e)
	}
	return nil
}

// isTold says that a change is told from chance: its interval does not hold 0, or where there
// is none, the draws are the same.
func isTold(d *reports.CapacityFigure, redraws bool) bool {
	if d.Low != nil && d.High != nil {
		return *d.Low > 0 || *d.High < 0 || d.Value == 0 && *d.Low == *d.High
	}
	return !redraws || d.Value == 0
}

// difference is how much more o is than it is now: with starts listed, of the differences of
// the repeats that both have, else of both means.
func (s *sensitivity) difference(o *outcome) *reports.CapacityFigure {
	d := &reports.CapacityFigure{Name: "change", Unit: reports.UnitSeconds, Value: o.Value - s.now.Value}
	differences := o.pairedWith(&s.now)
	switch {
	case len(differences) > 1:
		paired := statisticOf(differences)
		d.Low, d.High = paired.Low, paired.High
		if len(differences) < max(len(o.values), len(s.now.values)) {
			d.Value = paired.Value // the means are of other repeats
		}
	case o.Low != nil && o.High != nil && s.now.Low != nil && s.now.High != nil:
		low, high := *o.Low-*s.now.High, *o.High-*s.now.Low
		d.Low, d.High = &low, &high
	}
	return d
}

// mostMoves begins the headline of what moves the answer.
const mostMoves = "What moves the answer most: "

// words write what moves the answer most, in order, and what turns the verdict.
func (s *sensitivity) words() {
	c := s.c
	x := s.now.figure("", reports.UnitSeconds, s.held())
	held := ""
	if s.limit > 0 {
		held = fmt.Sprintf("; the limit of %s is %s", limitWords(s.limit), c.Verdict)
		if words := s.now.shareWords(s.limit); s.opt.Of == OfBurst && words != "" {
			held += ", " + words
		}
	}
	if len(c.Effects) == 0 {
		c.Headline = fmt.Sprintf("No parameter that was tried moves the answer: %s is %s%s.", s.f.name, x.Words(), held)
		return
	}
	e := &c.Effects[0]
	c.Headline = mostMoves + fmt.Sprintf("%s, by %s of %s (%s)%s.", e.Parameter, secondsWords(e.Swing), x.Words(), s.f.name, held)
	switch {
	case e.Swing > 0 && !e.Unclear:
	case len(s.never) > 0:
		c.Headline = fmt.Sprintf("Only starts that are never ready move the answer, with %s: else %s is %s%s.", list(s.never), s.f.name, x.Words(), held)
	default:
		c.Headline = fmt.Sprintf("No parameter that was tried moves the answer beyond chance: %s is %s%s.", s.f.name, x.Words(), held)
	}
	var order, chance, known, turns []string
	for i := range c.Effects {
		e := &c.Effects[i]
		by := fmt.Sprintf("%s (%s)", e.Parameter, secondsWords(e.Swing))
		switch {
		case e.Unclear:
			chance = append(chance, by)
		case e.Swing > 0 && len(order) < 5:
			order = append(order, by)
		}
		if !e.Unclear && (strings.HasPrefix(e.Source, "assumed") || e.Source == noSource) && e.Swing > 0.02*s.now.Value {
			if e.Source == noSource {
				by = fmt.Sprintf("%s (%s, %s)", e.Parameter, secondsWords(e.Swing), noSource)
			}
			known = append(known, by)
		}
		for _, of := range []struct{ at, verdict string }{{"half", e.LessVerdict}, {"twice", e.MoreVerdict}} {
			if of.verdict == "" || of.verdict == c.Verdict {
				continue
			}
			value, how := e.Parameter+" at "+of.at, of.verdict
			if slices.Contains(s.untold, value) {
				how += "; not told from chance"
			}
			turns = append(turns, fmt.Sprintf("%s (%s)", value, how))
		}
	}
	c.Sentences = nil
	if len(order) > 0 {
		c.Sentences = append(c.Sentences, "In order: "+list(order)+".")
	}
	if len(chance) > 0 {
		c.Sentences = append(c.Sentences, "Not told from chance: "+list(chance)+". More --repeats tell more.")
	}
	if len(s.never) > 0 && e.Swing > 0 && !e.Unclear {
		c.Sentences = append(c.Sentences, "Beside these, some starts are never ready with "+list(s.never)+".")
	}
	switch {
	case len(turns) > 0:
		c.Sentences = append(c.Sentences, "What turns the verdict: "+list(turns)+".")
	case s.limit > 0 && len(s.unknown) > 0:
		c.Sentences = append(c.Sentences, "Nothing of which it is known turns the verdict at half or twice its value. Not known: "+list(s.unknown)+".")
	case s.limit > 0:
		c.Sentences = append(c.Sentences, "Nothing at half or twice its value turns the verdict.")
	}
	if len(known) > 0 {
		c.Sentences = append(c.Sentences, "Measure first, for these are only assumed and move it by more than 2 %: "+list(known[:min(5, len(known))])+".")
	}
}
