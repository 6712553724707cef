package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// judgeStartups compares arm cold with the best arm there is, of one source.
func judgeStartups(v *Verdict, r *Report, uses []cacheUse) {
	cold, other := armPair(r.Arms)
	add := func(format string, args ...any) { v.Sentences = append(v.Sentences, fmt.Sprintf(format, args...)) }
	if other == nil {
		v.Headline = armsHeadline(r.Arms)
		v.Sentences = appendWords(v.Sentences, r.marginSentence(&r.Arms[0]))
		return
	}
	ofCaches := other.Arm != simulate.ArmWarm
	if cold.Starts != other.Starts {
		v.Headline = halfWords(cold) + "; " + lower(halfWords(other)) + "."
		add("%s become ready in arm %s and %s in arm %s: figures of all starts together do not compare.", count(cold.Starts, "start"), cold.Arm, number(float64(other.Starts)), other.Arm)
		return
	}
	if alike(cold, other) {
		v.Headline = fmt.Sprintf("%s, in arm %s as in arm cold.", halfWords(cold), other.Arm)
		if ofCaches && other.Hits+other.Partials == 0 {
			add("No start finds an image cache, so arms cold and %s are the same.", other.Arm)
		}
		v.Sentences = appendWords(v.Sentences, r.marginSentence(cold))
	} else {
		used := usedIn(uses, other)
		v.Headline = pairHeadline(cold, other, used)
		of := "starts"
		if r.repeatsCount() > 1 {
			of = r.eachOnce()
		}
		add("99 %% of %s are ready within %s %s and %s %s (%s).", of, seconds(cold.P99), cold.Arm, seconds(other.P99), other.Arm, cold.Source)
		v.Sentences = appendWords(v.Sentences, r.marginSentence(cold, other), usedSentence(used, other))
		bytes := cold.MeanFetchedBytes - other.MeanFetchedBytes
		if !cold.Unsized && !other.Unsized {
			v.SavedBytesPerStart = &bytes
		}
		if v.SavedBytesPerStart != nil && bytes > 0 {
			add("A start of arm %s fetches %s less on average.", other.Arm, size(bytes))
		}
	}
	if ofCaches {
		add("No plan was made: cachebench plan says which caches are worth their price.")
	}
}

func halfWords(s *Summary) string {
	return fmt.Sprintf("Half of the %s starts are ready within %s, 99 %% within %s (%s)", s.Arm, seconds(s.P50), seconds(s.P99), s.Source)
}

// armsHeadline tells of arms of which none is there to be compared with: of one alone,
// of two each, and of more from the shortest start to the longest.
func armsHeadline(arms []Summary) string {
	if len(arms) == 1 {
		return halfWords(&arms[0]) + "."
	}
	first, last, starts := &arms[0], &arms[1], 0
	same := true
	for i := range arms {
		starts += arms[i].Starts
		same = same && arms[i].Source == first.Source
	}
	if len(arms) > 2 {
		byMedian := func(a, b Summary) int { return cmp.Compare(a.P50, b.P50) }
		sorted := slices.SortedStableFunc(slices.Values(arms), byMedian)
		first, last = &sorted[0], &sorted[len(sorted)-1]
	}
	shared := sharedOf(arms)
	name := func(s *Summary) string {
		if same {
			return ownName(s.Arm, shared)
		}
		return ownName(s.Arm, shared) + ", " + s.Source
	}
	source := ""
	if same {
		source = " (" + first.Source + ")"
	}
	if len(arms) == 2 {
		return fmt.Sprintf("Median start%s: %s in arm %s, %s in arm %s%s.", armsOf(arms), seconds(first.P50), name(first), seconds(last.P50), name(last), source)
	}
	return fmt.Sprintf("%s of %s%s; the median start from %s (%s) to %s (%s)%s.", sentenceWord(count(starts, "start")), count(len(arms), "arm"), armsOf(arms),
		seconds(first.P50), name(first), seconds(last.P50), name(last), source)
}

// appendWords appends the sentences that say anything.
func appendWords(list []string, sentences ...string) []string {
	return append(list, slices.DeleteFunc(sentences, func(s string) bool { return s == "" })...)
}

// alike says that two arms do not differ in anything that is shown of them.
func alike(a, b *Summary) bool {
	return a.Starts == b.Starts && a.Mean == b.Mean && a.P50 == b.P50 && a.P90 == b.P90 && a.P99 == b.P99 && a.Slowest == b.Slowest &&
		a.MeanFetchedBytes == b.MeanFetchedBytes && a.Hits == b.Hits && a.Partials == b.Partials
}

// automaticID begins the names that a replay gives to the service's automatic
// caches.
const automaticID = "automatic-"

// pairHeadline compares the medians of two arms, the means where the medians are
// the same. Where one existing cache served the other arm, it names that: these
// are in arm automatic too.
func pairHeadline(cold, other *Summary, used []cacheUse) string {
	name := other.Arm
	if len(used) == 1 && !strings.HasPrefix(used[0].cacheID, automaticID) {
		name = "with cache " + ellipsis(used[0].cacheID, 40)
	}
	what, base, with, rest := "Median", cold.P50, other.P50, ""
	if seconds(base) == seconds(with) {
		what, base, with = "Mean", cold.Mean, other.Mean
		rest = fmt.Sprintf("; the median is %s in both arms", seconds(cold.P50))
	}
	saved, change := base-with, "sooner"
	if saved < 0 {
		saved, change = -saved, "later"
	}
	fraction := ""
	if base > 0 {
		fraction = " (" + percent(float64(saved)/float64(base)) + ")"
	}
	return fmt.Sprintf("%s start: %s %s, %s %s: ready %s %s%s%s.", what, cold.Arm, seconds(base), name, seconds(with), seconds(saved), change, fraction, rest)
}

// armPair returns cold and what to compare it with, of one source; the other is
// nil when there is no such pair. Warm comes last: where there are image caches
// too, their arms have warm nodes as well.
func armPair(arms []Summary) (cold, other *Summary) {
	for _, source := range sourceOrder {
		for _, arm := range []string{simulate.ArmCached, simulate.ArmAutomatic, simulate.ArmWarm} {
			c := slices.IndexFunc(arms, func(s Summary) bool { return s.Source == source && s.Arm == simulate.ArmCold })
			w := slices.IndexFunc(arms, func(s Summary) bool { return s.Source == source && s.Arm == arm })
			if c >= 0 && w >= 0 {
				return &arms[c], &arms[w]
			}
		}
	}
	return nil, nil
}
