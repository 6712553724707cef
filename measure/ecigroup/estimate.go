package ecigroup

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// What a step is expected to take, where nothing of the experiment is known yet: the
// slowest published start without a cache was 1 m 41 s, with one 20 s (eci §1.12); the
// billing example builds a cache in 300 s (eci §5.3), a published trace was done after
// 13 min at most.
const (
	expectedCold   = 100 * time.Second
	expectedCached = 20 * time.Second
	expectedBuild  = 300 * time.Second
)

// ending is how much longer than its timeout a group lasts at most: until it is looked at
// again and deleted, or ends by itself where it cannot be.
const ending = time.Minute

// deadline is after how long a group ends by itself, and so the most that it is paid for
// (eci §3.1), whether or not it can be deleted.
func (e *Experiment) deadline() time.Duration { return (e.Timeout + ending).Truncate(time.Second) }

// longestBuild is how long the making of a cache is paid for at most: a cache has no deadline
// of its own, and the service may not let it be deleted before it is made.
func (e *Experiment) longestBuild() time.Duration { return e.CacheTimeout + endTimeout }

// longestKept is how long a cache is there at most, in a run that begins nothing after a time.
func (e *Experiment) longestKept(maxDuration time.Duration) time.Duration {
	return maxDuration + e.CacheTimeout + e.Timeout + endTimeout
}

// Step is one thing that an experiment does, Count times. What names it, without an article.
type Step struct {
	What  string
	Count int
	// Expected is what all of it is expected to cost, Most what it costs where all of it
	// takes until its timeout, and starts are made again as often as they may be.
	Expected, Most cost.Money
}

// Estimate is what an experiment will do and cost, in order.
type Estimate struct {
	Steps          []Step
	Expected, Most cost.Money
	// First is what the first thing that is made may cost: a limit below it lets nothing
	// be done.
	First cost.Money
	// Notes are what is to be known of it besides.
	Notes []string

	// tries are how often a start that is to count is made at most.
	tries int
}

// prices are the book with the experiment's shapes.
type prices struct {
	book cost.Book
	exp  *Experiment
	// givenGiB is the size of the cache that was given; 0 is that of those that are made.
	givenGiB int
	// matchGiB is the size of the largest cache of others that holds an image of the
	// experiment, as far as that was looked at.
	matchGiB int
}

// start is what one start costs over a time: the instance, and the disk of a manual cache
// (eci §5.1); 0 GiB is none.
func (p *prices) start(diskGiB int, d time.Duration) (cost.Money, error) {
	g := &p.exp.Group
	total, err := p.book.Instance(g.VCPU, g.MemoryGiB, d)
	if err != nil {
		return total, err
	}
	extra, err := p.book.Automatic(float64(matcher.FreeStorageGiB+g.EphemeralStorageGiB), d)
	if err != nil {
		return total, err
	}
	if total, err = total.Plus(extra); err != nil || diskGiB == 0 {
		return total, err
	}
	disk, err := p.book.Use(float64(diskGiB), d)
	if err != nil {
		return total, err
	}
	return total.Plus(disk)
}

// atMost is what one start of an arm costs at most over a time: with the largest cache that
// it can be started from.
func (p *prices) atMost(kind string, d time.Duration) (cost.Money, error) {
	return p.start(p.diskGiB(kind), d)
}

// diskGiB is the largest disk that a start of an arm can have of a cache. An automatic
// cache has none that is paid for besides; where the service matches by itself it may
// take a manual one (eci §1.9).
func (p *prices) diskGiB(kind string) int {
	switch {
	case kind == ArmCold:
		return 0
	case kind == ArmAutomatic:
		largest := p.matchGiB
		for _, other := range p.exp.Arms {
			if manual(other) {
				largest = max(largest, p.diskGiB(other))
			}
		}
		return largest
	case kind == ArmExplicit && p.givenGiB > 0:
		return p.givenGiB
	}
	return p.exp.Cache.SizeGiB
}

// build is what making a cache of an arm costs over a time, and keeping it full for kept.
func (p *prices) build(kind string, d, kept time.Duration) (cost.Money, error) {
	build, err := p.book.Build(d, float64(p.exp.Cache.SizeGiB))
	if err != nil {
		return build, err
	}
	keep, err := p.keep(kind, kept)
	if err != nil {
		return build, err
	}
	return build.Plus(keep)
}

