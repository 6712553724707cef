package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// addRepeats takes what a timeline says of its repeats: the figures over them
// and, where it lists no startups, the summaries and curves that these would give.
func (r *Report) addRepeats(t *simulate.Timeline) {
	r.Differences, r.Observations = t.Differences, t.Observations
	unlisted := false
	for i := range t.Summaries {
		s := &t.Summaries[i]
		if s.Repeats > 1 {
			r.Repeats = append(r.Repeats, *s)
		}
		key := series{app: s.App, arm: s.Arm, source: s.Source}
		if has(r.Arms, key) || has(r.Summaries, key) {
			continue
		}
		unlisted = true
		if s.App == "" {
			r.Arms = append(r.Arms, unlistedSummary(s))
			r.Distributions = append(r.Distributions, sketchedDistribution(s))
		} else {
			r.Summaries = append(r.Summaries, unlistedSummary(s))
		}
	}
	if !unlisted {
		return
	}
	slices.SortStableFunc(r.Summaries, func(a, b Summary) int { return compareSeries(a.series(), b.series()) })
	slices.SortStableFunc(r.Arms, func(a, b Summary) int { return compareSeries(a.series(), b.series()) })
	slices.SortStableFunc(r.Distributions, func(a, b Distribution) int {
		return compareSeries(series{arm: a.Arm, source: a.Source}, series{arm: b.Arm, source: b.Source})
	})
}

func (s *Summary) series() series { return series{app: s.App, arm: s.Arm, source: s.Source} }

func has(list []Summary, key series) bool {
	return slices.ContainsFunc(list, func(s Summary) bool { return s.series() == key })
}

// unlistedSummary is the summary of startups that were not listed. Quantiles of
// all apps together are those of the sketch; those of an app are the means of the
// repeats'.
func unlistedSummary(s *simulate.Summary) Summary {
	n := float64(s.Total())
	sum := func(x simulate.Statistic) int64 { return int64(math.Round(x.Value * float64(s.Repeats))) }
	times := func(x simulate.Statistic) int { return int(sum(x)) }
	mean := func(x simulate.Statistic) int64 { return int64(math.Round(x.Value * float64(s.Repeats) / n)) }
	u := Summary{
		Source: s.Source, Arm: s.Arm, App: s.App, Starts: int(n),
		Mean: durationOf(s.Mean.Value), P50: durationOf(s.P50.Value), P90: durationOf(s.P90.Value), P99: durationOf(s.P99.Value),
		Slowest: durationOf(s.Slowest.Value), Makespan: durationOf(s.Makespan.Value),
		MeanFetchedBytes: mean(s.FetchedBytes), MeanUnpackedBytes: mean(s.UnpackedBytes),
		Hits: times(s.Hits), Partials: times(s.Partials), Misses: times(s.Misses),
		Retries: times(s.Retries), WastedBytes: sum(s.WastedBytes), EvictedImages: times(s.EvictedImages), RefetchedBytes: sum(s.RefetchedBytes),
		QuantileErrorFraction: s.QuantileErrorFraction,
	}
	if s.ReadyTimes != nil {
		u.P50, _ = s.ReadyTimes.Quantile(0.5)
		u.P90, _ = s.ReadyTimes.Quantile(0.9)
		u.P99, _ = s.ReadyTimes.Quantile(0.99)
		u.Slowest, _ = s.ReadyTimes.Max()
	}
	for i, field := range phaseFields(&u.MeanPhases) {
		if x := s.MeanPhases.Of(phaseNames[i]); x != nil {
			d := durationOf(x.Value)
			*field = &d
		}
	}
	return u
}

func durationOf(seconds float64) time.Duration {
	return time.Duration(math.Round(min(seconds*1e9, math.MaxInt64/2)))
}

// sketchedDistribution has a point at each 200th, from a sketch; where there is
// none, at the quantiles that are known.
func sketchedDistribution(s *simulate.Summary) Distribution {
	d := Distribution{Source: s.Source, Arm: s.Arm, Starts: int(s.Total()), QuantileErrorFraction: s.QuantileErrorFraction}
	add := func(ready time.Duration, fraction float64) {
		if last := len(d.Points) - 1; last >= 0 && d.Points[last].Ready >= ready {
			d.Points[last].Fraction = fraction
			return
		}
		d.Points = append(d.Points, DistributionPoint{ready, fraction})
	}
	if s.ReadyTimes == nil {
		for _, q := range []struct{ value, fraction float64 }{{s.P50.Value, 0.5}, {s.P90.Value, 0.9}, {s.P99.Value, 0.99}, {s.Slowest.Value, 1}} {
			add(durationOf(q.value), q.fraction)
		}
		return d
	}
	for k := 1; k <= bands; k++ {
		ready, _ := s.ReadyTimes.Quantile(float64(k) / bands)
		add(ready, float64(k)/bands)
	}
	return d
}

