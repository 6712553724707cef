package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/simulate"
)

// Why a run stops before its end. What was measured until then is in its timeline.
var (
	ErrMaxCost     = errors.New("the limit of what may be spent is reached")
	ErrMaxDuration = errors.New("the limit of how long it may take is reached")
	ErrGivenUp     = errors.New("an arm is given up")
)

// sameErrors in a row, of the same reason, end an experiment, or an arm, as in measure.
const sameErrors = 3

// session is an experiment that is being run.
type session struct {
	exp    *Experiment
	arms   []arm
	client *eci.Client
	opt    Options
	run    string // its ID, in journal and tags
	until  time.Time
	*custody
	budget budget
	t      *simulate.Timeline
	origin time.Time
	begun  time.Time
	done   map[runKey]bool
	// caches are the IDs of what arms start from, by the making's name.
	caches map[string]string
	// untold are the makings of which one cannot be timed any more, and is not made again.
	untold map[string]bool
	// sizes are the GiB of caches, by ID, whose disks are paid for: 0 of automatic ones.
	sizes map[string]int
	// primed is what is known of the start that lets an automatic cache be made.
	primed primed
	// handsOff: what the run made is not to be touched, for another one may go on with it, or
	// it may be of another account. Of a run that is gone on with they are off until it is known.
	handsOff bool
	// failing is what each arm's last starts failed for.
	failing []failing
	// flying are starts that are under way, staying those that are over whose groups could not be
	// deleted yet, unanswered those that were asked for and may have been made.
	flying, staying, unanswered []*flight
	// makings are the caches that were made, or asked for, and not deleted yet.
	makings []*making
	// refused is why a group was last not made, but may be later.
	refused error
	// counts is how many starts of each arm count, by its name.
	counts map[string]int
}

type runKey struct {
	arm    string
	repeat int
}

// Run makes the starts of an experiment and returns them with all that is known of how
// they came about. When it ends, for whatever reason, what it made is deleted; an error
// that wraps a *LeftError lists what could not be.
//
// It stops when the context ends, at a limit (ErrMaxCost, ErrMaxDuration), when the
// service has no stock, no quota or no money for more, or when the same fails again and
// again. The timeline with what was measured is returned beside the error; it is nil
// only where nothing could begin.
func Run(ctx context.Context, client *eci.Client, exp *Experiment, opt Options) (t *simulate.Timeline, err error) {
	s, err := newSession(ctx, client, exp, opt)
	if err != nil {
		return nil, err
	}
	defer func() {
		panicked := recover()
		fault := s.end(ctx)
		if panicked != nil {
			if fault != nil {
				s.opt.Warn("%v", fault) // nobody gets the error
			}
			panic(panicked)
		}
		err = errors.Join(err, fault)
	}()
	err = s.all(ctx)
	return s.t, errors.Join(err, s.save())
}

func newSession(ctx context.Context, client *eci.Client, exp *Experiment, opt Options) (*session, error) {
	if err := exp.Validate(); err != nil {
		return nil, fmt.Errorf("experiment: %w", err)
	}
	if opt.JournalDir == "" {
		return nil, errors.New("no directory of journals is given")
	}
	if m := opt.MaxCost; m != nil && m.Currency != opt.Book.Currency {
		return nil, fmt.Errorf("at most %v is to be spent, the prices are in %s: give the limit in that currency", *m, opt.Book.Currency)
	}
	opt.setDefaults()
	exp = exp.withDefaults()
	s := &session{exp: exp, arms: exp.arms(), client: client, opt: opt, done: map[runKey]bool{}, caches: map[string]string{}, untold: map[string]bool{}, sizes: map[string]int{}, counts: map[string]int{}}
	s.failing = make([]failing, len(s.arms))
	s.budget = budget{prices: prices{book: opt.Book, exp: exp, givenGiB: exp.CacheGiB}, most: opt.MaxCost}
	s.begun = opt.Now()
	s.t = &simulate.Timeline{
		Provenance: simulate.Provenance{
			Version: opt.Version, Seed: exp.Seed, Profile: "measured on ECI", Inputs: opt.Inputs,
			PriceDate: opt.Book.Date, Currency: opt.Book.Currency, Now: s.begun.UTC().Round(0),
		},
		Measurement: &simulate.Measurement{Tool: "eci", Inventory: opt.Inventory, Arms: s.setups()},
		Startups:    []simulate.Startup{},
	}
	if opt.Resume != nil {
		if err := s.resume(opt.Resume); err != nil {
			return nil, fmt.Errorf("resume the experiment: %w", err)
		}
	}
	if s.run == "" {
		token, err := client.NewClientToken()
		if err != nil {
			return nil, err
		}
		s.run = s.begun.UTC().Format("20060102t150405z") + "-" + token[:8]
	}
	s.until = s.begun.Add(opt.MaxDuration + exp.CacheTimeout + exp.Timeout + endTimeout)
	s.t.Measurement.Facts = s.facts()
	open := newCustody
	if s.handsOff = opt.Resume != nil; s.handsOff { // until it is known that nobody else goes on with it
		open = holdCustody
	}
	err := makeJournalDir(opt.JournalDir)
	if err == nil {
		s.custody, err = open(ctx, client, opt.JournalDir, s.run, &s.opt)
	}
	return s, err
}