// keep is what a cache of an arm costs while it is kept, full.
func (p *prices) keep(kind string, kept time.Duration) (cost.Money, error) {
	size := float64(p.exp.Cache.SizeGiB)
	keep, err := p.book.Keep(size, kept)
	if err != nil || kind != ArmFlash {
		return keep, err
	}
	instant, err := p.book.InstantAccess(size, kept)
	if err != nil {
		return keep, err
	}
	return keep.Plus(instant)
}

// making is the most that the making of a cache of an arm may cost.
func (p *prices) making(kind string, maxDuration time.Duration) (cost.Money, error) {
	return p.build(kind, p.exp.longestBuild(), p.exp.longestKept(maxDuration))
}

// Estimate says what the experiment will do and cost, before anything is done; of one
// that is gone on with, what is not done yet (old may be nil). Retries are as in Options.
// A price that the book lacks is a *cost.MissingPriceError.
func (e *Experiment) Estimate(book cost.Book, maxDuration time.Duration, retries int, old *simulate.Timeline) (*Estimate, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	exp := e.withDefaults()
	p := &prices{book: book, exp: exp, givenGiB: exp.CacheGiB}
	arms := exp.arms()
	est := &Estimate{tries: 1 + max(0, cmp.Or(retries, measure.DefaultRetries)), Notes: exp.notes()}
	done := doneOf(old)
	left := func(a *arm) int { return max(0, exp.Repeats-done[a.name]) }
	if !slices.ContainsFunc(arms, func(a arm) bool { return left(&a) > 0 }) {
		return est, nil
	}
	for i := range arms {
		a := &arms[i]
		switch {
		case left(a) == 0:
		case a.kind == ArmAutomatic:
			what := "start of " + a.app.name() + " that lets an automatic cache be made"
			if err := est.starts(p, what, max(1, exp.MakeRepeats-done[a.making()]), est.tries, ArmAutomatic, expectedCold); err != nil {
				return nil, err
			}
		case exp.makes(a):
			if err := est.build(p, a, max(1, exp.MakeRepeats-done[a.making()]), maxDuration); err != nil {
				return nil, err
			}
		}
	}
	if warm := exp.warmups(arms, func(a *arm) bool { return left(a) > 0 }); len(warm) > 0 {
		kind := ArmCold
		for _, i := range warm {
			if manual(arms[i].kind) {
				kind = arms[i].kind // with a disk; the others cost less
			}
		}
		if err := est.starts(p, "start to warm up", len(warm), 1, kind, expectedCold); err != nil {
			return nil, err
		}
	}
	for i := range arms {
		expected := expectedCached
		if arms[i].kind == ArmCold {
			expected = expectedCold
		}
		if left(&arms[i]) == 0 {
			continue
		}
		if err := est.starts(p, "start: "+arms[i].name, left(&arms[i]), est.tries, arms[i].kind, expected); err != nil {
			return nil, err
		}
	}
	return est, nil
}

// notes are what an experiment's figures do not say: timeouts that what is assumed does not
// fit into, and prices that nobody publishes (eci §1.7, §5.2).
func (e *Experiment) notes() (notes []string) {
	cold := slices.Contains(e.Arms, ArmCold) || slices.Contains(e.Arms, ArmAutomatic)
	expected, what := expectedCached, "from a cache"
	if cold {
		expected, what = expectedCold, "without a cache"
	}
	if e.Timeout < expected {
		notes = append(notes, fmt.Sprintf("The timeout of %v is shorter than the %v that a start %s is assumed to take: one that takes longer is void.", e.Timeout, expected, what))
	}
	if e.makesCaches() && e.CacheTimeout < expectedBuild {
		notes = append(notes, fmt.Sprintf("The timeout of %v is shorter than the %v that the making of a cache is assumed to take: one that takes longer ends the experiment.", e.CacheTimeout, expectedBuild))
	}
	if slices.Contains(e.Arms, ArmAutomatic) {
		notes = append(notes, "A cache of somebody else's that the service matches costs its disk besides, within the limit.")
	}
	if slices.Contains(e.Arms, ArmFlash) {
		notes = append(notes, "What Flash and copies of a cache cost is not published: nothing is assumed for them.")
	}
	return notes
}