// armsNote says what the arms of node pools begin with, and how exact the quantiles are.
func (r *Report) armsNote() string {
	var notes []string
	if slices.ContainsFunc(r.Arms, func(s Summary) bool { return s.Arm == simulate.ArmWarm && s.Source == simulate.Simulated }) {
		notes = append(notes, "In arm cold the nodes of pools begin fresh and keep what they pull, in arm warm they hold what a month of starts left on them")
	}
	if note := r.sketchNote(); note != "" {
		notes = append(notes, note)
	}
	return strings.Join(notes, ". ")
}

// sketchNote says how exact quantiles are that come from sketches; empty where
// none do.
func (r *Report) sketchNote() string {
	var worst float64
	for _, s := range r.Arms {
		worst = max(worst, s.QuantileErrorFraction)
	}
	if worst == 0 {
		return ""
	}
	return fmt.Sprintf("No startups were listed: quantiles are from sketches, within %s of the exact ones; those of an app are means over the repeats", sketchError(worst))
}

func sketchError(fraction float64) string { return trimmed(100*fraction, 2) + " %" }

// repeated are the figures over repeats of all apps together.
func (r *Report) repeated() []simulate.Summary {
	return slices.DeleteFunc(slices.Clone(r.Repeats), func(s simulate.Summary) bool { return s.App != "" })
}

// repeatsOf returns the figures over repeats of an arm, all apps together; nil
// when there are none.
func (r *Report) repeatsOf(s *Summary) *simulate.Summary {
	for i := range r.Repeats {
		if x := &r.Repeats[i]; x.App == s.App && x.Arm == s.Arm && x.Source == s.Source {
			return x
		}
	}
	return nil
}

// halfWidth returns how far the ends of an interval are from its middle; ok is
// false where it is unknown, or has no width because all repeats are the same.
func halfWidth(s simulate.Statistic) (half float64, ok bool) {
	i := s.Interval()
	if i == nil || !(i.High > i.Low) {
		return 0, false
	}
	return (i.High - i.Low) / 2, true
}

// withMargin writes a statistic in seconds with its margin: 42.1 s ± 0.8.
func withMargin(s simulate.Statistic) string {
	text := secondsOf(s.Value)
	if half, ok := halfWidth(s); ok {
		text += " ± " + twoDigits(half)
	}
	return text
}

// longWithMargin writes a statistic in seconds of any size with its margin.
func longWithMargin(s simulate.Statistic) string {
	if s.Value < 120 {
		return withMargin(s)
	}
	text := longTime(durationOf(s.Value))
	if half, ok := halfWidth(s); ok {
		text += " ± " + longTime(durationOf(half))
	}
	return text
}

// sizeWithMargin writes a statistic in bytes with its margin in the same unit.
func sizeWithMargin(s simulate.Statistic) string {
	text := size(int64(math.Round(s.Value)))
	half, ok := halfWidth(s)
	if !ok {
		return text
	}
	return text + " ± " + size(int64(math.Round(half)))
}

// twoDigits writes a margin: two digits, and no more behind the point than those.
func twoDigits(v float64) string {
	switch {
	case v < 0.0005:
		return "< 0.001"
	case v < 0.095:
		return trimmed(v, 3)
	case v < 0.95:
		return decimal(v, 2)
	case v < 9.5:
		return decimal(v, 1)
	}
	return decimal(v, 0)
}

// levelWords says what margins mean: 95 %, 10 repeats.
func levelWords(repeats int) string {
	return fmt.Sprintf("%s, %s", percent(simulate.Level), count(repeats, "repeat"))
}

// repeatsCaption heads the figures over repeats.
func repeatsCaption(list []simulate.Summary) string {
	return fmt.Sprintf("Startup times over repeats: the mean of each repeat's figure, ± %s (%s)", levelWords(list[0].Repeats), list[0].Source)
}

// repeatsCount is how many repeats the startups are of; 1 where that is unknown.
func (r *Report) repeatsCount() int {
	if len(r.Repeats) == 0 {
		return 1
	}
	return r.Repeats[0].Repeats
}

// eachOnce says what the figures of an arm are of, beside those over repeats.
func (r *Report) eachOnce() string {
	if n := r.repeatsCount(); n > 1 {
		return fmt.Sprintf("the starts of all %d repeats together", n)
	}
	return "each start once"
}

