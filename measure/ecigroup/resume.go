package ecigroup

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/simulate"
)

// factRun names the run in a timeline's facts, so that its journal is found again, and
// factSpent what it may have cost until it was saved.
const (
	factRun   = "run"
	factSpent = "spent at most"
)

// SpentOf is what the experiment of a timeline has cost at most until it was saved; false
// where that is not told.
func SpentOf(t *simulate.Timeline) (spent cost.Money, ok bool) {
	if t == nil || t.Measurement == nil {
		return cost.Money{}, false
	}
	currency, amount, _ := strings.Cut(factOf(t.Measurement, factSpent), " ")
	value, err := strconv.ParseFloat(amount, 64)
	if err != nil || !(value >= 0) || math.IsInf(value, 1) {
		return cost.Money{}, false
	}
	return cost.Money{Amount: value, Currency: currency, PriceDate: t.Provenance.PriceDate}, true
}

// carry takes over what an earlier run of the experiment has spent.
func (s *session) carry(old *simulate.Timeline) error {
	spent, ok := SpentOf(old)
	if ok && spent.Currency != s.budget.book.Currency {
		return fmt.Errorf("%v are spent, the prices are in %s: go on with prices in %s", spent, s.budget.book.Currency, spent.Currency)
	}
	s.budget.spent = spent.Amount
	s.carryKept(old)
	return nil
}

// noteSpent puts what may be spent into the timeline, rounded up, and what costs on.
func (s *session) noteSpent(most float64) {
	defer s.noteKept()
	m := s.t.Measurement
	spent := simulate.Fact{Name: factSpent, Value: fmt.Sprintf("%s %.6f", s.budget.book.Currency, math.Ceil(most*1e6)/1e6)}
	if i := slices.IndexFunc(m.Facts, func(f simulate.Fact) bool { return f.Name == factSpent }); i >= 0 {
		m.Facts[i] = spent
	} else {
		m.Facts = append(m.Facts, spent)
	}
}

// facts are what is known of where and how, in the same words each time.
func (s *session) facts() []simulate.Fact {
	g := &s.exp.Group
	facts := []simulate.Fact{
		{Name: "region", Value: s.client.RegionID()},
		{Name: "endpoint", Value: s.client.Endpoint()},
		{Name: "vCPU", Value: strconv.FormatFloat(g.VCPU, 'g', -1, 64)},
		{Name: "memory GiB", Value: strconv.FormatFloat(g.MemoryGiB, 'g', -1, 64)},
		{Name: "clock", Value: "the service's, to one second"},
		{Name: "at once", Value: strconv.Itoa(s.exp.Concurrency)},
		{Name: "ready by", Value: s.exp.Readiness},
	}
	for _, f := range []simulate.Fact{
		{Name: "zone", Value: g.ZoneID}, {Name: "vSwitches", Value: strings.Join(g.VSwitchIDs, ",")},
		{Name: "acceleration", Value: g.AccelerateMode}, {Name: "pull policy", Value: s.exp.PullPolicy},
	} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	if g.EphemeralStorageGiB > 0 {
		facts = append(facts, simulate.Fact{Name: "extra storage GiB", Value: strconv.Itoa(g.EphemeralStorageGiB)})
	}
	return append(facts, simulate.Fact{Name: factRun, Value: s.run})
}

// words say of an arm what its startups do not.
func (e *Experiment) words(a *arm) []string {
	var words []string
	switch {
	case a.kind == ArmExplicit && e.CacheID != "":
		words = append(words, "from "+e.CacheID)
	case manual(a.kind):
		words = append(words, fmt.Sprintf("from a cache of %d GiB", e.Cache.SizeGiB))
	}
	if len(e.Args) > 0 {
		words = append(words, fmt.Sprintf("arguments sha256:%x", sha256.Sum256([]byte(strings.Join(e.Args, "\x00")))))
	}
	return words
}