// doneOf counts the runs of each arm that count.
func doneOf(t *simulate.Timeline) map[string]int {
	done := map[string]int{}
	if t == nil || t.Measurement == nil {
		return done
	}
	for _, r := range t.Measurement.Runs {
		if r.Void == "" {
			done[r.Arm]++
		}
	}
	return done
}

// starts adds n starts, each of which is made tries times at most.
func (e *Estimate) starts(p *prices, what string, n, tries int, kind string, expected time.Duration) error {
	likely, err := p.start(likelyGiB(p, kind), min(expected, p.exp.Timeout))
	if err != nil {
		return err
	}
	most, err := p.atMost(kind, p.exp.deadline())
	if err != nil {
		return err
	}
	return e.add(Step{what, n, likely.Times(float64(n)), most.Times(float64(n * tries))}, most)
}

// likelyGiB is the disk that a start is expected to have: the service is expected to match
// the automatic cache that is made first.
func likelyGiB(p *prices, kind string) int {
	if kind == ArmAutomatic {
		return 0
	}
	return p.diskGiB(kind)
}

// build adds n makings of an arm's cache, the last of which is kept.
func (e *Estimate) build(p *prices, a *arm, n int, maxDuration time.Duration) error {
	build, err := p.build(a.kind, min(expectedBuild, p.exp.CacheTimeout), 0)
	if err != nil {
		return err
	}
	keep, err := p.keep(a.kind, maxDuration)
	if err != nil {
		return err
	}
	likely, err := build.Times(float64(n)).Plus(keep)
	if err != nil {
		return err
	}
	most, err := p.making(a.kind, maxDuration)
	if err != nil {
		return err
	}
	how := map[string]string{ArmExplicit: "", ArmReuse: " with the layers of others", ArmFlash: " with Flash"}[a.kind]
	return e.add(Step{fmt.Sprintf("image cache of %s%s, %d GiB", a.app.name(), how, p.exp.Cache.SizeGiB), n, likely, most.Times(float64(n))}, most)
}

func (e *Estimate) add(s Step, first cost.Money) (err error) {
	if len(e.Steps) == 0 {
		e.First = first
	}
	e.Steps = append(e.Steps, s)
	if e.Expected, err = e.Expected.Plus(s.Expected); err != nil {
		return err
	}
	e.Most, err = e.Most.Plus(s.Most)
	return err
}

// budget holds what is spent under a limit: what runs is reserved at the most that it
// can cost, and settled at what it took.
type budget struct {
	prices
	// most is the limit; nil is none.
	most            *cost.Money
	spent, reserved float64
	// carried is what the caches of an earlier run cost on, until it is known which are there.
	carried kept
	// noted is what was last saved to be spent at most: what is done beyond it is saved before.
	noted float64
}

// bound is what may be spent until now, and by all that runs.
func (b *budget) bound() float64 { return b.spent + b.reserved }

// ahead is what is saved to be spent at most: one start more than it can be, so that not
// each has to be saved before it is begun, but no more than the limit.
func (b *budget) ahead() float64 {
	one, err := b.atMost(ArmCold, b.exp.deadline())
	if err != nil {
		return b.bound() // nothing can be priced, and so nothing be begun
	}
	ahead := b.bound() + one.Amount
	if b.most != nil {
		ahead = min(ahead, b.most.Amount)
	}
	return max(b.bound(), ahead)
}

// reserve takes the most that a step may cost, unless that goes beyond the limit.
func (b *budget) reserve(m cost.Money) error {
	if b.most != nil && b.spent+b.reserved+m.Amount > b.most.Amount {
		return fmt.Errorf("%w: %v are spent, %v may be of what runs, and the next step may cost %v, of %v at most",
			ErrMaxCost, b.book.Money(b.spent), b.book.Money(b.reserved), m, *b.most)
	}
	b.reserved += m.Amount
	return nil
}

// settle gives a reservation back for what was really spent.
func (b *budget) settle(reserved, spent cost.Money) {
	b.reserved = max(0, b.reserved-reserved.Amount)
	b.spent += spent.Amount
}
