package ecigroup

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/simulate"
)

// factKept names in a timeline's facts what caches cost on that were there when it was saved:
// of a run that is killed nobody knows until when.
const factKept = "kept caches cost"

const day = 24 * time.Hour

// kept is what caches cost for as long as nobody deletes them.
type kept struct {
	// daily is an amount of the book's currency, of full caches, from a time on: what they
	// cost before is of what is spent.
	daily float64
	from  time.Time
	// making is since when one of them was being made, which costs more, and is of what is
	// spent for as long as it should take; zero is that none was.
	making time.Time
}

// words are those of a fact, which keptOf reads.
func (k *kept) words(currency string) string {
	words := fmt.Sprintf("%s %.6f a day from %s on", currency, math.Ceil(k.daily*1e6)/1e6, k.from.UTC().Format(time.RFC3339))
	if !k.making.IsZero() {
		words += keptMaking + k.making.UTC().Format(time.RFC3339)
	}
	return words
}

const keptMaking = ", one being made since "

// keptOf is what a timeline's caches cost on; nothing where it does not tell of any.
func keptOf(t *simulate.Timeline) (k kept) {
	words, making, _ := strings.Cut(factOf(t.Measurement, factKept), keptMaking)
	var currency, from string
	if n, _ := fmt.Sscanf(words, "%s %f a day from %s on", &currency, &k.daily, &from); n < 3 {
		return kept{}
	}
	var err error
	if k.from, err = time.Parse(time.RFC3339, from); err != nil || !(k.daily >= 0) || math.IsInf(k.daily, 1) {
		return kept{}
	}
	k.making, _ = time.Parse(time.RFC3339, making)
	return k
}

// carryKept takes what caches have cost since a run was killed to be spent: they may have
// been there until now, also where somebody has deleted them since.
func (s *session) carryKept(old *simulate.Timeline) {
	k := keptOf(old)
	if gap := s.begun.Sub(k.from); k.daily > 0 && gap > 0 {
		more := k.daily * gap.Hours() / day.Hours()
		s.budget.spent += more
		s.opt.Log("what is spent at most holds %v more for the caches that the run left, as if they were there until now", s.budget.book.Money(more))
		k.from = s.begun
	}
	s.budget.carried = k
}

// costsOn is what the caches cost on that are there, and those of an earlier run as long as
// it is not known which are.
func (s *session) costsOn() kept {
	k := s.budget.carried
	for _, m := range s.makings {
		daily, err := s.budget.keep(m.arm.kind, day)
		if err != nil {
			continue // it was priced before: this cannot be
		}
		k.daily += daily.Amount
		k.from = earliest(k.from, m.begun.Add(s.exp.longestKept(s.opt.MaxDuration)))
		if m.built.IsZero() && !m.made {
			k.making = earliest(k.making, m.begun)
		}
	}
	return k
}

// earliest is the earlier of two times; zero is none.
func earliest(x, y time.Time) time.Time {
	if x.IsZero() || y.Before(x) {
		return y
	}
	return x
}

// noteKept puts what caches cost on into the timeline, or takes it out where there are none.
func (s *session) noteKept() {
	m := s.t.Measurement
	m.Facts = slices.DeleteFunc(m.Facts, func(f simulate.Fact) bool { return f.Name == factKept })
	if k := s.costsOn(); k.daily > 0 {
		m.Facts = append(m.Facts, simulate.Fact{Name: factKept, Value: k.words(s.budget.book.Currency)})
	}
}

// hold reserves what a cache costs that the run left and that is to be deleted, until it is:
// it is there whatever the limit is.
func (s *session) hold(m *making) {
	most, err := s.budget.keep(m.arm.kind, s.exp.longestKept(s.opt.MaxDuration))
	if !m.made {
		most, err = s.budget.making(m.arm.kind, s.opt.MaxDuration)
	}
	if err != nil {
		most = cost.Money{} // it was priced before: this cannot be
	}
	m.reserved = most
	s.budget.reserved += most.Amount
	s.makings = append(s.makings, m)
}

// release settles what was held of caches that are gone.
func (s *session) release(held []*making, left []Left) {
	s.payMakings(slices.DeleteFunc(slices.Clone(held), func(m *making) bool {
		return slices.ContainsFunc(left, func(l Left) bool { return l.ID == m.ID || m.Helper != "" && l.ID == m.Helper })
	}))
}