// all are the steps, in order.
func (s *session) all(ctx context.Context) error {
	// Before anything is made: a run that is killed is found again by what is saved.
	err := s.save()
	if err == nil {
		err = s.takeOver(ctx)
	}
	if err != nil {
		return s.untouched(err)
	}
	if err := s.begin(s.until); err != nil {
		return err
	}
	if !slices.ContainsFunc(s.arms, func(a arm) bool { return s.remaining(&a) }) {
		return nil
	}
	for _, step := range []func(context.Context) error{s.sizeUp, s.preflight, s.primeAll, s.makeCaches, s.compare, s.warmUp, s.rounds} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return errors.Join(s.nothingCounts(), s.unfinished())
}

// preflight asks the service whether it would make a group, before anything is paid for:
// what is wrong with a size, a network or a permission shows here, and not after caches
// were made. The answer to a question that may be made is an error of its own (eci §2.6).
func (s *session) preflight(ctx context.Context) error {
	kind := s.arms[0].kind
	f := &flight{resource: resource{Kind: Group, Automatic: kind == ArmAutomatic}, since: s.opt.Now()}
	most, err := s.budget.atMost(kind, s.exp.deadline()) // it may be made nevertheless
	if err == nil {
		err = s.budget.reserve(most)
	}
	if err == nil {
		f.reserved = most
		err = errors.Join(s.cover(), s.ask(&f.resource))
	}
	if err != nil {
		return err
	}
	spec := s.spec(f)
	spec.DryRun, spec.ImageCacheID = true, ""
	created, err := s.client.CreateContainerGroup(ctx, spec)
	if errors.Is(err, eci.ErrDryRun) {
		s.budget.settle(most, cost.Money{})
		return s.note(wroteNone, f.resource)
	}
	if err = s.made(ctx, &f.resource, created.ID, err); f.ID != "" {
		s.staying = append(s.staying, f) // one that is made nevertheless goes with the next
	} else {
		s.notMade(f)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, mayPass(err):
		return nil
	}
	return fmt.Errorf("ask whether groups can be made: %w", err)
}

// warmUp makes starts that are not counted.
func (s *session) warmUp(ctx context.Context) error {
	var queue []start
	for _, i := range s.exp.warmups(s.arms, s.remaining) {
		queue = append(queue, start{arm: i, repeat: uncounted})
	}
	return s.play(ctx, queue)
}

// rounds makes the starts that are not done yet.
func (s *session) rounds(ctx context.Context) error {
	var queue []start
	for repeat := range s.exp.Repeats {
		for _, i := range s.exp.order(repeat, len(s.arms)) {
			if !s.done[runKey{s.arms[i].name, repeat}] {
				queue = append(queue, start{arm: i, repeat: repeat})
			}
		}
	}
	return s.play(ctx, queue)
}

func (s *session) total() int { return len(s.arms) * s.exp.Repeats }

// ended counts the starts that count.
func (s *session) ended() int {
	n := 0
	for i := range s.arms {
		n += s.counts[s.arms[i].name]
	}
	return n
}

func (s *session) counted(a *arm) int { return s.counts[a.name] }

// count notes that a run counts.
func (s *session) count(key runKey) {
	s.done[key] = true
	s.counts[key.arm]++
}

// remaining says whether an arm has starts that are not done.
func (s *session) remaining(a *arm) bool { return s.counted(a) < s.exp.Repeats }

// record adds a run to the timeline, with its startup where there is one. At is when it
// was requested, by the service's clock; zero where that is not known, and then there is
// no startup.
func (s *session) record(run simulate.MeasuredRun, u *simulate.Startup) {
	run.At = run.At.UTC().Round(0)
	if s.origin.IsZero() {
		s.origin = run.At
	}
	if early := s.origin.Sub(run.At); early > 0 && !run.At.IsZero() { // of several at once the first need not end first
		for i := range s.t.Startups {
			s.t.Startups[i].Requested += early
		}
		s.origin = run.At
	}
	s.t.Measurement.Runs = append(s.t.Measurement.Runs, run)
	if u != nil {
		u.Source, u.Arm, u.Repeat, u.Void = simulate.Measured, run.Arm, run.Repeat, run.Void
		u.Requested = run.At.Sub(s.origin)
		s.t.Startups = append(s.t.Startups, *u)
	}
	if run.Void == "" {
		s.count(runKey{run.Arm, run.Repeat})
	}
}

// save keeps the timeline.
func (s *session) save() error {
	s.conclude()
	ahead := s.budget.ahead()
	s.noteSpent(ahead)
	if err := s.opt.Save(s.t); err != nil {
		return fmt.Errorf("save what was measured: %w", err)
	}
	s.budget.noted = ahead
	return nil
}

// cover saves what may be spent, if that is more than was saved, before it is: who is killed
// and goes on knows it.
func (s *session) cover() error {
	if s.budget.bound() <= s.budget.noted {
		return nil
	}
	return s.save()
}

// late says that no step may begin any more.
func (s *session) late() error {
	if d := s.opt.MaxDuration; s.opt.Now().Sub(s.begun) >= d {
		return fmt.Errorf("%w (%v)", ErrMaxDuration, d)
	}
	return nil
}

// setups are the conditions of each arm, for who resumes and who reads.
func (s *session) setups() []simulate.ArmSetup {
	var list []simulate.ArmSetup
	for i := range s.arms {
		a := &s.arms[i]
		setup := simulate.ArmSetup{Arm: a.name, Starts: s.exp.words(a)}
		if a.kind != ArmCold {
			setup.Kept = slices.Clone(a.app.Images)
		}
		list = append(list, setup)
	}
	for i := range s.arms {
		if a := &s.arms[i]; a.kind == ArmAutomatic || s.exp.makes(a) {
			list = append(list, simulate.ArmSetup{Arm: a.making(), Making: true})
		}
	}
	return list
}