// resume takes over what an earlier run of the same experiment measured.
func (s *session) resume(old *simulate.Timeline) error {
	was := old.Measurement
	if was == nil || was.Tool != s.t.Measurement.Tool {
		return errors.New("the timeline is of no experiment on ECI")
	}
	if s.run = RunOf(old); !validRun(s.run) {
		return fmt.Errorf("its run is %q, which is no run's name", s.run)
	}
	if err := errors.Join(s.same(old), s.carry(old)); err != nil {
		return err
	}
	s.t.Measurement.Runs, s.t.Measurement.Doubts = slices.Clone(was.Runs), slices.Clone(was.Doubts)
	s.t.Startups = slices.Clone(old.Startups)
	if len(s.t.Provenance.Inputs) == 0 {
		s.t.Provenance.Inputs = old.Provenance.Inputs
	}
	known := map[string]*arm{}
	for i := range s.arms {
		known[s.arms[i].name], known[s.arms[i].making()] = &s.arms[i], &s.arms[i]
	}
	for i := range old.Startups {
		u := &old.Startups[i]
		if a := known[u.Arm]; a != nil && u.Arm == a.name && !slices.Equal(u.Images, a.app.Images) {
			return differs("what arm "+a.name+" starts", strings.Join(u.Images, ", "), strings.Join(a.app.Images, ", "))
		}
	}
	for _, r := range was.Runs {
		key := runKey{r.Arm, r.Repeat}
		switch {
		case known[r.Arm] == nil:
			return fmt.Errorf("its runs hold arm %q, which the experiment does not", r.Arm)
		case r.Void == "" && r.Repeat >= s.exp.Repeats && r.Arm == known[r.Arm].name:
			return fmt.Errorf("its runs hold repeat %d of arm %s: with %d repeats it would be of more than the experiment; give as many as it was begun with, or more", r.Repeat+1, r.Arm, s.exp.Repeats)
		case r.Void == "" && s.done[key]:
			return fmt.Errorf("its runs hold repeat %d of arm %s twice", r.Repeat, r.Arm)
		case r.Void == "":
			s.count(key)
		}
		if !r.At.IsZero() && (s.origin.IsZero() || r.At.Before(s.origin)) {
			s.origin = r.At
		}
	}
	return nil
}

// RunOf is the run that a timeline is of; empty is none.
func RunOf(t *simulate.Timeline) string {
	if t == nil || t.Measurement == nil {
		return ""
	}
	return factOf(t.Measurement, factRun)
}

func factOf(m *simulate.Measurement, name string) string {
	for _, f := range m.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// same names what differs from an earlier experiment.
func (s *session) same(old *simulate.Timeline) error {
	was, is := old.Measurement, s.t.Measurement
	for _, c := range []struct{ what, was, is string }{
		{"seed", fmt.Sprint(old.Provenance.Seed), fmt.Sprint(s.t.Provenance.Seed)},
		{"cachebench", old.Provenance.Version, s.t.Provenance.Version},
		{"what is started", fmt.Sprint(was.Arms), fmt.Sprint(is.Arms)},
	} {
		if c.was != c.is {
			return differs(c.what, c.was, c.is)
		}
	}
	now := &simulate.Measurement{Facts: s.facts()}
	for _, f := range slices.Concat(was.Facts, now.Facts) {
		if w, n := factOf(was, f.Name), factOf(now, f.Name); w != n && f.Name != factSpent && f.Name != factKept {
			return differs(f.Name, w, n)
		}
	}
	return nil
}

func differs(what, was, is string) error {
	return fmt.Errorf("%s was %s, now it is %s: measure anew, or as it was", what, cmp.Or(was, "not known"), cmp.Or(is, "not known"))
}

// takeOver looks at what the run left when it was killed: caches that arms can start
// from are kept, unless a clean-up may delete them, for their run may be under way no
// more; all else is deleted, and so are groups that nobody followed.
func (s *session) takeOver(ctx context.Context) error {
	if s.opt.Resume == nil {
		return nil
	}
	list, err := s.existing(ctx)
	if err != nil {
		return fmt.Errorf("look for what the run left: %w", err)
	}
	if err := s.mayTakeOver(); err != nil {
		s.handsOff = true
		return err
	}
	gone, held, err := s.takeCaches(ctx, list)
	if err != nil {
		return err
	}
	_, left := s.remove(ctx, gone)
	s.release(held, left)
	for _, l := range left {
		if errors.Is(l.Err, errUnknownHere) {
			s.handsOff = true
			return fmt.Errorf("look at %s %s, which the run left: %w", l.Kind, l.ID, l.Err)
		}
		s.opt.Log("%s %s is deleted later: %v", l.Kind, l.ID, l.Err)
	}
	return ctx.Err()
}

// mayTakeOver says with an error that somebody else may go on with the run, by what the
// tags say of what is here, or that what it left may be of another account. Without one the
// run's journal is this one's, and what it made is.
func (s *session) mayTakeOver() error {
	if why := s.journal.others(s.custody.until, s.opt.Now()); why != "" {
		return &heldError{fmt.Sprintf("run %s %s until %s: go on then, or delete before what it made with cachebench measure eci --clean-up --run %s",
			s.run, why, latest(s.custody.until, s.journal.until).UTC().Format(time.RFC3339), s.run)}
	}
	for _, l := range s.unknownHere() {
		return fmt.Errorf("look for %s, which the run may have left: %w", l.what(), l.Err)
	}
	if err := s.journal.keep(); err != nil {
		return err
	}
	s.handsOff = false
	return nil
}

// heldError says why a run is not gone on with now, and what to do.
type heldError struct{ words string }

func (e *heldError) Error() string { return e.words }