// overall are the differences of all apps together, by app those of each.
func (r *Report) overall() []simulate.Difference {
	return slices.DeleteFunc(slices.Clone(r.Differences), func(d simulate.Difference) bool { return d.App != "" })
}

// differencesNote says how to read differences. One repeat has no margin.
func differencesNote(list []simulate.Difference) string {
	if list[0].Repeats < 2 {
		return "both arms have the same random numbers; quantiles are from sketches; below 0: later; fetched: compressed, all starts"
	}
	return "both arms have the same random numbers in each repeat, so that the margin is that of the difference alone, with the error of both sketches for quantiles; below 0: later; fetched: compressed, all starts of a repeat"
}

func differencesCaption(list []simulate.Difference) string {
	if list[0].Repeats < 2 {
		return "Ready sooner, arm against arm (" + list[0].Source + ", one repeat)"
	}
	return fmt.Sprintf("Ready sooner, arm against arm, ± %s (%s)", levelWords(list[0].Repeats), list[0].Source)
}

// pairWords name the arms of a difference.
func (r *Report) pairWords(d *simulate.Difference) string {
	return r.armLabel(d.Arm) + " than " + r.armLabel(d.Base)
}

// repeats prints the figures over repeats, and how much sooner starts are ready.
func (p *printer) repeats(r *Report) {
	if list := r.repeated(); len(list) > 0 {
		p.heading(repeatsCaption(list))
		t := &textTable{heads: []string{"arm", ">p50", ">p90", ">p99", ">mean", ">last ready"}}
		for i := range list {
			s := &list[i]
			t.add("", r.seriesLabel(s.Arm, s.Source), withMargin(s.P50), withMargin(s.P90), withMargin(s.P99), withMargin(s.Mean), longWithMargin(s.Makespan))
		}
		p.table(t)
		p.lines("", wrap("means over the repeats; quantiles from sketches, within "+sketchError(sketch.RelativeError)+" of the exact ones", tableIndent))
	}
	p.differences(r)
}

func (p *printer) differences(r *Report) {
	list := r.overall()
	if len(list) == 0 || list[0].Repeats < 2 {
		return
	}
	p.heading(differencesCaption(list))
	t := &textTable{heads: []string{"ready sooner", ">mean", ">p50", ">p90", ">p99", ">fetched less"}}
	for i := range list {
		d := &list[i]
		t.add("", r.pairWords(d), withMargin(d.Mean), withMargin(d.P50), withMargin(d.P90), withMargin(d.P99), sizeWithMargin(d.FetchedBytes))
	}
	p.table(t)
	p.lines("", wrap(differencesNote(list), tableIndent))
	p.appDifferences(r, list)
}

// appDifferences prints the mean saving of each app, with a column for each two
// arms.
func (p *printer) appDifferences(r *Report, pairs []simulate.Difference) {
	heads := []string{"app"}
	for i := range pairs {
		heads = append(heads, ">"+r.pairWords(&pairs[i]))
	}
	t := &textTable{heads: heads}
	for i := range r.Apps[:min(len(r.Apps), maxTextApps)] {
		app := &r.Apps[i]
		row := []string{app.Name}
		for j := range pairs {
			row = append(row, r.savingOf(app.Name, &pairs[j]))
		}
		t.add("", row...)
	}
	p.heading("Ready sooner by app, mean of a start, ± " + levelWords(pairs[0].Repeats))
	p.table(t)
}

// savingOf is an app's mean saving between the arms of pair.
func (r *Report) savingOf(app string, pair *simulate.Difference) string {
	for i := range r.Differences {
		if d := &r.Differences[i]; d.App == app && d.Base == pair.Base && d.Arm == pair.Arm && d.Source == pair.Source {
			return withMargin(d.Mean)
		}
	}
	return "-"
}

// marginSentence says how sure the medians and the tails are; empty with one
// repeat.
func (r *Report) marginSentence(arms ...*Summary) string {
	var words []string
	repeats := 0
	for _, s := range arms {
		if x := r.repeatsOf(s); x != nil {
			if _, ok := halfWidth(x.P99); ok {
				words = append(words, fmt.Sprintf("%s p50 %s, p99 %s", r.armLabel(s.Arm), withMargin(x.P50), withMargin(x.P99)))
				repeats = x.Repeats
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return sentence("the mean of each repeat's: " + strings.Join(words, "; ") + " (" + levelWords(repeats) + ")")
}
