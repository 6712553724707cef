package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// chooseWaterfalls returns one startup with spans without a cache and one with (or,
// where there is none, one of arm warm), of the app whose mean time to ready differs
// most between the two. Where no app has both, or they are the same, it returns the
// startup with spans that takes longest. Startups that are explained go before all.
func chooseWaterfalls(startups []*simulate.Startup, explanations []simulate.Explanation) []simulate.Startup {
	if pair := explainedPair(startups, explanations); pair != nil {
		return pair
	}
	keys, groups := grouped(startups, true)
	for _, arm := range []string{simulate.ArmCached, simulate.ArmAutomatic, simulate.ArmWarm} {
		var best []simulate.Startup
		var most time.Duration = -1 << 63
		for _, key := range keys {
			if key.arm != simulate.ArmCold {
				continue
			}
			with := series{key.app, arm, key.source}
			pair := typicalOf(groups[key], groups[with])
			if len(pair) < 2 || sameStart(&pair[0], &pair[1]) {
				continue
			}
			if gain := meanReady(groups[key]) - meanReady(groups[with]); gain > most {
				best, most = pair, gain
			}
		}
		if best != nil {
			return best
		}
	}
	return longest(startups)
}

// explainedPair are the startups of the first app that is explained without a cache
// and with one, where their spans are kept; nil where there is none such.
func explainedPair(startups []*simulate.Startup, explanations []simulate.Explanation) []simulate.Startup {
	if len(explanations) == 0 {
		return nil
	}
	explained := make(map[series]simulate.Startup)
	for _, s := range startups {
		key := series{s.App, s.Arm, s.Source}
		if _, ok := explained[key]; !ok && len(s.Spans) > 0 && slices.ContainsFunc(explanations, func(x simulate.Explanation) bool { return explains(&x, s) }) {
			explained[key] = *s
		}
	}
	for i := range explanations {
		x := &explanations[i]
		cold, ok := explained[series{x.App, simulate.ArmCold, x.Source}]
		for _, arm := range []string{simulate.ArmCached, simulate.ArmAutomatic, simulate.ArmWarm} {
			if with, both := explained[series{x.App, arm, x.Source}]; ok && both && !sameStart(&cold, &with) {
				return []simulate.Startup{cold, with}
			}
		}
	}
	return nil
}

// explains says that x is of this startup.
func explains(x *simulate.Explanation, s *simulate.Startup) bool {
	return x.Void == "" && x.Source == s.Source && x.App == s.App && x.Arm == s.Arm && x.Node == s.Node && x.Requested == s.Requested && x.Ready == s.Ready && s.Repeat == 0
}

// sameStart says that two startups do not differ in anything that a waterfall
// shows.
func sameStart(a, b *simulate.Startup) bool {
	return a.CacheID == b.CacheID && slices.Equal(a.Spans, b.Spans)
}

// typicalOf returns from each group the startup with spans nearest to the
// group's median; of two equally near, the earlier in the group.
func typicalOf(groups ...[]*simulate.Startup) []simulate.Startup {
	var chosen []simulate.Startup
	for _, group := range groups {
		spanned := slices.DeleteFunc(slices.Clone(group), func(s *simulate.Startup) bool { return len(s.Spans) == 0 })
		if len(spanned) == 0 {
			continue
		}
		median := quantile(readyTimes(group), 0.5)
		chosen = append(chosen, *slices.MinFunc(spanned, func(a, b *simulate.Startup) int {
			return cmp.Compare((a.Ready - median).Abs(), (b.Ready - median).Abs())
		}))
	}
	return chosen
}

func longest(startups []*simulate.Startup) []simulate.Startup {
	var found *simulate.Startup
	for _, s := range startups {
		if len(s.Spans) > 0 && (found == nil || s.Ready > found.Ready) {
			found = s
		}
	}
	if found == nil {
		return nil
	}
	return []simulate.Startup{*found}
}

func meanReady(startups []*simulate.Startup) time.Duration {
	var total float64
	for _, s := range startups {
		total += float64(s.Ready)
	}
	return time.Duration(total / float64(len(startups)))
}
