package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// LimitNotMet says that there is a limit, and that no arm is known to keep it: none that
// was simulated does, or none was.
func (p *Pool) LimitNotMet() bool {
	if len(p.Arms) == 0 {
		return false
	}
	return p.LimitUnchecked() || p.Arms[0].MeetsLimit != nil && !*p.Arms[0].MeetsLimit
}

// LimitUnchecked says that there is a limit, and starts that it is for, and that of no arm
// it was looked at whether it keeps it.
func (p *Pool) LimitUnchecked() bool {
	checked := func(x PoolArm) bool { return x.MeetsLimit != nil }
	return p.LimitSeconds != nil && p.StartsPerMonth > 0 && !slices.ContainsFunc(p.Arms, checked)
}

// limitRank puts an arm that keeps the limit before one that does not, and that before one
// of which it is not known.
func limitRank(x *PoolArm) int {
	switch {
	case x.MeetsLimit == nil:
		return 2
	case !*x.MeetsLimit:
		return 1
	}
	return 0
}

// unchecked are the arms of which it is not known whether they keep the limit.
func (a *poolAnswer) unchecked() []string {
	var words []string
	for _, arm := range poolArms {
		i := slices.IndexFunc(a.arms, func(x PoolArm) bool { return x.Arm == arm })
		left := func(x leftOutArm) bool { return x.arm == arm }
		if i >= 0 && a.arms[i].MeetsLimit == nil || slices.ContainsFunc(a.unplayed, left) {
			words = append(words, poolArmWords[arm])
		}
	}
	return words
}

// limitReason says why an arm comes first where there is a limit and starts that it is for.
func (a *poolAnswer) limitReason(first *PoolArm) string {
	what := capital(poolArmWords[first.Arm])
	of := fmt.Sprintf("%.4g %% of the starts ready within", 100*cmp.Or(a.LimitStartsFraction, defaultLimitShare))
	unchecked := a.unchecked()
	not, among, that := "", "", ""
	if len(unchecked) > 0 {
		not = " Not checked: " + strings.Join(unchecked, ", ") + "."
		among, that = " of those checked", " that was checked"
	}
	switch not = a.asCheap(first) + not; {
	case first.MeetsLimit == nil:
		return fmt.Sprintf("Whether anything has %s the limit of %s was not checked: no arm was simulated. %s", of, SpellLimit(a.Limit), a.worthReason(first))
	case !*first.MeetsLimit:
		return fmt.Sprintf("Nothing%s has %s the limit of %s; %s comes nearest, with %s.%s", that, of, SpellLimit(a.Limit), poolArmWords[first.Arm], SpellBeside(a.times[first.Arm].Limited, a.Limit), not)
	case first.Arm == PoolNothing:
		return fmt.Sprintf("The pool as it is has %s %s, and the limit is %s.%s", of, SpellBeside(a.times[first.Arm].Limited, a.Limit), SpellLimit(a.Limit), not)
	}
	return fmt.Sprintf("%s is the cheapest%s that has %s the limit of %s, within %s; it %s a month.%s",
		what, among, of, SpellLimit(a.Limit), SpellBeside(a.times[first.Arm].Limited, a.Limit), costWords(first), not)
}

// asCheap names the arm that keeps the limit at no more than the first and saves most, where
// that is more than the first saves.
func (a *poolAnswer) asCheap(first *PoolArm) string {
	more := first
	for i := range a.arms {
		x := &a.arms[i]
		if limitRank(x) == 0 && compareMoney(x.Cost.Total, first.Cost.Total) == 0 && x.SavedSeconds > more.SavedSeconds {
			more = x
		}
	}
	if more == first || limitRank(first) != 0 {
		return ""
	}
	return fmt.Sprintf(" At the same cost, %s makes the starts of a month ready %s sooner.", poolArmWords[more.Arm], SpellTime(more.SavedSeconds-first.SavedSeconds))
}
